"""How much memory training takes, by arithmetic, and how much there is."""

from __future__ import annotations

import math
import os
from pathlib import Path

import torch

from striate.analyze import Analysis, bytes_text
from striate.data import Source
from striate.train.check.report import Memory
from striate.train.check.subject import Findings, Subject, finding
from striate.train.config import OptimizerConfig, TrainConfig
from striate.train.metrics import EVALUATION_BATCH
from striate.train.prepare import resolve_device

__all__ = ["data_memory", "estimate", "free_memory", "step_memory", "validation_memory"]

_FLOAT = 4
_USED = 0.9  # of what is free: the libraries and what runs beside need some
_GROUPS = (
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),  # of version 2
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Where the kernel tells of a container: the folder, the limit, what is used, and what of that are files it lets go."""


def estimate(
    analysis: Analysis, source: Source | None, train: int, val: int, config: TrainConfig, device: torch.device
) -> Memory:
    """Return what training takes.

    Args:
        analysis: Of the network at the batch size of training.
        source: The data.
        train: How many images it trains on.
        val: How many validate.
        config: For the optimizer.
        device: Whose free memory counts.
    """
    weights = _FLOAT * analysis.totals.params
    kept = _kept(config.optimizer)
    batch = config.batch_size
    per_image = _FLOAT * math.prod(analysis.input) + analysis.totals.activation_bytes // batch
    counts = {"train": train, "val": val}
    held = sum(counts[split] for split in counts if _is_held(source, split, analysis.input))
    data = held * math.prod(analysis.input)
    free = free_memory(device)
    fixed = (2 + kept) * weights + (data if device.type == "cpu" else 0)
    return Memory(
        weights=weights,
        gradients=weights,
        optimizer=kept * weights,
        images=_FLOAT * math.prod(analysis.input) * batch,
        activations=analysis.totals.activation_bytes,
        data=data,
        free=free,
        largest_batch=None if free is None else max(0, int((_USED * free - fixed) // per_image)),
    )


def _kept(optimizer: OptimizerConfig) -> int:
    """Return how many numbers an optimizer keeps for each weight."""
    moving = 1 if optimizer.momentum else 0
    own = {"sgd": moving, "lars": moving, "muon": 1, "adagrad": 1, "rmsprop": 1 + moving}.get(
        optimizer.name, 2
    )
    return own + (1 if optimizer.lookahead else 0)


def _is_held(source: Source | None, split: str, shape: tuple[int, ...]) -> bool:
    """Tell images that training decodes or copies into memory from those that are streamed, or lie just so."""
    if source is None or split in source.layouts:
        return False
    return source.shape != shape or split not in source.in_place


def free_memory(device: torch.device) -> int | None:
    """Return the bytes that are free on ``device``, within the limits of a container; None if it does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    limits = [free for free in (_available(), _container()) if free is not None]
    return min(limits, default=None)


def _available() -> int | None:
    """Return what the system can give without swapping."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        (line,) = (line for line in lines if line.startswith("MemAvailable:"))
        return 1024 * int(line.split()[1])
    except (OSError, ValueError):
        pass
    names = ("SC_PAGE_SIZE", "SC_AVPHYS_PAGES")
    if not hasattr(os, "sysconf") or not set(names) <= set(os.sysconf_names):
        return None
    size, pages = map(os.sysconf, names)
    return size * pages


def _container() -> int | None:
    """Return what the limit of a container leaves, and what it uses for files that were read; None without a limit."""
    for folder, limit, used, files in _GROUPS:
        try:
            most, now, facts = (
                (Path(folder) / name).read_text(encoding="ascii") for name in (limit, used, "memory.stat")
            )
            reclaimable = dict(line.split() for line in facts.splitlines()).get(files, 0)
            return max(0, int(most) - int(now) + int(reclaimable))  # "max" where there is none
        except (OSError, ValueError):
            continue
    return None


def step_memory(subject: Subject) -> Findings:
    """Whether a step of training fits in what is free."""
    memory, batch = subject.memory, subject.config.batch_size
    if memory is None or memory.free is None or memory.largest_batch is None or memory.largest_batch >= batch:
        return
    told = f"A step takes about {bytes_text(memory.step)}, and {bytes_text(memory.free)} are free. "
    fixed = memory.weights + memory.gradients + memory.optimizer
    if memory.largest_batch < 1:
        yield finding(
            "error",
            "memory",
            "not even one image at a time fits in memory",
            f"{told}Weights, gradients and optimizer alone take {bytes_text(fixed)}. Use a smaller network or input, "
            "or a machine with more memory.",
        )
        return
    norms = " A norm over the batch wants 8 or more." if memory.largest_batch < 8 else ""
    yield finding(
        "error",
        "memory",
        f"a batch of {batch} does not fit in memory",
        f"{told}At most {memory.largest_batch:,} images fit: --batch-size {_round(memory.largest_batch)} "
        f"(batch_size={_round(memory.largest_batch)}).{norms}",
    )


def validation_memory(subject: Subject) -> Findings:
    """Whether the first images of val can be measured, where a step of training fits."""
    memory, analysis, batch = subject.memory, subject.analysis, subject.config.batch_size
    if memory is None or memory.free is None or memory.largest_batch is None or analysis is None:
        return
    measured = min(subject.images("val"), EVALUATION_BATCH)
    data = memory.data if resolve_device(subject.config.device).type == "cpu" else 0
    forward = (analysis.totals.forward_bytes - memory.weights) // batch
    needed = memory.weights + memory.gradients + memory.optimizer + data + measured * forward
    if memory.largest_batch < batch or needed <= _USED * memory.free:
        return
    yield finding(
        "warning",
        "memory",
        f"a step fits in memory, the {measured} images that are validated at a time do not",
        f"Validation takes about {bytes_text(needed)}, and {bytes_text(memory.free)} are free: training "
        "would end where it first validates. Use a smaller network or input, or a machine with more memory.",
    )


def data_memory(subject: Subject) -> Findings:
    """Whether the images of train and val fit in memory, where training holds them."""
    memory, shape = subject.memory, subject.shape
    if memory is None or not memory.data or shape is None:
        return
    free = free_memory(torch.device("cpu"))
    if free is None or memory.data < free / 2:
        return
    size = f"{shape[1]}x{shape[2]}"
    yield finding(
        "error" if memory.data > _USED * free else "warning",
        "data-memory",
        f"the images take {bytes_text(memory.data)} in memory, of {bytes_text(free)} that are free",
        f"Training holds train and val decoded. Pack them once, and the file is mapped instead: striate data pack "
        f"{subject.data.source} --size {size} --channels {shape[0]} --out images.pack, then --data images.pack.",
    )


def _round(count: int) -> int:
    """Return the largest power of two that is not above ``count``."""
    return 1 << (count.bit_length() - 1)
