"""`propagate`: one pass forward and one back through a network of fresh weights, every layer watched. Judges nothing.

N images. Back goes a gradient of N(0, 1) at every output, so that no loss has a part in what is seen.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from striate.analyze import analyze
from striate.data import Batches, Source, open_source
from striate.errors import ConfigError, DataError, bad_argument
from striate.nn import INITS, build, layers, unit_variance
from striate.nn.init import NORMS, WEIGHTED, batch_statistics, find_init
from striate.spec import Network
from striate.train.check.propagation import Place, Point, Propagation, Trace
from striate.train.check.sample import draw
from striate.train.config import TrainConfig
from striate.train.prepare import prepare
from striate.train.recipes import find_with_recipe

__all__ = ["propagate"]

_MOST = 2**27  # values of all layers for a batch: half a gigabyte forward, as much back

_PLACES: dict[Place, tuple[type[nn.Module], ...]] = {
    "weights": WEIGHTED,
    "norm": NORMS,
    "sum": (layers.Residual,),
}


def propagate(
    network: Network | nn.Module | str,
    inits: Sequence[str] = ("default",),
    data: str | Path | Source | None = None,
    config: TrainConfig | None = None,
) -> Propagation:
    """Follow the variance of activations and gradients through a network, before the first step.

    Norms take the statistics of the batch, as in training; nothing is dropped. What is given is as before afterwards.

    Args:
        network: A description, the name of one, or a module of your own, which is followed with the weights it has.
        inits: Names of `striate.nn.INITS`; each gives a trace.
        data: Where images come from, preprocessed as in training; without, each pixel is drawn from N(0, 1).
        config: Says batch size, preprocessing and seed.

    Raises:
        ConfigError: if there is no such initialization, or the network takes no such input.
        DescriptionError, DataError, ShapeError: as training would.
    """
    config = config or TrainConfig()
    if isinstance(inits, str) or not inits:
        raise ConfigError(
            bad_argument("inits", inits, "names of initializations, such as ['he-normal', 'default']")
        )
    for init in inits:
        find_init(init)
    if isinstance(network, nn.Module) and list(inits) != ["default"]:
        raise ConfigError(
            "inits: a module of your own is followed with the weights it has; leave inits as it is."
        )
    if isinstance(network, nn.Module) and data is None:
        raise ConfigError(
            "data=None: a module does not say which images it takes; name a source, such as 'digits'."
        )
    source = None if data is None else data if isinstance(data, Source) else open_source(data)
    if isinstance(network, str):
        num_classes = None if source is None else len(source.class_names)
        network = find_with_recipe(network, config.recipe, num_classes)
    images = _noise(network, config) if source is None else _images(network, source, config)
    traces = []
    for init in inits:
        module = (
            copy.deepcopy(network) if isinstance(network, nn.Module) else build(network, config.seed, init)
        )
        if INITS[init].needs_images:
            unit_variance(module, images)
        traces.append(Trace(init=init, points=_followed(module, images, config.seed)))
    return Propagation(
        network=network.name if isinstance(network, Network) else type(network).__name__,
        data="N(0, 1)" if source is None else source.name,
        images=len(images),
        traces=tuple(traces),
    )


def _count(network: Network | nn.Module, config: TrainConfig) -> int:
    """Return how many images go in at once: a batch, if there is memory for it, and two at least, for the norms."""
    if not isinstance(network, Network):
        return config.batch_size
    each = sum(math.prod(row.output_shape) for row in analyze(network).layers)
    return max(2, min(config.batch_size, _MOST // each))


def _noise(network: Network | nn.Module, config: TrainConfig) -> Tensor:
    assert isinstance(network, Network)
    if next(layer.kind for _, layer in network.walk()) in ("Embedding", "OneHot"):
        raise ConfigError(
            f"{network.name!r} takes codes, not numbers; only networks of images or signals are followed."
        )
    generator = torch.Generator().manual_seed(config.seed)
    return torch.randn(_count(network, config), *network.input, generator=generator)


def _images(network: Network | nn.Module, source: Source, config: TrainConfig) -> Tensor:
    """Return the first batch of training, or the part of it for which there is memory, ``(N, C, H, W)``."""
    shape = network.input if isinstance(network, Network) else source.shape
    if shape is None or len(shape) != 3:
        raise DataError(f"{source.name}: its images do not fit a network whose input is {shape}.")
    sample = draw(source, (shape[0], shape[1], shape[2]), config.batch_size, config.seed)
    plain = replace(config, init="default", device="cpu")  # another would be made just to be thrown away
    prepared = prepare(copy.deepcopy(network), sample.source, plain)
    batch = Batches(prepared.train, config.batch_size, config.seed)[0]
    return prepared.inputs(batch)[0][: _count(network, config)]


def _followed(module: nn.Module, images: Tensor, seed: int) -> tuple[Point, ...]:
    generator = torch.Generator().manual_seed(seed)
    with _watching(module) as seen, batch_statistics(module):
        output = module(images.clone().requires_grad_())
        output.backward(torch.randn(output.shape, generator=generator))
    if not any(point.place == "weights" for point in seen.values()):
        raise ConfigError("the network has no layer with weights to follow; add a Conv or Linear layer.")
    return tuple(seen.values())


@contextmanager
def _watching(module: nn.Module) -> Iterator[dict[str, Point]]:
    """Note what every layer gives and what gradient reaches it; of one that runs several times, the first."""
    seen: dict[str, Point] = {}

    def watch(path: str, place: Place) -> Callable[..., None]:
        def forward(part: nn.Module, inputs: Any, output: Tensor) -> None:
            if path in seen:
                return
            values = output.detach().double()
            seen[path] = Point(
                path=path,
                kind=type(part).__name__,
                place=place,
                activation=values.var(correction=0).item(),
                gradient=None,
                values=values[0].numel(),
            )
            output.register_hook(backward)  # type: ignore[no-untyped-call]

        def backward(gradient: Tensor) -> None:
            seen[path] = replace(seen[path], gradient=gradient.double().square().mean().item())

        return forward

    handles = [
        part.register_forward_hook(watch(path, place))
        for path, part in module.named_modules()
        for place, kinds in _PLACES.items()
        if isinstance(part, kinds)
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
