"""How the module of a layer is made: by one function per kind, found by type."""

from __future__ import annotations

from functools import singledispatch

from torch import nn

from striate.spec import Layer

__all__ = ["Shape", "layer_module"]

Shape = tuple[int, ...]


@singledispatch
def layer_module(layer: Layer, shape: Shape) -> nn.Module:
    """Return the module of one layer for inputs of ``shape``, one image."""
    raise TypeError(f"{layer.kind} has no builder")  # only a kind added by halves
