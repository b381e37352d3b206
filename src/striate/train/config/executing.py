"""How a step is computed. Beyond rounding, none of it changes what is learned."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from striate.train.config.base import Count, option, part

__all__ = ["MOST_THREADS", "ExecutionConfig", "MemoryFormat", "Precision"]

MOST_THREADS = 1024

Precision = Literal["fp32", "tf32", "bf16-math", "bf16", "fp16"]
"""In which products are computed. Weights, sums and what is kept are float32 in all of them.

``tf32`` and ``bf16-math`` round the factors of convolutions and matrix products to 10 and 7 bits, ``bf16`` also what
layers hand on (autocast). ``fp16`` does so to 10 bits, and scales the loss, as float16 has no gradients below 6e-8.
"""
MemoryFormat = Literal["contiguous", "channels_last"]
Threads = Annotated[int, Field(ge=1, le=MOST_THREADS)]


def _switch(value: Any) -> Any:
    """Read what YAML makes of ``on`` and ``off``."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


@part
class ExecutionConfig:
    """How a step is computed: see `striate.train.plan`."""

    plan: Literal["auto", "plain"] = option(
        "auto", "auto measures what is fastest here; plain tries nothing, fp32 by default."
    )
    precision: Literal["auto", "fp32", "tf32", "bf16-math", "bf16", "fp16"] = option(
        "auto", "Of products: fp32, tf32, bf16-math, bf16, or fp16; weights stay in float32."
    )
    memory_format: Literal["auto", "contiguous", "channels_last"] = option(
        "auto", "How images lie in memory: contiguous (NCHW), channels_last (NHWC)."
    )
    compile: Annotated[Literal["auto", "on", "off"], BeforeValidator(_switch)] = option(
        "auto", "torch.compile: auto where the steps left repay what it takes."
    )
    micro_batch: Count | None = option(
        None, "Images computed at a time, if a whole batch needs too much memory."
    )
    sync_batchnorm: bool = option(False, "BatchNorm takes the statistics of all processes' images together.")
    threads: Threads | None = option(None, "Threads of a step on the CPU; none means as measured.")
