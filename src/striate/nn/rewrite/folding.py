"""Batch normalization becomes part of the layer before it: in evaluation it is a scale and a shift per channel."""

from __future__ import annotations

import dataclasses
from functools import singledispatch

from striate.nn.rewrite.mapping import Folded
from striate.nn.rewrite.tree import Chain, Rewritten, each_chain, written
from striate.spec import (
    BatchNorm,
    Conv,
    ConvTranspose,
    DepthwiseConv,
    Linear,
    Network,
    Node,
    Placed,
    SeparableConv,
)

__all__ = ["fold_norms"]


def fold_norms(network: Network) -> Rewritten:
    """Fold every `BatchNorm` right behind a convolution or a `Linear` into it; exact in evaluation alone.

    Behind kinds whose weights are not shared between positions it stays, and behind ``Linear(per_step=True)``, whose
    outputs are no channels.
    """
    steps: list[Folded] = []
    changes: list[str] = []

    def folded(chain: Chain) -> Chain:
        done: list[Placed] = []
        for part in chain:
            step = _fold(done[-1].node, done[-1].path, part) if done else None
            if step is None:
                done.append(part)
                continue
            steps.append(step)
            changes.append(f"{part.path} into {step.layer}")
            with_bias = dataclasses.replace(done[-1].node, bias=True)  # type: ignore[call-arg]
            done[-1] = dataclasses.replace(done[-1], node=with_bias)
        return tuple(done)

    chain = each_chain(network.placed, folded)
    return Rewritten(written(network, chain), tuple(steps), tuple(changes)) if changes else Rewritten(network)


@singledispatch
def _fold(layer: Node, path: str, norm: Placed) -> Folded | None:
    """Return how ``norm`` folds into ``layer`` at ``path``; None if it does not, or is no `BatchNorm`."""
    return None


@_fold.register(Conv)
@_fold.register(DepthwiseConv)
@_fold.register(Linear)
def _(layer: Conv | DepthwiseConv | Linear, path: str, norm: Placed) -> Folded | None:
    if isinstance(layer, Linear) and layer.per_step:
        return None
    return _folded(path, norm)


@_fold.register
def _(layer: SeparableConv, path: str, norm: Placed) -> Folded | None:
    return _folded(path, norm, weight="pointwise")


@_fold.register
def _(layer: ConvTranspose, path: str, norm: Placed) -> Folded | None:
    return _folded(path, norm, groups=layer.groups)


def _folded(path: str, norm: Placed, weight: str = "weight", groups: int | None = None) -> Folded | None:
    if not isinstance(norm.node, BatchNorm):
        return None
    return Folded(path, norm.path, norm.node.eps, weight, groups)
