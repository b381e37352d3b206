"""LSUV: weights scaled, layer by layer, until what each gives for images has variance 1 (Mishkin and Matas 2016)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from striate.nn import layers

__all__ = ["NORMS", "WEIGHTED", "batch_statistics", "unit_variance"]

WEIGHTED = (
    nn.modules.conv._ConvNd,
    nn.Linear,
    layers.LocallyConnected,
    layers.SeparableConv,
    layers.TableConv,
    layers.TiledConv,
)
"""Modules that are linear but for a bias, with weights."""

NORMS = (
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.LayerNorm,
    layers.LocalContrastNorm,
    layers.ResponseNorm,
)


@contextmanager
def batch_statistics(module: nn.Module) -> Iterator[None]:
    """Let norms take mean and variance of the batch, and auxiliary heads run; nothing is dropped and no noise added.

    Modes and buffers are afterwards as before.
    """
    parts = list(module.modules())
    modes = [part.training for part in parts]
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    for part in parts:
        part.training = isinstance(part, (*NORMS, layers.AuxHead))
    try:
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
        layers.aux_losses(module, torch.zeros_like)  # what heads gave waits for no loss


def unit_variance(module: nn.Module, images: Tensor, tolerance: float = 0.1, most: int = 10) -> None:
    """Divide the weights of every layer by the standard deviation of its output until that is 1, in the order they run.

    Layers see what those before them give after their own scaling, as in the paper, in one pass. The weights of a layer
    whose output is constant, or no finite number, stay as they are.

    Args:
        module: Its weights should be orthonormal, as ``build(network, seed, init="lsuv")`` leaves them.
        images: A batch as the module takes it.
        tolerance: How far the variance may stay from 1.
        most: How often a layer is scaled, which once is enough for one without bias.
    """
    scaled: set[nn.Module] = set()

    def scale(part: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        if part in scaled:
            return output
        scaled.add(part)
        weight: Tensor = getattr(part, "pointwise" if isinstance(part, layers.SeparableConv) else "weight")
        for _ in range(most):
            variance = output.double().var(correction=0).item()
            if abs(variance - 1) < tolerance or not 0 < variance < math.inf:
                break
            weight.div_(math.sqrt(variance))
            output = part.forward(*inputs)
        return output

    hooks = [part.register_forward_hook(scale) for part in module.modules() if isinstance(part, WEIGHTED)]
    try:
        with torch.no_grad(), batch_statistics(module):
            module(images)
    finally:
        for hook in hooks:
            hook.remove()
