"""Modules of one layer and random inputs for the tests of values, in float64."""

import torch

from striate.nn import build
from striate.spec import Network


def per_axis(value, rank):
    return value if isinstance(value, tuple) else (value,) * rank


def drawn(*shape, seed=0):
    """Return normal random numbers, a function of ``seed``."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def module_of(layer, shape, seed=0):
    """Return the module of a layer or of a list of layers, every weight and bias of it drawn anew, in training."""
    module = build(Network("n", shape, layer), seed=seed).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=generator)
    return module


def numbers(tensor):
    """Return a tensor as a NumPy array, None as None."""
    return None if tensor is None else tensor.detach().numpy()
