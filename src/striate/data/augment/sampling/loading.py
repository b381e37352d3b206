"""Loads the compiled code: once, beside other work."""

from __future__ import annotations

import importlib
import threading
from types import ModuleType

__all__ = ["compiled", "prepare", "ready"]

_lock = threading.Lock()
_loading: threading.Thread | None = None
_module: ModuleType | None = None


def prepare() -> threading.Thread:
    """Begin to load the compiled code, on a thread of its own, and return that.

    It takes a third of a second, and the first time on a machine some ten seconds, in which it is compiled.
    """
    global _loading
    with _lock:
        if _loading is None:
            _loading = threading.Thread(target=_load, name="striate-augment-loading", daemon=True)
            _loading.start()
        return _loading


def ready(seconds: float) -> bool:
    """Return whether the compiled code is loaded, or cannot be had, after waiting so long at most."""
    thread = prepare()
    thread.join(seconds)
    return not thread.is_alive()


def compiled() -> ModuleType | None:
    """Return the module of the compiled code when it is loaded, or None where it cannot be had.

    It is waited for, so that numbers do not depend on how soon it is there.
    """
    prepare().join()
    return _module


def _load() -> None:
    global _module
    try:
        _module = importlib.import_module("striate.data.augment.sampling.compiled")
    except Exception:  # without Numba, or where it cannot compile, torch does it, more slowly
        return
