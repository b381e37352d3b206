"""Networks, data and configurations with one fault each, and what the check is to call it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from toys import NAMES, stripes, toy_source

from striate.data import ArraySource
from striate.spec import (
    AuxHead,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GroupNorm,
    Linear,
    MaxPool,
    Network,
    ReLU,
    Reshape,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    Upsample,
)
from striate.train import TrainConfig

__all__ = ["MODULES", "NETWORKS", "Infinite", "Planted", "config", "net", "source_of"]


def net(*layers, input=(1, 8, 8)):
    return Network("net", input, Sequential(*layers))


def config(**options):
    """Return a configuration of enough steps, on the CPU."""
    return TrainConfig(**{"epochs": 100.0, "batch_size": 16, "device": "cpu"} | options)


def source_of(shape, counts=(30, 9), classes=3, color=True):
    """Return noise of ``shape``, (C, H, W), in train and val."""
    random = np.random.default_rng(0)
    images = {
        s: random.integers(0, 256, (n, *shape)).astype(np.uint8)
        for s, n in zip(("train", "val"), counts, strict=True)
    }
    if not color:
        images = {s: np.repeat(part[:, :1], shape[0], 1) for s, part in images.items()}
    targets = {s: np.arange(len(part)) % classes for s, part in images.items()}
    return ArraySource("noise", images, targets, NAMES[:classes])


def skewed():
    """Return the toy images with nine tenths of train in one class."""
    images, _ = stripes(60)
    targets = np.array([0] * 54 + [1] * 3 + [2] * 3)
    val, val_targets = stripes(12, 1)
    return ArraySource("skewed", {"train": images, "val": val}, {"train": targets, "val": val_targets}, NAMES)


@dataclass(frozen=True)
class Planted:
    """A fault: where it is, what it is called, and how grave it is."""

    kind: str
    verdict: str
    network: Any
    data: Any = field(default_factory=toy_source)
    options: dict[str, Any] = field(default_factory=dict)


HEAD = (Flatten(), Linear(3))
CONV = (Conv(4, 3), ReLU())

NETWORKS = [
    Planted("crop-without-room", "warning", net(*CONV, *HEAD), options={"augment": "alexnet"}),
    Planted("input-shape", "error", net(Linear(3), input=(64,))),
    Planted("input-shape", "error", net(Reshape((1, 8, 8)), *CONV, *HEAD, input=(64,))),
    Planted("too-few-classes", "error", net(Flatten(), Linear(1)), source_of((1, 8, 8), classes=1)),
    Planted("shapes", "error", net(Conv(4, 9), *HEAD)),
    Planted("softmax-at-the-end", "error", net(*HEAD, Softmax())),
    Planted("outputs", "error", net(Flatten(), Linear(4))),
    Planted("outputs", "error", net(AuxHead(Sequential(Flatten(), Linear(4))), *CONV, *HEAD)),
    Planted("batch-of-one", "error", net(Flatten(), Linear(3), BatchNorm()), options={"batch_size": 1}),
    Planted("channels", "error", net(*HEAD, input=(2, 8, 8))),
    Planted("refused", "error", net(GlobalAvgPool(), input=(3, 8, 8))),
    Planted("activation-on-logits", "warning", net(*CONV, *HEAD, ReLU())),
    Planted("activation-on-logits", "warning", net(*CONV, *HEAD, Tanh(), Dropout(0.0))),
    Planted("dropout-on-logits", "warning", net(*CONV, *HEAD, Dropout())),
    Planted("softmax-inside", "warning", net(Flatten(), Linear(8), Softmax(), Linear(3))),
    Planted("no-activation", "warning", net(Conv(4, 3), Conv(4, 3), ReLU(), *HEAD)),
    Planted(
        "no-activation", "warning", net(Conv(4, 3), BatchNorm(), AvgPool(2), Flatten(), Dropout(), Linear(3))
    ),
    Planted("no-activation", "warning", net(Concat([Conv(4, 3), Conv(4, 3)], Conv(4, 5)), ReLU(), *HEAD)),
    Planted("idle-activation", "warning", net(*CONV, MaxPool(2), ReLU(), *HEAD)),
    Planted("activation-twice", "warning", net(*CONV, Tanh(), *HEAD)),
    Planted("norm-twice", "warning", net(Conv(4, 3), BatchNorm(), GroupNorm(2), ReLU(), *HEAD)),
    Planted("pooling-undone", "warning", net(*CONV, MaxPool(2), Upsample(2), *HEAD)),
    Planted("stride-beyond-kernel", "warning", net(*CONV, Conv(4, 2, stride=3), ReLU(), *HEAD)),
    Planted("too-narrow", "warning", net(*CONV, Flatten(), Linear(1), Tanh(), Linear(3))),
    Planted("small-field", "warning", net(*CONV, Conv(3, 1), GlobalAvgPool())),
    Planted("small-field", "note", net(Conv(4, 1), ReLU(), *HEAD)),
    Planted(
        "large-field",
        "note",
        net(*[p for _ in range(3) for p in (Conv(4, 9, padding=4, stride=2), ReLU())], *HEAD),
    ),
    Planted("unseen-pixels", "warning", net(Conv(4, 2, stride=3), ReLU(), *HEAD)),
    Planted("unseen-pixels", "warning", net(Conv(4, 5, stride=2), ReLU(), *HEAD)),
    Planted("padding-weights", "warning", net(Conv(4, 8), ReLU(), Conv(4, 3, padding=1), ReLU(), *HEAD)),
    Planted("color-lost", "warning", net(*CONV, *HEAD), source_of((3, 8, 8))),
    Planted("grey-as-color", "note", net(*CONV, *HEAD, input=(3, 8, 8))),
    Planted("enlarged", "note", net(*CONV, *HEAD, input=(1, 16, 16))),
    Planted("enlarged", "warning", net(*CONV, *HEAD, input=(1, 40, 40))),
    Planted("shrunk", "note", net(*CONV, *HEAD), source_of((1, 80, 80))),
    Planted("stretched", "note", net(*CONV, *HEAD), source_of((1, 8, 12))),
    Planted("stretched", "warning", net(*CONV, *HEAD), source_of((1, 8, 24))),
    Planted("more-weights-than-images", "note", net(Flatten(), Linear(128), ReLU(), Linear(3))),
    Planted(
        "more-weights-than-images",
        "warning",
        net(Flatten(), Linear(2048), ReLU(), Linear(256), ReLU(), Linear(3)),
    ),
    Planted("heavy-layer", "warning", net(*CONV, Flatten(), Linear(1000), ReLU(), Linear(3))),
    Planted("batch-beyond-set", "warning", net(*CONV, *HEAD), options={"batch_size": 64}),
    Planted("few-steps", "warning", net(*CONV, *HEAD), options={"epochs": 3.0}),
    Planted(
        "small-batch-norm", "warning", net(Conv(4, 3), BatchNorm(), ReLU(), *HEAD), options={"batch_size": 4}
    ),
    Planted("bias-before-norm", "note", net(Conv(4, 3), BatchNorm(), ReLU(), *HEAD)),
    Planted("dropout-before-norm", "note", net(Dropout(), Conv(4, 3), BatchNorm(), ReLU(), *HEAD)),
    Planted("does-nothing", "note", net(*CONV, MaxPool(1), *HEAD)),
    Planted("does-nothing", "note", net(Concat(Conv(4, 3)), ReLU(), *HEAD)),
    Planted("class-shares", "note", net(*CONV, *HEAD), skewed()),
    Planted(
        "vanishing-gradient",
        "warning",
        net(Flatten(), *[p for _ in range(9) for p in (Linear(16), Sigmoid())], Linear(3)),
    ),
    Planted(
        "fading-values",
        "warning",
        net(Flatten(), *[p for _ in range(9) for p in (Linear(16), Sigmoid())], Linear(3)),
    ),
]


def dense(*scales, bias=0.0, activation=nn.ReLU):
    """Return layers of 64, 16, ... 3 units, whose weights are of standard deviation 1/8 times each scale."""
    torch.manual_seed(0)
    sizes = [64, *[16] * (len(scales) - 1), 3]
    layers = [nn.Flatten()]
    for scale, before, after in zip(scales, sizes, sizes[1:], strict=False):
        layer = nn.Linear(before, after)
        nn.init.normal_(layer.weight, std=scale / 8)
        nn.init.constant_(layer.bias, bias if after != 3 else 0.0)
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


class Fails(nn.Module):
    """Answers, unless the batch is as large as in training."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 3)

    def forward(self, x):
        if len(x) > 4:
            raise RuntimeError("no more than four")
        return self.layer(x.flatten(1))


class Unused(Fails):
    """Has a layer that it does not use."""

    def __init__(self):
        super().__init__()
        self.other = nn.Linear(2, 2)

    def forward(self, x):
        return self.layer(x.flatten(1))


class Infinite(Fails):
    """Divides by zero."""

    def forward(self, x):
        return self.layer(x.flatten(1)) / 0.0


MODULES = [
    Planted("refused", "error", nn.Linear(5, 3)),
    Planted("refused", "error", nn.Sequential(nn.Flatten(), nn.Linear(64, 4))),
    Planted("step-fails", "error", Fails()),
    Planted("not-finite", "error", Infinite()),
    Planted("dead-units", "error", dense(1, 1, bias=-100.0)),
    Planted("constant-output", "error", dense(0, 1)),
    Planted("no-gradient", "warning", Unused()),
    Planted("saturated", "warning", dense(50, 1, activation=nn.Tanh)),
    Planted("growing-values", "warning", dense(1, 300, 300, 1)),
    Planted("exploding-gradient", "warning", dense(0.001, 1, 1000)),
    Planted("first-loss", "warning", dense(1, 50)),
]
