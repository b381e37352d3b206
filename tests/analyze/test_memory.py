"""Totals in bytes against examples worked by hand, in float32."""

import pytest

from striate.analyze import analyze
from striate.spec import (
    AuxHead,
    Concat,
    Conv,
    Flatten,
    GlobalAvgPool,
    Identity,
    Linear,
    Network,
    ReLU,
    Residual,
)

FLOAT = 4


def totals(shape, *layers, batch_size=1):
    return analyze(Network("n", shape, list(layers)), batch_size=batch_size).totals


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_a_plain_chain(batch_size):
    analysis = analyze(
        Network("n", (1, 8, 8), [Conv(4, 3), ReLU(), Flatten(), Linear(10)]), batch_size=batch_size
    )
    maps = 4 * 6 * 6
    params = (4 * 9 + 4) + (10 * maps + 10)
    assert params == 1490
    assert [row.activation_bytes for row in analysis.layers] == [
        FLOAT * batch_size * size for size in (maps, maps, maps, 10)
    ]
    t = analysis.totals
    assert t.activation_bytes == FLOAT * batch_size * (3 * maps + 10)
    # To predict, the weights and at most the input and output of one layer: here those of the ReLU.
    assert t.forward_bytes == FLOAT * (params + batch_size * 2 * maps)
    # To train, weight, gradient and momentum; the input; and every output.
    assert t.training_bytes == FLOAT * (3 * params + batch_size * (64 + 3 * maps + 10))


def test_figures_for_one_image_do_not_depend_on_the_batch():
    one, many = (analyze(Network("n", (1, 8, 8), [Conv(4, 3)]), batch_size=b).totals for b in (1, 100))
    assert (one.params, one.macs, one.neurons) == (many.params, many.macs, many.neurons) == (40, 1296, 144)


# The input is 2·4·4 = 32 values; Conv(8, 1) makes 128 of them, with 2·8 + 8 = 24 parameters.
WIDE, NARROW = Conv(8, 1), Conv(2, 1)  # 24 and 8·2 + 2 = 18 parameters


@pytest.mark.parametrize(
    ("layers", "params", "peak"),
    [
        ([WIDE], 24, 32 + 128),
        ([WIDE, NARROW], 42, 128 + 32),
        # The second convolution runs while the residual's input waits for the sum.
        ([Residual([WIDE, NARROW])], 42, 32 + 128 + 32),
        # The sum: the input, what the body and the shortcut gave, and the sum itself.
        ([Residual(WIDE, Conv(8, 1))], 48, 32 + 3 * 128),
        # The join: the input, two branches, and the joined maps.
        ([Concat(WIDE, Conv(8, 1))], 48, 32 + 128 + 128 + 256),
        # The first branch's pooling, while the input waits for the second branch.
        ([Concat([WIDE, GlobalAvgPool()], GlobalAvgPool())], 24, 32 + 128 + 8),
        # The second branch's convolution, while what the first gave waits to be joined.
        ([Concat([Identity(), GlobalAvgPool()], [WIDE, GlobalAvgPool()])], 24, 32 + 128 + 8 + 2),
        ([AuxHead([WIDE, GlobalAvgPool()])], 24, 32 + 128 + 8),
        # Nested: both residuals read one input, which is held once.
        ([Residual(Residual([WIDE, NARROW]))], 42, 32 + 128 + 32),
        # The outer residual's input waits while the inner one adds wide maps.
        ([Residual([WIDE, Residual(Conv(8, 1)), NARROW])], 24 + 72 + 18, 32 + 3 * 128),
        # A network that only shrinks still has to hold its input.
        ([GlobalAvgPool()], 0, 32 + 2),
    ],
)
def test_the_most_that_is_held_at_once(layers, params, peak):
    t = totals((2, 4, 4), *layers)
    assert t.params == params
    assert t.forward_bytes == FLOAT * (params + peak)
    assert totals((2, 4, 4), *layers, batch_size=8).forward_bytes == FLOAT * (params + 8 * peak)


def test_depth_is_that_of_the_longest_way():
    conv = Conv(2, 1)
    t = totals(
        (2, 4, 4),
        conv,
        Residual([conv, conv, conv], [conv]),
        Residual(conv, [conv, conv]),
        Concat(conv, [conv, conv], Identity()),
        AuxHead([conv, conv, conv, conv, conv]),
        Flatten(),
        Linear(3),
    )
    assert t.weighted_layers == 1 + 4 + 3 + 3 + 5 + 1
    assert t.depth == 1 + 3 + 2 + 2 + 1
