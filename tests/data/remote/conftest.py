"""The file system in memory, a server on loopback, and a cache of each test's own."""

import threading

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from remote.mirroring import Server
from striate.data.remote import transfer, trouble


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """Mirrors go into a folder of the test's own, and nothing waits long."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("STRIATE_CACHE", str(folder))
    monkeypatch.delenv("STRIATE_REMOTE_LIMIT", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(transfer, "_PAUSE", 0.01)
    monkeypatch.setattr(trouble, "_PAUSE", 0.01)
    return folder


@pytest.fixture
def memory(monkeypatch):
    """The file system behind ``memory://``, empty, which counts what is fetched of it in ``fetched``."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    system.fetched = []
    get = MemoryFileSystem.get_file

    def counted(self, path, *arguments, **more):
        system.fetched.append(path)
        return get(self, path, *arguments, **more)

    monkeypatch.setattr(MemoryFileSystem, "get_file", counted)
    yield system
    system.store.clear()


@pytest.fixture
def server():
    serving = Server()
    thread = threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield serving
    serving.shutdown()
    serving.server_close()
    thread.join()
