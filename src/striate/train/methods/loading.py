"""Lets the state of an optimizer come back as it was saved, and none that would not fit.

torch's own ``load_state_dict`` casts what it should not, keeps the order in memory that a file has, and looks at no
shape.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.optim import Optimizer

from striate.errors import WeightsError

__all__ = ["load_exactly"]

_NUMBERS = {"mu_product"}
"""What optimizers keep as a number beside ``step``, which torch would cast to the precision and device of the weights:
NAdam's product of momenta."""

_MEND = "Resume with the network and the optimizer that the run began with."


def load_exactly(optimizer: Optimizer) -> None:
    """Make ``optimizer.load_state_dict`` exact; it raises `WeightsError` where shapes are those of other weights."""
    optimizer.register_load_state_dict_pre_hook(_numbers_apart)
    optimizer.register_load_state_dict_post_hook(_as_they_were)


def _numbers_apart(optimizer: Optimizer, saved: dict[str, Any]) -> dict[str, Any]:
    """Make plain numbers of `_NUMBERS`, which torch passes on as they are."""
    own = [len(group["params"]) for group in optimizer.param_groups]
    given = [len(group["params"]) for group in saved["param_groups"]]
    if own != given or not saved["state"].keys() <= set(range(sum(own))):
        raise WeightsError(
            f"the state of the optimizer does not fit: it is of {sum(given)} weights in {len(given)} groups, where "
            f"{sum(own)} in {len(own)} are trained. {_MEND}"
        )
    by_weight = {
        index: {name: value.item() if name in _NUMBERS else value for name, value in values.items()}
        for index, values in saved["state"].items()
    }
    return saved | {"state": by_weight}


def _as_they_were(optimizer: Optimizer) -> None:
    """Make tensors of the numbers again, and give all others the memory order of their weights.

    Fused steps go through memory in order and look at no shape: with another order they would be wrong, and silently;
    with fewer numbers they would write beyond them.
    """
    for weight, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, float):
                state[name] = torch.tensor(value, dtype=torch.float32)
            elif value.ndim and value.shape != weight.shape:
                raise WeightsError(
                    f"the state of the optimizer does not fit: {name} has shape {tuple(value.shape)}, and its weight "
                    f"{tuple(weight.shape)}. {_MEND}"
                )
            elif value.ndim and value.stride() != weight.stride():
                state[name] = torch.empty_like(weight).copy_(value)
