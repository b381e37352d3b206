"""`check_network`: network and data looked at together, one step measured, and each check's judgment of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from torch import nn

from striate.data import Source
from striate.data.check import check
from striate.data.check.report import in_order
from striate.errors import ConfigError, bad_argument
from striate.spec import Network
from striate.train.check import amounts, fitting, memory, pace, places, redundant, signals, sizing
from striate.train.check.looking import look, opened
from striate.train.check.report import Figures, NetworkReport
from striate.train.check.subject import Findings, Subject
from striate.train.config import TrainConfig
from striate.train.prepare import resolve_device
from striate.train.recipes import find_with_recipe

__all__ = ["CHECKS", "check_network"]

CHECKS: Mapping[str, Callable[[Subject], Findings]] = MappingProxyType(
    {
        "data that training refuses": fitting.opening,
        "a network that training refuses": fitting.refusals,
        "a step that fails": fitting.step_fails,
        "memory for a step": memory.step_memory,
        "memory for validation": memory.validation_memory,
        "memory for the images": memory.data_memory,
        "a first step of no numbers": signals.not_finite,
        "one answer for all": signals.constant_output,
        "dead units": signals.dead_units,
        "parameters without gradient": signals.untrained,
        "the loss at the start": signals.first_loss,
        "gradients": signals.gradients,
        "values": signals.values,
        "saturated units": signals.saturated_units,
        "what stands behind the logits": redundant.last_activation,
        "linear layers in a row": redundant.linear_after_linear,
        "activations in a row": redundant.activations_twice,
        "norms in a row": redundant.norms_twice,
        "pooling undone": redundant.undone_pooling,
        "strides beyond kernels": redundant.skipped_positions,
        "narrow places": places.too_narrow,
        "receptive field": places.receptive_field,
        "unseen pixels": places.unseen_pixels,
        "weights that meet padding": places.padding_weights,
        "channels": sizing.channels,
        "images smaller than the input": sizing.enlarged,
        "images far larger than the input": sizing.shrunk,
        "proportions": sizing.stretched,
        "room for crops": sizing.crop_without_room,
        "weights against images": amounts.weights_against_images,
        "one heavy layer": amounts.heavy_layer,
        "batch against set": amounts.batch_against_set,
        "number of steps": amounts.steps_in_all,
        "norms over small batches": amounts.small_batch_norm,
        "time": pace.slow_training,
        "time to decode": pace.slow_decoding,
        "biases before norms": redundant.biases_before_norms,
        "dropout before norms": redundant.dropout_before_norms,
        "layers that do nothing": redundant.idle_layers,
        "class shares": signals.class_shares,
    }
)
"""Every check: what it looks for, and the function from a network on its data to what it finds."""


def check_network(
    network: Network | nn.Module | str, data: str | Path | Source, config: TrainConfig | None = None
) -> NetworkReport:
    """Say what will go wrong when ``network`` is trained on ``data``, before the first step.

    Every image is looked at once, the description is gone through, and a few steps are done with weights that are
    thrown away. A module of your own, the random state of the CPU and of CUDA, and the threads of torch are as before
    afterwards; the random state of MPS is not.

    Args:
        network: A description, a module of your own, or the name of a zoo network, which gets as many outputs as the
            data has classes, a file, or ``module:function``.
        data: ``digits``, a folder, ``kind:location``, or a `Source`. A folder that training refuses is checked too.
        config: The training that is meant.

    Raises:
        DescriptionError: if there is no such network.
        DataError: if there is no such source, or nothing in it to look at.
        ConfigError: if there is no such device here.
    """
    config = config or TrainConfig()
    device = resolve_device(config.device)
    if isinstance(network, str):
        find_with_recipe(network, config.recipe)  # an unknown name is told before all images are looked at
    elif not isinstance(network, Network | nn.Module):
        raise ConfigError(bad_argument("network", network, "a Network, a torch.nn.Module or a name"))
    source = opened(data)
    report = check(source if isinstance(source, Source) else data)
    if isinstance(network, str):
        network = find_with_recipe(network, config.recipe, len(report.class_names))
    subject = look(network, source, report, config, device)
    found = [finding for judge in CHECKS.values() for finding in judge(subject)]
    return NetworkReport(
        network=subject.name,
        device=str(device),
        findings=in_order([*found, *report.findings]),
        figures=_figures(subject),
        data=report,
        remarks=(*subject.remarks, *report.remarks),
    )


def _figures(subject: Subject) -> Figures:
    analysis, config = subject.analysis, subject.config
    train = subject.images("train")
    last = places.last_map(subject)
    field = None if last is None else tuple(math.floor(axis.size) for axis in last.receptive_field)
    return Figures(
        parameters=subject.parameters,
        macs=None if analysis is None else analysis.totals.macs,
        input=subject.shape,
        output=None if analysis is None else analysis.output,
        classes=subject.classes,
        train_images=train,
        val_images=subject.images("val"),
        batch_size=config.batch_size,
        epochs=config.epochs,
        steps_per_epoch=math.ceil(train / config.batch_size),
        receptive_field=None if field is None else (field[0], field[1]),
        receptive_field_at=None if last is None else last.path,
        memory=subject.memory,
        loss=subject.loss,
        time=subject.time,
        signals=subject.trial.signals if subject.trial else (),
    )
