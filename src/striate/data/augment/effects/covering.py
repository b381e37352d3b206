"""Rectangles that hide a part of the image. See `pixels`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

import numpy as np
from torch import Tensor

from striate.data.augment import nonlinear
from striate.data.augment.draws import Floats, Streams
from striate.data.augment.effects.base import (
    Probability,
    Range,
    Spread,
    Values,
    between,
    effect_kind,
    log_between,
)
from striate.data.augment.effects.pixels import Pixels, on_device

__all__ = ["Cutout", "Erase"]


class _Covering(Pixels):
    """An effect that hides a rectangle of the image. Abstract."""

    fill: Literal["black", "mean", "noise"]  # a field of those that derive from it

    @abstractmethod
    def sides(self, values: Values, height: int, width: int) -> tuple[Floats, Floats]:
        """Return height and width of each rectangle in pixels."""

    def change(self, images: Tensor, values: Values) -> Tensor:
        height, width = images.shape[2:]
        sides = self.sides(values, height, width)
        top, left = self.corners(values, sides, (height, width))
        boxes = np.stack([top, left, *sides], 1).round().astype(np.int64)
        fills = {
            "black": lambda: images.new_zeros(len(images), images.shape[1], 1, 1),
            "mean": lambda: nonlinear.mean_fills(images),
            "noise": lambda: nonlinear.noise_fills(images, values["keys"]),
        }
        return nonlinear.erase(images, on_device(images, boxes), fills[self.fill]())

    @abstractmethod
    def corners(
        self, values: Values, sides: tuple[Floats, Floats], size: tuple[int, int]
    ) -> tuple[Floats, Floats]:
        """Return the top and the left of each rectangle in pixels."""


@effect_kind
class Erase(_Covering):
    """Hide a rectangle within the image: random erasing (Zhong et al. 2020).

    Attributes:
        area: The rectangle's share of the image, within 0 to 1.
        ratio: Its width over its height, within 0.05 to 20.
        fill: ``black``, ``mean`` (of each channel), ``noise``.
    """

    draws: ClassVar[int] = 4
    words: ClassVar[str] = "{area:.0%} erased"

    area: Annotated[Range, Spread(0, 0, 1)] = (0.02, 0.33)
    ratio: Annotated[Range, Spread(1, 0.05, 20, scales=False)] = (0.3, 3.3)
    fill: Literal["black", "mean", "noise"] = "noise"
    p: Probability = 0.5

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {
            "area": between(self.area, uniforms[:, 0]),
            "ratio": log_between(self.ratio, uniforms[:, 1]),
            "at": uniforms[:, 2:],
            "keys": keys(),
        }

    def sides(self, values: Values, height: int, width: int) -> tuple[Floats, Floats]:
        pixels = values["area"] * height * width
        return (
            np.minimum(np.sqrt(pixels / values["ratio"]), height).round(),
            np.minimum(np.sqrt(pixels * values["ratio"]), width).round(),
        )

    def corners(
        self, values: Values, sides: tuple[Floats, Floats], size: tuple[int, int]
    ) -> tuple[Floats, Floats]:
        top, left = (
            np.floor(values["at"][:, k] * (whole - part + 1))
            for k, (whole, part) in enumerate(zip(size, sides, strict=True))
        )
        return top, left


@effect_kind
class Cutout(_Covering):
    """Hide a square around any pixel, which may reach beyond the border (DeVries and Taylor 2017).

    Attributes:
        side: As a share of the shorter side of the image, within 0 to 1.
        fill: ``black``, ``mean``, ``noise``.
    """

    draws: ClassVar[int] = 3
    words: ClassVar[str] = "square of {side:.0%} cut out"

    side: Annotated[Range, Spread(0, 0, 1)] = (0.25, 0.25)
    fill: Literal["black", "mean", "noise"] = "mean"

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"side": between(self.side, uniforms[:, 0]), "at": uniforms[:, 1:], "keys": keys()}

    def sides(self, values: Values, height: int, width: int) -> tuple[Floats, Floats]:
        side = np.round(values["side"] * min(height, width))
        return side, side

    def corners(
        self, values: Values, sides: tuple[Floats, Floats], size: tuple[int, int]
    ) -> tuple[Floats, Floats]:
        top, left = (
            np.floor(values["at"][:, k] * whole) - part // 2
            for k, (whole, part) in enumerate(zip(size, sides, strict=True))
        )
        return top, left
