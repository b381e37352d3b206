"""The numbers of lecture 003, IIT Bombay: Lego World of Deep Learning."""

import torch

from lecture_numbers.asked import Figures, net, plain
from lecture_numbers.fact import Fact
from striate.analyze import analyze
from striate.nn import build
from striate.spec import Conv, Flatten, Linear, MaxPool, OneHot
from striate.zoo import alexnet


def _shifted_and_convolved() -> float:
    """Return the largest difference between shifting before and after a convolution, away from the border."""
    module = build(net((1, 12, 12), Conv(4, 3, padding=1)), seed=0).double()
    image = torch.zeros(1, 1, 12, 12, dtype=torch.float64)
    image[..., 3:7, 3:7] = torch.arange(16.0).view(4, 4)
    with torch.no_grad():
        after, before = module(image).roll((2, 1), (2, 3)), module(image.roll((2, 1), (2, 3)))
    return plain((before - after).abs().max())


def _changed_by_a_shift() -> tuple[int, int]:
    """Return how many pixels, and how many pooled values, change when a bright pixel moves by one."""
    pool = build(net((1, 9, 9), MaxPool(3)), seed=0)
    image = torch.zeros(1, 1, 9, 9)
    image[..., 3, 3] = 1  # the window holds positions 3 to 5
    moved = image.roll(1, 3)
    return int((image != moved).sum()), int((pool(image) != pool(moved)).sum())


def _one_hot() -> tuple[tuple[int, ...], ...]:
    return plain(build(net((3,), OneHot(3)), seed=0)(torch.tensor([[0, 1, 2]]))[0])


def _towers() -> tuple[int, int, int]:
    """Return AlexNet's maps in layer 1, how many of them a kernel of layer 2 reads, and all parameters."""
    analysis = analyze(alexnet())
    conv1, conv2 = analysis.row("conv1"), analysis.row("conv2")
    return conv1.output_shape[0], conv2.weights // (256 * 5 * 5), analysis.totals.params


def _padded(kernel: int, stride: int, padding: int) -> Figures:
    return Figures(net((1, 200, 200), Conv(1, kernel, stride=stride, padding=padding)), "size")


FACTS = (
    Fact(
        topic="the output of a filter",
        statement="(M + 2D − P)/S + 1 on each axis, the hint: M = 200, D = 0, S = 2, P = 5",
        true=(98, 98),
        compute=_padded(5, stride=2, padding=0),
        form="{} × {}",
    ),
    Fact(
        topic="Maximum overlap, D = P − 1: (M + P)/S − 1, M = 200, P = 5",
        statement="S = 1",
        printed=(204, 204),
        true=(204, 204),
        compute=_padded(5, stride=1, padding=4),
        form="{} × {}",
    ),
    Fact(
        topic="Maximum overlap, D = P − 1: (M + P)/S − 1, M = 200, P = 5",
        statement="S = 2",
        printed=(101.5, 101.5),
        true=(102, 102),
        compute=_padded(5, stride=2, padding=4),
        form="{} × {}",
        slip="With D = P − 1 the size is (M + P − 2)/S + 1, rounded down; the two formulas agree only at S = 1.",
    ),
    Fact(
        topic="a fully connected layer",
        statement="200×200×3 into 40,000 hidden neurons: “4800000 parameters”",
        printed=4_800_000,
        true=4_800_000_000,
        compute=Figures(net((3, 200, 200), Flatten(), Linear(40_000)), "weights"),
        slip="Three zeros are missing on two slides; the other slides say 4.8 billion.",
    ),
    Fact(
        topic="twenty feature maps",
        statement="20 maps of 5×5×3, D = 4, S = 1: parameters and neurons",
        printed=(1500, 832_320),
        true=(1500, 832_320, 20),
        compute=Figures(net((3, 200, 200), Conv(20, 5, padding=4)), "weights neurons biases"),
        form="{} weights, {} neurons; and {} biases",
        printed_form="{} weights, {} neurons",
        agree=lambda printed, true: printed == true[:2],
    ),
    Fact(
        topic="keeping the size",
        statement="D = (P − 1)/2 and S = 1 keep the size: M = 200, P = 5",
        printed=(200, 200),
        true=(200, 200),
        compute=_padded(5, stride=1, padding=2),
        form="{} × {}",
    ),
    Fact(
        topic="AlexNet on 224×224",
        statement="first convolution",
        printed=(57, 57),
        true=(55, 55),
        compute=Figures(alexnet(), "size", path="conv1"),
        form="{} × {}",
        slip="57 is (224 + 11)/4 − 1 rounded down, the formula for a padding of 10; AlexNet has a padding of 2.",
    ),
    Fact(
        topic="AlexNet on 224×224",
        statement="3×3 max pooling behind it",
        printed=(55, 55),
        true=(27, 27),
        compute=Figures(alexnet(), "size", path="pool1"),
        form="{} × {}",
        slip="The stride of this pooling is 2, not 1.",
    ),
    *(
        Fact(
            topic="Max pooling, M = 5, P = 3",
            statement=f"stride {stride}",
            printed=length,
            true=length,
            compute=Figures(net((1, 5), MaxPool(3, stride=stride)), "length"),
            form="{} outputs",
        )
        for stride, length in ((1, 3), (2, 2))
    ),
    Fact(
        topic="Max pooling, M = 5, P = 3",
        statement="in two dimensions, M = N = 5, P = Q = 3, stride 1",
        printed=(3, 3),
        true=(3, 3),
        compute=Figures(net((1, 5, 5), MaxPool(3, stride=1)), "size"),
        form="{} × {}",
    ),
    Fact(
        topic="two towers",
        statement="AlexNet has 48 (×2) features in layer 1, in two parallel networks",
        printed=48,
        true=(96, 48, 60_965_224),
        compute=_towers,
        form="{} maps, of which a kernel of layer 2 reads {}; {} parameters",
        printed_form="{} × 2",
        agree=lambda printed, true: (2 * printed, printed) == true[:2],
        how="`st.Conv(…, groups=2)` in `st.zoo.alexnet()`",
    ),
    Fact(
        topic="Equivariance and invariance, which have [a page of their own](equivariance.md)",
        statement="convolution is equivariant: f(g(x)) = g(f(x)) for a shift g",
        printed=0,
        true=0,
        compute=_shifted_and_convolved,
        form="largest difference {}",
        printed_form="equal",
        how="a built `st.Conv(4, 3, padding=1)`, shift by 2 down and 1 right, away from the border",
    ),
    Fact(
        topic="Equivariance and invariance, which have [a page of their own](equivariance.md)",
        statement="max pooling makes it invariant: a bright pixel moves by one within its 3×3 window",
        true=(2, 0),
        compute=_changed_by_a_shift,
        form="{} pixels change, {} pooled values",
        how="a built `st.MaxPool(3)`",
    ),
    Fact(
        topic="one-hot codes",
        statement="The codes of a, b, c are the rows of I₃",
        printed=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        true=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        compute=_one_hot,
        how="a built `st.OneHot(3)`",
    ),
)
