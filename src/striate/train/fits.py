"""Whether a network, its data and this machine fit each other: checked before anything is written."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from striate.analyze import Analysis, analyze, bytes_text
from striate.errors import ConfigError, DataError, bad_argument
from striate.spec import AuxHead, Network

__all__ = ["check_module", "check_network"]


def check_network(
    network: Network,
    class_names: Sequence[str],
    batch_size: int,
    device: torch.device,
    micro_batch: int | None = None,
) -> None:
    """Check that ``network`` gives logits of as many classes, in its heads too, and that a batch fits in memory.

    With a ``micro_batch`` it is computed in parts of so many images at most.

    Raises:
        ShapeError: if the network's input cannot pass through it.
        DataError, ConfigError: naming the layer, what it gives and what is needed.
    """
    classes = len(class_names)
    if classes < 2:
        held = f"1 class, {class_names[0]!r}" if class_names else "no classes"
        raise DataError(f"the data has {held}; a classifier needs two or more.")
    parts = math.ceil(batch_size / (micro_batch or batch_size))
    analysis = analyze(network, batch_size=math.ceil(batch_size / parts))
    _check_outputs(network, analysis, classes)
    _check_heads(network, analysis, classes)
    _check_norms(analysis, batch_size, micro_batch)
    if device.type == "cpu":
        _check_memory(analysis)


def check_module(module: nn.Module, shape: tuple[int, int, int], classes: int, least: int) -> None:
    """Check that a module of the user's own gives logits of ``classes``, also to the ``least`` images at a time.

    Its state is not changed.

    Raises:
        ConfigError: with what the module raised or gave, and what it must give.
    """
    for name, value in module.state_dict().items():
        if not isinstance(value, Tensor):
            raise ConfigError(
                f"the state of the module holds {name}, a {type(value).__name__}, and checkpoints hold tensors alone; "
                "make it a buffer, or leave it out of get_extra_state."
            )
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    training = module.training
    before = {name: value.clone() for name, value in module.named_buffers()}
    try:
        for mode, count in ((False, 2), (True, min(least, 2))):
            with torch.no_grad():
                output = module.train(mode)(torch.zeros(count, *shape, device=device))
            _check_logits(output, (count, classes), "in training" if mode else "in evaluation")
    except ConfigError:
        raise
    except Exception as error:  # the user's own code may raise anything
        first = (str(error).splitlines() or [""])[0].rstrip(".")
        raise ConfigError(
            f"the module cannot take {count} images of shape {shape}: {type(error).__name__}: {first}."
        ) from error
    finally:
        module.train(training)
        with torch.no_grad():
            for name, value in module.named_buffers():
                value.copy_(before[name])


def _check_logits(output: object, wanted: tuple[int, int], when: str) -> None:
    if not isinstance(output, Tensor):
        raise ConfigError(
            f"the module gives a {type(output).__name__} {when}; it must give one tensor of logits (N, {wanted[1]})."
        )
    if tuple(output.shape) != wanted:
        raise ConfigError(
            f"the module gives an output of shape {tuple(output.shape[1:])} per image {when}, and the data has "
            f"{wanted[1]} classes; it must give ({wanted[1]},)."
        )


def _check_outputs(network: Network, analysis: Analysis, classes: int) -> None:
    layers = [layer for _, layer in network.walk()]
    if layers[-1].kind == "Softmax":
        raise ConfigError(
            f"{network.name!r} ends with Softmax, and the training loss takes its input as logits; "
            "remove the last layer (predictions are probabilities all the same)."
        )
    if analysis.output != (classes,):
        fix = (
            f"give its last layer {classes} outputs, or use network.with_num_classes({classes})"
            if len(analysis.output) == 1
            else f"end it with Flatten() or GlobalAvgPool() and Linear({classes})"
        )
        raise ConfigError(
            f"{network.name!r} gives an output of shape {analysis.output}, and the data has {classes} classes; {fix}."
        )


def _check_heads(network: Network, analysis: Analysis, classes: int) -> None:
    heads = [part.path for top in network.placed for part in top.walk() if isinstance(part.node, AuxHead)]
    for path in heads:
        last = [row for row in analysis.layers if row.path.startswith(f"{path}.")][-1]
        if last.output_shape != (classes,):
            raise ConfigError(
                f"{path} (AuxHead) gives an output of shape {last.output_shape}, and the data has {classes} "
                f"classes; end its body with Linear({classes})."
            )


def _check_norms(analysis: Analysis, batch_size: int, micro_batch: int | None) -> None:
    """Check that the smallest part of a batch has a variance."""
    least = batch_size // math.ceil(batch_size / (micro_batch or batch_size))
    for row in analysis.layers:
        if row.kind == "BatchNorm" and least * math.prod(row.input_shape[1:]) == 1:
            fix = f"{row.path} (BatchNorm) has one value per channel of one image, and no variance to divide by."
            if batch_size == 1 or micro_batch is None:
                raise ConfigError(bad_argument("batch_size", 1, "2 or more for this network", fix))
            allowed = f"such that no part of {batch_size:,} images is one image alone, for this network"
            raise ConfigError(bad_argument("micro_batch", micro_batch, allowed, fix))


def _check_memory(analysis: Analysis) -> None:
    needed = analysis.totals.training_bytes
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else math.inf
    fixed = 3 * 4 * analysis.totals.params  # in float32: weights, their gradients, one momentum each
    least = fixed + (needed - fixed) // analysis.batch_size
    if least > there:
        raise ConfigError(
            f"this network takes at least {bytes_text(least)} to train, with one image at a time, and this machine has "
            f"{bytes_text(int(there))}. Use a smaller network or a smaller input."
        )
    if needed > there:
        fix = f"Training takes at least {bytes_text(needed)}, and this machine has {bytes_text(int(there))}."
        raise ConfigError(bad_argument("batch_size", analysis.batch_size, "less for this network", fix))
