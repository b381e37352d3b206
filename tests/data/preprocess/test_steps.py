"""Steps that map each value on its own, and `Preprocess` as a whole, against numpy in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from splits_made import split, unit
from toys import message_of

from striate.data import (
    GlobalContrast,
    Preprocess,
    Quantize,
    Resize,
    Standardize,
    StandardizePixels,
    Whiten,
    center,
    views,
)
from striate.errors import DataError


def standardized(channels=3):
    return Standardize((0.4, 0.5, 0.6)[:channels], (0.1, 0.2, 0.3)[:channels])


@given(st.integers(0, 2**31), st.sampled_from([1, 3]))
@settings(deadline=None, max_examples=40)
def test_normalize(seed, channels):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (3, channels, 4, 5), np.uint8)
    mean, std = rng.uniform(0, 1, channels), rng.uniform(0.05, 1, channels)
    preprocess = Preprocess((channels, 4, 5), (Standardize(tuple(mean), tuple(std)),))
    ours = preprocess.normalize(torch.from_numpy(images))
    expected = (images / 255 - mean[:, None, None]) / std[:, None, None]
    assert ours.dtype == torch.float32
    assert np.abs(ours.numpy() - expected).max() < 1e-5


def test_without_steps_pixels_are_from_0_to_1():
    dataset = split()
    images = Preprocess(dataset.shape).finish(dataset.images.double()).numpy()
    assert np.abs(images - unit(dataset)).max() < 1e-15


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (-3, 0.5)])
def test_to_range(low, high):
    dataset = split()
    step = Standardize.to_range(low, high, 3)
    images = Preprocess(dataset.shape, (step,)).finish(dataset.images.double()).numpy()
    assert np.abs(images - (unit(dataset) * (high - low) + low)).max() < 1e-14


def test_affine_says_the_very_bits_of_normalize():
    dataset = split(count=200)
    for steps in [(), (standardized(),), (Standardize.to_range(-1, 1, 3), standardized())]:
        preprocess = Preprocess(dataset.shape, steps)
        scale, shift = (np.array(values, np.float32)[:, None, None] for values in preprocess.affine)
        expected = dataset.images.numpy().astype(np.float32) * scale + shift
        assert expected.dtype == np.float32
        assert np.array_equal(preprocess.normalize(dataset.images).numpy(), expected)


def test_the_affine_way_is_that_of_the_steps():
    dataset = split()
    steps = (Standardize.to_range(-1, 1, 3), standardized(), Standardize((0.1,) * 3, (3.0,) * 3))
    images = torch.from_numpy(unit(dataset))
    for step in steps:
        images = step.apply(images)
    ours = Preprocess(dataset.shape, steps).finish(dataset.images.double())
    assert (ours - images).abs().max() < 1e-14


@pytest.mark.parametrize(
    ("steps", "order"),
    [((GlobalContrast(),), "rgb"), ((Quantize(3),), "rgb"), ((standardized(),), "bgr")],
    ids=["contrast", "quantize", "bgr"],
)
def test_what_is_not_affine(steps, order):
    assert Preprocess((3, 5, 6), steps, channel_order=order).affine is None


def test_bgr_turns_the_channels_before_the_steps():
    dataset = split()
    preprocess = Preprocess(dataset.shape, (standardized(),), channel_order="bgr")
    ours = preprocess.finish(dataset.images.double())
    mean, std = np.array([0.4, 0.5, 0.6])[:, None, None], np.array([0.1, 0.2, 0.3])[:, None, None]
    assert np.abs(ours.numpy() - (unit(dataset)[:, ::-1] - mean) / std).max() < 1e-13
    assert torch.equal(preprocess.inverse(ours), dataset.images)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_of_their_own(channels):
    dataset = split(shape=(channels, 4, 5))
    mean, std = torch.rand(2, channels, 4, 5, dtype=torch.float64) + 0.1
    step = StandardizePixels(mean, std)
    ours = step.apply(torch.from_numpy(unit(dataset)))
    assert np.abs(ours.numpy() - (unit(dataset) - mean.numpy()) / std.numpy()).max() < 1e-14
    assert torch.equal(Preprocess(dataset.shape, (step,)).inverse(ours), dataset.images)


@pytest.mark.parametrize("bits", range(1, 9))
def test_fewer_bits(bits):
    grey = torch.arange(256).view(1, 1, 16, 16)
    values = Preprocess((1, 16, 16), (Quantize(bits),)).finish(grey.double())
    levels = np.arange(2**bits) / (2**bits - 1)
    nearest = levels[np.abs(np.arange(256)[:, None] / 255 - levels).argmin(1)]
    assert np.abs(values.flatten().numpy() - nearest).max() < 1e-15
    assert len(values.unique()) == 2**bits


def test_what_a_step_cannot_undo_is_stretched_for_display():
    dataset = split()
    preprocess = Preprocess(dataset.shape, (GlobalContrast(),))
    shown = preprocess.inverse(preprocess.finish(dataset.images.double())).numpy()
    images = unit(dataset)
    low, high = images.min((1, 2, 3), keepdims=True), images.max((1, 2, 3), keepdims=True)
    assert np.abs(shown - (images - low) / (high - low) * 255).max() <= 0.5 + 1e-6
    flat = torch.full((2, 3, 5, 6), 7.0)
    assert preprocess.inverse(preprocess.finish(flat)).unique().tolist() == [128]


@pytest.mark.parametrize("size", [(5, 6), (4, 3), (1, 1), (2, 6)])
def test_the_middle(size):
    images = torch.arange(2 * 3 * 5 * 6).view(2, 3, 5, 6)
    top, left = (5 - size[0]) // 2, (6 - size[1]) // 2
    assert torch.equal(center(images, size), images[:, :, top : top + size[0], left : left + size[1]])
    preprocess = Preprocess((3, *size), stored=(5, 6))
    assert preprocess.stored_shape == (3, 5, 6)
    inner = images[:, :, top : top + size[0], left : left + size[1]]
    bytes_ = images.to(torch.uint8)
    assert torch.equal(preprocess.normalize(bytes_), preprocess.normalize(center(bytes_, size)))
    assert torch.equal(preprocess.normalize(bytes_), preprocess.finish(inner.float()))


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_views(count):
    images = torch.arange(2 * 3 * 5 * 7).view(2, 3, 5, 7)
    corners = [images[..., :3, :4], images[..., :3, 3:], images[..., 2:, :4], images[..., 2:, 3:]]
    middle = images[..., 1:4, 1:5]
    five = [*corners, middle]
    expected = {1: [middle], 2: [middle, middle.flip(3)], 5: five, 10: five + [v.flip(3) for v in five]}
    assert torch.equal(views(images, (3, 4), count), torch.stack(expected[count], 1))


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: views(torch.zeros(1, 3, 5, 5), (3, 3), 3), "count=3: must be 1, 2, 5 or 10."),
        (
            lambda: views(torch.zeros(1, 3, 5, 5), (6, 3)),
            "size=(6, 3): must be within the 5×5 of the images. Load them larger.",
        ),
        (
            lambda: center(torch.zeros(3, 5, 5), (3, 6)),
            "size=(3, 6): must be within the 5×5 of the images. Load them larger.",
        ),
        (lambda: Quantize(0), "bits=0: must be a whole number from 1 to 8."),
        (lambda: Quantize(2.0), "bits=2.0: must be a whole number from 1 to 8."),
        (lambda: Standardize((0.0,), ()), "std=(): must be as many numbers as mean has, 1."),
        (lambda: Standardize((float("nan"),), (1.0,)), "mean=(nan,): must be finite numbers."),
        (lambda: Standardize((0.0,), (0.0,)), "std=(0.0,): must be finite numbers above 0."),
        (lambda: Standardize.to_range(1, 1, 3), "low=1: must be below high=1."),
        (
            lambda: StandardizePixels(torch.zeros(1, 2, 2), torch.ones(1, 2, 2).double()),
            "mean: must be of 1×2×2 float64 values, and is of 1×2×2 float32.",
        ),
        (
            lambda: StandardizePixels(torch.zeros(1, 2, 2).double(), torch.ones(1, 2, 3).double()),
            "std: must be of 1×2×2 float64 values, and is of 1×2×3 float64.",
        ),
        (
            lambda: StandardizePixels(torch.zeros(1, 2, 2).double(), torch.zeros(1, 2, 2).double()),
            "std: must be above 0, and one is 0.",
        ),
        (
            lambda: StandardizePixels(torch.full((1, 2, 2), torch.inf).double(), torch.ones(1, 2, 2).double()),
            "mean: must be of finite values, and some are not.",
        ),
        (
            lambda: Preprocess((1, 2, 2), (standardized(),)),
            "mean=(0.4, 0.5, 0.6): must be a number for each of 1 channels.",
        ),
        (
            lambda: Preprocess((1, 2, 3), (StandardizePixels(*torch.ones(2, 1, 3, 3).double()),)),
            "mean: must be of 1×2×3 float64 values, and is of 1×3×3 float64.",
        ),
        (
            lambda: Preprocess((1, 8, 8), stored=(9, 7)),
            "stored=(9, 7): must be height and width in pixels, 1 to 65535, at least those of the input, 8×8.",
        ),
        (
            lambda: Preprocess((1, 8, 8), channel_order="bgr"),
            "channel_order='bgr': must be rgb for images of 1 channel.",
        ),
        (lambda: Preprocess((3, 8, 8), channel_order="gbr"), "channel_order='gbr': must be rgb or bgr."),
        (
            lambda: Resize("strech"),
            "policy='strech': must be stretch, fit, cover. Did you mean 'stretch'?",
        ),
        (lambda: Resize("fit", fill=256), "fill=256: must be a whole number from 0 to 255."),
    ],
)  # fmt: skip
def test_bad_values(call, reason):
    assert message_of(DataError, call) == reason


def test_values_are_equal_that_hold_the_same():
    mean, std = torch.rand(2, 1, 2, 2).double() + 0.1
    one, same = StandardizePixels(mean, std), StandardizePixels(mean.clone(), std.clone())
    assert one == same
    assert hash(one) == hash(same)
    assert one != StandardizePixels(mean + 1, std)
    assert Quantize(3) == Quantize(3) != Quantize(4)
    assert Quantize(3) != 3
    assert Preprocess((1, 2, 2), (one,)) == Preprocess((1, 2, 2), (same,))


@pytest.mark.parametrize("zca", [False, True])
def test_autocast_changes_nothing(zca):
    rng = np.random.default_rng(0)
    components, _ = np.linalg.qr(rng.normal(size=(75, 75)))
    values = (torch.from_numpy(v) for v in (rng.random(75), components[:20], rng.random(20)))
    preprocess = Preprocess((3, 5, 5), (standardized(), GlobalContrast(), Whiten(zca, 0.1, *values)))
    images = torch.from_numpy(rng.integers(0, 256, (4, 3, 5, 5), np.uint8))
    alone = preprocess.normalize(images)
    with torch.autocast("cpu", torch.bfloat16):
        within = preprocess.normalize(images)
        shown = preprocess.inverse(alone)
    assert within.dtype == torch.float32
    assert torch.equal(within, alone)
    assert torch.equal(shown, preprocess.inverse(alone))


WHOLE = "must be height and width in pixels, 1 to 65535, at least those of the input, 2×2."


@pytest.mark.parametrize(
    "stored",
    [
        "99",
        9,
        [9],
        [9, 9, 9],
        [9.0, 9],
        ["9", "9"],
        [True, 9],
        [9, 2_000_000],
        [9, 65536],
        [1, 9],
        [-9, 9],
        [9, None],
    ],
    ids=str,
)
@pytest.mark.parametrize("schema", [1, 2])
def test_a_stored_size_that_is_none_is_refused(stored, schema):
    data = Preprocess((1, 2, 2), (standardized(1),), stored=(9, 8)).to_data()
    assert Preprocess.from_data(data, {}).stored == (9, 8)
    if schema == 1:
        data = {"shape": [1, 2, 2], "mean": [0.4], "std": [0.1], "resize": [9, 8]}
        assert Preprocess.from_data(data, {}).stored == (9, 8)
    told = tuple(stored) if isinstance(stored, list) else stored
    wrong = data | {"resize" if schema == 1 else "stored": stored}
    assert message_of(DataError, Preprocess.from_data, wrong, {}) == f"stored={told!r}: {WHOLE}"
