"""What is rendered: of AugMix no chain that nobody sees, and of colors no number too large for one."""

import numpy as np
import pytest
import torch
from every_effect import batch, effect

from striate.data.augment import Augment, Recipe, rendering
from striate.data.augment.draws import image_keys

COUNT = 40
BEFORE = {
    "nothing": (),
    "geometry": (effect("Rotate", p=0.5), effect("RandomCrop")),
    "bends": (effect("Elastic"), effect("Elastic", p=0.4)),
    "pixels": (effect("Noise"), effect("Posterize", p=0.5), effect("Blur", p=0.3)),
}


@pytest.fixture
def rendered_images(monkeypatch):
    """Return a list, to which the number of images of each resampling is added."""
    counts, warped = [], rendering.warped

    def counting(images, *others):
        counts.append(len(images))
        return warped(images, *others)

    monkeypatch.setattr(rendering, "warped", counting)
    return counts


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_a_rare_mixture_is_that_of_all_where_it_is_and_renders_its_images_alone(before, p, rendered_images):
    images, _ = batch("Rotate", COUNT)
    recipes = [
        Recipe((*BEFORE[before], *last)) for last in ((), (effect("AugMix"),), (effect("AugMix", p=p),))
    ]
    none, all_, some = (Augment(recipe)(images, seed=2)[0] for recipe in recipes)
    plan = Augment(recipes[2]).plan(images, None, image_keys(2, 0, np.arange(COUNT)))
    (hits,) = (entry.rows for entry in plan.entries if entry.effect.kind == "AugMix")
    hit = torch.zeros(COUNT, dtype=torch.bool)
    hit[hits] = True
    assert 0 < hit.sum() < COUNT
    assert torch.equal(some[hit], all_[hit])
    assert torch.equal(some[~hit], none[~hit])
    assert rendered_images == [COUNT, COUNT, *[COUNT] * 3, COUNT, *[len(hits)] * 3]


def test_a_mixture_of_nobody_renders_nothing(rendered_images):
    images, _ = batch("Rotate", COUNT)
    for rare in ({"p": 0.0}, {"severity": 0}):
        out = Augment(Recipe((effect("Blur"), effect("AugMix", **rare))))(images)[0]
        assert torch.equal(out, Augment(Recipe((effect("Blur"),)))(images)[0])
    assert rendered_images == [COUNT] * 4


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "done",
    [
        [effect("Contrast", factor=(10, 10))] * 60,
        [effect("Contrast", factor=(10, 10))] * 100,
        [effect("Brightness", factor=(10, 10))] * 100,
        [effect("Invert"), effect("Saturation", factor=(10, 10)), effect("Hue")] * 33,
        [effect("PCAColor", std=10.0, eigenvalues=(100, 100, 100))] * 100,
        [effect("RandAugment", count=10, magnitude=30.0)] * 100,
    ],
    ids=["contrast-60", "contrast-100", "brightness", "saturation", "tint", "policy"],
)
def test_the_strongest_colors_are_finite(done, channels):
    images, _ = batch("Contrast", 8)
    out = Augment(Recipe(done))(images[:, :channels])[0]
    assert out.isfinite().all()
    assert out.min() >= 0
    assert out.max() <= 1


@pytest.mark.parametrize("times", [8, 20, 60])
def test_contrast_that_is_too_large_for_a_number_still_parts_bright_from_dark(times):
    images, _ = batch("Contrast", 8)
    recipe = Recipe([effect("Contrast", factor=(10, 10))] * times)
    out = Augment(recipe)(images)[0].numpy()
    colors = Augment(recipe).plan(images, None, image_keys(0, 0, np.arange(8))).colors
    pixels = images.numpy().astype(np.float64)
    exact = np.einsum("nij,njhw->nihw", colors[:, :3, :3], pixels) + colors[:, :3, 3, None, None]
    assert out == pytest.approx(exact.clip(0, 255) / 255, abs=1e-5)
    assert 0.2 < out.mean() < 0.8
