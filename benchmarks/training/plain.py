"""PyTorch as its tutorials write it: a Dataset of PIL images, a DataLoader of 2 workers, eager float32.

    python -m training.plain DATA.npz --epochs 8 --batch-size 64 --lr 0.002 --margin 2 --target 0.9

As a script it trains LeNet-5, prints the accuracy on ``val`` after each epoch, and ends once it is as good as wanted.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from training import data
from training.setting import moments

__all__ = ["WORKERS", "Pictures", "lenet5"]

WORKERS = 2
SIDE = 28


def lenet5() -> nn.Sequential:
    """Return the layers of Striate's ``lenet5_relu``."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


class Pictures(Dataset[tuple[Tensor, int]]):
    """Grey images, one at a time: stretched to 28×28, cropped at random in a margin, made a tensor, normalized."""

    def __init__(self, images: NDArray[np.uint8], targets: NDArray[np.int64], margin: int) -> None:
        self.images, self.targets, self.margin = images[:, 0], targets, margin
        mean, std = moments(images)
        self.mean, self.std = mean.item() / 255, std.item() / 255

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.images[index])
        if image.size != (SIDE, SIDE):
            image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        if self.margin:
            image = ImageOps.expand(image, self.margin)
            top, left = torch.randint(0, 2 * self.margin + 1, (2,)).tolist()
            image = image.crop((left, top, left + SIDE, top + SIDE))
        pixels = torch.from_numpy(np.array(image))[None].float().div(255)
        return pixels.sub(self.mean).div(self.std), int(self.targets[index])


def accuracy(model: nn.Module, loader: DataLoader[tuple[Tensor, int]]) -> float:
    """Return the share of images answered rightly."""
    model.eval()
    with torch.no_grad():
        right = sum(int((model(images).argmax(1) == targets).sum()) for images, targets in loader)
    model.train()
    return right / len(loader.dataset)


def main() -> None:
    """Train until the target is reached."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--margin", type=int, required=True)
    parser.add_argument("--target", type=float, required=True)
    options = parser.parse_args()
    train = Pictures(*data.read(options.data), options.margin)
    val = Pictures(*data.read(options.data, "val"), 0)
    val.mean, val.std = train.mean, train.std
    loader = DataLoader(train, options.batch_size, shuffle=True, num_workers=WORKERS)
    tested = DataLoader(val, options.batch_size, num_workers=WORKERS)
    model = lenet5()
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs * len(loader))
    for epoch in range(1, options.epochs + 1):
        for images, targets in loader:
            loss = F.cross_entropy(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        reached = accuracy(model, tested)
        print(json.dumps({"epoch": epoch, "accuracy": reached}), flush=True)
        if reached >= options.target:
            break


if __name__ == "__main__":
    main()
