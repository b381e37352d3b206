"""Locally connected and tiled convolutions equal loops with a kernel looked up per position, in float64."""

import naive
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made import drawn, module_of, numbers, per_axis

from striate.analyze import analyze
from striate.errors import ShapeError
from striate.spec import Conv, LocallyConnected, Network, TiledConv

SIGNAL, IMAGE = (2, 9), (2, 6, 5)

WINDOWS = [
    (SIGNAL, {"kernel_size": 3}),
    *((SIGNAL, {"kernel_size": 4, "padding": p}) for p in ("valid", "same", "full", "causal", 2, ((3, 1),))),
    (SIGNAL, {"kernel_size": 2, "stride": 3, "padding": "same"}),
    (SIGNAL, {"kernel_size": 3, "stride": 2, "dilation": 2, "padding": "causal", "bias": False}),
    (SIGNAL, {"kernel_size": 9}),  # one position
    (IMAGE, {"kernel_size": 3}),
    *((IMAGE, {"kernel_size": (2, 3), "padding": p}) for p in ("valid", "same", "full", 1, ((1, 0), 2))),
    (IMAGE, {"kernel_size": (3, 1), "stride": (1, 2), "padding": "same"}),
    (IMAGE, {"kernel_size": 3, "stride": 2, "dilation": (2, 1), "padding": (1, (0, 2)), "bias": False}),
    (IMAGE, {"kernel_size": 1, "stride": 2}),
]
IDS = [f"{len(shape) - 1}d-{i}" for i, (shape, _) in enumerate(WINDOWS)]


def window_of(layer, rank):
    return (
        per_axis(layer.kernel_size, rank),
        per_axis(layer.stride, rank),
        layer.padding,
        per_axis(layer.dilation, rank),
    )


def lookup_local(own, kernel, channels):
    """Return what gives kernel and biases of a position of a locally connected module."""
    weight, bias = numbers(own.weight), numbers(own.bias)
    filters = weight.shape[len(kernel)]

    def kernel_at(at):
        assert weight[at].shape == (filters, *kernel, channels)
        return np.moveaxis(weight[at], -1, 1)

    def bias_at(at):
        return np.zeros(filters) if bias is None else bias[(slice(None), *at)]

    return kernel_at, bias_at


def lookup_tiled(own):
    weight, bias = numbers(own.weight), numbers(own.bias)
    tiles = own.tiles
    filters = weight.shape[len(tiles)]

    def tile(at):
        return tuple(i % t for i, t in zip(at, tiles, strict=True))

    def bias_at(at):
        return np.zeros(filters) if bias is None else bias[tile(at)]

    return (lambda at: weight[tile(at)]), bias_at


def check_local(layer, shape):
    module, x = module_of(layer, shape), drawn(2, *shape)
    window = window_of(layer, len(shape) - 1)
    lookup = lookup_local(module.local1, window[0], shape[0])
    for image, answer in zip(x.numpy(), numbers(module(x)), strict=True):
        by_hand = naive.unshared(image, *lookup, window)
        assert by_hand.shape == answer.shape
        np.testing.assert_allclose(answer, by_hand, rtol=1e-12, atol=1e-12)


def check_tiled(layer, shape, size=None):
    module, x = module_of(layer, shape), drawn(2, shape[0], *(size or shape[1:]))
    window = window_of(layer, len(shape) - 1)
    for image, answer in zip(x.numpy(), numbers(module(x)), strict=True):
        by_hand = naive.unshared(image, *lookup_tiled(module.tiled1), window)
        assert by_hand.shape == answer.shape
        np.testing.assert_allclose(answer, by_hand, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("shape", "window"), WINDOWS, ids=IDS)
def test_locally_connected(shape, window):
    check_local(LocallyConnected(2, **window), shape)


def fitting(tiles, shape, window):
    """Return ``tiles``, or as many as there are positions where those are fewer."""
    (row,) = analyze(Network("n", shape, Conv(1, **window))).layers
    return tuple(min(t, n) for t, n in zip(tiles, row.output_shape[1:], strict=True))


@pytest.mark.parametrize("tiles", [(2, 3), (3, 2), (4, 1)], ids=str)
@pytest.mark.parametrize(("shape", "window"), WINDOWS, ids=IDS)
def test_tiled(shape, window, tiles):
    check_tiled(TiledConv(2, tiles=fitting(tiles[: len(shape) - 1], shape, window), **window), shape)


