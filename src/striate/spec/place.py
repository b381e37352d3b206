"""Where every layer of a network stands: its path, and what runs before it.

The path is the same string in the table, the module, the weights file and the logs. The rules:

- a layer with a name is called by it; two of one name in one container are an error;
- one without is called after its kind and numbered: ``conv1``, ``conv2`` (names taken are passed over);
- an unnamed `Sequential` or `Repeat` adds no level: its layers belong to the container around it;
- in a `Repeat` a name is a stem that gets a number: ``block`` gives ``block1``, ``block2``;
- the shortcut of a `Residual` is called ``shortcut``, the branches of a `Concat` ``branch1``, ``branch2``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch

from striate.errors import DescriptionError
from striate.spec.compose import AuxHead, Concat, Repeat, Residual, Sequential
from striate.spec.layers import Layer
from striate.spec.node import Node

__all__ = ["MAX_DEPTH", "MAX_LAYERS", "Placed", "parts_of", "place"]

MAX_LAYERS = 100_000
"""Most layers a network may hold once its repetitions are written out."""

MAX_DEPTH = 40
"""Deepest nesting of compositions."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A node at its path.

    Attributes:
        path: Dotted path from the network's root, such as ``stage2.block1.conv1``.
        node: The description found there.
        chains: What it holds, each a run of nodes one after another: one chain for a `Sequential`,
            `Repeat` or `AuxHead`, body and shortcut for a `Residual`, one per branch for a `Concat`,
            none for a layer.
    """

    path: str
    node: Node
    chains: tuple[tuple[Placed, ...], ...] = ()

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    def walk(self) -> Iterator[Placed]:
        """Yield this node and all below it, parts before what joins them, in the order they run."""
        for chain in self.chains:
            for part in chain:
                yield from part.walk()
        yield self


def place(body: Node) -> tuple[Placed, ...]:
    """Give every node of ``body`` its path; the result runs one after another.

    Raises:
        DescriptionError: if two layers have one name, or the network is too large or too deep.
    """
    if (count := _count(body)) > MAX_LAYERS:
        raise DescriptionError(
            f"the network has {count:,} layers once its repetitions are written out; at most "
            f"{MAX_LAYERS:,} are allowed. Lower a Repeat's n."
        )
    return _Namespace("").chain(body)


@dataclass(slots=True)
class _Slot:
    """A node that waits for its name: fixed, or a stem to be numbered."""

    node: Node
    stem: str
    numbered: bool


class _Namespace:
    """The names within one container."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def chain(self, body: Node) -> tuple[Placed, ...]:
        """Place ``body`` and what it splices into this container, one after another."""
        slots = list(_splice(body, repeated=False))
        for slot in slots:
            if not slot.numbered:
                self._take(slot.stem)
        return tuple(
            self._placed(slot.node, self._number(slot.stem) if slot.numbered else slot.stem) for slot in slots
        )

    def single(self, node: Node, default_name: str) -> tuple[Placed, ...]:
        """Place ``node`` as one part of this container, never spliced."""
        name = node.name or default_name
        self._take(name)
        return (self._placed(node, name),)

    def _placed(self, node: Node, name: str) -> Placed:
        path = f"{self._path}.{name}" if self._path else name
        return Placed(path, node, _chains(node, _Namespace(path)))

    def _take(self, name: str) -> None:
        if name in self._taken:
            where = f"in {self._path!r}" if self._path else "at the top of the network"
            raise DescriptionError(f"two layers {where} are named {name!r}; give one of them another name.")
        self._taken.add(name)

    def _number(self, stem: str) -> str:
        number = self._next.get(stem, 1)
        while (name := f"{stem}{number}") in self._taken:
            number += 1
        self._next[stem] = number + 1
        self._taken.add(name)
        return name


def _splice(node: Node, *, repeated: bool) -> Iterator[_Slot]:
    if isinstance(node, Sequential) and node.name is None:
        for layer in node.layers:
            yield from _splice(layer, repeated=repeated)
    elif isinstance(node, Repeat) and node.name is None:
        for _ in range(node.n):
            yield from _splice(node.body, repeated=True)
    else:
        yield _Slot(node, node.name or node.stem, numbered=repeated or node.name is None)


@singledispatch
def _chains(node: Node, inside: _Namespace) -> tuple[tuple[Placed, ...], ...]:
    raise TypeError(f"{node.kind} has no rule for what it holds")  # only a kind added by halves


@_chains.register
def _(node: Layer, inside: _Namespace) -> tuple[tuple[Placed, ...], ...]:
    return ()


@_chains.register
def _(node: Sequential, inside: _Namespace) -> tuple[tuple[Placed, ...], ...]:
    return (inside.chain(Sequential(*node.layers)),)


@_chains.register
def _(node: Repeat, inside: _Namespace) -> tuple[tuple[Placed, ...], ...]:
    return (inside.chain(Repeat(node.body, node.n)),)


@_chains.register
def _(node: Residual, inside: _Namespace) -> tuple[tuple[Placed, ...], ...]:
    body = inside.chain(node.body)
    return (body, inside.single(node.shortcut, "shortcut") if node.shortcut else ())


@_chains.register
def _(node: Concat, inside: _Namespace) -> tuple[tuple[Placed, ...], ...]:
    return tuple(inside.single(branch, f"branch{i}") for i, branch in enumerate(node.branches, 1))


@_chains.register
def _(node: AuxHead, inside: _Namespace) -> tuple[tuple[Placed, ...], ...]:
    return (inside.chain(node.body),)


def parts_of(node: Node) -> Iterator[Node]:
    """Yield the nodes that ``node`` holds as written, repetitions once."""
    for field in node.holds:
        held = getattr(node, field)
        yield from held if isinstance(held, tuple) else [held] if held is not None else []


def _count(node: Node, depth: int = 1) -> int:
    """Count the layers of ``node``, repetitions written out, without writing them out."""
    if depth > MAX_DEPTH:
        raise DescriptionError(f"the network nests more than {MAX_DEPTH} compositions; flatten it.")
    held = sum(_count(part, depth + 1) for part in parts_of(node)) if node.holds else 1
    return held * node.n if isinstance(node, Repeat) else held
