"""What a pack file is: where everything lies, and what must be true of it before anything is believed.

All numbers are little-endian. A file is

    prefix    40 bytes at 0: magic, version, CRC-32, offset and length of the header; written last of all
    sections  from 4096 on, for each split: images uint8 (N, C, H, W) from a page's start; targets int64 (N,), or uint8
              (N, K) of several labels; the names in UTF-8 and where each ends; the CRC-32 of each block of images
    header    JSON, up to the very end of the file

A block is as many whole images as fit in 1 MiB, at least one. Nothing is pickled. This module opens no file.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from striate.data.labels import check_class_names
from striate.data.source import SPLITS
from striate.data.wording import quoted
from striate.errors import DataError, bad_argument, listed

__all__ = [
    "MAX_HEADER",
    "PAGE",
    "PREFIX_SIZE",
    "VERSION",
    "Header",
    "Section",
    "Settings",
    "SplitLayout",
    "check_names",
    "images_per_block",
    "prefix_bytes",
    "read_header",
    "read_prefix",
]

VERSION = 1
PAGE = 4096
MAX_HEADER = 64 * 2**20
_MAGIC = b"\x89STRIATE-PACK\r\n\x1a"
_PREFIX = struct.Struct("<16sIIQQ")
PREFIX_SIZE = _PREFIX.size
_BLOCK = 2**20
_TARGET_BYTES = 8

_Whole = Annotated[int, Field(ge=0, lt=2**63)]
_Side = Annotated[int, Field(ge=1, lt=2**16)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Section(_Strict):
    """Bytes of the file: where they begin, how many they are, and their CRC-32."""

    offset: _Whole
    length: _Whole
    crc: Annotated[int, Field(ge=0, lt=2**32)]


class SplitLayout(_Strict):
    """Where a split lies.

    Attributes:
        count: How many images it has.
        multi_label: Whether targets are uint8 ``(N, K)``.
        images: Their CRC is 0; they have one per block.
        name_ends: int64, where each name ends in ``names``.
        checksums: uint32, the CRC-32 of each block of images.
    """

    count: _Whole
    multi_label: bool
    images: Section
    targets: Section
    name_ends: Section
    names: Section
    checksums: Section


class Header(_Strict):
    """What a pack says of itself.

    Attributes:
        source: What it was packed from.
        source_fingerprint: The fingerprint of that.
        shape: ``(C, H, W)`` of every image.
        mean: Per channel, of the training split scaled to 0..1; None without one.
        std: Likewise.
        settings: How it was packed, for people to read.
        skipped: What was told of each image that was left out.
    """

    source: str
    source_fingerprint: str
    class_names: tuple[str, ...]
    shape: tuple[Literal[1, 3], _Side, _Side]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    settings: dict[str, str | int | None]
    skipped: tuple[str, ...]
    splits: dict[str, SplitLayout]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How images are decoded for a pack.

    Attributes:
        jpeg: Whether JPEG files may be decoded at 1/2, 1/4 or 1/8 of their size, which is faster. ``never`` gives the
            numbers that training on the files themselves gives; ``fine`` does it where at least twice the wanted size
            is left on both axes, ``fast`` where at least the wanted size is left.
        max_pixels: Images of more pixels are refused; None means ``$STRIATE_MAX_PIXELS``, else 178,956,970.

    Raises:
        DataError: if a value is none of these.
    """

    jpeg: Literal["never", "fine", "fast"] = "fine"
    max_pixels: int | None = None

    def __post_init__(self) -> None:
        if self.jpeg not in ("never", "fine", "fast"):
            raise DataError(bad_argument("jpeg", self.jpeg, "never, fine or fast"))
        if self.max_pixels is not None and self.max_pixels < 1:
            raise DataError(
                bad_argument("max_pixels", self.max_pixels, "1 or more, or None for the usual limit")
            )

    def least(self, height: int, width: int) -> tuple[int, int] | None:
        """Return the height and width that a JPEG file must keep when decoded; None means its own."""
        if self.jpeg == "never":
            return None
        times = 2 if self.jpeg == "fine" else 1
        return times * height, times * width


def images_per_block(shape: tuple[int, int, int]) -> int:
    """Return how many images of ``shape`` make a block."""
    return max(1, _BLOCK // math.prod(shape))


def prefix_bytes(*, crc: int, offset: int, length: int) -> bytes:
    """Return the prefix for a header."""
    return _PREFIX.pack(_MAGIC, VERSION, crc, offset, length)


def read_prefix(prefix: bytes, size: int) -> tuple[int, int, int]:
    """Return CRC-32, offset and length of the header of a file of ``size`` bytes that begins with ``prefix``.

    Raises:
        DataError: without the file's name, if this is no pack, or a newer, unfinished or cut one.
    """
    if len(prefix) < PREFIX_SIZE or prefix[: len(_MAGIC)] != _MAGIC:
        raise DataError("not a pack, or one that was not finished; striate data pack makes one.")
    _, version, crc, offset, length = _PREFIX.unpack(prefix[:PREFIX_SIZE])
    if version != VERSION:
        raise DataError(f"a pack of version {version}; this version of striate reads {VERSION}. Pack again.")
    if length > MAX_HEADER or offset < PAGE or offset + length != size:
        raise DataError(
            f"damaged or cut short: it holds {size:,} bytes and says {offset + length:,}. Pack again."
        )
    return crc, offset, length


def read_header(text: bytes, end: int) -> Header:
    """Return the header that ``text`` is, every section of which lies between the first page and ``end``.

    Raises:
        DataError: without the file's name, if it is malformed or contradicts itself.
    """
    try:
        header = Header.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = quoted(".".join(map(str, first["loc"])) or "JSON")
        raise DataError(f"its header is damaged ({where}: {quoted(first['msg'])}). Pack again.") from None
    check_names("its header", header.class_names, header.splits)
    for figures in (header.mean, header.std):
        if figures is not None and len(figures) != header.shape[0]:
            raise DataError(f"its header is damaged (statistics of {len(figures)} channels). Pack again.")
        if figures is not None and not all(0 <= value <= 1 for value in figures):  # NaN is neither
            raise DataError("its header is damaged (statistics that are not within 0 to 1). Pack again.")
    for name, split in header.splits.items():
        _check_split(name, split, header, end)
    return header


def check_names(where: str, class_names: Sequence[str], splits: Collection[str]) -> None:
    """Check what a pack calls classes and splits.

    Raises:
        DataError: naming ``where`` they stand.
    """
    check_class_names(where, class_names)
    if not splits or not set(splits) <= set(SPLITS):
        told = quoted(listed(map(repr, splits)) or "none")
        raise DataError(f"{where}: its splits are {told}; a pack has some of {', '.join(SPLITS)}.")


def _check_split(name: str, split: SplitLayout, header: Header, end: int) -> None:
    per_target = len(header.class_names) if split.multi_label else _TARGET_BYTES
    blocks = -(-split.count // images_per_block(header.shape))
    wanted: Mapping[str, tuple[Section, int, int]] = {  # section, bytes, what its start is a multiple of
        "images": (split.images, split.count * math.prod(header.shape), PAGE),
        "targets": (split.targets, split.count * per_target, 8),
        "name_ends": (split.name_ends, split.count * 8, 8),
        "names": (split.names, split.names.length, 1),
        "checksums": (split.checksums, blocks * 4, 4),
    }
    for what, (section, length, step) in wanted.items():
        inside = section.offset >= PAGE and section.offset + section.length <= end
        if section.length != length or section.offset % step or not inside:
            raise DataError(f"its header is damaged ({what} of the split {name!r} do not fit). Pack again.")
