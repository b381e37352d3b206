"""Optimizers as `torch.optim` has them, but that load no compiler."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar, cast

import torch
from torch.optim import Optimizer

__all__ = ["uncompiled"]

Kind = TypeVar("Kind", bound=Optimizer)

_KEPT_FROM_COMPILING = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


def uncompiled(kind: type[Kind]) -> type[Kind]:
    """Return ``kind`` without what keeps torch.compile from its methods, for which torch loads its compiler.

    That takes 2 s, as much as to load torch itself, and nothing here compiles an optimizer. The arithmetic is torch's.
    """
    methods: dict[str, Any] = {name: inspect.unwrap(getattr(kind, name)) for name in _KEPT_FROM_COMPILING}
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return cast("type[Kind]", type(kind.__name__, (kind,), methods))
