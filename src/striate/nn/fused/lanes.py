"""What compiled code holds in registers: a number of each of 16 images side by side, and a tile of 6×4 such lanes.

A tile is what kernels sum up in: with 24 sums in registers, what is read serves several of them. LLVM splits lanes
where the processor has shorter registers. Numba does not see that what it has compiled with these is of yesterday:
after a change here, touch ``compiled.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

__all__ = [
    "COLUMNS", "LANES", "ROWS", "filled", "load", "multiplied", "multiplied_lanes", "restored", "store",
    "store_largest", "store_tile", "total", "transpose", "where_byte",
]  # fmt: skip

LANES = 16
ROWS, COLUMNS = 6, 4
_instruction: Any = intrinsic  # whose own type does not say that compiled code leaves out the first argument
_BYTE, _INT, _INDEX = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_FLOATS, _BYTES = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(_BYTE, LANES)
_ARRAY, _AT = types.Array(types.float32, 1, "C"), types.intp
_BYTE_ARRAY = types.Array(types.uint8, 1, "C")


class _Lanes(types.Type):
    """Lanes, so many of them."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(name=f"Lanes{count}")


class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        value = _FLOATS if kind.count == 1 else ir.ArrayType(_FLOATS, kind.count)
        super().__init__(manager, kind, value)  # type: ignore[no-untyped-call]


register_model(_Lanes)(_LanesModel)
_lanes, _tile = _Lanes(1), _Lanes(ROWS * COLUMNS)


class _Maker:
    """Makes the instructions of one intrinsic."""

    def __init__(self, context: Any, builder: Any, signature: Any) -> None:
        self.context, self.builder, self.kinds = context, builder, signature.args

    def data(self, number: int, array: Any) -> Any:
        """Return where the array that is argument ``number`` begins."""
        return self.context.make_array(self.kinds[number])(self.context, self.builder, array).data

    def place(self, data: Any, at: Any, count: int = 0, step: Any = LANES) -> Any:
        """Return where ``data[at + count · step]`` stands."""
        step = ir.Constant(_INDEX, step) if isinstance(step, int) else step
        far = self.builder.mul(step, ir.Constant(_INDEX, count)) if count else None
        return self.builder.gep(data, [at if far is None else self.builder.add(at, far)])

    def load(self, place: Any, kind: Any = _FLOATS) -> Any:
        """Return the 16 numbers or bytes from ``place`` on."""
        align = 4 if kind is _FLOATS else 1
        return self.builder.load(self.builder.bitcast(place, kind.as_pointer()), align=align)

    def store(self, lanes: Any, place: Any) -> None:
        """Write the 16 numbers or bytes of ``lanes``."""
        align = 4 if lanes.type == _FLOATS else 1
        self.builder.store(lanes, self.builder.bitcast(place, lanes.type.as_pointer()), align=align)

    def filled(self, value: Any, kind: Any = _FLOATS) -> Any:
        """Return lanes that all hold ``value``."""
        nothing = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.Constant(_INT, 0))
        return self.builder.shuffle_vector(
            first, nothing, ir.Constant(ir.VectorType(_INT, LANES), [0] * LANES)
        )

    def corners(self, data: Any, at: Any, below: Any) -> list[Any]:
        """Return where a pixel stands, its right neighbor, and those ``below`` the two."""
        lower = self.builder.add(at, below)
        return [self.place(data, one, count) for one in (at, lower) for count in (0, 1)]

    def added(self, tile: Any, rows: list[Any], columns: list[Any]) -> Any:
        """Return ``tile`` with each of ``rows`` times each of ``columns`` added."""
        function = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        fused = cgutils.get_or_insert_function(self.builder.module, function, f"llvm.fmuladd.v{LANES}f32")  # type: ignore[no-untyped-call]
        for r, row in enumerate(rows):
            for c, column in enumerate(columns):
                number = r * COLUMNS + c
                total = self.builder.call(fused, [row, column, self.builder.extract_value(tile, number)])
                tile = self.builder.insert_value(tile, total, number)
        return tile

    def tile(self, lanes: Callable[[int], Any]) -> Any:
        """Return the tile of what ``lanes`` gives for each number."""
        tile = ir.Constant(ir.ArrayType(_FLOATS, ROWS * COLUMNS), ir.Undefined)
        for number in range(ROWS * COLUMNS):
            tile = self.builder.insert_value(tile, lanes(number), number)
        return tile


