"""Erasing against a loop over images and slices."""

import numpy as np
import pytest
import torch

from striate.data.augment.draws import image_keys
from striate.data.augment.nonlinear import box_masks, erase, mean_fills, noise_fills

BOXES = torch.tensor(
    [[2, 3, 4, 5], [-3, -1, 6, 4], [8, 10, 50, 50], [4, 4, 0, 6], [0, 0, 11, 13], [5, 5, -2, 3]]
)


@pytest.fixture(params=[1, 3], ids=["grey", "color"])
def images(request):
    return torch.rand(6, request.param, 11, 13, generator=torch.Generator().manual_seed(2)) * 255


def erased(images, boxes, fills):
    out, fills = images.clone(), fills.expand_as(images)
    for image, (top, left, height, width) in enumerate(boxes.tolist()):
        rows, columns = slice(max(top, 0), max(top + height, 0)), slice(max(left, 0), max(left + width, 0))
        out[image, :, rows, columns] = fills[image, :, rows, columns]
    return out


def test_boxes_are_filled_and_cut_at_the_border(images):
    keys = image_keys(1, 1, np.arange(6))
    values = torch.rand(6, images.shape[1], 1, 1) * 255
    for fills in (values, mean_fills(images), noise_fills(images, keys), torch.zeros(())):
        assert torch.equal(erase(images, BOXES, fills), erased(images, BOXES, fills))


def test_masks_cover_the_box():
    masks = box_masks(BOXES, 11, 13)
    assert masks.shape == (6, 1, 11, 13)
    assert masks.sum((1, 2, 3)).tolist() == [20, 9, 9, 0, 143, 0]


def test_means_are_those_of_each_channel(images):
    means = mean_fills(images)
    assert means.shape == (6, images.shape[1], 1, 1)
    assert means.flatten(1).numpy() == pytest.approx(images.round().double().mean((2, 3)).numpy(), rel=1e-6)
    assert torch.equal(mean_fills(images[4:5])[0], means[4])


def test_noise_is_uniform_and_a_function_of_the_key():
    keys = image_keys(1, 1, np.arange(4))
    noise = noise_fills(torch.zeros(4, 3, 100, 100), keys)
    assert torch.equal(noise_fills(torch.zeros(1, 3, 100, 100), keys[2:3])[0], noise[2])
    counts = torch.histc(noise, 255, 0, 255)
    expected = noise.numel() / 255
    assert (counts - expected).square().sum() / expected < 254 + 5 * (2 * 254) ** 0.5  # chi-square
