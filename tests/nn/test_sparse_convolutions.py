"""Depthwise, separable and table convolutions equal loops in float64: each output reads some channels alone."""

import copy

import naive
import numpy as np
import pytest
import torch
from made import drawn, module_of, numbers, per_axis

from striate.nn import layers
from striate.spec import Conv, DepthwiseConv, SeparableConv, TableConv

SIGNAL, IMAGE, VOLUME = (3, 9), (3, 6, 7), (2, 4, 3, 4)

WINDOWS = [
    (SIGNAL, {"kernel_size": 3}),
    (SIGNAL, {"kernel_size": 4, "padding": "causal", "dilation": 2}),
    (SIGNAL, {"kernel_size": 2, "padding": ((0, 3),), "stride": 3}),
    (IMAGE, {"kernel_size": 1}),
    (IMAGE, {"kernel_size": (2, 3), "padding": "same", "stride": (2, 1)}),
    (IMAGE, {"kernel_size": 3, "padding": "full"}),
    (IMAGE, {"kernel_size": 3, "padding": (1, (0, 2)), "dilation": (1, 2), "bias": False}),
    (VOLUME, {"kernel_size": 2, "padding": 1}),
]
IDS = [f"{len(shape) - 1}d-{i}" for i, (shape, _) in enumerate(WINDOWS)]
OTHER_SIZES = {SIGNAL: (10,), IMAGE: (7, 6), VOLUME: (3, 4, 5)}


def of_window(layer, rank):
    return per_axis(layer.stride, rank), layer.padding, per_axis(layer.dilation, rank)


def by_loops(x, weight, bias, layer):
    """Convolve with ``weight`` (O, C, *kernel) as the window of ``layer`` says."""
    return naive.convolve(x, weight, bias, *of_window(layer, x.ndim - 1), 1)


