"""Blurring against SciPy, sharpening against Pillow."""

import numpy as np
import pytest
import torch
from pictures import batch, photographs, random_pictures
from PIL import ImageEnhance
from scipy.ndimage import gaussian_filter

from striate.data.augment.nonlinear import gaussian_blur, sharpen


def blurred_by_scipy(images, sigmas):
    """Blur in float64; 'mirror' is what others call 'reflect'."""
    radii = [int(np.ceil(np.float32(4) * np.float32(sigma))) for sigma in sigmas]
    return np.stack(
        [
            [gaussian_filter(c, sigma, mode="mirror", radius=radius) for c in image]
            for image, sigma, radius in zip(images.double().numpy(), sigmas, radii, strict=True)
        ]
    )


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("sigmas", [(0.1, 0.5, 1.0, 1.3), (2.0, 5.0, 0.8, 11.0)], ids=["small", "large"])
def test_blurred_photographs(data_folder, mode, sigmas):
    images = batch(photographs(data_folder, mode))
    out = gaussian_blur(images, torch.tensor(sigmas))
    assert out.numpy() == pytest.approx(blurred_by_scipy(images, sigmas), abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 3), (5, 4)], ids=str)
def test_blur_reaches_beyond_small_images(shape):
    images = torch.rand(3, 1, *shape) * 255
    sigmas = (0.4, 1.7, 6.0)
    out = gaussian_blur(images, torch.tensor(sigmas))
    assert out.numpy() == pytest.approx(blurred_by_scipy(images, sigmas), abs=1e-3)


def test_unblurred_images_beside_blurred_ones_are_kept():
    images = torch.rand(3, 3, 9, 9) * 255
    out = gaussian_blur(images, torch.tensor([0.0, 1.0, 0.0]))
    assert torch.equal(out[[0, 2]], images[[0, 2]])
    assert (out[1] - images[1]).abs().max() > 10


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("make", ["photographs", "random"])
@pytest.mark.parametrize(
    "amounts", [(-1.0, -0.7, -0.3, 0.0), (0.2, 0.5, 0.8, 1.0)], ids=["softer", "sharper"]
)
def test_sharpness_is_that_of_pillow(request, mode, make, amounts):
    images = (
        photographs(request.getfixturevalue("data_folder"), mode)
        if make == "photographs"
        else random_pictures(mode)
    )
    out = sharpen(batch(images), torch.tensor(amounts))
    rows = zip(images, amounts, strict=True)
    expected = batch([ImageEnhance.Sharpness(image).enhance(1 + amount) for image, amount in rows])
    # Pillow rounds what it smooths, which is up to half a level times the amount, and cuts fractions off at the end.
    difference = (out - expected).abs().amax((1, 2, 3))
    assert (difference <= 1 + 0.5 * torch.tensor(amounts).abs() + 1e-3).all()
    assert (out.floor() - expected).abs().mean() < 0.5


def test_sharpening_in_float64():
    x = torch.rand(2, 3, 12, 9, dtype=torch.float64) * 255
    kernel = torch.ones(3, 1, 3, 3, dtype=torch.float64)
    kernel[:, :, 1, 1] = 5
    smooth = x.clone()
    smooth[:, :, 1:-1, 1:-1] = torch.nn.functional.conv2d(x, kernel / 13, groups=3)
    for amount in (-1.0, 0.5, 3.0):
        expected = (x + amount * (x - smooth)).clamp(0, 255)
        out = sharpen(x.float(), torch.full((2,), amount))
        assert out.numpy() == pytest.approx(expected.numpy(), abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (9, 2)], ids=str)
def test_images_without_inner_pixels_have_nothing_to_sharpen(shape):
    images = torch.rand(2, 3, *shape) * 255
    assert torch.equal(sharpen(images, torch.tensor([-1.0, 3.0])), images)
