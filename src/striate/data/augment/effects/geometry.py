"""Where things stand: each effect is a 3×3 matrix, from places after it to places before, and all become one.

Places are (x, y, 1) in pixels; the corner of an image is (0, 0). Angles are in degrees, counterclockwise as seen.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

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
    log_between,
    whole_between,
)
from striate.data.augment.plan import Plan, Rows

__all__ = [
    "Aspect",
    "Elastic",
    "Geometry",
    "HorizontalFlip",
    "Perspective",
    "Rotate",
    "Shear",
    "Shift",
    "VerticalFlip",
    "Zoom",
    "matrices",
]

_IDENTITY = np.eye(3)

_Factor = Annotated[Range, Spread(1, 0.01, 100)]
_Slant = Annotated[Range, Spread(0, -80, 80)]
_Distance = Annotated[Range, Spread(0, -10_000, 10_000)]


class Geometry(Effect):
    """An effect that moves things. Abstract."""

    stage: ClassVar[Literal["geometry"]] = "geometry"

    @abstractmethod
    def maps(self, values: Values, frame: tuple[int, int]) -> Floats:
        """Return the map of each image, ``(n, 3, 3)``, in a frame of height and width ``frame``."""

    def enter(self, plan: Plan, rows: Rows, values: Values) -> None:
        plan.move(rows, self.maps(values, plan.frame))


def matrices(entries: dict[tuple[int, int], Any], count: int) -> Floats:
    """Return identity matrices but for ``entries``, ``(count, 3, 3)``."""
    maps = np.empty((count, 3, 3))
    maps[:] = _IDENTITY
    for (row, column), value in entries.items():
        maps[:, row, column] = value
    return maps


def _about_middle(a: Any, b: Any, c: Any, d: Any, frame: tuple[int, int], count: int) -> Floats:
    """Return the maps of ``[[a, b], [c, d]]`` that leave the middle of the frame where it is."""
    x, y = frame[1] / 2, frame[0] / 2
    entries = {
        (0, 0): a,
        (0, 1): b,
        (1, 0): c,
        (1, 1): d,
        (0, 2): x - a * x - b * y,
        (1, 2): y - c * x - d * y,
    }
    return matrices(entries, count)


@effect_kind
class HorizontalFlip(Switch, Geometry):
    """Mirror left and right."""

    words: ClassVar[str] = "mirrored"

    p: Probability = 0.5

    def maps(self, values: Values, frame: tuple[int, int]) -> Floats:
        return matrices({(0, 0): -1, (0, 2): frame[1]}, 1)


@effect_kind
class VerticalFlip(Switch, Geometry):
    """Mirror top and bottom."""

    words: ClassVar[str] = "upside down"

    p: Probability = 0.5

    def maps(self, values: Values, frame: tuple[int, int]) -> Floats:
        return matrices({(1, 1): -1, (1, 2): frame[0]}, 1)


@effect_kind
class Rotate(Geometry):
    """Rotate about the middle.

    Attributes:
        degrees: Counterclockwise, within -180 to 180.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "rotated {degrees:+.1f}°"

    degrees: Annotated[Range, Spread(0, -180, 180)] = (-15.0, 15.0)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"degrees": between(self.degrees, uniforms[:, 0])}

    def maps(self, values: Values, frame: tuple[int, int]) -> Floats:
        angle = np.deg2rad(values["degrees"])
        cosine, sine = np.cos(angle), np.sin(angle)
        return _about_middle(cosine, -sine, sine, cosine, frame, len(angle))


@effect_kind
class Shift(Geometry):
    """Shift by a share of width and height, or by whole pixels.

    Attributes:
        x: To the right, as a share of the width within -1 to 1, or in pixels.
        y: Down, likewise.
        unit: ``fraction``, or ``pixels`` for whole ones, which nothing is interpolated for.
    """

    draws: ClassVar[int] = 2
    words: ClassVar[str] = "shifted {x:+.2f}, {y:+.2f}"

    x: _Distance = (-0.1, 0.1)
    y: _Distance = (-0.1, 0.1)
    unit: Literal["fraction", "pixels"] = "fraction"

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            ends = getattr(self, name)
            if self.unit == "fraction" and max(map(abs, ends)) > 1:
                raise ValueError(
                    f"{name}: shares of the image lie within -1 to 1; for pixels add unit: pixels"
                )
            if self.unit == "pixels" and np.ceil(ends[0]) > ends[1]:
                raise ValueError(f"{name}: no whole number of pixels lies within {ends[0]:g} to {ends[1]:g}")

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        x: NDArray[Any]
        y: NDArray[Any]
        if self.unit == "pixels":
            x, y = (
                whole_between((int(np.ceil(ends[0])), int(np.floor(ends[1]))), uniforms[:, axis])
                for axis, ends in enumerate((self.x, self.y))
            )
        else:
            x, y = between(self.x, uniforms[:, 0]), between(self.y, uniforms[:, 1])
        return {"x": x, "y": y}

    def maps(self, values: Values, frame: tuple[int, int]) -> Floats:
        height, width = frame if self.unit == "fraction" else (1, 1)
        return matrices({(0, 2): -width * values["x"], (1, 2): -height * values["y"]}, len(values["x"]))


