"""Pickles of dictionaries, lists, texts and arrays of bytes, read without running anything they say.

A pickle is a program. Python's own unpickler runs it, and even one whose names are restricted can be made to take
all memory or to end the process: by a number of the memo, a shape, a deep key. So the program is read by `pickletools`
and followed here by a machine that knows few instructions and four names, each standing for a value of ours:
``_reconstruct``, ``ndarray`` and ``dtype`` of numpy, and ``_codecs.encode``, by which Python 2 wrote bytes.
Nothing is imported or called, and memory stays within a few times the size of the file.
"""

from __future__ import annotations

import math
import pickletools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from striate.data.source import ByteArray
from striate.data.wording import quoted
from striate.errors import DataError

__all__ = ["unpickled"]

_NAMES = {
    "numpy.core.multiarray _reconstruct": "array",
    "numpy._core.multiarray _reconstruct": "array",
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "encode",
}
_FREELY = 2**20
_BYTE_TYPES = ("u1", "uint8")
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True, slots=True)
class _Name:
    """One of the four names; never called."""

    value: str


@dataclass(slots=True)
class _Array:
    """What an array is built from: ``(version, shape, dtype, column first, bytes)``."""

    state: Any = None


@dataclass(frozen=True, slots=True)
class _DType:
    name: Any


def unpickled(data: bytes) -> dict[str, Any]:
    """Return the dictionary that ``data`` pickles: texts, whole numbers, lists, uint8 arrays.

    Keys and texts are ``str``; those of Python 2 and bytes are taken letter by letter (Latin-1).

    Raises:
        DataError: if it is no whole pickle, does anything else, or pickles anything else.
    """
    machine = _Machine(_Budget(_FREELY + 4 * len(data)))
    try:
        for instruction, argument, _ in pickletools.genops(data):
            machine.step(instruction.name, argument)
    except DataError:
        raise
    except (
        Exception
    ) as error:  # a broken pickle may make pickletools, or a missing operand here, raise anything
        raise DataError(f"the pickle is damaged or cut short ({quoted(error)}).") from None
    if not isinstance(machine.result, dict):
        raise DataError("it pickles no dictionary.")
    return {key: _finished(value, machine.budget) for key, value in machine.result.items()}


@dataclass(slots=True)
class _Budget:
    """How many letters, bytes and items may still be copied: a memo could have one copied without end."""

    left: int

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise DataError("the pickle copies the same values again and again; refused.")


@dataclass(slots=True)
class _Machine:
    budget: _Budget
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    result: Any = None

    def step(self, name: str, argument: Any) -> None:
        """Do one instruction; the names are those of `pickletools`."""
        stack = self.stack
        match name:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                self.marks.append(len(stack))
            case "STOP":
                self.result = stack.pop()
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = stack[-1]
            case "MEMOIZE":
                self.memo[len(self.memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(self.memo[argument])
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "LIST":
                stack.append(self._marked())
            case "TUPLE":
                stack.append(tuple(self._marked()))
            case "DICT":
                items = self._marked()
                stack.append({})
                self._set(items)
            case "APPEND":
                self._extend([stack.pop()])
            case "APPENDS":
                self._extend(self._marked())
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                self._set([key, value])
            case "SETITEMS":
                self._set(self._marked())
            case "GLOBAL":
                stack.append(_known(argument))
            case "STACK_GLOBAL":
                member, module = _text(stack.pop(), self.budget), _text(stack.pop(), self.budget)
                stack.append(_known(f"{module} {member}"))
            case "REDUCE":
                arguments, called = stack.pop(), stack.pop()
                stack.append(_made(called, arguments, self.budget))
            case "BUILD":
                state, built = stack.pop(), stack[-1]
                if isinstance(built, _Array):
                    built.state = state
                elif not isinstance(built, _DType):  # the byte order of bytes says nothing
                    raise DataError("the pickle builds something that is no array; refused.")
            case _ if name in _CONSTANTS:
                stack.append(_CONSTANTS[name])
            case _ if name in _LITERALS:
                stack.append(argument)
            case _ if name in _TUPLES:
                count = _TUPLES[name]
                if len(stack) < count:
                    raise DataError("the pickle is damaged: it takes more values than it made.")
                stack[-count:] = [tuple(stack[-count:])]
            case _:
                raise DataError(
                    f"the pickle has the instruction {name}, which arrays of bytes do not need; refused."
                )

    def _marked(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _extend(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise DataError("the pickle is damaged: it appends to what is no list.")
        self.stack[-1].extend(items)

    def _set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise DataError("the pickle is damaged: it sets items of what is no dictionary.")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_text(key, self.budget)] = (
                value  # a key of any depth could exhaust the stack when it is hashed
            )


def _known(name: str) -> _Name:
    if name not in _NAMES:
        shown = name[:80].replace(" ", ".")
        raise DataError(f"the pickle asks for {shown!r}; only arrays of numpy are read, and nothing is run.")
    return _Name(_NAMES[name])


def _made(called: Any, arguments: Any, budget: _Budget) -> Any:
    """Return what a call of one of the names stands for."""
    kind = called.value if isinstance(called, _Name) and isinstance(arguments, tuple) else None
    if kind == "array":
        return _Array()
    if kind == "dtype" and arguments:
        return _DType(arguments[0])
    if kind == "encode" and len(arguments) == 2 and arguments[1] in ("latin1", "latin-1", "iso-8859-1"):
        text = _text(arguments[0], budget)
        budget.spend(len(text))
        return text.encode("latin-1")
    raise DataError("the pickle calls something that makes no array; refused.")


def _text(value: Any, budget: _Budget) -> str:
    if isinstance(value, bytes):
        budget.spend(len(value))
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise DataError("the pickle has a key or a name that is no text; refused.")
    return value


def _finished(value: Any, budget: _Budget) -> Any:
    """Return a value of the dictionary as it is meant."""
    if isinstance(value, _Array):
        return _array(value.state, budget)
    if isinstance(value, list):
        budget.spend(len(value))
        return [_text(item, budget) if isinstance(item, bytes) else item for item in value]
    return _text(value, budget) if isinstance(value, bytes) else value


def _array(state: Any, budget: _Budget) -> ByteArray:
    match state:
        case (int(), tuple(shape), _DType(name), bool() | int() as by_column, str() | bytes() as values):
            pass
        case _:
            raise DataError("the pickle has an array that is not whole.")
    if name not in _BYTE_TYPES:
        raise DataError(f"the pickle has an array of {str(name)[:20]!r}; it must be of uint8.")
    if len(shape) > 8 or not all(isinstance(n, int) and 0 <= n < 2**40 for n in shape):
        raise DataError("the pickle has an array of no possible shape.")
    if isinstance(values, str):
        budget.spend(len(values))
        values = values.encode("latin-1")
    if math.prod(shape) != len(values):
        raise DataError(f"the pickle has an array said to be {shape} that holds {len(values):,} bytes.")
    return np.frombuffer(values, np.uint8).reshape(shape, order="F" if by_column else "C")
