"""`fit_preprocess` against numpy in float64: of the training split alone, all of it, whatever pieces it comes in."""

import math

import numpy as np
import pytest
import torch
from splits_made import split, unit
from toys import message_of

from striate.data import (
    Dataset,
    GlobalContrast,
    LocalContrast,
    Quantize,
    Standardize,
    Whiten,
    fit_preprocess,
)
from striate.data.preprocess import STEP_NAMES, fitting, parsed_steps
from striate.errors import DataError

ALL = [
    *(set(STEP_NAMES) - {"quantize"}),
    "quantize:4",
    "gcn+zca:5",
    "quantize:3+standardize",
    "lcn+per-pixel",
]


def dataset_of(images):
    return Dataset(torch.from_numpy(images), torch.zeros(len(images), dtype=torch.int64))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 5, 4097])
def test_standardize_is_the_mean_and_deviation_of_all_pixels(channels, count):
    images = np.random.default_rng(3).integers(0, 256, (count, channels, 3, 4), np.uint8)
    images[:, 0] //= 2
    fitted = fit_preprocess(dataset_of(images))
    (step,) = fitted.steps
    scaled = images / 255
    assert fitted.shape == (channels, 3, 4)
    assert step.mean == pytest.approx(scaled.mean((0, 2, 3)), rel=1e-12)
    assert step.std == pytest.approx(scaled.std((0, 2, 3)), rel=1e-9)


def test_a_constant_channel_is_not_blown_up():
    images = np.zeros((6, 3, 2, 2), np.uint8)
    images[:, 0] = 200
    images[:3, 2] = 255
    fitted = fit_preprocess(dataset_of(images))
    (step,) = fitted.steps
    assert step.mean == pytest.approx((200 / 255, 0, 0.5))
    assert step.std == pytest.approx((1 / 255, 1 / 255, 0.5))
    values = fitted.normalize(torch.from_numpy(images))
    assert values[:, 0].abs().max() < 1e-4
    assert values[:, 2].unique().tolist() == pytest.approx([-1.0, 1.0], abs=1e-5)


def test_floats_are_normalized_alike_and_left_as_they_are():
    images = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).reshape(2, 3, 4, 4)
    fitted = fit_preprocess(dataset_of(images.numpy()))
    floats = images.float()
    assert torch.equal(fitted.normalize(floats), fitted.normalize(images))
    assert torch.equal(floats, images.float())


def test_normalized_training_images_have_mean_zero_and_deviation_one():
    images = np.random.default_rng(4).integers(20, 220, (50, 3, 6, 6), np.uint8)
    values = fit_preprocess(dataset_of(images)).normalize(torch.from_numpy(images)).double()
    assert values.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    assert values.std((0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1], rel=1e-6)
    assert all(math.isfinite(v) for v in values.flatten().tolist())


@pytest.mark.parametrize("at_once", [1, 90 * 7, 2**22], ids=["one", "seven", "all"])
def test_per_pixel(monkeypatch, at_once):
    monkeypatch.setattr(fitting, "_AT_ONCE", at_once)
    dataset = split(count=50)
    dataset.images[:, 1, 2, 3] = 9
    (step,) = fit_preprocess(dataset, "per-pixel").steps
    expected = unit(dataset).std(0)
    expected[1, 2, 3] = 1 / 255
    assert np.abs(step.mean.numpy() - unit(dataset).mean(0)).max() < 1e-14
    assert np.abs(step.std.numpy() - expected).max() < 1e-13


@pytest.mark.parametrize("at_once", [1, 90 * 7, 2**22], ids=["one", "seven", "all"])
def test_standardize_after_another_step(monkeypatch, at_once):
    monkeypatch.setattr(fitting, "_AT_ONCE", at_once)
    dataset = split(count=50)
    first, step = fit_preprocess(dataset, "quantize:2+standardize").steps
    images = np.floor(unit(dataset) * 3 + 0.5) / 3
    assert first == Quantize(2)
    assert step.mean == pytest.approx(images.mean((0, 2, 3)), rel=1e-12)
    assert step.std == pytest.approx(images.std((0, 2, 3)), rel=1e-12)


