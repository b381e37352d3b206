"""What may follow a location: ``FILE?path=photo&label=kind``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, quote

from striate.errors import DataError, unknown_name

__all__ = ["split_options", "with_options"]


def split_options(kind: str, location: str, known: Collection[str]) -> tuple[str, dict[str, str]]:
    """Return a location without its options, and these.

    Raises:
        DataError: if one is unknown, comes twice or has no value.
    """
    place, mark, query = location.rpartition("?")
    if not mark or "=" not in query:
        return location, {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise DataError(
            f"{kind}:{location}: after the '?' stand option=value, joined by '&' ({error})."
        ) from None
    options: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise DataError(f"{kind}:{location}: {unknown_name('option', name, known)}")
        if name in options or not value.strip():
            problem = "comes twice" if name in options else "has no value"
            raise DataError(f"{kind}:{location}: the option {name!r} {problem}.")
        options[name] = value
    return place, options


def with_options(location: str, options: Mapping[str, str]) -> str:
    """Return what `split_options` took apart."""
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    return f"{location}?{query}" if query else location
