"""`Loading`: a module of compiled code that is imported once, beside other work. It knows nothing of what is in it."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import shutil
import tempfile
import threading
from types import ModuleType

__all__ = ["Loading"]


class Loading:
    """The import of a module of code that Numba compiles, on a thread of its own.

    It takes half a second, and the first time on a machine some ten seconds, in which the code is compiled. Without
    Numba, or where it cannot compile, there is no such code, and its users do the same more slowly.

    Args:
        module: The full name of the module.
        name: Of the thread.
    """

    def __init__(self, module: str, name: str) -> None:
        self._path, self._name = module, name
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._module: ModuleType | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._wait)

    def prepare(self) -> threading.Thread:
        """Begin to load the code, unless that is done already, and return the thread that does it."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    thread = threading.Thread(target=self._load, name=self._name, daemon=True)
                    thread.start()
                    self._thread = thread
        return self._thread

    def ready(self, seconds: float | None) -> bool:
        """Return whether the code is there, after waiting so long at most; None waits until that is known.

        0 begins nothing, but asks whether it was loaded for someone else.
        """
        if seconds != 0:
            self.prepare().join(seconds)
        return self._module is not None

    def pending(self) -> bool:
        """Return whether the code is being loaded just now, which keeps a core busy."""
        return self._thread is not None and self._thread.is_alive()

    def compiled(self) -> ModuleType | None:
        """Return the module, or None where it cannot be had.

        It is waited for, so that numbers do not depend on how soon it is there.
        """
        self.prepare().join()
        return self._module

    def _wait(self) -> None:
        """Wait for the code before a process is forked, in which the thread that loads it would be missing."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _load(self) -> None:
        with contextlib.suppress(Exception):  # there is no such code then
            try:
                self._module = importlib.import_module(self._path)
            except RuntimeError:  # neither beside the code nor at home can what is compiled be kept
                kept = tempfile.mkdtemp(prefix="striate-")
                atexit.register(shutil.rmtree, kept, ignore_errors=True)
                importlib.import_module("numba").config.CACHE_DIR = kept
                self._module = importlib.import_module(self._path)
