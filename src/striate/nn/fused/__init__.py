"""Layers of small networks that run as one operator in training on the CPU."""

from striate.nn.fused.chain import FusedSequential, fuse_for_training, unfuse
from striate.nn.fused.loading import pending, prepare, ready

__all__ = ["FusedSequential", "fuse_for_training", "pending", "prepare", "ready", "unfuse"]
