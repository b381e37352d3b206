"""What color things have: each effect is a 4×4 matrix of red, green, blue (0..255) and 1, and all become one.

An image of one channel is seen as three equal ones, of which the first is kept: what mixes colors alone leaves it be.
Legend: n images.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from itertools import permutations
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from striate.data.augment.draws import Floats, Streams
from striate.data.augment.effects.base import (
    Effect,
    Probability,
    Range,
    Spread,
    Switch,
    Values,
    between,
    effect_kind,
)
from striate.data.augment.plan import Plan, Rows

__all__ = [
    "Brightness",
    "ChannelShift",
    "ChannelShuffle",
    "Color",
    "Contrast",
    "Grayscale",
    "Hue",
    "Invert",
    "PCAColor",
    "Saturation",
]

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R 601, as Pillow's grey
_RED, _BLUE = np.eye(3)[[0, 2]]
_TO_YIQ = np.array(
    [
        LUMA,
        0.74 * (_RED - LUMA) - 0.27 * (_BLUE - LUMA),
        0.48 * (_RED - LUMA) + 0.41 * (_BLUE - LUMA),
    ]
)
_CHROMA = np.eye(3) - np.tile(LUMA, (3, 1))  # takes the luma out
_QUARTER_TURN = np.linalg.inv(_TO_YIQ) @ [[0, 0, 0], [0, 0, 1], [0, -1, 0]] @ _TO_YIQ
_ORDERS = np.array(list(permutations(range(3))))
_WHITE = 255.0
_LAST_ROW = np.array([0.0, 0.0, 0.0, 1.0])

# Of the pixels of ImageNet, of 0..1, as used since AlexNet.
_IMAGENET_VALUES = (0.2175, 0.0188, 0.0045)
_IMAGENET_VECTORS = ((-0.5675, -0.5808, -0.5836), (0.7192, -0.0045, -0.6948), (0.4009, -0.8140, 0.4203))

_Factor = Annotated[Range, Spread(1, 0, 10)]


def _three(value: Any) -> Any:
    if value is not None and (not isinstance(value, list | tuple) or len(value) != 3):
        raise ValueError("must be three of them")
    return tuple(value) if isinstance(value, list) else value


_Eigenvalue = Annotated[float, Field(ge=0, le=100)]
_Entry = Annotated[float, Field(ge=-1.01, le=1.01)]
_Eigenvector = Annotated[tuple[_Entry, _Entry, _Entry], BeforeValidator(_three)]


class Color(Effect):
    """An effect that changes colors, each pixel's alike. Abstract."""

    stage: ClassVar[Literal["color"]] = "color"

    @abstractmethod
    def colors(self, values: Values, plan: Plan, rows: Rows) -> Floats:
        """Return the matrix of each image, ``(n, 4, 4)``, or ``(1, 4, 4)`` for all."""

    def enter(self, plan: Plan, rows: Rows, values: Values) -> None:
        plan.recolor(rows, self.colors(values, plan, rows))


def _matrices(linear: Any, shift: Any = 0.0) -> Floats:
    """Return ``linear`` ``(n, 3, 3)`` and then ``shift`` ``(n, 3)`` as ``(n, 4, 4)``."""
    linear, shift = np.asarray(linear, float), np.asarray(shift, float)
    colors = np.empty((max(len(linear), len(shift) if shift.ndim else 1), 4, 4))
    colors[:, :3, :3] = linear
    colors[:, :3, 3] = shift
    colors[:, 3] = _LAST_ROW
    return colors


def _blended(factor: Floats, other: Floats) -> Floats:
    """Return the matrices ``other`` for a factor of 0, no change for 1, and what lies between and beyond."""
    return factor[:, None, None] * np.eye(3) + (1 - factor)[:, None, None] * other


@effect_kind
class Brightness(Color):
    """Make darker or lighter by a factor.

    Attributes:
        factor: Within 0, which is black, to 10; 1 changes nothing.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "brightness ×{factor:.2f}"

    factor: _Factor = (0.6, 1.4)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"factor": between(self.factor, uniforms[:, 0])}

    def colors(self, values: Values, plan: Plan, rows: Rows) -> Floats:
        return _matrices(values["factor"][:, None, None] * np.eye(3))


@effect_kind
class Contrast(Color):
    """Move colors away from the mean luma of the image, or toward it. The mean is that of the whole stored image.

    Attributes:
        factor: Within 0, which is all grey, to 10; 1 changes nothing.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "contrast ×{factor:.2f}"

    factor: _Factor = (0.6, 1.4)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"factor": between(self.factor, uniforms[:, 0])}

    def colors(self, values: Values, plan: Plan, rows: Rows) -> Floats:
        factor = values["factor"]
        middle = np.rint(plan.mean_color(rows) @ LUMA)  # rounded as in Pillow
        return _matrices(factor[:, None, None] * np.eye(3), ((1 - factor) * middle)[:, None])


