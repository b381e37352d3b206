"""One builder per layer kind, found by type; the contract test names a kind that has none."""

from striate.nn.builders import pointwise, windows
from striate.nn.builders.base import Shape, layer_module

__all__ = ["Shape", "layer_module", "pointwise", "windows"]
