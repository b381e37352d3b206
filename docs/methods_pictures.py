"""Draws the page about methods of training: schedules, losses, paths from the code, the rest as it was measured."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from methods_paths import batch_sizes, paths
from methods_runs import EPOCHS as LONGEST
from methods_style import BLUE, FAINT, GREEN, INK, ORANGE, PINK, label, show_as

from striate.analyze.drawing.page import plain_style
from striate.train.config import LossConfig, ScheduleConfig
from striate.train.losses import make_loss
from striate.train.methods import learning_rate, plateau_falls

__all__ = ["LOSSES", "SCHEDULES", "loss_at", "measured", "write_pictures"]

MEASURED = Path(__file__).with_name("methods.json")
PER_EPOCH = 100  # steps, so that curves are smooth
EPOCHS = 20
SCHEDULES: dict[str, dict[str, Any]] = {
    "constant": {},
    "step": {"every": 6.0},
    "multi-step": {"at": (8.0, 14.0)},
    "exponential": {"every": 10.0},
    "cosine": {},
    "one-cycle": {"warmup": 0.0},
    "warm-restarts": {"every": 2.5},
    "plateau": {"plateau": 3},
}
"""Every schedule, and how it is set where it is drawn."""
LOSSES: dict[str, dict[str, Any]] = {
    "cross-entropy": {},
    "cross-entropy, smoothed": {"label_smoothing": 0.1},
    "focal": {},
    "binary": {},
    "squared": {},
}
CLASSES = 10


def measured() -> dict[str, Any]:
    """Return what ``methods_runs.py`` wrote."""
    found: dict[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return found


def write_pictures(folder: Path) -> None:
    """Write every picture of the page."""
    folder.mkdir(exist_ok=True)
    found = measured()
    figures: dict[str, Callable[[], Figure]] = {
        "paths": paths,
        "batch-sizes": batch_sizes,
        "schedules": _schedules,
        "overfitting": lambda: _overfitting(found["overfitting"]),
        "weights": lambda: _weights(found["weights"], found["norms"]),
        "averaging": lambda: _averaging(found["averaging"], found["ensemble"]),
        "losses": _losses,
        "unbalanced": lambda: _unbalanced(found["unbalanced"]),
        "calibration": lambda: _calibration(found["calibration"]),
        "clipping": lambda: _clipping(found["clipping"]),
    }
    for name, drawn in figures.items():
        with plain_style(), matplotlib.rc_context({"svg.hashsalt": name}):
            drawn().savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})


def _schedules() -> Figure:
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    axes = figure.subplots(2, 4, sharex=True, sharey=True).flatten()
    steps = EPOCHS * PER_EPOCH
    epochs = np.arange(steps) / PER_EPOCH
    losses = [1 / (1 + epoch) if epoch < 8 else 0.15 for epoch in range(EPOCHS)]  # no better after eight
    for ax, (name, given) in zip(axes, SCHEDULES.items(), strict=True):
        schedule = ScheduleConfig(name=name, **{"warmup": 0.05} | given)
        falls = [plateau_falls(losses[: int(epoch)], schedule.plateau) for epoch in epochs]
        rates = [
            learning_rate(schedule, 1.0, step, steps, PER_EPOCH, fallen if name == "plateau" else 0)
            for step, fallen in enumerate(falls)
        ]
        ax.plot(epochs, rates, color=BLUE)
        told = ", ".join(f"{option}: {_plain(value)}" for option, value in given.items())
        ax.set_title(f"{name}\n{told}", fontsize=9)
        if name == "plateau":
            ax.plot(range(1, EPOCHS + 1), losses, color=ORANGE, marker=".", linewidth=0.8)
            label(ax, (12, 0.25), "validation loss", ORANGE)
    show_as(axes, "epoch", "rate / lr", across_count=4)
    return figure


def _plain(value: Any) -> str:
    return f"[{', '.join(map(_plain, value))}]" if isinstance(value, tuple) else f"{value:g}"


def _overfitting(found: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(11, 8), layout="constrained")
    names = [name for name in found if name != "nothing"]
    upper, lower = figure.subfigures(2, 1)
    for part, key, up in ((upper, "loss", "loss"), (lower, "accuracy", "validation accuracy")):
        axes = part.subplots(2, 4, sharex=True, sharey=True).flatten()
        for ax, name in zip(axes, names, strict=True):
            _band(ax, found["nothing"][key], FAINT)
            _band(ax, found[name][key], BLUE)
            if key == "loss":
                _band(ax, found["nothing"]["train"], FAINT, "--")
                _band(ax, found[name]["train"], BLUE, "--")
            ax.set_title(name, fontsize=9.5)
        if key == "loss":
            _told(axes[0], ("solid: validation", "dashed: training", "grey: without"))
        axes[0].set_ylim(*((0, 2.3) if key == "loss" else (0.4, 0.9)))
        show_as(axes, "epoch", up, across_count=4)
    return figure


def _told(ax: Axes, lines: tuple[str, ...]) -> None:
    ax.text(0.98, 0.97, "\n".join(lines), transform=ax.transAxes, ha="right", va="top", fontsize=8.5)


def _band(ax: Axes, seeds: list[list[float]], color: str, style: str = "-") -> None:
    """Draw the mean of the seeds, as far as all of them go, and a standard deviation to both sides."""
    length = min(map(len, seeds))
    curves = np.array([curve[:length] for curve in seeds])
    epochs, mean, deviation = np.arange(1, length + 1), curves.mean(0), curves.std(0)
    ax.plot(epochs, mean, color=color, linestyle=style, linewidth=1.5)
    ax.fill_between(epochs, mean - deviation, mean + deviation, color=color, alpha=0.18, linewidth=0)
    if length < LONGEST:
        ax.plot(epochs[-1], mean[-1], color=color, marker="o", markersize=4)


def _weights(counts: dict[str, list[int]], norms: dict[str, list[float]]) -> Figure:
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    edges = np.logspace(-9, 1, 41)[1:]
    heights = (0.5, 0.35, 0.6, 0.75)
    for (name, held), color, height in zip(counts.items(), (INK, BLUE, ORANGE, GREEN), heights, strict=True):
        shares = np.cumsum(held) / sum(held)
        left.plot(edges, shares, color=color)
        at = int(np.searchsorted(shares, height))
        label(left, (edges[at], shares[at]), name, color)
    left.set(
        xscale="log", xlim=(1e-7, 1), xlabel="absolute value of a weight", ylabel="share of weights below"
    )
    for (name, lengths), color in zip(norms.items(), (FAINT, BLUE), strict=True):
        right.plot(lengths, np.arange(1, len(lengths) + 1) / len(lengths), color=color)
        label(right, (lengths[len(lengths) * 2 // 3], 2 / 3), name, color)
    right.set(xlabel="norm of a neuron's incoming weights", ylabel="share of neurons below")
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def _averaging(found: dict[str, Any], ensemble: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for (name, curves), color in zip(found.items(), (FAINT, BLUE, ORANGE), strict=True):
        for ax, key in ((left, "loss"), (middle, "accuracy")):
            (curve,) = curves[key]
            ax.plot(range(1, len(curve) + 1), curve, color=color, linewidth=1.5)
        label(left, (len(curve), found[name]["loss"][0][-1]), name, color, annotation_clip=False)
    left.set(xlabel="epoch", ylabel="validation loss")
    middle.set(xlabel="epoch", ylabel="validation accuracy")
    sizes = range(1, len(ensemble["mean"]) + 1)
    right.errorbar(sizes, ensemble["mean"], ensemble["sd"], color=BLUE, marker="o", capsize=3)
    right.set(xlabel="members of the ensemble", ylabel="validation accuracy", xticks=list(sizes))
    for ax in (left, middle, right):
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def loss_at(name: str, chances: torch.Tensor) -> torch.Tensor:
    """Return the loss of an image whose right class gets ``chances`` ``(M,)``, and nine others the rest evenly."""
    config = LossConfig(name=name.partition(",")[0], **LOSSES[name])
    loss = make_loss(config, torch.zeros(1, dtype=torch.long), CLASSES)
    shares = ((1 - chances) / (CLASSES - 1))[:, None].repeat(1, CLASSES)
    shares[:, 0] = chances
    outputs = {"squared": shares, "binary": shares.logit()}.get(config.name, shares.log())
    return torch.stack([loss(row[None], torch.tensor([0])) for row in outputs])


def _losses() -> Figure:
    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    chances = torch.linspace(0.005, 0.995, 199, dtype=torch.float64)
    places = ((0.29, 0.78), (0.6, 0.9), (0.19, 1.3), (0.03, 0.17), (0.06, 1.1))
    for name, place, color in zip(LOSSES, places, (BLUE, GREEN, ORANGE, PINK, INK), strict=True):
        losses = loss_at(name, chances)
        ax.plot(chances, losses, color=color)
        label(ax, place, name, color)
    ax.set(
        xlabel="probability of the right class", ylabel="loss, nats (squared: none)", xlim=(0, 1), ylim=(0, 4)
    )
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def _unbalanced(found: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    ax = figure.subplots()
    for number, ((name, recalls), color) in enumerate(zip(found.items(), (FAINT, BLUE, ORANGE), strict=True)):
        mean, deviation = np.mean(recalls, 0), np.std(recalls, 0)
        at = np.arange(CLASSES) + (number - 1) * 0.2
        ax.errorbar(at, mean, deviation, color=color, marker="o", linestyle="none", capsize=2)
        label(ax, (9.4, 0.95 - 0.12 * number), name, color, annotation_clip=False)
    ax.axvline(4.5, color=FAINT, linewidth=0.8, linestyle=":")
    ax.set(
        xlabel="digit: 0 to 4 are frequent, 5 to 9 rare",
        ylabel="recall",
        xticks=range(CLASSES),
        ylim=(0, 1.03),
    )
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def _calibration(found: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(9, 3.3), layout="constrained")
    axes = figure.subplots(1, len(found), sharex=True, sharey=True)
    for ax, (name, each) in zip(axes, found.items(), strict=True):
        filled = [(confidence, accuracy, count) for count, confidence, accuracy in each["bins"] if count]
        confidences, accuracies, counts = zip(*filled, strict=True)
        ax.plot((0, 1), (0, 1), color=FAINT, linewidth=0.8, linestyle="--")
        ax.plot(confidences, accuracies, color=BLUE, linewidth=0.8)
        ax.scatter(confidences, accuracies, [max(4.0, 120 * c / sum(counts)) for c in counts], color=BLUE)
        ax.set_title(f"{name}\nexpected calibration error {each['error']:.1%}", fontsize=9)
        ax.set(xlim=(0, 1), ylim=(0, 1))
    show_as(axes, "confidence", "accuracy", across_count=len(found))
    return figure


def _clipping(found: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    ax = figure.subplots()
    rates = found["rates"]
    for name, color, at in (("unclipped", FAINT, (0.0105, 1.3)), ("clipped", BLUE, (0.03, 0.28))):
        for seed in found[name]:
            ends = [math.nan if loss is None else loss for loss in seed]
            ax.plot(rates, ends, color=color, marker="o", markersize=4, linewidth=1)
        label(ax, at, name, color)
    ax.text(rates[0], math.log(CLASSES) + 0.03, "ln 10: knowing nothing", fontsize=8.5)
    ax.set_ylim(0, 2.7)
    ax.axhline(math.log(CLASSES), color=INK, linewidth=0.7, linestyle=":")
    ax.set(xscale="log", xlabel="learning rate", ylabel="training loss at the end, nats")
    ax.spines[["top", "right"]].set_visible(False)
    return figure
