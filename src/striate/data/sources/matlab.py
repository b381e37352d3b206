"""Arrays of numbers out of MATLAB files of version 5 (``save -v6`` and ``-v7``). Nothing that a file says is believed.

Format: 128 bytes of header, then elements: a type, a count of bytes, the bytes, of which most are deflated. What is in
a matrix are elements again: flags, axes, name, values; the first axis changes fastest
(MathWorks, MAT-File Format, chapter 1). Only arrays of numbers are read: no structures, cells, texts, objects.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from striate.data.decode import is_regular
from striate.data.sources.npy import Array
from striate.errors import DataError, listed

__all__ = ["read_mat"]

_HEADER = 128
_MATRIX, _DEFLATED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_INT8, _INT32, _UINT32 = 1, 5, 6
_CLASSES = range(6, 16)  # those of numbers
_COMPLEX = 0x800
_MAX_AXES, _MAX_NAME, _MAX_VARIABLES = 8, 63, 1000
_MAX_BYTES = 8 * 2**30
_FREELY = 256 * 2**20
_MOST_PACKED = 100  # photographs shrink less than 3 times; deflate can reach 1,032
_CHUNK = 2**20


def read_mat(path: Path, wanted: Collection[str]) -> dict[str, Array]:
    """Return the arrays called ``wanted`` of a MATLAB file.

    Memory grows with what is in the file, not with what it says.

    Raises:
        DataError: if it is no such file, is damaged or cut short, or an array is missing, too large or not of numbers.
    """
    try:
        if not path.exists():
            raise DataError("no such file.")
        if not is_regular(path):
            raise DataError("not a regular file.")
        with path.open("rb") as file:
            found = _arrays(file, path.stat().st_size, wanted)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (zlib.error, EOFError) as error:
        raise DataError(f"{path}: damaged or cut short ({error}).") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None
    lacking = [name for name in wanted if name not in found]
    if lacking:
        raise DataError(f"{path}: has no array {listed(lacking)}.")
    return found


class _Stream(Protocol):
    def read(self, count: int, /) -> bytes:
        """Return up to ``count`` bytes, none at the end."""


def _arrays(file: BinaryIO, size: int, wanted: Collection[str]) -> dict[str, Array]:
    order = _byte_order(file.read(_HEADER))
    found: dict[str, Array] = {}
    for _ in range(_MAX_VARIABLES):
        if file.tell() == size:
            return found
        kind, count = struct.unpack(f"{order}II", _exactly(file, 8))
        end = file.tell() + count
        if end > size:
            raise DataError("damaged or cut short: an element ends beyond the file.")
        if kind == _DEFLATED:
            stream: _Stream = _Inflated(file, count)
            kind, _ = struct.unpack(f"{order}II", _exactly(stream, 8))
            allowed = min(_MAX_BYTES, max(_FREELY, _MOST_PACKED * count))
        else:
            stream, allowed = file, min(_MAX_BYTES, count)
        if kind != _MATRIX:
            raise DataError(f"has an element of type {kind}, which is no variable.")
        name, array = _matrix(stream, order, wanted, allowed)
        if array is not None:
            if name in found:
                raise DataError(f"holds two arrays called {name!r}.")
            found[name] = array
            if isinstance(stream, _Inflated):
                stream.check_end()
            elif file.tell() > end:
                raise DataError(f"the array {name!r} is longer than its element.")
        file.seek(end)
    raise DataError(f"holds more than {_MAX_VARIABLES:,} variables.")


def _byte_order(header: bytes) -> str:
    if header.startswith((b"MATLAB 7.3", b"\x89HDF")):
        raise DataError("a MATLAB file of version 7.3, which is HDF5; save it with -v7.")
    order = {b"IM": "<", b"MI": ">"}.get(header[126:])
    if order is None or struct.unpack(f"{order}H", header[124:126]) != (0x100,):
        raise DataError("not a MATLAB file of version 5.")
    return order


def _matrix(stream: _Stream, order: str, wanted: Collection[str], allowed: int) -> tuple[str, Array | None]:
    """Read a variable; one that is not wanted up to its name."""
    flags = struct.unpack(f"{order}II", _element(stream, order, _UINT32, 8, "flags"))[0]
    axes = _element(stream, order, _INT32, 4 * _MAX_AXES, "axes")
    name = _element(stream, order, _INT8, _MAX_NAME, "name").decode("latin-1")
    if name not in wanted:
        return name, None
    if flags & 0xFF not in _CLASSES or flags & _COMPLEX:
        raise DataError(f"{name!r} is no array of real numbers.")
    shape = struct.unpack(f"{order}{len(axes) // 4}i", axes[: len(axes) // 4 * 4])
    if len(shape) < 2 or min(shape) < 0:
        raise DataError(f"{name!r} says the shape {shape}, which cannot be.")
    kind, count, small = _tag(stream, order)
    if kind not in _TYPES:
        raise DataError(f"{name!r} holds values of type {kind}; it must hold numbers.")
    dtype = np.dtype(order + _TYPES[kind])
    if count != math.prod(shape) * dtype.itemsize:
        raise DataError(f"{name!r} says the shape {shape} and holds {count:,} bytes of {dtype.name}.")
    if count > allowed:
        raise DataError(f"{name!r} unpacks to {count:,} bytes; at most {allowed:,} are read.")
    if math.prod(max(n, 1) for n in shape) * dtype.itemsize > _MAX_BYTES:  # beside an axis of 0
        raise DataError(f"{name!r} says the shape {shape}, which cannot be.")
    values = small[:count] if small else _exactly(stream, count)
    return name, np.frombuffer(values, dtype).reshape(shape, order="F")


def _tag(stream: _Stream, order: str) -> tuple[int, int, bytes]:
    """Return type and count of an element, and its four bytes if it is a small one, which has them in its tag."""
    tag = _exactly(stream, 8)
    kind, count = struct.unpack(f"{order}II", tag)
    if kind >> 16:
        kind, count = kind & 0xFFFF, kind >> 16
        if count > 4:
            raise DataError("damaged: a small element says that it is large.")
        return kind, count, bytes(tag[4:])
    return kind, count, b""


def _element(stream: _Stream, order: str, kind: int, most: int, what: str) -> bytes:
    found, count, small = _tag(stream, order)
    if found != kind or count > most:
        raise DataError(f"damaged: the {what} of a variable are of type {found} and {count:,} bytes.")
    if what == "flags" and count != most:
        raise DataError("damaged: the flags of a variable are cut short.")
    return small[:count] if small else bytes(_exactly(stream, -(-count // 8) * 8)[:count])


def _exactly(stream: _Stream, count: int) -> bytearray:
    """Read ``count`` bytes, as they come."""
    values = bytearray()
    while len(values) < count:
        chunk = stream.read(min(_CHUNK, count - len(values)))
        if not chunk:
            raise EOFError(f"{count - len(values):,} bytes are lacking")
        values += chunk
    return values


class _Inflated:
    """What ``count`` bytes of a file unpack to."""

    def __init__(self, file: BinaryIO, count: int) -> None:
        self._file = file
        self._left = count
        self._inflate = zlib.decompressobj()

    def read(self, count: int, /) -> bytes:
        """Return up to ``count`` bytes, none at the end."""
        while not self._inflate.eof:
            packed = self._inflate.unconsumed_tail
            if not packed:
                packed = self._file.read(min(_CHUNK, self._left))
                self._left -= len(packed)
                if not packed:
                    raise EOFError("the deflated values end too soon")
            if data := self._inflate.decompress(packed, count):
                return data
        return b""

    def check_end(self) -> None:
        """Read to the end, where the checksum is.

        Raises:
            DataError: if more comes than padding.
        """
        rest = 0
        while data := self.read(_CHUNK):
            rest += len(data)
            if rest >= 8:
                raise DataError("damaged: an array is shorter than what is packed.")
