"""Where a value that is not a number first appeared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["NotFinite", "first_not_finite"]


class NotFinite(Exception):
    """A figure is no number: not yet told to a user, as only the loop knows which checkpoint is good."""

    def __init__(self, figure: str, step: int, lr: float, layer: str | None, what: str) -> None:
        super().__init__(figure, step, lr, layer, what)
        self.figure, self.step, self.lr, self.layer, self.what = figure, step, lr, layer, what

    def message(self, checkpoint: Path) -> str:
        """Return what is wrong, where, and how to mend it."""
        layer = "the module itself" if self.layer == "" else repr(self.layer)
        where = "in the loss alone" if self.layer is None else f"first in the {self.what} of {layer}"
        kept = f" The last checkpoint stays good: {checkpoint}." if checkpoint.exists() else ""
        return (
            f"the {self.figure} at step {self.step} is not a finite number: {where}. The usual cause is too "
            f"high a learning rate (here {self.lr:g}); try --lr {self.lr / 10:g}, or longer warmup.{kept}"
        )


def first_not_finite(module: nn.Module, images: Tensor) -> tuple[str | None, str]:
    """Run ``module`` on float ``images`` and return the path of the first layer, in the order they run,
    whose weights or output are not all finite, and which of the two (``"weights"``, ``"output"``).

    ``(None, "loss")`` if every layer's values are finite. The module's state is not changed.
    """
    found: list[tuple[str, str]] = []

    def watch(path: str, part: nn.Module) -> Any:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if found:
                return
            if not all(torch.isfinite(p).all() for p in part.parameters(recurse=False)):
                found.append((path, "weights"))
            elif isinstance(output, Tensor) and not torch.isfinite(output).all():
                found.append((path, "output"))

        return part.register_forward_hook(hook)

    own = [
        (path, part)
        for path, part in module.named_modules()
        if not list(part.children()) or list(part.parameters(recurse=False))
    ]
    before = {name: value.clone() for name, value in module.named_buffers()}
    handles = [watch(path, part) for path, part in own]
    try:
        with torch.no_grad():
            module(images)
    finally:
        for handle in handles:
            handle.remove()
        with torch.no_grad():
            for name, value in module.named_buffers():
                value.copy_(before[name])
    return found[0] if found else (None, "loss")
