"""Memory is used again when nothing can see it any more, and never before."""

import copy
import gc
import pickle

import numpy as np
import pytest
import torch

from striate.data import Batches, Dataset
from striate.data.buffers import Buffers

VIEWS = {
    "the tensor": lambda tensor: tensor,
    "a part": lambda tensor: tensor[1:, :2],
    "an array": lambda tensor: tensor.numpy(),
    "a part of an array": lambda tensor: tensor.numpy()[0],
    "another type": lambda tensor: tensor.view(torch.int8),
    "the storage": lambda tensor: tensor.untyped_storage(),
    "a memoryview": lambda tensor: memoryview(tensor.numpy()),
    "DLPack": lambda tensor: np.from_dlpack(tensor),
}


@pytest.mark.parametrize("view", VIEWS)
def test_what_is_seen_is_not_used_again(view):
    buffers = Buffers()
    first = buffers.empty(4, 3)
    place = first.data_ptr()
    seen = VIEWS[view](first)
    del first
    gc.collect()
    others = [buffers.empty(4, 3) for _ in range(5)]
    assert place not in [other.data_ptr() for other in others]
    del seen, others


def test_what_nobody_sees_is_used_again():
    buffers = Buffers()
    place = buffers.empty(4, 3).data_ptr()
    assert buffers.empty(4, 3).data_ptr() == place
    assert buffers.empty(5, 3).shape == (5, 3)
    assert buffers.empty(4, 3).data_ptr() == place


def test_batches_that_are_kept_stay_what_they_are():
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (50, 3, 4, 5), np.uint8))
    batches = Batches(Dataset(images, torch.zeros(50, dtype=torch.int64)), 8, seed=0)
    kept = [batches[step] for step in range(12)]
    for _ in range(30):
        batches[3]
    for batch in kept:
        assert torch.equal(batch.images, images[batch.indices])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_data_sets_can_be_copied(copied):
    images = torch.arange(24, dtype=torch.uint8).reshape(2, 1, 3, 4)
    dataset = Dataset(images, torch.tensor([0, 1]))
    kept = Batches(dataset, 2, seed=0)[0].images
    other = copied(dataset)
    assert torch.equal(other.images, images)
    assert Batches(other, 2, seed=0)[0].images.data_ptr() != kept.data_ptr()


def test_a_few_are_held():
    buffers = Buffers()
    kept = [buffers.empty(2) for _ in range(20)]
    assert len({tensor.data_ptr() for tensor in kept}) == 20
    assert len(buffers._held) == 3
