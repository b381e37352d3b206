"""Bad options of the newer kinds are refused with the field, the value and what is allowed."""

import math

import numpy as np
import pytest

from striate.errors import DescriptionError
from striate.spec import (
    GRU,
    LSTM,
    RNN,
    AdaptiveAvgPool,
    BatchNorm,
    ChannelPool,
    ConvTranspose,
    GaussianNoise,
    GroupNorm,
    LayerNorm,
    LocalContrastNorm,
    LocalResponseNorm,
    LpPool,
    MaxUnpool,
    PReLU,
    Reshape,
    RReLU,
    SliceChannels,
    SparsityPenalty,
    StochasticDepth,
    TableConv,
    TiledConv,
    Upsample,
)

WHOLE = "must be a whole number of at least 1 and below 2³¹, or one per axis"
MARGIN = "must be a whole number of at least 0 and below 2³¹, or one per axis"
TABLE = (
    "must list, for each output map, the numbers of the input maps it reads, from 0, none twice, such as "
    "[[0, 1], [2]]"
)
PATH = "must be the path of a layer, such as 'stage1.pool1'"
SHAPE = (
    "must be (channels,), (channels, length), (channels, height, width) or (channels, depth, height, width); "
    "for tokens (steps,), for a sequence (steps, channels); each at least 1 and below 2³¹"
)


def refusal(kind, **options):
    with pytest.raises(DescriptionError) as caught:
        kind(**options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "options", "field", "values", "allowed"),
    [
        (LocalContrastNorm, {}, "kernel_size", [2, 4], "must be odd, so that a window has a middle"),
        (LocalContrastNorm, {}, "kernel_size", [0, -3], "must be at least 1"),
        (LocalContrastNorm, {}, "kernel_size", [3.0, True, "3"], "must be a whole number"),
        (LocalContrastNorm, {}, "sigma", [0, -1.0, math.inf], "must be a number above 0"),
        (SparsityPenalty, {}, "target", [0, 1, 1.5, -0.1, True, "a"], "must be a number between 0 and 1"),
        (LpPool, {"kernel_size": 2}, "p", [0.99, 0, 101, True, "2"], "must be a number from 1 to 100"),
        (LpPool, {"kernel_size": 2}, "p", [math.nan, math.inf], "must be a number from 1 to 100"),
        *(
            (ConvTranspose, {"out_channels": 3, "kernel_size": 3}, field, values, MARGIN)
            for field in ("padding", "output_padding")
            for values in ([-1, 0.5, True, "same"], [(), (1, 1, 1, 1), (1, -1), ((1, 1),)])
        ),
        (TableConv, {"kernel_size": 3}, "connections", [[], (), [[]], [[0], []]], TABLE),
        (TableConv, {"kernel_size": 3}, "connections", [[[0, 0]], [[0, -1]], [[0.0]], [[True]]], TABLE),
        (TableConv, {"kernel_size": 3}, "connections", [[0, 1], "01", 3, None, {0: 1}], TABLE),
        (MaxUnpool, {}, "pool", ["", "1x", "a..b", "a.", ".a", "a b", 3, None], PATH),
        (Reshape, {}, "shape", [(), (1, 2, 3, 4, 5), 8, (0, 2), (2.0,), "8"], SHAPE),
        (StochasticDepth, {}, "p", [1, 1.0, -0.1], "must be a number from 0 up to, not including, 1"),
        (StochasticDepth, {"p": 0.5}, "mode", ["image"], "must be 'row' or 'batch'"),
        (GaussianNoise, {}, "std", [0, -1], "must be a number above 0"),
        (PReLU, {}, "initial", [0], "must be a number above 0"),
        (RReLU, {}, "lower", [0], "must be a number above 0"),
        (RReLU, {"lower": 0.5}, "upper", [0.2], "must be at least lower, 0.5"),
        (LayerNorm, {}, "over", ["batch"], "must be 'image', 'channels' or 'step'"),
        (LocalResponseNorm, {}, "region", ["inside"], "must be 'across' or 'within'"),
        (SliceChannels, {"stop": 4}, "start", [-1], "must be at least 0"),
        (SliceChannels, {"stop": 4}, "start", [0.0, True, "0"], "must be a whole number"),
        (SliceChannels, {"start": 4}, "stop", [4, 2, 1], "must be more than start, 4"),
        (SliceChannels, {"start": 4}, "stop", [2**31], "must be below 2³¹"),
        (ChannelPool, {"size": 2}, "mode", ["min"], "must be 'max' or 'average'"),
        (Upsample, {"scale_factor": 2}, "mode", ["bicubic"], "must be 'nearest' or 'bilinear'"),
        (Upsample, {}, "scale_factor", [1.5, 0, (2, 0)], WHOLE),
        (AdaptiveAvgPool, {}, "output_size", [0, None], WHOLE),
        (TiledConv, {"out_channels": 3, "kernel_size": 3}, "tiles", [0, (1, 2, 3, 4)], WHOLE),
        (RNN, {"hidden_size": 3}, "activation", ["sigmoid"], "must be 'tanh' or 'relu'"),
        (LSTM, {"hidden_size": 3}, "bidirectional", [1], "must be true or false"),
        (GRU, {"hidden_size": 3}, "num_layers", [0], "must be at least 1"),
    ],
)
def test_a_bad_option_is_refused_with_field_value_and_allowance(kind, options, field, values, allowed):
    for value in values:
        message = refusal(kind, **options, **{field: value})
        assert message == f"{kind.__name__}: {field}={value!r} {allowed}."


