"""A loopback server that misbehaves as it is told, and small entries for the catalog."""

import hashlib
import http.server
import re
import threading
import time

from striate.data.fetch import DataSet, Patience, RemoteFile

HASTE = Patience(timeout=0.4, attempts=3, pause=0.0)
"""For tests: no pause, and a stall is noticed soon."""


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files``; ``script`` holds for a path how its next requests are answered, in order, then well."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {}
        self.script = {}
        self.asked = []
        self.released = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def ranges(self):
        """Return the Range header of each request, None where there was none."""
        return [headers.get("Range") for _, headers in self.asked]

    def handle_error(self, request, _):
        """Be silent: clients go away in the midst of things on purpose."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass

    def do_GET(self):
        name = self.path.lstrip("/")
        self.server.asked.append((name, dict(self.headers)))
        steps = self.server.script.get(name)
        step = steps.pop(0) if steps else serve()
        step(self, self.server.files.get(name))


def serve(*, cut=None, say=None, ranges=True, content_range=None, body=None, etag=None, stall=None):
    """Answer with the file: cut after so many bytes, saying another length, heeding no ranges, and so on."""

    def step(handler, data):
        if data is None:
            handler.send_error(404)
            return
        sent = data if body is None else body
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        fresh = "If-Range" not in handler.headers or handler.headers["If-Range"] == etag
        if asked and ranges and fresh:
            start = int(asked[1])
            handler.send_response(206)
            handler.send_header(
                "Content-Range", content_range or f"bytes {start}-{len(sent) - 1}/{len(sent)}"
            )
        else:
            handler.send_response(200)
        if etag:
            handler.send_header("ETag", etag)
        rest = sent[start:]
        if say is not False:
            handler.send_header("Content-Length", str(len(rest) if say is None else say))
        handler.end_headers()
        handler.wfile.write(rest if cut is None else rest[:cut])
        handler.wfile.flush()
        if stall:
            handler.server.released.wait(stall)

    return step


def chunks(*, cut=None):
    """Answer in chunks, without a length; cut in the midst of the second if told so."""

    def step(handler, data):
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Connection", "close")
        handler.end_headers()
        half = len(data) // 2
        for i, part in enumerate((data[:half], data[half:])):
            if cut and i:
                handler.wfile.write(b"%x\r\n%s" % (len(part), part[:cut]))
                return
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        handler.wfile.write(b"0\r\n\r\n")

    return step


def status(code, **headers):
    """Answer with a status alone."""

    def step(handler, data):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return step


def silence(seconds):
    """Do not answer."""

    def step(handler, data):
        handler.server.released.wait(seconds)

    return step


def endless(handler, data):
    """Send without end, and without a length, until the client goes."""
    handler.send_response(200)
    handler.end_headers()
    until = time.monotonic() + 20
    while time.monotonic() < until:
        handler.wfile.write(bytes(2**16))


def garbage(handler, data):
    """Speak something else than HTTP."""
    handler.wfile.write(b"\x00\x01 hello\r\n\r\n")


def entry(name, files, *places, unpack=None, kind="folder", arrange=None):
    """Return a catalog entry of ``files``, a mapping of names to contents."""
    return DataSet(
        name=name,
        title=f"A set called {name}",
        licence="CC0",
        homepage="http://127.0.0.1/",
        files=tuple(
            RemoteFile(
                name=file,
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                places=places,
                unpack=unpack,
            )
            for file, data in files.items()
        ),
        kind=kind,
        arrange=arrange,
    )


def contents(folder):
    """Return every file below ``folder`` with what it holds."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
