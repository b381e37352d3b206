"""What acts in training alone."""

from __future__ import annotations

from typing import ClassVar, Literal

from striate.spec.layers.base import Layer
from striate.spec.node import layer_kind
from striate.spec.values import Count, Positive, Probability, Share

__all__ = ["DropConnect", "Dropout", "GaussianNoise", "SparsityPenalty", "SpatialDropout", "StochasticDepth"]


@layer_kind
class Dropout(Layer):
    """Inverted dropout (Srivastava et al. 2014): in training each value is zeroed with probability ``p``
    and the others divided by ``1 - p``; in evaluation nothing happens.
    """

    stem: ClassVar[str] = "dropout"

    p: Probability = 0.5


@layer_kind
class SpatialDropout(Layer):
    """Dropout of whole maps (Tompson et al. 2014): values of one map stand or fall together.

    In training each map is zeroed with probability ``p`` and the others divided by ``1 - p``.
    """

    stem: ClassVar[str] = "dropout"

    p: Probability = 0.5


@layer_kind
class DropConnect(Layer):
    """A fully connected layer whose connections drop, not its units (Wan et al. 2013): ``(in,) -> (out_features,)``.

    In training each weight and bias is zeroed with probability ``p``, anew for every image, and the others divided
    by ``1 - p``; in evaluation it is a `Linear` layer. Training holds a mask of ``out_features * in`` per image.
    """

    stem: ClassVar[str] = "linear"

    out_features: Count
    p: Probability = 0.5
    bias: bool = True


@layer_kind
class GaussianNoise(Layer):
    """Adds normal noise of mean 0 in training; in evaluation nothing happens.

    Attributes:
        std: Standard deviation of the noise.
    """

    stem: ClassVar[str] = "noise"

    std: Positive


@layer_kind
class StochasticDepth(Layer):
    """Drops a whole residual body (Huang et al. 2016): put it last in the body of a `Residual`.

    In training its input becomes zero with probability ``p`` and is divided by ``1 - p`` otherwise, so that the
    shortcut is all that is left of the block; in evaluation nothing happens.

    Attributes:
        mode: Whether each image of a batch is drawn for (``"row"``) or the batch as a whole (``"batch"``).
    """

    stem: ClassVar[str] = "depth"

    p: Probability
    mode: Literal["row", "batch"] = "row"


@layer_kind
class SparsityPenalty(Layer):
    """Asks the units it reads to be active rarely (Ng 2011): passes its input on and adds to the training loss.

    The addition is ``weight * sum over units of KL(target, mean activation over the batch)`` for units between 0
    and 1, behind a `Sigmoid`.

    Attributes:
        target: The mean activation asked for.
        weight: Of the penalty in the loss.
    """

    stem: ClassVar[str] = "sparsity"

    target: Share = 0.05
    weight: Positive = 3.0
