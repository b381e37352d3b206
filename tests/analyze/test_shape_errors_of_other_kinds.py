"""Shapes that newer kinds refuse: the message has the path, the shape, the number that is wrong and what would do."""

import pytest

from striate.analyze import Misfit, analyze, arithmetic
from striate.errors import ShapeError
from striate.spec import (
    RBF,
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    ChannelPool,
    ConvTranspose,
    DropConnect,
    GroupNorm,
    InstanceNorm,
    Linear,
    LocalContrastNorm,
    LocallyConnected,
    LpPool,
    Maxout,
    MaxUnpool,
    Network,
    PadChannels,
    Reshape,
    SliceChannels,
    Subsample,
    TableConv,
    TiledConv,
    Transpose,
    Upsample,
)

VECTOR, SIGNAL, IMAGE, VOLUME = (7,), (4, 8), (4, 8, 8), (2, 6, 6, 6)


@pytest.mark.parametrize(
    ("shape", "layer", "problem"),
    [
        (
            SIGNAL,
            ConvTranspose(4, 3, stride=2, output_padding=2),
            "output_padding=2 is not less than the stride 2 or the dilation 1; use at most 1",
        ),
        (
            IMAGE,
            ConvTranspose(4, 3, dilation=(1, 3), output_padding=(0, 4)),
            "output_padding=4 is not less than the stride 1 or the dilation 3; use at most 2",
        ),
        (
            (4, 1),
            ConvTranspose(4, 3, padding=2),
            "padding=2 cuts off all of the output: (1 − 1)·1 − 2·2 + 3 = -1; use less",
        ),
        (
            IMAGE,
            ConvTranspose(6, 3, groups=4),
            "groups=4 does not divide the 6 out_channels (6/4 = 1.5); use one of 1, 2",
        ),
        (
            IMAGE,
            Upsample((2, 2, 2)),
            "scale_factor=(2, 2, 2) has 3 entries and the input has 2 spatial axes; give 2, or one int",
        ),
        (
            IMAGE,
            AdaptiveMaxPool((4, 9)),
            "output_size=9 is more than the 8 positions of the input; use at most 8, or Upsample",
        ),
        (
            SIGNAL,
            AdaptiveAvgPool((4, 4)),
            "output_size=(4, 4) has 2 entries and the input has 1 spatial axes; give 1, or one int",
        ),
        (
            VOLUME,
            LocallyConnected(3, 3),
            "LocallyConnected works over one or two axes, (C, L) or (C, H, W); use Conv over three",
        ),
        (
            VOLUME,
            TiledConv(3, 3, 2),
            "TiledConv works over one or two axes, (C, L) or (C, H, W); use Conv over three",
        ),
        (VOLUME, LocalContrastNorm(), "LocalContrastNorm works over one or two axes, (C, L) or (C, H, W)"),
        (
            IMAGE,
            LocallyConnected(3, 3, padding="causal"),
            "padding='causal' is for signals (C, L) alone; use 'same' over 2 axes",
        ),
        (IMAGE, TiledConv(3, 3, (2, 7)), "tiles=7 is more than the 6 output positions; use at most 6"),
        (
            IMAGE,
            TiledConv(3, 3, (2, 2, 2)),
            "tiles=(2, 2, 2) has 3 entries and the input has 2 spatial axes; give 2, or one int",
        ),
        (
            IMAGE,
            TableConv([[0, 4]], 3),
            "connections name input map 4, and the last of the 4 is 3; count from 0, or give 5 channels to this layer",
        ),
        (IMAGE, ChannelPool(3), "size=3 does not divide the 4 channels; use one of 1, 2, 4"),
        (VECTOR, Maxout(2), "pieces=2 does not divide the 7 channels; use one of 1, 7"),
        (IMAGE, GroupNorm(3), "num_groups=3 does not divide the 4 channels; use one of 1, 2, 4"),
        ((4,), GroupNorm(4), "each group has one value, which is its own mean; use fewer groups"),
        (
            (4, 1, 1),
            InstanceNorm(),
            "each map has one value, which is its own mean; put it where there are several positions",
        ),
        (
            IMAGE,
            LpPool(2, padding=2),
            "padding 2 is not less than the kernel size 2, so that a window would hold padding alone; use at most 1",
        ),
        (
            IMAGE,
            Subsample(9),
            "the window spans 9 positions and the input with its padding has 8: (8 − 9)/9 + 1 = ⌊0.8888888889⌋ = 0. "
            "Use a smaller kernel_size or dilation, more padding, a larger input, or less stride before this layer",
        ),
        (IMAGE, RBF(3), "RBF takes a vector (C,); put Flatten() or GlobalAvgPool() before it"),
        (
            SIGNAL,
            DropConnect(3),
            "DropConnect takes a vector (C,); put Flatten() or GlobalAvgPool() before it",
        ),
        (
            SIGNAL,
            Linear(3),
            "Linear takes a vector (C,); put Flatten() or GlobalAvgPool() before it, or, for a sequence (T, C), say "
            "per_step=True",
        ),
        (
            IMAGE,
            Reshape((2, 3)),
            "its 256 values do not fill shape=(2, 3), which has 6; choose sizes whose product is 256",
        ),
        (
            IMAGE,
            PadChannels(3),
            "out_channels=3 is less than the 4 channels there are; use at least 4, or a Conv of kernel size 1 to have "
            "fewer",
        ),
        (IMAGE, SliceChannels(2, 5), "stop=5 is beyond the 4 channels there are; use at most 4"),
        (IMAGE, Transpose(), "it needs a sequence (T, C) or a signal (C, L), which others become by Reshape"),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_the_message_names_the_number_and_what_would_do(shape, layer, problem):
    network = Network("n", shape, layer)
    ((path, _),) = network.walk()
    with pytest.raises(ShapeError) as caught:
        analyze(network)
    assert str(caught.value) == f"{path} ({layer.kind}) cannot take {shape}: {problem}."


def test_what_a_message_suggests_works():
    for shape, layer, output in [
        (SIGNAL, ConvTranspose(4, 3, stride=2, output_padding=1), (4, 18)),
        (IMAGE, ConvTranspose(4, 3, dilation=(1, 3), output_padding=(0, 2)), (4, 10, 16)),
        (IMAGE, ConvTranspose(6, 3, groups=2), (6, 10, 10)),
        (IMAGE, AdaptiveMaxPool((4, 8)), (4, 4, 8)),
        (IMAGE, TiledConv(3, 3, (2, 6)), (3, 6, 6)),
        ((5, 8, 8), TableConv([[0, 4]], 3), (1, 6, 6)),
        (IMAGE, PadChannels(4), IMAGE),
        (IMAGE, SliceChannels(2, 4), (2, 8, 8)),
        (IMAGE, LpPool(2, padding=1), (4, 5, 5)),
        ((4,), GroupNorm(2), (4,)),
    ]:
        assert analyze(Network("n", shape, layer)).output == output


def test_an_unpooling_alone_has_no_arithmetic():
    with pytest.raises(
        Misfit, match=r"^what it makes depends on the layer at pool='a\.b'; analyze the network$"
    ):
        arithmetic(MaxUnpool("a.b"), IMAGE)
