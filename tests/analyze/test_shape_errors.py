"""A shape that cannot pass is refused with the layer's path, the shape, the formula and a fix that works."""

import pytest

from striate.analyze import analyze
from striate.errors import ShapeError
from striate.spec import (
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    Flatten,
    GlobalAvgPool,
    Linear,
    LocalResponseNorm,
    MaxPool,
    Network,
    ReLU,
    Repeat,
    Residual,
    Sequential,
)
from striate.zoo import lenet5, vgg16


def refusal(shape, *layers):
    with pytest.raises(ShapeError) as caught:
        analyze(Network("n", shape, Sequential(*layers)))
    return str(caught.value)


@pytest.mark.parametrize(
    ("shape", "layers", "message"),
    [
        (
            (1, 8, 8),
            [Sequential(Conv(4, 3), Conv(4, 7), name="stage")],
            "stage.conv2 (Conv) cannot take (4, 6, 6): "
            "the window spans 7 positions and the input with its "
            "padding has 6: (6 − 7)/1 + 1 = 0. Use a smaller kernel_size or dilation, more padding, a larger "
            "input, or less stride before this layer.",
        ),
        (
            (1, 8),
            [Conv(4, 4, padding=1, dilation=4)],
            "conv1 (Conv) cannot take (1, 8): "
            "the window spans 13 positions and the input with its padding has "
            "10: (8 + 2·1 − (4·(4 − 1) + 1))/1 + 1 = -2. Use a smaller kernel_size or dilation, "
            "more padding, a larger input, or less stride before this layer.",
        ),
        (
            (4, 2, 8),
            [MaxPool(3, stride=2)],
            "pool1 (MaxPool) cannot take (4, 2, 8): "
            "the window spans 3 positions and the input with its padding "
            "has 2: (2 − 3)/2 + 1 = ⌊0.5⌋ = 0. Use a smaller kernel_size or dilation, more padding, a larger "
            "input, or less stride before this layer.",
        ),
        (
            (12, 8, 8),
            [Conv(16, 3, groups=5)],
            "conv1 (Conv) cannot take (12, 8, 8): "
            "groups=5 does not divide the 12 input channels (12/5 = 2.4); "
            "use one of 1, 2, 4.",
        ),
        (
            (12, 8, 8),
            [Conv(16, 3, groups=3)],
            "conv1 (Conv) cannot take (12, 8, 8): "
            "groups=3 does not divide the 16 out_channels (16/3 = 5.333); "
            "use one of 1, 2, 4.",
        ),
        (
            (4, 8, 8),
            [ReLU(), Linear(10)],
            "linear1 (Linear) cannot take (4, 8, 8): "
            "Linear takes a vector (C,); put Flatten() or "
            "GlobalAvgPool() before it.",
        ),
        *(
            (
                (4, 8, 8),
                [Flatten(), layer],
                f"{path} ({layer.kind}) cannot take (256,): "
                f"it needs a map (C, L), (C, H, W) or (C, D, H, W), "
                "not a vector; put it before Flatten.",
            )
            for path, layer in [
                ("pool1", MaxPool(2)),
                ("pool1", AvgPool(2)),
                ("pool1", GlobalAvgPool()),
                ("conv1", Conv(4, 3)),
                ("norm1", LocalResponseNorm()),
            ]
        ),
        *(
            (
                shape,
                [layer],
                f"{path} ({layer.kind}) cannot take {shape}: "
                f"{option} has {entries} entries and the input has "
                f"{rank} spatial axes; give {rank}, or one int.",
            )
            for shape, path, layer, option, entries, rank in [
                ((4, 8), "conv1", Conv(4, (3, 3)), "kernel_size=(3, 3)", 2, 1),
                ((4, 8, 8), "conv1", Conv(4, 3, stride=(1, 1, 1)), "stride=(1, 1, 1)", 3, 2),
                ((4, 8, 8), "conv1", Conv(4, 3, dilation=(1,)), "dilation=(1,)", 1, 2),
                ((4, 8, 8), "conv1", Conv(4, 3, padding=((0, 1),)), "padding=((0, 1),)", 1, 2),
                ((4, 8, 8, 8), "pool1", MaxPool((2, 2)), "kernel_size=(2, 2)", 2, 3),
                ((4, 8), "pool1", AvgPool(2, stride=(2, 2)), "stride=(2, 2)", 2, 1),
            ]
        ),
        (
            (4, 8, 8),
            [Conv(4, 3, padding="causal")],
            "conv1 (Conv) cannot take (4, 8, 8): "
            "padding='causal' is for signals (C, L) alone; use 'same' over "
            "2 axes.",
        ),
        (
            (4, 8, 8),
            [MaxPool(2, padding=2)],
            "pool1 (MaxPool) cannot take (4, 8, 8): "
            "padding 2 is not less than the kernel size 2, so that a "
            "window would hold padding alone; use at most 1.",
        ),
        (
            (4, 8, 8),
            [Concat(Conv(4, 3), [Conv(4, 3, padding=1), ReLU()], name="mix")],
            "mix (Concat) cannot take (4, 8, 8): "
            "the branches must end with maps of one size: branch1 gives "
            "(4, 6, 6), branch2 gives (4, 8, 8); give them the same strides, and padding='same' or "
            "(kernel_size − 1)/2.",
        ),
        (
            (4, 8, 8),
            [Concat(Conv(4, 3), GlobalAvgPool())],
            "concat1 (Concat) cannot take (4, 8, 8): "
            "the branches must end with maps of one size: branch1 gives "
            "(4, 6, 6), branch2 gives (4,); give them the same strides, and padding='same' or "
            "(kernel_size − 1)/2.",
        ),
        (
            (4, 8, 8),
            [Residual(Conv(8, 3, stride=2, padding=1))],
            "residual1 (Residual) cannot take (4, 8, 8): "
            "the body gives (8, 4, 4) and the shortcut (4, 8, 8), "
            "which cannot be added; give a projection: shortcut=Conv(8, 1, stride=2).",
        ),
        (
            (4, 8, 8),
            [Residual(Conv(4, 3))],
            "residual1 (Residual) cannot take (4, 8, 8): "
            "the body gives (4, 6, 6) and the shortcut (4, 8, 8), "
            "which cannot be added; set the padding in the body so that it keeps the size, "
            "or a shortcut that crops.",
        ),
        (
            (4, 8, 8),
            [Residual(Conv(8, 1), Conv(6, 1))],
            "residual1 (Residual) cannot take (4, 8, 8): "
            "the body gives (8, 8, 8) and the shortcut (6, 8, 8), "
            "which cannot be added; change one of the two until they give one shape.",
        ),
        (
            (4,),
            [Residual(Linear(8))],
            "residual1 (Residual) cannot take (4,): "
            "the body gives (8,) and the shortcut (4,), which cannot be "
            "added; change one of the two until they give one shape.",
        ),
    ],
)
def test_the_message_names_path_shape_formula_and_fix(shape, layers, message):
    assert refusal(shape, *layers) == message


