"""Whitening against scikit-learn and numpy in float64."""

import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from splits_made import split, unit
from toys import message_of

from striate.data import Preprocess, Whiten, fit_preprocess
from striate.data.preprocess import components
from striate.data.preprocess.components import check_components, fit_components
from striate.errors import DataError

SHAPES = [(1, 5, 4), (3, 4, 5)]


def fitted(dataset, zca, eps=1e-12, wanted=None):
    """Return the step that whitens ``dataset``, with an eps that does not count beside its variances."""
    (step,) = fit_preprocess(dataset, "zca" if wanted is None else f"zca:{wanted}").steps
    return Whiten(zca, eps, step.mean, step.components, step.variances)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("wanted", [None, 1, 7])
def test_pca_is_that_of_scikit_learn(shape, wanted):
    dataset = split(count=300, shape=shape)
    rows = unit(dataset).reshape(300, -1)
    theirs = PCA(wanted, whiten=True, svd_solver="full").fit(rows)
    step = fitted(dataset, zca=False, wanted=wanted)
    assert np.abs(step.mean.numpy() - theirs.mean_).max() < 1e-12
    assert np.abs(step.components.numpy() - theirs.components_).max() < 1e-6
    assert np.abs(step.variances.numpy() / theirs.explained_variance_ - 1).max() < 1e-9
    white = step.apply(torch.from_numpy(unit(dataset))).flatten(1).numpy()
    kept = len(theirs.components_)
    assert np.abs(white[:, :kept] - theirs.transform(rows)).max() < 1e-6
    assert not white[:, kept:].any()


@pytest.mark.parametrize("eps", [1e-12, 0.01])
@pytest.mark.parametrize("shape", SHAPES)
def test_zca_is_that_of_the_eigenvectors(shape, eps):
    dataset = split(count=300, shape=shape)
    rows = unit(dataset).reshape(300, -1)
    values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
    matrix = vectors @ np.diag(1 / np.sqrt(values + eps)) @ vectors.T
    expected = ((rows - rows.mean(0)) @ matrix).reshape(300, *shape)
    ours = fitted(dataset, zca=True, eps=eps).apply(torch.from_numpy(unit(dataset)))
    assert np.abs(ours.numpy() - expected).max() < 1e-6


def test_what_is_white_has_the_covariance_of_the_identity():
    dataset = split(count=300)
    for zca in (False, True):
        white = fitted(dataset, zca).apply(torch.from_numpy(unit(dataset))).flatten(1)
        assert (white.T.cov() - torch.eye(90)).abs().max() < 1e-6


def test_after_other_steps():
    dataset = split(count=300)
    images = unit(dataset)
    apart = images - images.mean((1, 2, 3), keepdims=True)
    rows = (apart / np.sqrt((apart**2).mean((1, 2, 3), keepdims=True))).reshape(300, -1)
    values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
    matrix = vectors @ np.diag(1 / np.sqrt(values + 0.01)) @ vectors.T
    ours = fit_preprocess(dataset, "gcn+zca").finish(dataset.images.double()).flatten(1)
    assert np.abs(ours.numpy() - (rows - rows.mean(0)) @ matrix).max() < 1e-6


@pytest.mark.parametrize("zca", [False, True], ids=["pca", "zca"])
def test_inverse(zca):
    dataset = split(count=300)
    preprocess = Preprocess(dataset.shape, (fitted(dataset, zca, eps=0.01),))
    white = preprocess.finish(dataset.images.double())
    assert torch.equal(preprocess.inverse(white), dataset.images)
    assert torch.equal(preprocess.inverse(preprocess.normalize(dataset.images)), dataset.images)
    few = fitted(dataset, zca, eps=0.01, wanted=4)
    images = torch.from_numpy(unit(dataset))
    kept = PCA(4, svd_solver="full").fit(images.flatten(1).numpy())
    expected = kept.inverse_transform(kept.transform(images.flatten(1).numpy()))
    assert np.abs(few.inverse(few.apply(images)).flatten(1).numpy() - expected).max() < 1e-9


@pytest.mark.parametrize("at_once", [90 * 8 * 1, 90 * 8 * 7, 2**25], ids=["1", "7", "all"])
def test_pieces_of_any_size_give_the_same(monkeypatch, at_once):
    dataset = split(count=60)
    monkeypatch.setattr(components, "MOST_AT_ONCE", at_once)
    step = fitted(dataset, zca=True)
    rows = unit(dataset).reshape(60, -1)
    cov = step.components.T @ torch.diag(step.variances) @ step.components
    assert np.abs(cov.numpy() - np.cov(rows, rowvar=False)).max() < 1e-12


