"""The ways to compose layers: one after another, added, joined, repeated, or as an auxiliary head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BeforeValidator, WithJsonSchema

from striate.spec.node import Node, layer_kind
from striate.spec.values import Count, Positive

__all__ = ["AuxHead", "Concat", "Part", "Repeat", "Residual", "Sequential"]

NODE_SCHEMA = {"title": "node"}  # becomes a reference where the schema of the whole file is made


def _node(value: Any) -> Node:
    if isinstance(value, list):  # as in a description file, a list means one after another
        return Sequential(*value)
    if not isinstance(value, Node):
        raise ValueError("must be a layer or a composition of layers, such as Conv(8, 3) or Sequential(…)")
    return value


def _nodes(value: Any) -> tuple[Node, ...]:
    if not value:
        raise ValueError("must hold at least one layer")
    return tuple(_node(v) for v in value)


Part = Annotated[Node, BeforeValidator(_node), WithJsonSchema(NODE_SCHEMA)]
_Parts = Annotated[
    tuple[Node, ...],
    BeforeValidator(_nodes),
    WithJsonSchema({"type": "array", "items": NODE_SCHEMA, "minItems": 1}),
]


def _gathered(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Gather ``f(a, b)`` and ``f([a, b])`` into the one field that holds them."""
    if len(args) == 1 and isinstance(args[0], list | tuple):
        return (tuple(args[0]),)
    return (args,)


@layer_kind
class Sequential(Node):
    """Layers one after another: ``Sequential(Conv(8, 3), ReLU())``.

    Without a name it adds no level to the paths of its layers: they belong to what holds it.
    """

    stem: ClassVar[str] = "block"
    holds: ClassVar[tuple[str, ...]] = ("layers",)

    layers: _Parts

    if TYPE_CHECKING:

        def __init__(self, *layers: Node | list[Node], name: str | None = None) -> None: ...

    @staticmethod
    def arrange(args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Gather the positional arguments into one field."""
        return _gathered(args) if args else ()


@layer_kind
class Residual(Node):
    """``body(x) + shortcut(x)`` (He et al. 2015). Both sides must give one shape.

    Attributes:
        shortcut: What the input passes through on its way around the body; None means unchanged.
    """

    stem: ClassVar[str] = "residual"
    holds: ClassVar[tuple[str, ...]] = ("body", "shortcut")

    body: Part
    shortcut: Part | None = None


@layer_kind
class Concat(Node):
    """Branches that read one input, joined on channels: ``Concat(Conv(8, 1), Conv(8, 3, padding=1))``."""

    stem: ClassVar[str] = "concat"
    holds: ClassVar[tuple[str, ...]] = ("branches",)

    branches: _Parts

    if TYPE_CHECKING:

        def __init__(self, *branches: Node | list[Node], name: str | None = None) -> None: ...

    @staticmethod
    def arrange(args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Gather the positional arguments into one field."""
        return _gathered(args) if args else ()


@layer_kind
class Repeat(Node):
    """The same body ``n`` times in a row, each time with weights of its own.

    A name inside the body is a stem that gets a number: ``block`` becomes ``block1``, ``block2``, ….
    Without a name of its own it adds no level to the paths.
    """

    stem: ClassVar[str] = "repeat"
    holds: ClassVar[tuple[str, ...]] = ("body",)

    body: Part
    n: Count


@layer_kind
class AuxHead(Node):
    """Passes its input on unchanged and sends ``body(input)`` to the training loss with ``weight``.

    The auxiliary classifiers of GoogLeNet (Szegedy et al. 2014). In evaluation it does nothing.
    """

    stem: ClassVar[str] = "aux"
    holds: ClassVar[tuple[str, ...]] = ("body",)

    body: Part
    weight: Positive = 0.3
