"""`TrainingRecipe`: the options that named networks are trained with on data of one kind; and the files of them.

    kind: striate recipes
    schema: 1
    recipes:
      - name: digits
        networks: [lenet5]
        data: digits
        source: ours
        training: {epochs: 30, optimizer: {name: sgd, lr: 0.05}}
        unmeasured: why no figure stands here

It does not know which networks there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from striate.errors import ConfigError, DescriptionError, did_you_mean, validation_message
from striate.spec.files import parse_yaml
from striate.train.config.base import listed_values
from striate.train.config.reading import checked_options

__all__ = ["Measured", "TrainingRecipe", "read_recipes"]

SCHEMA_VERSION = 1
_KIND = "striate recipes"
_KEYS = ("kind", "schema", "recipes")
_CONFIG = ConfigDict(extra="forbid")


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text) or len(text) > 60:
        raise ValueError("must be small letters, digits and hyphens, such as fashion-mnist")
    return text


def _source(text: str) -> str:
    if not re.fullmatch(r"as published in .+|after .+|ours", text):
        raise ValueError("must be 'as published in …', 'after …' or 'ours'")
    return text


Text = Annotated[str, Field(min_length=1)]
Side = Annotated[int, Field(ge=1, le=65535)]
Shape = Annotated[tuple[Side, Side, Side], listed_values("a list of channels, height and width", 3)]


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class Measured:
    """What a network reached with a recipe, as it was measured.

    Attributes:
        network: Which of the recipe's.
        accuracy: On ``split`` of ``data``, one figure from 0 to 1 for each seed.
        seconds: Of training alone, one for each seed.
        machine: What it was measured on, and whether other work ran beside it.
        command: What gives these figures, but for ``--seed``.
    """

    network: Text
    data: Text
    split: Literal["test", "val"]
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    accuracy: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    seconds: tuple[Annotated[float, Field(gt=0)], ...]
    precision: Literal["fp32", "bf16"]
    machine: Text
    command: Text

    def __post_init__(self) -> None:
        for name in ("accuracy", "seconds"):
            if len(getattr(self, name)) != len(self.seeds):
                raise ValueError(f"must have as many figures of {name} as there are seeds")

    @property
    def mean(self) -> float:
        """The mean accuracy of all seeds."""
        return sum(self.accuracy) / len(self.accuracy)


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class TrainingRecipe:
    """How named networks are trained on data of one kind.

    Attributes:
        name: What it is called by; each recipe of a network has another.
        networks: Names of the zoo.
        data: What it is for.
        source: ``as published in …``; ``after …``, where optimizer, rates, batch or epochs are not all told there; or
            ``ours``.
        notes: What is otherwise than in its source.
        input: The ``(C, H, W)`` that the network gets instead of its own; None means its own.
        training: The options of `TrainConfig` that differ from their defaults, by group.
        measured: What was reached, at most once for each network.
        unmeasured: Why there is no figure for the other networks; empty if there are none.
    """

    name: Annotated[str, AfterValidator(_name)]
    networks: Annotated[tuple[Text, ...], Field(min_length=1)]
    data: Text
    source: Annotated[str, AfterValidator(_source)]
    notes: str = ""
    input: Shape | None = None
    training: Mapping[str, Any]
    measured: tuple[Measured, ...] = field(default=())
    unmeasured: str = ""

    def __post_init__(self) -> None:
        for what, names in (("networks", self.networks), ("measured", [m.network for m in self.measured])):
            if len(set(names)) < len(names):
                raise ValueError(f"{what} must name each network once")
        if others := {m.network for m in self.measured} - set(self.networks):
            raise ValueError(f"measured must be of its networks; {', '.join(sorted(others))} is none")
        if bool(self.unmeasured) == (len(self.measured) == len(self.networks)):
            raise ValueError(
                "unmeasured must say why networks have no figure, and be left out if all have one"
            )

    def measured_of(self, network: str) -> Measured | None:
        """Return what ``network`` reached, or None if that was not measured."""
        return next((measured for measured in self.measured if measured.network == network), None)


_READER = TypeAdapter(TrainingRecipe)
_FIELDS = list(TrainingRecipe.__dataclass_fields__)


def read_recipes(text: str) -> tuple[TrainingRecipe, ...]:
    """Read the text of a file of recipes.

    Raises:
        ConfigError: naming the recipe, the place, what stands there and what is allowed.
    """
    try:
        data = parse_yaml(text)
    except DescriptionError as error:
        raise ConfigError(str(error)) from None
    if not isinstance(data, dict) or data.get("kind") != _KIND:
        raise ConfigError(f"recipes are a mapping that begins with 'kind: {_KIND}'.")
    for key in data:
        if key not in _KEYS:
            hint = did_you_mean(str(key), _KEYS)
            raise ConfigError(f"unknown key {key!r}.{hint} Recipes have {', '.join(_KEYS)}.")
    if type(data.get("schema")) is not int or data["schema"] != SCHEMA_VERSION:
        raise ConfigError(f"schema: must be {SCHEMA_VERSION}; got {data.get('schema')!r}.")
    if not isinstance(data.get("recipes"), list):
        raise ConfigError("recipes: must be a list of recipes.")
    return tuple(_read(entry, f"recipe {number}") for number, entry in enumerate(data["recipes"], 1))


def _read(data: Any, where: str) -> TrainingRecipe:
    if not isinstance(data, dict):
        raise ConfigError(f"{where}: must be a mapping of {', '.join(_FIELDS)}; got {data!r:.80}.")
    training = data.get("training")
    if isinstance(training, dict):
        data = {**data, "training": checked_options(training, f"{where}: ")}
    try:
        return _READER.validate_python(data)
    except ValidationError as error:
        raise ConfigError(validation_message(where, _FIELDS, error.errors(include_url=False))) from None