@_instruction  # type: ignore[untyped-decorator]
def load(_: Any, array: Any, at: Any) -> Any:
    """Return ``array[at : at + 16]`` as lanes."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        make = _Maker(context, builder, signature)
        return make.load(make.place(make.data(0, values[0]), values[1]))

    return _lanes(_ARRAY, _AT), emit


@_instruction  # type: ignore[untyped-decorator]
def store(_: Any, lanes: Any, array: Any, at: Any) -> Any:
    """Write ``lanes`` to ``array[at : at + 16]``."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        make = _Maker(context, builder, signature)
        make.store(values[0], make.place(make.data(1, values[1]), values[2]))
        return context.get_dummy_value()

    return types.void(_lanes, _ARRAY, _AT), emit


@_instruction  # type: ignore[untyped-decorator]
def filled(_: Any, array: Any, at: Any) -> Any:
    """Return a tile whose row r holds ``array[at + r]``."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        make = _Maker(context, builder, signature)
        data = make.data(0, values[0])
        rows = [make.filled(builder.load(make.place(data, values[1], r, 1))) for r in range(ROWS)]
        return make.tile(lambda number: rows[number // COLUMNS])

    return _tile(_ARRAY, _AT), emit


@_instruction  # type: ignore[untyped-decorator]
def multiplied(_: Any, weights: Any, at: Any, pixels: Any, pixel: Any, below: Any, tile: Any) -> Any:
    """Return ``tile`` plus ``weights[at + r]`` times the pixels at the four corners of a window, in row r."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        make = _Maker(context, builder, signature)
        factors, images = make.data(0, values[0]), make.data(2, values[2])
        columns = [make.load(place) for place in make.corners(images, values[3], values[4])]
        rows = [make.filled(builder.load(make.place(factors, values[1], r, 1))) for r in range(ROWS)]
        return make.added(values[5], rows, columns)

    return _tile(_ARRAY, _AT, _ARRAY, _AT, _AT, _tile), emit


@_instruction  # type: ignore[untyped-decorator]
def multiplied_lanes(
    _: Any, one: Any, at: Any, step: Any, other: Any, a: Any, b: Any, c: Any, d: Any, tile: Any
) -> Any:
    """Return ``tile`` plus, in row r, the lanes of ``one`` at ``at + r·step`` times those of ``other`` at 4 places."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        make = _Maker(context, builder, signature)
        left, right = make.data(0, values[0]), make.data(3, values[3])
        rows = [make.load(make.place(left, values[1], r, values[2])) for r in range(ROWS)]
        columns = [make.load(make.place(right, place)) for place in values[4:8]]
        return make.added(values[8], rows, columns)

    return _tile(_ARRAY, _AT, _AT, _ARRAY, _AT, _AT, _AT, _AT, _tile), emit


@_instruction  # type: ignore[untyped-decorator]
def restored(_: Any, array: Any, at: Any) -> Any:
    """Return the tile whose 24 lanes stand one behind another from ``array[at]`` on."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        make = _Maker(context, builder, signature)
        data = make.data(0, values[0])
        return make.tile(lambda number: make.load(make.place(data, values[1], number)))

    return _tile(_ARRAY, _AT), emit


@_instruction  # type: ignore[untyped-decorator]
def store_tile(_: Any, tile: Any, array: Any, at: Any, row: Any, below: Any) -> Any:
    """Write row r of ``tile`` to the four corners of a window, the first of which is at ``array[at + r·row]``."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        make = _Maker(context, builder, signature)
        data = make.data(1, values[1])
        for r in range(ROWS):
            far = builder.add(values[2], builder.mul(values[3], ir.Constant(_INDEX, r)))
            for c, place in enumerate(make.corners(data, far, values[4])):
                make.store(builder.extract_value(values[0], r * COLUMNS + c), place)
        return context.get_dummy_value()

    return types.void(_tile, _ARRAY, _AT, _AT, _AT), emit


@_instruction  # type: ignore[untyped-decorator]
def store_largest(_: Any, tile: Any, array: Any, which: Any, at: Any, row: Any) -> Any:
    """Write the largest of each row r of ``tile`` to ``array[at + r·row]``, and which of the four it is to ``which``.

    Of equal ones it is the first, and of some that are no numbers the last, as torch has it.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        make = _Maker(context, builder, signature)
        data, numbers = make.data(1, values[1]), make.data(2, values[2])
        for r in range(ROWS):
            largest = builder.extract_value(values[0], r * COLUMNS)
            number = ir.Constant(_BYTES, [0] * LANES)
            for c in range(1, COLUMNS):
                value = builder.extract_value(values[0], r * COLUMNS + c)
                missing = builder.fcmp_unordered("uno", value, value)
                chosen = builder.or_(builder.fcmp_ordered(">", value, largest), missing)
                largest = builder.select(chosen, value, largest)
                number = builder.select(chosen, ir.Constant(_BYTES, [c] * LANES), number)
            make.store(largest, make.place(data, values[3], r, values[4]))
            make.store(number, make.place(numbers, values[3], r, values[4]))
        return context.get_dummy_value()

    return types.void(_tile, _ARRAY, _BYTE_ARRAY, _AT, _AT), emit


