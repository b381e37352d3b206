"""Names of files that come from elsewhere: which can be made on any system and stay within their folder."""

from __future__ import annotations

import sys

__all__ = ["objection", "parts_of"]

_LONGEST_NAME = 200
_DEEPEST = 20
_FORBIDDEN = frozenset('<>:"|?*\\')  # one system or another gives these a meaning
_FORBIDDEN_HERE = _FORBIDDEN if sys.platform == "win32" else frozenset("\\")


def parts_of(name: str) -> list[str]:
    """Return the folders and the file that a name with slashes says."""
    return [part for part in name.split("/") if part not in ("", ".")]


def objection(name: str, *, anywhere: bool = True) -> str | None:
    """Return what is wrong with a name with slashes, or None; unless ``anywhere``, only this system is to take it."""
    if not name.isprintable():
        return "has characters that do not print"
    if name.startswith("/"):
        return "is an absolute path"
    if ".." in name.split("/"):
        return "leads out of its folder"
    if (_FORBIDDEN if anywhere else _FORBIDDEN_HERE) & set(name):
        return "has a character that is not allowed in a name"
    if any(len(part.encode()) > _LONGEST_NAME for part in parts_of(name)) or len(parts_of(name)) > _DEEPEST:
        return "has a name that is too long"
    return None
