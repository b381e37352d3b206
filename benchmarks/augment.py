"""How fast batches are augmented, against kornia on the batch, Pillow on each image, and gathering by index.

    python benchmarks/augment.py
    python benchmarks/augment.py --memory

uint8 ``(N, C, H, W)`` in, normalized float32 out, all cores. A: flip, zoom, shear, rotate and shift, then brightness,
contrast, saturation and hue (grey images have the first two alone). B: a window beyond a margin, flip. C: a window
stretched from 320 to 224, flip, color as in A.

kornia gets what its documentation makes it fast by: float input (whose conversion counts), a fixed order of colors,
`inference_mode`, and, in a row of its own, its colors compiled; bounds hold against the faster row. Pillow does what
torchvision's functions do to PIL images, in one process, and in a DataLoader of 2 workers. It alone smooths, as we
do, where a window shrinks; hue turns in YIQ here and in HSV there. Before timing, fixed parameters show that all do
the same. Jobs take turns. Fails if a bound is missed. Where there is a GPU, then come the same batches on it, and what
they add to a step of ResNet-18. ``--memory`` prints instead, on Linux, by how much each job at 224×224 makes a process
grow that does nothing else.
"""

import itertools
import math
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import kornia
import numpy as np
import PIL
import torch
from kornia import augmentation as kornia_augmentation
from PIL import Image, ImageEnhance, ImageOps
from timing import Times, interleaved, machine, ratio
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

import striate
from striate.data.augment import Augment, Recipe
from striate.data.augment.effects import (
    Brightness,
    Contrast,
    HorizontalFlip,
    Hue,
    RandomCrop,
    RandomResizedCrop,
    Rotate,
    Saturation,
    Shear,
    Shift,
    Zoom,
)
from striate.data.preprocess import Preprocess, Standardize
from striate.nn import build
from striate.zoo import resnet18

ROUNDS = 7
WORKERS = 2
LOADED = 2 * WORKERS  # batches an epoch
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OURS, TORCH = "striate", "striate, its torch engine"
KORNIA, COMPILED = "kornia", "kornia, colors compiled"
PILLOW, LOADER = "Pillow, one process", f"Pillow, DataLoader of {WORKERS} workers"
GATHER = "torch, gathered by index"
SMOOTH_SIDE = 64
MOST_APART = 2.0  # levels of 255, on average
LEAST_CHANGED = 4.0
HUE = 15.0  # degrees
MOST_TURNED = 2.5  # degrees apart; Pillow's bytes alone make 1.6

Range = tuple[float, float]
Job = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """What is drawn from, for all alike; angles as striate counts them, hue in degrees."""

    flip: float = 0.5
    zoom: Range = (0.9, 1.1)
    shear: Range = (-10, 10)
    rotate: Range = (-15, 15)
    shift: float = 0.1
    brightness: Range = (0.6, 1.4)
    contrast: Range = (0.6, 1.4)
    saturation: Range = (0.6, 1.4)
    hue: Range = (-18, 18)
    area: Range = (0.08, 1.0)
    ratio: Range = (3 / 4, 4 / 3)


NONE = Ranges(
    flip=0, zoom=(1, 1), shear=(0, 0), rotate=(0, 0), shift=0, brightness=(1, 1), contrast=(1, 1),
    saturation=(1, 1), hue=(0, 0), area=(1, 1), ratio=(1, 1),
)  # fmt: skip


@dataclass(frozen=True)
class Workload:
    """A recipe, a batch, and what is wanted of it: at least so many times as fast as each of the peers."""

    recipe: str
    shape: tuple[int, int, int, int]
    size: int
    margin: int = 0
    ranges: Ranges = Ranges()
    bounds: tuple[tuple[tuple[str, ...], float], ...] = ()

    def __str__(self) -> str:
        return f"{self.recipe}, {'×'.join(map(str, self.shape))}"

    def images(self) -> Tensor:
        """Return random bytes: what is timed does not depend on what is seen."""
        torch.manual_seed(0)
        return torch.randint(0, 256, self.shape, dtype=torch.uint8)


ALL_KORNIA = (KORNIA, COMPILED)
WORKLOADS = (
    Workload("A", (256, 1, 28, 28), 28),
    Workload("A", (256, 3, 32, 32), 32, bounds=((ALL_KORNIA, 8), ((PILLOW,), 40))),
    Workload("A", (64, 3, 224, 224), 224, bounds=((ALL_KORNIA, 10), ((PILLOW,), 7))),
    Workload("B", (256, 1, 28, 28), 28, margin=4),
    Workload("B", (256, 3, 32, 32), 32, margin=4, bounds=(((PILLOW,), 15),)),
    Workload("B", (64, 3, 224, 224), 224, margin=28),
    Workload("C", (64, 3, 320, 320), 224, bounds=(((*ALL_KORNIA, PILLOW, LOADER), 3),)),
)


