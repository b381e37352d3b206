"""Images to pixels, and splits to images of one size, against resizing written as loops."""

import numpy as np
import pytest
from PIL import Image
from toys import message_of, pillow_resized

from striate.data import ArraySource, Preprocess, load_split
from striate.errors import DataError


def triangle_resize(values, size):
    """Resize the last axis of float64 ``values`` with the triangle filter, widened where it shrinks."""
    old = values.shape[-1]
    scale = old / size
    reach = max(scale, 1.0)
    columns = []
    for i in range(size):
        center = (i + 0.5) * scale
        weights = np.array([max(0.0, 1 - abs(j + 0.5 - center) / reach) for j in range(old)])
        columns.append(values @ (weights / weights.sum()))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 9), (3, 20, 7), (1, 31, 33)])
@pytest.mark.parametrize("size", [(12, 10), (8, 8), (3, 40)])
def test_pixels_are_stretched_with_antialiasing(shape, size):
    channels, height, width = shape
    rng = np.random.default_rng(1)
    stored = rng.integers(0, 256, (size[1], size[0]) if channels == 1 else (size[1], size[0], 3), np.uint8)
    pixels = Preprocess(shape).pixels(Image.fromarray(stored))
    assert pixels.dtype == np.uint8
    assert pixels.shape == shape
    planes = stored[None] if channels == 1 else stored.transpose(2, 0, 1)
    wide = triangle_resize(planes.astype(float), width)
    expected = triangle_resize(wide.swapaxes(1, 2), height).swapaxes(1, 2)
    assert np.abs(pixels - expected).max() < 1.001  # Pillow rounds to bytes after each axis
    assert np.abs(pixels - expected).mean() < 0.4


def test_images_of_one_size_are_resized_when_the_network_wants_another():
    stored = np.random.default_rng(5).integers(0, 256, (4, 1, 6, 6), np.uint8)
    source = ArraySource("six", {"train": stored}, {"train": np.arange(4)}, tuple("abcd"))
    same = load_split(source, "train", (1, 6, 6))
    assert np.array_equal(same.images.numpy(), stored)
    assert same.targets.tolist() == [0, 1, 2, 3]
    color = load_split(source, "train", (3, 12, 9))
    expected = [pillow_resized(Image.fromarray(i[0]), 12, 9)[0] for i in stored]
    for channel in range(3):
        assert np.array_equal(color.images[:, channel].numpy(), expected)


def test_a_split_that_is_not_there_or_empty():
    none = np.zeros((0, 1, 6, 6), np.uint8)
    source = ArraySource(
        "six", {"train": none, "val": none}, {"train": none[:, 0, 0, 0]} | {"val": []}, ("a",)
    )
    assert message_of(DataError, load_split, source, "test", (1, 6, 6)) == (
        "six has no split 'test'; it has train, val. Choose one of them, such as --split val (split='val')."
    )
    assert message_of(DataError, load_split, source, "train", (1, 6, 6)) == (
        "six: the split 'train' holds no images. Add images."
    )
    assert message_of(DataError, load_split, source, "val", (1, 6, 6)) == (
        "six: the split 'val' holds no images. Add images. A folder takes them from val/<class>/; a set "
        "without a validation split sets a tenth of each class aside, which takes 5 or more training images of a "
        "class."
    )
