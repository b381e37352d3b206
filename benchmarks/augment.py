"""How fast batches are augmented, against kornia on the batch, Pillow on each image, and gathering by index.

    python benchmarks/augment.py
    python benchmarks/augment.py --memory

uint8 ``(N, C, H, W)`` in, normalized float32 out, all cores. A: flip, zoom, shear, rotate and shift, then brightness,
contrast, saturation and hue (grey images have the first two alone). B: a window beyond a margin, flip. C: a window
stretched from 320 to 224, flip, color as in A.

kornia gets what its documentation makes it fast by: float input (whose conversion counts), a fixed order of colors,
`inference_mode`, and, in a row of its own, its colors compiled; bounds of A hold against
its chain as it is written. Pillow does what
torchvision's functions do to PIL images, in one process, and in a DataLoader of 2 workers. It alone smooths, as we
do, where a window shrinks; hue turns in YIQ here and in HSV there. Before timing, fixed parameters show that all do
the same. Jobs take turns. Fails if a bound is missed. Where there is a GPU, then come the same batches on it, and what
they add to a step of ResNet-18. ``--memory`` prints instead, on Linux, by how much each job at 224×224 makes a process
grow that does nothing else.
"""

import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import kornia
import PIL
import torch
from augment_peers import GATHER, LOADED, gather_job, kornia_job, loader_job, pillow_job
from augment_work import (
    COMPILED,
    KORNIA,
    LOADER,
    MEAN,
    NONE,
    OURS,
    PILLOW,
    STD,
    TORCH,
    WORKLOADS,
    Job,
    Workload,
    our_job,
    without_compiled,
)
from timing import Times, interleaved, machine, ratio
from torch import Tensor
from torch.nn import functional as F

import striate
from striate.nn import build
from striate.zoo import resnet18

ROUNDS = 7
SMOOTH_SIDE = 64
MOST_APART = 2.0  # levels of 255, on average
LEAST_CHANGED = 4.0
HUE = 15.0  # degrees
MOST_TURNED = 2.5  # degrees apart; Pillow's bytes alone make 1.6


def jobs_of(work: Workload, images: Tensor) -> dict[str, Job]:
    """Return the jobs of a batch by their names, but for those that start processes or a compiler."""
    ours = our_job(work, images)
    jobs = {
        OURS: ours,
        TORCH: partial(without_compiled, ours),
        KORNIA: kornia_job(work, images),
        PILLOW: pillow_job(work, images),
    }
    return jobs | ({GATHER: gather_job(work, images)} if work.recipe == "B" else {})


def turned_by(after: Tensor, before: Tensor) -> float:
    """Return by how many degrees of HSV the hue differs, on average."""
    hues = [torch.rad2deg(kornia.color.rgb_to_hsv(pixels / 255)[:, 0]) for pixels in (after, before)]
    return float(((hues[0] - hues[1] + 180) % 360 - 180).mean())


