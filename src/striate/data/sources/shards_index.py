"""What a shard holds: its samples, found in one pass over it and kept in the cache, so that it is found once.

A sample is what follows one another in a shard under one name up to the first dot: ``n01/7.jpg``, ``n01/7.cls``. The
index of a shard depends on where that lies, its size, what tells its version, and which members were asked for.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from striate.data.remembering import forget, remember, remembered
from striate.data.sources.shards_places import Shard
from striate.data.sources.shards_tar import Member, members
from striate.errors import DataError, listed

__all__ = ["IMAGES", "ShardIndex", "Wanted", "forget_index", "index_of"]

IMAGES = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "ppm", "pgm", "pbm", "pnm")
"""The extensions of images, unless others are asked for."""

_VERSION = 1
_LABELS = ("cls", "json", "txt")
_KEY = "label"
_MAX_IMAGE = 2**28
_MAX_LABEL = 2**20
_MAX_LABELS = 10_000
_MAX_TEXT = 1000
_CHUNK = 2**20
_NUMBER = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True)
class Wanted:
    """Which members of a sample are its image and its label.

    Attributes:
        images: Extensions, the first that is there; None means the one of `IMAGES`.
        label: An extension, or ``json.KEY`` for a value of a JSON file; None means the first of cls, json.label and txt
            that is there.
    """

    images: tuple[str, ...] | None = None
    label: str | None = None


_Whole = Annotated[int, Field(ge=0, lt=2**63)]
_Signed = Annotated[int, Field(gt=-(2**63), lt=2**63)]
_Text = Annotated[str, Field(max_length=_MAX_TEXT)]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ShardIndex(BaseModel):
    """The samples of a shard, in their order: of each its image's name, place and SHA-256, and its label."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    names: list[_Text]
    offsets: list[_Whole]
    sizes: list[_Whole]
    digests: list[_Digest]
    labels: list[_Signed | _Text | list[_Signed | _Text]]

    def fits(self, shard: Shard) -> bool:
        """Tell whether it can be an index of ``shard``: as many of each, one after another, within its bytes."""
        ends = [start + size for start, size in zip(self.offsets, self.sizes, strict=False)]
        counts = {len(column) for column in (self.names, self.offsets, self.sizes, self.digests, self.labels)}
        return len(counts) == 1 and all(
            before <= start for before, start in zip([0, *ends], [*self.offsets, shard.size], strict=True)
        )


def index_of(shard: Shard, wanted: Wanted) -> ShardIndex:
    """Return the index of a shard, as it is remembered or by reading the shard once.

    Raises:
        DataError: naming the shard, and the member where there is one, that cannot be read as samples.
    """
    known = remembered(_key(shard, wanted), ShardIndex) if shard.version else None
    if known is not None and known.fits(shard):
        return known
    shard.check_parts()  # or training, which asks for parts, would stop amid its first epoch
    made = _made(shard, wanted)
    if shard.version:
        remember(_key(shard, wanted), made)
    return made


def forget_index(shard: Shard, wanted: Wanted) -> None:
    """Have a shard read anew when it is opened next."""
    forget(_key(shard, wanted))


def _key(shard: Shard, wanted: Wanted) -> list[Any]:
    return [_VERSION, shard.key, shard.size, shard.version, wanted.images, wanted.label]


def _made(shard: Shard, wanted: Wanted) -> ShardIndex:
    names: list[str] = []
    offsets: list[int] = []
    sizes: list[int] = []
    digests: list[str] = []
    labels: list[Any] = []
    for key, sample in _samples(shard):
        image = sample[_image(shard, key, sample, wanted.images)]
        label = _label(shard, key, sample, wanted.label)
        names.append(image.name)
        offsets.append(image.offset)
        sizes.append(image.size)
        digests.append(_digest(shard, image))
        labels.append(label)
    return ShardIndex(names=names, offsets=offsets, sizes=sizes, digests=digests, labels=labels)


