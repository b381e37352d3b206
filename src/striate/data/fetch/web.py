"""One request: an HTTP or HTTPS response from an offset on, or the reason why not.

It knows nothing of files, digests or retries. Redirects are few and never lead to another scheme, nor from https to
http.
"""

from __future__ import annotations

import email.message
import http.client
import re
import ssl
import string
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import IO, Any

__all__ = ["BadAddress", "Response", "Trouble", "check_url", "request"]

_MAX_REDIRECTS = 5
_NUMBER = re.compile("[0-9]{1,18}")  # of more digits nothing is
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 60.0


class BadAddress(ValueError):
    """A URL is not one that is asked."""


class Trouble(Exception):
    """A transfer failed.

    Attributes:
        passing: Whether asking the same place again may help.
        wait: Seconds that the server asks to wait; 0 if it does not.
        restart: Whether the part that was there before does not fit and must go.
    """

    def __init__(self, reason: str, *, passing: bool, wait: float = 0.0, restart: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing
        self.wait = wait
        self.restart = restart


@dataclass(frozen=True, kw_only=True)
class Response:
    """What a server sends.

    Attributes:
        body: To be read; closed by the caller.
        start: The offset at which the body begins; 0 where the server did not heed the range.
        total: The size of the whole file as the server says it; None where it does not.
        etag: The strong tag of this version of the file; empty where there is none.
    """

    body: http.client.HTTPResponse
    start: int
    total: int | None
    etag: str


def check_url(url: str) -> None:
    """Refuse a URL that is not plain http or https.

    Raises:
        BadAddress: naming it.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        plain = url.isascii() and url.isprintable() and " " not in url
        good = plain and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket that is not closed, a port that is no number
        good = False
    if not good:
        raise BadAddress(f"{url!r} is no address to fetch from; write http://… or https://….")


class _Request(urllib.request.Request):
    """A request that knows how many redirects led to it."""

    redirects = 0


class _Redirects(urllib.request.BaseHandler):
    """Follows few redirects, to http and https only, and from https never to http.

    urllib's own handler also takes ftp, and reads all that comes with a redirect, however much that is.
    """

    def http_error_302(
        self, req: _Request, fp: IO[bytes], code: int, _msg: str, headers: http.client.HTTPMessage
    ) -> Any:
        fp.close()
        said = headers.get("Location", "")
        if not said:
            raise Trouble(f"it answers {_named(code)}, but not where to go", passing=False)
        if req.redirects == _MAX_REDIRECTS:
            raise Trouble(f"it redirects more than {_MAX_REDIRECTS} times", passing=False)
        try:
            url = urllib.parse.urljoin(req.full_url, urllib.parse.quote(said, safe=string.punctuation))
            check_url(url)
        except ValueError:
            raise Trouble(
                f"it redirects to {said!r}, which is no address of http or https", passing=False
            ) from None
        if req.full_url.lower().startswith("https:") and not url.lower().startswith("https:"):
            raise Trouble(f"it redirects from https to {said!r}, which is not encrypted", passing=False)
        next_one = _Request(url, headers={**req.headers, **req.unredirected_hdrs})
        next_one.remove_header("Host")
        next_one.redirects = req.redirects + 1
        return self.parent.open(next_one, timeout=req.timeout)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener that knows http and https alone: no files, no ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def request(url: str, *, start: int, etag: str, timeout: float) -> Response:
    """Ask for ``url`` from byte ``start`` on, if it is still the version of ``etag``.

    Raises:
        Trouble: telling why there is no response.
    """
    check_url(url)
    headers = {"User-Agent": "striate", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if etag:
            headers["If-Range"] = etag
    try:
        body = _opener().open(_Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(error) from None
    except TimeoutError:
        raise Trouble(f"no answer within {timeout:g} s", passing=True) from None
    except urllib.error.URLError as error:
        raise _unreached(error.reason, timeout) from None
    except (http.client.InvalidURL, UnicodeError) as error:
        raise Trouble(f"it is no address ({error})", passing=False) from None
    except http.client.HTTPException as error:
        raise Trouble(f"the answer is not HTTP ({type(error).__name__})", passing=True) from None
    except OSError as error:
        raise _unreached(error, timeout) from None
    try:
        return _understood(body, start)
    except Trouble:
        body.close()
        raise


def _understood(body: http.client.HTTPResponse, start: int) -> Response:
    etag = body.headers.get("ETag", "")
    etag = "" if etag.startswith("W/") else etag
    if body.status == http.HTTPStatus.OK:
        return Response(body=body, start=0, total=_length(body.headers), etag=etag)
    if body.status != http.HTTPStatus.PARTIAL_CONTENT:
        raise Trouble(f"it answers {body.status}, neither a file nor a part of one", passing=False)
    said = body.headers.get("Content-Range", "")
    found = _RANGE.fullmatch(said.strip())
    if not start or not found or int(found[1]) != start:
        asked = f"from byte {start:,} on was asked for"
        raise Trouble(f"it sends {said or 'an unnamed part'!r} where {asked}", passing=True, restart=True)
    total = None if found[3] == "*" else int(found[3])
    return Response(body=body, start=start, total=total, etag=etag)


def _length(headers: email.message.Message) -> int | None:
    said = headers.get("Content-Length", "")
    return int(said) if _NUMBER.fullmatch(said) else None


def _refused(error: urllib.error.HTTPError) -> Trouble:
    if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return Trouble("it has no such part of the file (416)", passing=True, restart=True)
    asked = error.headers.get("Retry-After", "") if error.headers else ""
    wait = float(asked) if _NUMBER.fullmatch(asked) else 0.0
    return Trouble(
        f"it answers {_named(error.code)}",
        passing=error.code in _PASSING,
        wait=min(wait, _LONGEST_WAIT),
    )


def _named(code: int) -> str:
    """Return a status with the name that the standard gives it; the server's own may be anything."""
    return f"{code} {http.client.responses.get(code, '')}".rstrip()


def _unreached(reason: object, timeout: float) -> Trouble:
    if isinstance(reason, TimeoutError):
        return Trouble(f"no answer within {timeout:g} s", passing=True)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Trouble(f"its certificate is not accepted ({reason.verify_message})", passing=False)
    told = getattr(reason, "strerror", None) or str(reason)
    return Trouble(f"it cannot be reached ({told})", passing=True)
