"""Two images of a batch made one, and their targets: after all else. Legend: n images."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from striate.data.augment.draws import Floats, Streams
from striate.data.augment.effects.base import Effect, Values, effect_kind
from striate.data.augment.mixing import box_of_share, cutmix, mixup, symmetric_beta
from striate.data.augment.plan import Plan, Rows
from striate.data.moving import moved

__all__ = ["CutMix", "Mixing", "Mixup"]

Alpha = Annotated[float, Field(gt=0, le=100)]


class Mixing(Effect):
    """An effect that mixes each image with another of its batch. Abstract."""

    stage: ClassVar[Literal["mixing"]] = "mixing"

    @abstractmethod
    def mix(self, images: Tensor, partners: Tensor, values: Values) -> tuple[Tensor, Floats]:
        """Return ``images`` mixed with ``partners``, and the share of each that is left, ``(n,)``."""

    def enter(self, plan: Plan, rows: Rows, values: Values) -> None:
        """Do nothing yet: `Augment` mixes images when they are made, as it knows all of the batch."""


@effect_kind
class Mixup(Mixing):
    """Blend each image with another (Zhang et al. 2018).

    Attributes:
        alpha: Shares are of the distribution Beta(alpha, alpha), above 0 to 100; a small one leaves most images nearly
            as they are.
    """

    draws: ClassVar[int] = 0
    words: ClassVar[str] = "{share:.0%} of a mixture"

    alpha: Alpha = 0.2

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"share": symmetric_beta(keys(), self.alpha)}

    def mix(self, images: Tensor, partners: Tensor, values: Values) -> tuple[Tensor, Floats]:
        shares = moved(torch.from_numpy(values["share"]), images.device, images.dtype)
        return mixup(images, partners, shares), values["share"]


@effect_kind
class CutMix(Mixing):
    """Replace a rectangle of each image by what another has there (Yun et al. 2019).

    Attributes:
        alpha: Shares are of the distribution Beta(alpha, alpha), above 0 to 100; 1 is even.
    """

    draws: ClassVar[int] = 2
    words: ClassVar[str] = "{share:.0%} kept, the rest"

    alpha: Alpha = 1.0

    def values(self, uniforms: Floats, keys: Streams) -> Values:
        return {"share": symmetric_beta(keys(), self.alpha), "center": uniforms}

    def mix(self, images: Tensor, partners: Tensor, values: Values) -> tuple[Tensor, Floats]:
        boxes, shares = box_of_share(values["share"], values["center"], *images.shape[2:])
        return cutmix(images, partners, moved(torch.from_numpy(boxes), images.device)), shares
