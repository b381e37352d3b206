"""The batch of a step is a pure function of (seed, step), and every epoch shows every image once."""

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.data import Batches, Dataset, batch_indices

SIZES = st.integers(1, 60)
SEEDS = st.integers(0, 2**63 - 1)


@given(SIZES, st.integers(1, 150), SEEDS)
@settings(deadline=None, max_examples=150)
def test_every_epoch_shows_every_image_once(size, batch_size, seed):
    epochs = 3
    steps = math.ceil(epochs * size / batch_size)
    batches = [batch_indices(size, batch_size, seed, step) for step in range(steps)]
    assert all(batch.shape == (batch_size,) for batch in batches)  # none is ragged
    shown = np.concatenate(batches)
    for epoch in range(epochs):
        assert sorted(shown[epoch * size : (epoch + 1) * size]) == list(range(size))


@given(SIZES, st.integers(1, 80), SEEDS, st.lists(st.integers(0, 1000), min_size=1, max_size=12))
@settings(deadline=None, max_examples=100)
def test_a_batch_depends_on_no_other(size, batch_size, seed, steps):
    ahead = {step: batch_indices(size, batch_size, seed, step).tolist() for step in sorted(steps)}
    for step in steps:
        batch_indices(size + 1, batch_size, seed + 1, step)  # something else in between
        assert batch_indices(size, batch_size, seed, step).tolist() == ahead[step]


@given(st.integers(20, 60), st.integers(0, 2**62))
@settings(deadline=None, max_examples=50)
def test_seeds_and_epochs_differ(size, seed):
    first = batch_indices(size, size, seed, 0).tolist()
    assert first != batch_indices(size, size, seed + 1, 0).tolist()
    assert first != batch_indices(size, size, seed, 1).tolist()
    assert first != list(range(size))


def test_the_first_place_is_taken_by_all_alike():
    counts = np.bincount([batch_indices(5, 1, seed, 0)[0] for seed in range(2000)], minlength=5)
    # Each of five with chance 1/5: 400 of 2,000, deviation 18; five deviations are 90.
    assert np.abs(counts - 400).max() < 90


def test_batches_take_their_images_and_targets():
    images = torch.arange(10, dtype=torch.uint8)[:, None, None, None].expand(10, 1, 2, 2)
    batches = Batches(Dataset(images, torch.arange(10) * 7), batch_size=4, seed=5)
    for step in (0, 3, 1):
        batch = batches[step]
        expected = batch_indices(10, 4, 5, step)
        assert batch.step == step
        assert batch.indices.tolist() == expected.tolist()
        assert batch.images.dtype == torch.uint8
        assert batch.images[:, 0, 1, 1].tolist() == expected.tolist()
        assert batch.targets.tolist() == (7 * expected).tolist()


@given(st.integers(1, 500), st.integers(1, 100), st.floats(0.01, 20))
@settings(deadline=None, max_examples=100)
def test_steps_are_the_fewest_that_show_enough(size, batch_size, epochs):
    empty = Dataset(torch.zeros(size, 1, 1, 1, dtype=torch.uint8), torch.zeros(size, dtype=torch.int64))
    steps = Batches(empty, batch_size, 0).steps(epochs)
    assert steps * batch_size >= epochs * size - 1e-9
    assert (steps - 1) * batch_size < epochs * size
