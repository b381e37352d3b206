"""Batch normalization over the images of all processes, also where torch's own, which is for GPUs alone, is not.

Legend: N images of this process, M values of a channel in all processes, C channels.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from striate.nn.layers.precision import widened, without_autocast

__all__ = ["SyncedBatchNorm", "has_batch_norm", "synced"]

_KINDS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def has_batch_norm(module: nn.Module) -> bool:
    """Return whether a part of ``module`` takes statistics of the batch."""
    return any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in module.modules())


def synced(module: nn.Module, device: torch.device) -> nn.Module:
    """Return ``module`` with every BatchNorm one over all processes, of the same weights, buffers and paths.

    On CUDA it is `torch.nn.SyncBatchNorm`, elsewhere `SyncedBatchNorm`.
    """
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return converted
    if type(module) in _KINDS:
        return SyncedBatchNorm(module)  # type: ignore[arg-type]
    for name, part in module.named_children():
        setattr(module, name, synced(part, device))
    return module


class SyncedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """What a BatchNorm would do with the images of all processes together, each of which has some of them.

    Args:
        norm: What it takes the place of; weights and buffers are the same tensors.
    """

    def __init__(self, norm: nn.modules.batchnorm._BatchNorm) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, affine=False, track_running_stats=False)
        self.affine, self.track_running_stats = norm.affine, norm.track_running_stats
        self.weight, self.bias = norm.weight, norm.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            setattr(self, name, getattr(norm, name))
        self.train(norm.training)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"a BatchNorm takes (N, C, *size), not {tuple(input.shape)}")

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` ``(N, C, *size)`` with each channel normalized."""
        self._check_input_dim(x)
        if not self.training:  # as it answers, each process by itself
            return super().forward(x)
        with without_autocast(x):
            return self._normalized(widened(x)).to(x.dtype)

    def _normalized(self, x: Tensor) -> Tensor:
        axes = [0, *range(2, x.ndim)]
        count = x.numel() // x.shape[1]
        mine = torch.cat([x.sum(axes), x.new_tensor([count])])
        *_, values = summed = _summed(mine)
        mean = summed[:-1] / values
        centered = x - _along(mean, x)
        # The mean first: E[x²] - E[x]² would lose in float32 what a large mean hides.
        variance = _summed((centered * centered).sum(axes)) / values
        if self.running_mean is not None:
            self._remember(mean.detach(), variance.detach() * (values / (values - 1)).detach())
        normalized = centered * _along((variance + self.eps).rsqrt(), x)
        if self.weight is None:
            return normalized
        return normalized * _along(self.weight, x) + _along(self.bias, x)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), momentum)


def _along(values: Tensor, x: Tensor) -> Tensor:
    """Return one value for each channel, ``(C,)``, as it goes with ``(N, C, *size)``."""
    return values.view(-1, *(1 for _ in range(x.ndim - 2)))


def _summed(tensor: Tensor) -> Tensor:
    """Return the sum of ``tensor`` over all processes, to whose losses together each value contributes."""
    total: Tensor = _Sum.apply(tensor)  # type: ignore[no-untyped-call]
    return total


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total
