"""PyTorch by hand: the plain script, tensors in memory, and what an expert turns on."""

import itertools
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, RandomSampler

from training import data
from training.plain import WORKERS, Pictures, lenet5
from training.setting import Run, Setting, moments
from training.workloads import (
    HALF,
    HALF_COMPILED,
    LAST,
    LAST_COMPILED,
    LR,
    MEMORY,
    MOMENTUM,
    PLAIN,
    RAW,
    RAW_UNREAD,
    Workload,
)

__all__ = ["PEERS", "module_of"]


def module_of(work: Workload) -> nn.Module:
    """Return the network: small ones as a user writes them, others as Striate builds them, an ordinary module."""
    if work.network == "lenet5_relu":
        return lenet5()
    if work.network == "linear":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    from striate.nn import build
    from training.networks import describe  # these load Striate

    return build(describe(work.network, work.shape), seed=0)


def orders(count: int, batch: int) -> Iterator[Tensor]:
    """Yield the numbers of the images of each batch, epoch after epoch, without the ragged last one."""
    while True:
        yield from torch.randperm(count)[: count // batch * batch].split(batch)


def gathered(images: Tensor, channels_last: bool) -> Callable[[Tensor], Tensor]:
    """Return what gives images ``(N, C, H, W)`` by their numbers, in the order of axes that is wanted."""
    if not channels_last:
        return partial(images.index_select, 0)
    rows = images.permute(0, 2, 3, 1).contiguous()
    return lambda chosen: rows.index_select(0, chosen).permute(0, 3, 1, 2)


def waited(device: str) -> float:
    """Return the time once all is done that was asked of the device."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def plain(setting: Setting) -> Run:
    """Return steps of the script of the tutorials; its workers are at their full speed when the clock starts."""
    work = setting.work
    pictures = Pictures(*data.read(setting.path), work.margin)
    model = module_of(work)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    running = 0.0

    def step(images: Tensor, targets: Tensor) -> None:
        nonlocal running
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), targets)
        loss.backward()
        optimizer.step()
        running += loss.item()

    def run(steps: int) -> float:
        sampler = RandomSampler(pictures, num_samples=(steps + 1) * work.batch)
        batches = iter(DataLoader(pictures, work.batch, sampler=sampler, num_workers=WORKERS))
        step(*next(batches))
        start = time.perf_counter()
        for images, targets in batches:
            step(images, targets)
        return time.perf_counter() - start

    return run


def in_memory(
    setting: Setting, *, channels_last: bool = False, half: bool = False, compiled: bool = False
) -> Run:
    """Return steps on images that are floats already, and on the device."""
    work, device = setting.work, setting.device
    floats, numbers = setting.floats()
    inputs = gathered(torch.from_numpy(floats).to(device), channels_last)
    targets = torch.from_numpy(numbers).to(device)
    model = module_of(work).to(device)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    called = model
    if compiled:
        called = torch.compile(model, mode="max-autotune" if device == "cuda" else None)
    fused = True if channels_last else None  # what the tuned ones have
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM, fused=fused)

    def step(chosen: Tensor) -> None:
        chosen = chosen.to(device)
        with torch.autocast(device, torch.bfloat16, enabled=half):
            loss = F.cross_entropy(called(inputs(chosen)), targets.index_select(0, chosen))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return _steps(setting, len(numbers), step)


def raw(setting: Setting, *, read: bool = True) -> Run:
    """Return steps of the loop that everyone writes, on bytes in memory; ``read`` fetches the loss of each."""
    images, targets = (torch.from_numpy(part) for part in data.read(setting.path))
    mean, std = (torch.from_numpy(part) for part in moments(images.numpy()))
    model = module_of(setting.work)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)

    def step(chosen: Tensor) -> None:
        batch = images.index_select(0, chosen).float().sub_(mean).div_(std)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch), targets.index_select(0, chosen))
        loss.backward()
        optimizer.step()
        if read:
            loss.item()

    return _steps(setting, len(targets), step)


def _steps(setting: Setting, count: int, step: Callable[[Tensor], None]) -> Run:
    batches = orders(count, setting.work.batch)

    def run(steps: int) -> float:
        start = waited(setting.device)
        for chosen in itertools.islice(batches, steps):
            step(chosen)
        return waited(setting.device) - start

    return run


PEERS = {
    PLAIN: plain,
    MEMORY: in_memory,
    HALF: partial(in_memory, channels_last=True, half=True),
    HALF_COMPILED: partial(in_memory, channels_last=True, half=True, compiled=True),
    LAST: partial(in_memory, channels_last=True),
    LAST_COMPILED: partial(in_memory, channels_last=True, compiled=True),
    RAW: raw,
    RAW_UNREAD: partial(raw, read=False),
}
