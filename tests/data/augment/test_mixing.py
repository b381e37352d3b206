"""Mixing against its definitions, image by image, and against SciPy's Beta distribution."""

import numpy as np
import pytest
import torch
from scipy.stats import beta, kstest

from striate.data.augment.draws import image_keys, uniforms
from striate.data.augment.mixing import (
    box_of_share,
    cutmix,
    mixup,
    partner_order,
    soft_targets,
    symmetric_beta,
)

SHARES = torch.tensor([1.0, 0.0, 0.3, 0.85])
BOXES = torch.tensor([[0, 0, 0, 0], [0, 0, 9, 7], [2, 1, 3, 4], [8, 6, 1, 1]])


@pytest.fixture(params=[1, 3], ids=["grey", "color"])
def pairs(request):
    generator = torch.Generator().manual_seed(4)
    return tuple(torch.rand(4, request.param, 9, 7, generator=generator) * 255 for _ in range(2))


def test_mixup_is_a_weighted_mean(pairs):
    images, partners = pairs
    kept = images.clone(), partners.clone()
    out = mixup(images, partners, SHARES)
    expected = [
        images[i].double() * s + partners[i].double() * (1 - s) for i, s in enumerate(SHARES.double())
    ]
    assert out.numpy() == pytest.approx(torch.stack(expected).numpy(), rel=1e-6)
    assert torch.equal(out[0], images[0])
    assert torch.equal(out[1], partners[1])
    assert torch.equal(mixup(images[2:3], partners[2:3], SHARES[2:3])[0], out[2])
    assert torch.equal(images, kept[0])
    assert torch.equal(partners, kept[1])


def test_mixup_of_signals():
    signals, partners = torch.randn(4, 2, 50), torch.randn(4, 2, 50)
    expected = signals * SHARES[:, None, None] + partners * (1 - SHARES)[:, None, None]
    assert mixup(signals, partners, SHARES).numpy() == pytest.approx(expected.numpy(), abs=1e-6)


def test_cutmix_copies_boxes(pairs):
    images, partners = pairs
    expected = images.clone()
    for image, (top, left, height, width) in enumerate(BOXES.tolist()):
        where = (image, slice(None), slice(top, top + height), slice(left, left + width))
        expected[where] = partners[where]
    out = cutmix(images, partners, BOXES)
    assert torch.equal(out, expected)
    assert torch.equal(out[0], images[0])
    assert torch.equal(out[1], partners[1])
    assert torch.equal(cutmix(images[2:3], partners[2:3], BOXES[2:3])[0], out[2])


@pytest.mark.parametrize(("height", "width"), [(32, 32), (17, 40), (1, 1), (224, 160)])
def test_a_share_is_that_of_the_pixels_outside_the_box(height, width):
    rng = np.random.default_rng(5)
    wanted, centers = rng.random(200), rng.random((200, 2))
    wanted[:2] = 0, 1
    boxes, shares = box_of_share(wanted, centers, height, width)
    assert (boxes >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= (height, width)).all()
    for box, share, share_wanted, center in zip(boxes, shares, wanted, centers, strict=True):
        mask = np.ones((height, width))
        mask[box[0] : box[0] + box[2], box[1] : box[1] + box[3]] = 0
        assert share == pytest.approx(mask.mean(), abs=1e-12)
        # As in the authors' code, cut_w = int(W · sqrt(1 - λ)), from cx - cut_w // 2 to that plus cut_w, clipped.
        for axis, size in enumerate((height, width)):
            side = int(size * np.sqrt(1 - share_wanted))
            start = int(center[axis] * size) - side // 2
            assert box[axis] == max(start, 0)
            assert box[axis] + box[2 + axis] == min(start + side, size)
    assert shares[1] == 1


def test_targets_are_mixed_like_images():
    numbers, partner_numbers = torch.tensor([0, 2, 1, 1]), torch.tensor([1, 0, 1, 2])
    out = soft_targets(numbers, partner_numbers, SHARES, 3)
    expected = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0.85, 0.15]])
    assert out.dtype == torch.float32
    assert out.numpy() == pytest.approx(expected, abs=1e-6)
    assert out.sum(1).numpy() == pytest.approx(1, abs=1e-6)
    soft = torch.eye(3)[numbers], torch.eye(3)[partner_numbers]
    assert torch.equal(soft_targets(*soft, SHARES, 3), out)
    assert torch.equal(soft_targets(soft[0], partner_numbers, SHARES, 3), out)
    again = soft_targets(out, out.flip(0), SHARES, 3)
    assert again.sum(1).numpy() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.5, 1.0, 1.7, 8.0])
def test_shares_are_of_the_beta_distribution(alpha):
    keys = image_keys(0, 0, np.arange(20_000))
    shares = symmetric_beta(keys, alpha)
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert shares.mean() == pytest.approx(0.5, abs=5 * (beta(alpha, alpha).var() / 20_000) ** 0.5)
    assert kstest(shares, beta(alpha, alpha).cdf).pvalue > 1e-4
    assert np.array_equal(symmetric_beta(keys[100:200], alpha), shares[100:200])


@pytest.mark.parametrize("alpha", [1e-3, 1e4])
def test_extreme_distributions_stay_within_their_bounds(alpha):
    shares = symmetric_beta(image_keys(0, 0, np.arange(20_000)), alpha)
    assert np.isfinite(shares).all()
    assert ((shares >= 0) & (shares <= 1)).all()


@pytest.mark.parametrize("count", [1, 2, 3, 17, 256])
def test_partners_form_one_cycle_whatever_the_order(count):
    keys = image_keys(9, 4, np.arange(count))
    partners = partner_order(keys)
    place, seen = 0, set()
    while place not in seen:
        seen.add(place)
        place = int(partners[place])
    assert len(seen) == count
    shuffled = np.argsort(uniforms(keys, 1)[:, 0])
    again = keys[shuffled][partner_order(keys[shuffled])]
    assert np.array_equal(again, keys[partners][shuffled])


def test_images_of_one_key_are_not_their_own_partners():
    keys = np.full(4, 7, np.uint64)
    assert (partner_order(keys) != np.arange(4)).all()
