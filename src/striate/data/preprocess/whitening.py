"""Whitening: values that go together are told apart, and all get the same variance.

N images, D = C·H·W values of each, K components. `striate.data.preprocess.components` finds the components.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from striate.data.preprocess.steps import Step, check_tensor, placed
from striate.errors import DataError, bad_argument

__all__ = ["Whiten"]

_Place = tuple[torch.device, torch.dtype]


@dataclass(frozen=True, eq=False)
class Whiten(Step):
    """The principal components of an image, each divided by ``√(variance + eps)``.

    PCA gives these numbers themselves, in the shape of an image but without its neighborhoods: channel by channel and
    row by row come the components, from the one of most variance on, and zeros where K is less than D. ZCA turns them
    back, to the whitened image that is nearest to the one before, edges and all (Bell and Sejnowski 1997). What the
    components leave out is gone.

    Attributes:
        zca: Whether to turn back.
        eps: Added to each variance, above 0: components below it, which hold noise, are not scaled up to the others.
        mean: float64 ``(D,)``.
        components: float64 ``(K, D)``, orthonormal, by falling variance.
        variances: float64 ``(K,)``, 0 or more.

    Raises:
        DataError: if these do not go together, or are not finite.
    """

    name: ClassVar[str] = "whiten"

    zca: bool
    eps: float
    mean: Tensor
    components: Tensor
    variances: Tensor
    _placed: dict[_Place, tuple[Tensor, Tensor, Tensor]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not isinstance(self.zca, bool):
            raise DataError(bad_argument("zca", self.zca, "true or false"))
        if not 0 < self.eps < math.inf:
            raise DataError(bad_argument("eps", self.eps, "a finite number above 0"))
        check_tensor("mean", self.mean, (self.mean.numel(),))
        check_tensor("variances", self.variances, (self.variances.numel(),))
        check_tensor("components", self.components, (self.variances.numel(), self.mean.numel()))
        if not 1 <= len(self.components) <= len(self.mean):
            raise DataError(f"components: must be 1 to {len(self.mean)}, and are {len(self.components)}.")
        if not bool((self.variances >= 0).all()):
            raise DataError(f"variances: must be 0 or more, and one is {self.variances.min().item():g}.")

    def apply(self, images: Tensor) -> Tensor:
        mean, components, deviations = self._at(images)
        white = (images.flatten(1) - mean) @ components.T / deviations
        white = white @ components if self.zca else F.pad(white, (0, len(mean) - len(deviations)))
        return white.view(images.shape)

    def inverse(self, images: Tensor) -> Tensor:
        mean, components, deviations = self._at(images)
        white = images.flatten(1)
        white = white @ components.T if self.zca else white[:, : len(deviations)]
        return (white * deviations @ components + mean).view(images.shape)

    def check(self, shape: tuple[int, int, int]) -> None:
        if math.prod(shape) != len(self.mean):
            raise DataError(
                f"mean: must be of {math.prod(shape):,} values, as images of {'×'.join(map(str, shape))}, "
                f"and is of {len(self.mean):,}."
            )

    def _at(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean, components and what these are divided by, of the type of ``images`` and where they are."""
        place = images.device, images.dtype
        if place not in self._placed:
            values = self.mean, self.components, (self.variances + self.eps).sqrt()
            mean, components, deviations = (placed(value, images) for value in values)
            self._placed[place] = mean, components, deviations
        return self._placed[place]
