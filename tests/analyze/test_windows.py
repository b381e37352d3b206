"""Closed forms of windows, parameters and MACs against counting, over random settings."""

import itertools
import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from striate.analyze import Axis, Misfit, analyze, arithmetic, same_padding
from striate.spec import AvgPool, BatchNorm, Conv, Linear, MaxPool, Network

RANDOM = settings(max_examples=300, deadline=None)

sizes = st.integers(1, 40)
kernels = st.integers(1, 7)
strides = st.integers(1, 6)
dilations = st.integers(1, 4)
pads = st.integers(0, 6)


def starts_rounded_down(size, kernel, stride, dilation, before, after):
    """List the first positions of all windows that lie within the padded input."""
    taps = [dilation * k for k in range(kernel)]
    padded = range(-before, size + after)
    return [start for start in padded[::stride] if all(start + tap in padded for tap in taps)]


def starts_rounded_up(size, kernel, stride, dilation, before, after):
    """As above; a partial window at the end counts if it starts in the input or the padding before it."""
    end, starts = size + after, []
    for start in range(-before, size, stride):
        starts.append(start)
        if start + dilation * (kernel - 1) + 1 >= end:
            break
    return starts


@RANDOM
@given(sizes, kernels, strides, dilations, pads, pads)
def test_output_rounded_down_counts_the_windows(size, kernel, stride, dilation, before, after):
    counted = len(starts_rounded_down(size, kernel, stride, dilation, before, after))
    axis = Axis(size, kernel, stride, dilation, before, after)
    if counted:
        assert axis.output == counted
        assert arithmetic(Conv(1, kernel, stride, ((before, after),), dilation), (1, size)).output == (
            1,
            counted,
        )
    else:
        assert axis.output < 1
        with pytest.raises(Misfit, match="the window spans"):
            arithmetic(Conv(1, kernel, stride, ((before, after),), dilation), (1, size))


@RANDOM
@given(sizes, kernels, strides, pads, pads)
def test_output_rounded_up_counts_the_windows(size, kernel, stride, before, after):
    assume(before < kernel and after < kernel and size + before + after >= kernel)
    counted = len(starts_rounded_up(size, kernel, stride, 1, before, after))
    assert Axis(size, kernel, stride, 1, before, after, ceil_mode=True).output == counted
    for pool in (MaxPool, AvgPool):
        layer = pool(kernel, stride, ((before, after),), ceil_mode=True)
        assert arithmetic(layer, (1, size)).output == (1, counted)


@RANDOM
@given(sizes, kernels, strides, pads, st.booleans())
def test_output_of_pooling_is_that_of_torch(size, kernel, stride, padding, ceil_mode):
    assume(2 * padding <= kernel)
    layer = MaxPool(kernel, stride, padding, ceil_mode=ceil_mode)
    try:
        expected = functional.max_pool1d(
            torch.zeros(1, 1, size), kernel, stride, padding, ceil_mode=ceil_mode
        )
    except RuntimeError as error:
        if "output size" not in str(error).lower():
            raise
        with pytest.raises(Misfit, match="the window spans"):
            arithmetic(layer, (1, size))
    else:
        assert arithmetic(layer, (1, size)).output == expected.shape[1:]


@RANDOM
@given(sizes, kernels, strides, dilations)
def test_same_is_the_least_padding_that_gives_the_size_divided(size, kernel, stride, dilation):
    before, after = same_padding(size, kernel, stride, dilation)
    wanted = math.ceil(size / stride)
    assert len(starts_rounded_down(size, kernel, stride, dilation, before, after)) == wanted
    assert after - before in (0, 1)  # the odd one at the end
    if before + after:
        assert len(starts_rounded_down(size, kernel, stride, dilation, 0, before + after - 1)) < wanted


@RANDOM
@given(sizes, st.integers(0, 4).map(lambda half: 2 * half + 1))
def test_half_the_kernel_keeps_the_size(size, kernel):
    layer = Conv(1, kernel, padding=(kernel - 1) // 2)
    assert arithmetic(layer, (1, size)).output == (1, size)
    assert arithmetic(Conv(1, kernel, padding="same"), (1, size)).output == (1, size)


@RANDOM
@given(sizes, kernels, dilations)
def test_full_counts_every_overlap(size, kernel, dilation):
    span = range(dilation * (kernel - 1) + 1)
    overlaps = [at for at in range(1 - len(span), size + 1) if any(0 <= at + i < size for i in span)]
    assert arithmetic(Conv(1, kernel, padding="full", dilation=dilation), (1, size)).output == (
        1,
        len(overlaps),
    )


@RANDOM
@given(sizes, kernels, dilations)
def test_causal_keeps_the_length(size, kernel, dilation):
    assert arithmetic(Conv(1, kernel, padding="causal", dilation=dilation), (1, size)).output == (1, size)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda rank: st.tuples(
            st.lists(st.integers(1, 6), min_size=rank, max_size=rank),
            st.lists(st.integers(1, 3), min_size=rank, max_size=rank),
            st.lists(st.integers(1, 3), min_size=rank, max_size=rank),
        )
    ),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.booleans(),
)
def test_parameters_and_macs_of_a_convolution_are_those_counted_one_by_one(
    window, groups, per_group_in, per_group_out, bias
):
    size, kernel, stride = window
    assume(all(n >= k for n, k in zip(size, kernel, strict=True)))
    channels, filters = groups * per_group_in, groups * per_group_out
    positions = [starts_rounded_down(n, k, s, 1, 0, 0) for n, k, s in zip(size, kernel, stride, strict=True)]
    weights, macs, connections = set(), 0, set()
    for f, *at in itertools.product(range(filters), *positions):
        group = f // per_group_out
        for c, *tap in itertools.product(range(per_group_in), *map(range, kernel)):
            weights.add((f, c, *tap))
            connections.add((f, *at, c, *tap))
            macs += 1
    layer = Conv(filters, tuple(kernel), tuple(stride), groups=groups, bias=bias)
    (row,) = analyze(Network("n", (channels, *size), layer)).layers
    outputs = filters * math.prod(map(len, positions))
    assert group < groups
    assert row.weights == len(weights)
    assert row.biases == (filters if bias else 0)
    assert row.macs == macs
    assert row.neurons == outputs
    assert row.local_weights == len(connections)
    assert row.dense_weights == channels * math.prod(size) * outputs


@RANDOM
@given(st.integers(1, 50), st.integers(1, 50), st.booleans())
def test_parameters_and_macs_of_a_linear_layer(inputs, outputs, bias):
    (row,) = analyze(Network("n", (inputs,), Linear(outputs, bias=bias))).layers
    pairs = len(list(itertools.product(range(inputs), range(outputs))))
    assert (row.weights, row.macs, row.dense_weights, row.local_weights) == (pairs,) * 4
    assert (row.biases, row.neurons) == (outputs if bias else 0, outputs)


@pytest.mark.parametrize("shape", [(7,), (7, 5), (7, 5, 4), (7, 5, 4, 3)])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_has_a_scale_and_a_shift_per_channel(shape, affine):
    (row,) = analyze(Network("n", shape, BatchNorm(affine=affine))).layers
    assert (row.weights, row.biases, row.macs, row.neurons) == ((7, 7, 0, 0) if affine else (0, 0, 0, 0))
    assert row.output_shape == shape
