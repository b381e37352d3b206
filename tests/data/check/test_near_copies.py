"""The search for near copies against a brute force over all pairs."""

import numpy as np
import pytest

from striate.data.check.duplicates import hash_distance, near_groups, perceptual_hash


def bits(value):
    return bin(int(value)).count("1")


def test_the_distance_is_the_number_of_bits():
    random = np.random.default_rng(0)
    a, b = random.integers(0, 2**64, (2, 500), np.uint64)
    b[:3] = a[0], ~a[1], a[2] ^ np.uint64(2**63)
    assert hash_distance(a, b).tolist() == [bits(x ^ y) for x, y in zip(a, b, strict=True)]
    assert hash_distance(a, b)[:3].tolist() == [0, 64, 1]


def linked(count, pairs):
    """Return the groups that pairs link, by walking from each number as far as they lead."""
    beside = {i: {j for pair in pairs if i in pair for j in pair} for i in range(count)}
    groups = set()
    for i in range(count):
        reached, edge = {i}, {i}
        while edge:
            edge = {k for j in edge for k in beside[j]} - reached
            reached |= edge
        groups.add(tuple(sorted(reached)))
    return [list(group) for group in sorted(groups) if len(group) > 1]


@pytest.mark.parametrize("count", [0, 1, 2, 400])
def test_no_copy_is_missed(count):
    """Clusters of hashes around few centers, so that distances of 0 to 12 bits are frequent."""
    random = np.random.default_rng(count)
    centers = random.integers(0, 2**64, 8, np.uint64)
    hashes = centers[random.integers(0, 8, count)]
    for row in range(count):
        for bit in random.integers(0, 64, random.integers(0, 7)):
            hashes[row] ^= np.uint64(1) << np.uint64(bit)
    patterns = np.ones((count, 1), np.float32)
    needed = np.full(count, 0.5, np.float32)
    pairs = [(i, j) for i in range(count) for j in range(i) if bits(hashes[i] ^ hashes[j]) <= 6]
    assert near_groups(hashes, patterns, needed) == linked(count, pairs)
    assert count < 400 or len(pairs) > 1000


def test_the_correlation_decides():
    hashes = np.zeros(3, np.uint64)
    patterns = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)
    assert near_groups(hashes, patterns, np.full(3, 0.7, np.float32)) == [[1, 2]]
    assert near_groups(hashes, patterns, np.array([0.5, 0.5, 0.9], np.float32)) == [[0, 1]]


def test_the_hash_against_the_definition():
    """The cosine transform by its sum, in float64, one frequency at a time."""
    image = np.random.default_rng(1).integers(0, 256, (1, 16, 16), np.uint8)
    place = (np.arange(16) + 0.5) * np.pi / 16
    waves = []
    for down in range(8):
        for right in range(8):
            wave = np.cos(down * place)[:, None] * np.cos(right * place)
            waves.append(0.0 if down == right == 0 else float((image[0] * wave).sum()))
    expected = np.packbits(np.array(waves) > np.median(waves)).tobytes()
    assert perceptual_hash(image).tobytes() == expected
    assert bits(perceptual_hash(image)[0]) == 32


def test_light_changes_the_hash_little():
    image = np.random.default_rng(2).integers(40, 160, (1, 16, 16)).astype(np.uint8)
    assert hash_distance(perceptual_hash(image), perceptual_hash(image + np.uint8(50))).item() == 0


def test_a_film_is_one_group():
    """Far more that look the same than are compared with each other."""
    count = 5000
    hashes = np.full(count, 12345, np.uint64)
    hashes[::2] ^= np.uint64(3)
    patterns, needed = np.ones((count, 1), np.float32), np.full(count, 0.9, np.float32)
    assert near_groups(hashes, patterns, needed) == [list(range(count))]
