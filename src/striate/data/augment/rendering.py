"""From the plan of a batch to its pixels. Legend: N images, C channels, h w of the output."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.data.augment.effects.pixels import Pixels
from striate.data.augment.effects.signal import Signal
from striate.data.augment.elastic import smooth_fields
from striate.data.augment.plan import Plan, Rows
from striate.data.augment.sampling import Warp, warped
from striate.data.augment.signals import Padding, warp_signal
from striate.data.buffers import Buffers
from striate.data.moving import moved
from striate.data.preprocess import Preprocess, factors

__all__ = ["Rendering", "parts_of", "rendered", "rendered_signals"]

_WHITE = 255.0
_MOST_COLOR = 1e6  # of a number in a matrix of colors: whatever is 255 times as large is black or white
_VALUES_AT_ONCE = (
    2**19
)  # whose temporaries stay in the cache: a third to a fifth of the time of a whole batch


@dataclass(frozen=True)
class Rendering:
    """What is the same for all images.

    Attributes:
        preprocess: What pixels go through at last; None scales them to 0..1.
        padding: What is seen beyond the border.
        fill: The value of ``zeros``, as a share of white.
        buffers: Gives the memory of the output.
    """

    preprocess: Preprocess | None
    padding: Padding
    fill: float
    buffers: Buffers = field(default_factory=Buffers, init=False, repr=False, compare=False)

    @cached_property
    def affine(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Scale and shift of each channel, from 0..255, if that is all that preprocessing does."""
        return ((1 / _WHITE,), (0.0,)) if self.preprocess is None else self.preprocess.affine

    def copy(self, pixels: Tensor) -> Tensor:
        """Return a copy of float ``pixels``, on the CPU of ``buffers``."""
        if pixels.device.type != "cpu":
            return pixels.clone()
        return self.buffers.empty(*pixels.shape, kind=np.float32).copy_(pixels)

    def finish(self, pixels: Tensor) -> Tensor:
        """Return float ``pixels`` ``(N, C, h, w)`` of 0..255 preprocessed, in their own memory if that can be."""
        if self.affine is None:
            assert self.preprocess is not None
            return self.preprocess.finish(pixels)
        scale, shift = factors(self.affine, pixels)
        return pixels.mul_(scale).add_(shift)


def rendered(images: Tensor, plan: Plan, rendering: Rendering) -> Tensor:
    """Return ``images``, uint8 ``(N, C, H, W)``, as ``plan`` says and preprocessed, float32 ``(N, C, h, w)``."""
    if not (plan.later or plan.mixture) and rendering.affine is not None:
        return _warped(images, plan, rendering, *rendering.affine)
    pixels = _pixels(images, plan, rendering)
    if plan.mixture is not None:
        weights, chains = plan.mixture
        numbers = np.flatnonzero(weights.any(1))
        rows = moved(torch.from_numpy(numbers), images.device)
        shares = moved(torch.from_numpy(weights[numbers]), pixels.device, pixels.dtype)[
            :, :, None, None, None
        ]
        mixed, originals = (1 - shares.sum(1)) * pixels[rows], images[rows]
        for k, chain in enumerate(chains if len(numbers) else ()):
            chain.stretch()
            mixed += shares[:, k] * _pixels(originals, chain.of(numbers), rendering)
        pixels[rows] = mixed
    return rendering.finish(pixels)


def _pixels(images: Tensor, plan: Plan, rendering: Rendering) -> Tensor:
    """Return what ``plan`` makes of ``images``, but for mixtures, float32 of 0..255."""
    pixels = _warped(images, plan, rendering, (1.0,), (0.0,))
    at_once = parts_of(pixels)
    for effect, rows, values in plan.later:
        assert isinstance(effect, Pixels)
        numbers = None if isinstance(rows, slice) else moved(torch.from_numpy(rows), pixels.device)
        for start in range(0, plan.count if numbers is None else len(numbers), at_once):
            part = slice(start, start + at_once)
            own = part if numbers is None else numbers[part]
            pixels[own] = effect.change(pixels[own], {name: drawn[part] for name, drawn in values.items()})
    return pixels


def parts_of(images: Tensor) -> int:
    """Return how many of ``images`` are best changed at a time: on the CPU, what stays in the cache."""
    return max(1, len(images) if images.device.type != "cpu" else _VALUES_AT_ONCE // images[0].numel())


def _warped(
    images: Tensor, plan: Plan, rendering: Rendering, scale: tuple[float, ...], shift: tuple[float, ...]
) -> Tensor:
    """Do geometry and color, and then ``x * scale + shift`` in each channel."""
    channels = images.shape[1]
    scales = np.broadcast_to(np.array(scale, np.float32), (channels,))
    shifts = np.broadcast_to(np.array(shift, np.float32), (channels,))
    warp = Warp(
        size=plan.size,
        maps=plan.maps,
        colors=np.ascontiguousarray(_of_channels(plan.colors, channels), np.float32),
        scale=scales.copy(),
        shift=shifts.copy(),
        padding=rendering.padding,
        fill=np.full(channels, round(_WHITE * rendering.fill), np.uint8),
        bent=_bent(plan, images.device),
    )
    return warped(images, warp, rendering.buffers)


def _of_channels(colors: NDArray[np.float64], channels: int) -> NDArray[np.float64]:
    """Return the matrices ``(N, 4, 4)`` of colors for ``channels``, ``(N, C, C + 1)``, finite in float32.

    Where an output's numbers are too large they are all made smaller, so that what was black or white is so still.
    """
    own = colors[:, :3] if channels == 3 else np.stack([colors[:, :1, :3].sum(2), colors[:, :1, 3]], 2)
    bounded: NDArray[np.float64] = own / np.maximum(np.abs(own).max(2, keepdims=True) / _MOST_COLOR, 1)
    return bounded


def _bent(plan: Plan, device: torch.device) -> Tensor | None:
    """Return how far the output's pixels are moved, float32 ``(N, 2, h, w)``, if at all."""
    field = None
    for sigma, rows, alpha, keys in plan.bends:
        strength = moved(torch.from_numpy(alpha), device, torch.float32)[:, None, None, None]
        fields = smooth_fields(keys, plan.size, sigma, device).mul_(strength)
        if field is None and isinstance(rows, slice):
            field = fields
            continue
        if field is None:
            field = torch.zeros(plan.count, 2, *plan.size, dtype=torch.float32, device=device)
        field[_rows(rows, device)] += fields
    return field


def _rows(rows: Rows, device: torch.device) -> slice | Tensor:
    return rows if isinstance(rows, slice) else moved(torch.from_numpy(rows), device)


def rendered_signals(signals: Tensor, plan: Plan, rendering: Rendering) -> Tensor:
    """Return ``signals``, float32 ``(N, C, L)``, as ``plan`` says."""
    step, start = plan.maps[:, 0, 0], plan.maps[:, 0, 2]
    middle = signals.shape[2] / 2
    shifts, stretches = (middle - step * middle - start) / step, 1 / step
    changed = signals.clone()
    if (step != 1).any() or (start != 0).any():
        changed = warp_signal(
            signals, torch.from_numpy(shifts), torch.from_numpy(stretches), rendering.padding
        )
    for effect, rows, values in plan.later:
        assert isinstance(effect, Signal)
        chosen = _rows(rows, signals.device)
        changed[chosen] = effect.change(changed[chosen], values)
    return changed
