"""Loads the compiled code beside other work: see `striate.threads.Loading`."""

from __future__ import annotations

from striate.threads import Loading

__all__ = ["compiled", "pending", "prepare", "ready"]

_loading = Loading("striate.nn.fused.compiled", "striate-fused-loading")
prepare, ready, pending, compiled = _loading.prepare, _loading.ready, _loading.pending, _loading.compiled
