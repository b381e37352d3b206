"""`fuse_for_training`: layers that stand one behind another in a module run as one where that is faster.

The modules stay, with their paths, parameters and settings: only how an `nn.Sequential` runs them changes. It runs them
one by one wherever anything wants to see them: hooks, tracing, compiling, another device or precision. Under autocast,
which has the others compute in bfloat16, those that run as one stay in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.nn.modules.module import _has_any_global_hook
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from striate.nn.fused.loading import ready
from striate.nn.fused.operator import Block, conv_pool

__all__ = ["FusedSequential", "fuse_for_training", "unfuse"]

_ACTIVATIONS: dict[type[nn.Module], str] = {nn.ReLU: "relu", nn.Tanh: "tanh"}
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_MOST_IN, _MOST_OUT = 64, 128  # channels of a convolution; beyond these oneDNN is about as fast
_MOST_IN_HALF = 4  # beyond these it is faster in bfloat16


@dataclass(frozen=True, slots=True)
class _ConvPool:
    """Layers from a convolution to a pooling that `conv_pool` does.

    Attributes:
        layers: The modules, the convolution first.
        block: What is done.
    """

    layers: tuple[nn.Module, ...]
    conv: nn.Conv2d
    block: Block

    def fits(self, x: Tensor) -> bool:
        """Return whether ``x`` can be given to it."""
        if torch.is_autocast_enabled("cpu") and self.conv.in_channels > _MOST_IN_HALF:
            return False
        for tensor in (x, self.conv.weight, self.conv.bias):
            if tensor is not None and (tensor.dtype is not torch.float32 or not tensor.is_cpu):
                return False
        return x.shape[1] == self.conv.in_channels and min(self.block.output_shape(x, self.conv.weight)) > 0

    def __call__(self, x: Tensor, threads: int | None) -> Tensor:
        return conv_pool(x, self.conv.weight, self.conv.bias, self.block, threads)


@dataclass(frozen=True, slots=True)
class _WholeConv:
    """A convolution with a kernel as large as what it reads: a linear layer, which takes a third of the time."""

    layers: tuple[nn.Module, ...]
    conv: nn.Conv2d

    def fits(self, x: Tensor) -> bool:
        """Return whether ``x`` is as large as the kernel."""
        return x.shape[1:] == self.conv.weight.shape[1:]

    def __call__(self, x: Tensor, threads: int | None) -> Tensor:
        return F.linear(x.flatten(1), self.conv.weight.flatten(1), self.conv.bias)[:, :, None, None]


_Fusion = _ConvPool | _WholeConv


class FusedSequential(nn.Sequential):
    """An `nn.Sequential` that runs some neighbors as one; made by `fuse_for_training`.

    Attributes:
        starts: The numbers of the layers with which neighbors begin that run as one.
        threads: On which the compiled code runs; None means as many as torch has.
    """

    starts: frozenset[int] = frozenset()
    threads: int | None = None

    def forward(self, input: Tensor) -> Tensor:
        """Return what the modules give, one behind another."""
        x, layers = input, list(self)
        at = 0
        while at < len(layers):
            fusion = _fusion_at(layers, at, x) if at in self.starts else None
            x = layers[at](x) if fusion is None else fusion(x, self.threads)
            at += 1 if fusion is None else len(fusion.layers)
        return x


def fuse_for_training(
    module: nn.Module, example: Tensor, patience: float | None = None, threads: int | None = None
) -> tuple[tuple[str, ...], ...]:
    """Make ``module`` faster on the CPU; return the paths of the layers that now run as one.

    Every `nn.Sequential` that holds such layers becomes a `FusedSequential`; ``module`` itself may be one. Outputs and
    gradients differ by rounding alone. Under autocast they are fewer, as fewer are faster in float32 than in bfloat16.

    Args:
        module: What is changed in place; where nothing can be faster, it stays as it was.
        example: An input, ``(N, C, H, W)``; what runs as one depends on its shape, precision and device.
        patience: Seconds to wait for compiled code that is not there yet: it takes half a second after the start of
            a process, some ten the first time on a machine. None waits to the end.
        threads: On which the compiled code runs; None means as many as torch has. One of torch and several of these
            is the quickest where torch's are little used: between its operators they keep cores busy with waiting.
    """
    inputs = _inputs_of_convolutions(module, example)
    chains = {path: part for path, part in module.named_modules() if type(part) is nn.Sequential}
    found = {path: _fusions(path, chain, inputs) for path, chain in chains.items()}
    if any(isinstance(one, _ConvPool) for each in found.values() for one in each.values()) and not ready(
        patience
    ):
        found = {path: _without_compiled(each) for path, each in found.items()}
    fused: list[tuple[str, ...]] = []
    for path, fusions in found.items():
        if fusions:
            paths = _paths(path, chains[path])
            fused += [tuple(paths[at : at + len(one.layers)]) for at, one in fusions.items()]
            chains[path].__class__ = FusedSequential
            vars(chains[path]).update(starts=frozenset(fusions), threads=threads)
    return tuple(fused)


def unfuse(module: nn.Module) -> None:
    """Have ``module`` run its layers one by one again."""
    for part in module.modules():
        if type(part) is FusedSequential:
            del vars(part)["starts"], vars(part)["threads"]
            part.__class__ = nn.Sequential  # type: ignore[assignment]


def _fusions(path: str, chain: nn.Sequential, inputs: dict[str, Tensor]) -> dict[int, _Fusion]:
    """Return what can run as one in the chain at ``path``, by the number of its first layer."""
    layers = list(chain)
    fusions = {
        at: _fusion_at(layers, at, inputs[one]) for at, one in enumerate(_paths(path, chain)) if one in inputs
    }
    return {at: one for at, one in fusions.items() if one is not None}


def _without_compiled(fusions: dict[int, _Fusion]) -> dict[int, _Fusion]:
    return {at: one for at, one in fusions.items() if isinstance(one, _WholeConv)}


def _paths(path: str, chain: nn.Sequential) -> list[str]:
    return [f"{path}.{name}" if path else name for name in chain._modules]


def _inputs_of_convolutions(module: nn.Module, example: Tensor) -> dict[str, Tensor]:
    """Return what each convolution is given, by its path; of one image, in evaluation, which changes no buffer."""
    inputs: dict[str, Tensor] = {}

    def note(path: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _, given: inputs.update({path: given[0]})

    trained = [part for part in module.modules() if part.training]
    convolutions = [(path, part) for path, part in module.named_modules() if type(part) is nn.Conv2d]
    hooks = [part.register_forward_pre_hook(note(path)) for path, part in convolutions]
    try:
        module.eval()
        with torch.no_grad():
            module(example[:1])
    finally:
        for hook in hooks:
            hook.remove()
        for part in trained:
            part.training = True
    return inputs


def _fusion_at(layers: list[nn.Module], at: int, x: Tensor) -> _Fusion | None:
    """Return what does layers from number ``at`` on in one, if ``x`` can be given to it and no one looks at them."""
    conv = layers[at]
    if type(conv) is not nn.Conv2d or not _is_ordinary(x):
        return None
    for fusion in (_conv_pool(conv, layers[at + 1 : at + 3]), _whole_conv(conv)):
        if fusion is not None and fusion.fits(x) and not _looked_at(fusion.layers):
            return fusion
    return None


def _conv_pool(conv: nn.Conv2d, following: list[nn.Module]) -> _ConvPool | None:
    if conv.in_channels > _MOST_IN or conv.out_channels > _MOST_OUT or conv.groups != 1:
        return None
    simple = conv.stride == (1, 1) == conv.dilation and conv.padding_mode == "zeros"
    if not simple or isinstance(conv.padding, str):
        return None
    pad = (conv.padding[0], conv.padding[1])
    for number, layer in enumerate(following):
        largest = _pools_largest(layer)
        if largest is None:
            continue
        others = [each for each in following if each is not layer] if largest else following[:number]
        activation = _ACTIVATIONS.get(type(others[0])) if others else None
        if number and activation is None:
            return None
        count = 2 if activation is None else 3
        block = Block(pad=pad, activation=activation or "none", largest=largest)
        return _ConvPool((conv, *following[: count - 1]), conv, block)
    return None


def _pools_largest(layer: nn.Module) -> bool | None:
    """Return whether ``layer`` pools the largest of 2×2, or False for the mean; None for any other layer."""
    if type(layer) is nn.MaxPool2d:
        plain = not layer.return_indices and layer.dilation in (1, (1, 1))
    elif type(layer) is nn.AvgPool2d:
        plain = layer.divisor_override is None
    else:
        return None
    sizes = (layer.kernel_size, layer.stride)
    fits = all(size in (2, (2, 2)) for size in sizes) and layer.padding in (0, (0, 0)) and not layer.ceil_mode
    return type(layer) is nn.MaxPool2d if plain and fits else None


def _whole_conv(conv: nn.Conv2d) -> _WholeConv | None:
    simple = conv.groups == 1 and conv.dilation == (1, 1) and conv.padding in ((0, 0), "valid")
    return _WholeConv((conv,), conv) if simple else None


def _is_ordinary(x: Tensor) -> bool:
    """Return whether ``x`` is a batch of numbers on the CPU, in no other guise, and no one records what is done."""
    return (
        type(x) is Tensor
        and x.device.type == "cpu"
        and x.layout == torch.strided
        and x.dim() == 4
        and x.numel() > 0
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        and not torch._C._are_functorch_transforms_active()
        and not is_in_torch_dispatch_mode()
        and forward_ad._current_level < 0
    )


def _looked_at(layers: tuple[nn.Module, ...]) -> bool:
    """Return whether a hook waits for any of ``layers``."""
    return bool(_has_any_global_hook()) or any(  # type: ignore[no-untyped-call]
        getattr(layer, kind) for layer in layers for kind in _HOOKS
    )
