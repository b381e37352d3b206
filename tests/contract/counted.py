"""Count what a module does, by forward hooks: shapes, learned numbers and MACs, layer by layer."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from striate.nn.layers import AuxHead


@dataclass
class Counted:
    """What one module was seen to do in one forward of one batch."""

    output_shape: tuple[int, ...]
    weights: int
    biases: int
    macs: int


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
            assert set(own) <= {"weight", "bias"}
            assert not own or path not in counted, f"{path} has weights and ran twice"
            sizes = {name: 0 if p is None else p.numel() for name, p in own.items()}
            counted[path] = Counted(
                tuple(output.shape[1:]),
                sizes.get("weight", 0),
                sizes.get("bias", 0),
                _macs(part, output) // batch_size,
            )

        return note

    handles = [part.register_forward_hook(hook(path)) for path, part in module.named_modules()]
    with torch.no_grad():
        module(torch.rand(batch_size, *shape))
    for handle in handles:
        handle.remove()
    return counted


def _macs(part, output):
    """Each output value of a convolution or linear layer takes one MAC per weight of its row."""
    if not isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear):
        return 0
    return output.numel() * math.prod(part.weight.shape[1:])
