"""An image alone is what it is in a batch, to the last bit, whatever rare effects are done to the others."""

import numpy as np
import pytest
import torch
from every_effect import CLASSES, batch, effect

from striate.data.augment import RECIPES, Augment, Recipe
from striate.data.augment.sampling import warping
from striate.data.preprocess import Preprocess, Standardize

COUNT = 24
RARE = {
    "perspective": [effect("Rotate"), effect("Zoom", factor=(0.5, 2.0)), effect("Perspective", p=0.1)],
    "elastic": [effect("Rotate"), effect("Shear"), effect("Elastic", p=0.1)],
    "pixels": [effect("Brightness"), effect("Hue"), effect("Blur", p=0.1), effect("Solarize", p=0.1)],
    "crop": [effect("RandomCrop", p=0.1), effect("Contrast", p=0.3)],
    "resized crop": [effect("RandomResizedCrop", p=0.1), effect("HorizontalFlip", p=0.1)],
    "policy": [effect("Shift"), effect("Saturation"), effect("RandAugment", p=0.1)],
    "mixture": [effect("Rotate"), effect("Contrast"), effect("AugMix", p=0.1)],
    "everything": [effect(kind, p=0.05) for kind in ("Rotate", "Elastic", "Hue", "Gamma", "Noise", "JPEG", "Erase")],
}  # fmt: skip


@pytest.fixture(params=["compiled", "torch"])
def engine(request, monkeypatch):
    if request.param == "torch":
        monkeypatch.setattr(warping, "compiled", lambda: None)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("size", [None, (12, 13)], ids=["same size", "smaller"])
@pytest.mark.parametrize("name", [*RARE, *RECIPES])
def test_an_image_alone_is_what_it_is_in_a_batch(name, size):
    images, _ = batch("Rotate", COUNT)
    recipe = RECIPES[name] if name in RECIPES else Recipe(RARE[name], padding="reflect")
    shape = (3, *(size or images.shape[2:]))
    preprocess = Preprocess(shape, (Standardize((0.45, 0.45, 0.4), (0.22, 0.23, 0.21)),))
    augment = Augment(recipe, size=size, preprocess=preprocess)
    indices = np.arange(COUNT) + 500
    whole = augment(images, seed=2, indices=indices)[0]
    for n in range(COUNT):
        alone = augment(images[n : n + 1], seed=2, indices=indices[n : n + 1])[0]
        assert torch.equal(alone[0], whole[n]), (
            f"image {n}: up to {float((alone[0] - whole[n]).abs().max()):.2g} off"
        )


@pytest.mark.parametrize("name", RECIPES)
def test_batches_of_several_steps_at_once_are_what_each_is(name):
    images, _ = batch("Rotate", COUNT)
    augment, indices = Augment(RECIPES[name]), np.arange(COUNT) * 7
    assert not augment.mixes
    together = augment(images, seed=3, step=np.repeat([4, 5, 9], COUNT // 3), indices=indices)[0]
    for number, step in enumerate((4, 5, 9)):
        part = slice(number * COUNT // 3, (number + 1) * COUNT // 3)
        assert torch.equal(augment(images[part], seed=3, step=step, indices=indices[part])[0], together[part])


def test_a_signal_alone_is_what_it_is_in_a_batch():
    signals, _ = batch("Gain", COUNT)
    recipe = Recipe(
        [effect(kind, p=0.1) for kind in ("TimeStretch", "TimeShift", "SignalNoise", "TimeMask", "Gain")]
    )
    whole = Augment(recipe)(signals, seed=2)[0]
    for n in range(COUNT):
        alone = Augment(recipe)(signals[n : n + 1], seed=2, indices=np.array([n]))[0]
        assert torch.equal(alone[0], whole[n])


def test_shares_of_rare_mixtures_are_those_of_the_whole():
    images, targets = batch("Rotate", COUNT)
    recipe = Recipe([*RARE["pixels"], effect("Mixup", p=0.3), effect("CutMix", p=0.3)])
    augment = Augment(recipe, num_classes=CLASSES)
    whole = augment(images, targets)
    for n in range(COUNT):
        part = augment(images, targets, share=slice(n, n + 1))
        assert torch.equal(part[0], whole[0][n : n + 1])
        assert torch.equal(part[1], whole[1][n : n + 1])
