"""What of an image is seen: windows of it, at the size of the output. See `geometry`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from striate.data.augment.draws import Floats, Streams
from striate.data.augment.effects.base import Effect, Range, Spread, Values, between, effect_kind, log_between
from striate.data.augment.effects.geometry import Geometry, matrices
from striate.data.augment.plan import Plan, Rows

__all__ = ["RandomCrop", "RandomResizedCrop"]


class Framing(Geometry):
    """An effect that chooses what of the image is seen at the size of the output. Abstract."""

    frames: ClassVar[bool] = True

    @abstractmethod
    def middle(self, frame: tuple[int, int], size: tuple[int, int]) -> Floats:
        """Return the map ``(1, 3, 3)`` of images that the effect is not done to."""

    @abstractmethod
    def windows(self, values: Values, frame: tuple[int, int], size: tuple[int, int]) -> Floats:
        """Return the maps ``(n, 3, 3)`` of images that it is done to."""

    def maps(self, values: Values, frame: tuple[int, int]) -> Floats:
        return self.windows(values, frame, frame)

    def enter(self, plan: Plan, rows: Rows, values: Values) -> None:
        maps = np.repeat(self.middle(plan.frame, plan.size), plan.count, 0)
        maps[rows] = self.windows(values, plan.frame, plan.size)
        plan.reframe(maps)


@effect_kind
class RandomCrop(Framing):
    """Take a window of the output's size from anywhere, by whole pixels; without it, from the middle.

    Attributes:
        margin: How far the window may lie outside, in pixels to each side, 0 to 10,000. What is seen there is the
            recipe's padding.
    """

    draws: ClassVar[int] = 2
    words: ClassVar[str] = "window at {x:.0%}, {y:.0%}"

    margin: Annotated[int, Field(ge=0, le=10_000)] = 4

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"x": uniforms[:, 0], "y": uniforms[:, 1]}

    def middle(self, frame: tuple[int, int], size: tuple[int, int]) -> Floats:
        top, left = ((whole - part) // 2 for whole, part in zip(frame, size, strict=True))
        return matrices({(0, 2): left, (1, 2): top}, 1)

    def windows(self, values: Values, frame: tuple[int, int], size: tuple[int, int]) -> Floats:
        top, left = (
            np.floor(values[name] * (abs(room) + 1)) + min(room, 0) - self.margin
            for name, room in zip(
                "yx", (w - p + 2 * self.margin for w, p in zip(frame, size, strict=True)), strict=True
            )
        )
        return matrices({(0, 2): left, (1, 2): top}, len(left))

    def scaled(self, strength: float) -> Effect:
        return RandomCrop(margin=round(self.margin * strength), p=self.p * strength, classes=self.classes)


@effect_kind
class RandomResizedCrop(Framing):
    """Take a window of random area, shape and place, and stretch it to the output (Szegedy et al. 2015).

    A window that would be wider or higher than the image is cut to it.

    Attributes:
        scale: The window's share of the image's area, within 0.001 to 1.
        ratio: The window's width over its height, within 0.1 to 10; its logarithm is even.
    """

    draws: ClassVar[int] = 4
    words: ClassVar[str] = "window {width:.0%}×{height:.0%} at {x:.0%}, {y:.0%}"

    scale: Annotated[Range, Spread(1, 0.001, 1)] = (0.08, 1.0)
    ratio: Annotated[Range, Spread(1, 0.1, 10)] = (3 / 4, 4 / 3)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        area, ratio = between(self.scale, uniforms[:, 0]), log_between(self.ratio, uniforms[:, 1])
        width, height = np.minimum(np.sqrt(area * ratio), 1), np.minimum(np.sqrt(area / ratio), 1)
        return {"width": width, "height": height, "x": uniforms[:, 2], "y": uniforms[:, 3]}

    def middle(self, frame: tuple[int, int], size: tuple[int, int]) -> Floats:
        return matrices({(0, 0): frame[1] / size[1], (1, 1): frame[0] / size[0]}, 1)

    def windows(self, values: Values, frame: tuple[int, int], size: tuple[int, int]) -> Floats:
        width, height = values["width"] * frame[1], values["height"] * frame[0]
        left, top = values["x"] * (frame[1] - width), values["y"] * (frame[0] - height)
        entries = {(0, 0): width / size[1], (1, 1): height / size[0], (0, 2): left, (1, 2): top}
        return matrices(entries, len(width))
