"""LocallyConnected and TiledConv against a loop over positions, and against what the machine allows.

    python benchmarks/local_layers.py

Two loops, both of one `F.linear` per position. The plain one indexes the weights, ``weight[i, j]``, as one would write
it; its backward pass then makes a tensor as large as all the weights at every position. The careful one takes the
weights apart once. The bounds of LocallyConnected: forward it must read all its weights (timed as their sum), and in a
training step read them twice and write as many gradients into fresh memory (timed as two sums and a filled tensor).
TiledConv has hardly any weights to read; it is held against the convolution of the same shape, which does the same
arithmetic. Jobs take turns in one process. Fails if a layer misses its bound.
"""

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from timing import Times, interleaved, machine, ratio
from torch import Tensor, nn
from torch.nn import functional as F

import striate
from striate.nn import build
from striate.spec import Conv, LocallyConnected, Network, TiledConv

MIN_SPEEDUP = 20.0
MAX_OF_BOUND = 3.0
ROUNDS = 7
BATCHES = (1, 8, 32)
MOST_INDEXED = (
    50e6  # bytes of weights: beyond, the plain loop takes 20 s a step and is timed for one image alone
)


@dataclass(frozen=True)
class Setting:
    """Channels and side of the image, maps and side of the kernel, tiles on each axis where there are any."""

    channels: int
    side: int
    maps: int
    kernel: int
    tiles: int = 0

    def __str__(self) -> str:
        tiles = f", {self.tiles}×{self.tiles} tiles" if self.tiles else ""
        return f"{self.channels}→{self.maps}, {self.side}×{self.side}, {self.kernel}×{self.kernel}{tiles}"

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one image."""
        return (self.channels, self.side, self.side)

    @property
    def positions(self) -> list[tuple[int, int]]:
        """The output positions, row by row."""
        size = self.side - self.kernel + 1
        return [(i, j) for i in range(size) for j in range(size)]


LOCAL = (Setting(1, 28, 8, 5), Setting(3, 32, 16, 5), Setting(16, 16, 16, 5), Setting(64, 27, 64, 3))
TILED = (
    Setting(1, 28, 8, 5, 2),
    Setting(3, 32, 16, 5, 2),
    Setting(16, 16, 16, 5, 3),
    Setting(64, 27, 64, 3, 2),
)
HEAVY = LOCAL[-1]  # where reading the weights is what takes the time

Weights = Callable[[int, int], tuple[Tensor, Tensor]]


def loop(setting: Setting, x: Tensor, at: Weights) -> Tensor:
    """Return one linear layer per position; ``at(i, j)`` are its weights and biases. The windows come channels last."""
    x, k = x.permute(0, 2, 3, 1), setting.kernel
    parts = [F.linear(x[:, i : i + k, j : j + k].flatten(1), *at(i, j)) for i, j in setting.positions]
    return torch.stack(parts, 2).unflatten(2, (setting.side - k + 1,) * 2)


def indexed(setting: Setting, weight: Tensor, bias: Tensor) -> Weights:
    """Return the weights of a position by an index into all of them."""
    t = setting.tiles
    if t:
        return lambda i, j: (weight[i % t, j % t].movedim(1, -1).flatten(1), bias[i % t, j % t])
    return lambda i, j: (weight[i, j].flatten(1), bias[:, i, j])


def apart(setting: Setting, weight: Tensor, bias: Tensor) -> Weights:
    """Return the weights of a position out of lists that they were taken apart into."""
    t, size = setting.tiles, setting.side - setting.kernel + 1
    if t:
        matrices = weight.flatten(0, 1).movedim(2, -1).flatten(2).unbind(0)
        biases = bias.flatten(0, 1).unbind(0)
        return lambda i, j: (matrices[i % t * t + j % t], biases[i % t * t + j % t])
    matrices, biases = weight.flatten(0, 1).flatten(2).unbind(0), bias.flatten(1).unbind(1)
    return lambda i, j: (matrices[i * size + j], biases[i * size + j])


def step(module: nn.Module, x: Tensor, call: Callable[[Tensor], Tensor]) -> None:
    """Run forward and backward, with fresh gradients."""
    module.zero_grad(set_to_none=True)
    x.grad = None
    y = call(x)
    y.backward(torch.ones_like(y))


def without_gradient(call: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """Run forward alone."""
    with torch.no_grad():
        call(x)


def measure(setting: Setting, batch: int) -> Times:
    """Time a layer, its loops and its bounds."""
    kind = TiledConv(setting.maps, setting.kernel, setting.tiles) if setting.tiles else None
    module = build(
        Network("n", setting.shape, kind or LocallyConnected(setting.maps, setting.kernel)), seed=0
    )
    plain = build(Network("n", setting.shape, Conv(setting.maps, setting.kernel)), seed=0)
    x = torch.randn(batch, *setting.shape, requires_grad=True)
    (weight, bias) = module.parameters()
    held = weight.detach()

    def careful(x: Tensor) -> Tensor:
        return loop(setting, x, apart(setting, weight, bias))

    def indexing(x: Tensor) -> Tensor:
        return loop(setting, x, indexed(setting, weight, bias))

    for call in (careful, indexing):
        torch.testing.assert_close(module(x), call(x), rtol=1e-3, atol=1e-3)

    def bound_of_step() -> None:
        held.sum()
        held.sum()
        torch.full_like(held, 1.0)

    jobs: dict[str, Callable[[], object]] = {
        "forward": lambda: without_gradient(module, x),
        "reading": held.sum,
        "looped forward": lambda: without_gradient(indexing, x),
        "step": lambda: step(module, x, module),
        "bound": bound_of_step,
        "convolution": lambda: step(plain, x, plain),
        "careful loop": lambda: step(module, x, careful),
    }
    if batch == 1 or held.nbytes < MOST_INDEXED:
        jobs["loop"] = lambda: step(module, x, indexing)
    times = interleaved(jobs, ROUNDS)
    print_times(setting, batch, held.nbytes, times)
    return times


def print_times(setting: Setting, batch: int, nbytes: int, times: Times) -> None:
    """Print two lines: forward, and a training step."""

    def ms(name: str) -> str:
        return f"{statistics.median(times[name]) * 1e3:.2f} ms"

    bounds = ("reading", "bound") if not setting.tiles else ("", "convolution")
    against = [
        f" = {ratio(times, job, bound):.1f} × {bound} ({ms(bound)})" if bound else ""
        for job, bound in zip(("forward", "step"), bounds, strict=True)
    ]
    loops = [
        f"{name} {ms(name)} = {ratio(times, name, 'step'):.0f} ×"
        for name in ("loop", "careful loop")
        if name in times
    ]
    print(f"  {setting}, batch {batch}, {nbytes / 1e6:.2f} MB of weights")
    looped = f"loop {ms('looped forward')} = {ratio(times, 'looped forward', 'forward'):.0f} ×"
    print(f"    forward {ms('forward')}{against[0]}; {looped}")
    print(f"    step    {ms('step')}{against[1]}; {'; '.join(loops)}")


def speedups(measured: Sequence[Times], slow: str, fast: str) -> list[float]:
    """Return by how much a job is faster than another, in each setting where both were timed, sorted."""
    return sorted(ratio(times, slow, fast) for times in measured if slow in times)


def main() -> None:
    """Measure, print, and fail if a bound is missed."""
    print(machine(torch=torch.__version__, striate=striate.__version__), f"{torch.get_num_threads()} threads")
    wanted: dict[str, bool] = {}
    for kind, settings in (("LocallyConnected", LOCAL), ("TiledConv", TILED)):
        print(f"\n{kind}, medians of {ROUNDS}")
        measured = {(setting, batch): measure(setting, batch) for setting in settings for batch in BATCHES}
        print("  faster than a loop, over all of these: least, median, most")
        for what, slow, fast in (
            ("forward", "looped forward", "forward"),
            ("step", "loop", "step"),
            ("step, careful loop", "careful loop", "step"),
        ):
            found = speedups(list(measured.values()), slow, fast)
            print(f"    {what:<20}{found[0]:6.1f}{statistics.median(found):6.0f}{found[-1]:6.0f}")
            if slow == "loop":
                wanted[f"{kind}, step: median at least {MIN_SPEEDUP:g} × faster than the loop"] = (
                    statistics.median(found) >= MIN_SPEEDUP
                )
        if kind == "LocallyConnected":
            heavy = measured[HEAVY, 1]
            for job, bound in (("forward", "reading"), ("step", "bound")):
                wanted[f"{kind}, {HEAVY}, batch 1: {job} at most {MAX_OF_BOUND:g} × its {bound}"] = (
                    ratio(heavy, job, bound) <= MAX_OF_BOUND
                )
    print()
    for what, good in wanted.items():
        print(f"  {'met' if good else 'MISSED'}: {what}")
    sys.exit(not all(wanted.values()))


if __name__ == "__main__":
    main()
