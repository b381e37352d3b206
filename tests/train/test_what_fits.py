"""What is checked before the first step: the network, the data and the device must fit."""

import numpy as np
import pytest
import torch
from torch import nn
from toys import files_below, message_of, quick, tiny, toy_source, write_split_folder

from striate.data import ArraySource
from striate.errors import ConfigError, DataError
from striate.spec import (
    BatchNorm,
    Conv,
    Flatten,
    GlobalAvgPool,
    Linear,
    Network,
    Sequential,
    Softmax,
)
from striate.train import resolve_device, train


def net(*layers, input=(1, 8, 8)):
    return Network("net", input, Sequential(*layers))


@pytest.mark.parametrize(
    ("network", "error", "message"),
    [
        (
            net(Linear(3), input=(64,)),
            DataError,
            "'net' takes inputs of shape (64,), and toy holds images (C, H, W).",
        ),
        (
            net(Flatten(), Linear(3), input=(2, 8, 8)),
            DataError,
            "images cannot have 2 channels, only 1 (grey) or 3 (RGB); write the network's input, "
            "or the shape, as (1, H, W) or (3, H, W).",
        ),
        (
            net(Flatten(), Linear(10)),
            ConfigError,
            "'net' gives an output of shape (10,), and the data has 3 classes; "
            "give its last layer 3 outputs, or use network.with_num_classes(3).",
        ),
        (
            net(Conv(3, 3)),
            ConfigError,
            "'net' gives an output of shape (3, 6, 6), and the data has 3 classes; "
            "end it with Flatten() or GlobalAvgPool() and Linear(3).",
        ),
        (
            net(Flatten(), Linear(3), Softmax()),
            ConfigError,
            "'net' ends with Softmax, and the training loss takes its input as logits; "
            "remove the last layer (predictions are probabilities all the same).",
        ),
        (
            net(GlobalAvgPool(), input=(3, 8, 8)),
            ConfigError,
            "the network has no weights to train; add a Conv or Linear layer, or unfreeze one.",
        ),
    ],
)
def test_networks(tmp_path, network, error, message):
    assert message_of(error, train, network, toy_source(), quick(), tmp_path / "run") == message
    assert files_below(tmp_path) == []


def test_a_batch_of_one_and_a_norm_of_single_values(tmp_path):
    network = net(Flatten(), Linear(3), BatchNorm(name="norm"))
    text = message_of(ConfigError, train, network, toy_source(), quick(batch_size=1), tmp_path / "run")
    assert text == (
        "batch_size=1: must be 2 or more for this network. "
        "norm (BatchNorm) has one value per channel of one image, and no variance to divide by."
    )
    for micro_batch in (1, 3, 63):  # of 64: parts of one; 2 and 3; 32
        options = quick(batch_size=64, micro_batch=micro_batch, epochs=1.0)
        if micro_batch > 1:
            list(train(network, toy_source(), options, tmp_path / f"parts-{micro_batch}"))
            continue
        text = message_of(ConfigError, train, network, toy_source(), options, tmp_path / "run")
        assert text == (
            "micro_batch=1: must be such that no part of 64 images is one image alone, for this network. "
            "norm (BatchNorm) has one value per channel of one image, and no variance to divide by."
        )
    text = message_of(
        ConfigError, train, network, toy_source(), quick(batch_size=9, micro_batch=2), tmp_path / "run"
    )
    assert text.startswith("micro_batch=2: must be such that no part of 9 images is one image alone")
    maps = net(Conv(2, 3), BatchNorm(), Flatten(), Linear(3))  # 36 values per channel will do
    list(train(maps, toy_source(train=6), quick(batch_size=1, epochs=0.5), tmp_path / "run"))
    assert (tmp_path / "run" / "model.safetensors").is_file()


class Answers(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.answer = answer

    def forward(self, x):
        return self.answer(x)


class Frozen(Answers):
    def __init__(self):
        super().__init__(lambda x: x.flatten(1)[:, :3])
        self.weight.requires_grad_(False)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            nn.Linear(5, 3),
            "the module cannot take 2 images of shape (1, 8, 8): RuntimeError: "
            "mat1 and mat2 shapes cannot be multiplied (16x8 and 5x3).",
        ),
        (
            Answers(lambda x: x.flatten(1)[:, :4]),
            "the module gives an output of shape (4,) per image in evaluation, and the data has 3 classes; "
            "it must give (3,).",
        ),
        (
            Answers(lambda x: x),
            "the module gives an output of shape (1, 8, 8) per image in evaluation, and the data has 3 classes; "
            "it must give (3,).",
        ),
        (
            Answers(lambda x: (x, x)),
            "the module gives a tuple in evaluation; it must give one tensor of logits (N, 3).",
        ),
        (Frozen(), "the network has no weights to train; add a Conv or Linear layer, or unfreeze one."),
    ],
)
def test_modules(tmp_path, module, message):
    assert message_of(ConfigError, train, module, toy_source(), quick(), tmp_path / "run") == message
    assert files_below(tmp_path) == []


def test_one_class(tmp_path):
    images = np.zeros((4, 1, 8, 8), np.uint8)
    parts = {"train": images, "val": images}
    source = ArraySource("x", parts, {s: np.zeros(4, int) for s in parts}, ("a",))
    text = message_of(DataError, train, tiny(1), source, quick(), tmp_path / "run")
    assert text == "the data has 1 class, 'a'; a classifier needs two or more."


def test_a_source_without_a_validation_split(tmp_path):
    images = np.zeros((4, 1, 8, 8), np.uint8)
    source = ArraySource("x", {"train": images}, {"train": np.arange(4) % 3}, ("a", "b", "c"))
    text = message_of(DataError, train, tiny(), source, quick(), tmp_path / "run")
    assert text == (
        "x has no split 'val'; it has train. Training needs train and val; "
        "to measure, choose one of them, such as --split train (split='train')."
    )


def test_a_module_and_images_of_many_sizes(tmp_path):
    root = write_split_folder(tmp_path / "set")
    text = message_of(DataError, train, nn.Flatten(), root, quick(), tmp_path / "run")
    assert text == (
        f"folder:{root} holds images of many sizes, and a module does not say which it takes; "
        "resize them, or describe the network as a striate.Network."
    )


def test_bad_images_can_be_left_out_and_are_noted(tmp_path):
    root = write_split_folder(tmp_path / "set", each=6)
    bad = root / "train" / "cat" / "bad.png"
    bad.write_text("x")
    text = message_of(DataError, train, tiny(2), root, quick(), tmp_path / "run")
    assert f"1 of 13 images in 'train' cannot be read: {bad}: not an image." in text
    events = list(
        train(tiny(2), root, quick(skip_bad_images=True, epochs=1.0, batch_size=4), tmp_path / "run")
    )
    assert events[0].sizes == {"train": 12, "val": 12}
    assert events[0].notes == (f"left out 1 images that cannot be read: {bad}: not an image",)


@pytest.mark.parametrize("name", ["", "gpu", "cuda:77", "hpu", "meta", "cpu "])
def test_unknown_devices(name):
    text = message_of(ConfigError, resolve_device, name)
    assert text.startswith(f"device={name!r}: must be auto or a device of this machine. Here there is cpu")


def test_devices():
    assert resolve_device("cpu").type == "cpu"
    kinds = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    assert resolve_device("auto").type == next(kind for kind, there in kinds.items() if there)
