"""Which layer of a network says how many outputs it has. It knows kinds, and no shapes.

It is the last layer with a number of outputs of its own, if every layer behind it passes that number on. The number
stands on the first axis of a vector (C,) or of maps (C, *size), on the last of a sequence (T, C).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from striate.spec.compose import AuxHead, Repeat, Sequential
from striate.spec.layers import (
    ELU,
    GELU,
    RBF,
    SELU,
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    BatchNorm,
    Conv,
    ConvTranspose,
    DropConnect,
    Dropout,
    Flatten,
    GaussianNoise,
    GlobalAvgPool,
    GlobalMaxPool,
    GroupNorm,
    HardSigmoid,
    Identity,
    InstanceNorm,
    LastStep,
    LayerNorm,
    LeakyReLU,
    Linear,
    LinearChainCRF,
    LocalContrastNorm,
    LocallyConnected,
    LocalResponseNorm,
    LpPool,
    MaxPool,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    RReLU,
    ScaledTanh,
    SeparableConv,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    SparsityPenalty,
    SpatialDropout,
    StochasticDepth,
    StochasticPool,
    Subsample,
    Tanh,
    TiledConv,
    Transpose,
    Upsample,
)
from striate.spec.node import Node
from striate.spec.place import Placed

__all__ = ["last_with_outputs"]

Axis = Literal["first", "last"]

# A kind that is in none of these tables ends the search: it has another number of outputs than inputs and no field
# that says it alone, or, as MaxUnpool, takes the number of another layer.
_SETS: dict[type[Node], str] = {
    **dict.fromkeys((Linear, DropConnect, RBF), "out_features"),
    **dict.fromkeys((Conv, ConvTranspose, SeparableConv, LocallyConnected, TiledConv), "out_channels"),
}
_PASS_ANY: frozenset[type[Node]] = frozenset(
    (
        *(ReLU, LeakyReLU, ELU, GELU, SiLU, ReLU6, RReLU, PReLU, SELU, Mish, HardSigmoid, ScaledTanh),
        *(Softplus, Tanh, Sigmoid, Softmax, Identity),
        *(Dropout, SpatialDropout, GaussianNoise, StochasticDepth, SparsityPenalty),
        *(BatchNorm, LayerNorm, GroupNorm, InstanceNorm, LocalResponseNorm, LocalContrastNorm),
    )
)
_TO_VECTOR: dict[type[Node], Axis] = {GlobalAvgPool: "first", GlobalMaxPool: "first", LastStep: "last"}
_PASS: dict[type[Node], Axis] = {
    **dict.fromkeys((MaxPool, AvgPool, LpPool, StochasticPool, Subsample, Upsample), "first"),
    **dict.fromkeys((AdaptiveAvgPool, AdaptiveMaxPool), "first"),
    **_TO_VECTOR,
    LinearChainCRF: "last",
}
_OTHER: dict[Axis, Axis] = {"first": "last", "last": "first"}


def last_with_outputs(chain: tuple[Placed, ...]) -> tuple[str, Node, str] | None:
    """Return path, node and field of the layer of ``chain`` that says how many outputs it has, or None."""
    axis: Axis | None = None  # where the layers behind read the number; None: on either
    flat = False  # whether a Flatten behind needs a vector
    for part in _backwards(chain):
        node, kind = part.node, type(part.node)
        if kind in _SETS:
            own = _axis_set(node)
            fits = own is None or (not flat and axis in (None, own))
            return (part.path, node, _SETS[kind]) if fits else None
        if kind is Flatten:
            flat = True
        elif kind is Transpose:
            axis = axis and _OTHER[axis]
        elif kind in _PASS:
            if axis not in (None, _PASS[kind]):
                return None
            axis = _PASS[kind]
            flat = flat and not _gives_one_position(node)
        elif kind not in _PASS_ANY:
            return None
    return None


def _backwards(chain: tuple[Placed, ...]) -> Iterator[Placed]:
    """Yield what stands on the way from the end to the beginning; of a `Residual` or a `Concat`, itself."""
    for part in reversed(chain):
        if isinstance(part.node, Sequential | Repeat):
            yield from _backwards(part.chains[0])
        elif not isinstance(part.node, AuxHead):
            yield part


def _axis_set(node: Node) -> Axis | None:
    """Return where a layer of `_SETS` puts its number of outputs; None if it gives a vector."""
    if _SETS[type(node)] == "out_channels":
        return "first"
    return "last" if isinstance(node, Linear) and node.per_step else None


def _gives_one_position(node: Node) -> bool:
    """Tell whether a layer of `_PASS` gives a vector or maps of one position each."""
    if isinstance(node, AdaptiveAvgPool | AdaptiveMaxPool):
        size = node.output_size
        return set(size if isinstance(size, tuple) else (size,)) == {1}
    return type(node) in _TO_VECTOR
