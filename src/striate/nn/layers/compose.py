"""The compositions as modules: the sum, the join, the auxiliary head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from striate.nn.layers.regularization import SparsityPenalty

__all__ = ["AuxHead", "Concat", "Residual", "aux_losses"]


class _Chains(nn.Module):
    """Holds runs of named modules side by side; each run is called one module after another."""

    def __init__(self, *chains: dict[str, nn.Module]) -> None:
        super().__init__()
        self._names = [list(chain) for chain in chains]
        for modules in chains:
            for name, module in modules.items():
                self.add_module(name, module)

    def run(self, index: int, x: Tensor) -> Tensor:
        for name in self._names[index]:
            x = self._modules[name](x)  # type: ignore[misc]
        return x


class Residual(_Chains):
    """``body(x) + shortcut(x)``; an empty shortcut is the identity."""

    def __init__(self, body: dict[str, nn.Module], shortcut: dict[str, nn.Module]) -> None:
        super().__init__(body, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(0, x) + self.run(1, x)


class Concat(_Chains):
    """Branches that read one input, joined on channels."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.run(i, x) for i in range(len(self._names))], dim=1)


class AuxHead(_Chains):
    """Passes its input on; while training, keeps what its body makes of it for `aux_losses`."""

    def __init__(self, body: dict[str, nn.Module], weight: float) -> None:
        super().__init__(body)
        self.weight = weight
        self._output: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self._output = self.run(0, x)
        return x

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_output": None}  # a copy does not carry what waits for the loss

    def take(self) -> Tensor | None:
        """Return what the body gave in the last training forward, once."""
        output, self._output = self._output, None
        return output


def aux_losses(module: nn.Module, loss: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """Return what the parts of ``module`` that ran since the last call add to the training loss.

    ``weight * loss(output)`` of every `AuxHead`, and the penalty of every `SparsityPenalty`.
    """
    added = []
    for part in module.modules():
        if isinstance(part, AuxHead) and (output := part.take()) is not None:
            added.append(part.weight * loss(output))
        elif isinstance(part, SparsityPenalty) and (penalty := part.take()) is not None:
            added.append(penalty)
    return added
