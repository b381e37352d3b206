"""What is not as in a network that learns well: the judgment of what an `Inspection` showed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from striate.errors import listed
from striate.train.config import LossConfig
from striate.train.events import LayerHealth, Symptom
from striate.train.losses import first_loss

__all__ = ["judge_layers", "judge_start"]

_DEAD = 0.5  # share of a layer's units
_ENOUGH = 64  # values of a unit, of fewer one may well be below 0 by chance
_SMALL, _LARGE = 1e-5, 1e-1  # of an update, in lengths of the weights; 1e-3 is usual
_RISEN = 0.1  # of the peak of the learning rate, below which small updates are meant
_VANISHED = 1e-4  # of the last layer's gradient, both in lengths of their weights
_TIMES, _ABOVE = 1.5, 0.5  # of the loss of a network that knows nothing
_SURE = 1.5  # standard deviation of the logits of an image, where less than 1 is usual
_UNSCALED = 10.0  # greatest deviation from 0 of images that are normalized, nearly always


def judge_layers(layers: Sequence[LayerHealth], rate: float, *, first: bool) -> tuple[Symptom, ...]:
    """Return what is not as it should be.

    Args:
        layers: In the order they ran.
        rate: Learning rate of the step, as a share of its peak.
        first: Whether it was the first step of the run, in which what stands behind a scale of 0 has no gradient yet.
    """
    found = [_dead_units(layers), _vanishing(layers), _large_updates(layers)]
    if not first:
        found.append(_no_gradient(layers))
    if rate >= _RISEN:
        found.append(_small_updates(layers))
    return tuple(symptom for symptom in found if symptom is not None)


def judge_start(
    loss: float, config: LossConfig, images: Tensor, logits: Tensor, *, several_labels: bool
) -> Symptom | None:
    """Hold the loss of the first step, without what auxiliary heads add, against that of a network that knows nothing.

    Args:
        loss: Before anything was learned.
        config: Which loss it is. Of ``squared`` nothing is said: it depends on the scale of the logits alone.
        images: ``(N, C, H, W)`` as the network gets them.
        logits: ``(N, K)``.
        several_labels: Whether an image may have several.
    """
    if config.name == "squared":
        return None
    classes = logits.shape[1]
    expected = first_loss(config, classes, several_labels=several_labels)
    if loss <= _TIMES * expected + _ABOVE:
        return None
    pixel = images.abs().max().item()
    spread = logits.float().std(1, correction=0).mean().item()
    if pixel > _UNSCALED:
        cause = f"The images reach it with values as large as {pixel:.3g}: normalize them (--preprocess standardize)."
    elif spread > _SURE:
        cause = (
            f"The logits of an image differ by {spread:.1f}, where less than 1 is usual: it is sure, and wrong. Make "
            "the last layer's initial weights smaller, or normalize before it."
        )
    else:
        cause = "The logits are small, so look at the targets, and at the biases of the last layer."
    known = f"ln {classes} = {expected:.2f}" if _is_ln(expected, classes) else f"{expected:.2f}"
    return Symptom(
        kind="first-loss",
        layers=(),
        text=f"the loss begins at {loss:.2f}, where a network that knows nothing has {known}. {cause}",
    )


def _is_ln(value: float, classes: int) -> bool:
    return math.isclose(value, math.log(classes))


def _dead_units(layers: Sequence[LayerHealth]) -> Symptom | None:
    dead = sorted(
        (
            (layer.dead, layer.path, layer.units)
            for layer in layers
            if layer.dead is not None and layer.dead >= _DEAD and (layer.seen or 0) >= _ENOUGH
        ),
        key=lambda found: -found[0],
    )
    if not dead:
        return None
    share, path, units = dead[0]
    many = f"all of its {units} units are" if share == 1 else f"{share:.0%} of its {units} units are"
    paths = tuple(path for _, path, _ in dead)
    return Symptom(
        kind="dead-units",
        layers=paths,
        text=f"{path}: {many} dead, 0 for every image of the batch{_likewise(paths)}. Lower --lr, use "
        "LeakyReLU() or He's initialization, or put a BatchNorm() before.",
    )


def _no_gradient(layers: Sequence[LayerHealth]) -> Symptom | None:
    paths = tuple(layer.path for layer in layers if layer.gradient_norm == 0)
    if not paths:
        return None
    return Symptom(
        kind="no-gradient",
        layers=paths,
        text=f"{paths[0]}: its gradient is 0{_likewise(paths)}. Look at what stands behind: units that are all "
        "dead or saturated, weights that are all 0, a detach().",
    )


def _vanishing(layers: Sequence[LayerHealth]) -> Symptom | None:
    sizes = [
        (layer.path, layer.gradient_norm / layer.weight_norm)
        for layer in layers
        if layer.gradient_norm and layer.weight_norm
    ]
    if len(sizes) < 3:
        return None
    (first, start), (last, end) = sizes[0], sizes[-1]
    if start >= _VANISHED * end:
        return None
    return Symptom(
        kind="vanishing-gradient",
        layers=(first,),
        text=f"{first}: its gradient is {start / end:.0e} of that of {last}, both relative to their weights; the first "
        "layers hardly learn. Use ReLU() for Sigmoid() and Tanh(), BatchNorm(), or Residual blocks.",
    )


def _small_updates(layers: Sequence[LayerHealth]) -> Symptom | None:
    small = [
        (layer.update_ratio, layer.path)
        for layer in layers
        if layer.update_ratio is not None and layer.gradient_norm and layer.update_ratio < _SMALL
    ]
    if not small:
        return None
    paths = tuple(path for _, path in sorted(small))
    return Symptom(
        kind="small-updates",
        layers=paths,
        text=f"{paths[0]}: a step moves its weights by {min(small)[0]:.0e} of their length, where 1e-03 is usual"
        f"{_likewise(paths)}. Raise --lr.",
    )


def _large_updates(layers: Sequence[LayerHealth]) -> Symptom | None:
    large = [
        (layer.update_ratio, layer.path)
        for layer in layers
        if layer.update_ratio is not None and layer.update_ratio > _LARGE
    ]
    if not large:
        return None
    paths = tuple(path for _, path in sorted(large, reverse=True))
    return Symptom(
        kind="large-updates",
        layers=paths,
        text=f"{paths[0]}: a step moves its weights by {max(large)[0]:.2g} of their length, where 0.001 is usual"
        f"{_likewise(paths)}. Lower --lr, or lengthen --warmup.",
    )


def _likewise(paths: Sequence[str]) -> str:
    """Return of which layers beside the first the same is to be said."""
    return f" (likewise {listed(paths[1:], 3)})" if len(paths) > 1 else ""
