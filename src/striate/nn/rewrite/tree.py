"""What every rewrite needs: the parts of a network taken apart, changed, and written down again.

A chain is a run of parts one after another. Written down, every part has the name that it had, so that paths stay.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import singledispatch

from striate.nn.rewrite.mapping import Step
from striate.spec import AuxHead, Concat, MaxUnpool, Network, Node, Placed, Repeat, Residual, Sequential

__all__ = ["Chain", "Rewritten", "each_chain", "node_of", "switched_pools", "written"]

Chain = tuple[Placed, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Rewritten:
    """What one rewrite made of a network.

    Attributes:
        network: The new description.
        steps: The way of the weights.
        changes: What was changed, a line each.
    """

    network: Network
    steps: tuple[Step, ...] = ()
    changes: tuple[str, ...] = ()


def each_chain(chain: Chain, change: Callable[[Chain], Chain]) -> Chain:
    """Return ``chain`` with ``change`` done to every run of parts one after another, inner ones first."""
    return change(
        tuple(
            dataclasses.replace(part, chains=tuple(each_chain(inner, change) for inner in part.chains))
            for part in chain
        )
    )


def written(network: Network, chain: Chain) -> Network:
    """Return ``network`` with ``chain`` as its body; repetitions are written out."""
    return dataclasses.replace(network, body=_run(chain))


def switched_pools(network: Network) -> frozenset[str]:
    """Return the paths of the pools whose switches a `MaxUnpool` uses."""
    return frozenset(layer.pool for _, layer in network.walk() if isinstance(layer, MaxUnpool))


def node_of(part: Placed) -> Node:
    """Return the node of ``part`` with its name pinned; a part without chains is written already."""
    return _composed(part.node, part) if part.chains else dataclasses.replace(part.node, name=part.name)


def _run(chain: Chain) -> Node:
    # A part alone stands for itself, so that nothing is nested deeper than it was.
    return node_of(chain[0]) if len(chain) == 1 else Sequential(*map(node_of, chain))


@singledispatch
def _composed(node: Node, part: Placed) -> Node:
    raise TypeError(f"{node.kind} has no rule for how it is written down")  # only a kind added by halves


@_composed.register(Sequential)
@_composed.register(Repeat)
def _(node: Node, part: Placed) -> Node:
    return Sequential(*map(node_of, part.chains[0]), name=part.name)


@_composed.register
def _(node: Residual, part: Placed) -> Node:
    body, shortcut = part.chains
    return Residual(_run(body), _run(shortcut) if shortcut else None, name=part.name)


@_composed.register
def _(node: Concat, part: Placed) -> Node:
    return Concat(*map(_run, part.chains), name=part.name)


@_composed.register
def _(node: AuxHead, part: Placed) -> Node:
    return AuxHead(_run(part.chains[0]), node.weight, name=part.name)
