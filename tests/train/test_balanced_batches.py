"""Balanced batches: all classes equally often, all images of a class in turn, each batch a function of (seed, step)."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_files import write_set
from toys import message_of

from striate.data import Batches, Dataset, open_source, open_split
from striate.errors import ConfigError

TARGETS = st.lists(st.integers(0, 5), min_size=1, max_size=60).map(np.array)
SEEDS = st.integers(0, 2**63 - 1)


def batches_of(targets, batch_size, seed):
    count = len(targets)
    images = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 1, 1, 1).contiguous()
    return Batches(Dataset(images, torch.from_numpy(targets)), batch_size, seed, "balanced")


def shown(batches, steps):
    return np.concatenate([batches[step].indices.numpy() for step in range(steps)])


@given(TARGETS, st.integers(1, 40), SEEDS)
@settings(max_examples=100)
def test_all_classes_come_equally_often(targets, batch_size, seed):
    present = len(set(targets.tolist()))
    steps = math.ceil(4 * present / batch_size) + 1
    places = targets[shown(batches_of(targets, batch_size, seed), steps)]
    assert len(places) == steps * batch_size
    for start in range(0, len(places) - present + 1, present):
        assert len(set(places[start : start + present].tolist())) == present  # each once a round


@given(TARGETS, st.integers(1, 40), SEEDS)
@settings(max_examples=100)
def test_within_a_class_all_images_come_before_one_comes_again(targets, batch_size, seed):
    classes, counts = np.unique(targets, return_counts=True)
    steps = math.ceil(3 * len(classes) * counts.max() / batch_size)
    order = shown(batches_of(targets, batch_size, seed), steps)
    for label, count in zip(classes, counts, strict=True):
        own = order[targets[order] == label]
        assert len(own) >= 2 * count
        for start in range(0, len(own) - count + 1, count):
            assert len(set(own[start : start + count].tolist())) == count


@given(TARGETS, st.integers(1, 40), SEEDS, st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
@settings(max_examples=60)
def test_a_batch_depends_on_no_other(targets, batch_size, seed, steps):
    expected = {step: batches_of(targets, batch_size, seed)[step].indices.tolist() for step in steps}
    batches = batches_of(targets, batch_size, seed)
    for step in sorted(steps, reverse=True):
        assert batches[step].indices.tolist() == expected[step]


def test_images_and_targets_are_those_of_the_indices():
    targets = np.array([4, 4, 4, 4, 4, 4, 1])
    batches = batches_of(targets, 5, seed=3)
    for batch in batches.ahead(range(2, 6)):
        again = batches[batch.step]
        assert torch.equal(batch.indices, again.indices)
        assert torch.equal(batch.images, again.images)
        assert batch.images[:, 0, 0, 0].tolist() == batch.indices.tolist()
        assert batch.targets.tolist() == targets[batch.indices].tolist()
    assert [batch.step for batch in batches.ahead(range(2, 6))] == [2, 3, 4, 5]
    assert batches.steps(2.0) == math.ceil(2 * 7 / 5)


def test_seeds_rounds_and_classes_differ():
    targets = np.repeat(np.arange(2), 50)
    orders = {}
    for seed in (0, 1):
        order = shown(batches_of(targets, 100, seed), 2)
        for label in (0, 1):
            own = order[targets[order] == label] - 50 * label
            orders |= {(seed, label, turn): own[50 * turn : 50 * turn + 50].tolist() for turn in (0, 1)}
        orders[seed, "classes", 0] = targets[order].tolist()
    assert len({tuple(order) for order in orders.values()}) == len(orders) == 10


def test_every_image_comes_first_alike():
    targets = np.array([0, 0, 0, 0, 1])
    first = [batches_of(targets, 2, seed)[0].indices.numpy() for seed in range(1600)]
    counts = np.bincount(np.concatenate(first), minlength=5)
    assert counts[4] == 1600
    # Each of four with chance 1/4: 400 of 1,600, deviation 17; five deviations are 87.
    assert np.abs(counts[:4] - 400).max() < 87
    # And each class comes first in half of them: 800, deviation 20.
    assert abs(sum(indices[0] == 4 for indices in first) - 800) < 100


def test_what_cannot_be_balanced(tmp_path):
    several = Dataset(torch.zeros(2, 1, 1, 1, dtype=torch.uint8), torch.eye(2))
    assert message_of(ConfigError, Batches, several, 2, 0, "balanced") == (
        "sampling='balanced': must be shuffle, as an image may have several labels. "
        "Use sampling=shuffle, with class_weights=balanced."
    )

    streamed = open_split(open_source(f"wds:{write_set(tmp_path)}"), "train", (3, 5, 6))
    assert message_of(ConfigError, Batches, streamed, 2, 0, "balanced") == (
        "sampling='balanced': must be shuffle, as images that are streamed come in the order in which they lie. "
        "Use sampling=shuffle, with class_weights=balanced."
    )


@pytest.mark.parametrize("batch_size", [1, 7])
def test_shuffling_is_as_before(batch_size):
    targets = torch.tensor([0, 0, 1])
    dataset = Dataset(torch.zeros(3, 1, 1, 1, dtype=torch.uint8), targets)
    plain, named = Batches(dataset, batch_size, 4), Batches(dataset, batch_size, 4, "shuffle")
    assert all(torch.equal(plain[k].indices, named[k].indices) for k in range(9))