@effect_kind
class Zoom(Geometry):
    """Enlarge or shrink about the middle.

    Attributes:
        factor: Above 1 things become larger.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "zoomed ×{factor:.2f}"

    factor: _Factor = (0.9, 1.1)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"factor": log_between(self.factor, uniforms[:, 0])}

    def maps(self, values: Values, frame: tuple[int, int]) -> Floats:
        factor = 1 / values["factor"]
        return _about_middle(factor, 0 * factor, 0 * factor, factor, frame, len(factor))


@effect_kind
class Aspect(Geometry):
    """Make wider or narrower, and flatter or taller as much, about the middle.

    Attributes:
        ratio: Above 1 things become wider.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "aspect ×{ratio:.2f}"

    ratio: _Factor = (0.9, 1.1)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"ratio": log_between(self.ratio, uniforms[:, 0])}

    def maps(self, values: Values, frame: tuple[int, int]) -> Floats:
        wider = np.sqrt(values["ratio"])
        return _about_middle(1 / wider, 0 * wider, 0 * wider, wider, frame, len(wider))


@effect_kind
class Shear(Geometry):
    """Slant about the middle.

    Attributes:
        x: How far rows slide, as the angle that upright lines get, within -80 to 80 degrees.
        y: How far columns slide, likewise.
    """

    draws: ClassVar[int] = 2
    words: ClassVar[str] = "sheared {x:+.1f}°, {y:+.1f}°"

    x: _Slant = (-10.0, 10.0)
    y: _Slant = (0.0, 0.0)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"x": between(self.x, uniforms[:, 0]), "y": between(self.y, uniforms[:, 1])}

    def maps(self, values: Values, frame: tuple[int, int]) -> Floats:
        x, y = np.tan(np.deg2rad(values["x"])), np.tan(np.deg2rad(values["y"]))
        return _about_middle(1 + 0 * x, -x, -y, 1 + x * y, frame, len(x))


@effect_kind
class Perspective(Geometry):
    """See the image as a tilted plane: its corners move inward.

    Attributes:
        distortion: How far at most, as a share of half the width and height, within 0 to 0.9.
    """

    draws: ClassVar[int] = 9
    words: ClassVar[str] = "perspective {distortion:.2f}"

    distortion: Annotated[Range, Spread(0, 0, 0.9)] = (0.0, 0.3)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        most = between(self.distortion, uniforms[:, 0])
        return {"distortion": most, "inward": most[:, None] * uniforms[:, 1:]}

    def maps(self, values: Values, frame: tuple[int, int]) -> Floats:
        height, width = frame
        corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
        inward = values["inward"].reshape(-1, 4, 2) * (width / 2, height / 2)
        moved = corners + inward * np.where(corners > 0, -1, 1)
        return _homographies(moved, corners)


def _homographies(points: Floats, images: Floats) -> Floats:
    """Return the maps that take four ``points`` ``(n, 4, 2)`` to ``images`` ``(4, 2)``, ``(n, 3, 3)``."""
    x, y = points[..., 0], points[..., 1]
    u, v = images[:, 0] + 0 * x, images[:, 1] + 0 * y
    one, none = np.ones_like(x), np.zeros_like(x)
    of_u = np.stack([x, y, one, none, none, none, -u * x, -u * y], -1)
    of_v = np.stack([none, none, none, x, y, one, -v * x, -v * y], -1)
    solved: Floats = np.linalg.solve(np.concatenate([of_u, of_v], 1), np.concatenate([u, v], 1)[..., None])[
        ..., 0
    ]
    entries: Floats = np.concatenate([solved, np.ones((len(solved), 1))], 1)
    return entries.reshape(-1, 3, 3)


@effect_kind
class Elastic(Effect):
    """Warp locally by a smooth random field (Simard, Steinkraus and Platt 2003), in the same one resampling.

    The field moves the output's pixels, after all other geometry, wherever the effect stands in the recipe.

    Attributes:
        alpha: The standard deviation of the movement, in pixels along each axis, within 0 to 1,000.
        sigma: How smooth the field is: the standard deviation of a Gaussian, in pixels, within 0.5 to 1,000.
    """

    stage: ClassVar[Literal["geometry"]] = "geometry"
    draws: ClassVar[int] = 1
    words: ClassVar[str] = "warped by {alpha:.1f} px"

    alpha: Annotated[Range, Spread(0, 0, 1000)] = (0.0, 2.0)
    sigma: Annotated[float, Field(ge=0.5, le=1000)] = 4.0

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"alpha": between(self.alpha, uniforms[:, 0]), "keys": keys()}

    def enter(self, plan: Plan, rows: Rows, values: Values) -> None:
        plan.bend(self.sigma, rows, values["alpha"], values["keys"])
