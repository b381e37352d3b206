"""The arithmetic of each layer kind: what it makes of a shape, and what that costs.

One function per kind, found by type; a new kind adds its function in the module of its family, and the
contract test names a kind that has none.

Convention: a MAC is one multiply-accumulate of a convolution or a fully connected layer, biases not
counted; pooling, activations and normalization count none (as fvcore and the ResNet paper do).
"""

from striate.analyze.rules import convolution, dense, pooling
from striate.analyze.rules.base import Arithmetic, Misfit, Shape, arithmetic
from striate.analyze.rules.windows import conv_axes, pool_axes, same_padding

__all__ = [
    "Arithmetic",
    "Misfit",
    "Shape",
    "arithmetic",
    "conv_axes",
    "convolution",
    "dense",
    "pool_axes",
    "pooling",
    "same_padding",
]
