"""HTTPS on the loopback: a certificate that nobody vouches for, one that is vouched for, and a redirect to http."""

import shutil
import ssl
import subprocess

import pytest
from loopback import contents, entry, status

from striate.errors import DataError

DATA = b"toy" * 1000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("certificate")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "1"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *made],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def toy(server, certificate):
    server.files["toy.bin"] = DATA
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return entry("toy", {"toy.bin": DATA}, server.url.replace("http:", "https:"))


def test_a_certificate_that_nobody_vouches_for(toy, bring, tmp_path):
    with pytest.raises(DataError, match="its certificate is not accepted"):
        bring(toy)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_certificate_that_is_vouched_for(toy, bring, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    assert contents(bring(toy))["toy.bin"] == DATA


def test_a_redirect_to_http(server, toy, bring, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    server.script["toy.bin"] = [status(302, Location=f"{server.url}/toy.bin")]
    with pytest.raises(
        DataError, match=r"it redirects from https to 'http://127\.0\.0\.1:\d+/toy\.bin', which is not"
    ):
        bring(toy)
    assert len(server.asked) == 1
