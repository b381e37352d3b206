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
from striate.train.config import TrainConfig

__all__ = ["data_memory", "estimate", "free_memory", "step_memory"]

_FLOAT = 4
_USED = 0.9  # of what is free: the libraries and what runs beside need some


def estimate(
    analysis: Analysis, source: Source | None, images: int, config: TrainConfig, device: torch.device
) -> Memory:
    """Return what training takes.

    Args:
        analysis: Of the network at the batch size of training.
        source: The data.
        images: How many train and val have together.
        config: For the optimizer.
        device: Whose free memory counts.
    """
    weights = _FLOAT * analysis.totals.params
    kept = {"adamw": 2, "sgd": 1 if config.momentum else 0}[config.optimizer]
    batch = config.batch_size
    per_image = _FLOAT * math.prod(analysis.input) + analysis.totals.activation_bytes // batch
    data = 0 if _stays_on_disk(source, analysis.input) else images * math.prod(analysis.input)
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


def _stays_on_disk(source: Source | None, shape: tuple[int, ...]) -> bool:
    """Tell images that are streamed, or stored just so, from those that training holds decoded."""
    if source is None or "train" in source.layouts:
        return True
    stored = source.array("train")
    return stored is not None and stored.shape[1:] == shape


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
    """Return what the limit of a container leaves; None without one."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))  # "max" where there is none
        return max(0, limit - int((group / "memory.current").read_text(encoding="ascii")))
    except (OSError, ValueError):
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