@effect_kind
class Saturation(Color):
    """Make colors stronger or weaker: away from each pixel's own luma, or toward it.

    Attributes:
        factor: Within 0, which is grey, to 10; 1 changes nothing.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "saturation ×{factor:.2f}"

    factor: _Factor = (0.6, 1.4)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"factor": between(self.factor, uniforms[:, 0])}

    def colors(self, values: Values, plan: Plan, rows: Rows) -> Floats:
        return _matrices(_blended(values["factor"], np.tile(LUMA, (3, 1))))


@effect_kind
class Hue(Color):
    """Turn colors around grey: a rotation of the plane of chroma in YIQ, which keeps luma.

    Attributes:
        degrees: Within -180 to 180; red turns toward yellow.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "hue {degrees:+.0f}°"

    degrees: Annotated[Range, Spread(0, -180, 180)] = (-18.0, 18.0)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"degrees": between(self.degrees, uniforms[:, 0])}

    def colors(self, values: Values, plan: Plan, rows: Rows) -> Floats:
        angle = np.deg2rad(values["degrees"])[:, None, None]
        # Of cosine 1 and sine 0 exactly the identity.
        return _matrices(np.eye(3) + (np.cos(angle) - 1) * _CHROMA + np.sin(angle) * _QUARTER_TURN)


@effect_kind
class ChannelShift(Color):
    """Add a number to each channel, drawn for each by itself.

    Attributes:
        amount: As a share of white, within -1 to 1.
    """

    draws: ClassVar[int] = 3
    words: ClassVar[str] = "red {red:+.2f}, green {green:+.2f}, blue {blue:+.2f}"

    amount: Annotated[Range, Spread(0, -1, 1)] = (-0.1, 0.1)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        red, green, blue = between(self.amount, uniforms).T
        return {"red": red, "green": green, "blue": blue}

    def colors(self, values: Values, plan: Plan, rows: Rows) -> Floats:
        shift = np.stack([values["red"], values["green"], values["blue"]], 1)
        return _matrices(np.eye(3)[None], _WHITE * shift)


@effect_kind
class ChannelShuffle(Color):
    """Put the channels into one of their other orders."""

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "channels in order {order}"

    p: Probability = 0.1

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"order": _ORDERS[1 + (5 * uniforms[:, 0]).astype(int)]}

    def colors(self, values: Values, plan: Plan, rows: Rows) -> Floats:
        return _matrices(np.eye(3)[values["order"]])


@effect_kind
class Grayscale(Switch, Color):
    """Show the luma of each pixel alone."""

    words: ClassVar[str] = "grey"

    p: Probability = 0.1

    def colors(self, values: Values, plan: Plan, rows: Rows) -> Floats:
        return _matrices(np.tile(LUMA, (1, 3, 1)))


@effect_kind
class Invert(Switch, Color):
    """Show the negative."""

    words: ClassVar[str] = "inverted"

    p: Probability = 0.1

    def colors(self, values: Values, plan: Plan, rows: Rows) -> Floats:
        return _matrices(-np.eye(3)[None], np.full((1, 3), _WHITE))


@effect_kind
class PCAColor(Color):
    """Shift colors along the principal components of the training set's colors (Krizhevsky et al. 2012, AlexNet).

    The shift is the sum over components k of a_k · eigenvalue_k · eigenvector_k, a_k normal: tints change the more, the
    more they vary among the images.

    Attributes:
        std: The standard deviation of each a_k, within 0 to 10.
        eigenvalues: Of the covariance of pixels of 0..1, the greatest first, within 0 to 100. None stands for those of
            ImageNet; in training, for those of the training split.
        eigenvectors: As many rows, of numbers within -1 to 1, or 0.01 beyond as rounding makes them.
    """

    draws: ClassVar[int] = 6
    words: ClassVar[str] = "tinted {red:+.2f}, {green:+.2f}, {blue:+.2f}"

    std: Annotated[float, Field(ge=0, le=10)] = 0.1
    eigenvalues: Annotated[tuple[_Eigenvalue, _Eigenvalue, _Eigenvalue] | None, BeforeValidator(_three)] = (
        None
    )
    eigenvectors: Annotated[
        tuple[_Eigenvector, _Eigenvector, _Eigenvector] | None,
        BeforeValidator(_three),
    ] = None

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        normal = np.sqrt(-2 * np.log1p(-uniforms[:, :3])) * np.cos(2 * np.pi * uniforms[:, 3:])
        eigenvalues = np.array(self.eigenvalues or _IMAGENET_VALUES)
        vectors = np.array(self.eigenvectors or _IMAGENET_VECTORS)
        red, green, blue = (self.std * (normal * eigenvalues) @ vectors).T
        return {"red": red, "green": green, "blue": blue}

    def colors(self, values: Values, plan: Plan, rows: Rows) -> Floats:
        shift = np.stack([values["red"], values["green"], values["blue"]], 1)
        return _matrices(np.eye(3)[None], _WHITE * shift)

    def scaled(self, strength: float) -> Effect:
        return dataclasses.replace(self, std=self.std * strength)
