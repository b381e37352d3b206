"""Which activation follows each layer with weights: it decides what scale keeps the variance."""

from __future__ import annotations

from collections.abc import Sequence

from striate.spec import Network, Placed

__all__ = ["RECTIFIERS", "SQUASHERS", "activation_by_path"]

RECTIFIERS = frozenset("ReLU LeakyReLU ReLU6 RReLU PReLU Mish ELU GELU SiLU Softplus".split())
"""Activations that pass about half of what is symmetric around 0."""
SQUASHERS = frozenset("Tanh Sigmoid HardSigmoid".split())
_ACTIVATIONS = RECTIFIERS | SQUASHERS | {"SELU", "ScaledTanh"}

_WEIGHTED = frozenset(
    "Conv ConvTranspose DepthwiseConv SeparableConv LocallyConnected TiledConv TableConv Linear DropConnect".split()
)
_OTHERS_WEIGHTED = frozenset({"RNN", "LSTM", "GRU", "LinearChainCRF", "RBF"})
"""They are filled in ways of their own, but an activation behind them is none of the layer before them."""


def activation_by_path(network: Network) -> dict[str, str | None]:
    """Return the kind of the activation that follows every layer with weights; None where none does."""
    found: dict[str, str | None] = {}
    _assign(network.placed, None, found)
    return found


def _assign(chain: Sequence[Placed], following: str | None, found: dict[str, str | None]) -> str | None:
    """Walk ``chain`` backwards, noting what follows each layer; return what follows what precedes it."""
    for part in reversed(chain):
        kind = part.node.kind
        if kind in _WEIGHTED:
            found[part.path] = following
            following = None
        elif kind in _OTHERS_WEIGHTED:
            following = None
        elif kind in _ACTIVATIONS:
            following = kind
        elif kind == "AuxHead":
            _assign(part.chains[0], None, found)
        elif part.chains:
            starts = [_assign(inner, following, found) for inner in part.chains]
            following = starts[0]
    return following
