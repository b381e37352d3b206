"""Where a value that is not a number first appeared, in a forward or a backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["NotFinite", "first_bad_gradient", "first_not_finite", "layers_of"]

_LOW_RATE = 0.1
"""At which most networks train, with most optimizers."""


class NotFinite(Exception):
    """A figure is no number: not yet told to a user, as only the loop knows which checkpoint is good.

    Args:
        figure: Which: ``"loss"``, ``"validation loss"``, ``"gradient"``.
        step: From 1.
        lr: The peak of the learning rate.
        layer: See `striate.train.Diverged`.
        what: Likewise.
    """

    def __init__(self, figure: str, step: int, lr: float, layer: str | None, what: str) -> None:
        super().__init__(figure, step, lr, layer, what)
        self.figure, self.step, self.lr, self.layer, self.what = figure, step, lr, layer, what

    def message(self, checkpoint: Path | None = None) -> str:
        """Return what is wrong, where, how to mend it, and what is kept of the run.

        Args:
            checkpoint: The file of the newest checkpoint, if one was written; None of what makes no run folder.
        """
        if checkpoint is None:
            kept = ""
        elif checkpoint.exists():
            kept = f" The last checkpoint stays good: {checkpoint}."
        else:
            kept = (
                f" Nothing of its weights was kept: there was no checkpoint yet in {checkpoint.parents[2]}."
            )
        return f"the {self.figure} at step {self.step} is not a finite number: {self._where()}. {self._fix()}{kept}"

    def _where(self) -> str:
        if not self.what:
            return "once, and not again when the step was repeated"
        if self.what in ("images", "targets"):
            return f"the {self.what} of the batch are not"
        if self.layer is None:
            return "in the gradient of the loss itself" if self.what == "gradient" else "in the loss alone"
        layer = "the module itself" if self.layer == "" else repr(self.layer)
        return f"first in the {self.what} of {layer}"

    def _fix(self) -> str:
        if self.what == "images":
            return "Look at what they go through: --preprocess, --augment."
        if self.what == "targets":
            return "Look at the labels of the data."
        if self.figure == "gradient":
            return (
                "The usual causes are a root or a logarithm of 0, a division by 0, and too high a learning rate (here "
                f"{self.lr:g}); the weights are as they were before the step."
            )
        # What an absurd rate is to be instead, it does not tell; a tenth of 1 and above is seldom low enough.
        lower = min(self.lr / 10, _LOW_RATE)
        return (
            f"The usual causes are too high a learning rate (here {self.lr:g}), and weight decay or penalties that are "
            f"too strong for it; try --lr {lower:g}, longer warmup, or less --weight-decay, --l1 and --l2."
        )


def layers_of(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the parts of ``module`` that have no parts, or weights of their own, each with its path."""
    return [
        (path, part)
        for path, part in module.named_modules()
        if not list(part.children()) or list(part.parameters(recurse=False))
    ]


def first_not_finite(
    module: nn.Module, images: Tensor, targets: Tensor | None = None
) -> tuple[str | None, str]:
    """Run ``module`` on float ``images`` and return the path of the first layer, in the order they run,
    whose weights or output are not all finite, and which of the two (``"weights"``, ``"output"``).

    ``(None, "images")`` or ``(None, "targets")`` if those are not finite to begin with; ``(None, "loss")`` if every
    layer's values are. The module's state is not changed.
    """
    if not images.isfinite().all():
        return None, "images"
    if targets is not None and not targets.isfinite().all():
        return None, "targets"
    found: list[tuple[str, str]] = []

    def watch(path: str) -> Any:
        def hook(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if found:
                return
            if not all(p.isfinite().all() for p in part.parameters(recurse=False)):
                found.append((path, "weights"))
            elif isinstance(output, Tensor) and not output.isfinite().all():
                found.append((path, "output"))

        return hook

    handles = [part.register_forward_hook(watch(path)) for path, part in layers_of(module)]
    with _undone(module, handles), torch.no_grad():
        module(images)
    return found[0] if found else (None, "loss")


def first_bad_gradient(module: nn.Module, loss: Callable[[], Tensor]) -> tuple[str | None, str]:
    """Run ``loss``, which calls ``module``, forward and backward, and return the path of the first layer, in the order
    of the backward pass, whose gradient is not finite, and which one.

    That is its ``"gradient"``, of its weights or its input, where what came to it was finite; ``"output gradient"``
    if it came so, from what is no layer. ``(None, "gradient")`` if the loss itself makes it. The gradients of
    ``module`` are to be cleared before, and are those of ``loss`` then; its state is not changed.
    """
    found: list[tuple[str | None, str]] = []  # in the order of the backward pass

    def noting(path: str | None, what: str) -> Callable[[Tensor], None]:
        def note(gradient: Tensor) -> None:
            if not gradient.isfinite().all():
                found.append((path, what))

        return note

    def before(path: str) -> Any:
        note = noting(path, "gradient")
        return lambda part, inputs: tuple(_noted(value, note) for value in inputs)

    def behind(path: str | None, what: str) -> Any:
        note = noting(path, what)
        return lambda part, inputs, output: _noted(output, note)

    handles: list[Any] = []
    for path, part in layers_of(module):
        handles += [
            part.register_forward_pre_hook(before(path)),
            part.register_forward_hook(behind(path, "output gradient")),
        ]
        for weight in part.parameters(recurse=False):
            if weight.requires_grad:
                handles.append(weight.register_hook(noting(path, "gradient")))  # type: ignore[no-untyped-call]
    handles.append(module.register_forward_hook(behind(None, "gradient")))
    with _undone(module, handles):
        loss().backward()  # type: ignore[no-untyped-call]
    return found[0] if found else (None, "gradient")


def _noted(value: Any, note: Callable[[Tensor], None]) -> Any:
    """Return a copy of a tensor, of whose gradient ``note`` is told: what one layer makes of it, not all together."""
    if not isinstance(value, Tensor) or not value.requires_grad:
        return value
    copy = value.clone()
    copy.register_hook(note)  # type: ignore[no-untyped-call]
    return copy


@contextmanager
def _undone(module: nn.Module, handles: list[Any]) -> Iterator[None]:
    """Remove hooks at the end of the block, and put back the buffers of ``module``."""
    before = {name: value.clone() for name, value in module.named_buffers()}
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        with torch.no_grad():
            for name, value in module.named_buffers():
                value.copy_(before[name])
