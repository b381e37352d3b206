"""PyTorch modules built from descriptions, the layers PyTorch lacks, initializers, weights files."""

from striate.nn.build import build
from striate.nn.foreign import NAMINGS, Naming, recognized
from striate.nn.fused import fuse_for_training, unfuse
from striate.nn.init import INITS, SCHEMES, Scheme, scheme_by_path, unit_variance
from striate.nn.layers import aux_losses
from striate.nn.rewrite import REWRITES, Optimized, WeightMapping, optimize
from striate.nn.weights import load_weights, read_tensors, save_weights, set_weights, write_tensors

__all__ = [
    "INITS",
    "NAMINGS",
    "REWRITES",
    "SCHEMES",
    "Naming",
    "Optimized",
    "Scheme",
    "WeightMapping",
    "aux_losses",
    "build",
    "fuse_for_training",
    "load_weights",
    "optimize",
    "read_tensors",
    "recognized",
    "save_weights",
    "scheme_by_path",
    "set_weights",
    "unfuse",
    "unit_variance",
    "write_tensors",
]
