"""Descriptions of a few lines whose figures would never end: one message, at once, with the layer that goes too far."""

import math

import pytest
from toys import message_of

from striate.analyze import Misfit, analyze, arithmetic, same_padding
from striate.analyze.terms import Field
from striate.errors import ShapeError
from striate.spec import (
    LSTM,
    AdaptiveAvgPool,
    AuxHead,
    Concat,
    Conv,
    ConvTranspose,
    Flatten,
    GroupNorm,
    Identity,
    Maxout,
    MaxPool,
    MaxUnpool,
    Network,
    ReLU,
    Repeat,
    Sequential,
    Upsample,
)

LARGEST = 2**31 - 1
FIELD = "its receptive field has numbers beyond 2⁶²; use smaller kernels, strides or dilations."


def net(shape, *layers):
    return Network("n", shape, Sequential(*layers))


@pytest.mark.parametrize("times", [2, 40, 500, 8000])
@pytest.mark.parametrize("layer", [Upsample(LARGEST), ConvTranspose(1, 1, stride=LARGEST)])
def test_sizes_that_multiply_are_refused_where_they_pass_the_bound(layer, times):
    size = analyze(net((1, 8), layer)).output[1]
    message = message_of(ShapeError, analyze, net((1, 8), Repeat(layer, times)))
    assert message.startswith(f"{layer.stem}2 ({layer.kind}) cannot take (1, {size}): it would give ")
    assert message.endswith(" values, and at most 2⁶² can be counted; use smaller sizes.")


def test_as_many_values_as_the_bound_are_counted_and_one_more_is_refused():
    assert math.prod(analyze(net((2**30, 2**30, 4), ReLU())).output) == 2**62
    assert message_of(ShapeError, analyze, net((2**30, 2**30, 5), ReLU())) == (
        "relu1 (ReLU) cannot take (1073741824, 1073741824, 5): it would give 5,764,607,523,034,234,880 values, and "
        "at most 2⁶² can be counted; use smaller sizes."
    )
    joined = net((2**30, 2**30, 4), Concat(Identity(), Identity()))
    assert message_of(ShapeError, analyze, joined).startswith("concat1 (Concat) cannot take (1073741824, ")


@pytest.mark.parametrize(
    ("shape", "layers", "path"),
    [
        ((1, 8, 8), [Repeat(Conv(1, LARGEST, dilation=LARGEST, padding="same"), 3)], "conv2 (Conv)"),
        ((1, 8), [Repeat(Conv(1, 1, stride=LARGEST, padding=LARGEST), 9)], "conv3 (Conv)"),
        # 2/3 of a position, 4/9, 8/27, …
        (
            (1, 8),
            [Repeat([Upsample(3), AdaptiveAvgPool(8)], 9), Repeat([Upsample(5), Conv(1, 1, 5)], 40)],
            None,
        ),
        ((1, 3), [Repeat(ConvTranspose(1, 1, stride=3, padding=2), 90)], "deconv40 (ConvTranspose)"),
    ],
)
def test_fields_that_multiply_are_refused_where_they_pass_the_bound(shape, layers, path):
    network = net(shape, *layers)
    if path is None:  # the strides cancel
        assert analyze(network).layers[-1].receptive_field
        return
    message = message_of(ShapeError, analyze, network)
    assert message.startswith(f"{path} cannot take")
    assert message.endswith(FIELD)


def test_a_field_is_within_a_bound_if_each_of_its_numbers_is():
    third = analyze(net((1, 8), Upsample(3))).layers[0].receptive_field[0].stride
    for far in (Field(9, 1, 0), Field(1, 9, 0), Field(1, 1, 9), Field(1, 1, -9), Field(1, third / 3, 0)):
        assert far.within(9)
        assert not far.within(8)


def test_what_is_within_the_bound_can_be_shown_and_drawn(tmp_path):
    for network in (
        net((1, 8, 8), Conv(1, LARGEST, dilation=LARGEST, padding="same")),
        net((1, 1, 8), Upsample((1, LARGEST)), Flatten()),
    ):
        analysis = analyze(network, batch_size=LARGEST)
        assert len(repr(analysis)) < 3000
        assert all(formula for row in analysis.layers for lines in row.work.values() for formula in lines)
        analysis.plot(tmp_path / "n.svg")


def test_images_at_once_are_bounded():
    assert message_of(ShapeError, analyze, net((1,), ReLU()), batch_size=2**31) == (
        "batch_size=2147483648: must be below 2³¹."
    )


@pytest.mark.parametrize("layer", [Maxout(4), GroupNorm(4)])
def test_divisors_of_huge_numbers_are_not_searched_for_long(layer):
    message = message_of(Misfit, arithmetic, layer, (LARGEST**3,))  # a prime; 10¹³ candidates
    assert message.endswith(f"does not divide the {LARGEST**3} channels; use one of 1, {LARGEST**3}")
    message = message_of(Misfit, arithmetic, layer, (2 * 3 * LARGEST,))
    assert message.endswith(f"use one of 1, 2, 3, 6, {LARGEST}, {2 * LARGEST}, {3 * LARGEST}, {6 * LARGEST}")


def test_a_stack_of_any_height_is_counted_at_once():
    features, hidden = 5, 3
    for height in (1, 2, 3, 7, LARGEST):
        row = analyze(net((4, features), LSTM(hidden, num_layers=height))).layers[0]
        first, above = 4 * hidden * (features + hidden), 4 * hidden * (hidden + hidden)
        assert row.weights == first + (height - 1) * above


def test_same_padding_is_exact_for_sizes_beyond_a_float():
    size, stride, kernel = 2**60 + 1, 2, 5
    before, after = same_padding(size, kernel, stride, 1)
    assert (size + before + after - kernel) // stride + 1 == -(-size // stride)


def test_thousands_of_unpoolings_use_the_switches_of_one_pool():
    network = net((1, 8), MaxPool(2, name="a"), Repeat([MaxUnpool("a"), MaxPool(2)], 3000))
    assert analyze(network).output == (1, 4)


def test_a_pool_in_an_auxiliary_head_that_has_ended_is_not_known():
    head = AuxHead([MaxPool(2, name="p"), MaxUnpool("aux.p"), Flatten()], name="aux")
    assert analyze(net((1, 8), head)).heads == ("aux",)
    message = message_of(ShapeError, analyze, net((1, 8), head, MaxPool(2, name="q"), MaxUnpool("aux.p")))
    assert message == (
        "unpool1 (MaxUnpool) cannot take (1, 4): pool='aux.p' is no MaxPool. MaxPool layers before it: q."
    )
