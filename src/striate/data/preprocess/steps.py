"""What a step of preprocessing is, and the steps that map every value on its own.

N images, C channels, H W height width. The first step gets pixels scaled to 0..1. Steps compute in the type of the
images that they get, float32 or float64, and on their device.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import torch
from torch import Tensor

from striate.errors import DataError, bad_argument

__all__ = ["Quantize", "Standardize", "StandardizePixels", "Step", "check_tensor", "placed"]


class Step(ABC):
    """One step of preprocessing: a frozen value, equal to another that holds the same. Abstract.

    Attributes:
        name: What a run folder calls it.
    """

    name: ClassVar[str]

    @abstractmethod
    def apply(self, images: Tensor) -> Tensor:
        """Map floats ``(N, C, H, W)`` to as many."""

    @abstractmethod
    def inverse(self, images: Tensor) -> Tensor | None:
        """Return what `apply` was given, for display; None where it cannot be known again."""

    @abstractmethod
    def check(self, shape: tuple[int, int, int]) -> None:
        """Raise `DataError` unless images of ``shape`` ``(C, H, W)`` can take this step."""

    def options(self) -> dict[str, Any]:
        """Return its fields that are no tensors, as plain data."""
        values = {name: value for name, value in self._fields().items() if not isinstance(value, Tensor)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Return its fields that are tensors."""
        return {name: value for name, value in self._fields().items() if isinstance(value, Tensor)}

    def _fields(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Step) or type(self) is not type(other) or self.options() != other.options():
            return False
        pairs = zip(self.tensors().values(), other.tensors().values(), strict=True)
        return all(torch.equal(own, others) for own, others in pairs)

    def __hash__(self) -> int:
        return hash((self.name, repr(self.options())))


@dataclass(frozen=True, eq=False)
class Standardize(Step):
    """``(x - mean) / std``, channel by channel.

    Attributes:
        mean: Per channel, of pixels scaled to 0..1; subtracted.
        std: Per channel, above 0; divided by.

    Raises:
        DataError: if these are not as many finite numbers, or a std is not above 0.
    """

    name: ClassVar[str] = "standardize"

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.mean) == len(self.std) >= 1:
            raise DataError(bad_argument("std", self.std, f"as many numbers as mean has, {len(self.mean)}"))
        if not all(map(math.isfinite, self.mean)):
            raise DataError(bad_argument("mean", self.mean, "finite numbers"))
        if not all(0 < value < math.inf for value in self.std):
            raise DataError(bad_argument("std", self.std, "finite numbers above 0"))

    @classmethod
    def to_range(cls, low: float, high: float, channels: int) -> Standardize:
        """Return the step that maps 0..1 to ``low``..``high``.

        Raises:
            DataError: unless ``low`` is below ``high``.
        """
        if not low < high:
            raise DataError(bad_argument("low", low, f"below high={high!r}"))
        std = 1 / (high - low)
        return cls((-low * std,) * channels, (std,) * channels)

    def apply(self, images: Tensor) -> Tensor:
        return (images - _column(self.mean, images)) / _column(self.std, images)

    def inverse(self, images: Tensor) -> Tensor:
        return images * _column(self.std, images) + _column(self.mean, images)

    def check(self, shape: tuple[int, int, int]) -> None:
        if len(self.mean) != shape[0]:
            raise DataError(bad_argument("mean", self.mean, f"a number for each of {shape[0]} channels"))


@dataclass(frozen=True, eq=False)
class StandardizePixels(Step):
    """``(x - mean) / std``, pixel by pixel.

    Attributes:
        mean: float64 ``(C, H, W)``; subtracted.
        std: float64 ``(C, H, W)``, above 0; divided by.

    Raises:
        DataError: if these are not of one such shape and finite, or a std is not above 0.
    """

    name: ClassVar[str] = "standardize_pixels"

    mean: Tensor
    std: Tensor

    def __post_init__(self) -> None:
        check_tensor("mean", self.mean, self.mean.shape if self.mean.dim() == 3 else ("C", "H", "W"))
        check_tensor("std", self.std, self.mean.shape)
        if not bool((self.std > 0).all()):
            raise DataError(f"std: must be above 0, and one is {self.std.min().item():g}.")

    def apply(self, images: Tensor) -> Tensor:
        return (images - placed(self.mean, images)) / placed(self.std, images)

    def inverse(self, images: Tensor) -> Tensor:
        return images * placed(self.std, images) + placed(self.mean, images)

    def check(self, shape: tuple[int, int, int]) -> None:
        check_tensor("mean", self.mean, shape)


@dataclass(frozen=True, eq=False)
class Quantize(Step):
    """Pixels of fewer bits: each value of 0..1 becomes the nearest of ``2**bits`` evenly spaced ones.

    What is lost is lost: its inverse is the image as it is.

    Attributes:
        bits: 1 to 8. Images are of 8 bits before; deeper ones are scaled to these when they are read.

    Raises:
        DataError: if it is none of these.
    """

    name: ClassVar[str] = "quantize"

    bits: int

    def __post_init__(self) -> None:
        if isinstance(self.bits, bool) or not isinstance(self.bits, int) or not 1 <= self.bits <= 8:
            raise DataError(bad_argument("bits", self.bits, "a whole number from 1 to 8"))

    def apply(self, images: Tensor) -> Tensor:
        most = 2**self.bits - 1
        # Not round, which takes the even one of two that are as near: half a step would go now up, now down.
        return torch.floor(images * most + 0.5).div(most)

    def inverse(self, images: Tensor) -> Tensor:
        return images

    def check(self, shape: tuple[int, int, int]) -> None:
        """Take any shape."""


def check_tensor(name: str, tensor: Tensor, shape: tuple[int | str, ...]) -> None:
    """Raise `DataError` unless ``tensor`` is of ``shape``, of float64, and finite."""
    if tuple(tensor.shape) != tuple(shape) or tensor.dtype != torch.float64:
        wanted = "×".join(map(str, shape))
        found = f"{'×'.join(map(str, tensor.shape))} {str(tensor.dtype).removeprefix('torch.')}"
        raise DataError(f"{name}: must be of {wanted} float64 values, and is of {found}.")
    if not bool(torch.isfinite(tensor).all()):
        raise DataError(f"{name}: must be of finite values, and some are not.")


def placed(tensor: Tensor, images: Tensor) -> Tensor:
    """Return ``tensor`` of the type of ``images`` and where they are; not every device knows float64."""
    return tensor.to(images.dtype).to(images.device)


def _column(values: tuple[float, ...], images: Tensor) -> Tensor:
    """Return a value per channel as ``(C, 1, 1)``, of the type of ``images`` and where they are."""
    return images.new_tensor(values)[:, None, None]
