"""Draws what a shift of the image does to a convolution and to max pooling: real digits, built layers.

Legend: N digits, H W height and width. f is a layer, g a shift.
"""

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from striate.data import digits
from striate.nn import build
from striate.spec import Conv, LocallyConnected, MaxPool, Network, Node

WINDOWS = (1, 2, 3, 4, 6, 8, 24)
STRIDES = (1, 2, 3)
SHIFTS = range(7)
EDGES = torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]])
ONE = slice(1, 2)  # the digit that is drawn, a four


def write_pictures(folder: Path) -> None:
    """Write the pictures of the page."""
    with matplotlib.rc_context({"svg.hashsalt": "equivariance"}):
        for name, figure in (("convolution", _convolution()), ("pooling", _pooling()), ("ends", _ends())):
            picture = folder / f"equivariance-{name}.svg"
            figure.savefig(picture, dpi=288, metadata={"Date": None, "Creator": None})


@cache
def _digits() -> torch.Tensor:
    """Return the digits of the test split, (N, 1, 8, 8), from 0 to 255."""
    return torch.from_numpy(digits().array("test")).double()


def pooled_changes() -> dict[int, float]:
    """Return for each window of a max pooling which part of its output changes when digits move by one pixel.

    The sum of absolute changes over the sum of values: all digits of the test split on a black field of 24×24, at all
    the places that they can have among the windows.
    """
    shares = {}
    for window in WINDOWS:
        changed = total = 0.0
        for y, x in np.ndindex(min(window, 8), min(window, 8)):
            images = (_placed(_digits(), 24, 8 + y, 8 + x + shift) for shift in (0, 1))
            before, after = (_output(MaxPool(window), image) for image in images)
            changed += (after - before).abs().sum().item()
            total += before.sum().item()
        shares[window] = changed / total
    return shares


def strided_differences(stride: int) -> list[float]:
    """Return for each of `SHIFTS` how far the map of shifted digits is from the nearest shift of their map.

    The sum of absolute differences over the sum of absolute values.
    """
    layer = Conv(1, 3, stride=stride, bias=False)
    plain = _output(layer, _placed(_digits(), 24, 8, 6))
    differences = []
    for shift in SHIFTS:
        moved = _output(layer, _placed(_digits(), 24, 8, 6 + shift))
        nearest = min((moved - plain.roll(steps, 3)).abs().sum().item() for steps in range(len(SHIFTS)))
        differences.append(nearest / plain.abs().sum().item())
    return differences


def _placed(images: torch.Tensor, side: int, y: int, x: int) -> torch.Tensor:
    """Return images (N, 1, 8, 8) on black fields (N, 1, side, side), their upper left corners at (y, x)."""
    field = images.new_zeros(len(images), 1, side, side)
    field[..., y : y + 8, x : x + 8] = images
    return field


def _output(layer: Node, images: torch.Tensor) -> torch.Tensor:
    """Return what a layer gives; the kernel of a convolution is `EDGES`."""
    module = build(Network("n", tuple(images.shape[1:]), layer), seed=0).double().requires_grad_(False)
    if isinstance(layer, Conv):
        module.conv1.weight.copy_(EDGES)
    return module(images)


def _convolution() -> Figure:
    """Draw f(g(x)) beside g(f(x)) for a convolution."""
    layer, shift = Conv(1, 3, padding=1, bias=False), (3, 5)
    image, moved = _placed(_digits()[ONE], 16, 2, 2), _placed(_digits()[ONE], 16, 2 + shift[0], 2 + shift[1])
    first, second = _output(layer, image), _output(layer, moved)
    difference = second - first.roll(shift, (2, 3))
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    axes = figure.subplots(2, 3)
    _show(axes[0, 0], image, "x, a digit")
    _show(axes[1, 0], moved, "g(x): 3 down, 5 right")
    _show(axes[0, 1], first, "f(x), its map")
    _show(axes[1, 1], second, "f(g(x))")
    _show(axes[0, 2], first.roll(shift, (2, 3)), "g(f(x)), the map shifted")
    _show(axes[1, 2], difference, f"f(g(x)) − g(f(x)): at most {difference.abs().max().item():g}")
    return figure


def _pooling() -> Figure:
    """Draw a digit and its maxima before and after a small shift, and the changes by window."""
    image, moved = (_placed(_digits()[ONE], 16, 4, x) for x in (6, 7))
    windows = (1, 2, 4)
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    small, large = figure.subfigures(1, 2, width_ratios=(3, 2))
    for axes, window in zip(small.subplots(3, 3), windows, strict=True):
        before, after = (_output(MaxPool(window), x) for x in (image, moved))
        part = ((after - before).abs().sum() / before.sum()).item()
        _show(axes[0], before, "a digit" if window == 1 else f"maxima of {window}×{window}")
        _show(axes[1], after, "moved by 1 pixel" if window == 1 else "of the moved digit")
        _show(axes[2], after - before, f"change: {part:.0%}")
    axes, changes = large.subplots(), pooled_changes()
    bars = axes.bar([f"{window}×{window}" for window in changes], [100 * part for part in changes.values()])
    axes.bar_label(bars, fmt="%.0f%%")
    axes.set(title=f"change, {len(_digits())} digits moved by 1 pixel", xlabel="window", yticks=[])
    return figure


def _ends() -> Figure:
    """Draw where a shift of the image is no shift of the output: strides, borders, weights of one's own."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    strides, border, local = figure.subplots(1, 3, width_ratios=(1.4, 1, 1))
    for stride in STRIDES:
        strides.plot(SHIFTS, strided_differences(stride), "o:", label=f"stride {stride}")
    strides.set(title="difference from the nearest shift\nof the map, as a part of it", ylim=(-0.1, 1.7))
    strides.set(xlabel="shift of the digits in pixels")
    strides.legend(loc="upper center", ncols=len(STRIDES))
    for axes, layer, title, ground in (
        (border, Conv(1, 3, padding=1, bias=False), "dark on white, zero padding", 255),
        (local, LocallyConnected(1, 3, padding=1, bias=False), "locally connected", 0),
    ):
        image, moved = (abs(ground - _placed(_digits()[ONE], 16, 4, x)) for x in (3, 5))
        both = (
            _output(layer, moved)[..., 2:] - _output(layer, image)[..., :-2]
        )  # without what comes in at the left
        _show(axes, both, f"f(g(x)) − g(f(x)):\n{title}")
    return figure


def _show(axes: Axes, image: torch.Tensor, title: str) -> None:
    """Show (1, 1, H, W): grey where nothing is negative; else blue below 0, white at 0, red above."""
    pixels, most = image[0, 0].numpy(), max(1.0, image.abs().max().item())
    if image.min() >= 0 and image.max() > 0:
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    else:
        axes.imshow(pixels, cmap="bwr", vmin=-most, vmax=most, interpolation="nearest")
    axes.set(title=title, xticks=[], yticks=[])
