"""Every kind of axis gives the outputs, and sees the inputs, that a loop over its definition finds."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from striate.analyze import Axis
from striate.analyze.axes import AdaptiveAxis, TransposedAxis, UpsampledAxis

RANDOM = settings(max_examples=200, deadline=None)

sizes, kernels, strides, dilations = (
    st.integers(1, 30),
    st.integers(1, 6),
    st.integers(1, 5),
    st.integers(1, 3),
)


def window(axis, i):
    """Return the first and the last position, whole or not, that output ``i`` of the axis is said to see."""
    first = axis.first + i * axis.step
    return first, first + axis.reach


def whole(axis, i):
    """Return the whole positions that output ``i`` is said to see, those outside the input among them."""
    first, last = window(axis, i)
    return set(range(math.ceil(first), math.floor(last) + 1))


@RANDOM
@given(sizes, kernels, strides, dilations, st.integers(0, 5), st.integers(0, 5))
def test_a_sliding_window(size, kernel, stride, dilation, before, after):
    axis = Axis(size, kernel, stride, dilation, before, after)
    for i in range(max(axis.output, 0)):
        taps = [i * stride - before + t * dilation for t in range(kernel)]
        assert window(axis, i) == (taps[0], taps[-1])
        assert taps[-1] < size + after


@RANDOM
@given(sizes, kernels, strides, dilations, st.integers(0, 8), st.integers(0, 4))
def test_a_transposed_window_sees_the_inputs_that_were_laid_on_it(size, kernel, stride, dilation, cut, added):
    assume(added < max(stride, dilation))
    axis = TransposedAxis(size, kernel, stride, dilation, cut, added)
    assume(axis.output >= 1)
    expected = functional.conv_transpose1d(
        torch.zeros(1, 1, size), torch.zeros(1, 1, kernel), None, stride, cut, added, 1, dilation
    )
    assert axis.output == expected.shape[2]
    # Inputs reach far beyond both ends here, so that none is missing.
    laid = {
        i: {p for p in range(-40, size + 40) for t in range(kernel) if p * stride + t * dilation - cut == i}
        for i in range(axis.output)
    }
    for i, inputs in laid.items():
        assert inputs <= whole(axis, i)
        if dilation == 1:  # with holes some of them pass by
            assert inputs == whole(axis, i)
    if axis.output >= stride:  # the ends are met by some output of each stride
        assert min(p - window(axis, i)[0] for i, inputs in laid.items() for p in inputs) == 0
        assert min(window(axis, i)[1] - p for i, inputs in laid.items() for p in inputs) == 0


@RANDOM
@given(sizes, st.integers(1, 7))
def test_repeated_positions(size, scale):
    axis = UpsampledAxis(size, scale, linear=False)
    source = [p for p in range(size) for _ in range(scale)]
    assert axis.output == len(source)
    assert [whole(axis, i) for i in range(axis.output)] == [{p} for p in source]


@RANDOM
@given(sizes, st.integers(1, 7))
def test_interpolated_positions(size, scale):
    axis = UpsampledAxis(size, scale, linear=True)
    assert axis.output == size * scale
    for i in range(axis.output):
        center = (i + Fraction(1, 2)) / scale - Fraction(1, 2)
        assert whole(axis, i) == {p for p in range(-3, size + 3) if abs(p - center) < 1}


@RANDOM
@given(sizes.flatmap(lambda size: st.tuples(st.just(size), st.integers(1, size))))
def test_adaptive_windows(sizes):
    size, output = sizes
    axis = AdaptiveAxis(size, output)
    windows = [
        range(math.floor(Fraction(i * size, output)), math.ceil(Fraction((i + 1) * size, output)))
        for i in range(output)
    ]
    for i, inputs in enumerate(windows):
        assert set(inputs) <= whole(axis, i)
        if size % output == 0:
            assert set(inputs) == whole(axis, i)
    # No shorter reach would cover them all, and no window begins later than is said.
    assert max(inputs[-1] - i * axis.step for i, inputs in enumerate(windows)) == axis.first + axis.reach
    assert min(inputs[0] - i * axis.step for i, inputs in enumerate(windows)) == axis.first


@pytest.mark.parametrize(
    ("axis", "work"),
    [
        (TransposedAxis(7, 4, 2, 1, 1, 0), "(7 − 1)·2 − 2·1 + 4 = 14"),
        (TransposedAxis(7, 3, 2, 2, 0, 1), "(7 − 1)·2 + (2·(3 − 1) + 1) + 1 = 18"),
        (UpsampledAxis(7, 2, linear=True), "7·2 = 14"),
        (AdaptiveAxis(7, 3), "3"),
    ],
)
def test_the_working(axis, work):
    assert axis.work == work
