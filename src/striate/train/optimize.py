"""Optimizers and learning-rate schedules. The rate of a step is a pure function of the step."""

from __future__ import annotations

import math

import torch
from torch import nn

from striate.train.config import TrainConfig

__all__ = ["learning_rate", "make_optimizer"]


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Return the rate of step ``step`` (from 0) of ``steps``.

    It rises linearly over the warmup, then falls along half a cosine to 0 (Loshchilov and Hutter 2016),
    or stays.
    """
    warm = round(config.warmup * steps)
    if step < warm:
        return config.lr * (step + 1) / warm
    if config.schedule == "constant":
        return config.lr
    done = (step - warm) / max(steps - warm, 1)
    return config.lr * 0.5 * (1 + math.cos(math.pi * done))


def make_optimizer(module: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return the optimizer of ``module``'s parameters; vectors (norms, biases) are spared the decay."""
    trainable = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum)
    return torch.optim.AdamW(groups, lr=config.lr)
