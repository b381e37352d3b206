"""Contrast normalization against numpy and scipy in float64, and against the layer of networks."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d, gaussian_filter
from splits_made import split, unit
from toys import message_of

from striate.data import GlobalContrast, LocalContrast, Preprocess
from striate.errors import DataError
from striate.nn.layers.normalization import LocalContrastNorm

SHAPES = [(1, 6, 7), (3, 12, 9), (3, 4, 5)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("scale", "bias", "eps"), [(1, 0, 1e-8), (55, 0.1, 1e-8), (2, 0, 0.5)], ids=["plain", "bias", "eps"]
)
def test_global_contrast_is_the_formula(shape, scale, bias, eps):
    images = unit(split(shape=shape))
    ours = GlobalContrast(scale, bias, eps).apply(torch.from_numpy(images)).numpy()
    for image, result in zip(images, ours, strict=True):
        apart = image - image.mean()
        expected = scale * apart / max(eps, np.sqrt(bias + (apart**2).mean()))
        assert np.abs(result - expected).max() < 1e-12


def test_global_contrast_gives_mean_0_and_deviation_s():
    images = torch.from_numpy(unit(split()))
    ours = GlobalContrast(scale=3).apply(images)
    assert ours.mean((1, 2, 3)).abs().max() < 1e-13
    assert (ours.std((1, 2, 3), correction=0) - 3).abs().max() < 1e-12
    brighter = GlobalContrast(scale=3).apply(images * 0.4 + 0.3)
    assert (ours - brighter).abs().max() < 1e-12


def local_contrast(image, size, sigma, eps):
    """Return what Jarrett et al. 2009 do to ``(C, H, W)``, by scipy."""

    def around(plane):
        options = {"sigma": sigma, "radius": size // 2, "mode": "constant"}
        return gaussian_filter(plane, **options) / gaussian_filter(np.ones_like(plane), **options)

    centered = image - around(image.mean(0))
    deviation = np.sqrt(around((centered**2).mean(0)))
    return centered / np.maximum(np.maximum(deviation, deviation.mean()), eps)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("size", "sigma", "eps"),
    [(9, None, 1e-4), (5, 0.8, 1e-4), (1, 2.0, 1e-4), (3, 1.0, 0.3), (21, None, 1e-4)],
)
def test_local_contrast_is_that_of_scipy(shape, size, sigma, eps):
    images = unit(split(count=8, shape=shape))
    ours = LocalContrast(size, sigma, eps).apply(torch.from_numpy(images)).numpy()
    for image, result in zip(images, ours, strict=True):
        assert np.abs(result - local_contrast(image, size, sigma or size / 4, eps)).max() < 1e-10


def test_the_window_is_that_of_a_gaussian_written_out():
    image = unit(split(count=1, shape=(1, 11, 11)))[0, 0]
    window = np.exp(-0.5 * (np.arange(-2, 3) / 1.25) ** 2)
    inside = correlate1d(
        correlate1d(np.ones((11, 11)), window, 0, mode="constant"), window, 1, mode="constant"
    )
    summed = correlate1d(correlate1d(image, window, 0, mode="constant"), window, 1, mode="constant")
    centered = image - summed / inside
    squares = correlate1d(correlate1d(centered**2, window, 0, mode="constant"), window, 1, mode="constant")
    deviation = np.sqrt(squares / inside)
    ours = LocalContrast(5).apply(torch.from_numpy(image)[None, None])[0, 0]
    assert np.abs(ours.numpy() - centered / np.maximum(deviation, deviation.mean())).max() < 1e-10


@pytest.mark.parametrize("shape", SHAPES)
def test_the_layer_of_networks_does_the_same(shape):
    images = torch.from_numpy(unit(split(shape=shape)))
    layer = LocalContrastNorm(kernel_size=5, sigma=1.25, eps=1e-4)
    assert (LocalContrast(5).apply(images) - layer(images)).abs().max() < 1e-12


@pytest.mark.parametrize("step", [GlobalContrast(), LocalContrast()], ids=["global", "local"])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_image_without_contrast_becomes_zeros(step, kind, shape):
    for value in (0, 1, 77, 128, 200, 255):
        images = Preprocess(shape, (step,)).finish(torch.full((2, *shape), value, dtype=kind))
        assert images.dtype == kind
        assert not images.any()


@pytest.mark.parametrize("step", [GlobalContrast(), LocalContrast()], ids=["global", "local"])
def test_float32_is_near_and_images_do_not_depend_on_their_batch(step):
    dataset = split()
    preprocess = Preprocess(dataset.shape, (step,))
    exact = preprocess.finish(dataset.images.double())
    ours = preprocess.normalize(dataset.images)
    assert ours.dtype == torch.float32
    assert (ours - exact).abs().max() < 1e-4
    assert (preprocess.normalize(dataset.images[3:4]) - ours[3:4]).abs().max() < 1e-6
    assert step.inverse(exact) is None


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: GlobalContrast(scale=0), "scale=0: must be a finite number above 0."),
        (lambda: GlobalContrast(bias=-1.0), "bias=-1.0: must be a finite number of at least 0."),
        (lambda: GlobalContrast(eps=0.0), "eps=0.0: must be a finite number above 0."),
        (lambda: GlobalContrast(eps=float("nan")), "eps=nan: must be a finite number above 0."),
        (lambda: LocalContrast(4), "kernel_size=4: must be an odd number from 1 to 999."),
        (lambda: LocalContrast(3.0), "kernel_size=3.0: must be an odd number from 1 to 999."),
        (lambda: LocalContrast(sigma=0.0), "sigma=0.0: must be a finite number above 0, or None."),
        (lambda: LocalContrast(eps=0.0), "eps=0.0: must be a finite number above 0."),
    ],
)  # fmt: skip
def test_bad_values(call, reason):
    assert message_of(DataError, call) == reason
