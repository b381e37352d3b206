"""`Recipe`: an augmentation as data, and its files.

    kind: striate augmentation
    schema: 1
    padding: reflect
    effects:
      - HorizontalFlip
      - Rotate: {degrees: 15}
      - Brightness: {factor: 0.3, p: 0.8}

An effect is written as its kind alone, or as ``Kind: {option: value}``. Only options that differ from their defaults
are written.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from striate.data.augment.effects import EFFECTS, Effect
from striate.data.augment.sampling import PADDINGS
from striate.data.augment.signals import Padding
from striate.errors import ConfigError, DescriptionError, bad_argument, did_you_mean, printable, unknown_name
from striate.spec.files import parse_yaml

__all__ = ["Recipe"]

SCHEMA_VERSION = 1
_KIND = "striate augmentation"
_KEYS = ("kind", "schema", "padding", "fill", "effects")
_MAX_BYTES = 2**20
_MAX_EFFECTS = 100


@dataclass(frozen=True)
class Recipe:
    """What is done to images, in this order: geometry, then color, then pixels, then mixing, each as they are listed.

    Attributes:
        effects: What is done.
        padding: What is seen beyond the border of an image: ``zeros``, ``replicate`` (its outermost pixels) or
            ``reflect`` (the image mirrored at them).
        fill: The value of ``zeros``, as a share of white.

    Raises:
        ConfigError: naming the field, its value and what is allowed.
    """

    effects: tuple[Effect, ...] = ()
    padding: Padding = "zeros"
    fill: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.effects, list):
            object.__setattr__(self, "effects", tuple(self.effects))
        if not isinstance(self.effects, tuple) or not all(isinstance(e, Effect) for e in self.effects):
            raise ConfigError(
                bad_argument("effects", self.effects, "a list of effects, such as [HorizontalFlip()]")
            )
        if len(self.effects) > _MAX_EFFECTS:
            raise ConfigError(f"a recipe of {len(self.effects)} effects; {_MAX_EFFECTS} are allowed.")
        if self.padding not in PADDINGS:
            allowed = f"one of {', '.join(PADDINGS)}"
            raise ConfigError(
                bad_argument(
                    "padding", self.padding, allowed, did_you_mean(str(self.padding), PADDINGS).strip()
                )
            )
        number = isinstance(self.fill, int | float) and not isinstance(self.fill, bool)
        if not number or not 0 <= self.fill <= 1:
            raise ConfigError(bad_argument("fill", self.fill, "a share of white, from 0 to 1"))
        self._check_order()

    def _check_order(self) -> None:
        others = [e for e in self.effects if e.stage != "signal" and e.kind != "Mixup"]
        if self.for_signals and others:
            other = others[0]
            signal = next(e for e in self.effects if e.stage == "signal")
            raise ConfigError(
                f"{signal.kind} is for signals and {other.kind} for images; a recipe is for either."
            )
        kinds = [effect.kind for effect in self.effects]
        if kinds.count("AugMix") > 1:
            raise ConfigError("a recipe can have AugMix once.")
        if "AugMix" in kinds:
            after = [e.kind for e in self.effects[kinds.index("AugMix") + 1 :] if e.stage != "mixing"]
            if after:
                raise ConfigError(f"{after[0]} stands after AugMix; put it before.")

    @property
    def for_signals(self) -> bool:
        """Whether it is for signals ``(N, C, L)``, rather than for images."""
        return any(effect.stage == "signal" for effect in self.effects)

    def scaled(self, strength: float) -> Recipe:
        """Return the recipe with every effect nearer to no change: 1 is as it is, 0 changes nothing at all.

        Raises:
            ConfigError: if ``strength`` is not within 0 to 1.
        """
        if isinstance(strength, bool) or not isinstance(strength, int | float) or not 0 <= strength <= 1:
            raise ConfigError(bad_argument("strength", strength, "a number from 0 to 1"))
        if strength:
            effects = tuple(effect.scaled(strength) for effect in self.effects)
        else:  # what frames images takes their middle
            effects = tuple(dataclasses.replace(effect, p=0.0) for effect in self.effects if effect.frames)
        return dataclasses.replace(self, effects=effects)

    def to_data(self) -> dict[str, Any]:
        """Return the recipe as plain data."""
        effects = [{e.kind: options} if (options := e.options()) else e.kind for e in self.effects]
        border = {"padding": self.padding} | ({"fill": self.fill} if self.fill else {})
        return {"kind": _KIND, "schema": SCHEMA_VERSION, **border, "effects": effects}

    @classmethod
    def from_data(cls, data: Any) -> Recipe:
        """Read what `to_data` gave.

        Raises:
            ConfigError: naming the place, what stands there and what is allowed.
        """
        if not isinstance(data, dict) or data.get("kind") != _KIND:
            raise ConfigError(
                f"a recipe is a mapping that begins with 'kind: {_KIND}' and has a list of effects."
            )
        for key in data:
            if key not in _KEYS:
                raise ConfigError(
                    f"unknown key {key!r}.{did_you_mean(str(key), _KEYS)} A recipe has {', '.join(_KEYS)}."
                )
        schema = data.get("schema", SCHEMA_VERSION)
        if isinstance(schema, bool) or not isinstance(schema, int) or not 1 <= schema <= SCHEMA_VERSION:
            raise ConfigError(
                f"schema: must be {SCHEMA_VERSION}; got {schema!r}. Newer ones need a newer striate."
            )
        listed = data.get("effects")
        if not isinstance(listed, list):
            raise ConfigError("effects: must be a list, such as [HorizontalFlip, {Rotate: {degrees: 15}}].")
        border = {key: data[key] for key in ("padding", "fill") if key in data}
        return cls(tuple(_effect(entry, k) for k, entry in enumerate(listed)), **border)

    def to_yaml(self) -> str:
        """Return the recipe as the text of a YAML file."""
        text: str = yaml.safe_dump(
            self.to_data(), sort_keys=False, default_flow_style=None, allow_unicode=True, width=110
        )
        return text

    def save(self, path: str | Path) -> None:
        """Write the recipe to a ``.yaml`` file.

        Raises:
            ConfigError: if it cannot be written.
        """
        try:
            Path(path).write_text(self.to_yaml(), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}.") from None

    @classmethod
    def from_yaml(cls, text: str) -> Recipe:
        """Read the text of a YAML file.

        Raises:
            ConfigError: if it is not a recipe.
        """
        try:
            return cls.from_data(parse_yaml(text))
        except DescriptionError as error:
            raise ConfigError(str(error)) from None

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a ``.yaml`` file.

        Raises:
            ConfigError: if it cannot be read, or is not a recipe.
        """
        name = printable(str(path))
        try:
            if Path(path).is_fifo():
                raise ConfigError(f"{name}: is a pipe; write the recipe to a file.")
            with Path(path).open("rb") as file:
                text = file.read(_MAX_BYTES + 1)
            if len(text) > _MAX_BYTES:
                raise ConfigError(f"{name}: is larger than a recipe can be, {_MAX_BYTES} bytes.")
            return cls.from_yaml(text.decode())
        except OSError as error:
            raise ConfigError(f"{name}: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{name}: is not a text file.") from None
        except ConfigError as error:
            message = str(error)
            raise ConfigError(message if message.startswith(name) else f"{name}: {message}") from None
        except ValueError:
            raise ConfigError(f"{name}: is not the name of a file.") from None


def _effect(entry: Any, number: int) -> Effect:
    """Read one effect of a list."""
    if isinstance(entry, str):
        entry = {entry: {}}
    if not isinstance(entry, dict) or len(entry) != 1:
        raise ConfigError(
            f"effect {number + 1}: must be the name of an effect, or a name with its options, such as "
            f"Rotate: {{degrees: 15}}; got {entry!r:.80}."
        )
    (kind, options), *_ = entry.items()
    if kind not in EFFECTS:
        raise ConfigError(f"effect {number + 1}: {unknown_name('effect', str(kind), EFFECTS)}")
    if options is not None and (
        not isinstance(options, dict) or not all(isinstance(k, str) for k in options)
    ):
        raise ConfigError(
            f"effect {number + 1}: {kind}: must be followed by its options, as {{option: value}}."
        )
    try:
        return EFFECTS[kind](**(options or {}))
    except ConfigError as error:
        raise ConfigError(f"effect {number + 1}: {error}") from None
