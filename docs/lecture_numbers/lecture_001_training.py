"""The numbers of lecture 001, Harvard: initialization, regularization, normalization, autoencoders."""

import math

import torch
from torch.nn import functional as F

from lecture_numbers.asked import net, plain
from lecture_numbers.fact import Fact
from striate.data import GlobalContrast
from striate.nn import SCHEMES, build
from striate.spec import Dropout, Linear, Sigmoid, Softplus

FAN = 300  # inputs and outputs of the layer whose weights are drawn: √(6/600) = 0.1


def _drawn(scheme: str) -> tuple[float, float]:
    """Return the largest weight and the standard deviation of a million weights of a scheme, to three decimals."""
    weight = torch.empty(1000, 1000)
    SCHEMES[scheme].fill(weight, FAN, FAN, torch.Generator().manual_seed(0))
    return round(weight.abs().max().item(), 3), round(weight.std().item(), 3)


def _lecun() -> float:
    """Return the standard deviation of the weights of a layer with 100 inputs and no activation."""
    return round(build(net((100,), Linear(2000)), seed=0).linear1.weight.std().item(), 3)


def _dropped() -> tuple[float, float]:
    """Return what becomes of a kept 1 in training, and of every 1 in evaluation."""
    module = build(net((1000,), Dropout(0.2)), seed=0)
    ones = torch.ones(1, 1000)
    kept = module.train()(ones)
    return plain(kept[kept != 0].unique().squeeze()), plain(module.eval()(ones).unique().squeeze())


def _max_norm() -> tuple[float, ...]:
    """Return the norms of two neurons' weights, 5 and 1, projected to at most 2."""
    weight = build(net((2,), Linear(2)), seed=0).linear1.weight.detach()
    weight.copy_(torch.tensor([[3.0, 4.0], [0.6, 0.8]]))
    return plain(torch.renorm(weight, p=2, dim=0, maxnorm=2.0).norm(dim=1))


def _global_contrast() -> tuple[float, ...]:
    """Return the normalized values of an image of 3 channels and two pixels."""
    image = torch.tensor([2.0, 2.0, 5.0, 5.0, 8.0, 8.0]).view(1, 3, 1, 2)
    return plain(GlobalContrast(bias=10.0).apply(image).flatten())


def _recovered() -> tuple[int, int]:
    """Return how many of eight one-hot inputs an 8-3-8 autoencoder learns to give back."""
    inputs, targets = torch.eye(8), torch.arange(8)
    module = build(net((8,), Linear(math.ceil(math.log2(8)), name="code"), Sigmoid(), Linear(8)), seed=0)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        F.cross_entropy(module(inputs), targets).backward()
        optimizer.step()
    return module.code.out_features, int((module(inputs).argmax(1) == targets).sum())


def _softplus() -> tuple[float, ...]:
    return plain(build(net((3,), Softplus()), seed=0)(torch.tensor([[-1.0, 0.0, 1.0]])).flatten())


FACTS = (
    *(
        Fact(
            topic="Initialization by U[−r, r] or N(0, σ²), 300 inputs and 300 outputs",
            statement=f"{activation}: r = {factor}√(6/600), σ = {factor}√(2/600)",
            printed=true,
            true=true,
            compute=lambda suffix=suffix: (
                _drawn(f"xavier-uniform{suffix}")[0],
                _drawn(f"xavier-normal{suffix}")[1],
            ),
            form="r = {}, σ = {}",
            how=f"a million weights of `xavier-uniform{suffix}` and of `xavier-normal{suffix}`",
        )
        for activation, suffix, factor, true in (
            ("Logistic", "", "", (0.1, 0.058)),
            ("Hyperbolic tangent", "-tanh", "4·", (0.4, 0.231)),
            ("ReLU", "-relu", "√2·", (0.141, 0.082)),
        )
    ),
    Fact(
        topic="breaking the symmetry",
        statement="Breaking the symmetry by N(0, 1/√#inputs): the standard deviation for 100 inputs",
        printed=0.1,
        true=0.1,
        compute=_lecun,
        how="the weights of a built `st.Linear` that no activation follows (`lecun-normal`)",
    ),
    Fact(
        topic="inverted dropout",
        statement="Dropout: while training, divide by the probability to be kept, 0.8",
        true=(1.25, 1),
        compute=_dropped,
        form="a kept 1 becomes {}; in evaluation it is {}",
        how="a built `st.Dropout(0.2)`",
    ),
    Fact(
        topic="max-norm",
        statement="Max-norm: the weights of two neurons, of norms 5 and 1, projected to norms of at most 2",
        true=(2, 1),
        compute=_max_norm,
        form="norms {} and {}",
        how="`torch.renorm(weight, p=2, dim=0, maxnorm=2)` on a built `st.Linear`; no layer does it by itself",
    ),
    Fact(
        topic="global contrast normalization",
        statement="Global contrast normalization of 2 2 / 5 5 / 8 8, three channels, with s = 1, λ = 10",
        true=(-0.75, -0.75, 0, 0, 0.75, 0.75),
        compute=_global_contrast,
        how="`striate.data.GlobalContrast(bias=10)`, for which training takes `--preprocess gcn`: (X − 5)/√(10 + 6)",
    ),
    Fact(
        topic="autoencoder",
        statement="Autoencoder: ⌈log₂ n⌉ hidden units for n inputs, n = 8",
        printed=3,
        true=(3, 8),
        compute=_recovered,
        form="{} units, and {} of 8 inputs recovered",
        printed_form="{} units",
        agree=lambda printed, true: printed == true[0],
        how="an 8-3-8 network, trained here for 600 steps",
    ),
    Fact(
        topic="softplus",
        statement="Softplus: ln(1 + eˣ) at −1, 0, 1",
        true=(0.3133, 0.6931, 1.3133),
        compute=_softplus,
        how="a built `st.Softplus()`",
    ),
)
