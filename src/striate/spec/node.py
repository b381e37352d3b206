"""What every layer and every composition has in common: a frozen, validated, named value.

`layer_kind` turns a class into a pydantic dataclass and lists it under its name, so that the file
format, the JSON Schema and the contract tests see every kind without a second list.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass

from striate.errors import DescriptionError, validation_message
from striate.spec.values import Name

__all__ = ["KINDS", "Node", "fields_of", "layer_kind"]

_T = TypeVar("_T", bound=type["Node"])
_CONFIG = ConfigDict(strict=True, extra="forbid")
_kinds: dict[str, type[Node]] = {}
KINDS: Mapping[str, type[Node]] = MappingProxyType(_kinds)
"""Every kind of layer and composition by its name, in the order of definition."""


@pydantic_dataclass(frozen=True, repr=False, config=_CONFIG)
class Node:
    """A part of a network: a layer, or a way of composing layers. Abstract.

    Attributes:
        name: The last part of the layer's path. Without one the layer is called after its kind and
            numbered within what holds it: ``conv1``, ``conv2``.
    """

    stem: ClassVar[str] = "node"
    holds: ClassVar[tuple[str, ...]] = ()  # the fields that hold other nodes
    lists: ClassVar[tuple[str, ...]] = ()  # the fields whose tuples are lists, not one entry per axis

    name: Name | None = dataclasses.field(default=None, kw_only=True)

    @property
    def kind(self) -> str:
        """The name of the kind, as written in description files: ``"Conv"``."""
        return type(self).__name__

    def options(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, in order."""
        return {
            f.name: value
            for f in fields_of(type(self))
            if (value := getattr(self, f.name)) != f.default or f.default is dataclasses.MISSING
        }

    def __repr__(self) -> str:
        return f"{self.kind}({', '.join(f'{k}={v!r}' for k, v in self.options().items())})"


@dataclass_transform(frozen_default=True, kw_only_default=False, field_specifiers=(dataclasses.field,))
def layer_kind(cls: _T) -> _T:
    """Make ``cls`` a frozen pydantic dataclass whose errors are one sentence, and register it."""
    made: Any = pydantic_dataclass(cls, frozen=True, repr=False, config=_CONFIG)
    validate = made.__init__

    @functools.wraps(validate)
    def __init__(self: Node, *args: Any, **kwargs: Any) -> None:
        try:
            validate(self, *made.arrange(args), **kwargs)
        except ValidationError as error:
            fields = [f.name for f in fields_of(made)]
            raise DescriptionError(
                validation_message(made.__name__, fields, error.errors(include_url=False))
            ) from None

    if not hasattr(made, "arrange"):
        made.arrange = staticmethod(lambda args: args)
    made.__init__ = __init__
    _kinds[made.__name__] = made
    return cast(_T, made)


def fields_of(kind: type[Node]) -> list[dataclasses.Field[Any]]:
    """Return the fields of ``kind``, positional ones first, as they are written."""
    return sorted(dataclasses.fields(kind), key=lambda f: bool(f.kw_only))
