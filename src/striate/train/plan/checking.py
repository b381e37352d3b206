"""How far the numbers of a plan are from float32: of every layer alone, and of the network as a whole.

A network as a whole says little: normalized and deep, it turns the last bit of float32 into a percent of its gradients
before it is trained (ResNet-110), and bfloat16 into all of them. So each layer is looked at alone, on what it is given
in the network; and the whole may be off by a few times what weights moved by half a last bit make of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from striate.nn.fused import unfuse
from striate.train.noise import quietened
from striate.train.plan.execution import Execution, laid_out, lay_out
from striate.train.plan.plan import Plan

__all__ = ["Checker", "Deviation"]

_ROUNDING: Mapping[str, float] = {
    "fp32": 2**-20,
    "tf32": 2**-11,
    "bf16-math": 2**-8,
    "bf16": 2**-8,
    "fp16": 2**-11,
}
"""Half a last bit, as a share; of float32 some of them, as its sums come in another order."""
_OF_A_LAYER: Mapping[str, float] = {
    "fp32": 1e-4,
    "tf32": 2**-8,
    "bf16-math": 2**-6,
    "bf16": 2**-6,
    "fp16": 2**-8,
}
_SCALES: Mapping[str, tuple[float, ...]] = {"fp16": (2.0**16, 2.0**12, 2.0**8, 2.0**4)}
"""By which the loss is multiplied, the first whose gradients are all numbers, before 1: as `LossScale` does."""
_OF_THE_WHOLE = 4  # times what weights so rounded do
_LEAST = {"outputs": 8, "gradients": 16}  # times the rounding, of networks that hardly react
_OF_ONE_UNIT = 0.01
"""Of gradients: those of ResNet-20 at batch 8 move by 0.004 where one ReLU of a million changes sides."""
_TINY = 1e-30


@dataclass(frozen=True)
class Deviation:
    """How far numbers are from those of float32 as described, each as a share of their length (L2 norm).

    Attributes:
        layer: Of what one layer alone gives, or of its gradients: that of which it is most.
        path: That layer; empty if none could be called alone.
        outputs: Of the logits.
        gradients: Of all gradients together.
        most_outputs: What would be accepted of the logits.
        most_gradients: And of the gradients.
        most_layer: And of a layer.
        rounds_nothing: Whether products that were to be rounded are not, as where the device cannot.
    """

    layer: float
    path: str
    outputs: float
    gradients: float
    most_layer: float
    most_outputs: float
    most_gradients: float
    rounds_nothing: bool = False

    @property
    def problem(self) -> str:
        """Why it is not accepted; empty if it is."""
        told = (
            (f"the layer {self.path}", self.layer, self.most_layer),
            ("the logits", self.outputs, self.most_outputs),
            ("the gradients", self.gradients, self.most_gradients),
        )
        for what, value, most in told:
            if not value <= most:
                return f"off by {value:.2g} of {what}, and {most:.2g} is accepted"
        return ""


@dataclass(frozen=True, eq=False)
class _Given:
    """What a layer was given in the network."""

    path: str
    layer: nn.Module
    images: Tensor


class Checker:
    """Compares executions of ``module`` with float32 as described, on a few images.

    It changes buffers, gradients and the layout of weights, and draws random numbers.

    Args:
        described: Runs the module as described, in float32.
        images: What the network takes.
        targets: Of these.
    """

    def __init__(self, described: Execution, images: Tensor, targets: Tensor) -> None:
        self._described = described
        self._module = described.module
        self._images, self._targets = images, targets
        with quietened(self._module):
            self._given = tuple(self._captured())
            self._logits, self._gradients = self._whole(described)
        self._reactions: dict[str, tuple[float, float]] = {}

    def deviation(self, execution: Execution) -> Deviation:
        """Return how far ``execution`` of the same module is."""
        precision = execution.plan.precision
        with quietened(self._module):
            outputs, gradients = self._off(*self._whole(execution))
            layer, path = max(
                ((self._layer_off(g, execution.plan), g.path) for g in self._given), default=(0.0, "")
            )
            if precision not in self._reactions:
                self._reactions[precision] = self._reaction(_ROUNDING[precision])
        lay_out(self._module, execution.plan)
        rounding = _ROUNDING[precision]
        by_outputs, by_gradients = self._reactions[precision]
        return Deviation(
            layer=layer,
            path=path,
            outputs=outputs,
            gradients=gradients,
            most_layer=_OF_A_LAYER[precision],
            rounds_nothing=precision != "fp32" and max(layer, outputs, gradients) < rounding / 64,
            most_outputs=max(_LEAST["outputs"] * rounding, _OF_THE_WHOLE * by_outputs),
            most_gradients=max(_LEAST["gradients"] * rounding, _OF_THE_WHOLE * by_gradients, _OF_ONE_UNIT),
        )

    def _whole(self, execution: Execution) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the logits, and the gradient of every parameter that has one."""
        plan = execution.plan
        lay_out(self._module, plan)
        if not plan.fused:
            unfuse(self._module)
        for scale in _SCALES.get(plan.precision, ()):
            logits, gradients = self._passed(execution, scale)
            if all(gradient.isfinite().all() for gradient in gradients.values()):
                return logits, gradients
        return self._passed(execution)

    def _passed(self, execution: Execution, scale: float = 1.0) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the logits and the gradients of a pass whose loss is multiplied by ``scale``, a power of two."""
        plan = execution.plan
        self._module.zero_grad(set_to_none=True)
        torch.manual_seed(0)  # what is drawn in a layer is the same each time
        with plan.applied(self._images.device):
            losses = execution.losses(execution.taken(self._images), self._targets, plan.compiled_from or 0)
            (losses.whole * scale).backward()  # type: ignore[no-untyped-call]
        named = self._module.named_parameters()
        gradients = {
            name: p.grad if scale == 1 else p.grad / scale for name, p in named if p.grad is not None
        }
        self._module.zero_grad(set_to_none=True)
        return losses.logits.detach(), gradients

    def _off(self, logits: Tensor, gradients: Mapping[str, Tensor]) -> tuple[float, float]:
        lengths = [_length(gradient) for gradient in self._gradients.values()]
        differences = [_length(gradients[name] - gradient) for name, gradient in self._gradients.items()]
        outputs = _share(_length(logits - self._logits), _length(self._logits))
        return outputs, _share(math.hypot(*differences), math.hypot(*lengths))

    def _reaction(self, rounding: float) -> tuple[float, float]:
        """Return how far outputs and gradients move when weights do, by ``rounding`` of each."""
        weights = [(weight, weight.detach().clone()) for weight in self._module.parameters()]
        try:
            with torch.no_grad():
                for weight, before in weights:
                    if before.is_floating_point():
                        weight.copy_(before * (1 + rounding * torch.randn_like(before)))
            return self._off(*self._whole(self._described))
        finally:
            with torch.no_grad():
                for weight, before in weights:
                    weight.copy_(before)

    def _captured(self) -> Iterator[_Given]:
        """Yield what each layer without others in it is given in a forward pass."""
        found: dict[nn.Module, _Given] = {}

        def note(path: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
            def hook(layer: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
                match given:
                    case (Tensor() as images,) if images.is_floating_point() and not named:
                        found.setdefault(layer, _Given(path, layer, images.detach().clone()))

            return hook

        with torch.no_grad(), _hooked(self._module, note):
            self._described.losses(self._described.taken(self._images), self._targets)
        yield from found.values()

    def _layer_off(self, given: _Given, plan: Plan) -> float:
        """Return how far the layer alone is, of what it gives or of a gradient."""
        device = self._images.device
        images = given.images if plan.half is None else given.images.to(plan.half).float()
        generator = torch.Generator(device).manual_seed(0)
        slopes: list[Tensor] = []

        def called(images: Tensor, plan: Plan) -> list[Tensor]:
            lay_out(given.layer, plan)
            images = laid_out(images, plan).detach().requires_grad_()
            torch.manual_seed(0)
            with plan.applied(device):
                with plan.autocast(device):
                    out = given.layer(images.clone())  # which it may write into
                if not isinstance(out, Tensor) or not out.requires_grad:
                    return []
                if not slopes:
                    slopes.append(torch.randn(out.shape, generator=generator, device=device))
                wanted = [images, *(p for p in given.layer.parameters() if p.requires_grad)]
                # Given the slopes as its own argument, `grad` would load sympy, for 0.5 s.
                gradients = torch.autograd.grad(
                    (out * slopes[0].to(out.dtype)).sum(), wanted, allow_unused=True
                )
            return [out.detach(), *(g for g in gradients if g is not None)]

        expected = called(images, self._described.plan)
        got = called(images if plan.half is None else images.to(plan.half), plan)
        return max(
            (_share(_length(a - b), _length(b)) for a, b in zip(got, expected, strict=True)), default=0.0
        )


@contextmanager
def _hooked(module: nn.Module, hook: Callable[[str], Any]) -> Iterator[None]:
    """Call a hook of its path before every layer that has no others in it, for a while."""
    leaves = [(path, part) for path, part in module.named_modules() if not next(part.children(), None)]
    handles = [part.register_forward_pre_hook(hook(path), with_kwargs=True) for path, part in leaves]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _length(tensor: Tensor) -> float:
    return float(torch.linalg.vector_norm(tensor.float()))


def _share(part: float, whole: float) -> float:
    """Return ``part`` of ``whole``; infinite if it is no number."""
    share = part / max(whole, _TINY)
    return share if share == share else math.inf
