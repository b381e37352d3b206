"""Signals in time, shifted, stretched, louder, noisy, masked or upside down. Functions of whole batches.

Signals are float32 ``(N, C, L)`` in any unit; each has its own strength, and a new tensor is returned.
Legend: N signals, C channels, L samples.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from striate.data.augment.draws import Keys, pixel_normals
from striate.data.augment.nonlinear.filters import mirrored
from striate.data.moving import moved

__all__ = ["Padding", "add_noise", "gain", "mask", "warp_signal"]

Padding = Literal["zeros", "replicate", "reflect"]


def warp_signal(signals: Tensor, shifts: Tensor, stretches: Tensor, padding: Padding = "zeros") -> Tensor:
    """Return ``signals`` stretched about their middle, then shifted, in one linear interpolation, ``(N, C, L)``.

    Where time is compressed, the triangle that interpolates is widened by as much, against aliasing, but reaches no
    farther to either side than L. Shifts by whole samples are exact.

    Args:
        signals: Float32 ``(N, C, L)``.
        shifts: In samples, ``(N,)``; positive is later. On the CPU no device is waited for.
        stretches: The new duration over the old, ``(N,)``, positive; 1 leaves it as it is. Where ``shifts`` lie.
        padding: What lies before and after a signal: zeros, its outermost sample, or itself mirrored at that.
    """
    length = signals.shape[2]
    shifts, steps = shifts.double()[:, None], 1 / stretches.double()[:, None]
    reach = steps.clamp(1, length)
    taps_each = math.ceil(2 * reach.max())
    shifts, steps, reach = (moved(each, signals.device) for each in (shifts, steps, reach))
    times = torch.arange(length, dtype=torch.float64, device=signals.device)
    middle = (length - 1) / 2
    sources = middle + (times - middle - shifts) * steps
    first = (sources - reach).floor() + 1
    out, total = torch.zeros_like(signals), torch.zeros_like(sources, dtype=torch.float32)
    for offset in range(taps_each):
        taps = first + offset
        weights = (1 - (taps - sources).abs() / reach).clamp_(min=0).float()
        total += weights
        positions = taps.long()
        if padding == "zeros":
            weights *= (positions >= 0) & (positions < length)
        places = mirrored(positions, length) if padding == "reflect" else positions.clamp(0, length - 1)
        out += signals.gather(2, places[:, None].expand_as(signals)).mul_(weights[:, None])
    return out.div_(total[:, None])


def gain(signals: Tensor, factors: Tensor) -> Tensor:
    """Return ``signals`` times factors ``(N,)``, float32 ``(N, C, L)``."""
    return signals * factors.view(-1, 1, 1)


def add_noise(signals: Tensor, stds: Tensor, keys: Keys) -> Tensor:
    """Return ``signals`` plus normal noise, of its own in each channel, ``(N, C, L)``.

    Args:
        signals: Float32 ``(N, C, L)``.
        stds: Float32 ``(N,)``, in units of the standard deviation of the channel that the noise is added to, as
            signals come in all units; 0 leaves a signal unchanged.
        keys: Of the signals, ``(N,)``.
    """
    own = signals.double().std(2, correction=0, keepdim=True).float()
    noise = pixel_normals(keys, signals.shape[1:], signals.device)
    return noise.mul_(own * stds.view(-1, 1, 1)).add_(signals)


def mask(signals: Tensor, spans: Tensor, fill: Literal["zero", "mean"] = "zero") -> Tensor:
    """Return ``signals`` with a span of time replaced, in all channels, ``(N, C, L)``.

    Args:
        signals: Float32 ``(N, C, L)``.
        spans: First sample and number of samples, int64 ``(N, 2)``; none leaves a signal unchanged.
        fill: What a span becomes: zero, or the mean of each channel.
    """
    first, count = spans[:, :, None].unbind(1)
    times = torch.arange(signals.shape[2], device=signals.device)
    inside = ((times >= first) & (times < first + count))[:, None]
    if fill == "zero":
        return signals.masked_fill(inside, 0)
    return torch.where(inside, signals.double().mean(2, keepdim=True).float(), signals)
