"""`optimize`: a network, as a description that computes the same, faster, and the way of the weights there and back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from striate.errors import ConfigError, DescriptionError, bad_argument
from striate.nn.rewrite.dropping import drop_idle
from striate.nn.rewrite.folding import fold_norms
from striate.nn.rewrite.mapping import Step, WeightMapping
from striate.nn.rewrite.merging import merge_parallel
from striate.nn.rewrite.moving import move_activations
from striate.nn.rewrite.tree import Rewritten
from striate.spec import Network

__all__ = ["REWRITES", "Optimized", "Purpose", "optimize"]

Purpose = Literal["training", "inference"]

_FOR_BOTH = {"move": move_activations, "merge": merge_parallel}
_IN: Mapping[Purpose, Mapping[str, Callable[[Network], Rewritten]]] = {
    "training": _FOR_BOTH,
    "inference": {"drop": drop_idle, "fold": fold_norms, **_FOR_BOTH},
}

REWRITES: Mapping[Purpose, tuple[str, ...]] = MappingProxyType(
    {purpose: tuple(_IN[purpose]) for purpose in _IN}
)
"""The rewrites that are exact in training, and in inference, in the order in which they are done."""


@dataclass(frozen=True, slots=True)
class Optimized:
    """A network that computes what another does.

    Attributes:
        network: Its description; the other itself if there was nothing to do.
        weights: The way of weights from the other to it, and, of one for training, back.
        changes: What was done, a line each, such as ``relu1 behind pool1``.
    """

    network: Network
    weights: WeightMapping
    changes: tuple[str, ...]


def optimize(network: Network, for_: Purpose, rewrites: Collection[str] | None = None) -> Optimized:
    """Return a network that computes what ``network`` does from fewer or cheaper operations.

    - ``move`` puts activations that never fall behind the max pooling that follows them;
    - ``merge`` makes one convolution of the 1×1 convolutions with which branches of a `Concat` begin;
    - ``drop`` leaves out what does nothing in evaluation;
    - ``fold`` takes batch normalization, with its running statistics, into the layer before it.

    The first two are exact in training too: outputs and gradients agree but for rounding, and parameters and MACs are
    as many. Optimizers that treat a layer as a whole (LARS, Muon) see the merged convolution as one. Layers keep their
    paths, but for those that are merged and what stands behind them in their branches.

    Args:
        network: The description.
        for_: ``"training"``, or ``"inference"``, for modules in evaluation mode alone.
        rewrites: Which of `REWRITES` to do; None means all that are exact for it.

    Raises:
        ConfigError: if ``for_`` or one of ``rewrites`` is none of those allowed.
        ShapeError: if the network's input cannot pass through it.

    Examples:
        >>> import striate as st
        >>> net = st.zoo.lenet5_relu()
        >>> fast = optimize(net, "training")
        >>> fast.changes
        ('relu1 behind pool1', 'relu2 behind pool2')
        >>> module = st.build(fast.network)
        >>> module.load_state_dict(fast.weights.forward(st.build(net).state_dict()))
        <All keys matched successfully>
        >>> trained = fast.weights.backward(module.state_dict())  # by the names of the original
    """
    if not isinstance(network, Network):
        raise DescriptionError(bad_argument("network", network, "a Network, such as st.zoo.lenet5()"))
    if for_ not in get_args(Purpose):
        raise ConfigError(bad_argument("for_", for_, "'training' or 'inference'"))
    chosen = REWRITES[for_] if rewrites is None else rewrites
    for name in chosen:
        if name not in _IN[for_]:
            allowed = f"a list of rewrites that are exact for {for_}: {', '.join(REWRITES[for_])}"
            raise ConfigError(bad_argument("rewrites", rewrites, allowed))
    steps: list[Step] = []
    changes: list[str] = []
    while True:
        before = network
        for name in (name for name in REWRITES[for_] if name in chosen):
            rewritten = _IN[for_][name](network)
            network = rewritten.network
            steps += rewritten.steps
            changes += rewritten.changes
        if network is before:  # one may make room for another, until there is nothing to do
            return Optimized(network, WeightMapping(tuple(steps)), tuple(changes))
