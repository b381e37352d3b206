"""Weights from outside: which program named the tensors of a file, and what they are called here.

A naming is a list of rules, each a pattern that a layer's whole name must match and what it becomes. More come
here as more programs are understood. It knows nothing of preprocessing, which `striate.ship` keeps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, TypeVar

__all__ = ["NAMINGS", "Naming", "recognized"]

_T = TypeVar("_T")


class HasShape(Protocol):
    """A tensor, of whatever program."""

    @property
    def shape(self) -> Sequence[int]: ...


@dataclass(frozen=True, slots=True)
class Naming:
    """How one program names the layers of one network.

    Attributes:
        name: The program and the network: ``"caffe googlenet"``.
        rules: ``(pattern, replacement)`` of layer names, in the order in which they are tried.
        shapes: ``(tensor, shape)`` that tell the network from another whose layers have the same names.
    """

    name: str
    rules: tuple[tuple[str, str], ...]
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def renamed(self, tensors: Mapping[str, _T]) -> dict[str, _T] | None:
        """Return ``tensors`` under our names, or None if the name of one follows no rule."""
        result = {}
        for name, tensor in tensors.items():
            layer, _, parameter = name.rpartition(".")
            ours = next((m.expand(new) for old, new in self.rules if (m := re.fullmatch(old, layer))), None)
            if ours is None:
                return None
            result[f"{ours}.{parameter}"] = tensor
        return result


_CAFFE = (
    Naming(
        "caffe googlenet",
        (
            (r"conv1/7x7_s2", r"conv1"),
            (r"conv2/3x3_reduce", r"conv2_reduce"),
            (r"conv2/3x3", r"conv2"),
            (r"inception_(\w\w)/1x1", r"inception\1.one.conv"),
            (r"inception_(\w\w)/3x3_reduce", r"inception\1.three.reduce"),
            (r"inception_(\w\w)/3x3", r"inception\1.three.conv"),
            (r"inception_(\w\w)/5x5_reduce", r"inception\1.five.reduce"),
            (r"inception_(\w\w)/5x5", r"inception\1.five.conv"),
            (r"inception_(\w\w)/pool_proj", r"inception\1.pooled.project"),
            (r"loss([12])/(conv|fc|classifier)", r"aux\1.\2"),
            (r"loss3/classifier", r"classifier"),
        ),
    ),
    Naming(
        "caffe squeezenet 1.1",  # 1.0 of the same names pads its last convolution, which ours does not
        (
            (r"(conv1|conv10)", r"\1"),
            (r"(fire\d)/squeeze1x1", r"\1.squeeze1x1"),
            (r"(fire\d)/(expand1x1|expand3x3)", r"\1.expand.\2"),
        ),
        shapes=(("conv1.weight", (64, 3, 3, 3)),),
    ),
)
NAMINGS: Mapping[str, Naming] = MappingProxyType({naming.name: naming for naming in _CAFFE})
"""Every naming that is understood, by its name."""


def recognized(tensors: Mapping[str, HasShape]) -> Naming | None:
    """Return the naming that all of ``tensors`` follow, or None if they are ours or of a program not known."""
    if not any("/" in name for name in tensors):  # none of our paths has one, and every Caffe file here
        return None
    return next((naming for naming in NAMINGS.values() if _follow(tensors, naming)), None)


def _follow(tensors: Mapping[str, HasShape], naming: Naming) -> bool:
    shaped = all(name in tensors and tuple(tensors[name].shape) == shape for name, shape in naming.shapes)
    return shaped and naming.renamed(tensors) is not None
