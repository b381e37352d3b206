"""Loads the compiled code: once, beside other work."""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
import threading
from types import ModuleType

__all__ = ["compiled", "prepare", "ready"]

_CODE = "striate.nn.fused.compiled"

_lock = threading.Lock()
_loading: threading.Thread | None = None
_module: ModuleType | None = None


def _wait() -> None:
    """Wait for the code before a process is forked, in which the thread that loads it would be missing."""
    if _loading is not None and _loading is not threading.current_thread():
        _loading.join()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait)


def prepare() -> threading.Thread:
    """Begin to load the compiled code, on a thread of its own, and return that.

    It takes half a second, and the first time on a machine some ten seconds, in which it is compiled.
    """
    global _loading
    with _lock:
        if _loading is None:
            _loading = threading.Thread(target=_load, name="striate-fused-loading", daemon=True)
            _loading.start()
        return _loading


def ready(seconds: float | None) -> bool:
    """Return whether the compiled code can be had, after waiting so long at most; None waits to the end."""
    thread = prepare()
    thread.join(seconds)
    return not thread.is_alive() and _module is not None


def compiled() -> ModuleType | None:
    """Return the module of the compiled code, waiting until it is loaded, or None where it cannot be had."""
    prepare().join()
    return _module


def _load() -> None:
    global _module
    with contextlib.suppress(
        Exception
    ):  # without Numba, or where it cannot compile, torch does it, more slowly
        try:
            _module = importlib.import_module(_CODE)
        except RuntimeError:  # neither here nor at home can what is compiled be kept
            importlib.import_module("numba").config.CACHE_DIR = tempfile.mkdtemp(prefix="striate-")
            _module = importlib.import_module(_CODE)