@pytest.mark.parametrize(
    ("kind", "options", "field", "allowed"),
    [
        (LocalContrastNorm, {}, "sigma", "must be a number above 0"),
        (PReLU, {}, "initial", "must be a number above 0"),
        (RReLU, {}, "upper", "must be a number above 0"),
        (SparsityPenalty, {}, "target", "must be a number between 0 and 1"),
        (LpPool, {"kernel_size": 2}, "p", "must be a number from 1 to 100"),
        (StochasticDepth, {}, "p", "must be a number from 0 up to, not including, 1"),
        (BatchNorm, {}, "momentum", "must be a number"),
        (BatchNorm, {}, "eps", "must be a number above 0"),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_whole_number_beyond_every_float_is_refused(kind, options, field, allowed, sign):
    message = refusal(kind, **options, **{field: sign * 10**400})
    assert message.startswith(f"{kind.__name__}: {field}={sign * 10**50}"[:-1])
    assert message.endswith(f" {allowed}.")


def test_a_number_that_yaml_takes_for_a_text_is_told_how_to_be_written():
    assert refusal(StochasticDepth, p="1e-1") == (
        "StochasticDepth: p='1e-1' must be a number from 0 up to, not including, 1; YAML takes it for a text, "
        "write 1.0e-1."
    )


def test_of_a_very_long_value_the_middle_is_left_out():
    shown = "'" + "x" * 159 + " … " + "x" * 59 + "'"
    assert refusal(MaxUnpool, pool="x" * 1001) == f"MaxUnpool: pool={shown} {PATH}."


def test_a_number_too_long_to_be_written():
    assert refusal(GaussianNoise, std=10**5000).startswith(
        "GaussianNoise: std=a number of very many digits must be"
    )


def test_a_lower_bound_above_the_upper_ones_default_is_refused():
    assert refusal(RReLU, lower=0.5) == f"RReLU: upper={1 / 3} must be at least lower, 0.5."


def test_a_table_of_too_many_maps_says_how_many_are_allowed():
    message = refusal(TableConv, connections=[[0]] * 10_001, kernel_size=3)
    assert message.endswith(" must list at most 10,000 output maps, not 10,001.")
    assert len(message) < 400
    assert len(TableConv([[0]] * 10_000, 3).connections) == 10_000


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (StochasticDepth, {}, "StochasticDepth needs 'p'. It takes: p, mode, name."),
        (GroupNorm, {}, "GroupNorm needs 'num_groups'. It takes: num_groups, eps, affine, name."),
        (
            LSTM,
            {"hidden_size": 3, "num_layer": 2},
            "LSTM has no option 'num_layer'. Did you mean 'num_layers'? It takes: hidden_size, num_layers, "
            "bidirectional, bias, name.",
        ),
    ],
)
def test_missing_and_misspelled_options_are_named(kind, options, message):
    assert refusal(kind, **options) == message


def test_lists_and_numpy_numbers_are_normalized():
    table = TableConv([[np.int64(0), 2], (1,)], np.int32(3))
    assert table.connections == ((0, 2), (1,))
    assert {type(v) for row in table.connections for v in row} == {int}
    assert isinstance(hash(table), int)
    assert Reshape([2, np.int8(3)]).shape == (2, 3)
    assert ConvTranspose(3, 3, padding=[0, np.int64(2)]).padding == (0, 2)
    assert type(LpPool(2, p=3).p) is float
