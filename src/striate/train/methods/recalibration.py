"""The statistics of BatchNorm, measured anew for weights that no step has passed through."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["recalibrate"]


@torch.no_grad()
def recalibrate(module: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set the running statistics of every BatchNorm of ``module`` to those of ``batches``, each counting the same.

    Unlike in ``torch.optim.swa_utils.update_bn``, everything else is as in evaluation: no dropout, no auxiliary heads,
    whose statistics stay as they were; after an error all do. What was training is training again at the end.

    Args:
        module: Anything that maps ``(N, C, H, W)``.
        batches: Training images ``(N, C, H, W)``, as the module must see them, on its device.
    """
    norms = [
        part
        for part in module.modules()
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is not None
    ]
    training = [part for part in module.modules() if part.training]
    before = [({n: b.clone() for n, b in norm.named_buffers()}, norm.momentum) for norm in norms]
    measured = False
    module.eval()
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the equal mean of all batches
            norm.train()
        if norms:
            for images in batches:
                module(images)
        measured = True
    finally:
        for norm, (buffers, momentum) in zip(norms, before, strict=True):
            norm.momentum = momentum
            if not (measured and norm.num_batches_tracked):
                for name, buffer in norm.named_buffers():
                    buffer.copy_(buffers[name])
        module.eval()
        for part in training:
            part.training = True
