"""`TrainConfig`: every choice of a training run, documented where it stands and checked when it is made.

The flags of ``striate train`` derive from it. It loads torch only to check what is not the default of preprocessing and
augmentation.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from striate.errors import ConfigError, bad_argument, did_you_mean
from striate.train.config.base import Count, option, part
from striate.train.config.executing import ExecutionConfig
from striate.train.config.keeping import CheckpointConfig
from striate.train.config.optimizing import OptimizerConfig, ScheduleConfig
from striate.train.config.regularizing import AveragingConfig, LossConfig, RegularizationConfig
from striate.train.config.watching import HealthConfig

__all__ = ["GROUPS", "LEAVES", "TrainConfig", "group_options", "other_options"]

_STANDARDIZE = "standardize"
_NONE = "none"
_DEFAULT = "default"


def _steps(text: str) -> str:
    if text != _STANDARDIZE:
        from striate.data import parsed_steps  # which loads torch

        parsed_steps(text)
    return text


def _must_be(what: str, error: ConfigError, unknown: str) -> str:
    """Return what to say of a value that a room below refuses; that it is unknown need not be said twice."""
    reason = str(error).rstrip(".")
    return (
        f"must be {what}.{reason.removeprefix(unknown)}"
        if reason.startswith(unknown)
        else f"must be {what}: {reason}"
    )


def _init(name: str) -> str:
    if name != _DEFAULT:
        from striate.nn.init import find_init  # which loads torch

        try:
            find_init(name)
        except ConfigError as error:
            raise ValueError(
                _must_be("an initialization", error, f"unknown initialization {name!r}.")
            ) from None
    return name


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
        raise ValueError(_must_be("a recipe", error, f"unknown recipe {value!r}.")) from None


@part
class ImagesConfig:
    """What images go through before the network sees them."""

    preprocess: Annotated[str, AfterValidator(_steps)] = option(
        _STANDARDIZE, "unit, symmetric, per-pixel, gcn, lcn, pca, zca, or several: gcn+zca:256."
    )
    resize: Literal["stretch", "fit", "cover"] = option(
        "stretch", "fit and cover keep proportions: fit pads, cover cuts the edges."
    )
    channel_order: Literal["rgb", "bgr"] = option("rgb", "What the network gets: rgb or bgr.")
    augment: Annotated[str, BeforeValidator(_augmentation)] = option(
        _NONE, "mnist, cifar, alexnet, imagenet, trivial, or a .yaml file."
    )
    stored_size: Annotated[int, Field(ge=1, le=65535)] | None = option(
        None, "Height of images that the network's input is cropped out of."
    )
    skip_bad_images: bool = option(False, "Go on without images that cannot be read.")


@part
class TrainConfig:
    """Every choice of a training run but the network and the data.

    Options of a group can be given with it, or by their own names: ``TrainConfig(optimizer="sgd", lr=0.1)`` is
    ``TrainConfig(optimizer=OptimizerConfig(name="sgd", lr=0.1))``.

    Raises:
        ConfigError: naming the option, the value it got and what is allowed.
    """

    recipe: str | None = option(
        None, "Recipe of the network that the other options begin with; see zoo --recipes."
    )
    epochs: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] = option(
        10.0, "How often every image is shown; may be a fraction."
    )
    batch_size: Count = option(64, "Images per step.")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = option(
        0, "Initialization, order and dropout are functions of it."
    )
    init: Annotated[str, AfterValidator(_init)] = option(
        _DEFAULT, "he-normal, xavier-uniform, lecun-normal, orthogonal, dirac, lsuv, …."
    )
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps.")
    patience: Count | None = option(None, "Stop after so many epochs without a better validation.")
    optimizer: OptimizerConfig = option(OptimizerConfig(), "What changes the weights.")
    schedule: ScheduleConfig = option(ScheduleConfig(), "The learning rate over the steps.")
    loss: LossConfig = option(LossConfig(), "What is minimized.")
    regularization: RegularizationConfig = option(RegularizationConfig(), "What is held small.")
    averaging: AveragingConfig = option(AveragingConfig(), "Means of weights.")
    checkpoints: CheckpointConfig = option(CheckpointConfig(), "When states are kept.")
    images: ImagesConfig = option(ImagesConfig(), "What images go through.")
    execution: ExecutionConfig = option(ExecutionConfig(), "How a step is computed.")
    health: HealthConfig = option(HealthConfig(), "When every layer is looked at.")

    @staticmethod
    def arranged(options: dict[str, Any]) -> dict[str, Any]:
        """Return ``options`` with those of groups put into their groups; their own names count more."""
        known = [f.name for f in dataclasses.fields(TrainConfig)]
        own: dict[str, Any] = {}
        grouped: dict[str, dict[str, Any]] = {}
        for name, value in sorted(options.items(), key=lambda option: option[0] in LEAVES):
            if name in LEAVES:
                grouped.setdefault(LEAVES[name], {})[name] = value
            elif name not in known:
                raise ConfigError(f"training has no option {name!r}.{other_options(name)}")
            elif name in GROUPS and not isinstance(value, GROUPS[name]):
                grouped[name] = group_options(name, value)
            else:
                own[name] = value
        for group, values in grouped.items():
            given = own.get(group)
            own[group] = GROUPS[group](**values) if given is None else dataclasses.replace(given, **values)
        return own


_HINTS: Mapping[str, Any] = typing.get_type_hints(TrainConfig)

GROUPS: Mapping[str, type[Any]] = MappingProxyType(
    {name: kind for name, kind in _HINTS.items() if isinstance(kind, type) and dataclasses.is_dataclass(kind)}
)
"""The groups of options, each with its class."""

LEAVES: Mapping[str, str] = MappingProxyType(
    {f.name: group for group, kind in GROUPS.items() for f in dataclasses.fields(kind) if f.name != "name"}
)
"""The options of groups, each with its group; each has a name of its own."""


def other_options(name: str) -> str:
    """Return the options that ``name`` may stand for, in a sentence; of one that is near none, all there are."""
    known = [field.name for field in dataclasses.fields(TrainConfig)]
    if hint := did_you_mean(name, [*known, *LEAVES]):
        return hint
    own = ", ".join(option for option in known if option not in GROUPS)
    groups = "; ".join(
        f"of {group} {', '.join(leaf for leaf, held_by in LEAVES.items() if held_by == group)}"
        for group in GROUPS
    )
    return f" There are {own}, {', '.join(GROUPS)}; {groups}."


def group_options(group: str, value: Any) -> dict[str, Any]:
    """Return the options of a group: of its name alone, of a mapping, or of the group itself.

    Raises:
        ConfigError: if ``value`` is none of these.
    """
    kind = GROUPS[group]
    if isinstance(value, kind):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(kind)}
    if isinstance(value, Mapping):
        return {str(name): given for name, given in value.items()}
    named = any(field.name == "name" for field in dataclasses.fields(kind))
    if named and isinstance(value, str):
        return {"name": value}
    allowed = "a name, or a mapping of options" if named else "a mapping of options"
    raise ConfigError(bad_argument(group, value, allowed))
