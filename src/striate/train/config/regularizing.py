"""What is minimized, and what keeps weights from fitting too well: losses, penalties, bounds, means of weights."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from striate.train.config.base import BelowOne, Count, NotNegative, Positive, option, part

__all__ = ["AveragingConfig", "LossConfig", "RegularizationConfig"]


def _class_weights(value: Any) -> Any:
    """Return a word, or a tuple of numbers, which files write as a list."""
    if value in ("none", "balanced"):
        return value
    numbers = isinstance(value, list | tuple) and all(
        isinstance(weight, int | float) and not isinstance(weight, bool) and 0 < weight <= 1e30
        for weight in value
    )
    if not numbers:
        raise ValueError("must be none, balanced, or a list of numbers above 0, one for each class")
    return tuple(value)


@part
class LossConfig:
    """What is minimized, and which images it is of."""

    name: Literal["auto", "cross-entropy", "binary", "squared", "focal"] = option(
        "auto", "cross-entropy, binary (several labels an image), squared, focal."
    )
    label_smoothing: BelowOne = option(0.0, "Share of each target spread over all classes.")
    focus: NotNegative = option(2.0, "Gamma of focal: how little sure answers count.")
    class_weights: Annotated[
        Literal["none", "balanced"] | tuple[Positive, ...], BeforeValidator(_class_weights)
    ] = option("none", "none, balanced, or a number for each class: 1,2.5,1.")
    sampling: Literal["shuffle", "balanced"] = option("shuffle", "balanced shows all classes equally often.")


@part
class RegularizationConfig:
    """Penalties of weights, bounds of weights and gradients."""

    l1: NotNegative = option(0.0, "Penalty of the sum of absolute weights.")
    l2: NotNegative = option(0.0, "Penalty of half the sum of squared weights, in the loss.")
    max_norm: Positive | None = option(None, "Greatest norm of a neuron's incoming weights.")
    clip_norm: Positive | None = option(None, "Greatest norm of all gradients together.")
    clip_value: Positive | None = option(None, "Greatest absolute value of a gradient.")
    gradient_noise: NotNegative = option(
        0.0, "Deviation of noise on gradients; variance falls as (1+step)^-0.55."
    )


@part
class AveragingConfig:
    """Means of the weights of many steps, which answer in their place."""

    ema: Annotated[float, Field(gt=0, lt=1)] | None = option(
        None, "Decay of an exponential mean, such as 0.999."
    )
    swa: Annotated[float, Field(ge=0, lt=1)] | None = option(
        None, "Share of the steps after which SWA begins."
    )
    swa_every: Count = option(1, "Epochs between two weights that SWA takes.")