def test_fewer_images_than_values_and_a_single_one():
    few = split(count=5)
    white = fit_preprocess(few, "zca").normalize(few.images)
    assert torch.isfinite(white).all()
    one = split(count=1)
    assert not fit_preprocess(one, "zca").normalize(one.images).any()
    same = split(count=1)
    constant = type(one)(same.images.expand(9, -1, -1, -1).contiguous(), torch.zeros(9, dtype=torch.int64))
    assert fit_preprocess(constant, "pca").normalize(constant.images).abs().max() < 1e-4


def low_rank(count, values, rank, seed=0):
    """Return rows whose variances fall off as pictures' do, with a little noise."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, rank)) * 0.5 ** np.arange(rank) @ rng.normal(size=(rank, values))
    return rows + 1e-3 * rng.normal(size=(count, values))


def test_of_many_values_the_first_components_are_found(monkeypatch):
    monkeypatch.setattr(components, "MOST_VALUES", 100)
    rows = torch.from_numpy(low_rank(203, 150, 5))
    asked = []

    def pieces(size):
        asked.append(size)
        return iter(torch.split(rows.clone(), size))

    found = fit_components(pieces, 203, 150, 5)
    theirs = PCA(5, svd_solver="full").fit(rows.numpy())
    assert asked == [25]  # the last piece is of 3, fewer than there are components
    assert np.abs(found.mean.numpy() - theirs.mean_).max() < 1e-9
    assert np.abs(found.variances.numpy() / theirs.explained_variance_ - 1).max() < 1e-3
    assert np.abs(found.components.numpy() - theirs.components_).max() < 1e-2


def test_signs_do_not_depend_on_the_order_of_the_images():
    dataset = split(count=100)
    turned = type(dataset)(dataset.images.flip(0), dataset.targets)
    (one,), (other,) = (fit_preprocess(d, "pca").steps for d in (dataset, turned))
    assert (one.components - other.components).abs().max() < 1e-8
    largest = one.components.gather(1, one.components.abs().argmax(1, keepdim=True))
    assert (largest > 0).all()


@pytest.mark.parametrize(
    ("count", "shape", "wanted", "reason"),
    [
        (
            10,
            (1, 4, 4),
            11,
            "components: 11 of 10 images of 16 values; there are at most 10. Take fewer, as in zca:10.",
        ),
        (
            1000,
            (3, 64, 64),
            None,
            "components: all of images of 12,288 values do not fit into memory (at most 4,096 values for all); "
            "take up to 1,000, as in zca:256, or a network of smaller images.",
        ),
        (
            10_000,
            (3, 224, 224),
            500,
            "components: 500 of images of 150,528 values do not fit into memory (at most 4,096 values for all); "
            "take up to 222, as in zca:222, or a network of smaller images.",
        ),
    ],
)
def test_what_cannot_be_found(count, shape, wanted, reason):
    assert message_of(DataError, check_components, count, math.prod(shape), wanted) == reason


def whiten(**change):
    values = {
        "zca": True,
        "eps": 0.01,
        "mean": torch.zeros(4).double(),
        "components": torch.eye(4).double()[:2],
        "variances": torch.ones(2).double(),
    }
    return Whiten(**values | change)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"zca": 1}, "zca=1: must be true or false."),
        ({"eps": 0.0}, "eps=0.0: must be a finite number above 0."),
        ({"mean": torch.zeros(3).double()}, "components: must be of 2×3 float64 values, and is of 2×4 float64."),
        ({"mean": torch.zeros(4)}, "mean: must be of 4 float64 values, and is of 4 float32."),
        ({"variances": -torch.ones(2).double()}, "variances: must be 0 or more, and one is -1."),
        (
            {"components": torch.full((2, 4), torch.nan).double()},
            "components: must be of finite values, and some are not.",
        ),
        (
            {"components": torch.zeros(0, 4).double(), "variances": torch.zeros(0).double()},
            "components: must be 1 to 4, and are 0.",
        ),
    ],
    ids=["zca", "eps", "short", "kind", "negative", "nan", "none"],
)  # fmt: skip
def test_bad_values(change, reason):
    assert message_of(DataError, whiten, **change) == reason


def test_images_of_another_size():
    assert message_of(DataError, Preprocess, (1, 3, 3), (whiten(),)) == (
        "mean: must be of 9 values, as images of 1×3×3, and is of 4."
    )
