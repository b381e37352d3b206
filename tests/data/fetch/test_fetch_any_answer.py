"""Whatever a server answers, the fetch ends in the file or in one message that can be printed."""

import random

import pytest
from loopback import contents, entry

from striate.errors import DataError

DATA = random.Random(0).randbytes(300_000)


@pytest.fixture
def toy(server):
    server.files["toy.bin"] = DATA
    return entry("toy", {"toy.bin": DATA}, server.url)


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff" * 100,
        b"HTTP/9.9 what\r\n\r\n",
        b"HTTP/1.1 999 \x1b[2J\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n" + DATA,
        HEAD + b"Content-Length: many\r\n\r\n" + DATA,
        HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + DATA,
        HEAD + "Content-Length: ٣\r\n\r\n".encode() + DATA,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n" + DATA,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + DATA,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 200 + b"\r\n" + DATA,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 70_000,
        HEAD + b'ETag: "\xe9\x1b"\r\n\r\n' + DATA[:1000],
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/2\r\n\r\nxx",
        b"HTTP/1.1 429 Wait\r\nRetry-After: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 503 Wait\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n",
    ],
)
def test_whatever_is_answered_ends_in_the_file_or_in_one_message(
    server, toy, bring, tmp_path, monkeypatch, answer
):
    monkeypatch.setattr("time.sleep", lambda _: None)

    def step(handler, data):
        handler.wfile.write(answer)

    server.script["toy.bin"] = [step] * 3
    message = None
    try:
        assert contents(bring(toy))["toy.bin"] == DATA
    except DataError as error:
        message = str(error)
    if message is not None:
        assert message.isprintable()
        assert message.startswith("toy.bin cannot be fetched. ")
        assert set(contents(tmp_path / "data")) <= {"toy.part/toy.bin.part", "toy.part/toy.bin.part.from"}
