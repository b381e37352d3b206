"""Lanes: 16 float32 side by side, as a value that compiled code can hold in a register.

LLVM splits them where the processor has shorter registers. Numba does not see that what it has compiled with these is
of yesterday: after a change here, touch ``compiled.py``.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

__all__ = ["LANES", "add", "chosen", "load", "multiplied", "store", "store_bytes", "where_byte"]

LANES = 16
_instruction: Any = intrinsic  # whose own type does not say that compiled code leaves out the first argument
_BYTE, _INT = ir.IntType(8), ir.IntType(32)
_FLOATS, _BYTES = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(_BYTE, LANES)


class _Lanes(types.Type):
    """16 float32 side by side."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


_lanes = _Lanes()


class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLOATS)  # type: ignore[no-untyped-call]


register_model(_Lanes)(_LanesModel)


def _place(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


def _filled(builder: Any, kind: Any, value: Any) -> Any:
    """Return lanes that all hold ``value``."""
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_INT, LANES), [0] * LANES))


@_instruction  # type: ignore[untyped-decorator]
def load(_: Any, array: Any, at: Any) -> Any:
    """Return ``array[at : at + 16]`` as lanes."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values[0], values[1])
        return builder.load(builder.bitcast(place, _FLOATS.as_pointer()), align=4)

    return _lanes(array, types.intp), emit


@_instruction  # type: ignore[untyped-decorator]
def store(_: Any, array: Any, at: Any, lanes: Any) -> Any:
    """Write ``lanes`` to ``array[at : at + 16]``."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values[0], values[1])
        builder.store(values[2], builder.bitcast(place, _FLOATS.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, _lanes), emit


@_instruction  # type: ignore[untyped-decorator]
def add(_: Any, one: Any, other: Any) -> Any:
    """Return the sums of two lanes."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fadd(*values)

    return _lanes(_lanes, _lanes), emit


@_instruction  # type: ignore[untyped-decorator]
def multiplied(_: Any, array: Any, at: Any, lanes: Any, total: Any) -> Any:
    """Return ``total + array[at] * lanes``."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        factor = builder.load(_place(context, builder, signature.args[0], values[0], values[1]))
        function = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        fused = cgutils.get_or_insert_function(builder.module, function, f"llvm.fmuladd.v{LANES}f32")  # type: ignore[no-untyped-call]
        return builder.call(fused, [_filled(builder, _FLOATS, factor), values[2], values[3]])

    return _lanes(array, types.intp, _lanes, _lanes), emit


@_instruction  # type: ignore[untyped-decorator]
def chosen(_: Any, value: Any, best: Any, yes: Any, no: Any) -> Any:
    """Return ``yes`` where ``value`` takes the place of ``best`` in max pooling: as greater, or not a number."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        value, best, yes, no = values
        greater, missing = builder.fcmp_ordered(">", value, best), builder.fcmp_unordered("uno", value, value)
        return builder.select(builder.or_(greater, missing), yes, no)

    return _lanes(_lanes, _lanes, _lanes, _lanes), emit


@_instruction  # type: ignore[untyped-decorator]
def store_bytes(_: Any, array: Any, at: Any, lanes: Any) -> Any:
    """Write ``lanes``, of whole numbers, to 16 bytes."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values[0], values[1])
        builder.store(builder.fptoui(values[2], _BYTES), builder.bitcast(place, _BYTES.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(array, types.intp, _lanes), emit


@_instruction  # type: ignore[untyped-decorator]
def where_byte(_: Any, array: Any, at: Any, byte: Any, lanes: Any) -> Any:
    """Return ``lanes`` where the byte of ``array[at : at + 16]`` is ``byte``, and 0 elsewhere."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values[0], values[1])
        found = builder.load(builder.bitcast(place, _BYTES.as_pointer()), align=1)
        wanted = _filled(builder, _BYTES, builder.trunc(values[2], _BYTE))
        nothing = ir.Constant(_FLOATS, [0.0] * LANES)
        return builder.select(builder.icmp_unsigned("==", found, wanted), values[3], nothing)

    return _lanes(array, types.intp, types.intp, _lanes), emit
