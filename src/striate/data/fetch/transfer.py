"""One file from one of its places, whole and true: resumed, retried, bounded, checked, and only then given its name.

``NAME.part`` grows until it has the size that the catalog says; ``NAME.part.from`` keeps the tag of the version it
comes from. A file of another digest is thrown away. What a server says of lengths is never trusted: the catalog's size
bounds what is written and its digest decides.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from striate.data.fetch.catalog import RemoteFile
from striate.data.fetch.events import Event, Received, Troubled
from striate.data.fetch.web import Trouble, request
from striate.errors import DataError

__all__ = ["Patience", "digest_of", "transfer"]

_CHUNK = 2**18
_MAX_REQUESTS = 200  # a place may cut a connection often, as long as each brings something, but not for ever


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a place is waited for.

    Attributes:
        timeout: Seconds without a byte after which a connection is given up.
        attempts: How often in a row a place may fail without a new byte, before the next is asked.
        pause: Seconds before the second attempt; doubled for each after it.
        slowest: Bytes per second, over ten timeouts, under which a connection is given up.
    """

    timeout: float = 30.0
    attempts: int = 4
    pause: float = 1.0
    slowest: int = 100


class _False(Exception):
    """A whole file has another digest than it should."""

    def __init__(self, found: str, pieces: int) -> None:
        super().__init__(found)
        self.found = found
        self.pieces = pieces


def transfer(
    file: RemoteFile,
    folder: Path,
    *,
    mirror: str | None,
    patience: Patience,
    tell: Callable[[Event], None],
) -> int:
    """Bring ``file`` into ``folder`` and return how many bytes came for it; none if it is there and true.

    Raises:
        DataError: naming every place and why it failed. The part that came is kept, unless its digest is wrong.
        OSError: if it cannot be written.
    """
    target = folder / file.name
    if target.is_file():
        found = digest_of(target)
        if found == file.sha256:
            return 0
        tell(Troubled(reason=_wrong(target, file, found), then="it is thrown away and fetched again"))
        target.unlink()
    part = _Part(folder / f"{file.name}.part", file)
    failures: list[str] = []
    received = 0
    urls = file.urls(mirror)
    for url in urls:
        try:
            received += _from_place(url, part, patience, tell)
        except Trouble as trouble:
            received += part.received
            failures.append(f"{url}: {trouble}")
            if url != urls[-1]:
                tell(Troubled(reason=failures[-1], then="the next place is asked"))
            continue
        part.path.rename(target)
        part.forget()
        return received
    kept = f" {part.size:,} of {file.size:,} bytes are kept in {part.path}." if part.size else ""
    raise DataError(
        f"{file.name} cannot be fetched. {'; '.join(failures)}.{kept} Try again later, name another place with "
        f"--mirror URL, or put the file into {folder} yourself."
    )


def _from_place(url: str, part: _Part, patience: Patience, tell: Callable[[Event], None]) -> int:
    """Complete ``part`` from one place and return how many bytes came; a part of another version begins anew."""
    failed = requests = 0
    furthest = part.size
    part.received = 0
    while True:
        requests += 1
        try:
            part.check_or_extend(url, patience, tell)
        except Trouble as trouble:
            failed = 1 if part.size > furthest else failed + 1
            furthest = max(furthest, part.size)
            if trouble.restart:
                part.clear()
            if not trouble.passing or failed >= patience.attempts or requests >= _MAX_REQUESTS:
                raise
            wait = max(trouble.wait, patience.pause * 2 ** (failed - 1))
            tell(Troubled(reason=f"{url}: {trouble}", then=f"it is asked again in {wait:g} s"))
            time.sleep(wait)
        except _False as false:
            reason = _wrong(part.path, part.file, false.found)
            part.clear()
            if false.pieces < 2:
                raise Trouble(f"{reason}; it was thrown away", passing=False) from None
            # Pieces of two versions make neither: asked for once more, whole.
            tell(Troubled(reason=reason, then="it came in pieces; it is thrown away and fetched whole"))
        else:
            return part.received


class _Part:
    """``NAME.part``, and how many bytes of it came in this fetch."""

    def __init__(self, path: Path, file: RemoteFile) -> None:
        self.path = path
        self.file = file
        self.received = 0
        self._origin = path.with_name(f"{path.name}.from")
        self._pieces = 2 if self.size else 0  # nobody knows from where

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def clear(self) -> None:
        """Throw away what came."""
        self.path.unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """Forget where it came from."""
        self._origin.unlink(missing_ok=True)
        self._pieces = 0

    def check_or_extend(self, url: str, patience: Patience, tell: Callable[[Event], None]) -> None:
        """Bring what is missing, if anything is, and check the whole."""
        if self.size > self.file.size:
            self.clear()
        if self.size < self.file.size:
            self._extend(url, patience, tell)
        found = digest_of(self.path)
        if found != self.file.sha256:
            raise _False(found, self._pieces)

    def _extend(self, url: str, patience: Patience, tell: Callable[[Event], None]) -> None:
        have = self.size
        response = request(url, start=have, etag=self._tag(url), timeout=patience.timeout)
        with response.body:
            if response.total not in (None, self.file.size):
                said, known = f"{response.total:,}", f"{self.file.size:,}"
                raise Trouble(
                    f"it says that the file has {said} bytes; the published one has {known}", passing=False
                )
            if not response.start:
                self.clear()
            self._origin.write_text(json.dumps({"url": url, "etag": response.etag}))
            self._pieces += 1
            self._receive(response.body, patience, tell)

    def _receive(
        self, body: http.client.HTTPResponse, patience: Patience, tell: Callable[[Event], None]
    ) -> None:
        total = self.file.size
        done = self.size
        since, then = time.monotonic(), done
        with self.path.open("ab") as out:
            while done < total:
                try:
                    chunk = body.read1(min(_CHUNK, total - done))
                except TimeoutError:
                    raise Trouble(f"nothing came for {patience.timeout:g} s", passing=True) from None
                except (http.client.HTTPException, OSError) as error:  # of the network: no file is read
                    raise Trouble(f"the connection was cut ({type(error).__name__})", passing=True) from None
                if not chunk:
                    break
                chunk = chunk[: total - done]  # a chunk of negative length brings more than was asked for
                out.write(chunk)
                done += len(chunk)
                self.received += len(chunk)
                tell(Received(name=self.file.name, done=done, total=total))
                passed = time.monotonic() - since
                if passed > 10 * patience.timeout:
                    if done - then < patience.slowest * passed:
                        raise Trouble(f"only {done - then:,} bytes came in {passed:.0f} s", passing=True)
                    since, then = time.monotonic(), done
        if done < total:
            raise Trouble(f"it ended after {done:,} of {total:,} bytes", passing=True)

    def _tag(self, url: str) -> str:
        """Return the tag of the version that is held, if ``url`` gave it; another place's means nothing there."""
        try:
            origin = json.loads(self._origin.read_text())
            etag = origin["etag"] if origin["url"] == url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        # It goes into a header: whatever is no tag stays out.
        return etag if isinstance(etag, str) and etag.isprintable() and etag.isascii() else ""


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _wrong(path: Path, file: RemoteFile, found: str) -> str:
    return f"{path.name} has SHA-256 {found}, but the published file has {file.sha256}"
