"""The choice of a plan: a few are tried on the first batch, and the fastest that computes the same is taken.

What was measured is kept in the cache, by network, shapes, machine and versions, so that a second run decides at once
and alike.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from striate.analyze import analyze
from striate.data import ArraySource, Batches, Source
from striate.data.remembering import remember, remembered
from striate.errors import ConfigError, TrainingError, bad_argument
from striate.nn.fused import pending
from striate.spec import Network
from striate.train.config import TrainConfig
from striate.train.plan.comparing import fastest
from striate.train.plan.memory import kept_memory
from striate.train.plan.searching import Known, enough, search
from striate.train.plan.table import PlanTable
from striate.train.prepare import Prepared, prepare

__all__ = ["measure_plans", "planned", "tried"]

_COMPILING = "fused layers are still being compiled, once on this machine; runs after this one are faster"


def planned(prepared: Prepared) -> Prepared:
    """Return ``prepared`` with the fastest plan for its run, if one is to be looked for.

    Trying takes about 3 % of what the run will take, and 10 s at most; beside it, the code of fused layers is loaded,
    and compiled once on a machine. What torch compiles is not tried, as that takes a minute: it is used where
    `measure_plans` found it to be faster, by more than it takes.
    """
    config = prepared.record.training
    if config.execution.plan == "plain" or prepared.device.type not in ("cpu", "cuda"):
        return prepared
    steps = Batches(prepared.train, config.batch_size, config.seed, config.loss.sampling).steps(config.epochs)
    chosen = tried(prepared, steps).chosen  # by all at once, who share the machine as they will in training
    plan = replace(prepared.peers.agreed(lambda: chosen), micro_batch=prepared.plan.micro_batch)
    notes = (*prepared.notes, _COMPILING) if pending() else prepared.notes
    return replace(prepared, record=replace(prepared.record, plan=plan), notes=notes)


def measure_plans(
    network: Network, data: str | Path | Source | None = None, config: TrainConfig | None = None
) -> PlanTable:
    """Try every plan that ``config`` allows for ``network``, without an end, and return what each takes.

    Args:
        network: What would be trained.
        data: On what; None means noise.
        config: Every other choice, such as the batch size.

    Raises:
        ConfigError, DataError, ShapeError: as `striate.train.train`.
        TrainingError: if a batch cannot be computed as described.
    """
    config = config or TrainConfig()
    if config.execution.plan == "plain":
        raise ConfigError(bad_argument("plan", "plain", "'auto', as plain measures nothing", "Leave it out."))
    prepared = prepare(network, _noise(network) if data is None else data, config)
    with torch.random.fork_rng(devices=[prepared.device] if prepared.device.type == "cuda" else []):
        table = tried(prepared)
    if table.rows[0].seconds is None:
        fix = "Try fewer at a time: --batch-size, --micro-batch (batch_size=…, micro_batch=…)."
        problem = f"a batch of {config.batch_size:,} cannot be computed: {table.rows[0].failure}"
        raise TrainingError(f"{prepared.name}: {problem}. {fix}")
    return table


def _noise(network: Network) -> Source:
    """Return images of noise, some of each class."""
    classes = analyze(network).output[-1]
    targets = np.arange(max(classes, 64))
    targets %= classes
    images = np.random.default_rng(0).integers(0, 256, (len(targets), *network.input), np.uint8)
    names = tuple(f"class {i}" for i in range(classes))
    return ArraySource("noise", {"train": images, "val": images}, {"train": targets, "val": targets}, names)


def tried(prepared: Prepared, steps: int | None = None) -> PlanTable:
    """Return plans with their times, as measured now, or before if that was as long.

    Args:
        prepared: What is to be trained.
        steps: Of the run, which bound what may be spent; None means that all is to be tried, and anew.
    """
    key = _key(prepared)
    known = remembered(key, Known) or Known(rows=(), budget=0.0, sought=("auto", "auto"))
    if steps is None or not enough(known, prepared, steps):
        with kept_memory():
            known = search(prepared, steps, known.rows)
        remember(key, known)
    return PlanTable(
        network=prepared.name,
        batch_size=prepared.record.training.batch_size,
        device=str(prepared.device),
        rows=known.rows,
        chosen=fastest(known.rows, prepared, steps),
    )


def _key(prepared: Prepared) -> list[Any]:
    """Return everything that what is measured depends on."""
    record = prepared.record
    network, wanted = record.network, record.training.execution
    shapes = [[name, list(p.shape), p.requires_grad] for name, p in prepared.module.named_parameters()]
    return [
        "plan",
        6,  # to be counted up where what is measured, or how, is another
        network.digest if network else [repr(prepared.module), shapes],
        list(record.preprocess.shape),
        record.training.batch_size,
        prepared.peers.world.size,
        len(record.class_names),
        [wanted.micro_batch, wanted.threads],
        _machine(prepared.device),
        record.versions,
        version("numba"),
    ]


def _machine(device: torch.device) -> list[Any]:
    if device.type == "cuda":
        return ["cuda", torch.cuda.get_device_name(device), torch.version.cuda]
    return ["cpu", _processor(), torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
