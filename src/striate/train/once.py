"""`Once`: which symptoms of a run were told already. Each is told once, and again when other layers have it."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Once"]


class Once:
    """Knows what was told of a run."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def new(self, kind: str, layers: Sequence[str]) -> bool:
        """Return whether a symptom is to be told: of its kind, or of one of its layers, nothing was yet."""
        found = {(kind, layer) for layer in layers or ("",)}
        is_new = bool(found - self._told)
        self._told |= found
        return is_new
