"""The numbers of lecture 004: from multi-layer to convolutional networks."""

import math

import torch

from lecture_numbers.asked import Figures, convolved, net
from lecture_numbers.fact import Fact
from striate.data import Dataset, Preprocess
from striate.nn import build
from striate.spec import Conv, Flatten, Linear, LocallyConnected
from striate.train import evaluate

PRESETS = {
    "edges, diagonal": [[1, 0, -1], [0, 0, 0], [-1, 0, 1]],
    "edges, 4 neighbors": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "edges, 8 neighbors": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "box blur": [[1 / 9] * 3] * 3,
    "Gaussian blur": [[1 / 16, 2 / 16, 1 / 16], [2 / 16, 4 / 16, 2 / 16], [1 / 16, 2 / 16, 1 / 16]],
}
POINT = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
LINE = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
FLAT = [[1, 1, 1]] * 3


def _written(kernel: list[list[float]], scale: int) -> str:
    rows = " / ".join(" ".join(f"{weight * scale:g}" for weight in row) for row in kernel)
    return (f"1/{scale} · ({rows})" if scale > 1 else rows).replace("-", "−")


def _neighbors() -> int:
    """Return how many inputs the five units of a locally connected layer read, those in the padding left out."""
    module = build(net((1, 5), LocallyConnected(1, 3, padding=1, bias=False)), seed=0)
    with torch.no_grad():
        matrix = module(torch.eye(5).unsqueeze(1))  # row i is the answer to unit vector i
    return int((matrix != 0).sum())


def _loss() -> float:
    """Return the loss of the answer 0.9 where 1 is right, as an evaluation reports it."""
    module = build(net((1, 1, 1), Flatten(), Linear(2)), seed=0)
    with torch.no_grad():
        module.linear1.weight.zero_()
        module.linear1.bias.copy_(torch.tensor([0.0, math.log(9)]))  # softmax: 0.1 and 0.9
    one = Dataset(torch.zeros(1, 1, 1, 1, dtype=torch.uint8), torch.tensor([1]))
    return round(evaluate(module, one, Preprocess((1, 1, 1)), ("0", "1")).loss, 4)


FACTS = (
    Fact(
        topic="n inputs to n outputs, n = 5",
        statement="fully connected: n² weights",
        printed=25,
        true=25,
        compute=Figures(net((1, 5), Conv(1, 3, padding=1, bias=False)), "dense_weights"),
    ),
    Fact(
        topic="n inputs to n outputs, n = 5",
        statement="neighbors only: 3n − 2",
        printed=13,
        true=13,
        compute=_neighbors,
        how="the matrix of a built `st.LocallyConnected(1, 3, padding=1)`; two more of its weights read the padding",
    ),
    Fact(
        topic="n inputs to n outputs, n = 5",
        statement="one filter everywhere: m = 3",
        printed=3,
        true=3,
        compute=Figures(net((1, 5), Conv(1, 3, padding=1, bias=False)), "weights"),
    ),
    Fact(
        topic="A 200×200 image, 400,000 hidden units",
        statement="fully connected",
        printed=16,
        true=16_000_000_000,
        compute=Figures(net((1, 200, 200), Flatten(), Linear(400_000)), "weights"),
        printed_form="{} billion",
        agree=lambda printed, true: printed * 10**9 == true,
    ),
    Fact(
        topic="A 200×200 image, 400,000 hidden units",
        statement="local fields of 10×10",
        printed=40,
        true=40_000_000,
        compute=Figures(net((1, 200, 200), LocallyConnected(10, 10, padding="same")), "weights"),
        printed_form="{} million",
        agree=lambda printed, true: printed * 10**6 == true,
    ),
    Fact(
        topic="flattening",
        statement="14·14·64 flattens to one vector",
        printed=12_544,
        true=12_544,
        compute=Figures(net((64, 14, 14), Flatten()), "length"),
    ),
    *(
        Fact(
            topic="Kernels, on a bright point, on a falling line ╲ and on a flat bright area",
            statement=f"{name}: {_written(kernel, scale)}",
            true=true,
            compute=lambda kernel=kernel: tuple(
                convolved(image, kernel)[0][0] for image in (POINT, LINE, FLAT)
            ),
            how="a built `st.Conv(1, 3)` with this kernel",
        )
        for (name, kernel), true, scale in zip(
            PRESETS.items(),
            ((0, 2, 0), (-4, -4, 0), (8, 6, 0), (5, 5, 1), (0.1111, 0.3333, 1), (0.25, 0.375, 1)),
            (1, 1, 1, 1, 9, 16),
            strict=True,
        )
    ),
    Fact(
        topic="the loss",
        statement="L(y, ŷ) = y·log ŷ + (1 − y)·log(1 − ŷ), for y = 1, ŷ = 0.9",
        printed=-0.1054,
        true=0.1054,
        compute=_loss,
        slip="The loss is the negative of this: it must fall as ŷ nears y.",
        how="`Evaluation.loss` of a network that answers 0.9",
    ),
)
