"""What no matrix can do: each effect changes the float pixels of its images, after geometry and color.

Legend: n images of float32 ``(n, C, H, W)``, 0..255.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.data.augment import nonlinear
from striate.data.augment.draws import Floats, Streams
from striate.data.augment.effects.base import (
    Effect,
    Probability,
    Range,
    Spread,
    Switch,
    Values,
    WholeRange,
    between,
    effect_kind,
    log_between,
    whole_between,
)
from striate.data.augment.plan import Entry, Plan, Rows
from striate.data.moving import moved

__all__ = [
    "JPEG",
    "AutoContrast",
    "Blur",
    "Equalize",
    "Gamma",
    "Noise",
    "Pixels",
    "Posterize",
    "SaltAndPepper",
    "Sharpen",
    "Solarize",
    "Speckle",
    "on_device",
]

_WHITE = 255.0


class Pixels(Effect):
    """An effect that changes pixels. Abstract."""

    stage: ClassVar[Literal["pixels"]] = "pixels"

    @abstractmethod
    def change(self, images: Tensor, values: Values) -> Tensor:
        """Return ``images`` ``(n, C, H, W)`` changed, in a new tensor."""

    def enter(self, plan: Plan, rows: Rows, values: Values) -> None:
        plan.later.append(Entry(self, rows, values))


def on_device(images: Tensor, values: NDArray[Any]) -> Tensor:
    """Return drawn numbers as a tensor on the device of ``images``: float32, or int64 if they are whole."""
    kind = torch.int64 if values.dtype.kind == "i" else torch.float32
    return moved(torch.from_numpy(np.ascontiguousarray(values)), images.device, kind)


@effect_kind
class Gamma(Pixels):
    """Raise pixels of 0..1 to a power.

    Attributes:
        exponent: Within 0.05 to 20; below 1 is lighter. Its logarithm is even.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "gamma {exponent:.2f}"

    exponent: Annotated[Range, Spread(1, 0.05, 20)] = (0.7, 1.5)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"exponent": log_between(self.exponent, uniforms[:, 0])}

    def change(self, images: Tensor, values: Values) -> Tensor:
        return nonlinear.gamma(images, on_device(images, values["exponent"]))


@effect_kind
class Posterize(Pixels):
    """Keep but the highest bits of each value.

    Attributes:
        bits: Within 1 to 8, which is all of them.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "{bits} bits"

    bits: Annotated[WholeRange, Spread(8, 1, 8)] = (4, 8)
    p: Probability = 0.1

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"bits": whole_between(self.bits, uniforms[:, 0])}

    def change(self, images: Tensor, values: Values) -> Tensor:
        return nonlinear.posterize(images, on_device(images, values["bits"]).float())


@effect_kind
class Solarize(Pixels):
    """Invert values from a threshold on.

    Attributes:
        threshold: As a share of white, within 0 to 1.01, above which there is none.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "solarized from {threshold:.2f}"

    threshold: Annotated[Range, Spread(1.01, 0, 1.01)] = (0.5, 1.0)
    p: Probability = 0.1

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"threshold": between(self.threshold, uniforms[:, 0])}

    def change(self, images: Tensor, values: Values) -> Tensor:
        return nonlinear.solarize(images, on_device(images, _WHITE * values["threshold"]))


@effect_kind
class Equalize(Switch, Pixels):
    """Spread the values of each channel so that all are about as frequent."""

    words: ClassVar[str] = "equalized"

    p: Probability = 0.1

    def change(self, images: Tensor, values: Values) -> Tensor:
        return nonlinear.equalize(images)


@effect_kind
class AutoContrast(Switch, Pixels):
    """Stretch each channel to reach from black to white."""

    words: ClassVar[str] = "auto contrast"

    p: Probability = 0.1

    def change(self, images: Tensor, values: Values) -> Tensor:
        return nonlinear.autocontrast(images)


@effect_kind
class Blur(Pixels):
    """Blur by a Gaussian.

    Attributes:
        sigma: Its standard deviation in pixels, within 0 to 20.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "blurred by {sigma:.2f} px"

    sigma: Annotated[Range, Spread(0, 0, 20)] = (0.0, 1.5)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"sigma": between(self.sigma, uniforms[:, 0])}

    def change(self, images: Tensor, values: Values) -> Tensor:
        return nonlinear.gaussian_blur(images, on_device(images, values["sigma"]))


@effect_kind
class Sharpen(Pixels):
    """Move pixels away from the mean of their neighbors, or toward it.

    Attributes:
        amount: Within -1, which is smooth, to 20; 0 changes nothing. Pillow's factor of sharpness is 1 more.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "sharpened by {amount:+.2f}"

    amount: Annotated[Range, Spread(0, -1, 20)] = (0.0, 1.0)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"amount": between(self.amount, uniforms[:, 0])}

    def change(self, images: Tensor, values: Values) -> Tensor:
        return nonlinear.sharpen(images, on_device(images, values["amount"]))


@effect_kind
class Noise(Pixels):
    """Add normal noise to each value.

    Attributes:
        std: As a share of white, within 0 to 1.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "noise {std:.3f}"

    std: Annotated[Range, Spread(0, 0, 1)] = (0.0, 0.05)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"std": between(self.std, uniforms[:, 0]), "keys": keys()}

    def change(self, images: Tensor, values: Values) -> Tensor:
        return nonlinear.gaussian_noise(images, on_device(images, _WHITE * values["std"]), values["keys"])


@effect_kind
class Speckle(Pixels):
    """Multiply each value by normal noise around 1.

    Attributes:
        std: Within 0 to 1.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "speckle {std:.3f}"

    std: Annotated[Range, Spread(0, 0, 1)] = (0.0, 0.1)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"std": between(self.std, uniforms[:, 0]), "keys": keys()}

    def change(self, images: Tensor, values: Values) -> Tensor:
        return nonlinear.speckle_noise(images, on_device(images, values["std"]), values["keys"])


@effect_kind
class SaltAndPepper(Pixels):
    """Make some pixels black or white.

    Attributes:
        share: Of pixels, within 0 to 1.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "salt and pepper {share:.1%}"

    share: Annotated[Range, Spread(0, 0, 1)] = (0.0, 0.02)

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"share": between(self.share, uniforms[:, 0]), "keys": keys()}

    def change(self, images: Tensor, values: Values) -> Tensor:
        return nonlinear.salt_and_pepper(images, on_device(images, values["share"]), values["keys"])


@effect_kind
class JPEG(Pixels):
    """Quantize blocks of 8×8 pixels as a JPEG file of some quality does, with all of its colors (Wallace 1992).

    Attributes:
        quality: Within 1 to 100.
    """

    draws: ClassVar[int] = 1
    words: ClassVar[str] = "JPEG at {quality}"

    quality: Annotated[WholeRange, Spread(100, 1, 100, scales=False)] = (30, 95)
    p: Probability = 0.5

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"quality": whole_between(self.quality, uniforms[:, 0])}

    def change(self, images: Tensor, values: Values) -> Tensor:
        return nonlinear.jpeg(images, on_device(images, values["quality"]).float())
