"""Descriptions that compute the same, faster, and the way of the weights from one to the other and back."""

from striate.nn.rewrite.mapping import WeightMapping
from striate.nn.rewrite.optimizing import REWRITES, Optimized, optimize

__all__ = ["REWRITES", "Optimized", "WeightMapping", "optimize"]
