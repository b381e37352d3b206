"""Layer descriptions are small values: frozen, normalized, compared by value, refused in one sentence."""

import dataclasses

import numpy as np
import pytest
from descriptions import layers, networks
from hypothesis import HealthCheck, given, settings

from striate.errors import DescriptionError
from striate.spec import (
    ELU,
    GELU,
    KINDS,
    AuxHead,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    Linear,
    MaxPool,
    Network,
    ReLU,
    Repeat,
    Residual,
    Sequential,
)

WHOLE = "must be a whole number of at least 1 and below 2³¹, or one per axis"
PADS = (
    "must be a whole number of at least 0 and below 2³¹, one per axis, a (before, after) pair per axis, "
    "or one of"
)
NAMES = "must be letters, digits and underscores, beginning with a letter, at most 100"
NODE = "must be a layer or a composition of layers, such as Conv(8, 3) or Sequential(…)"


@settings(max_examples=100, deadline=None)
@given(layers)
def test_a_layer_is_frozen_hashable_and_equal_to_its_copy(layer):
    copy = dataclasses.replace(layer)
    assert copy == layer
    assert hash(copy) == hash(layer)
    for field in dataclasses.fields(layer):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(layer, field.name, None)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks)
def test_a_network_is_frozen_and_hashable(network):
    assert len({network, dataclasses.replace(network)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.input = (1, 1, 1)


def test_kinds_differ_even_where_their_fields_do_not():
    assert ReLU() != KINDS["Tanh"]()
    assert MaxPool(2) != AvgPool(2)


def test_lists_and_numpy_integers_are_normalized():
    layer = Conv(np.int64(8), [3, np.int32(5)], padding=[[0, 1], np.int8(2)])
    assert layer == Conv(8, (3, 5), padding=((0, 1), 2))
    assert [type(v) for v in (layer.out_channels, *layer.kernel_size)] == [int, int, int]
    assert isinstance(hash(layer), int)
    assert Network("n", [np.int64(3), 8, 8], [ReLU()]) == Network("n", (3, 8, 8), Sequential(ReLU()))


def test_compositions_take_their_layers_loose_or_as_a_list():
    assert Sequential(ReLU(), Conv(4, 3)) == Sequential([ReLU(), Conv(4, 3)])
    assert Concat(ReLU(), ReLU()) == Concat([ReLU(), ReLU()])
    assert Residual([ReLU()]) == Residual(Sequential(ReLU()))
    assert Repeat([ReLU()], 2) == Repeat(Sequential(ReLU()), 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv(0, 3), "Conv: out_channels=0 must be at least 1."),
        (lambda: Conv(True, 3), "Conv: out_channels=True must be a whole number."),
        (lambda: Conv(8.0, 3), "Conv: out_channels=8.0 must be a whole number."),
        (lambda: Conv("8", 3), "Conv: out_channels='8' must be a whole number."),
        (lambda: Conv(2**31, 3), "Conv: out_channels=2147483648 must be below 2³¹."),
        (lambda: Conv(8, 0), f"Conv: kernel_size=0 {WHOLE}."),
        (lambda: Conv(8, (3, 0)), f"Conv: kernel_size=(3, 0) {WHOLE}."),
        (lambda: Conv(8, ()), f"Conv: kernel_size=() {WHOLE}."),
        (lambda: Conv(8, (3, 3, 3, 3)), f"Conv: kernel_size=(3, 3, 3, 3) {WHOLE}."),
        (lambda: Conv(8, 3, stride=None), f"Conv: stride=None {WHOLE}."),
        (lambda: Conv(8, 3, dilation=0), f"Conv: dilation=0 {WHOLE}."),
        (lambda: Conv(8, 3, padding=-1), f"Conv: padding=-1 {PADS} 'valid', 'same', 'full', 'causal'."),
        (
            lambda: Conv(8, 3, padding="sane"),
            f"Conv: padding='sane' {PADS} 'valid', 'same', 'full', 'causal'.",
        ),
        (
            lambda: Conv(8, 3, padding=((1, 2, 3),)),
            f"Conv: padding=((1, 2, 3),) {PADS} 'valid', 'same', 'full', 'causal'.",
        ),
        (lambda: MaxPool(2, padding="full"), f"MaxPool: padding='full' {PADS} 'valid', 'same'."),
        (lambda: MaxPool(2, ceil_mode=1), "MaxPool: ceil_mode=1 must be true or false."),
        (lambda: Conv(8, 3, groups=0), "Conv: groups=0 must be at least 1."),
        (lambda: Conv(8, 3, bias="no"), "Conv: bias='no' must be true or false."),
        (lambda: Dropout(1), "Dropout: p=1 must be a number from 0 up to, not including, 1."),
        (lambda: Dropout(-0.1), "Dropout: p=-0.1 must be a number from 0 up to, not including, 1."),
        (lambda: Dropout(float("nan")), "Dropout: p=nan must be a number from 0 up to, not including, 1."),
        (lambda: ELU(0), "ELU: alpha=0 must be a number above 0."),
        (lambda: ELU(float("inf")), "ELU: alpha=inf must be a number above 0."),
        (lambda: BatchNorm(momentum=0.0), "BatchNorm: momentum=0.0 must be greater than 0."),
        (lambda: BatchNorm(momentum=1.5), "BatchNorm: momentum=1.5 must be less than or equal to 1."),
        (lambda: GELU("fast"), "GELU: approximate='fast' must be 'none' or 'tanh'."),
        (lambda: ReLU(name="1st"), f"ReLU: name='1st' {NAMES}."),
        (lambda: ReLU(name="a.b"), f"ReLU: name='a.b' {NAMES}."),
        (lambda: ReLU(name=""), f"ReLU: name='' {NAMES}."),
        (lambda: ReLU(name="tränen"), f"ReLU: name='tränen' {NAMES}."),
        (lambda: ReLU(name="x" * 101), f"ReLU: name='{'x' * 101}' {NAMES}."),
        (
            lambda: ReLU(name="forward"),
            "ReLU: name='forward' is an attribute of torch modules; choose another name.",
        ),
        (lambda: Residual(3), f"Residual: body=3 {NODE}."),
        (lambda: Residual(ReLU(), "ReLU"), f"Residual: shortcut='ReLU' {NODE}."),
        (lambda: Sequential(ReLU(), 3), f"Sequential: layers=(ReLU(), 3) {NODE}."),
        (lambda: Concat([]), "Concat: branches=() must hold at least one layer."),
        (lambda: Repeat(ReLU(), 0), "Repeat: n=0 must be at least 1."),
        (lambda: AuxHead(ReLU(), weight=-1), "AuxHead: weight=-1 must be a number above 0."),
    ],
)
def test_a_bad_option_is_refused_with_field_value_and_allowance(make, message):
    with pytest.raises(DescriptionError) as caught:
        make()
    assert str(caught.value) == message


