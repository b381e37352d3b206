"""Which locations are on other machines, the file system that reads them, and what may be told of them.

A location may hold secrets: a name and password before the host, a signature after the ``?``. They are used to reach
the place and stand in no message, no name of a source and no run.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from striate.data.wording import quoted
from striate.errors import DataError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["Place", "filesystem", "is_remote"]

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # of two letters or more: C:// is a disk
_PARTS = re.compile(r"([^:/]+)://(?:([^/?#]*)@)?([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_CHAINED = re.compile(r"::[a-z/.~]", re.IGNORECASE)
_WEB = ("http", "https")
_HIDDEN = "***"
_URL = re.compile(r"[a-z][a-z0-9+.-]+://[^\s'\"<>)]*", re.IGNORECASE)
_CONNECTING = 30.0
_SILENT = 60.0


def is_remote(location: str) -> bool:
    """Tell ``s3://bucket/set`` and the like from a path of this machine."""
    return _SCHEME.match(location) is not None


def filesystem(location: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a remote ``location``, and the path in it.

    Raises:
        DataError: if there is none for its scheme, or the package that speaks it is not installed.
    """
    import fsspec

    scheme = location.partition("://")[0].lower()
    try:
        system, path = fsspec.core.url_to_fs(location, **_settings(scheme))
    except (ImportError, ValueError) as error:
        raise DataError(
            f"{_told(location)}: cannot read {scheme}:// ({_scrubbed(str(error))}). Striate reads what fsspec does: "
            "pip install 'striate[remote]' for http(s)://, s3fs for s3://, gcsfs for gs://."
        ) from None
    return system, path


def _settings(scheme: str) -> dict[str, object]:
    """Return what fsspec is to do otherwise: its own limit on the web is five minutes for a file of any size."""
    if scheme not in _WEB:
        return {}
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECTING, sock_read=_SILENT)
    return {
        "client_kwargs": {"timeout": timeout, "trust_env": True}
    }  # proxies, and the passwords of ~/.netrc


@dataclass(frozen=True)
class Place:
    """A location on another machine.

    Attributes:
        location: As it is reached, perhaps with secrets.
        name: As it is told and kept: without name and password, each value after the ``?`` hidden.

    Raises:
        DataError: if the location is none, or is a name whose secrets were hidden.
    """

    location: str = field(repr=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        name = _told(self.location)
        object.__setattr__(self, "name", name)
        parts = _PARTS.fullmatch(self.location)
        if parts is None or not parts[3].strip("/") or not self.location.isprintable():
            raise DataError(
                f"{name!r} names no place; write scheme://host/path, such as s3://bucket/flowers."
            )
        if _CHAINED.search(parts[3]):
            raise DataError(
                f"{name}: one place within another ('::') is not read; name the files themselves."
            )
        if self.location == name and f"={_HIDDEN}" in name:
            raise DataError(
                f"{name}: what stood after the '?' was not kept, for it may be secret; give the whole address again "
                "(--data ADDRESS)."
            )

    @property
    def web(self) -> bool:
        """Whether it is of http or https."""
        return self.location.partition("://")[0].lower() in _WEB

    @property
    def query(self) -> bool:
        """Whether it is of the web and has a ``?``, so that nothing can be below it."""
        return self.web and "?" in self.location

    @property
    def file_name(self) -> str:
        """The last part of its path."""
        last = self._path_name.rpartition("/")[2]
        return unquote(last) if self.web else last

    @property
    def folder_name(self) -> str:
        """The name of the folder that it is in."""
        return self._path_name.rpartition("/")[0]

    @property
    def _path_name(self) -> str:
        return (self.name.partition("?")[0] if self.web else self.name).rstrip("/")

    @property
    def digest(self) -> str:
        """A hash of the location without name and password."""
        parts = _PARTS.fullmatch(self.location)
        assert parts is not None
        plain = "\n".join((parts[1].lower(), parts[3].rstrip("/"), parts[4] or ""))
        return hashlib.sha256(plain.encode(errors="surrogateescape")).hexdigest()

    def below(self, name: str) -> str:
        """Return the location of the file ``name`` below this folder."""
        return f"{self.location.rstrip('/')}/{quote(name) if self.web else name}"

    def beside(self, name: str) -> str:
        """Return the location of the file ``name`` relative to the folder of this file."""
        path = self.location.partition("?")[0] if self.web else self.location
        return Place(path.rpartition("/")[0]).below(name)

    def scrubbed(self, text: str) -> str:
        """Return what a library says of it in a line, without secrets."""
        return _scrubbed(text)


def _scrubbed(text: str) -> str:
    first = next(iter(text.splitlines()), "")
    return quoted(_URL.sub(lambda found: _told(found[0]), first))


def _told(location: str) -> str:
    """Return a location without its secrets."""
    parts = _PARTS.fullmatch(location)
    if parts is None:
        return "this location"
    scheme, user, path, query = parts.groups()
    # Elsewhere a name before the @ is a user, or a container of Azure.
    shown = f"{user}@" if user and ":" not in user and scheme.lower() not in _WEB else ""
    hidden = ""
    if query is not None:
        options = (part.partition("=") for part in query.split("&"))
        hidden = f"?{query}"
        if scheme.lower() in _WEB:
            hidden = "?" + "&".join(f"{name}={_HIDDEN}" if mark else _HIDDEN for name, mark, _ in options)
    # A page of the web may be another without its last slash.
    return f"{scheme}://{shown}{path if scheme.lower() in _WEB else path.rstrip('/')}{hidden}"
