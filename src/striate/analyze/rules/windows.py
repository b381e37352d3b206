"""Where the windows of convolutions and poolings lie on each spatial axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from striate.analyze.axes import AdaptiveAxis, Axis, TransposedAxis, UpsampledAxis
from striate.analyze.rules.base import Misfit, Shape, need_axes
from striate.spec.layers import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    Conv,
    ConvTranspose,
    DepthwiseConv,
    LocallyConnected,
    LpPool,
    MaxPool,
    SeparableConv,
    StochasticPool,
    Subsample,
    TableConv,
    TiledConv,
    Upsample,
)

__all__ = [
    "AnyConv",
    "AnyPool",
    "adaptive_axes",
    "around",
    "conv_axes",
    "per_axis",
    "pool_axes",
    "same_padding",
    "subsample_axes",
    "transposed_axes",
    "upsampled_axes",
]

_T = TypeVar("_T")
AnyConv = Conv | DepthwiseConv | SeparableConv | LocallyConnected | TiledConv | TableConv
AnyPool = MaxPool | AvgPool | LpPool | StochasticPool


def conv_axes(layer: AnyConv, shape: Shape) -> tuple[Axis, ...]:
    """Return the window of a convolution on each spatial axis of ``shape``.

    Raises:
        Misfit: if the window does not fit.
    """
    need_axes(shape)
    sizes = shape[1:]
    if layer.padding == "causal" and len(sizes) != 1:
        raise Misfit(f"padding='causal' is for signals (C, L) alone; use 'same' over {len(sizes)} axes")
    return _axes(sizes, layer.kernel_size, layer.stride, layer.padding, layer.dilation, ceil_mode=False)


def pool_axes(layer: AnyPool, shape: Shape) -> tuple[Axis, ...]:
    """Return the window of a pooling layer on each spatial axis of ``shape``.

    Raises:
        Misfit: if the window does not fit.
    """
    need_axes(shape)
    stride = layer.kernel_size if layer.stride is None else layer.stride
    axes = _axes(shape[1:], layer.kernel_size, stride, layer.padding, 1, ceil_mode=layer.ceil_mode)
    for a in axes:
        if max(a.before, a.after) >= a.kernel:
            raise Misfit(
                f"padding {max(a.before, a.after)} is not less than the kernel size {a.kernel}, so that a "
                f"window would hold padding alone; use at most {a.kernel - 1}"
            )
    return axes


def subsample_axes(layer: Subsample, shape: Shape) -> tuple[Axis, ...]:
    """Return the window of a trainable subsampling on each spatial axis of ``shape``.

    Raises:
        Misfit: if the window does not fit.
    """
    need_axes(shape)
    stride = layer.kernel_size if layer.stride is None else layer.stride
    return _axes(shape[1:], layer.kernel_size, stride, 0, 1, ceil_mode=False)


def transposed_axes(layer: ConvTranspose, shape: Shape) -> tuple[TransposedAxis, ...]:
    """Return the window of a transposed convolution on each spatial axis of ``shape``.

    Raises:
        Misfit: if nothing is left of the output, or more is added than the stride allows.
    """
    need_axes(shape)
    rank = len(shape) - 1
    fields = ("kernel_size", "stride", "dilation", "padding", "output_padding")
    settings = [per_axis(name, getattr(layer, name), rank) for name in fields]
    axes = tuple(TransposedAxis(*window) for window in zip(shape[1:], *settings, strict=True))
    for a in axes:
        if a.added >= max(a.stride, a.dilation):
            raise Misfit(
                f"output_padding={a.added} is not less than the stride {a.stride} or the dilation {a.dilation}; "
                f"use at most {max(a.stride, a.dilation) - 1}"
            )
        if a.output < 1:
            raise Misfit(f"padding={a.cut} cuts off all of the output: {a.work}; use less")
    return axes


def upsampled_axes(layer: Upsample, shape: Shape) -> tuple[UpsampledAxis, ...]:
    """Return each spatial axis of ``shape``, made longer.

    Raises:
        Misfit: if there are none.
    """
    need_axes(shape)
    scales = per_axis("scale_factor", layer.scale_factor, len(shape) - 1)
    return tuple(
        UpsampledAxis(n, f, layer.mode == "bilinear") for n, f in zip(shape[1:], scales, strict=True)
    )


def adaptive_axes(layer: AdaptiveAvgPool | AdaptiveMaxPool, shape: Shape) -> tuple[AdaptiveAxis, ...]:
    """Return the windows of an adaptive pooling on each spatial axis of ``shape``.

    Raises:
        Misfit: if more outputs are asked for than there are inputs.
    """
    need_axes(shape)
    sizes = per_axis("output_size", layer.output_size, len(shape) - 1)
    for n, out in zip(shape[1:], sizes, strict=True):
        if out > n:
            raise Misfit(
                f"output_size={out} is more than the {n} positions of the input; use at most {n}, or Upsample"
            )
    return tuple(AdaptiveAxis(n, out) for n, out in zip(shape[1:], sizes, strict=True))


def around(size: int, shape: Shape) -> tuple[Axis, ...]:
    """Return, for each spatial axis of ``shape``, the window of ``size`` positions around each position."""
    need_axes(shape)
    return tuple(Axis(n, size, 1, 1, (size - 1) // 2, size // 2) for n in shape[1:])


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Return the padding before and after that makes the output ``ceil(size / stride)`` long."""
    covered = (size - 1) // stride * stride + dilation * (kernel - 1) + 1
    total = max(covered - size, 0)
    return total // 2, total - total // 2


