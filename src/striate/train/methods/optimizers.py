"""Optimizers by name: torch's own where it has them, fused into one pass over the weights where it can."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import NAdam, Optimizer, RAdam

from striate.errors import ConfigError
from striate.train.config import OptimizerConfig
from striate.train.methods.groups import freeze, parameter_groups
from striate.train.methods.lars import LARS
from striate.train.methods.loading import load_exactly
from striate.train.methods.lookahead import Lookahead
from striate.train.methods.muon import Muon, hidden_matrices
from striate.train.methods.uncompiled import uncompiled
from striate.train.methods.weights import Stack, held

__all__ = ["make_optimizer"]

_FUSED = {"cpu", "cuda"}
"""Where torch has SGD, Adam, AdamW and Adagrad in one pass."""


def make_optimizer(module: nn.Module, config: OptimizerConfig) -> Optimizer:
    """Return the optimizer of ``module``, which is to stand on its device already.

    Every parameter group has ``lr_factor``: a rate goes into it as ``group["lr"] = rate * group["lr_factor"]``.
    Weights whose group has ``lr_factor=0`` need no gradient any more. ``state_dict()`` holds tensors, numbers and
    None alone, and training goes on bit for bit from one that was loaded; `load_state_dict` raises `WeightsError` where
    shapes are those of another module.

    The names are those of: momentum and Nesterov's (Sutskever et al. 2013), Adagrad (Duchi et al. 2011), Adadelta
    (Zeiler 2012), RMSprop (Hinton 2012), Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019), NAdam (Dozat
    2016), RAdam (Liu et al. 2020), LARS, Muon and Lookahead. Decay is decoupled in AdamW, NAdam, RAdam and Muon, and
    added to the gradient in the others.

    Raises:
        ConfigError: if ``nesterov`` is set where there is none, a group's pattern matches no weight, or nothing is
            left to train.
    """
    if config.nesterov and (config.name not in ("sgd", "muon") or config.momentum == 0):
        raise ConfigError(
            f"nesterov=True: must be False for {config.name} with momentum={config.momentum:g}; Nesterov's momentum "
            "is one of sgd and muon, above 0."
        )
    freeze(module, config.groups)
    optimizer = _plain(module, config)
    if config.lookahead is not None:
        optimizer = uncompiled(Lookahead)(optimizer, config.lookahead, config.lookahead_share)
    load_exactly(optimizer)
    return optimizer


def _plain(module: nn.Module, config: OptimizerConfig) -> Optimizer:
    fused: dict[str, Any] = {"fused": all(p.device.type in _FUSED for p in module.parameters())}
    adam: dict[str, Any] = {"betas": config.betas, "eps": config.eps}
    decoupled = adam | {"decoupled_weight_decay": True}
    stacks = hidden_matrices(module)
    matrices = {"lars": {part.path for part in held(module) if part.decays}, "muon": stacks.keys()}
    groups = parameter_groups(module, config, matrices.get(config.name, frozenset()))
    match config.name:
        case "sgd":
            return uncompiled(torch.optim.SGD)(
                groups, momentum=config.momentum, nesterov=config.nesterov, **fused
            )
        case "adagrad":
            return uncompiled(torch.optim.Adagrad)(groups, eps=config.eps, **fused)
        case "adadelta":
            return uncompiled(torch.optim.Adadelta)(groups, rho=config.smoothing, eps=config.eps)
        case "rmsprop":
            return uncompiled(torch.optim.RMSprop)(
                groups, alpha=config.smoothing, eps=config.eps, momentum=config.momentum
            )
        case "adam":
            return uncompiled(torch.optim.Adam)(groups, **adam, **fused)
        case "adamw":
            return uncompiled(torch.optim.AdamW)(groups, **adam, **fused)
        case "nadam":
            return uncompiled(NAdam)(groups, **decoupled)
        case "radam":
            return uncompiled(RAdam)(groups, **decoupled)
        case "lars":
            return uncompiled(LARS)(groups, config.momentum)
        case "muon":
            by_weight: dict[Tensor, Stack] = {
                weight: stacks[path] for path, weight in module.named_parameters() if path in stacks
            }
            return uncompiled(Muon)(groups, by_weight, config.momentum, config.nesterov, adam | fused)
