"""The numbers of lecture 002, Berkeley: Convolutional Neural Nets."""

import torch

from lecture_numbers.asked import Figures, convolved, net
from lecture_numbers.fact import Fact, in_units
from striate.analyze import analyze
from striate.nn import build
from striate.spec import Conv, Linear, Repeat, Residual
from striate.zoo import alexnet

DIAGONAL_KERNEL = [[0.6, 0.2, 0], [0.2, 0, 0.2], [0, 0.2, 0.6]]
FALLING = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
RISING = [[0, 0, 1], [0, 1, 0], [1, 0, 0]]


def _stack() -> tuple[int, int]:
    """Return the weights of three 3×3 layers and of one 7×7 layer over 64 maps."""
    small, large = Repeat(Conv(64, 3, bias=False), 3), Conv(64, 7, bias=False)
    return tuple(analyze(net((64, 28, 28), layers)).totals.weights for layers in (small, large))


def _share_of_dense_1() -> float:
    analysis = analyze(alexnet())
    return round(100 * analysis.row("fc6").params / analysis.totals.params, 1)


def _gradient(blocks: int, *, shortcut: bool) -> float:
    """Return dy/dx through blocks F(x) = 0.01·x, each with its shortcut or without, to five digits."""
    block = Linear(1, bias=False)
    module = build(net((1,), Repeat(Residual(block) if shortcut else block, blocks)), seed=0).double()
    with torch.no_grad():
        for weight in module.parameters():
            weight.fill_(0.01)
    x = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)
    module(x).backward()
    return float(f"{x.grad.item():.5g}")


FACTS = (
    Fact(
        topic="weight sharing",
        statement="A layer from 12 inputs to 6 outputs with a 2×2 kernel: fully connected, and shared",
        printed=(72, 4),
        true=(72, 4),
        compute=Figures(net((1, 3, 4), Conv(1, 2, bias=False)), "dense_weights weights"),
        form="{} and {} weights",
    ),
    Fact(
        topic="Three layers of 3×3 for one of 7×7",
        statement="what they see",
        printed=7,
        true=7,
        compute=lambda: analyze(net((1, 28, 28), Repeat(Conv(1, 3), 3))).row("conv3").receptive_field[0].size,
        form="{0} × {0}",
        how="the receptive field of `st.Repeat(st.Conv(1, 3), 3)`",
    ),
    Fact(
        topic="Three layers of 3×3 for one of 7×7",
        statement="weights over C channels, “3 ∗ (3²C)” against “7²C”: C = 64",
        printed=(1_728, 3_136),
        true=(110_592, 200_704),
        compute=_stack,
        form="{} against {}",
        slip="Each of the C kernels reads C channels: 3·(3²C²) against 7²C²; the ratio of 27 to 49 is right.",
        how="`totals.weights` of both",
    ),
    Fact(
        topic="what two layers see",
        statement="A unit of the second of two 3×3 layers is informed by “up to 9 × 9 = 81 original pixels”",
        printed=81,
        true=25,
        compute=lambda: (
            analyze(net((1, 28, 28), Repeat(Conv(1, 3), 2))).row("conv2").receptive_field[0].size ** 2
        ),
        form="{} pixels",
        slip="The nine units that it reads are neighbors whose windows overlap: together they see 5×5 pixels.",
        how="the receptive field of `st.Repeat(st.Conv(1, 3), 2)`, squared",
    ),
    Fact(
        topic="AlexNet",
        statement="“around 60 million weights”",
        printed=60,
        true=60_965_224,
        compute=lambda: analyze(alexnet()).totals.params,
        printed_form="≈ {} million",
        agree=in_units(1e6, within=1),
        how="`totals.params` of `st.zoo.alexnet()`, two towers, biases included",
    ),
    Fact(
        topic="AlexNet",
        statement="“over half of which are in the first fully connected layer”",
        printed=50,
        true=61.9,
        compute=_share_of_dense_1,
        form="{} %",
        printed_form="> {} %",
        agree=lambda printed, true: true > printed,
        how="`fc6`, biases included",
    ),
    Fact(
        topic="Residual blocks, F(x) = 0.01·x",
        statement="∂(F(x) + x)/∂x = ∂F/∂x + 1",
        printed=1.01,
        true=1.01,
        compute=lambda: _gradient(1, shortcut=True),
        how="`st.Residual(st.Linear(1))`, built, its weight 0.01",
    ),
    Fact(
        topic="Residual blocks, F(x) = 0.01·x",
        statement="the gradient through 100 of them, without and with the shortcut",
        true=(1e-200, 2.7048),
        compute=lambda: (_gradient(100, shortcut=False), _gradient(100, shortcut=True)),
        form="{} without, {} with",
        how="0.01¹⁰⁰ and 1.01¹⁰⁰: `st.Repeat(…, 100)` in float64; in float32 the first is 0",
    ),
    Fact(
        topic="Kernels",
        statement="1 −1 is large where the left pixel is bright and the right one dark: on 0 0 1 1 0 0",
        true=(0, -1, 0, 1, 0),
        compute=lambda: convolved([[0, 0, 1, 1, 0, 0]], [[1, -1]])[0],
        how="a built `st.Conv(1, (1, 2))` with this kernel",
    ),
    Fact(
        topic="Kernels",
        statement=".6 .2 0 / .2 0 .2 / 0 .2 .6 answers to one diagonal: on a falling line ╲, on a rising line ╱",
        true=(1.2, 0),
        compute=lambda: tuple(convolved(image, DIAGONAL_KERNEL)[0][0] for image in (FALLING, RISING)),
        how="a built `st.Conv(1, 3)`. A flat bright area gets 2, more than any line: the weights do not sum to 0",
    ),
)
