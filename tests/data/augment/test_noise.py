"""Noise has the moments that were asked for, within five standard errors."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from striate.data.augment.draws import image_keys
from striate.data.augment.nonlinear import gaussian_noise, salt_and_pepper, speckle_noise

KEYS = image_keys(11, 0, np.arange(3))
STDS = torch.tensor([0.5, 4.0, 15.0])


def flat(value, channels=3, side=120):
    return torch.full((3, channels, side, side), value)


@pytest.mark.parametrize("channels", [1, 3])
def test_gaussian_noise_is_normal_of_the_wanted_deviation(channels):
    noise = (gaussian_noise(flat(120.0, channels), STDS, KEYS) - 120).double().flatten(1)
    count = noise.shape[1]
    for values, std in zip(noise, STDS.tolist(), strict=True):
        assert abs(values.mean()) < 5 * std / count**0.5
        assert values.std() == pytest.approx(std, abs=5 * std / (2 * count) ** 0.5)
        assert kstest(values.numpy() / std, "norm").pvalue > 1e-4


def test_speckles_grow_with_brightness():
    stds = torch.tensor([0.01, 0.05, 0.1])
    for value in (10.0, 100.0):
        noise = (speckle_noise(flat(value), stds, KEYS) - value).double().flatten(1)
        assert noise.std(1).numpy() == pytest.approx(
            stds.numpy() * value, rel=5 / (2 * noise.shape[1]) ** 0.5
        )
    assert torch.equal(speckle_noise(flat(0.0), stds, KEYS), flat(0.0))


def test_noise_of_channels_and_images_is_unrelated():
    noise = gaussian_noise(flat(120.0), torch.full((3,), 5.0), KEYS) - 120
    related = torch.corrcoef(noise.view(9, -1)) - torch.eye(9)
    assert related.abs().max() < 5 / 120


@pytest.mark.parametrize("channels", [1, 3])
def test_salt_and_pepper_in_equal_parts(channels):
    shares = torch.tensor([0.02, 0.3, 1.0])
    out = salt_and_pepper(flat(99.0, channels, 200), shares, KEYS)
    assert set(out.unique().tolist()) == {0.0, 99.0, 255.0}
    assert (out == out[:, :1]).all()
    for value in (0, 255):
        found = (out[:, 0] == value).double().mean((1, 2))
        expected = shares.double() / 2
        error = (expected * (1 - expected) / 200**2).sqrt()
        assert ((found - expected).abs() < 5 * error).all()


@pytest.mark.parametrize(
    "function", [gaussian_noise, salt_and_pepper, speckle_noise], ids=lambda f: f.__name__
)
def test_noise_is_a_function_of_the_key(function):
    images, strengths = flat(99.0), torch.full((3,), 0.4)
    first = function(images, strengths, KEYS)
    assert torch.equal(first, function(images, strengths, KEYS))
    assert torch.equal(function(images, strengths, KEYS[[2, 0, 1]]), first[[2, 0, 1]])
    assert not torch.equal(first[0], first[1])
