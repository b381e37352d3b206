"""Files and folders that systems leave beside images; no kind of source that lists a folder sees them."""

from __future__ import annotations

__all__ = ["is_passed_over"]

_CLUTTER = ("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "__macosx")


def is_passed_over(name: str) -> bool:
    """Return whether a file or folder of that name is hidden, or left by Windows or macOS."""
    return name.startswith(".") or name.lower() in _CLUTTER
