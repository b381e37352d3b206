"""`TrainConfig`: every choice of a training run, documented where it stands and checked when it is made.

The flags of ``striate train`` derive from it. It loads torch only to check preprocessing other than the default.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass

from striate.errors import ConfigError, validation_message

__all__ = ["TrainConfig"]

_Count = Annotated[int, Field(ge=1, le=1_000_000)]
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_BelowOne = Annotated[float, Field(ge=0, lt=1)]


_T = TypeVar("_T")


def _explained(cls: type[_T]) -> type[_T]:
    """Turn pydantic's errors into one sentence."""
    validate = cls.__init__

    @functools.wraps(validate)
    def __init__(self: _T, **options: Any) -> None:
        try:
            validate(self, **options)
        except ValidationError as error:
            names = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
            raise ConfigError(
                validation_message("training", names, error.errors(include_url=False))
            ) from None

    cls.__init__ = __init__  # type: ignore[method-assign,assignment]
    return cls


def _steps(text: str) -> str:
    if text != _STANDARDIZE:
        from striate.data import parsed_steps  # which loads torch

        parsed_steps(text)
    return text


_STANDARDIZE = "standardize"
_Steps = Annotated[str, AfterValidator(_steps)]


def _augmentation(value: Any) -> Any:
    """Return what stands for a recipe in a run: its name, or the text of its file."""
    if value == _NONE or not (isinstance(value, str | Path) or hasattr(value, "to_yaml")):
        return value
    from striate.data.augment import RECIPES, recipe  # which loads torch

    if isinstance(value, str) and value in RECIPES:
        return value
    try:
        return recipe(value).to_yaml()
    except ConfigError as error:
        raise ValueError(f"must be a recipe: {str(error).rstrip('.')}") from None


_NONE = "none"
_Augmentation = Annotated[str, BeforeValidator(_augmentation)]


def _option(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@_explained
@pydantic_dataclass(frozen=True, kw_only=True, config=ConfigDict(strict=True, extra="forbid"))
class TrainConfig:
    """Every choice of a training run but the network and the data.

    Raises:
        ConfigError: naming the option, the value it got and what is allowed.
    """

    epochs: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] = _option(
        10.0, "How often every image is shown; may be a fraction."
    )
    batch_size: _Count = _option(64, "Images per step.")
    optimizer: Literal["adamw", "sgd"] = _option(
        "adamw", "adamw (Loshchilov and Hutter 2017), or sgd with momentum."
    )
    lr: Annotated[float, Field(gt=0, le=1e30, allow_inf_nan=False)] = _option(
        2e-3, "Learning rate at its peak; about 0.05 is usual for sgd."
    )
    momentum: _BelowOne = _option(0.9, "Momentum of sgd.")
    weight_decay: _NotNegative = _option(0.01, "Decay of weights; norms and biases are spared.")
    schedule: Literal["cosine", "constant"] = _option(
        "cosine", "cosine: the rate falls to 0 along half a cosine; constant: it stays."
    )
    warmup: _BelowOne = _option(0.05, "Share of the steps over which the learning rate rises from 0.")
    label_smoothing: _BelowOne = _option(0.0, "Share of each target spread over all classes.")
    preprocess: _Steps = _option(
        _STANDARDIZE, "unit, symmetric, per-pixel, gcn, lcn, pca, zca, or several: gcn+zca:256."
    )
    resize: Literal["stretch", "fit", "cover"] = _option(
        "stretch", "fit and cover keep proportions: fit pads, cover cuts the edges."
    )
    channel_order: Literal["rgb", "bgr"] = _option("rgb", "What the network gets: rgb or bgr.")
    augment: _Augmentation = _option(_NONE, "mnist, cifar, alexnet, imagenet, trivial, or a .yaml file.")
    stored_size: Annotated[int, Field(ge=1, le=65535)] | None = _option(
        None, "Height of images that the network's input is cropped out of."
    )
    patience: _Count | None = _option(None, "Stop after so many epochs without a better validation.")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = _option(
        0, "Initialization, order and dropout are functions of it."
    )
    device: str = _option("auto", "auto, cpu, cuda, cuda:1, mps.")
    skip_bad_images: bool = _option(False, "Go on without images that cannot be read.")
