"""Receptive fields measured on a module: what the gradient of one output unit reaches.

All weights are positive and so are the inputs, so that no path cancels another and no ReLU is shut.
"""

import math

import torch

from striate.analyze import analyze
from striate.nn import build


def positive_module(network, least=0.1, most=1.0):
    module = build(network, seed=0).double().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(least, most, generator=generator)
    return module


def seen(module, shape, unit):
    """Return first and last input position on each axis that the unit's gradient reaches; [] if none."""
    x = torch.rand(1, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x.add_(0.5).requires_grad_()
    module(x)[(0, slice(None), *unit)].sum().backward()
    reached = (
        x.grad[0].abs().sum(0) > 1e-12
    ).nonzero()  # interpolation may leave a rounding error of a share
    return [(min(positions), max(positions)) for positions in reached.T.tolist() if positions]


def claimed(fields, unit):
    """Return first and last whole position that the analysis says the unit sees, padding included."""
    at = [f.offset + i * f.stride for f, i in zip(fields, unit, strict=True)]
    return [(math.ceil(first), math.floor(first + f.size - 1)) for f, first in zip(fields, at, strict=True)]


def inside(spans, size):
    return all(first >= 0 and last < n for (first, last), n in zip(spans, size, strict=True))


def clipped(spans, size):
    return [(max(first, 0), min(last, n - 1)) for (first, last), n in zip(spans, size, strict=True)]


def covers(spans, measured):
    pairs = zip(spans, measured, strict=bool(measured))
    return all(first <= a <= b <= last for (first, last), (a, b) in pairs)


def check_measured(network, border):
    """Compare every unit on the diagonal, and say how many do not touch the padding.

    Those inside the input must see exactly what is claimed. At the border it is ``"exact"`` if the claim,
    clipped to the input, is exact there too; with strides or holes it may see less (``"less"``).
    """
    analysis, module = analyze(network), positive_module(network)
    fields, size = analysis.layers[-1].receptive_field, network.input[1:]
    whole = 0
    for i in range(max(analysis.output[1:])):
        unit = tuple(min(i, n - 1) for n in analysis.output[1:])
        spans, measured = claimed(fields, unit), seen(module, network.input, unit)
        if inside(spans, size):
            whole += 1
            assert measured == spans, unit
        elif border == "exact":
            assert measured == clipped(spans, size), unit
        else:
            assert covers(clipped(spans, size), measured), unit
    return whole
