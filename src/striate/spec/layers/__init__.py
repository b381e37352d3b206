"""The layer kinds: one frozen dataclass each, saying what the layer is and nothing of how it runs.

Sizes (``kernel_size``, ``stride``, ``dilation``) are an int, meant for every axis, or a tuple with one
int per axis. The number of axes is not said here: it is that of the input, so that one `Conv` stands
for the 1-d, the 2-d and the 3-d convolution. ``padding`` is an int, one entry per axis (an int, or a
``(before, after)`` pair), or a word:

- ``"valid"``: none;
- ``"same"``: as much as makes the output ``ceil(input / stride)`` long, the odd one at the end;
- ``"full"``: ``dilation * (kernel_size - 1)`` at both ends, every overlap counts;
- ``"causal"``: ``dilation * (kernel_size - 1)`` at the beginning, for signals (1-d) alone.
"""

from striate.spec.layers.activation import ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from striate.spec.layers.base import Layer
from striate.spec.layers.convolution import Conv
from striate.spec.layers.dense import Flatten, Identity, Linear
from striate.spec.layers.normalization import BatchNorm, LocalResponseNorm
from striate.spec.layers.pooling import AvgPool, GlobalAvgPool, MaxPool
from striate.spec.layers.regularization import Dropout

__all__ = [
    "ELU",
    "GELU",
    "AvgPool",
    "BatchNorm",
    "Conv",
    "Dropout",
    "Flatten",
    "GlobalAvgPool",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "MaxPool",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
