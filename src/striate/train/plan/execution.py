"""A module as a plan has it run: forward and backward passes of batches, compiled or not, whole or in parts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from striate.nn import aux_losses, layers
from striate.nn.fused import fuse_for_training
from striate.train.distributed import ALONE, Peers
from striate.train.losses import Loss
from striate.train.plan.plan import Plan

__all__ = ["Execution", "Losses", "laid_out", "lay_out"]


class Losses(NamedTuple):
    """What a forward pass gave.

    Attributes:
        logits: ``(N, K)``.
        answered: Their loss.
        whole: The loss with what auxiliary heads add.
    """

    logits: Tensor
    answered: Tensor
    whole: Tensor


class Execution:
    """Runs ``module`` as ``plan`` says.

    Args:
        module: On its device. Its weights are laid out as the plan has them; their values and paths stay.
        loss: Of logits and targets.
        plan: How.
        device: Where.
        peers: The processes that compute a batch together, each its share.
    """

    def __init__(
        self, module: nn.Module, loss: Loss, plan: Plan, device: torch.device, peers: Peers = ALONE
    ) -> None:
        self.module = module
        self.loss = loss
        self.plan = plan
        self.device = device
        self._peers = peers
        lay_out(module, plan)
        self._parallel = peers.parallel(module)
        self._fused = False
        adding = (layers.AuxHead, layers.SparsityPenalty)
        self._adds = any(isinstance(part, adding) for part in module.modules())
        self._compiled = torch.compile(self._pass, dynamic=False) if plan.compiled_from is not None else None

    def taken(self, images: Tensor) -> Tensor:
        """Return ``images`` ``(N, C, *size)`` as they are to lie in memory."""
        return laid_out(images, self.plan)

    def parts(self, images: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, Tensor, float | Tensor]]:
        """Yield what is computed at a time: images, targets, and the share of the batch's loss that is theirs.

        The batch is that of all processes. Their gradients meet in the backward pass of the last part.
        """
        processes = self._peers.world.size
        count = math.ceil(len(images) / (self.plan.micro_batch or len(images)))
        if count == 1 and (processes == 1 or not self.loss.weighs):
            yield images, targets, 1 / processes
            return
        whole = self.loss.count(targets)
        if processes > 1:
            (total,) = self._peers.sums(whole.item())
            whole = whole.new_tensor(total)
        # Of sizes that differ by one at most: a rest of one image has no variance for BatchNorm.
        pieces = zip(torch.tensor_split(images, count), torch.tensor_split(targets, count), strict=True)
        parts = list(pieces)
        for number, (part, wanted) in enumerate(parts, 1):
            with nullcontext() if number == len(parts) else self._peers.apart(self._parallel):
                yield part, wanted, self.loss.count(wanted) / whole

    def fuse(self, images: Tensor) -> None:
        """Have layers run as one where the plan says so, which is seen from ``images`` such as will come.

        It changes what the module answers by rounding, in evaluation as well.
        """
        if self.plan.fused and not self._fused:
            self._fused = True
            with self.plan.autocast(self.device):
                fuse_for_training(self.module, images, threads=self.plan.fused)

    def losses(self, images: Tensor, targets: Tensor, step: int = 0) -> Losses:
        """Return what the module makes of ``images`` in ``step``, from 0."""
        self.fuse(images)
        if self._compiled is not None and step >= (self.plan.compiled_from or 0):
            return self._compiled(images, targets, self._parallel)
        return self._pass(images, targets, self._parallel)

    def joins_layers(self, step: int) -> bool:
        """Return whether ``step`` runs otherwise than layer by layer, as it does where hooks look on."""
        compiled = self.plan.compiled_from is not None and step >= self.plan.compiled_from
        return compiled or self.plan.fused > 0

    def eager_losses(self, images: Tensor, targets: Tensor) -> Losses:
        """Return the same layer by layer, so that hooks are called, and without the other processes."""
        return self._pass(images, targets, self.module)

    def _pass(self, images: Tensor, targets: Tensor, module: nn.Module) -> Losses:
        def loss_of(logits: Tensor) -> Tensor:
            return self.loss(logits, targets)

        with self.plan.autocast(self.device):
            logits = module(images)
            answered = whole = loss_of(logits)
            if self._adds:
                for extra in aux_losses(self.module, loss_of):
                    whole = whole + extra
        return Losses(logits, answered, whole)


def lay_out(module: nn.Module, plan: Plan) -> None:
    """Put the windows of 2-d convolutions in ``module`` into the order of ``plan``; it keeps them so."""
    for weight in module.parameters():
        weight.data = laid_out(weight.data, plan)


def laid_out(tensor: Tensor, plan: Plan) -> Tensor:
    """Return images or windows, of four axes, in the order of ``plan``, and other tensors as they are."""
    if tensor.ndim != 4:
        return tensor
    order = torch.channels_last if plan.memory_format == "channels_last" else torch.contiguous_format
    return tensor.contiguous(memory_format=order)
