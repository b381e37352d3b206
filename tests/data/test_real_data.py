"""Known facts of real data sets, read through the sources; skipped without STRIATE_DATA."""

import numpy as np
import pytest

from striate.data import load_split, open_source


@pytest.fixture(scope="module")
def fashion(data_folder):
    return open_source(f"idx:{data_folder / 'fashion-mnist'}")


def test_fashion_mnist_sizes_and_balance(fashion):
    assert {s: len(t) for s, t in fashion.targets.items()} == {"train": 54_000, "val": 6_000, "test": 10_000}
    assert fashion.shape == (1, 28, 28)
    assert fashion.class_names == tuple("0123456789")
    for split, each in (("train", 5_400), ("val", 600), ("test", 1_000)):
        assert np.bincount(fashion.targets[split]).tolist() == [each] * 10


def test_fashion_mnist_pixels(fashion):
    # Mean and deviation of the 60,000 training images, as everyone quotes them: 0.2860 and 0.3530.
    images = np.concatenate([fashion.array("train"), fashion.array("val")])
    assert len(images) == 60_000
    assert images.mean(dtype=np.float64) / 255 == pytest.approx(0.2860, abs=5e-5)
    assert images.std(dtype=np.float64) / 255 == pytest.approx(0.3530, abs=5e-5)
    # The test set begins: ankle boot, pullover, trouser, trouser, shirt.
    assert fashion.targets["test"][:5].tolist() == [9, 2, 1, 1, 6]


def test_flowers_are_a_split_folder(data_folder):
    source = open_source(data_folder / "flowers")
    folders = sorted(p.name for p in (data_folder / "flowers" / "train").iterdir())
    assert list(source.class_names) == folders
    assert len(folders) == 5
    assert sum(len(source.targets[s]) for s in ("train", "val")) == 650
    dataset = load_split(source, "val", (3, 24, 24))
    assert len(dataset) == len(list((data_folder / "flowers" / "val").rglob("*.jpg")))
    assert dataset.skipped == ()
    assert 20 < dataset.images.double().std() < 128
