"""One builder per layer kind, found by type; the contract test names a kind that has none."""

from striate.nn.builders import convolution, pointwise, sequence
from striate.nn.builders.base import Shape, layer_module
from striate.nn.builders.pooling import switched

__all__ = ["Shape", "convolution", "layer_module", "pointwise", "sequence", "switched"]
