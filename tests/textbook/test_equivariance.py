"""Convolution is equivariant to shifts, and max pooling nearly invariant; where this ends.

Two views of one scene take the place of an image and its shifted copy: a shift moves nothing in from outside, and what
lies away from the border must agree to the last bit. Inputs and weights are whole numbers, so that sums are exact.
Legend: N batch, C channels, H W height width, S total stride.
"""

import numpy as np
import pytest
import torch
from equivariance import WINDOWS, pooled_changes, strided_differences, write_pictures
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from striate.analyze import analyze
from striate.data import digits
from striate.errors import ShapeError
from striate.nn import build
from striate.spec import (
    AvgPool,
    Conv,
    DepthwiseConv,
    GlobalAvgPool,
    GlobalMaxPool,
    LocallyConnected,
    MaxPool,
    Network,
    ReLU,
    SeparableConv,
    Sequential,
    TiledConv,
)

SIZE = 24


def whole(shape, seed, low=-4, high=5):
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed)).double()


def built(network, seed=0):
    """Build a network with weights that are whole numbers."""
    module = build(network, seed=0).double().requires_grad_(False)
    for i, parameter in enumerate(module.parameters()):
        parameter.copy_(whole(parameter.shape, seed + i))
    return module


def views(shape, shift, seed=0):
    """Return two views (1, C, H, W) of a scene; what is at (y, x) in the second is at (y, x) + shift in the first."""
    channels, height, width = shape
    dy, dx = shift
    scene = whole((1, channels, height + dy, width + dx), seed)
    return scene[..., :height, :width], scene[..., dy:, dx:]


def inside(analysis, size):
    """Return for each axis the outputs whose receptive field holds no padding."""
    row = analysis.layers[-1]
    ranges = []
    for field, outputs in zip(row.receptive_field, row.output_shape[1:], strict=True):
        starts = [field.offset + i * field.stride for i in range(outputs)]
        good = [i for i, start in enumerate(starts) if start >= 0 and start + field.size <= size]
        ranges.append((good[0], good[-1] + 1) if good else (0, 0))
    return ranges


def agree(network, shift, seed=0):
    """Tell, within a property, whether the outputs of two views agree where both see the same."""
    analysis = analyze(network)
    module = built(network, seed)
    first, second = map(module, views(network.input, shift, seed))
    steps = [s // f.stride for s, f in zip(shift, analysis.layers[-1].receptive_field, strict=True)]
    (top, bottom), (left, right) = inside(analysis, network.input[1])
    (dy, dx) = steps
    assume(top + dy < bottom and left + dx < right)
    a = first[..., top + dy : bottom, left + dx : right]
    b = second[..., top : bottom - dy, left : right - dx]
    return torch.equal(a, b)


PARTS = st.one_of(
    st.builds(
        Conv,
        out_channels=st.sampled_from([2, 4]),
        kernel_size=st.sampled_from([1, 2, 3, 5, (1, 3)]),
        stride=st.integers(1, 3),
        padding=st.sampled_from([0, 1, 2, "same", "full", ((0, 2), 1)]),
        dilation=st.integers(1, 2),
        groups=st.integers(1, 2),
    ),
    st.builds(DepthwiseConv, kernel_size=st.integers(1, 3), padding=st.integers(0, 1)),
    st.builds(SeparableConv, out_channels=st.just(4), kernel_size=st.integers(1, 3)),
    st.builds(MaxPool, kernel_size=st.integers(2, 3), stride=st.integers(1, 3), padding=st.integers(0, 1)),
    st.just(AvgPool(2)),
    st.just(ReLU()),
)


@settings(max_examples=80)
@given(
    parts=st.lists(PARTS, min_size=1, max_size=3),
    steps=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    seed=st.integers(0, 1000),
)
def test_a_shift_by_a_multiple_of_the_stride_shifts_the_output(parts, steps, seed):
    network = Network("n", (2, SIZE, SIZE), Sequential(*parts))
    try:
        fields = analyze(network).layers[-1].receptive_field
    except ShapeError:  # a chain that leaves a layer less than its window
        reject()
    assert agree(network, tuple(n * f.stride for n, f in zip(steps, fields, strict=True)), seed)


@given(stride=st.integers(2, 4), shift=st.integers(1, 8), kind=st.sampled_from([Conv, MaxPool]))
def test_a_shift_by_less_than_the_stride_does_not(stride, shift, kind):
    layer = Conv(3, 3, stride=stride) if kind is Conv else MaxPool(stride)
    network = Network("n", (2, SIZE, SIZE), layer)
    assert agree(network, (0, shift)) == (shift % stride == 0)


def test_a_turn_of_the_input_does_not_turn_the_output():
    x = whole((1, 1, SIZE, SIZE), seed=1)
    module = built(Network("n", (1, SIZE, SIZE), Conv(1, 3)))
    weight = module.conv1.weight
    turned = [module(x.rot90(quarter, (2, 3))) for quarter in (1, 2, 3)]
    for quarter, answer in enumerate(turned, 1):
        assert not torch.equal(answer, module(x).rot90(quarter, (2, 3)))
    weight.copy_(weight.rot90(1, (2, 3)))  # a turned kernel is what a turned input needs
    plain = module(x.rot90(1, (2, 3)))
    weight.copy_(weight.rot90(-1, (2, 3)))
    assert torch.equal(plain, module(x).rot90(1, (2, 3)))
    weight.copy_(torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]))  # and one that a turn leaves as it is
    assert torch.equal(module(x.rot90(1, (2, 3))), module(x).rot90(1, (2, 3)))


