"""What every function of the non-linear effects keeps to, whatever it does."""

import numpy as np
import pytest
import torch
from pictures import batch, photographs

from striate.data.augment import nonlinear
from striate.data.augment.draws import image_keys

# For each function what it takes for four images beside them, and what leaves an image unchanged (None: nothing does).
STRENGTHS = {
    "autocontrast": ((), None),
    "equalize": ((), None),
    "erase": (
        (
            torch.tensor([[3, 2, 9, 4], [-2, 5, 7, 99], [0, 0, 0, 5], [0, 0, 1, 1]]),
            torch.full((4, 1, 1, 1), 9.0),
        ),
        torch.zeros(4, 4, dtype=torch.int64),
    ),
    "gamma": ((torch.tensor([0.5, 0.9, 1.0, 2.3]),), torch.ones(4)),
    "gaussian_blur": ((torch.tensor([0.3, 2.1, 0.0, 0.9]),), torch.zeros(4)),
    "gaussian_noise": ((torch.tensor([1.0, 60.0, 0.0, 7.0]),), torch.zeros(4)),
    "jpeg": ((torch.tensor([10.0, 50.0, 90.0, 100.0]),), None),
    "posterize": ((torch.tensor([1, 3, 8, 5]),), torch.full((4,), 8)),
    "salt_and_pepper": ((torch.tensor([0.5, 0.01, 0.0, 1.0]),), torch.zeros(4)),
    "sharpen": ((torch.tensor([-1.0, 2.0, 0.0, 0.4]),), torch.zeros(4)),
    "solarize": ((torch.tensor([128.0, 0.0, 256.0, 200.0]),), torch.full((4,), 256.0)),
    "speckle_noise": ((torch.tensor([0.1, 2.0, 0.0, 0.5]),), torch.zeros(4)),
}
KEYED = ("gaussian_noise", "salt_and_pepper", "speckle_noise")
FUNCTIONS = pytest.mark.parametrize("name", STRENGTHS)
KEYS = image_keys(5, 2, np.arange(4))


def rows(name):
    return (*STRENGTHS[name][0], KEYS) if name in KEYED else STRENGTHS[name][0]


def applied(name, images, order=(0, 1, 2, 3)):
    """Apply the function to the images that ``order`` names, each with its own strength and key."""
    order = list(order)
    return getattr(nonlinear, name)(images[order], *(row[order] for row in rows(name)))


def test_the_table_has_every_function():
    helpers = {"box_masks", "mean_fills", "noise_fills"}
    assert set(nonlinear.__all__) == set(STRENGTHS) | helpers


@pytest.fixture(params=[1, 3], ids=["grey", "color"])
def images(request):
    """Four images of fractions, dark to bright, with clipped parts."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(4, request.param, 61, 47, generator=generator) * 300 - 20
    return (noise * torch.tensor([0.2, 0.5, 1.0, 1.3]).view(4, 1, 1, 1)).clamp(0, 255)


@FUNCTIONS
@pytest.mark.parametrize("threads", [1, 2], ids=["one-thread", "two-threads"])
def test_an_image_is_treated_the_same_alone_and_in_any_batch(name, images, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        together = applied(name, images)
        for image in range(4):
            assert torch.equal(applied(name, images, [image])[0], together[image])
        assert torch.equal(applied(name, images, [3, 1, 2]), together[[3, 1, 2]])
    finally:
        torch.set_num_threads(before)


@FUNCTIONS
def test_photographs_too_are_treated_the_same_alone(name, data_folder):
    images = batch(photographs(data_folder))
    together = applied(name, images)
    assert all(torch.equal(applied(name, images, [image])[0], together[image]) for image in range(4))


@FUNCTIONS
def test_the_layout_in_memory_does_not_matter(name, images):
    expected = applied(name, images)
    function = getattr(nonlinear, name)
    last = images.contiguous(memory_format=torch.channels_last)
    turned = images.transpose(2, 3).contiguous().transpose(2, 3)
    for laid_out in (last, turned, images.repeat_interleave(2, 3)[..., ::2]):
        assert torch.equal(function(laid_out, *rows(name)), expected)


@FUNCTIONS
def test_input_is_kept_and_output_is_new_pixels(name, images):
    kept = images.clone()
    out = getattr(nonlinear, name)(images, *rows(name))
    assert torch.equal(images, kept)
    assert out.data_ptr() != images.data_ptr()
    assert (out.shape, out.dtype) == (images.shape, torch.float32)
    assert out.min() >= 0
    assert out.max() <= 255
    assert not torch.equal(out, images)


@pytest.mark.parametrize("name", [name for name, (_, identity) in STRENGTHS.items() if identity is not None])
def test_no_strength_gives_the_image_back(name, images):
    identity = STRENGTHS[name][1]
    assert torch.equal(getattr(nonlinear, name)(images, identity, *rows(name)[1:]), images)


@FUNCTIONS
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 2), (9, 1), (3, 3)], ids=str)
@pytest.mark.parametrize("value", [0.0, 77.25, 255.0])
def test_tiny_and_flat_images(name, shape, value):
    out = applied(name, torch.full((4, 3, *shape), value))
    assert out.shape == (4, 3, *shape)
    assert out.isfinite().all()
    assert out.min() >= 0
    assert out.max() <= 255


@FUNCTIONS
def test_no_images_are_no_trouble(name):
    assert applied(name, torch.zeros(4, 3, 8, 8), []).shape == (0, 3, 8, 8)
