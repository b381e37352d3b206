"""Tones against Pillow, which knows only bytes, and against NumPy in float64."""

import numpy as np
import pytest
import torch
from pictures import batch, photographs, random_pictures
from PIL import ImageOps

from striate.data.augment.nonlinear import autocontrast, equalize, gamma, posterize, solarize

MODES = pytest.mark.parametrize("mode", ["L", "RGB"])


def by_pillow(images, function, *values):
    rows = zip(images, *values, strict=True) if values else ((image,) for image in images)
    return batch([function(*row) for row in rows])


@MODES
@pytest.mark.parametrize("make", ["photographs", "random"])
def test_tones_of_bytes_are_those_of_pillow(mode, make, request):
    images = (
        photographs(request.getfixturevalue("data_folder"), mode)
        if make == "photographs"
        else random_pictures(mode)
    )
    pixels = batch(images)
    assert torch.equal(equalize(pixels), by_pillow(images, ImageOps.equalize))
    for bits in ([1, 2, 3, 4], [5, 6, 7, 8]):
        assert torch.equal(posterize(pixels, torch.tensor(bits)), by_pillow(images, ImageOps.posterize, bits))
    for thresholds in ([0, 1, 90, 127], [128, 200, 255, 256]):
        expected = by_pillow(images, ImageOps.solarize, thresholds)
        assert torch.equal(solarize(pixels, torch.tensor(thresholds).float()), expected)
    difference = autocontrast(pixels) - by_pillow(images, ImageOps.autocontrast)  # which rounds down
    assert difference.min() > -1e-3
    assert difference.max() < 1 + 1e-3  # a whole number in float64 may lie below it


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 15), (30, 17), (64, 64)], ids=str)
def test_equalizing_few_pixels_and_many(size):
    images = random_pictures("L", size)
    assert torch.equal(equalize(batch(images)), by_pillow(images, ImageOps.equalize))


def test_gamma_is_a_power():
    x = np.random.default_rng(0).uniform(0, 255, (3, 3, 20, 20))
    exponents = np.array([0.4, 1.0, 2.5])
    expected = 255 * (x / 255) ** exponents[:, None, None, None]
    out = gamma(torch.tensor(x).float(), torch.tensor(exponents).float())
    assert out.numpy() == pytest.approx(expected, abs=1e-4)


def test_fractions_are_rounded_where_whole_numbers_are_wanted():
    x = torch.tensor([[[[31.4, 31.6, 32.0]]]])
    assert posterize(x, torch.tensor([3])).tolist() == [[[[0, 32, 32]]]]
    assert posterize(x, torch.tensor([8])).equal(x)
    many = torch.rand(2, 3, 50, 50) * 255
    assert torch.equal(equalize(many), equalize(many.round()))


def test_contrast_reaches_both_ends_of_each_channel():
    x = torch.rand(5, 3, 9, 9) * 60 + 100
    x[0, 1] = 33.0
    out = autocontrast(x)
    assert out[0, 1].unique().tolist() == [33.0]
    out[0, 1] = out[0, 0]
    assert (out.amin((2, 3)) == 0).all()
    assert out.amax((2, 3)).numpy() == pytest.approx(255, abs=1e-4)
    low, high = x.amin((2, 3), True), x.amax((2, 3), True)
    assert out[1:].numpy() == pytest.approx(((x - low) / (high - low) * 255)[1:].numpy(), abs=1e-3)
