"""The field types of layer descriptions: sizes, paddings, probabilities, names.

Each type is normalized once, here, so that inside a description a list never appears where a tuple
is meant, nor a NumPy integer or a bool where an int is meant.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

__all__ = [
    "Connections",
    "Count",
    "Exponent",
    "Index",
    "LayerPath",
    "Margin",
    "Name",
    "Odd",
    "Padding",
    "PoolPadding",
    "Positive",
    "Probability",
    "Shape",
    "Share",
    "Size",
    "check_shape",
]

LIMIT = 2**31
"""Whole numbers in descriptions stay below it. What layers make of them is bounded by ``MOST`` in ``analyze/walk.py``;
so every figure can be written and divided."""

MAX_CONNECTED = 10_000
"""Most output maps that a connection table may have."""

PADDING_WORDS = ("valid", "same", "full", "causal")
POOL_PADDING_WORDS = ("valid", "same")

# Public attributes of torch.nn.Module, and in the last line those of the containers that `build` makes:
# a child module of such a name would hide one. Written out because a description must not load torch;
# a test compares it with the real classes.
RESERVED_NAMES = frozenset(
    "add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval "
    "extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu "
    "load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters "
    "register_backward_hook register_buffer register_forward_hook register_forward_pre_hook "
    "register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook "
    "register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook "
    "register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to "
    "to_empty train training type xpu zero_grad T_destination "
    "append extend insert pop run take weight".split()
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def _whole(value: Any) -> int:
    """Return ``value`` as an int; bools, strings and floats are not whole numbers."""
    if isinstance(value, bool):
        raise ValueError("must be a whole number")
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError("must be a whole number") from None


def _at_least(value: Any, least: int) -> int:
    number = _whole(value)
    if number < least:
        raise ValueError(f"must be at least {least}")
    if number >= LIMIT:
        raise ValueError("must be below 2³¹")
    return number


def _count(value: Any) -> int:
    return _at_least(value, 1)


def _index(value: Any) -> int:
    return _at_least(value, 0)


def _odd(value: Any) -> int:
    number = _at_least(value, 1)
    if number % 2 == 0:
        raise ValueError("must be odd, so that a window has a middle")
    return number


def _number(fits: Callable[[float], bool], allowed: str) -> Callable[[Any], float]:
    """Return the check of a number for which ``fits`` holds; ``allowed`` says so in words."""

    def check(value: Any) -> float:
        if isinstance(value, str) and re.fullmatch(r"\d+e[-+]?\d+", value):
            fix = f"YAML takes it for a text, write {value.replace('e', '.0e')}"
            raise ValueError(f"{allowed}; {fix}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(allowed)
        try:
            number = float(value)
        except OverflowError:  # a whole number beyond every float
            raise ValueError(allowed) from None
        if not fits(number):
            raise ValueError(allowed)
        return number

    return check


def _whole_per_axis(least: int) -> Callable[[Any], int | tuple[int, ...]]:
    """Return the check of a whole number of at least ``least``, or of one per axis."""
    allowed = f"must be a whole number of at least {least} and below 2³¹, or one per axis"

    def check(value: Any) -> int | tuple[int, ...]:
        try:
            if isinstance(value, list | tuple):
                if not 1 <= len(value) <= 3:
                    raise ValueError
                return tuple(_at_least(v, least) for v in value)
            return _at_least(value, least)
        except ValueError:
            raise ValueError(allowed) from None

    return check


def _connections(value: Any) -> tuple[tuple[int, ...], ...]:
    allowed = (
        "must list, for each output map, the numbers of the input maps it reads, from 0, none twice, "
        "such as [[0, 1], [2]]"
    )
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(allowed)
    if len(value) > MAX_CONNECTED:
        raise ValueError(f"must list at most {MAX_CONNECTED:,} output maps, not {len(value):,}")
    try:
        table = tuple(tuple(_at_least(v, 0) for v in row) for row in value)
    except (TypeError, ValueError):
        raise ValueError(allowed) from None
    if not all(row and len(set(row)) == len(row) for row in table):
        raise ValueError(allowed)
    return table


def _padding(value: Any, words: tuple[str, ...]) -> int | str | tuple[int | tuple[int, int], ...]:
    allowed = (
        f"must be a whole number of at least 0 and below 2³¹, one per axis, a (before, after) pair per axis, "
        f"or one of {', '.join(map(repr, words))}"
    )
    try:
        if isinstance(value, str):
            if value not in words:
                raise ValueError
            return value
        if isinstance(value, list | tuple):
            if not 1 <= len(value) <= 3:
                raise ValueError
            return tuple(_axis_padding(v) for v in value)
        return _at_least(value, 0)
    except ValueError:
        raise ValueError(allowed) from None


def _axis_padding(value: Any) -> int | tuple[int, int]:
    if isinstance(value, list | tuple):
        before, after = value
        return _at_least(before, 0), _at_least(after, 0)
    return _at_least(value, 0)


def _conv_padding(value: Any) -> int | str | tuple[int | tuple[int, int], ...]:
    return _padding(value, PADDING_WORDS)


def _pool_padding(value: Any) -> int | str | tuple[int | tuple[int, int], ...]:
    return _padding(value, POOL_PADDING_WORDS)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > 100:
        raise ValueError("must be letters, digits and underscores, beginning with a letter, at most 100")
    if value in RESERVED_NAMES:
        raise ValueError("is an attribute of torch modules; choose another name")
    return value


def _layer_path(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 1000 or not all(map(_NAME.fullmatch, value.split("."))):
        raise ValueError("must be the path of a layer, such as 'stage1.pool1'")
    return value


def check_shape(value: Any) -> tuple[int, ...]:
    """Return ``value`` as the shape of one input.

    ``(C,)``, ``(C, L)``, ``(C, H, W)`` or ``(C, D, H, W)``; of tokens ``(T,)``, of a sequence ``(T, C)``.

    Raises:
        ValueError: if it is not one to four whole numbers of at least 1.
    """
    try:
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= 4:
            raise ValueError
        return tuple(_count(v) for v in value)
    except ValueError:
        raise ValueError(
            "must be (channels,), (channels, length), (channels, height, width) or "
            "(channels, depth, height, width); for tokens (steps,), for a sequence (steps, channels); "
            "each at least 1 and below 2³¹"
        ) from None


def _per_axis_schema(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": 3}


def _padding_schema(words: tuple[str, ...]) -> dict[str, Any]:
    whole = {"type": "integer", "minimum": 0, "exclusiveMaximum": LIMIT}
    pair = {"type": "array", "items": whole, "minItems": 2, "maxItems": 2}
    return {"anyOf": [whole, {"enum": list(words)}, _per_axis_schema({"anyOf": [whole, pair]})]}


_WHOLE_SCHEMA = {"type": "integer", "minimum": 1, "exclusiveMaximum": LIMIT}

Count = Annotated[int, BeforeValidator(_count), WithJsonSchema(_WHOLE_SCHEMA)]
Index = Annotated[int, BeforeValidator(_index), WithJsonSchema(_WHOLE_SCHEMA | {"minimum": 0})]
Odd = Annotated[
    int,
    BeforeValidator(_odd),
    WithJsonSchema({"type": "integer", "minimum": 1, "exclusiveMaximum": LIMIT, "not": {"multipleOf": 2}}),
]
Probability = Annotated[
    float,
    BeforeValidator(_number(lambda x: 0 <= x < 1, "must be a number from 0 up to, not including, 1")),
    WithJsonSchema({"type": "number", "minimum": 0, "exclusiveMaximum": 1}),
]
Positive = Annotated[
    float,
    BeforeValidator(_number(lambda x: 0 < x < math.inf, "must be a number above 0")),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
]
Share = Annotated[
    float,
    BeforeValidator(_number(lambda x: 0 < x < 1, "must be a number between 0 and 1")),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
]
Exponent = Annotated[
    float,
    BeforeValidator(_number(lambda x: 1 <= x <= 100, "must be a number from 1 to 100")),
    WithJsonSchema({"type": "number", "minimum": 1, "maximum": 100}),
]
Size = Annotated[
    int | tuple[int, ...],
    BeforeValidator(_whole_per_axis(1)),
    WithJsonSchema({"anyOf": [_WHOLE_SCHEMA, _per_axis_schema(_WHOLE_SCHEMA)]}),
]
Margin = Annotated[
    int | tuple[int, ...],
    BeforeValidator(_whole_per_axis(0)),
    WithJsonSchema(
        {"anyOf": [_WHOLE_SCHEMA | {"minimum": 0}, _per_axis_schema(_WHOLE_SCHEMA | {"minimum": 0})]}
    ),
]
Connections = Annotated[
    tuple[tuple[int, ...], ...],
    BeforeValidator(_connections),
    WithJsonSchema(
        {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_CONNECTED,
            "items": {
                "type": "array",
                "minItems": 1,
                "uniqueItems": True,
                "items": _WHOLE_SCHEMA | {"minimum": 0},
            },
        }
    ),
]
Padding = Annotated[
    int | str | tuple[int | tuple[int, int], ...],
    BeforeValidator(_conv_padding),
    WithJsonSchema(_padding_schema(PADDING_WORDS)),
]
PoolPadding = Annotated[
    int | str | tuple[int | tuple[int, int], ...],
    BeforeValidator(_pool_padding),
    WithJsonSchema(_padding_schema(POOL_PADDING_WORDS)),
]
Name = Annotated[
    str,
    BeforeValidator(_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$", "maxLength": 100}),
]
LayerPath = Annotated[
    str,
    BeforeValidator(_layer_path),
    WithJsonSchema(
        {"type": "string", "pattern": rf"^{_NAME.pattern}(\.{_NAME.pattern})*$", "maxLength": 1000}
    ),
]
Shape = Annotated[
    tuple[int, ...],
    BeforeValidator(check_shape),
    WithJsonSchema({"type": "array", "items": _WHOLE_SCHEMA, "minItems": 1, "maxItems": 4}),
]