def _axes(
    sizes: Sequence[int],
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...],
    padding: int | str | tuple[int | tuple[int, int], ...],
    dilation: int | tuple[int, ...],
    *,
    ceil_mode: bool,
) -> tuple[Axis, ...]:
    rank = len(sizes)
    kernels = per_axis("kernel_size", kernel_size, rank)
    strides = per_axis("stride", stride, rank)
    dilations = per_axis("dilation", dilation, rank)
    pads = list(_pads(sizes, kernels, strides, dilations, padding))
    windows = zip(sizes, kernels, strides, dilations, pads, strict=True)
    axes = tuple(Axis(n, k, s, d, *pad, ceil_mode) for n, k, s, d, pad in windows)
    for a in axes:
        if a.output < 1:
            raise Misfit(
                f"the window spans {a.extent} positions and the input with its padding has "
                f"{a.size + a.before + a.after}: {a.work}. Use a smaller kernel_size or dilation, more padding, "
                f"a larger input, or less stride before this layer"
            )
    return axes


def _pads(
    sizes: Sequence[int],
    kernels: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    padding: int | str | tuple[int | tuple[int, int], ...],
) -> Iterator[tuple[int, int]]:
    spans = [d * (k - 1) for k, d in zip(kernels, dilations, strict=True)]
    match padding:
        case "valid":
            yield from ((0, 0) for _ in sizes)
        case "same":
            for window in zip(sizes, kernels, strides, dilations, strict=True):
                yield same_padding(*window)
        case "full":
            yield from ((span, span) for span in spans)
        case "causal":
            yield from ((span, 0) for span in spans)
        case _:
            assert not isinstance(padding, str)
            each: tuple[int | tuple[int, int], ...] = per_axis("padding", padding, len(sizes))
            for pad in each:
                yield pad if isinstance(pad, tuple) else (pad, pad)


def per_axis(name: str, value: _T | tuple[_T, ...], rank: int) -> tuple[_T, ...]:
    """Return ``value`` as one entry per axis.

    Raises:
        Misfit: if it has another number of entries.
    """
    if not isinstance(value, tuple):
        return (value,) * rank
    if len(value) != rank:
        raise Misfit(
            f"{name}={value} has {len(value)} entries and the input has {rank} spatial axes; give {rank}, or one int"
        )
    return value
