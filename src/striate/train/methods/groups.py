"""Parameter groups: which weights decay, which are trained at another rate, which not at all."""

from __future__ import annotations

from collections.abc import Sequence, Set
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from striate.errors import ConfigError, did_you_mean, listed
from striate.train.config import Group, OptimizerConfig
from striate.train.methods.weights import Held, held

__all__ = ["freeze", "parameter_groups"]

_OTHERS = Group(paths="*", lr_factor=1.0, weight_decay=None)


def freeze(module: nn.Module, groups: Sequence[Group]) -> None:
    """Let the weights whose group has ``lr_factor=0`` need no gradient.

    Raises:
        ConfigError: if a pattern matches nothing, or nothing is left to train.
    """
    parts = list(held(module))
    names = [part.path for part in parts]
    for group in groups:
        if not any(fnmatchcase(name, group.paths) for name in names):
            near = did_you_mean(
                group.paths, [*names, *(f"{path}.*" for path, _ in module.named_modules() if path)]
            )
            raise ConfigError(f"groups: {group.paths!r} matches no weight.{near} Known: {listed(names)}.")
    for part in parts:
        group_of = _group_of(part, groups)
        if group_of is not None and group_of.lr_factor == 0:
            part.parameter.requires_grad_(False)
    if not any(part.parameter.requires_grad for part in parts):
        raise ConfigError(
            "there is nothing to train: every weight is frozen. Let some have requires_grad, and an lr_factor above 0."
        )


def parameter_groups(
    module: nn.Module, config: OptimizerConfig, matrices: Set[str] = frozenset()
) -> list[dict[str, Any]]:
    """Return the parameter groups of an optimizer of ``module``.

    Each has ``params``, ``lr``, ``lr_factor``, ``weight_decay`` (0 for norms and biases, unless ``decay_all``) and
    ``matrix``: whether its weights are those that ``matrices`` names.

    Raises:
        ConfigError: if a group sets a decay that none of its weights would get.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    decaying: set[str] = set()
    for part in held(module):
        if not part.parameter.requires_grad:
            continue
        group = _group_of(part, config.groups) or _OTHERS
        decay = config.weight_decay if group.weight_decay is None else group.weight_decay
        decays = part.decays or config.decay_all
        decaying |= {group.paths} if decays else set()
        matrix = part.path in matrices
        entry = found.setdefault(
            (group.paths, group.lr_factor, decays, matrix),
            {
                "params": [],
                "lr": config.lr * group.lr_factor,
                "lr_factor": group.lr_factor,
                "weight_decay": decay if decays else 0.0,
                "matrix": matrix,
            },
        )
        entry["params"].append(part.parameter)
    for group in config.groups:
        if group.weight_decay and group.lr_factor and group.paths not in decaying:
            raise ConfigError(
                f"groups: {group.paths!r} has weight_decay={group.weight_decay:g}, but norms and biases, which are "
                "spared the decay, are all it comes to. Leave it out, or set decay_all."
            )
    return list(found.values())


def _group_of(part: Held, groups: Sequence[Group]) -> Group | None:
    return next((group for group in groups if fnmatchcase(part.path, group.paths)), None)
