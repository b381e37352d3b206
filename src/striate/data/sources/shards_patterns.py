"""Patterns of places: braces written out, ``*`` and ``[…]`` matched against what a folder holds."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

from striate.data.remote import is_remote
from striate.data.sources.shards_places import SHARDS, below, last_name, told
from striate.errors import DataError

__all__ = ["is_folder", "matching"]

_MAX_SHARDS = 100_000
_MAX_BRACES = 50
_RANGE = re.compile(r"([0-9]{1,18})\.\.([0-9]{1,18})")
_MAGIC = re.compile(r"[*\[]")


def is_folder(location: str) -> bool:
    """Tell a folder from a file or a pattern of files; on another machine by its name."""
    if not is_remote(location):
        return Path(location).is_dir()
    return not (
        SHARDS.fullmatch(last_name(location))
        or _at_braces(location)[1] is not None
        or _MAGIC.search(location)
    )


def matching(pattern: str) -> list[str]:
    """Return the places that a pattern names: braces written out in their order, then ``*`` and ``[…]``, sorted.

    Raises:
        DataError: if one matches nothing, or if there are too many.
    """
    places: list[str] = []
    for place in _expanded(pattern):
        folder, _, last = place.rpartition("/")
        if not _MAGIC.search(last) or (not is_remote(place) and Path(place).exists()):
            places.append(place)
            continue
        if _MAGIC.search(folder) and (is_remote(folder) or not Path(folder).exists()):
            raise DataError(f"{told(place)}: only the last part of a pattern may hold * or [.")
        found = [shard for shard in below(folder).get("", []) if fnmatch.fnmatchcase(last_name(shard), last)]
        if not found:
            raise DataError(f"{told(place)}: no tar file matches.")
        places += found
    _check_count(pattern, len(places))
    return places


def _expanded(pattern: str) -> list[str]:
    """Write braces out: ``a-{00..02}.tar`` is ``a-00.tar a-01.tar a-02.tar``, ``{a,b}.tar`` is ``a.tar b.tar``."""
    if pattern.count("{") > _MAX_BRACES:
        raise DataError(f"{told(pattern)}: has more than {_MAX_BRACES} braces.")
    before, inner, rest = _at_braces(pattern)
    if inner is None:
        return [pattern]
    choices, ends = _choices(pattern, inner), _expanded(rest)
    _check_count(pattern, len(choices) * len(ends))
    return [before + choice + end for choice in choices for end in ends]


def _at_braces(pattern: str) -> tuple[str, str | None, str]:
    """Divide a pattern at its first braces that are closed; there may be others within. None if there are none."""
    for start in (i for i, sign in enumerate(pattern) if sign == "{"):
        depth = 0
        for end in range(start, len(pattern)):
            depth += {"{": 1, "}": -1}.get(pattern[end], 0)
            if depth == 0:
                return pattern[:start], pattern[start + 1 : end], pattern[end + 1 :]
    return pattern, None, ""


def _choices(pattern: str, text: str) -> list[str]:
    """Return what stands within braces: numbers, or parts between commas, which may have braces again."""
    numbers = _RANGE.fullmatch(text)
    if numbers is None:
        parts = [""]
        for piece in re.split(r"([{},])", text):
            if piece == "," and parts[-1].count("{") == parts[-1].count("}"):
                parts.append("")
            else:
                parts[-1] += piece
        inner = [choice for part in parts for choice in _expanded(part)]
        return inner if len(parts) > 1 else [f"{{{choice}}}" for choice in inner]
    first, last = int(numbers[1]), int(numbers[2])
    if first > last:
        raise DataError(f"{told(pattern)}: {{{text}}} runs backwards; write the lower number first.")
    _check_count(pattern, last - first + 1)
    padded = any(number.startswith("0") and len(number) > 1 for number in numbers.groups())
    width = max(map(len, numbers.groups())) if padded else 1
    return [f"{number:0{width}}" for number in range(first, last + 1)]


def _check_count(pattern: str, count: int) -> None:
    if count > _MAX_SHARDS:
        raise DataError(f"{told(pattern)}: names {count:,} shards; at most {_MAX_SHARDS:,} are read.")
