"""Max-norm: no neuron's incoming weights are longer than a radius (lecture 001; Srebro et al. 2005)."""

from __future__ import annotations

from functools import singledispatch

import torch
from torch import Tensor, nn

from striate.nn import layers
from striate.train.methods.weights import held, stack_of

__all__ = ["project_max_norm"]


@torch.no_grad()
def project_max_norm(module: nn.Module, radius: float) -> None:
    """Shorten the incoming weights of every neuron to L2 norm ``radius`` where they are longer, in place.

    A neuron is a row of a linear layer, a filter of a convolution, an output channel of a transposed one; of a locally
    connected layer it is a filter at one position; of a recurrent layer, weights from below and from the step before
    count apart. Norms, biases, embeddings and weights that are not trained stay as they are, and so does every neuron
    within the radius, to the bit.
    """
    for own in held(module):
        if own.decays and own.parameter.requires_grad:
            _project(own.part, own.name, own.parameter, radius)


@singledispatch
def _project(part: nn.Module, name: str, weight: Tensor, radius: float) -> None:
    """Project ``weight``, which ``part`` holds under ``name``."""
    stack = stack_of(part, name, weight)
    if stack is not None:
        seen = weight.view(stack.shape)
        norms = torch.linalg.vector_norm(seen, dim=stack.columns, keepdim=True)
        seen.mul_((radius / norms).clamp(max=1.0))


@_project.register
def _(part: layers.TableConv, name: str, weight: Tensor, radius: float) -> None:
    per_kernel = weight.square().flatten(1).sum(1)
    squares = per_kernel.new_zeros(len(part.connections)).index_add_(0, part.outputs, per_kernel)
    shares = (radius / squares.sqrt()).clamp(max=1.0)
    weight.mul_(shares[part.outputs].view(-1, *(1,) * (weight.ndim - 1)))
