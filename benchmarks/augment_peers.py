"""The peers of `augment`: kornia on the batch, Pillow on each image, gathering by index."""

import math

import numpy as np
import torch
from augment_work import MEAN, STD, WORKERS, Job, Ranges, Workload
from kornia import augmentation as kornia_augmentation
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

LOADED = 2 * WORKERS  # batches an epoch
GATHER = "torch, gathered by index"


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