def test_zero_padding_answers_to_the_border_wherever_the_image_goes():
    module = built(Network("n", (1, SIZE, SIZE), Conv(1, 3, padding=1)))
    first, second = map(module, views((1, SIZE, SIZE), (0, 2)))
    differs = (first[..., 2:] != second[..., :-2]).any(2).flatten().tolist()
    assert [i for i, column in enumerate(differs) if column] == [0, SIZE - 3]


@settings(max_examples=20)
@given(shift=st.tuples(st.integers(0, 6), st.integers(0, 6)))
def test_weights_of_its_own_at_each_position_are_not_equivariant(shift):
    assert agree(Network("n", (2, SIZE, SIZE), LocallyConnected(2, 3)), shift) == (shift == (0, 0))


@settings(max_examples=40)
@given(
    tiles=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    shift=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    stride=st.integers(1, 2),
)
def test_tiled_convolution_is_equivariant_to_multiples_of_its_tiles(tiles, shift, stride):
    network = Network("n", (2, SIZE, SIZE), TiledConv(2, 3, tiles=tiles, stride=stride))
    by_tiles = all(s % (stride * t) == 0 for s, t in zip(shift, tiles, strict=True))
    assert agree(network, shift) == by_tiles


@given(
    kernel=st.integers(1, 5),
    shift=st.tuples(st.integers(-SIZE, SIZE), st.integers(-SIZE, SIZE)),
    pool=st.sampled_from([GlobalMaxPool(), GlobalAvgPool()]),
)
def test_on_a_torus_every_shift_is_equivariant_and_a_global_pool_invariant(kernel, shift, pool):
    # No layer pads circularly; the input is wrapped before it enters.
    wrapped = SIZE + kernel - 1
    convolution = built(Network("n", (2, wrapped, wrapped), Conv(3, kernel)))
    pooling = built(Network("n", (3, SIZE, SIZE), pool))
    x = whole((1, 2, SIZE, SIZE), seed=kernel)
    maps, moved = (
        convolution(F.pad(v, (0, kernel - 1, 0, kernel - 1), mode="circular"))
        for v in (x, x.roll(shift, (2, 3)))
    )
    assert torch.equal(moved, maps.roll(shift, (2, 3)))
    assert torch.equal(pooling(moved), pooling(maps))


@given(
    size=st.integers(2, 5),
    at=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    shift=st.tuples(st.integers(-1, 1), st.integers(-1, 1)),
    window=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
def test_a_maximum_that_stays_in_its_window_changes_nothing(size, at, shift, window):
    assume(shift != (0, 0) and max(at) < size)
    pool = built(Network("n", (1, 4 * size, 4 * size), MaxPool(size)))
    x = torch.zeros(1, 1, 4 * size, 4 * size, dtype=torch.float64)
    x[..., window[0] * size + at[0], window[1] * size + at[1]] = 1
    moved = x.roll(shift, (2, 3))
    stays = all(0 <= a + s < size for a, s in zip(at, shift, strict=True))
    assert not torch.equal(x, moved)
    assert torch.equal(pool(x), pool(moved)) == stays


def test_the_figure_of_goodfellow_that_the_lecture_shows():
    # Deep Learning, figure 9.8: a shift by one changes every value below, and half of the maxima above.
    pool = build(Network("n", (1, 6), MaxPool(3, stride=1)), seed=0)
    x, moved = torch.tensor([[0.0, 0.1, 1.0, 0.2, 0.1, 0.0]]), torch.tensor([[0.0, 0.3, 0.1, 1.0, 0.2, 0.0]])
    assert (x != moved)[0, 1:-1].all()
    before, after = pool(x[None])[0, 0], pool(moved[None])[0, 0]
    assert before.tolist() == pytest.approx([1, 1, 1, 0.2])
    assert after.tolist() == pytest.approx([0.3, 1, 1, 1])
    assert int((before != after).sum()) == 2


def test_of_shifted_digits_larger_windows_change_less():
    images = digits().array("test")[:, 0].astype(float)
    expected = {}
    for window in WINDOWS:
        changed = total = 0.0
        for y, x in np.ndindex(min(window, 8), min(window, 8)):
            maxima = []
            for shift in (0, 1):
                field = np.zeros((len(images), 24, 24))
                field[:, 8 + y : 16 + y, 8 + x + shift : 16 + x + shift] = images
                maxima.append(field.reshape(-1, 24 // window, window, 24 // window, window).max((2, 4)))
            changed += np.abs(maxima[1] - maxima[0]).sum()
            total += maxima[0].sum()
        expected[window] = changed / total
    assert pooled_changes() == pytest.approx(expected)
    changes = list(expected.values())
    assert changes == sorted(changes, reverse=True)
    assert changes[0] > 0.8
    assert changes[-1] == 0  # one window over all


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_only_shifts_by_multiples_of_the_stride_shift_the_map_of_digits(stride):
    differences = strided_differences(stride)
    assert [value == 0 for value in differences] == [shift % stride == 0 for shift in range(7)]
    assert all(value > 1 for value in differences if value)


def test_the_pictures_have_the_same_bytes_each_time(tmp_path):
    made = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_pictures(tmp_path / name)
        made.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert made[0] == made[1]
    assert sorted(made[0]) == [f"equivariance-{name}.svg" for name in ("convolution", "ends", "pooling")]
