"""The loopback server, a catalog of one's own, and a guard so that no test reaches further."""

import socket
import sys
import threading

import pytest
from loopback import HASTE, Server

from striate.data import fetch


@pytest.fixture(autouse=True)
def no_further_than_loopback(monkeypatch):
    """Fail a test that connects to, or asks for the address of, any machine but this one."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self, address):
        assert self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1"), (
            f"reaches out to {address}"
        )
        return connect(self, address)

    def guarded_resolve(host, *arguments, **more):
        assert host in ("127.0.0.1", "localhost"), f"asks for the address of {host}"
        return resolve(host, *arguments, **more)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)


@pytest.fixture
def server():
    """A loopback server; see `Server`."""
    serving = Server()
    thread = threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield serving
    serving.released.set()
    serving.shutdown()
    serving.server_close()
    thread.join()


@pytest.fixture
def put(monkeypatch):
    """Return a function that makes an entry the only one of the catalog."""

    def put(dataset):
        for module in ("striate.data.fetch", "striate.data.fetch.catalog"):
            monkeypatch.setattr(sys.modules[module], "CATALOG", {dataset.name: dataset})
        return dataset

    return put


@pytest.fixture
def bring(put, tmp_path):
    """Return a function that fetches an entry, without pauses, and keeps what was told in ``bring.told``."""

    def bring(dataset, **more):
        put(dataset)
        bring.told = []
        return fetch(
            dataset.name, tmp_path / "data", on_event=bring.told.append, **{"patience": HASTE} | more
        )

    return bring
