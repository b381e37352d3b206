"""Random numbers against a generator written with Python's whole numbers, and against their distributions."""

import numpy as np
import pytest
import torch
from scipy import stats

from striate.data.augment.draws import image_keys, pixel_normals, pixel_uniforms, streams, uniforms

MASK = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15
CPU = torch.device("cpu")
LEAST = 1e-4  # of a p-value; seeds are fixed, so that tests pass or fail for good


def finished(z):
    """Return SplitMix64's output for a state (Vigna, splitmix64.c)."""
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def splitmix(state, count):
    """Return the first outputs of SplitMix64 from ``state``."""
    return [finished(state + k * GAMMA & MASK) for k in range(1, count + 1)]


def test_draws_are_the_published_outputs_of_splitmix64():
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert splitmix(1234567, 5) == published
    drawn = uniforms(np.array([1234567], np.uint64), 5)
    assert drawn.tolist() == [[(n >> 11) / 2**53 for n in published]]


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
@pytest.mark.parametrize("step", [0, 77, 2**40])
def test_keys_and_draws_equal_a_plain_loop(seed, step):
    indices = [0, 1, 2, 59_999, 2**40, 2**63 - 1]
    keys = image_keys(seed, step, np.array(indices))
    expected = []
    for index in indices:
        key = 0
        for part in (seed, step, index):
            key = finished((key ^ part) + GAMMA & MASK)
        expected.append(key)
    assert keys.tolist() == expected
    assert uniforms(keys, 7).tolist() == [[(n >> 11) / 2**53 for n in splitmix(key, 7)] for key in expected]


def test_a_draw_does_not_depend_on_how_many_are_taken():
    keys = image_keys(1, 2, np.arange(50))
    several = uniforms(keys, 9)
    assert np.array_equal(several[:, :4], uniforms(keys, 4))
    assert np.array_equal(several[7:9], uniforms(keys[7:9], 9))
    assert uniforms(keys, 0).shape == (50, 0)
    assert uniforms(keys[:0], 3).shape == (0, 3)


def test_every_seed_step_image_and_stream_has_its_own_key():
    keys = np.concatenate(
        [image_keys(seed, step, np.arange(1000)) for seed in range(10) for step in range(10)]
    )
    of_streams = [streams(keys, slot) for slot in range(5)]
    everything = np.concatenate([keys, *of_streams])
    assert len(np.unique(everything)) == len(everything) == 600_000


def test_a_seed_does_not_pass_for_a_step_or_an_index():
    triples = np.array([[3, 5, 7], [3, 7, 5], [5, 3, 7], [5, 7, 3], [7, 3, 5], [7, 5, 3]])
    keys = [int(image_keys(seed, step, np.array([index]))[0]) for seed, step, index in triples.tolist()]
    assert len(set(keys)) == 6


DRAWN = {
    "of images": lambda n: uniforms(image_keys(0, 0, np.arange(n)), 1)[:, 0],
    "of steps": lambda n: np.array([uniforms(image_keys(0, k, np.arange(1)), 1)[0, 0] for k in range(n)]),
    "of one image": lambda n: uniforms(image_keys(3, 0, np.arange(1)), n)[0],
    "of streams": lambda n: uniforms(streams(image_keys(0, 0, np.arange(n)), 4), 1)[:, 0],
    "of pixels": lambda n: pixel_uniforms(image_keys(0, 0, np.arange(1)), (n,), CPU)[0].numpy(),
    "of a pixel": lambda n: pixel_uniforms(image_keys(0, 0, np.arange(n)), (1,), CPU)[:, 0].numpy(),
}


@pytest.mark.parametrize("which", DRAWN)
def test_draws_are_even_on_0_to_1(which):
    drawn = DRAWN[which](20_000)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert stats.kstest(drawn, "uniform").pvalue > LEAST
    # Neighbors in the order of images, steps or pixels know nothing of each other, nor do those farther apart.
    assert max(abs(np.corrcoef(drawn[lag:], drawn[:-lag])[0, 1]) for lag in (1, 2, 3, 7, 64)) < 0.03
    counts = np.histogram2d(drawn[:-1], drawn[1:], bins=8, range=[[0, 1], [0, 1]])[0]
    assert stats.chisquare(counts.ravel()).pvalue > LEAST


def test_draws_of_an_image_know_nothing_of_each_other_nor_of_those_of_its_streams():
    keys = image_keys(0, 0, np.arange(40_000))
    drawn = [uniforms(keys, 6), *(uniforms(streams(keys, slot), 2) for slot in range(3))]
    following = uniforms(image_keys(0, 1, np.arange(40_000)), 2)
    other_seed = uniforms(image_keys(1, 0, np.arange(40_000)), 2)
    related = np.corrcoef(np.concatenate([*drawn, following, other_seed], 1).T)
    assert np.abs(related - np.eye(len(related))).max() < 4.5 / np.sqrt(40_000)


def test_keys_of_streams_are_in_no_order_of_draws():
    keys = image_keys(0, 0, np.arange(40_000))
    drawn = uniforms(keys, 6)
    for slot in range(4):
        ranks = stats.rankdata(streams(keys, slot))
        related = [abs(np.corrcoef(ranks, drawn[:, k])[0, 1]) for k in range(6)]
        assert max(related) < 4.5 / np.sqrt(40_000), f"stream {slot} has the order of a draw: {related}"


SHAPES = pytest.mark.parametrize("shape", [(1,), (1, 1, 1), (3, 5, 7), (2, 64)], ids=str)


@SHAPES
@pytest.mark.parametrize("drawn", [pixel_uniforms, pixel_normals])
def test_numbers_of_pixels_are_a_function_of_the_images_key(drawn, shape):
    keys = image_keys(4, 9, np.arange(6))
    numbers = drawn(keys, shape, CPU)
    assert numbers.dtype == torch.float32
    assert numbers.shape == (6, *shape)
    assert torch.isfinite(numbers).all()
    assert torch.equal(numbers, drawn(keys, shape, CPU))
    for order in ([3], [5, 0, 2], [1, 1]):
        assert torch.equal(drawn(keys[order], shape, CPU), numbers[order])
    assert len(torch.unique(numbers.flatten(1), dim=0)) == 6


def test_numbers_of_pixels_do_not_depend_on_threads():
    keys = image_keys(4, 9, np.arange(8))
    before = torch.get_num_threads()
    try:
        several = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            several.append(pixel_normals(keys, (3, 64, 64), CPU))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*several)


def test_normals_of_pixels_are_normal_and_independent():
    numbers = pixel_normals(image_keys(0, 0, np.arange(4)), (3, 96, 96), CPU).numpy()
    assert all(stats.kstest(image.ravel(), "norm").pvalue > LEAST for image in numbers)
    assert abs(stats.kurtosis(numbers, axis=None)) < 0.06
    bound = 4.5 / np.sqrt(numbers.size)
    pairs = [
        (numbers[..., 1:], numbers[..., :-1]),
        (numbers[..., 1:, :], numbers[..., :-1, :]),
        (numbers[:, 1:], numbers[:, :-1]),
        (numbers[1:], numbers[:-1]),
        (numbers[..., 1:] ** 2, numbers[..., :-1] ** 2),
    ]
    assert max(abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) for a, b in pairs) < 1.3 * bound
