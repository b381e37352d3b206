"""The arithmetic of each layer kind: what it makes of a shape, and what that costs.

One function per kind, found by type; a new kind adds its function in the module of its family, and the
contract test names a kind that has none.

Convention: a MAC is one multiply-accumulate of a convolution or a fully connected layer, biases not
counted; pooling, activations and normalization count none (as fvcore and the ResNet paper do).
"""

from striate.analyze.rules import convolution, dense, normalization, sequence
from striate.analyze.rules.base import Arithmetic, Misfit, Shape, arithmetic
from striate.analyze.rules.pooling import unpooled
from striate.analyze.rules.windows import (
    adaptive_axes,
    around,
    conv_axes,
    pool_axes,
    same_padding,
    subsample_axes,
    transposed_axes,
)

__all__ = [
    "Arithmetic",
    "Misfit",
    "Shape",
    "adaptive_axes",
    "arithmetic",
    "around",
    "conv_axes",
    "convolution",
    "dense",
    "normalization",
    "pool_axes",
    "same_padding",
    "sequence",
    "subsample_axes",
    "transposed_axes",
    "unpooled",
]
