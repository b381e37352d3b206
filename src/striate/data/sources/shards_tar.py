"""The members of a tar file, by their headers: ustar, GNU and pax. Nothing is extracted, nothing believed unchecked.

Not Python's tarfile, which takes a damaged header for the end of the archive and reads headers of any length into
memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from striate.data.sources.shards_places import Shard
from striate.errors import DataError

__all__ = ["Member", "members"]

_BLOCK = 512
_MAX_MEMBERS = 4_000_000
_MAX_NAME = 1000
_MAX_RECORDS = 2**20  # bytes of a pax header
_MAX_PADDING = 2**26  # zeros after the end, which programs add to fill a block of a tape
_FILE, _FOLDER = (b"0", b"\0", b"7"), b"5"
_ABOUT_THE_NEXT = (b"x", b"g", b"L")  # headers of pax, and GNU's of a long name
_KINDS = {
    b"1": "a link",
    b"2": "a link",
    b"K": "a link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"S": "a file with holes",
}
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True, slots=True)
class Member:
    """A plain file in a shard: its name, where its bytes begin, how many they are."""

    name: str
    offset: int
    size: int


def members(shard: Shard) -> Iterator[Member]:
    """Yield the plain files of a shard in their order; folders are passed over.

    Raises:
        DataError: naming the shard, and the member where there is one, if it is packed, damaged or cut short, or holds
            what no data set does: links, devices, holes, names that lead elsewhere, headers without end.
    """
    _check_unpacked(shard)
    place = count = 0
    long_name: str | None = None
    records: dict[str, str] = {}
    while True:
        if place + _BLOCK > shard.size:
            raise DataError(_cut(shard))
        header = shard.read(place, _BLOCK)
        if not header.strip(b"\0"):
            _check_end(shard, place)
            return
        _check_sum(shard, header, place)
        count += 1
        if count > _MAX_MEMBERS:
            raise DataError(f"{shard.name}: has more than {_MAX_MEMBERS:,} members; divide it.")
        kind, start = header[156:157], place + _BLOCK
        size = _number(shard, header[124:136], place)
        if kind in _ABOUT_THE_NEXT:
            data = _header_data(shard, start, size)
            if kind == b"L":
                long_name = _text(shard, data.rstrip(b"\0"), start)
            elif kind == b"x":
                records = _records(shard, data, start)
            else:
                _check_global(shard, _records(shard, data, start))
        else:
            size = _whole(shard, records["size"], place) if "size" in records else size
            name = records.get("path") or long_name or _name(shard, header, start)
            _check_name(shard, name)
            holes = any(key.startswith("GNU.sparse.") for key in records)
            if kind not in (*_FILE, _FOLDER) or holes:
                what = "a file with holes" if holes else _KINDS.get(kind, "no plain file")
                raise _refused(shard, name, f"is {what}")
            if start + size > shard.size:
                raise DataError(_cut(shard))
            if kind != _FOLDER and not name.endswith("/"):
                yield Member(name, start, size)
            records, long_name = {}, None
        place = start + -(-size // _BLOCK) * _BLOCK


def _header_data(shard: Shard, start: int, size: int) -> bytes:
    if size > _MAX_RECORDS:
        raise DataError(
            f"{shard.name}: the header at {start:,} bytes has {size:,} more; at most {_MAX_RECORDS:,} are read."
        )
    if start + size > shard.size:
        raise DataError(_cut(shard))
    return shard.read(start, size)


def _check_end(shard: Shard, place: int) -> None:
    """Refuse what follows the end of an archive: no program would ever read it."""
    empty = shard.size - place <= _MAX_PADDING
    while empty and place < shard.size:
        rest = shard.read(place, min(2**20, shard.size - place))
        empty = not rest.strip(b"\0")
        place += len(rest)
    if not empty:
        raise DataError(
            f"{shard.name}: holds more after its end, as files do that were joined; make one tar of them."
        )


def _check_unpacked(shard: Shard) -> None:
    start = shard.read(0, min(_BLOCK, shard.size))
    for magic, name in _PACKED.items():
        if start.startswith(magic):
            raise DataError(
                f"{shard.name}: packed with {name}, so that no image can be read without all before it. "
                "Unpack it to a plain .tar; images are packed already."
            )


def _check_sum(shard: Shard, header: bytes, place: int) -> None:
    plain = header[:148] + b" " * 8 + header[156:]
    said = _octal(header[148:156])
    if said == sum(plain) or said == sum(byte - 256 if byte > 127 else byte for byte in plain):
        return
    what = "not a tar file" if place == 0 else f"damaged: at {place:,} bytes there is no header of a member"
    raise DataError(f"{shard.name}: {what}.")


def _number(shard: Shard, field: bytes, place: int) -> int:
    """Return a size: octal digits, or where those do not suffice, the first bit set and then the number itself."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    size = _octal(field)
    if size is None:
        raise DataError(f"{shard.name}: damaged: the header at {place:,} bytes tells no size.")
    return size


def _octal(field: bytes) -> int | None:
    digits = field.strip(b" \0")
    return None if not digits or digits.strip(b"01234567") else int(digits, 8)


def _whole(shard: Shard, text: str, place: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise DataError(f"{shard.name}: damaged: the header at {place:,} bytes tells no size.")
    return int(text)


def _name(shard: Shard, header: bytes, place: int) -> str:
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return _text(shard, prefix + b"/" + name if prefix else name, place)


def _text(shard: Shard, data: bytes, place: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise DataError(f"{shard.name}: the name of the member at {place:,} bytes is not UTF-8.") from None


def _records(shard: Shard, data: bytes, start: int) -> dict[str, str]:
    """Return what a pax header says: lines of a length, a key, ``=`` and a value."""
    records: dict[str, str] = {}
    place = 0
    while place < len(data):
        length, space, _ = data[place : place + 20].partition(b" ")
        end = place + int(length) if space and length.isdigit() else 0
        key, equals, value = data[place + len(length) + 1 : end - 1].partition(b"=")
        if not place + len(length) + 3 <= end <= len(data) or data[end - 1 : end] != b"\n" or not equals:
            raise DataError(f"{shard.name}: damaged: the pax header at {start:,} bytes cannot be read.")
        if key in (b"path", b"size") or key.startswith(b"GNU.sparse."):
            records[key.decode(errors="replace")] = _text(shard, value, start)
        place = end
    return records


def _check_global(shard: Shard, records: dict[str, str]) -> None:
    if records:
        raise DataError(
            f"{shard.name}: a header gives every member one {min(records)}; make the tar anew, without."
        )


def _check_name(shard: Shard, name: str) -> None:
    shown = name if len(name) <= 80 else f"{name[:80]}…"
    if len(name) > _MAX_NAME:
        raise _refused(
            shard, shown, f"has a name of {len(name):,} characters; at most {_MAX_NAME:,} are taken"
        )
    if not name.isprintable() or not name:
        raise _refused(shard, shown, "has a name that cannot be printed")
    if name.startswith("/"):
        raise _refused(shard, shown, "is an absolute path")
    if ".." in name.split("/"):
        raise _refused(shard, shown, "leads out of its folder")


def _refused(shard: Shard, name: str, why: str) -> DataError:
    return DataError(f"{shard.name}: its member {name!r} {why}; a shard holds plain files alone.")


def _cut(shard: Shard) -> str:
    return f"{shard.name}: cut short: it ends at {shard.size:,} bytes, before the end of its archive. Bring it whole."
