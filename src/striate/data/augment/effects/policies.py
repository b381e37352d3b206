"""Policies: for each image they choose among simple effects, and how strong each is.

Legend: n images, m magnitudes of 0..1, s signs of -1 or 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from striate.data.augment.draws import Floats, Streams, uniforms
from striate.data.augment.effects.base import Effect, Values, effect_kind
from striate.data.augment.effects.color import Brightness, Contrast, Saturation
from striate.data.augment.effects.geometry import Rotate, Shear, Shift
from striate.data.augment.effects.pixels import AutoContrast, Equalize, Posterize, Sharpen, Solarize
from striate.data.augment.plan import Plan, Rows

__all__ = ["AugMix", "RandAugment", "TrivialAugment"]

_Choice = tuple[Effect, Callable[[Floats, Floats], Values]]
_Ranges = Mapping[str, float]

# How far each goes at magnitude 1: in RandAugment and AugMix, and in TrivialAugment's wide space.
_STANDARD = MappingProxyType(
    {"rotate": 30.0, "shear": 0.3, "shift": 150 / 331, "factor": 0.9, "bits": 4.0, "threshold": 0.0}
)
_WIDE = MappingProxyType(
    {"rotate": 135.0, "shear": 0.99, "shift": 32 / 224, "factor": 0.99, "bits": 6.0, "threshold": 0.0}
)


def _choices(most: _Ranges, *, colors: bool = True) -> list[_Choice]:
    """Return the effects of RandAugment's space, without the one that does nothing; a factor is 1 ± magnitude."""

    def slant(m: Floats, s: Floats) -> Floats:
        return np.rad2deg(np.arctan(most["shear"] * m * s))

    def factor(m: Floats, s: Floats) -> Values:
        return {"factor": 1 + most["factor"] * m * s}

    geometry: list[_Choice] = [
        (Rotate(), lambda m, s: {"degrees": most["rotate"] * m * s}),
        (Shear(), lambda m, s: {"x": slant(m, s), "y": 0 * m}),
        (Shear(), lambda m, s: {"x": 0 * m, "y": slant(m, s)}),
        (Shift(), lambda m, s: {"x": most["shift"] * m * s, "y": 0 * m}),
        (Shift(), lambda m, s: {"x": 0 * m, "y": most["shift"] * m * s}),
    ]
    tones: list[_Choice] = [
        (AutoContrast(), lambda m, s: {}),
        (Equalize(), lambda m, s: {}),
        (Posterize(), lambda m, s: {"bits": 8 - np.rint(most["bits"] * m).astype(np.int64)}),
        (Solarize(), lambda m, s: {"threshold": 1 - m * (1 - most["threshold"]) + 0.01 * (m == 0)}),
    ]
    others: list[_Choice] = [
        (Brightness(), factor),
        (Contrast(), factor),
        (Saturation(), factor),
        (Sharpen(), lambda m, s: {"amount": most["factor"] * m * s}),
    ]
    return geometry + tones + (others if colors else [])


_RAND, _TRIVIAL, _AUGMIX = _choices(_STANDARD), _choices(_WIDE), _choices(_STANDARD, colors=False)


def _enter_chosen(
    plan: Plan, rows: Rows, choices: list[_Choice], chosen: Any, magnitudes: Floats, signs: Floats
) -> None:
    """Do to each image the one of ``choices`` that ``chosen`` ``(n,)`` says; a number beyond them does nothing."""
    numbers = np.arange(plan.count)[rows]
    for number, (effect, values) in enumerate(choices):
        hit = chosen == number
        if hit.any():
            plan.enter(effect, numbers[hit], values(magnitudes[hit], signs[hit]))


def _signs(draws: Floats) -> Floats:
    return np.where(draws < 0.5, -1.0, 1.0)


class _Policy(Effect):
    """An effect that chooses effects. Abstract."""

    stage: ClassVar[Literal["policy"]] = "policy"
    words: ClassVar[str] = ""  # what is chosen has its own


