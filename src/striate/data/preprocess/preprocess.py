"""`Preprocess`: from any image to the uint8 pixels that a network's input wants, and from there to floats.

It is a frozen value, fitted on the training split alone and stored in the run, so that prediction does exactly what
training did. N images, C channels, H W height width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from PIL import Image
from torch import Tensor

from striate.data.moving import moved
from striate.data.pixels import ByteArray, to_pixels
from striate.data.precision import without_autocast
from striate.data.preprocess.contrast import GlobalContrast, LocalContrast
from striate.data.preprocess.steps import Quantize, Standardize, StandardizePixels, Step
from striate.data.preprocess.views import center
from striate.data.preprocess.whitening import Whiten
from striate.data.resize import STRETCH, Resize
from striate.errors import DataError, bad_argument, listed, unknown_name
from striate.spec.values import check_shape

__all__ = ["STEPS", "Affine", "Preprocess", "factors"]

_MOST_SIDE = 65535  # pixels

Affine = tuple[tuple[float, ...], tuple[float, ...]]
"""What bytes are multiplied with, and what is added then: a number per channel each."""

_STEP_KINDS = (Standardize, StandardizePixels, Quantize, GlobalContrast, LocalContrast, Whiten)
STEPS: Mapping[str, type[Step]] = {step.name: step for step in _STEP_KINDS}
"""Every step by its name."""


@dataclass(frozen=True)
class Preprocess:
    """How an image becomes a network's input.

    Attributes:
        shape: ``(C, H, W)``; one channel means grey, three color. Where images shrink, antialiasing is on.
        steps: What is done to pixels scaled to 0..1, in this order.
        stored: ``(height, width)`` that images are resized to, and the middle H×W of them is used; None means that they
            are resized to H×W itself. A training that cuts other parts out of them loads them so.
        resize: How images of other proportions get this size.
        channel_order: ``rgb`` or ``bgr``; which the steps, and then the network, get.

    Raises:
        DataError: if these do not go together.
    """

    shape: tuple[int, int, int]
    steps: tuple[Step, ...] = ()
    stored: tuple[int, int] | None = None
    resize: Resize = STRETCH
    channel_order: Literal["rgb", "bgr"] = "rgb"

    def __post_init__(self) -> None:
        channels, height, width = self.shape
        if self.stored is not None and not _is_size(self.stored, height, width):
            allowed = f"height and width in pixels, 1 to {_MOST_SIDE}, at least those of the input, {height}×{width}"
            raise DataError(bad_argument("stored", self.stored, allowed))
        if self.channel_order not in ("rgb", "bgr"):
            raise DataError(bad_argument("channel_order", self.channel_order, "rgb or bgr"))
        if self.channel_order == "bgr" and channels != 3:
            images = f"images of {channels} channel{'' if channels == 1 else 's'}"
            raise DataError(bad_argument("channel_order", "bgr", f"rgb for {images}"))
        for step in self.steps:
            step.check(self.shape)

    @property
    def stored_shape(self) -> tuple[int, int, int]:
        """``(C, H', W')`` that images are loaded with; at least ``shape``."""
        return (self.shape[0], *(self.stored or self.shape[1:]))

    @property
    def affine(self) -> Affine | None:
        """``(scale, shift)`` such that `finish` is ``x * scale + shift``; None if it is anything else.

        So it is if every step is a `Standardize` and channels keep their order.
        """
        if self.channel_order != "rgb" or not all(isinstance(step, Standardize) for step in self.steps):
            return None
        divisor, shift = [255.0] * self.shape[0], [0.0] * self.shape[0]
        for step in self.steps:
            assert isinstance(step, Standardize)
            divisor = [d * s for d, s in zip(divisor, step.std, strict=True)]
            shift = [(t - m) / s for t, m, s in zip(shift, step.mean, step.std, strict=True)]
        return tuple(1 / d for d in divisor), tuple(shift)

    def pixels(self, image: Image.Image) -> ByteArray:
        """Return ``image`` as uint8 ``(C, H, W)``: transparency on white, 16 bits scaled to 8.

        Raises:
            DataError: if it is of 32-bit whole numbers beyond 0..255 and 0..65535, or of fractions beyond
                0..1 and 0..255.
        """
        return center(self.loaded(image), self.shape[1:])

    def loaded(self, image: Image.Image) -> ByteArray:
        """Return ``image`` as uint8 of ``stored_shape``, as `pixels` does before it takes the middle."""
        return to_pixels(image, self.stored_shape, self.resize)

    def normalize(self, images: Tensor) -> Tensor:
        """Map uint8 ``(N, C, H, W)``, as loaded or of ``shape``, to float32 of ``shape`` on the same device."""
        shown = center(images, self.shape[1:])
        if (affine := self.affine) is None or shown.dtype == torch.float32:
            return self.finish(shown.float())
        floats = shown.float()
        scale, shift = factors(affine, floats)
        return floats.mul_(scale).add_(shift)

    def finish(self, images: Tensor) -> Tensor:
        """Map floats from 0 to 255, ``(N, C, H, W)`` of ``shape``, to what the network takes, of the same type.

        Where there is an ``affine`` way, that is one multiplication and one addition, each rounded: other engines can
        give the same bits.
        """
        if (affine := self.affine) is not None:
            scale, shift = factors(affine, images)
            return (images * scale).add_(shift)
        images = images / 255
        if self.channel_order == "bgr":
            images = images.flip(1)
        with without_autocast(images):
            for step in self.steps:
                images = step.apply(images)
        return images

    def inverse(self, images: Tensor) -> Tensor:
        """Return what the network takes, floats ``(N, C, H, W)``, as uint8 images in RGB that can be shown.

        Where a step cannot be undone, what it gave is stretched, image by image, to reach from black to white.
        """
        with without_autocast(images):
            for step in reversed(self.steps):
                before = step.inverse(images)
                if before is None:
                    images = _stretched(images)
                    break
                images = before
        if self.channel_order == "bgr":
            images = images.flip(1)
        return (images * 255).round().clamp(0, 255).to(torch.uint8)

    def to_data(self) -> dict[str, Any]:
        """Return all but its tensors as plain data."""
        return {
            "shape": list(self.shape),
            "stored": list(self.stored) if self.stored else None,
            "resize": {"policy": self.resize.policy, "fill": self.resize.fill},
            "channel_order": self.channel_order,
            "steps": [{step.name: step.options()} for step in self.steps],
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return its tensors, of each step by its number: ``1.mean``."""
        return {
            f"{number}.{name}": tensor
            for number, step in enumerate(self.steps)
            for name, tensor in step.tensors().items()
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Preprocess:
        """Read what `to_data` and `tensors` gave, and what ``run.yaml`` of schema 1 held.

        Raises:
            DataError, KeyError, TypeError, ValueError: if it is malformed.
        """
        channels, height, width = check_shape(data["shape"])
        if "steps" not in data:  # schema 1
            mean, std = (tuple(float(v) for v in data[key]) for key in ("mean", "std"))
            return cls((channels, height, width), (Standardize(mean, std),), _tuple(data.get("resize")))
        return cls(
            shape=(channels, height, width),
            steps=tuple(_step(number, step, tensors) for number, step in enumerate(data["steps"])),
            stored=_tuple(data["stored"]),
            resize=Resize(**data["resize"]),
            channel_order=data["channel_order"],
        )


def factors(affine: Affine, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return scale and shift, ``(C, 1, 1)``, of the type of ``images`` and where they are."""
    scale, shift = (moved(torch.tensor(values, dtype=images.dtype), images.device) for values in affine)
    return scale[:, None, None], shift[:, None, None]


def _is_size(value: Any, height: int, width: int) -> bool:
    whole = isinstance(value, tuple) and len(value) == 2 and all(type(side) is int for side in value)
    return whole and height <= value[0] <= _MOST_SIDE and width <= value[1] <= _MOST_SIDE


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _step(number: int, data: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Step:
    ((name, options),) = dict(data).items()
    if name not in STEPS:
        raise DataError(unknown_name("step", str(name), STEPS))
    mark = f"{number}."
    own = {key.removeprefix(mark): tensor for key, tensor in tensors.items() if key.startswith(mark)}
    values = {key: _tuple(value) for key, value in dict(options).items()}
    wanted = {f.name: f.type == "Tensor" for f in fields(STEPS[name]) if f.init}  # type: ignore[arg-type]
    given = dict.fromkeys(values, False) | dict.fromkeys(own, True)
    if given != wanted or len(given) < len(values) + len(own):
        told = listed(f"{key} ({'a tensor' if tensor else 'no tensor'})" for key, tensor in wanted.items())
        raise DataError(
            f"step {number}, {name}: is made of {told or 'nothing'}, and has {listed(sorted(given)) or 'nothing'}."
        )
    return STEPS[name](**values, **own)


def _stretched(images: Tensor) -> Tensor:
    """Map each image's least value to 0 and its greatest to 1; one without contrast to 0.5."""
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    return torch.where(high > low, (images - low) / (high - low).clamp(min=1e-30), 0.5)