@pytest.mark.parametrize("size", [(5, 7), (3, 3), (6, 6), (10, 2)], ids=str)
@pytest.mark.parametrize("padding", ["same", "full", 1, ((0, 1), (2, 0))], ids=str)
def test_tiled_at_sizes_other_than_the_described_one(size, padding):
    for stride, tiles in ((1, 2), ((2, 1), (2, 3))):
        check_tiled(TiledConv(1, (2, 3), tiles, stride, padding), IMAGE, size)


@settings(max_examples=60)
@given(
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(["valid", "same", "full", "causal"])
    | st.tuples(st.tuples(st.integers(0, 3), st.integers(0, 3))),
    st.integers(1, 3),
)
def test_random_settings(size, kernel, tiles, stride, padding, dilation):
    tiled = TiledConv(1, kernel, tiles, stride, padding, dilation)
    try:
        analyze(Network("n", (1, size), tiled))
    except ShapeError:
        assume(False)
    check_tiled(tiled, (1, size))
    check_local(LocallyConnected(1, kernel, stride, padding, dilation), (1, size))


@pytest.mark.parametrize(("shape", "window"), WINDOWS, ids=IDS)
def test_one_tile_is_a_convolution(shape, window):
    own = module_of(TiledConv(3, tiles=1, **window), shape).tiled1
    x, rank = drawn(1, *shape), len(shape) - 1
    weight = numbers(own.weight).reshape(own.weight.shape[rank:])
    bias = None if own.bias is None else numbers(own.bias).reshape(-1)
    layer = Conv(3, **window)
    stride, dilation = per_axis(layer.stride, rank), per_axis(layer.dilation, rank)
    by_hand = naive.convolve(x[0].numpy(), weight, bias, stride, layer.padding, dilation, 1)
    np.testing.assert_allclose(numbers(own(x))[0], by_hand, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("shape", "window"), WINDOWS, ids=IDS)
def test_as_many_tiles_as_positions_is_locally_connected(shape, window):
    local = module_of(LocallyConnected(2, **window), shape).local1
    positions = local.weight.shape[: len(shape) - 1]
    tiled = module_of(TiledConv(2, tiles=positions, **window), shape).tiled1
    with torch.no_grad():
        tiled.weight.copy_(local.weight.movedim(-1, len(shape)))
        if local.bias is not None:
            tiled.bias.copy_(local.bias.movedim(0, -1))
    x = drawn(3, *shape)
    torch.testing.assert_close(tiled(x), local(x), rtol=1e-12, atol=1e-12)


def test_a_locally_connected_layer_with_one_kernel_everywhere_is_a_convolution():
    own = module_of(LocallyConnected(2, 3, bias=False), IMAGE).local1
    kernel = drawn(2, 2, 3, 3, seed=5)
    with torch.no_grad():
        own.weight.copy_(kernel.movedim(1, -1).expand_as(own.weight))
    x = drawn(1, *IMAGE)
    by_hand = naive.convolve(x[0].numpy(), kernel.numpy(), None, (1, 1), 0, (1, 1), 1)
    np.testing.assert_allclose(numbers(own(x))[0], by_hand, rtol=1e-12, atol=1e-12)


def test_shifting_by_the_tiles_shifts_the_maps():
    # Tiled convolutions are equivariant to shifts by multiples of the tiles, and to no others.
    module, x = module_of(TiledConv(2, 3, 3), (1, 18)), drawn(1, 1, 18)
    answers = {shift: module(x.roll(shift, 2)) for shift in range(5)}
    for shift in range(1, 5):
        same = torch.allclose(answers[shift][..., shift:], answers[0].roll(shift, 2)[..., shift:])
        assert same == (shift == 3), shift


def test_a_locally_connected_layer_takes_one_size_alone():
    own = module_of(LocallyConnected(2, 3), IMAGE).local1
    for shape, positions in (((2, 6, 4), [4, 2]), ((2, 7, 5), [5, 3]), ((3, 6, 5), [4, 3])):
        with pytest.raises(ValueError, match=r"^input of shape \(1, ") as caught:
            own(torch.zeros(1, *shape, dtype=torch.float64))
        assert str(caught.value) == (
            f"input of shape {(1, *shape)} gives {positions} output positions: a locally connected layer has "
            "weights for one size alone, here for 2 channels and [4, 3] output positions. Crop or scale the input "
            "to the size that the network was built for, or build the network for this one."
        )