# ours


def our_recipe(work: Workload) -> Recipe:
    """Return the recipe as striate writes it."""
    r = work.ranges
    flip = HorizontalFlip(p=r.flip)
    moves = (
        flip, Zoom(factor=r.zoom), Shear(x=r.shear), Rotate(degrees=r.rotate), Shift(x=r.shift, y=r.shift)
    )  # fmt: skip
    colors = (Brightness(factor=r.brightness), Contrast(factor=r.contrast))
    if work.shape[1] == 3:
        colors += (Saturation(factor=r.saturation), Hue(degrees=r.hue))
    window = RandomResizedCrop(scale=r.area, ratio=r.ratio)
    return {
        "A": Recipe((*moves, *colors)),
        "B": Recipe((flip, RandomCrop(margin=work.margin))),
        "C": Recipe((window, flip, *colors)),
    }[work.recipe]


def our_job(work: Workload, images: Tensor) -> Job:
    """Return what augments ``images``, each time otherwise."""
    channels = work.shape[1]
    preprocess = Preprocess((channels, work.size, work.size), (Standardize(MEAN[:channels], STD[:channels]),))
    augment = Augment(our_recipe(work), size=(work.size, work.size), preprocess=preprocess)
    steps = itertools.count()
    return lambda: augment(images, seed=0, step=next(steps))[0]


def without_compiled(job: Job) -> object:
    """Run a job of ours by torch alone, as on a GPU."""
    with patch("striate.data.augment.sampling.warping.compiled", lambda: None):
        return job()


# kornia


def kornia_job(work: Workload, images: Tensor, compiled: bool = False) -> Job:
    """Return kornia's chain on the batch; ``compiled`` compiles its colors, as their documentation proposes."""
    k, r = kornia_augmentation, work.ranges
    channels, size = work.shape[1], (work.size, work.size)
    turn = (-r.rotate[1], -r.rotate[0])  # it counts clockwise
    slant = (-r.shear[1], -r.shear[0])
    affine = k.RandomAffine(turn, (r.shift, r.shift) if r.shift else None, r.zoom, slant, p=1)
    grey = channels == 1
    # ColorJitter moves contrast away from the mean, as we do; ColorJiggle, which kornia prefers, only multiplies.
    color = k.ColorJitter(
        r.brightness, r.contrast, 0.0 if grey else r.saturation,
        0.0 if grey else (r.hue[0] / 360, r.hue[1] / 360), p=1, order=None if grey else (0, 1, 2, 3),
    )  # fmt: skip
    if compiled:
        color.compile()
    flip = k.RandomHorizontalFlip(p=r.flip)
    window = k.RandomResizedCrop(size, r.area, r.ratio, p=1, cropping_mode="slice")
    steps = {
        "A": (flip, affine, color),
        "B": (k.RandomCrop(size, padding=work.margin, p=1), flip),
        "C": (window, flip, color),
    }[work.recipe]
    normalize = k.Normalize(torch.tensor(MEAN[:channels]), torch.tensor(STD[:channels]), p=1)
    chain = nn.Sequential(*steps, normalize).to(images.device)

    @torch.inference_mode()
    def run() -> Tensor:
        return chain(images.float().div_(255))

    return run


# Pillow


def drawn(low: float, high: float) -> float:
    """Draw a number as torchvision does."""
    return torch.empty(1).uniform_(low, high).item()


def drawn_whole(most: int) -> int:
    """Draw a whole number from 0 to ``most``."""
    return int(torch.randint(0, most + 1, (1,)).item())


def affine_of(image: Image.Image, r: Ranges) -> Image.Image:
    """Do what RandomAffine does: zoom and shear, then rotate, then shift by whole pixels."""
    width, height = image.size
    turn = math.radians(-drawn(*r.rotate))
    x, y = (round(drawn(-r.shift * side, r.shift * side)) for side in (width, height))
    factor, slant = drawn(*r.zoom), math.radians(-drawn(*r.shear))
    cosine, sine, tangent = math.cos(turn), math.sin(turn), math.tan(slant)
    a, b = (cosine - sine * tangent) / factor, (sine + cosine * tangent) / factor
    c, d = -sine / factor, cosine / factor
    left, top = width / 2, height / 2
    data = (a, b, left - a * (left + x) - b * (top + y), c, d, top - c * (left + x) - d * (top + y))
    return image.transform(image.size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)