CONV_TAKES = "It takes: out_channels, kernel_size, stride, padding, dilation, groups, bias, name."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv(8), f"Conv needs 'kernel_size'. {CONV_TAKES}"),
        (lambda: Conv(8, 3, strid=2), f"Conv has no option 'strid'. Did you mean 'stride'? {CONV_TAKES}"),
        (
            lambda: Conv(8, kernal_size=3),
            f"Conv has no option 'kernal_size'. Did you mean 'kernel_size'? {CONV_TAKES}",
        ),
        (
            lambda: Linear(3, foo=1),
            "Linear has no option 'foo'. It takes: out_features, bias, per_step, name.",
        ),
        (lambda: ReLU(3), "ReLU got too many positional arguments. It takes: name."),
        (lambda: Sequential(), "Sequential needs 'layers'. It takes: layers, name."),
        (lambda: Repeat(ReLU()), "Repeat needs 'n'. It takes: body, n, name."),
    ],
)
def test_missing_and_misspelled_options_are_named(make, message):
    with pytest.raises(DescriptionError) as caught:
        make()
    assert str(caught.value) == message


SHAPE = (
    "must be (channels,), (channels, length), (channels, height, width) or "
    "(channels, depth, height, width); for tokens (steps,), for a sequence (steps, channels); "
    "each at least 1 and below 2³¹"
)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", (1,), ReLU()), "name='': must be a text of 1 to 100 characters."),
        (("  ", (1,), ReLU()), "name='  ': must be a text of 1 to 100 characters."),
        ((7, (1,), ReLU()), "name=7: must be a text of 1 to 100 characters."),
        (
            ("a\nb", (1,), ReLU()),
            "name='a\\nb': must be printable, without line breaks or control characters.",
        ),
        (("n", (), ReLU()), f"input=(): {SHAPE}."),
        (("n", (1, 0, 8), ReLU()), f"input=(1, 0, 8): {SHAPE}."),
        (("n", (1, 2, 3, 4, 5), ReLU()), f"input=(1, 2, 3, 4, 5): {SHAPE}."),
        (("n", 28, ReLU()), f"input=28: {SHAPE}."),
        (("n", (1, 8.0, 8), ReLU()), f"input=(1, 8.0, 8): {SHAPE}."),
        (("n", (1,), "ReLU"), "body='ReLU': must be a layer or a composition of layers."),
    ],
)
def test_a_bad_network_is_refused(arguments, message):
    with pytest.raises(DescriptionError) as caught:
        Network(*arguments)
    assert str(caught.value) == message
