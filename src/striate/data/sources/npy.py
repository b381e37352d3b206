"""Arrays out of ``.npy`` files and the members of ``.npz`` ones. Nothing is unpickled, and no header is believed.

Format: a magic, a header of text with type, order and shape, the values (numpy.lib.format).
"""

from __future__ import annotations

import math
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from striate.data.decode import is_regular
from striate.data.labels import check_text
from striate.data.wording import quoted
from striate.errors import DataError

__all__ = ["Npz", "check_whole", "map_npy"]

Array = NDArray[Any]
_MAX_BYTES = 8 * 2**30
_FREELY = 256 * 2**20
_MOST_PACKED = 100  # photographs shrink less than 3 times, drawings some 20 times; deflate can reach 1,032
_CHUNK = 2**20
_KINDS = {"b": "booleans", "i": "whole numbers", "u": "whole numbers", "f": "fractions", "U": "texts"}


def map_npy(path: Path) -> Array:
    """Return the array of a ``.npy`` file, mapped: nothing is read until asked for, nothing written back.

    Raises:
        DataError: naming what is wrong with the file.
    """
    try:
        if not is_regular(path):
            raise DataError(f"{path}: not a regular file.")
        with path.open("rb") as file:
            dtype, shape, by_column = _header(file, str(path))
            start, size = file.tell(), path.stat().st_size
        wanted = math.prod(shape) * dtype.itemsize
        if size - start != wanted:
            raise DataError(
                f"{path}: its header says {wanted:,} bytes of values and it holds {size - start:,}; it is damaged "
                "or cut short."
            )
        if not wanted:
            if math.prod(max(n, 1) for n in shape) > _MAX_BYTES:
                raise DataError(f"{path}: its header is damaged (an array of {shape}).")
            return np.zeros(shape, dtype)
        return np.memmap(path, dtype, "c", start, shape, "F" if by_column else "C")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None


def check_whole(array: Array) -> None:
    """Check that the file of a mapped array is not shorter than it was: to read beyond its end ends the process.

    Raises:
        DataError: naming the file.
    """
    if not isinstance(array, np.memmap) or array.filename is None:
        return
    try:
        size = Path(array.filename).stat().st_size
    except OSError:  # it lost its name; what is mapped stays
        return
    if size < array.offset + array.nbytes:
        raise DataError(
            f"{array.filename}: has been cut short since it was opened; restore it and start again."
        )


class Npz:
    """A ``.npz`` file, open; to be used with ``with``.

    Raises:
        DataError: if it is no zip archive.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._archive = zipfile.ZipFile(path)
            found = self._archive.infolist()
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None
        except Exception as error:  # a broken directory may make zipfile raise anything
            raise DataError(f"{path}: not a .npz file, or damaged ({quoted(error)}).") from None
        self._members = {info.filename.removesuffix(".npy"): info for info in found}
        if len(self._members) < len(found):
            raise DataError(f"{path}: holds two arrays of one name.")
        for name in self._members:
            check_text(str(path), "array's name", name)

    def __enter__(self) -> Npz:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays."""
        return tuple(self._members)

    def read(self, name: str) -> Array:
        """Return one array.

        Raises:
            DataError: if it is damaged, of objects, too large, or larger than its header or the archive says.
        """
        info, where = self._members[name], f"{self._path} {name}"
        allowed = min(_MAX_BYTES, max(_FREELY, _MOST_PACKED * info.compress_size))
        if info.file_size > allowed:
            raise DataError(
                f"{where}: unpacks from {info.compress_size:,} to {info.file_size:,} bytes; at most {allowed:,} are "
                "read. Save it without compression (numpy.savez)."
            )
        try:
            with self._archive.open(info) as file:
                dtype, shape, by_column = _header(file, where)
                values = _values(file, math.prod(shape) * dtype.itemsize, allowed, where)
            return np.frombuffer(values, dtype).reshape(shape, order="F" if by_column else "C")
        except DataError:
            raise
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise DataError(f"{where}: damaged or cut short ({quoted(error)}).") from None
        except Exception as error:  # such as a password, or a packing that is not known
            raise DataError(f"{where}: cannot be read ({quoted(error)}).") from None


def _header(file: IO[bytes], where: str) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    """Return type, shape, and whether columns come first."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            version = np.lib.format.read_magic(file)
            readers = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }
            shape, by_column, dtype = readers[version](file)
    except (zipfile.BadZipFile, zlib.error):
        raise
    except Exception as error:  # the header is a Python literal, which may fail in any way
        raise DataError(
            f"{where}: not an array of numpy, or its header is damaged ({quoted(error)})."
        ) from None
    if dtype.kind not in _KINDS or not dtype.itemsize:
        raise DataError(
            f"{where}: an array of {str(dtype)[:80]}; {', '.join(dict.fromkeys(_KINDS.values()))} are read, and "
            "nothing is unpickled. Save images as uint8 and labels as whole numbers or texts."
        )
    if not all(type(n) is int and 0 <= n < 2**40 for n in shape) or len(shape) > 8:
        raise DataError(f"{where}: its header says the shape {str(shape)[:80]}, which cannot be.")
    return dtype, shape, by_column


def _values(file: IO[bytes], wanted: int, allowed: int, where: str) -> bytearray:
    """Read the values; memory grows with what is there, not with what a header says."""
    if wanted > allowed:
        raise DataError(f"{where}: its header says {wanted:,} bytes; at most {allowed:,} are read.")
    values = bytearray()
    while chunk := file.read(min(_CHUNK, wanted + 1 - len(values))):  # one more, to see whether more follow
        values += chunk
    if len(values) != wanted:
        how = "more" if len(values) > wanted else f"only {len(values):,}"
        raise DataError(
            f"{where}: its header says {wanted:,} bytes of values and it holds {how}; it is damaged or cut short."
        )
    return values
