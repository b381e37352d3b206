"""Initialization: each weight a function of (seed, path), scaled as suits the activation that follows, or by name."""

from striate.nn.init.activations import activation_by_path
from striate.nn.init.chosen import INITS, Init, find_init, scheme_by_path
from striate.nn.init.filling import initialize
from striate.nn.init.schemes import SCHEMES, Dirac, Orthogonal, Scheme
from striate.nn.init.variance import NORMS, WEIGHTED, batch_statistics, unit_variance

__all__ = [
    "INITS",
    "NORMS",
    "SCHEMES",
    "WEIGHTED",
    "Dirac",
    "Init",
    "Orthogonal",
    "Scheme",
    "activation_by_path",
    "batch_statistics",
    "find_init",
    "initialize",
    "scheme_by_path",
    "unit_variance",
]
