"""The embedded digits: every image of scikit-learn's, in one fixed stratified split."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from striate.data import digits, stratified

SIZES = {"train": 1149, "val": 289, "test": 359}
FINGERPRINT = "1f782c49da730238363310e8a766c0ee5ab3cbf8ba94a07d097ec6349ecbd182"


def test_the_split_is_fixed():
    source = digits()
    assert {split: len(targets) for split, targets in source.targets.items()} == SIZES
    assert sum(SIZES.values()) == 1797
    assert source.fingerprint == FINGERPRINT  # README's figures are of this split
    assert source.class_names == tuple("0123456789")
    assert source.shape == (1, 8, 8)


def test_every_image_is_there_once_with_its_label():
    source = digits()
    ours = []
    for split in SIZES:
        pixels = source.array(split)
        assert pixels.dtype == np.uint8
        sixteenths = np.rint(pixels.reshape(len(pixels), 64) / 255 * 16).astype(int)
        assert abs(pixels.reshape(len(pixels), 64) - sixteenths * 255 / 16).max() <= 0.5
        ours += np.column_stack([sixteenths, source.targets[split]]).tolist()
    bunch = load_digits()
    theirs = np.column_stack([bunch.data.astype(int), bunch.target]).tolist()
    assert sorted(ours) == sorted(theirs)


@pytest.mark.parametrize(("split", "share"), [("train", 0.64), ("val", 0.16), ("test", 0.2)])
def test_classes_are_in_proportion(split, share):
    totals = np.bincount(load_digits().target)
    counts = np.bincount(digits().targets[split], minlength=10)
    assert np.abs(counts - share * totals).max() <= 1


@given(st.lists(st.integers(0, 5), min_size=1, max_size=200), st.floats(0.05, 0.9))
@settings(deadline=None, max_examples=100)
def test_stratified_divides_every_class_alike(labels, share):
    targets = np.array(labels)
    parts = stratified(targets, {"a": share, "b": 1 - share})
    assert sorted([*parts["a"], *parts["b"]]) == list(range(len(targets)))
    for label in set(labels):
        total = labels.count(label)
        assert (targets[parts["a"]] == label).sum() == round(share * total)
    again = stratified(targets.copy(), {"a": share, "b": 1 - share})
    assert all(np.array_equal(parts[name], again[name]) for name in parts)


def test_stratified_mixes_within_a_class():
    parts = stratified(np.zeros(1000, int), {"a": 0.5, "b": 0.5})
    assert 200 < (parts["a"] < 500).sum() < 300  # a cut without mixing gives 500
