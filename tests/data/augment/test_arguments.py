"""What `Augment` is given wrong, each told in one sentence; and what is unusual, but right."""

import numpy as np
import pytest
import torch
from every_effect import augment, effect

from striate.data.augment import Augment, Recipe
from striate.data.preprocess import Preprocess, Quantize, Standardize
from striate.errors import ConfigError, DataError

IMAGES = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
NUMBERS = torch.tensor([0, 1, 2, 1])
SIGNALS = torch.zeros(4, 1, 20)


def mixing(num_classes=3):
    return Augment(Recipe((effect("Mixup"),)), num_classes=num_classes)


def preprocess(*shape):
    return Preprocess(shape, (Quantize(4),))


FORWARD = "must be a slice of whole numbers with a step of at least 1, such as slice(0, 32)."
WRONG_CALLS = {
    "float images": (
        lambda: Augment("cifar")(IMAGES.float()),
        "images (4, 3, 8, 8) of float32: must be uint8 (N, C, H, W), or signals float32 (N, C, L).",
    ),
    "one image": (lambda: Augment("cifar")(IMAGES[0]), "images (3, 8, 8) of uint8: must be uint8 (N, C, H, W), or"),
    "five axes": (lambda: Augment("cifar")(IMAGES[None]), "images (1, 4, 3, 8, 8) of uint8: must be uint8"),
    "double signals": (lambda: augment(effect("Gain"))(SIGNALS.double()), "images (4, 1, 20) of float64: must be"),
    "two channels": (
        lambda: Augment("cifar")(IMAGES[:, :2]),
        "images (4, 2, 8, 8) of uint8: must have 1 channel (grey) or 3 (RGB).",
    ),
    "no pixels": (lambda: Augment("cifar")(IMAGES[..., :0]), "images (4, 3, 8, 0) of uint8: must have a channel and"),
    "an array": (lambda: Augment("cifar")(IMAGES.numpy()), "images: a ndarray; must be a tensor"),
    "signals for images": (lambda: Augment("cifar")(SIGNALS), "RandomCrop is for images, and these are (4, 1, 20) of"),
    "images for signals": (lambda: augment(effect("Gain"))(IMAGES), "Gain is for signals, and these are (4, 3, 8, 8)"),
    "signals to cut": (lambda: augment(effect("CutMix"))(SIGNALS, NUMBERS), "CutMix is for images"),
    "too few targets": (
        lambda: Augment("cifar")(IMAGES, NUMBERS[:3]),
        "targets of shape (3,) for 4 images: must be numbers of classes (N,), or probabilities (N, classes).",
    ),
    "fractional targets": (lambda: Augment("cifar")(IMAGES, NUMBERS / 2), "targets of shape (4,) for 4 images: "),
    "square targets": (lambda: Augment("cifar")(IMAGES, NUMBERS[:, None]), "targets of shape (4, 1) for 4 images: "),
    "one target": (lambda: Augment("cifar")(IMAGES, torch.tensor(1)), "targets of shape () for 4 images: must be"),
    "a list of targets": (lambda: Augment("cifar")(IMAGES, [0, 1, 2, 1]), "targets: a list; must be a tensor"),
    "no number of classes": (
        lambda: mixing(None)(IMAGES, NUMBERS),
        "Mixup mixes targets and must know how many classes there are: Augment(…, num_classes=…).",
    ),
    "a class too many": (
        lambda: mixing(2)(IMAGES, NUMBERS),
        "targets from 0 to 2: must lie within 0 to num_classes - 1 = 1.",
    ),
    "a class below 0": (lambda: mixing()(IMAGES, NUMBERS - 1), "targets from -1 to 1: must lie within 0 to"),
    "targets that are wanted": (
        lambda: augment(effect("Rotate", classes=[1]))(IMAGES),
        "Rotate is for some classes alone; give the targets of the images.",
    ),
    "too few indices": (
        lambda: Augment("cifar")(IMAGES, indices=NUMBERS[:3]),
        "indices of shape (3,): must be whole numbers, one for each of 4 images.",
    ),
    "fractional indices": (lambda: Augment("cifar")(IMAGES, indices=NUMBERS / 1), "must be whole numbers, one for"),
    "square indices": (lambda: Augment("cifar")(IMAGES, indices=NUMBERS[None]), "indices of shape (1, 4): must be"),
    "a seed below 0": (lambda: Augment("cifar")(IMAGES, seed=-1), "seed=-1: must be a whole number from 0 to 2^63 -"),
    "a fractional seed": (lambda: Augment("cifar")(IMAGES, seed=1.5), "seed=1.5: must be a whole number from 0"),
    "half a share": (
        lambda: Augment("cifar")(IMAGES, share=slice(0.5)),
        f"share=slice(None, 0.5, None): {FORWARD}",
    ),
    "a share backwards": (
        lambda: Augment("cifar")(IMAGES, share=slice(None, None, -1)),
        f"share=slice(None, None, -1): {FORWARD}",
    ),
    "a mixed share backwards": (
        lambda: mixing()(IMAGES, NUMBERS, share=slice(None, None, -1)),
        f"share=slice(None, None, -1): {FORWARD}",
    ),
    "a share of steps of none": (lambda: mixing()(IMAGES, NUMBERS, share=slice(0, 4, 0)), "share=slice(0, 4, 0): "),
    "a share that is a list": (lambda: mixing()(IMAGES, NUMBERS, share=[0]), "share=[0]: must be a slice of whole"),
    "preprocessing of color": (
        lambda: Augment("cifar", preprocess=preprocess(3, 8, 8))(IMAGES[:, :1]),
        "images become 1×8×8, and preprocess is for 3×8×8; give Augment images, or a size, that fit.",
    ),
    "preprocessing of grey": (
        lambda: Augment("cifar", preprocess=preprocess(1, 8, 8))(IMAGES),
        "images become 3×8×8, and preprocess is for 1×8×8; give Augment images, or a size, that fit.",
    ),
    "preprocessing of another size": (
        lambda: Augment("cifar", preprocess=preprocess(3, 8, 9))(IMAGES),
        "images become 3×8×8, and preprocess is for 3×8×9; give",
    ),
    "steps of other images": (
        lambda: Augment("cifar")(IMAGES, step=np.arange(3)),
        "step of shape (3,) and type int64: must be a whole number from 0 on, or one for each of",
    ),
    "a step before the first": (
        lambda: Augment("cifar")(IMAGES, step=np.full(len(IMAGES), -1)), "step of shape (",
    ),
    "half a step": (lambda: Augment("cifar")(IMAGES, step=np.full(len(IMAGES), 0.5)), "step of shape ("),
    "images of several steps mixed": (
        lambda: mixing()(IMAGES, NUMBERS, step=np.arange(len(IMAGES))),
        "step: one for each image, and Mixup mixes the images of one step; give a number.",
    ),
    "a step too far": (lambda: Augment("cifar")(IMAGES, step=2**63), "step=9223372036854775808: must be a whole"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_wrong_data_are_told_in_one_sentence(name):
    call, expected = WRONG_CALLS[name]
    with pytest.raises(DataError) as raised:
        call()
    assert expected in str(raised.value)
    assert str(raised.value).endswith(".")


SIZE = "must be height and width in pixels, 1 to 65535, such as (224, 224)."
COUNT = "must be a whole number of at least 1, or None."
WRONG_ARGUMENTS = {
    "a name": ({"recipe": "cifr"}, "unknown recipe 'cifr'. Did you mean 'cifar'? Known: alexnet, "),
    "a number": ({"recipe": 3}, "recipe=3: must be a Recipe, the name of one, or"),
    "one size": ({"size": 3}, f"size=3: {SIZE}"),
    "no height": ({"size": (0, 3)}, f"size=(0, 3): {SIZE}"),
    "fractions": ({"size": (2.5, 3)}, f"size=(2.5, 3): {SIZE}"),
    "three sizes": ({"size": (3, 8, 8)}, f"size=(3, 8, 8): {SIZE}"),
    "too large": ({"size": (8, 2**16)}, f"size=(8, 65536): {SIZE}"),
    "a size of signals": (
        {"recipe": Recipe((effect("Gain"),)), "size": (8, 8)},
        "Gain is for signals; leave out size, which is for images.",
    ),
    "preprocessing of signals": (
        {"recipe": Recipe((effect("Gain"),)), "preprocess": preprocess(1, 8, 8)},
        "Gain is for signals; leave out preprocess, which is for images.",
    ),
    "preprocessing of another size": (
        {"size": (8, 9), "preprocess": preprocess(3, 8, 8)},
        "size=(8, 9): must be that of preprocess, (8, 8), or None.",
    ),
    "no classes": ({"num_classes": 0}, f"num_classes=0: {COUNT}"),
    "a truth": ({"num_classes": True}, f"num_classes=True: {COUNT}"),
    "a class": (
        {"recipe": Recipe((effect("Rotate", classes=["cat"]),)), "class_names": ["cot", "dog"]},
        "Rotate: there is no class 'cat'. Did you mean 'cot'? The classes are cot, dog.",
    ),
    "a class of no names": (
        {"recipe": Recipe((effect("Rotate", classes=["cat"]),))},
        "Rotate: there is no class 'cat'. Give Augment their class_names.",
    ),
}


@pytest.mark.parametrize("name", WRONG_ARGUMENTS)
def test_wrong_arguments_are_told_in_one_sentence(name):
    options, expected = WRONG_ARGUMENTS[name]
    with pytest.raises(ConfigError) as raised:
        Augment(**({"recipe": "cifar"} | options))
    assert expected in str(raised.value)


def test_indices_may_be_a_list_an_array_or_a_tensor_of_any_whole_kind():
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), dtype=np.uint8))
    given = [7, 8, 2**31, 5]
    kinds = [
        given,
        np.array(given),
        torch.tensor(given),
        np.array(given, np.uint64),
        np.array(given, np.uint32),
    ]
    first, *others = (Augment("cifar")(images, indices=kind)[0] for kind in kinds)
    assert all(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("kind", [torch.int64, torch.int32, torch.uint8], ids=str)
def test_targets_come_back_as_they_were_unless_they_are_mixed(kind):
    targets = NUMBERS.to(kind)
    assert Augment("cifar")(IMAGES, targets)[1] is targets
    assert Augment("cifar")(IMAGES)[1] is None
    mixed = mixing()(IMAGES, targets)[1]
    assert mixed.dtype == torch.float32
    assert mixed.shape == (4, 3)


@pytest.mark.parametrize("done", [(), ("Rotate",), ("Blur",), ("AugMix",)], ids=str)
def test_preprocessing_of_any_kind_comes_last(done):
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (4, 3, 8, 9), dtype=np.uint8))
    recipe = Recipe([effect(kind) for kind in done])
    plain = Augment(recipe)(images)[0] * 255
    for steps, order in (
        ((Standardize((0.4, 0.5, 0.3), (0.2, 0.3, 0.1)),), "rgb"),
        ((Standardize((0.4, 0.5, 0.3), (0.2, 0.3, 0.1)),), "bgr"),
        ((Quantize(4),), "rgb"),
    ):
        preprocess = Preprocess((3, 8, 9), steps, channel_order=order)
        out = Augment(recipe, preprocess=preprocess)(images)[0]
        off = (out - preprocess.finish(plain)).abs()
        assert off.quantile(0.98) < 1e-3  # where steps jump, the last bit decides


def test_two_results_at_once_are_two():
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), dtype=np.uint8))
    augmenting = Augment("cifar")
    first = augmenting(images, step=1)[0]
    before = first.clone()
    others = [augmenting(images, step=step)[0] for step in range(2, 9)]
    assert torch.equal(first, before)
    assert all(not torch.equal(first, other) for other in others)


@pytest.mark.parametrize("mixes", [False, True])
@pytest.mark.parametrize(
    "share", [slice(1, 4, 2), slice(-3, -1), slice(2, 99), slice(np.int64(1), 3)], ids=str
)
def test_a_share_is_any_slice_that_goes_forward(mixes, share):
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), dtype=np.uint8))
    augmenting = mixing() if mixes else Augment("cifar")
    out, targets = augmenting(images, NUMBERS)
    part, of_part = augmenting(images, NUMBERS, share=share)
    assert torch.equal(part, out[share])
    assert torch.equal(of_part, targets[share])
