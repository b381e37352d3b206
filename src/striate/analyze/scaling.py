"""How fast many GPUs train together, on paper: from the bytes of the gradients and the multiply-accumulates alone.

Each of n GPUs computes its images of a batch, and the gradients of all are summed in a ring while the
backward pass still goes on, as `torch.nn.parallel.DistributedDataParallel` does it:

- a step computes 3 · 2 · MACs FLOPs an image: the backward pass makes gradients of inputs and of weights, each of which
  takes what the forward pass took;
- a ring sums B bytes in 2(n − 1) turns, of B/n bytes each: 2(n − 1)/n · B/bandwidth + 2(n − 1) · latency
  (Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of workstations");
- gradients go in buckets of 25 MiB, the last layers' first, each as soon as the layers in it have theirs and the bucket
  before is done (Li et al. 2020, "PyTorch distributed: experiences on accelerating data parallel training"). What is
  not done when the backward pass ends is waited for.

Where latency counts more, two binary trees sum in 2⌈log2 n⌉ turns: 2 · B/bandwidth + 2⌈log2 n⌉ · latency (Sanders,
Speck and Träff 2009, "Two-tree algorithms for full bandwidth broadcast, reduction and scan"). The quicker way counts.

It does not know of data that cannot be read so fast, nor of GPUs that wait for the slowest of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from striate.analyze.analysis import Analysis
from striate.errors import ConfigError, bad_argument

__all__ = ["Cluster", "Scaled", "predict_scaling", "ring_seconds", "tree_seconds"]

_BUCKET = 25 * 2**20  # bytes, as DistributedDataParallel has it
_PASSES = 3  # forward, and two of backward
_FLOPS = 2  # of a multiply-accumulate


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """GPUs, several in a node, and what lies between them.

    Attributes:
        flops: FLOPs a second that a GPU comes to in a step, not those of its data sheet.
        gpus_per_node: How many are in a node.
        inside: Bytes a second of a ring within a node.
        between: Bytes a second out of a node, over all of its network cards.
        latency: Seconds of a turn within a node.
        far_latency: Seconds of a turn where there are several nodes.
    """

    flops: float
    gpus_per_node: int = 8
    inside: float
    between: float
    latency: float = 0.0
    far_latency: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flops", "gpus_per_node", "inside", "between"):
            if not getattr(self, name) > 0:
                raise ConfigError(bad_argument(name, getattr(self, name), "above 0"))
        for name in ("latency", "far_latency"):
            if not getattr(self, name) >= 0:
                raise ConfigError(bad_argument(name, getattr(self, name), "0 or more"))

    def seconds(self, size: float, gpus: int) -> float:
        """Return what the sum of ``size`` bytes over ``gpus`` takes."""
        near = gpus <= self.gpus_per_node
        bandwidth = self.inside if near else min(self.inside, self.between)
        latency = self.latency if near else self.far_latency
        return min(way(size, gpus, bandwidth, latency) for way in (ring_seconds, tree_seconds))


@dataclass(frozen=True, kw_only=True)
class Scaled:
    """What so many GPUs do together.

    Attributes:
        gpus: How many.
        compute: Seconds of a step that one GPU computes.
        communicate: Seconds that the sums of a step take.
        exposed: Seconds of these that nothing is computed in.
        images_per_second: Of all GPUs.
        efficiency: Share of so many times what one does.
    """

    gpus: int
    compute: float
    communicate: float
    exposed: float
    images_per_second: float
    efficiency: float


def predict_scaling(
    analysis: Analysis,
    cluster: Cluster,
    gpus: Iterable[int] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
    *,
    gradient_bytes: int = 4,
) -> tuple[Scaled, ...]:
    """Predict images a second and efficiency of many GPUs, each with as many images as ``analysis`` is of.

    >>> from striate import zoo
    >>> from striate.analyze import analyze
    >>> slow = Cluster(flops=1e12, inside=1e9, between=1e9)
    >>> one, two = predict_scaling(analyze(zoo.lenet5(), batch_size=128), slow, (1, 2))
    >>> round(two.efficiency, 3)
    0.564

    Args:
        analysis: Of the network, with the images of one GPU as its batch.
        cluster: What it runs on.
        gpus: How many, each 1 or more.
        gradient_bytes: Of one gradient as it is sent: 4, or 2 of bfloat16.

    Raises:
        ConfigError: if an argument is none of these.
    """
    counts = tuple(gpus)
    for count in counts:
        if type(count) is not int or count < 1:
            raise ConfigError(bad_argument("gpus", count, "whole numbers of at least 1"))
    if gradient_bytes not in (2, 4):
        raise ConfigError(bad_argument("gradient_bytes", gradient_bytes, "2 or 4"))
    return tuple(_scaled(analysis, cluster, count, gradient_bytes) for count in counts)


def ring_seconds(size: float, processes: int, bandwidth: float, latency: float = 0.0) -> float:
    """Return what a ring takes to sum ``size`` bytes over ``processes``: 2(n − 1)/n · B/bandwidth + 2(n − 1) · latency.

    Args:
        size: Bytes that each has.
        processes: n.
        bandwidth: Bytes a second from each to the next.
        latency: Seconds of a turn, besides.
    """
    turns = 2 * (processes - 1)
    return turns / processes * size / bandwidth + turns * latency


def tree_seconds(size: float, processes: int, bandwidth: float, latency: float = 0.0) -> float:
    """Return what two trees take to do so: 2 · B/bandwidth + 2⌈log2 n⌉ · latency. See `ring_seconds`."""
    turns = 2 * (processes - 1).bit_length()
    return (2 * size / bandwidth if turns else 0.0) + turns * latency


def _scaled(analysis: Analysis, cluster: Cluster, gpus: int, gradient_bytes: int) -> Scaled:
    flops = _FLOPS * analysis.batch_size * analysis.totals.macs / cluster.flops
    compute = _PASSES * flops
    if gpus == 1:
        communicate = exposed = 0.0
    else:
        buckets = list(_buckets(analysis, flops, gradient_bytes))
        times = [cluster.seconds(size, gpus) for _, size in buckets]
        communicate = sum(times)
        exposed = max(0.0, _done([ready for ready, _ in buckets], times) - compute)
    rate = gpus * analysis.batch_size / (compute + exposed)
    return Scaled(
        gpus=gpus,
        compute=compute,
        communicate=communicate,
        exposed=exposed,
        images_per_second=rate,
        efficiency=compute / (compute + exposed),
    )


def _buckets(analysis: Analysis, forward: float, gradient_bytes: int) -> Iterator[tuple[float, int]]:
    """Yield the second at which each bucket of gradients is complete, and its bytes."""
    total = max(1, analysis.totals.macs)
    now, size = forward, 0
    for row in reversed(analysis.layers):
        now += (_PASSES - 1) * forward * row.macs / total
        size += gradient_bytes * row.params
        if size >= _BUCKET:
            yield now, size
            size = 0
    if size:
        yield now, size


def _done(ready: Sequence[float], times: Sequence[float]) -> float:
    """Return when the last bucket is summed, each after the one before."""
    end = 0.0
    for start, seconds in zip(ready, times, strict=True):
        end = max(end, start) + seconds
    return end
