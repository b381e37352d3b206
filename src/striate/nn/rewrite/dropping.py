"""What acts in training alone is left out: dropout, noise, penalties, auxiliary heads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from striate.nn.rewrite.mapping import Omitted
from striate.nn.rewrite.tree import Chain, Rewritten, written
from striate.spec import (
    AuxHead,
    Concat,
    Dropout,
    GaussianNoise,
    Identity,
    Network,
    Placed,
    Residual,
    SparsityPenalty,
    SpatialDropout,
    StochasticDepth,
)

__all__ = ["IDLE", "drop_idle"]

IDLE = (AuxHead, Dropout, SpatialDropout, GaussianNoise, StochasticDepth, SparsityPenalty, Identity)
"""Kinds that give what they take in evaluation."""


def drop_idle(network: Network) -> Rewritten:
    """Leave out every part of `IDLE`, and a `Sequential` of which nothing is left.

    An `Identity` stays where something must stand: in a branch of a `Concat`, as the body of a `Residual`, as the whole
    network.
    """
    drop = _Drop()
    chain = drop.left_of(network.placed, needed=True)
    if not drop.dropped:
        return Rewritten(network)
    heads = tuple(Omitted(part.path) for part in drop.dropped if isinstance(part.node, AuxHead))
    return Rewritten(written(network, chain), heads, tuple(f"{part.path} left out" for part in drop.dropped))


class _Drop:
    """Collects what is left out."""

    def __init__(self) -> None:
        self.dropped: list[Placed] = []

    def left_of(self, chain: Chain, *, needed: bool) -> Chain:
        """Return what is left of ``chain``; if that is nothing and something is needed, an `Identity`."""
        left = tuple(self._left(chain))
        if left or not needed:
            return left
        if isinstance(chain[0].node, Identity):
            self.dropped.remove(chain[0])
        return (Placed(chain[0].path, Identity()),)

    def _left(self, chain: Chain) -> Iterator[Placed]:
        for part in chain:
            if isinstance(part.node, IDLE):
                self.dropped.append(part)
                continue
            needed = _needed(part)
            chains = tuple(self.left_of(c, needed=n) for c, n in zip(part.chains, needed, strict=True))
            if not part.chains or any(chains):
                yield dataclasses.replace(part, chains=chains)


def _needed(part: Placed) -> tuple[bool, ...]:
    """Tell of each chain of ``part`` whether it must hold something: body and not shortcut, every branch."""
    match part.node:
        case Residual():
            return (True, False)
        case Concat():
            return (True,) * len(part.chains)
        case _:
            return (False,) * len(part.chains)