def test_named_steps_are_those():
    dataset = split()

    def steps(text):
        return fit_preprocess(dataset, text).steps

    assert steps("unit") == ()
    assert steps("symmetric") == (Standardize((0.5,) * 3, (0.5,) * 3),)
    assert steps("gcn+lcn") == (GlobalContrast(), LocalContrast())
    pca, zca = steps("pca:3+zca")
    assert (pca.zca, zca.zca, pca.eps) == (False, True, 0.01)
    assert len(pca.components) == 3
    assert isinstance(zca, Whiten)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("steps", sorted(ALL))
def test_every_step_gives_finite_floats_of_the_shape(steps, order):
    dataset = split()
    preprocess = fit_preprocess(dataset, steps, channel_order=order)
    values = preprocess.normalize(dataset.images)
    assert values.dtype == torch.float32
    assert values.shape == dataset.images.shape
    assert torch.isfinite(values).all()
    assert (values - preprocess.finish(dataset.images.double())).abs().max() < 2e-3
    assert preprocess.inverse(values).dtype == torch.uint8
    turned = fit_preprocess(dataset_of(dataset.images.numpy()[:, ::-1].copy()), steps)
    if order == "bgr":
        assert (values - turned.normalize(dataset.images.flip(1))).abs().max() < 1e-3


@pytest.mark.parametrize(
    ("steps", "passes"), [("standardize", 0), ("per-pixel", 1), ("zca:5", 1), ("gcn+standardize+pca:5", 2)]
)
def test_what_is_streamed_fits_as_what_is_in_memory(steps, passes):
    held = split(count=30)
    fitted = fit_preprocess(held, steps)

    class Streamed:
        shape, moments = held.shape, held.moments
        closed = 0

        def __len__(self):
            return 30

        def pieces(self, size):
            try:
                for start in range(0, 30, 4):
                    yield held.images[start : start + 4]
            finally:
                Streamed.closed += 1

    other = fit_preprocess(Streamed(), steps)
    assert Streamed.closed == passes
    images = held.images.double()
    assert (fitted.finish(images) - other.finish(images)).abs().max() < 1e-9


def test_of_larger_images_the_middle_counts():
    dataset = split(count=60, shape=(3, 9, 10))
    inner = dataset_of(dataset.images[:, :, 2:7, 2:8].contiguous().numpy())
    for steps in ("per-pixel", "zca", "gcn+standardize"):
        fitted = fit_preprocess(dataset, steps, shape=(3, 5, 6))
        assert fitted.stored_shape == (3, 9, 10)
        expected = fit_preprocess(inner, steps).finish(inner.images.double())
        ours = fitted.finish(inner.images.double())
        assert (ours - expected).abs().max() < 1e-8
        assert torch.equal(fitted.normalize(dataset.images), fitted.normalize(inner.images))
    assert fit_preprocess(dataset, shape=(3, 5, 6)).steps == fit_preprocess(dataset).steps


def test_nothing_but_the_split_is_looked_at():
    train, other = split(seed=0), split(seed=1)
    before = {steps: fit_preprocess(train, steps) for steps in ALL}
    fit_preprocess(other, "zca")
    assert {steps: fit_preprocess(train, steps) for steps in ALL} == before


def test_the_grammar():
    assert parsed_steps("gcn+zca:256") == (("gcn", None), ("zca", 256))
    assert parsed_steps("quantize:4") == (("quantize", 4),)


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ("whiten", "steps='whiten': must be one of standardize, unit, symmetric, per-pixel, gcn, lcn, pca, zca, "
         "quantize, or several joined by + as in gcn+zca; 'whiten' is none."),
        ("zca:-1", "steps='zca:-1': must be with a whole number above 0 after zca:, how many components."),
        ("zca:²", "steps='zca:²': must be with a whole number above 0 after zca:, how many components."),
        ("unit:3", "steps='unit:3': must be without a number after unit; pca and zca and quantize take one."),
        ("gcn+pca:41", "components: 41 of 40 images of 90 values; there are at most 40. Take fewer, as in zca:40."),
    ],
)  # fmt: skip
def test_bad_steps(steps, reason):
    assert message_of(DataError, fit_preprocess, split(), steps) == reason
