"""The plan that a configuration asks for: what it leaves open is as described, in float32, and not compiled."""

from __future__ import annotations

import os
import shutil

import torch

from striate.errors import ConfigError, bad_argument, listed
from striate.train.config import MOST_THREADS, MemoryFormat, Precision, TrainConfig
from striate.train.plan.plan import Plan, known_precisions

__all__ = ["asked_plan"]

_FEW_MACS = 30e6  # of one forward pass of a batch


def asked_plan(config: TrainConfig, macs: int | None, device: torch.device) -> Plan:
    """Return the plan of a run before anything is measured.

    Args:
        config: What is asked for.
        macs: Of one image; None if that is not known.
        device: Where it runs.

    Raises:
        ConfigError: if the device does not have what is asked for.
    """
    wanted = config.execution
    if wanted.compile == "on":
        _check_compiler(device)
    precision: Precision = "fp32" if wanted.precision == "auto" else wanted.precision
    if precision not in known_precisions(device):
        has = f"{listed(known_precisions(device))} on {device}"
        raise ConfigError(bad_argument("precision", precision, has))
    if wanted.memory_format != "auto":
        memory_format: MemoryFormat = wanted.memory_format
    else:
        memory_format = "contiguous" if precision == "fp32" else "channels_last"
    micro_batch = wanted.micro_batch
    return Plan(
        precision=precision,
        memory_format=memory_format,
        threads=wanted.threads or _threads(macs, config.batch_size),
        compiled_from=0 if wanted.compile == "on" else None,
        micro_batch=None if micro_batch is None or micro_batch >= config.batch_size else micro_batch,
    )


def _check_compiler(device: torch.device) -> None:
    """Raise `ConfigError` unless what torch.compile needs is there."""
    names = [os.environ.get("CXX", "g++"), "g++", "clang++", "cl"]
    if device.type == "cpu" and not any(map(shutil.which, names)):
        raise ConfigError(
            "compile='on': needs a C++ compiler on a CPU, and there is none here; install g++, or leave it out."
        )


def most_threads() -> int:
    """Return as many threads as torch has, and a plan may."""
    return min(torch.get_num_threads(), MOST_THREADS)


def _threads(macs: int | None, batch_size: int) -> int:
    """Return one thread for a step of little arithmetic, else as many as torch has.

    A second thread saves 13 % of a step of LeNet-5 at batch 64 (27 million MACs) and half at batch 128, on
    two free cores; but where another process wants them too, 288 steps at batch 32 took 3.2 s on one thread
    and 18 s on two, which wait for each other.
    """
    if macs is not None and macs * batch_size < _FEW_MACS:
        return 1
    return most_threads()
