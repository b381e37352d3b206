"""Draws the ways of the optimizers down a long, narrow valley, with Striate's own optimizers.

The valley is ``f(w) = ½·((w₁ − 1)² + 20·w₂²)``, twenty times as steep across as along.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from methods_style import BLUE, FAINT, ORANGE, show_as
from torch import Tensor, nn

from striate.train.config import OptimizerConfig
from striate.train.methods import make_optimizer

__all__ = ["PATHS", "batch_sizes", "path_of", "paths", "steps_needed"]

STEEP = torch.tensor([1.0, 20.0])
BOTTOM = torch.tensor([1.0, 0.0])
START = (-3.0, 1.0)
STEPS = 200
SHOWN = 60
SAMPLES = 256
EPOCHS = 6


@dataclass(frozen=True)
class Path:
    """One panel: an optimizer and how it is set, everything but the rate as it would be without a word."""

    title: str
    name: str
    lr: float
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> OptimizerConfig:
        """Return the configuration; decay is off but where it is the point."""
        return OptimizerConfig(name=self.name, lr=self.lr, **{"weight_decay": 0.0} | self.options)

    @property
    def told(self) -> str:
        """Return its options as the configuration has them."""
        given = ", ".join(f"{name} {value:g}" for name, value in self.options.items() if value is not True)
        return f"lr {self.lr:g}{', ' if given else ''}{given}"


PATHS = (
    Path("sgd", "sgd", 0.09, {"momentum": 0.0}),
    Path("sgd, momentum", "sgd", 0.02, {"momentum": 0.9}),
    Path("sgd, Nesterov", "sgd", 0.02, {"momentum": 0.9, "nesterov": True}),
    Path("Lookahead around sgd", "sgd", 0.09, {"momentum": 0.0, "lookahead": 5}),
    Path("adagrad", "adagrad", 0.8),
    Path("adadelta", "adadelta", 1.0, {"eps": 1e-2}),
    Path("rmsprop", "rmsprop", 0.15, {"momentum": 0.0}),
    Path("adam", "adam", 0.3),
    Path("adamw", "adamw", 0.3, {"weight_decay": 0.2}),
    Path("nadam", "nadam", 0.3),
    Path("radam", "radam", 0.1),
    Path("lars", "lars", 30.0, {"momentum": 0.8}),
    Path("muon", "muon", 0.5, {"momentum": 0.9}),
)


def path_of(path: Path, steps: int = STEPS) -> Tensor:
    """Return the weights before each step and after the last, ``(steps + 1, 2)``."""
    return _walked(path.config, [lambda w: (STEEP * (w - BOTTOM).square()).sum() / 2] * steps)


def steps_needed(walked: Tensor) -> int | None:
    """Return how many steps it takes to a hundredth of the first loss; None if they are too few."""
    losses = (STEEP * (walked - BOTTOM).square()).sum(1) / 2
    there = torch.nonzero(losses <= losses[0] / 100)
    return int(there[0]) if len(there) else None


def _walked(config: OptimizerConfig, losses: list[Any]) -> Tensor:
    """Return where the steps lead, one for each of ``losses``, functions of the weights ``(2,)``."""
    # The second layer, which learns nothing, makes the first one hidden, as muon wants its matrices.
    module = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Linear(1, 1, bias=False))
    weight = module[0].weight
    with torch.no_grad():
        weight.copy_(torch.tensor([START]))
    optimizer = make_optimizer(module, config)
    walked = [weight.detach()[0].clone()]
    for loss in losses:
        optimizer.zero_grad(set_to_none=True)
        loss(weight[0]).backward()
        optimizer.step()
        walked.append(weight.detach()[0].clone())
    return torch.stack(walked)


def paths() -> Figure:
    """Draw a panel for each optimizer."""
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    axes = figure.subplots(3, 5, sharex=True, sharey=True).flatten()
    for ax, path in zip(axes, PATHS, strict=False):
        walked = path_of(path)
        needed = steps_needed(walked)
        _valley(ax)
        ax.plot(*walked[: SHOWN + 1].T, color=BLUE, linewidth=1, marker="o", markersize=2)
        ax.set_title(f"{path.title}\n{path.told}", fontsize=8)
        told = f"{needed} steps to 1 %" if needed else f"not at 1 % after {STEPS} steps"
        ax.text(0.97, 0.05, told, transform=ax.transAxes, ha="right", fontsize=8.5)
    for ax in axes[len(PATHS) :]:
        ax.set_axis_off()
    show_as(axes, "w₁", "w₂", across_count=5)
    return figure


def batch_sizes() -> Figure:
    """Draw the same number of epochs of gradient descent by batches of all samples, of 32 and of one."""
    random = np.random.default_rng(0)
    inputs = torch.from_numpy(random.normal(size=(SAMPLES, 2)) * STEEP.sqrt().numpy()).float()
    targets = inputs @ BOTTOM + torch.from_numpy(random.normal(size=SAMPLES)).float()
    config = OptimizerConfig(name="sgd", lr=0.01, momentum=0.0, weight_decay=0.0)
    figure = Figure(figsize=(11, 3.1), layout="constrained")
    axes = figure.subplots(1, 3, sharex=True, sharey=True)
    for ax, size, name in zip(
        axes, (SAMPLES, 32, 1), ("full batch", "mini-batches", "stochastic"), strict=True
    ):
        batches = [
            torch.from_numpy(chosen)
            for _ in range(EPOCHS)
            for chosen in np.split(random.permutation(SAMPLES), SAMPLES // size)
        ]
        walked = _walked(config, [_squared(inputs[chosen], targets[chosen]) for chosen in batches])
        _valley(ax)
        ax.plot(*walked.T, color=BLUE, linewidth=0.8, marker="o", markersize=2 if size > 1 else 0)
        images = "1 sample" if size == 1 else f"{size} samples"
        ax.set_title(f"{name}: {images} a step\n{EPOCHS} epochs are {len(batches):,} steps", fontsize=9)
    show_as(axes, "w₁", "w₂", across_count=3)
    return figure


def _squared(inputs: Tensor, targets: Tensor) -> Any:
    return lambda w: (inputs @ w - targets).square().mean() / 2


def _valley(ax: Axes) -> None:
    across, up = np.meshgrid(np.linspace(-3.6, 2.4, 120), np.linspace(-1.5, 1.5, 120))
    height = ((across - 1) ** 2 + 20 * up**2) / 2
    ax.contour(across, up, height, levels=[0.2, 1, 3, 7, 13, 22], colors=FAINT, linewidths=0.6)
    ax.plot(*START, marker="o", color=ORANGE, markersize=5)
    ax.plot(*BOTTOM, marker="+", color=ORANGE, markersize=9, markeredgewidth=2)
    ax.set(xlim=(-3.6, 2.4), ylim=(-1.5, 1.5))
