"""The padding of windows: what torch's own can say, and the rules for what it cannot."""

from __future__ import annotations

from collections.abc import Sequence

from striate.analyze import Axis, conv_axes, pool_axes
from striate.analyze.rules.windows import AnyConv, AnyPool
from striate.nn import layers
from striate.spec import Conv

__all__ = ["conv_pads", "is_fixed", "pool_pads"]


def is_fixed(layer: AnyConv | AnyPool, axes: Sequence[Axis]) -> bool:
    """Tell whether the padding is even and the same for every input size, as torch's own must be."""
    by_size = layer.padding == "same" and any(a.stride > 1 for a in axes)
    return not by_size and all(a.before == a.after for a in axes)


def conv_pads(layer: AnyConv, sizes: Sequence[int]) -> layers.Pads:
    """Return the padding of a convolution for inputs of ``sizes``."""
    channels = layer.groups if isinstance(layer, Conv) else 1
    return [(a.before, a.after) for a in conv_axes(layer, (channels, *sizes))]


def pool_pads(layer: AnyPool, sizes: Sequence[int]) -> layers.Pads:
    """Return the padding that reaches to the end of the last window, rounded up or not."""
    axes = pool_axes(layer, (1, *sizes))
    ends = [(a.output - 1) * a.stride + a.extent for a in axes]
    return [(a.before, max(end - a.before - a.size, 0)) for a, end in zip(axes, ends, strict=True)]