@_instruction  # type: ignore[untyped-decorator]
def where_byte(_: Any, array: Any, at: Any, byte: Any, lanes: Any) -> Any:
    """Return ``lanes`` where the byte of ``array[at : at + 16]`` is ``byte``, and 0 elsewhere."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        make = _Maker(context, builder, signature)
        found = make.load(make.place(make.data(0, values[0]), values[1]), _BYTES)
        wanted = make.filled(builder.trunc(values[2], _BYTE), _BYTES)
        nothing = ir.Constant(_FLOATS, [0.0] * LANES)
        return builder.select(builder.icmp_unsigned("==", found, wanted), values[3], nothing)

    return _lanes(_BYTE_ARRAY, _AT, types.intp, _lanes), emit


@_instruction  # type: ignore[untyped-decorator]
def total(_: Any, array: Any, at: Any) -> Any:
    """Return the sum of ``array[at : at + 16]``, by halves."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        make = _Maker(context, builder, signature)
        lanes = make.load(make.place(make.data(0, values[0]), values[1]))
        for half in (8, 4, 2, 1):
            order = [(lane + half) % LANES for lane in range(LANES)]
            moved = builder.shuffle_vector(lanes, lanes, ir.Constant(ir.VectorType(_INT, LANES), order))
            lanes = builder.fadd(lanes, moved)
        return builder.extract_element(lanes, ir.Constant(_INT, 0))

    return types.float32(_ARRAY, _AT), emit


@_instruction  # type: ignore[untyped-decorator]
def transpose(
    _: Any, source: Any, at: Any, step: Any, rows: Any, target: Any, to: Any, far: Any, wanted: Any
) -> Any:
    """Write to ``target[to + j·far]`` the numbers j of 16 rows, row i being ``source[at + i·step :][:16]``.

    Of the 16 rows ``rows`` are there; others are read as 0. And ``wanted`` of the new ones are written.
    """

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        make = _Maker(context, builder, signature)
        _, at, step, there, _, to, far, wanted = values
        source, target = make.data(0, values[0]), make.data(4, values[4])
        one, nothing = ir.Constant(_INDEX, 1), ir.Constant(_FLOATS, [0.0] * LANES)

        def inside(number: int, count: Any) -> tuple[Any, Any]:
            """Return whether row ``number`` is one of ``count``, and a row that is."""
            index = ir.Constant(_INDEX, number)
            good = builder.icmp_signed("<", index, count)
            return good, builder.select(good, index, builder.sub(count, one))

        lanes = []
        for number in range(LANES):
            good, row = inside(number, there)
            place = make.place(source, builder.add(at, builder.mul(step, row)))
            lanes.append(builder.select(good, make.load(place), nothing))
        for half in (8, 4, 2, 1):  # swaps the blocks beside the diagonal, of half as many numbers each time
            lanes = [_swapped(builder, lanes, number, half) for number in range(LANES)]
        for number in reversed(range(LANES)):  # so that a row that is none is written over
            _, row = inside(number, wanted)
            make.store(lanes[number], make.place(target, builder.add(to, builder.mul(far, row))))
        return context.get_dummy_value()

    return types.void(_ARRAY, _AT, _AT, _AT, _ARRAY, _AT, _AT, _AT), emit


def _swapped(builder: Any, lanes: list[Any], number: int, half: int) -> Any:
    """Return row ``number`` once blocks of ``half`` numbers are exchanged between it and the row that far away."""
    other = lanes[number ^ half]
    upper = bool(number & half)
    order = []
    for lane in range(LANES):
        mine = bool(lane & half) == upper
        order.append(lane if mine else LANES + (lane ^ half))
    return builder.shuffle_vector(lanes[number], other, ir.Constant(ir.VectorType(_INT, LANES), order))
