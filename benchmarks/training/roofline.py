"""What a GPU can do at most, measured, and the least time that a training step then takes."""

import math
import statistics

import torch
from timing import interleaved

from striate.analyze import Row, analyze
from striate.spec import Network

__all__ = ["least_seconds", "measured_bandwidth", "measured_peak"]

SIDE = 8192
BYTES = 2**30
ROUNDS = 7
HALF = 2  # bytes of a number in bfloat16


def measured_peak() -> float:
    """Return the most FLOP/s of a bfloat16 product of large matrices."""
    a, b = (torch.randn(SIDE, SIDE, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    out = torch.empty_like(a)

    def product() -> None:
        torch.matmul(a, b, out=out)
        torch.cuda.synchronize()

    return 2 * SIDE**3 / statistics.median(interleaved({"product": product}, ROUNDS)["product"])


def measured_bandwidth() -> float:
    """Return the most bytes/s between the GPU and its memory, read and written."""
    source = torch.empty(BYTES, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)
        torch.cuda.synchronize()

    return 2 * BYTES / statistics.median(interleaved({"copy": copy}, ROUNDS)["copy"])


def least_seconds(network: Network, batch: int, peak: float, bandwidth: float) -> float:
    """Return the least time of a step in bfloat16, if all layers but convolutions and products cost nothing.

    Each of those reads or writes its input and its output in three passes (forward, backward to the input, backward to
    the weights), and its weights as often; each pass does its MACs once. It takes the longer of arithmetic and memory.

    Args:
        network: What is trained.
        batch: Images in the step.
        peak: FLOP/s.
        bandwidth: Bytes/s.
    """

    def least(row: Row) -> float:
        numbers = batch * (math.prod(row.input_shape) + math.prod(row.output_shape)) + row.params
        return max(3 * 2 * row.macs * batch / peak, 3 * HALF * numbers / bandwidth)

    return sum(least(row) for row in analyze(network).layers if row.macs)