def channel_by_channel(x, weight, bias, layer, multiplier):
    """Convolve channel ``c`` with kernels ``c·multiplier`` to ``(c + 1)·multiplier − 1``."""
    maps = []
    for f, kernel in enumerate(weight):
        channel = x[f // multiplier : f // multiplier + 1]
        own_bias = None if bias is None else bias[f : f + 1]
        maps.append(by_loops(channel, kernel[None], own_bias, layer)[0])
    return np.stack(maps)


@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize(("shape", "window"), WINDOWS, ids=IDS)
def test_depthwise(shape, window, multiplier):
    layer = DepthwiseConv(multiplier=multiplier, **window)
    module = module_of(layer, shape)
    own = module.depthwise1
    assert own.weight.shape[:2] == (shape[0] * multiplier, 1)
    for size in (shape[1:], OTHER_SIZES[shape]):
        x = drawn(2, shape[0], *size)
        for image, answer in zip(x.numpy(), numbers(module(x)), strict=True):
            by_hand = channel_by_channel(image, numbers(own.weight), numbers(own.bias), layer, multiplier)
            np.testing.assert_allclose(answer, by_hand, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize(("shape", "window"), WINDOWS, ids=IDS)
def test_separable(shape, window, multiplier):
    layer = SeparableConv(4, multiplier=multiplier, **window)
    module = module_of(layer, shape)
    own = module.conv1
    for size in (shape[1:], OTHER_SIZES[shape]):
        x = drawn(2, shape[0], *size)
        for image, answer in zip(x.numpy(), numbers(module(x)), strict=True):
            between = channel_by_channel(image, numbers(own.depthwise), None, layer, multiplier)
            mixing = numbers(own.pointwise).reshape(4, -1)
            by_hand = np.zeros((4, *between.shape[1:]))
            for f, c in np.ndindex(mixing.shape):
                by_hand[f] += mixing[f, c] * between[c]
            if layer.bias:
                by_hand += numbers(own.bias).reshape(-1, *(1,) * len(size))
            np.testing.assert_allclose(answer, by_hand, rtol=1e-12, atol=1e-12)


TABLE = [[0], [1, 0], [0, 1], [1]]


@pytest.mark.parametrize(("shape", "window"), WINDOWS, ids=IDS)
def test_table(shape, window):
    layer = TableConv(TABLE, **window)
    module = module_of(layer, shape)
    own = module.conv1
    weight, bias = iter(numbers(own.weight)), numbers(own.bias)  # in the order of the table
    kernels = [[next(weight) for _ in row] for row in TABLE]
    assert next(weight, None) is None
    for size in (shape[1:], OTHER_SIZES[shape]):
        x = drawn(2, shape[0], *size)
        for image, answer in zip(x.numpy(), numbers(module(x)), strict=True):
            for f, row in enumerate(TABLE):
                own_bias = None if bias is None else bias[f : f + 1]
                by_hand = by_loops(image[row], np.stack(kernels[f])[None], own_bias, layer)[0]
                np.testing.assert_allclose(answer[f], by_hand, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("shape", "window"), WINDOWS, ids=IDS)
def test_a_full_table_is_a_convolution(shape, window):
    channels = shape[0]
    table = module_of(TableConv([list(range(channels))] * 4, **window), shape).conv1
    dense = numbers(table.weight).reshape(4, channels, *table.weight.shape[1:])
    layer, x = Conv(4, **window), drawn(1, *shape)
    by_hand = by_loops(x[0].numpy(), dense, numbers(table.bias), layer)
    np.testing.assert_allclose(numbers(table(x))[0], by_hand, rtol=1e-12, atol=1e-12)


def test_a_table_of_single_maps_is_a_depthwise_convolution():
    table = module_of(TableConv([[0], [1], [2]], 3), IMAGE).conv1
    x = drawn(1, *IMAGE)
    by_hand = channel_by_channel(
        x[0].numpy(), numbers(table.weight)[:, None], numbers(table.bias), Conv(3, 3), 1
    )
    np.testing.assert_allclose(numbers(table(x))[0], by_hand, rtol=1e-12, atol=1e-12)


def test_what_a_table_leaves_out_is_not_read():
    module, x = module_of(TableConv([[0, 2], [2]], 3), IMAGE), drawn(1, *IMAGE)
    before = module(x)
    x[:, 1] += 5
    assert (module(x) == before).all()
    x[:, 0] += 5
    after = module(x)
    assert (after[:, 0] != before[:, 0]).all()
    assert (after[:, 1] == before[:, 1]).all()


def test_lenets_third_layer_has_60_kernels_of_its_table():
    # LeCun et al. 1998, table I: 6 maps read three neighbors, 6 four, 3 four of two pairs, 1 all.
    neighbors = [[i, (i + 1) % 6, (i + 2) % 6] for i in range(6)]
    fours = [[i, (i + 1) % 6, (i + 2) % 6, (i + 3) % 6] for i in range(6)]
    pairs = [[i, (i + 1) % 6, (i + 3) % 6, (i + 4) % 6] for i in range(3)]
    own = module_of(TableConv([*neighbors, *fours, *pairs, list(range(6))], 5), (6, 14, 14)).conv1
    assert own.weight.shape == (60, 5, 5)
    assert own.weight.numel() + own.bias.numel() == 1516  # trainable parameters, as printed there


def test_a_table_layer_made_directly_knows_its_table():
    # The indices are of the table, not of what fills the weights; they were garbage memory outside of `build`.
    windows = layers.Windows((2,), (1,), (1,), lambda sizes: [(0, 0)])
    module = layers.TableConv(3, [[2], [0, 1]], windows, bias=False)
    assert list(module.state_dict()) == ["weight"]
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[1.0, 10.0], [100.0, 0.0], [0.0, 1000.0]]))
    x = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]])
    by_hand = [[[7 + 80, 8 + 90], [100 + 5000, 200 + 6000]]]
    assert module(x).tolist() == by_hand
    weights = copy.deepcopy(module.state_dict())
    for other in (copy.deepcopy(module), module.to("meta").to_empty(device="cpu")):
        other.load_state_dict(weights)
        assert other(x).tolist() == by_hand
