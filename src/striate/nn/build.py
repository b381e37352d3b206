"""`build`: a description becomes an ordinary `torch.nn.Module` whose paths are those of the table.

The modules of the layers come from `striate.nn.builders`; this joins them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import singledispatch

import torch
from torch import nn

from striate.analyze import analyze
from striate.nn import layers
from striate.nn.builders import Shape, layer_module, switched
from striate.nn.init import initialize
from striate.spec import (
    AuxHead,
    Concat,
    Layer,
    MaxPool,
    MaxUnpool,
    Network,
    Node,
    Placed,
    Repeat,
    Residual,
    Sequential,
)

__all__ = ["build"]


def build(network: Network, seed: int | None = None, init: str = "default") -> nn.Module:
    """Return the PyTorch module of ``network``, initialized (see `striate.nn.init`).

    It takes ``(N, *network.input)`` and is called like any module; ``named_modules`` has the paths of
    the analysis.

    Args:
        network: The description.
        seed: Every weight is a function of the seed and the layer's path; None draws one from
            torch's own generator, which ``torch.manual_seed`` sets.
        init: How weights begin, one of `striate.nn.INITS`; by default as suits the activation that follows. ``lsuv``
            makes them orthonormal, and `striate.nn.unit_variance` then scales them on images.

    Raises:
        ConfigError: if no initialization is called ``init``.
        ShapeError: if the network's input cannot pass through it.
    """
    analysis = analyze(network)
    shapes = {row.path: row.input_shape for row in analysis.layers}
    # Without storage first: torch's own initialization would be thrown away (1.5 s for VGG-16).
    with torch.device("meta"):
        module = nn.Sequential(OrderedDict(_modules(network.placed, shapes)))
        _connect_unpoolings(module, network, shapes)
    # As `to_empty` does, but that asks sympy in which order axes lie, which takes 0.5 s to load.
    module._apply(  # type: ignore[no-untyped-call]
        lambda each: torch.empty_like(each, device="cpu", memory_format=torch.contiguous_format)
    )
    initialize(module, network, _drawn_seed() if seed is None else seed, init)
    return module


def _connect_unpoolings(module: nn.Module, network: Network, shapes: dict[str, Shape]) -> None:
    """Give every `MaxUnpool` the pooling that it names, which is made one that remembers its switches."""
    nodes = dict(network.walk())
    for path, node in nodes.items():
        if not isinstance(node, MaxUnpool):
            continue
        pool, unpool = module.get_submodule(node.pool), module.get_submodule(path)
        if not isinstance(pool, layers.SwitchedMaxPool):
            described = nodes[node.pool]
            assert isinstance(described, MaxPool)
            pool = switched(described, shapes[node.pool])
            module.set_submodule(node.pool, pool)
        assert isinstance(unpool, layers.MaxUnpool)
        unpool.connect(pool)


def _drawn_seed() -> int:
    return int(torch.randint(2**63 - 1, (), dtype=torch.int64))


def _modules(chain: Sequence[Placed], shapes: dict[str, Shape]) -> dict[str, nn.Module]:
    return {part.name: _composed(part.node, part, shapes) for part in chain}


@singledispatch
def _composed(node: Node, part: Placed, shapes: dict[str, Shape]) -> nn.Module:
    raise TypeError(f"{node.kind} has no builder")  # only a kind added by halves


@_composed.register
def _(node: Layer, part: Placed, shapes: dict[str, Shape]) -> nn.Module:
    return layer_module(node, shapes[part.path])


@_composed.register(Sequential)
@_composed.register(Repeat)
def _(node: Node, part: Placed, shapes: dict[str, Shape]) -> nn.Module:
    return nn.Sequential(OrderedDict(_modules(part.chains[0], shapes)))


@_composed.register
def _(node: Residual, part: Placed, shapes: dict[str, Shape]) -> nn.Module:
    body, shortcut = (_modules(chain, shapes) for chain in part.chains)
    return layers.Residual(body, shortcut)


@_composed.register
def _(node: Concat, part: Placed, shapes: dict[str, Shape]) -> nn.Module:
    return layers.Concat(*(_modules(chain, shapes) for chain in part.chains))


@_composed.register
def _(node: AuxHead, part: Placed, shapes: dict[str, Shape]) -> nn.Module:
    return layers.AuxHead(_modules(part.chains[0], shapes), node.weight)