def turned_hue(image: Image.Image, part: float) -> Image.Image:
    """Do what adjust_hue does: add a part of the circle to the hue."""
    hue, saturation, value = image.convert("HSV").split()
    turned = np.array(hue) + np.int32(part * 255).astype(np.uint8)  # beyond 255 begins at 0
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")


def colored(image: Image.Image, r: Ranges) -> Image.Image:
    """Do what ColorJitter does: brightness, contrast, saturation and hue, in any order."""
    enhancers = {0: ImageEnhance.Brightness, 1: ImageEnhance.Contrast, 2: ImageEnhance.Color}
    ranges = (r.brightness, r.contrast, r.saturation, r.hue)[: 2 if image.mode == "L" else 4]
    order = torch.randperm(len(ranges)).tolist()
    factors = [drawn(*ends) for ends in ranges]
    for step in order:
        if step in enhancers:
            image = enhancers[step](image).enhance(factors[step])
        else:
            image = turned_hue(image, factors[step] / 360)
    return image


def cropped(image: Image.Image, work: Workload) -> Image.Image:
    """Do what RandomCrop with padding does."""
    image = ImageOps.expand(image, work.margin)
    width, height = image.size
    top, left = drawn_whole(height - work.size), drawn_whole(width - work.size)
    return image.crop((left, top, left + work.size, top + work.size))


def resized_crop(image: Image.Image, work: Workload) -> Image.Image:
    """Do what RandomResizedCrop does: stretch a window of random area and shape."""
    r, (width, height) = work.ranges, image.size
    for _ in range(10):
        area = width * height * drawn(*r.area)
        shape = math.exp(drawn(*map(math.log, r.ratio)))
        w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < w <= width and 0 < h <= height:
            top, left = drawn_whole(height - h), drawn_whole(width - w)
            image = image.crop((left, top, left + w, top + h))
            break
    return image.resize((work.size, work.size), Image.Resampling.BILINEAR)


class Pictures:
    """A data set of augmented images, as PyTorch's examples write them; ``copies`` of each."""

    def __init__(self, work: Workload, images: Tensor, copies: int = 1) -> None:
        self.work, self.copies = work, copies
        pixels = np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())
        self.pixels = pixels[..., 0] if work.shape[1] == 1 else pixels

    def __len__(self) -> int:
        return self.copies * len(self.pixels)

    def __getitem__(self, index: int) -> Tensor:
        work = self.work
        image = Image.fromarray(self.pixels[index % len(self.pixels)])
        if work.recipe == "C":
            image = resized_crop(image, work)
        if work.recipe == "B":
            image = cropped(image, work)
        if torch.rand(1) < work.ranges.flip:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if work.recipe == "A":
            image = affine_of(image, work.ranges)
        if work.recipe != "B":
            image = colored(image, work.ranges)
        pixels = torch.from_numpy(np.array(image)).view(work.size, work.size, -1)
        floats = pixels.permute(2, 0, 1).contiguous().float().div(255)
        mean, std = (torch.tensor(values[: len(floats)])[:, None, None] for values in (MEAN, STD))
        return floats.sub_(mean).div_(std)


def pillow_job(work: Workload, images: Tensor) -> Job:
    """Return a loop over the images."""
    pictures = Pictures(work, images)
    return lambda: torch.stack([pictures[index] for index in range(len(pictures))])


def loader_job(work: Workload, images: Tensor) -> Job:
    """Return an epoch of a DataLoader, whose workers stay; it makes `LOADED` batches."""
    loader = DataLoader(
        Pictures(work, images, LOADED), len(images), num_workers=WORKERS, persistent_workers=True
    )
    return lambda: sum(len(batch) for batch in loader)


# by index


def gather_job(work: Workload, images: Tensor) -> Job:
    """Return what does B by one index per pixel, on bytes."""
    count, channels, side, _ = images.shape
    mean, std = (255 * torch.tensor(values[:channels])[:, None, None] for values in (MEAN, STD))
    line = torch.arange(side)
    numbers, planes = torch.arange(count)[:, None, None, None], torch.arange(channels)[:, None, None]

    def run() -> Tensor:
        padded = F.pad(images, (work.margin,) * 4)
        top, left = torch.randint(0, 2 * work.margin + 1, (2, count, 1))
        columns = torch.where(torch.rand(count, 1) < work.ranges.flip, side - 1 - line, line)
        rows, columns = (top + line)[:, None, :, None], (left + columns)[:, None, None, :]
        return padded[numbers, planes, rows, columns].float().sub_(mean).div_(std)

    return run


# all of them


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