def _samples(shard: Shard) -> Iterator[tuple[str, dict[str, Member]]]:
    """Yield the name of each sample and its members by their extensions, in small letters."""
    seen: set[str] = set()
    current, sample = "", dict[str, Member]()
    for member in members(shard):
        folder, slash, base = member.name.rpartition("/")
        stem, dot, extension = base.partition(".")
        if not stem or not dot or (base.startswith("__") and base.endswith("__")):
            continue  # hidden, or about the shard: no sample's
        key, extension = f"{folder}{slash}{stem}", extension.lower()
        if key != current:
            if sample:
                yield current, sample
            if key in seen:
                raise DataError(
                    f"{shard.name}: the members of the sample {key!r} do not follow one another, or it is there twice; "
                    "make the tar anew, sorted: tar --sort=name."
                )
            seen.add(key)
            current, sample = key, {}
        if extension in sample:
            raise DataError(f"{shard.name}: the sample {key!r} has two members .{extension}; keep one.")
        sample[extension] = member
    if sample:
        yield current, sample


def _image(shard: Shard, key: str, sample: dict[str, Member], asked: tuple[str, ...] | None) -> str:
    found = [extension for extension in asked or IMAGES if extension in sample]
    if not found:
        raise DataError(
            f"{shard.name}: the sample {key!r} has no image ({listed(asked or IMAGES, 20)}), but {listed(sample)}. "
            "Say by ?image=EXTENSION which member it is, or remove the sample."
        )
    if len(found) > 1 and asked is None:
        raise DataError(
            f"{shard.name}: the sample {key!r} has several images: {listed(found)}. Say by ?image={found[0]} which is "
            "meant."
        )
    image = sample[found[0]]
    if image.size > _MAX_IMAGE:
        raise DataError(
            f"{shard.name}: {image.name} has {image.size:,} bytes; an image may have {_MAX_IMAGE:,}."
        )
    return found[0]


def _label(shard: Shard, key: str, sample: dict[str, Member], asked: str | None) -> Any:
    for extension in _LABELS if asked is None else (asked,):
        extension, _, field = (
            extension.partition(".") if extension.startswith("json.") else (extension, "", _KEY)
        )
        if extension not in sample:
            continue
        member = sample[extension]
        where = f"{shard.name}: {member.name}"
        if member.size > _MAX_LABEL:
            raise DataError(f"{where} has {member.size:,} bytes; a label may have {_MAX_LABEL:,}.")
        try:
            text = shard.read(member.offset, member.size).decode().strip()
        except UnicodeDecodeError:
            raise DataError(f"{where}: not UTF-8.") from None
        if extension != "json":
            return _checked(where, int(text) if _NUMBER.fullmatch(text) else text)
        held = _json(where, text)
        if field in held:
            return _checked(where, held[field])
        if asked is not None:
            raise DataError(f"{where}: has no {field!r}; it has {listed(held) or 'nothing'}.")
    known = ", ".join(_LABELS) if asked is None else asked
    raise DataError(
        f"{shard.name}: the sample {key!r} has no label ({known}), but {listed(sample)}. Say by ?label=EXTENSION or "
        "?label=json.KEY where it stands, or remove the sample."
    )


def _json(where: str, text: str) -> dict[str, Any]:
    try:
        held = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON ({str(error)[:100]}).") from None
    if not isinstance(held, dict):
        raise DataError(f"{where}: must be a JSON object with the label in it.")
    return held


def _checked(where: str, label: Any) -> Any:
    if isinstance(label, list) and len(label) > _MAX_LABELS:
        raise DataError(f"{where}: has {len(label):,} labels; an image may have {_MAX_LABELS:,}.")
    for value in label if isinstance(label, list) else [label]:
        number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
        text = isinstance(value, str) and value.strip() and len(value) <= _MAX_TEXT and value.isprintable()
        if not number and not text:
            raise DataError(
                f"{where}: the label {str(value)[:80]!r} is no class; labels must be whole numbers, or texts of 1 to "
                f"{_MAX_TEXT:,} characters that can be printed, or lists of such."
            )
    return label


def _digest(shard: Shard, member: Member) -> str:
    digest = hashlib.sha256()
    for start in range(0, member.size, _CHUNK):
        digest.update(shard.read(member.offset + start, min(_CHUNK, member.size - start)))
    return digest.hexdigest()
