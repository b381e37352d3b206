"""Activations move behind the max pooling that follows them: the same values, of fewer elements.

The maximum commutes with every function that never falls: ``max f(x) = f(max x)``. Padding is no exception: it counts
as minus infinity, and every window holds a value of the input (`striate.analyze` refuses others). Where an activation
is flat, the pooling may choose another value of the window, and the gradient is zero either way.
"""

from __future__ import annotations

import math
from itertools import takewhile

from striate.analyze import analyze
from striate.nn.rewrite.tree import Chain, Rewritten, each_chain, switched_pools, written
from striate.spec import (
    ELU,
    SELU,
    AdaptiveMaxPool,
    ChannelPool,
    GlobalMaxPool,
    HardSigmoid,
    LeakyReLU,
    Maxout,
    MaxPool,
    Network,
    Node,
    Placed,
    ReLU,
    ReLU6,
    ScaledTanh,
    Sigmoid,
    Softplus,
    Tanh,
)

__all__ = ["MONOTONE", "move_activations"]

MONOTONE = (ReLU, LeakyReLU, ReLU6, ELU, SELU, HardSigmoid, ScaledTanh, Softplus, Tanh, Sigmoid)
"""Activations that never fall, whatever their options, whose slopes and scales are above 0.

`GELU`, `SiLU` and `Mish` fall before they rise, `PReLU` may learn a slope below 0, and `RReLU` draws one for each
value.
"""


def move_activations(network: Network) -> Rewritten:
    """Move every `MONOTONE` activation behind the max pooling right behind it, where that has fewer elements.

    Pools whose switches a `MaxUnpool` uses stay as they are: behind a ReLU ties are resolved otherwise.
    """
    switched = switched_pools(network)
    shrinking = {
        row.path
        for row in analyze(network).layers
        if math.prod(row.output_shape) < math.prod(row.input_shape) and row.path not in switched
    }
    changes: list[str] = []

    def moved(chain: Chain) -> Chain:
        done: list[Placed] = []
        for part in chain:
            behind = len(done)
            if part.path in shrinking and _takes_maximum(part.node):
                behind -= sum(1 for _ in takewhile(_is_monotone, reversed(done)))
                changes.extend(f"{one.path} behind {part.path}" for one in done[behind:])
            done.insert(behind, part)
        return tuple(done)

    chain = each_chain(network.placed, moved)
    return Rewritten(written(network, chain), changes=tuple(changes)) if changes else Rewritten(network)


def _is_monotone(part: Placed) -> bool:
    return isinstance(part.node, MONOTONE)


def _takes_maximum(node: Node) -> bool:
    if isinstance(node, ChannelPool):
        return node.mode == "max"
    return isinstance(node, MaxPool | AdaptiveMaxPool | GlobalMaxPool | Maxout)
