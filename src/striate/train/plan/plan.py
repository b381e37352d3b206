"""`Plan`: how the steps of a run are computed, as a frozen value that its run folder keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

import torch

from striate.train.config import MOST_THREADS, MemoryFormat, Precision

__all__ = ["Plan", "allowed_precisions", "known_precisions"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a step is computed. Beyond rounding, no choice changes what is learned.

    Attributes:
        precision: Of products: see `striate.train.config.Precision`.
        memory_format: How images, and the windows of 2-d convolutions, lie in memory.
        threads: Of torch, on the CPU.
        fused: On how many threads small layers are computed together, see `striate.nn.fused`; 0 means that none are.
        ahead: Whether the next batches are made ready on a thread beside.
        compiled_from: The step, from 0, from which on the module runs compiled; None means never.
        micro_batch: Images computed at a time, whose gradients are added up; None means the whole batch.
    """

    precision: Precision = "fp32"
    memory_format: MemoryFormat = "contiguous"
    threads: int = 1
    fused: int = 0
    ahead: bool = False
    compiled_from: int | None = None
    micro_batch: int | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name in _VALUES:
                good = type(value) is type(_VALUES[name][0]) and value in _VALUES[name]
            else:
                missing = value is None and name in ("compiled_from", "micro_batch")
                within = type(value) is int and _LEAST[name] <= value <= _MOST.get(name, value)
                good = missing or within
            if not good:
                raise ValueError(f"plan: {name}={value!r:.80}")

    def to_data(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Plan:
        """Read what `to_data` gave.

        Raises:
            ValueError: if it is no plan.
        """
        names = [field.name for field in fields(cls)]
        if not isinstance(data, Mapping) or not set(data) <= set(names):
            raise ValueError(f"plan: {data!r:.80} is none; a plan has {', '.join(names)}")
        return cls(**data)

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        parts = [self.precision, self.memory_format.replace("_", " "), threads]
        if self.fused:
            parts.append(f"fused layers on {self.fused}")
        if self.ahead:
            parts.append("batches ahead")
        if self.compiled_from is not None:
            parts.append(
                f"compiled from step {self.compiled_from + 1:,}" if self.compiled_from else "compiled"
            )
        if self.micro_batch is not None:
            parts.append(f"{self.micro_batch:,} images at a time")
        return ", ".join(parts)

    @contextmanager
    def applied(self, device: torch.device) -> Iterator[None]:
        """Have torch use the plan's threads, and its precision of float32 products on ``device``, for a while."""
        wanted = _PRODUCTS.get(self.precision, "ieee")
        with ExitStack() as before:
            if device.type == "cuda":  # the one that is seeded, and that code is compiled for
                before.enter_context(torch.cuda.device(device))
            before.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(self.threads)
            for backend in _backends(device):
                before.callback(setattr, backend, "fp32_precision", backend.fp32_precision)
                backend.fp32_precision = wanted
            yield

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """Return what the network is to be called within."""
        return nullcontext() if self.half is None else torch.autocast(device.type, self.half)

    @property
    def half(self) -> torch.dtype | None:
        """In which layers hand on what they compute; None means float32."""
        return _HALVES.get(self.precision)


_VALUES: Mapping[str, tuple[Any, ...]] = {
    "precision": get_args(Precision),
    "memory_format": get_args(MemoryFormat),
    "ahead": (True, False),
}
_LEAST = {"threads": 1, "fused": 0, "compiled_from": 0, "micro_batch": 1}
_MOST = {"threads": MOST_THREADS, "fused": MOST_THREADS}  # a run's folder may be another's
_PRODUCTS = {"tf32": "tf32", "bf16-math": "bf16"}
_HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def _backends(device: torch.device) -> tuple[Any, ...]:
    """Return what computes convolutions and products on ``device``, each with its precision of float32."""
    if device.type == "cuda":
        cudnn: Any = torch.backends.cudnn
        return cudnn.conv, cudnn.rnn, torch.backends.cuda.matmul
    if device.type == "cpu":
        onednn: Any = torch.backends.mkldnn
        return onednn.conv, onednn.matmul, onednn.rnn
    return ()


def allowed_precisions(device: torch.device) -> tuple[Precision, ...]:
    """Return the precisions that are worth a try on ``device``, float32 first."""
    if device.type == "cuda":
        new = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("fp32", "tf32", "bf16") if new else ("fp32", "fp16")
    if device.type == "cpu":
        return ("fp32", "bf16-math", "bf16")
    return ("fp32", "bf16")


def known_precisions(device: torch.device) -> tuple[Precision, ...]:
    """Return the precisions that ``device`` can be asked for: those worth a try, and float16 with a scaled loss."""
    worth = allowed_precisions(device)
    return worth if "fp16" in worth or device.type not in ("cpu", "cuda") else (*worth, "fp16")
