"""Which pixels reach the answer, by the derivative of the built module."""

import torch

from striate.nn import build

__all__ = ["by_derivative"]


def by_derivative(network):
    """Return where the gradient of the outputs, by random weights and images, is not 0."""
    torch.manual_seed(0)
    module = build(network, seed=0).double().eval()
    for name, buffer in module.named_buffers():
        if "running" in name:
            buffer.uniform_(0.5, 1.5)
    for parameter in module.parameters():
        torch.nn.init.uniform_(parameter, 0.5, 1.5)
    images = torch.rand(4, *network.input, dtype=torch.float64, requires_grad=True)
    outputs = module(images)
    weights = torch.rand(outputs.shape, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((outputs * weights).sum(), images)
    return (gradient != 0).any(0).any(0).numpy()
