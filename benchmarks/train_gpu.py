"""How fast Striate trains on a GPU, against eager PyTorch, the same in bfloat16, and compiled.

    STRIATE_DATA=../shared/data python benchmarks/train_gpu.py

As `train_cpu`: each in a process of its own, which takes turns with the others; images lie on the GPU. torch.compile is
told max-autotune, which takes minutes. The share of the roofline is the least time that a step can take, by what the
same card was measured to do (see `training.roofline`), over the time that it takes. Fails if Striate is slower than
PyTorch tuned by hand. Without a GPU it says so and is done.
"""

import statistics
import sys

import torch
from timing import machine
from training.measuring import judge, measure
from training.networks import describe
from training.roofline import least_seconds, measured_bandwidth, measured_peak
from training.workloads import GPU, HALF, HALF_COMPILED, MEMORY, PARITY, WORKLOADS

import striate


def main() -> None:
    """Measure, print, and fail if a bound is missed."""
    if not torch.cuda.is_available():
        print("no GPU: how fast Striate trains on one was not measured")
        return
    print(machine(torch=torch.__version__, striate=striate.__version__), torch.cuda.get_device_name())
    peak, bandwidth = measured_peak(), measured_bandwidth()
    torch.cuda.empty_cache()
    print(f"measured: {peak / 1e12:,.0f} TFLOP/s in bfloat16, {bandwidth / 1e12:.2f} TB/s")
    good = True
    for key in GPU:
        work = WORKLOADS[key]
        times = measure(key, (MEMORY, HALF, HALF_COMPILED), "--device=cuda")
        least = least_seconds(describe(work.network, work.shape), work.batch, peak, bandwidth)
        for name, values in times.items():
            share = least / (statistics.median(values) * work.batch)
            print(f"  {name:<32} {share:6.1%} of the roofline")
        good &= judge(times, (((HALF, HALF_COMPILED), PARITY),))
    sys.exit(not good)


if __name__ == "__main__":
    main()
