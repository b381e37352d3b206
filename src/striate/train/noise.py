"""What regularizes from within a network, by chance or by an extra loss, and how to turn it off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from striate.nn import layers

__all__ = ["quieten", "quietened"]

_STRENGTHS: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.modules.dropout._DropoutNd, "p"),
    (layers.DropConnect, "p"),
    (layers.StochasticDepth, "p"),
    (layers.GaussianNoise, "std"),
    (layers.SparsityPenalty, "weight"),
)
"""Kinds of layers, and the attribute of each that is 0 where it does nothing."""


def quieten(module: nn.Module) -> None:
    """Turn off what regularizes from within ``module``."""
    for part, name in _found(module):
        setattr(part, name, 0.0)


@contextmanager
def quietened(module: nn.Module) -> Iterator[None]:
    """Turn it off for a while."""
    before = [(part, name, getattr(part, name)) for part, name in _found(module)]
    quieten(module)
    try:
        yield
    finally:
        for part, name, strength in before:
            setattr(part, name, strength)


def _found(module: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    for part in module.modules():
        for kind, name in _STRENGTHS:
            if isinstance(part, kind):
                yield part, name