@effect_kind
class RandAugment(_Policy):
    """Do some effects, drawn anew for each image, of one magnitude (Cubuk et al. 2020).

    The 14 choices are to do nothing, rotate, shear and shift along each axis, auto contrast, equalize, posterize,
    solarize, brightness, contrast, saturation, sharpness.

    Attributes:
        count: How many effects, 0 to 10.
        magnitude: How strong, from 0, which is nothing, to 30.
    """

    draws: ClassVar[int] = 20

    count: Annotated[int, Field(ge=0, le=10)] = 2
    magnitude: Annotated[float, Field(ge=0, le=30)] = 9.0

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        chosen = (uniforms[:, : self.count] * (len(_RAND) + 1)).astype(int)
        return {"chosen": chosen, "signs": _signs(uniforms[:, 10 : 10 + self.count])}

    def enter(self, plan: Plan, rows: Rows, values: Values) -> None:
        for k in range(self.count if self.magnitude else 0):
            magnitudes = np.full(len(values["chosen"]), self.magnitude / 30)
            _enter_chosen(plan, rows, _RAND, values["chosen"][:, k], magnitudes, values["signs"][:, k])


@effect_kind
class TrivialAugment(_Policy):
    """Do one effect, of a magnitude drawn for each image (Müller and Hutter 2021, the wide space).

    The choices are those of `RandAugment`, which here go farther.
    """

    draws: ClassVar[int] = 3

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        chosen = (uniforms[:, 0] * (len(_TRIVIAL) + 1)).astype(int)
        return {
            "chosen": chosen,
            "magnitudes": np.floor(uniforms[:, 1] * 31) / 30,
            "signs": _signs(uniforms[:, 2]),
        }

    def enter(self, plan: Plan, rows: Rows, values: Values) -> None:
        _enter_chosen(plan, rows, _TRIVIAL, values["chosen"], values["magnitudes"], values["signs"])


@effect_kind
class AugMix(_Policy):
    """Mix an image with what chains of effects make of it (Hendrycks et al. 2020).

    Each chain is 1 to 3 effects of random magnitude; the chains are mixed by a draw of Dirichlet(1, …, 1), and that
    with the image by one of Beta(1, 1). It takes a resampling for each chain, and stands after all geometry, color and
    pixels.

    Attributes:
        chains: How many, 1 to 8.
        severity: How strong effects may be, from 0, which is nothing, to 10.
    """

    draws: ClassVar[int] = 0

    chains: Annotated[int, Field(ge=1, le=8)] = 3
    severity: Annotated[float, Field(ge=0, le=10)] = 3.0

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"keys": keys()}

    def enter(self, plan: Plan, rows: Rows, values: Values) -> None:
        per_chain = 10  # depth, then three each of choice, magnitude and sign
        draws = uniforms(values["keys"], self.chains * (per_chain + 1) + 1)
        share, draws = draws[:, 0], draws[:, 1:].reshape(-1, self.chains, per_chain + 1)
        lengths = -np.log1p(-draws[..., -1])  # whose shares of their sum are a draw of Dirichlet
        shares = lengths / np.maximum(lengths.sum(1, keepdims=True), 1e-300)
        weights = np.zeros((plan.count, self.chains))
        weights[rows] = (1 - share[:, None]) * shares if self.severity else 0
        chains = [plan.copy() for _ in range(self.chains)]
        for k, chain in enumerate(chains):
            depth = 1 + np.floor(3 * draws[:, k, 0])
            for link in range(3):
                choice, magnitude, sign = (draws[:, k, 1 + 3 * link + j] for j in range(3))
                chosen = np.where(depth > link, (choice * len(_AUGMIX)).astype(int), len(_AUGMIX))
                strength = (0.1 + magnitude * max(self.severity - 0.1, 0)) / 10
                _enter_chosen(chain, rows, _AUGMIX, chosen, strength, _signs(sign))
        plan.mixture = (weights, chains)