def test_the_path_is_that_of_the_repetition_that_fails():
    message = refusal((1, 10, 10), Repeat([Conv(1, 3), BatchNorm()], 6))
    assert message.startswith("conv5 (Conv) cannot take (1, 2, 2): the window spans 3 positions")


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ((4, 8, 8), Conv(8, 1)),
        ((4, 8, 8), Conv(8, 3, stride=2, padding=1)),
        ((4, 9, 7), Conv(4, 3, stride=(3, 2), padding=1)),
        ((4, 10), Conv(5, 3, stride=3, padding=1)),
        ((2, 7, 7, 7), [Conv(3, 3, stride=2, padding=1), ReLU(), Conv(3, 3, stride=2, padding=1)]),
    ],
)
def test_the_suggested_projection_works(shape, body):
    message = refusal(shape, Residual(body))
    suggested = message.rpartition("shortcut=")[2].removesuffix(".")
    shortcut = eval(suggested, {"Conv": Conv})
    fixed = analyze(Network("n", shape, Residual(body, shortcut)))
    assert (
        fixed.output
        == analyze(Network("n", shape, Sequential(body) if isinstance(body, list) else body)).output
    )


@pytest.mark.parametrize(
    ("channels", "filters", "groups"), [(12, 16, 5), (12, 16, 3), (7, 5, 2), (64, 96, 48)]
)
def test_the_suggested_groups_work(channels, filters, groups):
    message = refusal((channels, 4, 4), Conv(filters, 3, groups=groups))
    suggested = [int(g) for g in message.rpartition("one of ")[2].removesuffix(".").split(", ")]
    brute = [g for g in range(1, channels + 1) if channels % g == 0 and filters % g == 0]
    assert suggested == brute
    for g in suggested:
        assert analyze(Network("n", (channels, 4, 4), Conv(filters, 3, groups=g))).output == (filters, 2, 2)


def test_a_network_on_too_small_an_input_is_refused_where_it_ends():
    with pytest.raises(ShapeError, match=r"^stage5\.pool1 \(MaxPool\) cannot take \(512, 1, 1\): "):
        analyze(vgg16(), input=(3, 16, 16))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size=0: must be a whole number of at least 1."),
        ({"batch_size": True}, "batch_size=True: must be a whole number of at least 1."),
        ({"batch_size": 2.0}, "batch_size=2.0: must be a whole number of at least 1."),
        (
            {"input": (1, 0, 8)},
            "input=(1, 0, 8): must be (channels,), (channels, length), (channels, height, width) or "
            "(channels, depth, height, width); for tokens (steps,), for a sequence (steps, channels); "
            "each at least 1 and below 2³¹.",
        ),
    ],
)
def test_a_bad_argument_is_refused(options, message):
    with pytest.raises(ShapeError) as caught:
        analyze(lenet5(), **options)
    assert str(caught.value) == message


def test_a_row_that_is_not_there_suggests_the_nearest():
    with pytest.raises(ShapeError) as caught:
        analyze(lenet5()).row("flatten2")
    assert str(caught.value) == (
        "no layer at 'flatten2' in 'lenet5'. Did you mean 'flatten1'? "
        "Paths: c1, tanh1, s2, c3, tanh2, s4, c5, tanh3, flatten1, f6 and 2 more."
    )
