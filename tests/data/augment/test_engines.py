"""What compiled code must not do: see other images, lose what shrinks, take all memory, stay behind in a fork."""

import multiprocessing
import os

import numpy as np
import pytest
import torch
from naive_warp import naive_warp

from striate.data.augment import Augment, Recipe
from striate.data.augment.effects import RandomCrop, Rotate, Shear, Zoom
from striate.data.augment.sampling import Warp, warped
from striate.data.buffers import Buffers
from striate.errors import DataError

TURNS = [
    (Zoom(factor=(0.25, 0.25)), Rotate(degrees=(5, 5)), RandomCrop(margin=60)),
    (Shear(x=(20, 20)), Zoom(factor=(0.3, 0.3)), RandomCrop(margin=40)),
]


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))


@pytest.mark.parametrize("effects", TURNS, ids=["turned", "sheared"])
@pytest.mark.parametrize("padding", ["zeros", "replicate", "reflect"])
def test_no_image_sees_another(effects, padding):
    augment = Augment(Recipe(effects, padding=padding), size=(16, 16))
    images, other = noise(2, 3, 64, 64), noise(2, 3, 64, 64, seed=1)
    mixed = torch.cat([other[:1], images[1:]])
    for step in range(40):
        seen, again = (augment(batch, step=step)[0][1] for batch in (images, mixed))
        assert torch.equal(seen, again)


@pytest.mark.parametrize(("side", "small"), [(256, 16), (320, 10)])
def test_what_is_turned_and_shrinks_much_is_smooth(side, small):
    """The oracle sums in float64."""
    image = noise(1, 1, side, side)
    angle, scale = np.deg2rad(10), side / small
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = side / 2 - linear @ (small / 2, small / 2)
    colors = np.array([[[1, 0]]], np.float32)
    one, none = np.ones(1, np.float32), np.zeros(1, np.float32)
    warp = Warp(
        size=(small, small), maps=matrix[None], colors=colors, scale=one, shift=none, padding="replicate",
        fill=np.zeros(1, np.uint8),
    )  # fmt: skip
    ours = warped(image, warp, Buffers())[0].numpy()
    theirs, _ = naive_warp(image[0].numpy(), matrix, (small, small), "replicate", [0])
    assert np.abs(ours - theirs).max() < 0.05
    assert ours.std() < 6


def test_a_recipe_that_shrinks_without_end_ends():
    images = noise(2, 3, 32, 32)
    for count in (1, 2, 3):
        recipe = Recipe((Zoom(factor=(0.01, 0.01)),) * count + (Rotate(degrees=(9, 9)),), padding="reflect")
        assert torch.isfinite(Augment(recipe)(images)[0]).all()
    with pytest.raises(DataError, match="shrinks or moves images beyond all measure"):
        Augment(Recipe((Zoom(factor=(0.01, 0.01)),) * 100))(images)
    assert torch.isfinite(Augment(Recipe((Zoom(factor=(100, 100)),) * 100))(images)[0]).all()


def _in_child(results, images):
    results.put(Augment("cifar")(images)[0].numpy().tobytes())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_augments_alike():
    images = noise(64, 3, 40, 40)
    torch.set_num_threads(2)
    ours = Augment("cifar")(images)[0].numpy().tobytes()
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_in_child, args=(results, images), daemon=True)
    child.start()
    assert results.get(timeout=60) == ours
    child.join(10)
