"""Redirects: few, to http and https only, never from https to http."""

import http.client
import sys

import pytest
from loopback import contents, entry, status

from striate.errors import DataError

DATA = b"toy" * 1000


@pytest.fixture
def toy(server):
    server.files["real.bin"] = DATA
    return entry("toy", {"toy.bin": DATA}, server.url)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(server, toy, bring, code):
    server.script["toy.bin"] = [status(code, Location="/real.bin")]
    assert contents(bring(toy))["toy.bin"] == DATA


def test_the_range_is_redirected_too(server, toy, bring, tmp_path):
    part = tmp_path / "data" / "toy.part" / "toy.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(DATA[:1000])
    server.script["toy.bin"] = [status(302, Location=f"{server.url}/real.bin")]
    assert contents(bring(toy))["toy.bin"] == DATA
    assert server.ranges() == ["bytes=1000-", "bytes=1000-"]


def test_a_chain_of_five_is_followed_and_of_six_not(server, toy, bring):
    def chain(n):
        server.script["toy.bin"] = [status(302, Location="/toy.bin") for _ in range(n)]
        server.files["toy.bin"] = DATA

    chain(6)
    with pytest.raises(DataError, match="it redirects more than 5 times"):
        bring(toy)
    assert len(server.asked) == 6
    chain(5)
    assert contents(bring(toy))["toy.bin"] == DATA


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/toy.bin",
        "data:,toy",
        "javascript:0",
        "//[",
        "http://127.0.0.1:x/",
    ],
)
def test_another_scheme_is_refused(server, toy, bring, tmp_path, location):
    server.script["toy.bin"] = [status(302, Location=location)]
    with pytest.raises(DataError) as error:
        bring(toy)
    assert f"it redirects to {location!r}, which is no address of http or https" in str(error.value)
    assert list((tmp_path / "data").iterdir()) == []


def test_nowhere(server, toy, bring):
    server.script["toy.bin"] = [status(302)]
    with pytest.raises(DataError, match="it answers 302 Found, but not where to go"):
        bring(toy)


@pytest.mark.parametrize("location", ["http://127.0.0.1/toy.bin", "HTTP://127.0.0.1/toy.bin"])
def test_https_never_becomes_http(location):
    web = sys.modules["striate.data.fetch.web"]
    headers = http.client.HTTPMessage()
    headers["Location"] = location
    asked = web._Request("https://127.0.0.1/toy.bin")
    with pytest.raises(web.Trouble, match=r"it redirects from https to .*, which is not encrypted"):
        web._Redirects().http_error_302(asked, _Closed(), 302, "Found", headers)


class _Closed:
    def close(self):
        pass


def test_an_endless_redirect_is_not_read(server, toy, bring):
    def flood(handler, data):
        handler.send_response(302)
        handler.send_header("Location", "/real.bin")
        handler.end_headers()
        for _ in range(10**6):
            handler.wfile.write(bytes(2**16))

    server.script["toy.bin"] = [flood]
    assert contents(bring(toy))["toy.bin"] == DATA
