"""Count what a module does, by forward hooks: shapes, learned numbers and MACs, layer by layer."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from striate.nn import layers
from striate.nn.layers import AuxHead


@dataclass
class Counted:
    """What one module was seen to do in one forward of one batch."""

    output_shape: tuple[int, ...]
    weights: int
    biases: int
    macs: int


def inputs_for(module, batch_size, shape):
    """Return a random batch: whole numbers below 5 where the first layer reads tokens, else fractions."""
    first = next(part for part in module.modules() if not list(part.children()))
    if isinstance(first, nn.Embedding | layers.OneHot):
        return torch.randint(5, (batch_size, *shape))
    return torch.rand(batch_size, *shape)


def count_forward(module, shape, batch_size=1):
    """Return what every module does with a batch of inputs of `shape`, by path; auxiliary heads run too."""
    counted = {}
    module.eval()
    for part in module.modules():
        if isinstance(part, AuxHead):
            part.training = True  # itself alone: its body stays in evaluation

    def hook(path):
        def note(part, inputs, output):
            own = dict(part.named_parameters(recurse=False))
            assert not own or path not in counted, f"{path} has weights and ran twice"
            biases = sum(p.numel() for name, p in own.items() if name.startswith("bias"))
            counted[path] = Counted(
                tuple(output.shape[1:]),
                sum(p.numel() for p in own.values()) - biases,
                biases,
                _macs(part, inputs[0], output) // batch_size,
            )

        return note

    handles = [part.register_forward_hook(hook(path)) for path, part in module.named_modules()]
    with torch.no_grad():
        module(inputs_for(module, batch_size, shape))
    for handle in handles:
        handle.remove()
    return counted


def _macs(part, x, output):
    """Count what each value of the output (or of the input, where kernels are laid out from it) meets."""
    positions = math.prod(output.shape[2:])
    match part:
        case nn.Conv1d() | nn.Conv2d() | nn.Conv3d() | nn.Linear():
            return output.numel() * math.prod(part.weight.shape[1:])
        case nn.ConvTranspose1d() | nn.ConvTranspose2d() | nn.ConvTranspose3d():
            return x.numel() * math.prod(part.weight.shape[1:])
        case layers.LocallyConnected():
            return len(x) * part.weight.numel()
        case layers.TiledConv():
            return output.numel() * x.shape[1] * math.prod(part.windows.kernel)
        case layers.TableConv():
            return len(x) * part.weight.numel() * positions
        case layers.SeparableConv():
            return len(x) * positions * (part.depthwise.numel() + part.pointwise.numel())
        case layers.RBF():
            return len(x) * part.codes.numel()
        case nn.RNNBase():
            return x.shape[0] * x.shape[1] * sum(p.numel() for p in part.parameters() if p.dim() == 2)
    return 0
