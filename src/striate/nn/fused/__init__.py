"""Layers of small networks that run as one operator in training on the CPU."""

from striate.nn.fused.chain import FusedSequential, fuse_for_training
from striate.nn.fused.loading import prepare

__all__ = ["FusedSequential", "fuse_for_training", "prepare"]