def check_alike() -> None:
    """Raise `AssertionError` unless, with fixed parameters, all make the same of an image, and change it.

    Of hue they make the same on average: we turn it in YIQ, which keeps luma and is one matrix, the others in HSV.
    """
    torch.manual_seed(0)
    coarse = 60 + 120 * torch.rand(1, 3, 5, 5)
    whole = F.interpolate(coarse, size=(SMOOTH_SIDE,) * 2, mode="bicubic").clamp(20, 220).byte()
    only = partial(replace, NONE)
    settings = {
        "flip, zoom, shear, rotation": (
            "A", SMOOTH_SIDE, only(flip=1, zoom=(1.1, 1.1), shear=(8, 8), rotate=(12, 12))
        ),
        "brightness": ("A", SMOOTH_SIDE, only(brightness=(1.15, 1.15))),
        "contrast": ("A", SMOOTH_SIDE, only(contrast=(0.6, 0.6))),
        "saturation": ("A", SMOOTH_SIDE, only(saturation=(1.6, 1.6))),
        "hue": ("A", SMOOTH_SIDE, only(hue=(HUE, HUE))),
        "window, flip": ("C", SMOOTH_SIDE // 4 * 3, only(flip=1)),
        "window in a margin, flip": ("B", SMOOTH_SIDE, only(flip=1)),
    }  # fmt: skip
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    for name, (recipe, size, ranges) in settings.items():
        jobs = jobs_of(Workload(recipe, tuple(whole.shape), size, ranges=ranges), whole)
        inner = (..., slice(size // 4, -size // 4), slice(size // 4, -size // 4))
        made = {job: 255 * (run() * std + mean)[inner] for job, run in jobs.items()}
        before = F.interpolate(whole.float(), size=(size, size), mode="bilinear", antialias=True)[inner]
        if name == "hue":
            by = {job: turned_by(pixels, before) for job, pixels in made.items()}
            print(f"  hue: turned by {listed(by)} degrees")
            assert all(abs(turn - HUE) <= MOST_TURNED for turn in by.values()), by
            continue
        changed = float((made[OURS] - before).abs().mean())
        apart = {
            job: float((pixels - made[OURS]).abs().mean()) for job, pixels in made.items() if job != OURS
        }
        print(f"  {name}: changes {changed:.1f} levels; apart from ours: {listed(apart)}")
        assert changed >= LEAST_CHANGED, name
        assert max(apart.values()) <= MOST_APART, name


def listed(figures: Mapping[str, float]) -> str:
    """Return figures by their names in one line."""
    return ", ".join(f"{name} {figure:.2f}" for name, figure in figures.items())


def measure(work: Workload) -> bool:
    """Time a batch and print it; return whether bounds are met."""
    images = work.images()
    jobs = jobs_of(work, images) | {LOADER: loader_job(work, images)}
    if work.recipe != "B" and work.shape[1] == 3 and shutil.which("c++"):
        jobs[COMPILED] = kornia_job(work, images, compiled=True)
    times = interleaved(jobs, ROUNDS)
    each = {name: len(images) * (LOADED if name == LOADER else 1) for name in jobs}
    times = {name: [second / each[name] for second in seconds] for name, seconds in times.items()}
    report_rates(times)
    good = True
    for peers, wanted in work.bounds:
        peer = min((p for p in peers if p in times), key=lambda p: statistics.median(times[p]))
        reached = ratio(times, peer, OURS)
        good &= reached >= wanted
        told = "" if reached >= wanted else "  MISSED"
        print(f"  {reached:.1f} × as fast as {peer} (wanted: {wanted}){told}")
    return good


def report_rates(times: Times) -> None:
    """Print images per second of each job, and how many times as fast ours is; ``times`` are seconds an image."""
    for name, values in times.items():
        low, high = (1 / value for value in (max(values), min(values)))
        faster = "" if name == OURS else f"   {ratio(times, name, OURS):7.2f} ×"
        print(
            f"  {name:<34} median {1 / statistics.median(values):11,.0f} images/s   "
            f"min {low:11,.0f}   max {high:11,.0f}   n={len(values)}{faster}",
            flush=True,
        )


# memory


def held(key: str) -> int:
    """Return how many bytes this process holds (VmRSS), or has held at most (VmHWM)."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[key].split()[0]) * 1024


def grown(number: int, name: str) -> None:
    """Print by how many bytes a job makes this process grow, after the same on two images."""
    work = WORKLOADS[number]
    images = work.images()
    jobs_of(work, images[:2])[name]()
    job = jobs_of(work, images)[name]
    Path("/proc/self/clear_refs").write_text("5")  # the most begins anew
    before = held("VmRSS")
    for _ in range(3):
        job()
    print(held("VmHWM") - before)


def memory() -> None:
    """Print the peak memory of each job at 224×224."""
    for number, work in enumerate(WORKLOADS):
        if work.size < 224:
            continue
        out = work.shape[0] * 3 * work.size**2 * 4
        print(f"\n{work}: most memory, beyond the input; the output takes {out / 2**20:.0f} MiB")
        for name in jobs_of(work, work.images()[:2]):
            command = [sys.executable, __file__, "--grown", str(number), name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(f"  {name:<34} {int(done.stdout) / 2**20:7.0f} MiB", flush=True)


# on a GPU


def on_device(device: torch.device, workloads: tuple[Workload, ...], batch: int, side: int) -> None:
    """Time batches that lie on ``device``, and what A and C add to a training step of ``batch`` images."""

    def waited(job: Job) -> None:
        job()
        if device.type == "cuda":
            torch.cuda.synchronize()

    for work in workloads:
        images = work.images().to(device)
        jobs = {OURS: our_job(work, images), KORNIA: kornia_job(work, images)}
        times = interleaved({name: partial(waited, job) for name, job in jobs.items()}, ROUNDS)
        print(f"\n{work}, on {device.type}")
        report_rates({name: [second / len(images) for second in values] for name, values in times.items()})

    model = build(resnet18(), seed=0).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    targets = torch.zeros(batch, dtype=torch.int64, device=device)
    ready = torch.randn(batch, 3, side, side, device=device)

    def step(source: Callable[[], Tensor]) -> None:
        inputs = source().contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16):
            loss = F.cross_entropy(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    sources = {"ready": lambda: ready} | {
        work.recipe: our_job(work, work.images().to(device))
        for work in workloads
        if work.size == side and work.recipe != "B"
    }
    times = interleaved(
        {name: partial(waited, partial(step, source)) for name, source in sources.items()}, ROUNDS
    )
    print(f"\nResNet-18, a step of {batch} images {side}×{side}, bfloat16, on {device.type}")
    for name, values in times.items():
        share = 1 - ratio(times, "ready", name)
        told = "inputs ready" if name == "ready" else f"augmented by {name}, which takes {share:.1%}"
        print(f"  {statistics.median(values) * 1e3:8.2f} ms   n={len(values)}   {told}")


def main() -> None:
    """Check, measure, print, and fail if a bound is missed."""
    if "--grown" in sys.argv:
        grown(int(sys.argv[2]), sys.argv[3])
        return
    versions = {"torch": torch.__version__, "kornia": kornia.__version__, "pillow": PIL.__version__}
    print(machine(**versions, striate=striate.__version__), f"{torch.get_num_threads()} threads")
    if "--memory" in sys.argv:
        memory()
        return
    if not shutil.which("c++"):
        print("no C++ compiler; kornia's colors cannot be compiled")
    print("\nwith fixed parameters")
    check_alike()
    good = True
    for work in WORKLOADS:
        print(f"\n{work}", flush=True)
        good &= measure(work)
    if torch.cuda.is_available():
        print(f"\n{torch.cuda.get_device_name()}")
        on_device(torch.device("cuda"), WORKLOADS, 64, 224)
    else:
        print("\nno GPU; its figures are skipped")
    sys.exit(not good)


if __name__ == "__main__":
    main()
