"""k-fold divisions against scikit-learn's, and a fold as a source that trains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shard_files import write_set
from sklearn.model_selection import StratifiedKFold
from toys import NAMES, message_of, toy_source, write_split_folder

from striate.data import ArraySource, FolderSource, digits, load_split, open_source
from striate.data.sources.folding import FoldSource, fold, folds
from striate.errors import ConfigError, DataError


@st.composite
def divisions(draw):
    k = draw(st.integers(2, 6))
    counts = draw(st.lists(st.integers(k, 15), min_size=1, max_size=5))
    targets = np.repeat(np.arange(len(counts)), counts)
    return draw(st.permutations(targets.tolist()).map(np.array)), k, draw(st.integers(0, 2**63 - 1))


@given(divisions())
def test_every_image_validates_once(division):
    targets, k, seed = division
    divided = folds(targets, k, seed)
    assert len(divided) == k
    assert sorted(np.concatenate([val for _, val in divided])) == list(range(len(targets)))
    for train, val in divided:
        assert sorted([*train, *val]) == list(range(len(targets)))
        assert train.tolist() == sorted(train)
        assert val.tolist() == sorted(val)


@given(divisions())
def test_classes_are_divided_as_scikit_learn_divides_them(division):
    targets, k, seed = division
    sizes = [len(val) for _, val in folds(targets, k, seed)]
    assert max(sizes) - min(sizes) <= 1
    targets = np.sort(targets)  # scikit-learn deals out classes as they come, Striate by their numbers
    ours = [np.bincount(targets[val], minlength=5).tolist() for _, val in folds(targets, k, seed)]
    divided = StratifiedKFold(k, shuffle=True, random_state=0).split(targets, targets)
    assert ours == [np.bincount(targets[val], minlength=5).tolist() for _, val in divided]


def test_the_division_is_a_function_of_the_seed():
    targets = np.arange(100) % 3
    one, again, other = (folds(targets, 5, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(one, again, strict=True))
    assert not any(np.array_equal(a[1], b[1]) for a, b in zip(one, other, strict=True))


def test_images_of_several_labels_are_divided_evenly():
    targets = np.eye(4, dtype=np.uint8)[np.arange(11) % 4]
    divided = folds(targets, 3)
    assert sorted(len(val) for _, val in divided) == [3, 4, 4]
    assert sorted(np.concatenate([val for _, val in divided])) == list(range(11))


@pytest.mark.parametrize(
    ("k", "allowed"),
    [
        pytest.param(1, "a whole number of at least 2.", id="one"),
        pytest.param(True, "a whole number of at least 2.", id="yes"),
        pytest.param(2.0, "a whole number of at least 2.", id="fraction"),
        pytest.param(
            4,
            "at most 3, the number of images of the class 'dog'. Add images of it, or remove the class.",
            id="class",
        ),
        pytest.param(12, "at most 8, the number of images.", id="images"),
    ],
)
def test_what_cannot_be_divided(k, allowed):
    targets = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    assert message_of(ConfigError, folds, targets, k, 0, ("cat", "dog")) == f"folds={k!r}: must be {allowed}"
    if k == 4:
        assert "of the class '1'" in message_of(ConfigError, folds, targets, k)


def marked(source, split):
    """Return the bytes of each image of a split, which no two share."""
    return [source.record(split, i).open().tobytes() for i in range(len(source.targets[split]))]


@pytest.mark.parametrize("kind", ["arrays", "folder"])
def test_a_fold_is_a_source(kind, tmp_path):
    source = toy_source() if kind == "arrays" else FolderSource(write_split_folder(tmp_path, each=6))
    shape = source.shape or (3, 8, 8)
    pool = {b: t for s in ("train", "val") for b, t in zip(marked(source, s), source.targets[s], strict=True)}
    assert len(pool) == sum(len(source.targets[s]) for s in ("train", "val"))
    validated = []
    for number in (1, 2, 3):
        ours = FoldSource(source, number, 3, seed=4)
        assert ours.name == f"fold:{number}/3@4:{source.name}"
        assert ours.class_names == source.class_names
        assert ours.shape == source.shape
        assert marked(ours, "test") == marked(source, "test")
        train, val = marked(ours, "train"), marked(ours, "val")
        assert sorted(train + val) == sorted(pool)
        validated += val
        for split, images in (("train", train), ("val", val)):
            assert [pool[image] for image in images] == ours.targets[split].tolist()
            loaded = load_split(ours, split, shape)
            assert [image.numpy().tobytes() for image in loaded.images.permute(0, 2, 3, 1)] == images
            assert loaded.targets.tolist() == ours.targets[split].tolist()
    assert sorted(validated) == sorted(pool)


def test_the_fingerprint_says_which_fold_of_what():
    source = toy_source()
    same, again = FoldSource(source, 1, 3), FoldSource(toy_source(), 1, 3)
    assert same.fingerprint == again.fingerprint
    others = [
        source,
        FoldSource(source, 2, 3),
        FoldSource(source, 1, 4),
        FoldSource(source, 1, 3, seed=1),
        FoldSource(toy_source(train=51), 1, 3),
    ]
    assert len({same.fingerprint, *(other.fingerprint for other in others)}) == 6


def test_a_source_without_val_is_divided_all_the_same():
    source = toy_source()
    only = ArraySource("only", {"train": source.array("train")}, {"train": source.targets["train"]}, NAMES)
    ours = FoldSource(only, 2, 4)
    assert {split: len(targets) for split, targets in ours.targets.items()} == {"train": 36, "val": 12}


def test_by_its_name():
    named = fold("2/5@7:digits")
    assert named.name == "fold:2/5@7:digits"
    assert named.fingerprint == FoldSource(digits(), 2, 5, 7).fingerprint
    assert fold("2/5:digits").fingerprint == FoldSource(digits(), 2, 5).fingerprint
    assert len(named.targets["val"]) in (287, 288)  # of 1,149 + 289
    assert fold(f"2/5@{2**63 - 1}:digits").name == f"fold:2/5@{2**63 - 1}:digits"
    seeds = "a whole number, 0 to 2**63 - 1."
    assert message_of(ConfigError, fold, f"2/5@{2**63}:digits") == f"seed={2**63}: must be {seeds}"
    assert message_of(ConfigError, FoldSource, toy_source(), 1, 3, 1.5) == f"seed=1.5: must be {seeds}"
    assert message_of(DataError, fold, "٢/5:digits").startswith("fold:٢/5:digits: must be fold:")
    assert message_of(DataError, fold, "2:digits") == (
        "fold:2:digits: must be fold:NUMBER/FOLDS:DATA, such as fold:2/5:digits."
    )


def test_what_has_no_folds(tmp_path):
    assert message_of(ConfigError, FoldSource, toy_source(), 4, 3) == "fold=4: must be 1 to 3."
    streamed = open_source(f"wds:{write_set(tmp_path)}")
    assert message_of(DataError, FoldSource, streamed, 1, 3) == (
        f"{streamed.name}: is streamed, and folds take images that can be read in any order; pack it first: "
        "striate data pack."
    )
    text = message_of(ConfigError, FoldSource, toy_source(train=3, val=3), 1, 3)
    assert text.startswith("folds=3: must be at most 2, the number of images of the class 'left'.")
