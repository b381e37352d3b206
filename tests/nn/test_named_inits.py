"""Initializations of a whole network by name: torch's own, formulas and matrices as oracles."""

import math

import pytest
import torch
from moments import check_statistics
from toys import message_of

from striate.errors import ConfigError
from striate.nn import INITS, build
from striate.spec import (
    SELU,
    BatchNorm,
    Conv,
    ConvTranspose,
    DepthwiseConv,
    LeakyReLU,
    Linear,
    LocallyConnected,
    Network,
    ReLU,
    SeparableConv,
    Sequential,
    Sigmoid,
    TableConv,
    Tanh,
    TiledConv,
)


def net(*layers, input=(4, 8, 8)):
    return Network("n", input, Sequential(*layers))


def weight_of(init, layer, *behind, input=(64, 8, 8), seed=0):
    module = build(net(layer, *behind, input=input), seed, init)
    return next(p.detach().double() for name, p in module.named_parameters() if p.ndim > 1)


def std_of(weight):
    return weight.pow(2).mean().sqrt().item()


WIDE = Conv(128, 3)  # 73,728 weights; fan in 64·9, fan out 128·9
IN, OUT = 64 * 9, 128 * 9

TORCHS = {
    "he-normal": lambda w: torch.nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "he-uniform": lambda w: torch.nn.init.kaiming_uniform_(w, nonlinearity="relu"),
    "he-normal-out": lambda w: torch.nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
    "he-uniform-out": lambda w: torch.nn.init.kaiming_uniform_(w, mode="fan_out", nonlinearity="relu"),
    "xavier-normal": torch.nn.init.xavier_normal_,
    "xavier-uniform": torch.nn.init.xavier_uniform_,
    "xavier-normal-tanh": lambda w: torch.nn.init.xavier_normal_(w, gain=4.0),
    "xavier-uniform-tanh": lambda w: torch.nn.init.xavier_uniform_(w, gain=4.0),
    "xavier-normal-relu": lambda w: torch.nn.init.xavier_normal_(w, gain=math.sqrt(2)),
    "xavier-uniform-relu": lambda w: torch.nn.init.xavier_uniform_(w, gain=math.sqrt(2)),
    "lecun-normal": lambda w: torch.nn.init.kaiming_normal_(w, nonlinearity="linear"),
    "lecun-uniform": lambda w: torch.nn.init.kaiming_uniform_(w, nonlinearity="linear"),
}


@pytest.mark.parametrize("init", TORCHS)
def test_the_scale_is_torchs(init):
    torch.manual_seed(0)
    torchs = TORCHS[init](torch.empty(128, 64, 3, 3)).double()
    ours = weight_of(init, WIDE, ReLU())
    assert std_of(ours) == pytest.approx(std_of(torchs), rel=0.02)
    assert ours.abs().max().item() == pytest.approx(
        torchs.abs().max().item(), rel=0.3 if "normal" in init else 1e-3
    )


def test_every_name_is_tested_here():
    assert set(INITS) == set(TORCHS) | {
        "default",
        "table-normal",
        "table-uniform",
        "orthogonal",
        "dirac",
        "lsuv",
    }


@pytest.mark.parametrize("init", TORCHS)
def test_a_named_scheme_is_that_of_every_layer_whatever_follows(init):
    assert torch.equal(weight_of(init, WIDE, ReLU()), weight_of(init, WIDE, Tanh()))
    assert torch.equal(weight_of(init, WIDE, ReLU()), weight_of(init, WIDE))


# Lecture 001, by the activation: r of U[-r, r] and sigma of N.
@pytest.mark.parametrize(
    ("behind", "factor"),
    [((Sigmoid(),), 1), ((Tanh(),), 4), ((ReLU(),), math.sqrt(2)), ((), 1)],
    ids=["logistic", "tanh", "relu", "none"],
)
def test_the_table_of_the_lecture(behind, factor):
    sigma, r = factor * math.sqrt(2 / (IN + OUT)), factor * math.sqrt(6 / (IN + OUT))
    check_statistics(weight_of("table-normal", WIDE, *behind), sigma**2, None)
    check_statistics(weight_of("table-uniform", WIDE, *behind), r**2 / 3, r)


def test_both_weights_of_a_separable_convolution_are_of_the_named_scheme():
    module = build(net(SeparableConv(400, 3), ReLU(), input=(900, 8, 8)), 0, "xavier-normal")
    part = module[0]
    check_statistics(part.depthwise.detach().double(), 2 / (9 + 9), None)
    check_statistics(part.pointwise.detach().double(), 2 / (900 + 400), None)


# The matrices of a layer by hand: shape (blocks, rows, columns).
ORTHOGONAL = {
    "wide": (Conv(20, 3), (64, 8, 8), lambda w: w.reshape(1, 20, 576)),
    "tall": (Conv(300, 3), (4, 8, 8), lambda w: w.reshape(1, 300, 36)),
    "groups": (Conv(12, 3, groups=4), (8, 8, 8), lambda w: w.reshape(4, 3, 18)),
    "depthwise": (DepthwiseConv(3), (8, 8, 8), lambda w: w.reshape(8, 1, 9)),
    "dense": (Linear(30), (50,), lambda w: w[None]),
    "transposed": (ConvTranspose(6, 4, stride=2), (5, 7, 7), lambda w: w.reshape(1, 5, 96)),
    "unshared": (LocallyConnected(7, 3), (2, 6, 6), lambda w: w.reshape(16, 7, 18)),
    "tiled": (TiledConv(5, 2, 3), (3, 8, 8), lambda w: w.reshape(9, 5, 12)),
    "table": (TableConv(((0, 1), (1, 2)), 3), (3, 8, 8), lambda w: w.reshape(2, 1, 18)),
}


@pytest.mark.parametrize("case", ORTHOGONAL)
@pytest.mark.parametrize(
    ("behind", "square"),
    [((ReLU(),), 2), ((LeakyReLU(),), 2), ((Tanh(),), 25 / 9), ((SELU(),), 9 / 16), ((), 1)],
    ids=["relu", "leaky", "tanh", "selu", "none"],
)
def test_orthogonal_matrices(case, behind, square):
    layer, shape, matrices = ORTHOGONAL[case]
    w = matrices(weight_of("orthogonal", layer, *behind, input=shape))
    product = w @ w.mT if w.shape[1] <= w.shape[2] else w.mT @ w
    assert torch.allclose(
        product, square * torch.eye(product.shape[-1]).double().expand_as(product), atol=1e-6
    )


def test_orthogonal_gains_are_torchs():
    for kind, layer in {
        "relu": ReLU(),
        "tanh": Tanh(),
        "selu": SELU(),
        "sigmoid": Sigmoid(),
        "linear": None,
    }.items():
        w = weight_of("orthogonal", Linear(9), *([layer] if layer else []), input=(9,))
        assert torch.linalg.svdvals(w).tolist() == pytest.approx(
            [torch.nn.init.calculate_gain(kind)] * 9, rel=1e-6
        )


def test_no_sign_is_preferred_in_orthogonal_matrices():
    # Uniform over all orthogonal matrices of one row: both signs of the one weight come as often.
    signs = [weight_of("orthogonal", Linear(1), input=(1,), seed=seed).item() for seed in range(200)]
    assert {round(abs(sign), 6) for sign in signs} == {1}
    assert 70 < sum(sign > 0 for sign in signs) < 130


def test_a_dirac_network_passes_its_input_on():
    layers = [part for _ in range(12) for part in (Conv(6, 3, padding=1), BatchNorm(), ReLU())]
    module = build(net(*layers, Conv(6, 5, padding=2, groups=3), input=(6, 9, 7)), 0, "dirac").eval()
    images = torch.rand(2, 6, 9, 7, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(module(images), images, rtol=1e-4)  # norms divide by the root of 1 + 1e-5


@pytest.mark.parametrize(
    ("channels", "outputs", "kernel", "groups"),
    [(6, 6, 3, 1), (6, 6, 4, 1), (6, 6, (2, 5), 3), (4, 9, 3, 1)],
    ids=["square", "even", "groups", "more"],
)
def test_dirac_kernels_are_torchs(channels, outputs, kernel, groups):
    ours = weight_of("dirac", Conv(outputs, kernel, groups=groups), ReLU(), input=(channels, 9, 9))
    torchs = torch.nn.init.dirac_(torch.empty(ours.shape), groups)
    assert torch.equal(ours[:channels], torchs[:channels].double())
    assert all(kernel.any() for kernel in ours)  # those beyond are drawn, not dead


def test_what_cannot_pass_everything_on_is_drawn_as_by_default():
    for layer in (Conv(3, 3), Linear(5, per_step=False)):
        shape = (8, 8, 8) if layer.kind == "Conv" else (8,)
        args = (layer, ReLU())
        assert torch.equal(weight_of("dirac", *args, input=shape), weight_of("default", *args, input=shape))


@pytest.mark.parametrize("init", INITS)
def test_each_draw_is_a_function_of_seed_and_path(init):
    one, two, three = (
        Conv(5, 3, padding=1, name="one"),
        Conv(7, 3, name="two"),
        Conv(7, 5, padding=2, name="three"),
    )
    first = build(net(one, two, three), 3, init).state_dict()
    second = build(net(three, one, two), 3, init).state_dict()
    assert torch.equal(first["two.weight"], second["two.weight"])
    again = build(net(one, two, three), 3, init).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = build(net(one, two, three), 4, init).state_dict()
    assert not torch.equal(first["two.weight"], other["two.weight"])


@pytest.mark.parametrize("init", INITS)
def test_biases_and_norms_begin_alike(init):
    state = build(net(Conv(4, 3), BatchNorm(), ReLU()), 0, init).state_dict()
    assert not state["conv1.bias"].any()
    assert state["norm1.weight"].tolist() == [1] * 4


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("kaiming_normal", " Did you mean 'he-normal'?"),
        ("glorot-uniform", " Did you mean 'xavier-uniform'?"),
        ("HE-NORMAL", " Did you mean 'he-normal'?"),
        ("orthognal", " Did you mean 'orthogonal'?"),
        ("He", " Did you mean 'he-normal'?"),
        ("zzz", ""),
    ],
)
def test_an_unknown_name(name, hint):
    known = ", ".join(INITS)
    message = message_of(ConfigError, build, net(Conv(4, 3)), 0, name)
    assert message == f"unknown initialization {name!r}.{hint} Known: {known}."


def test_a_name_that_is_no_text():
    message = message_of(ConfigError, build, net(Conv(4, 3)), 0, 3)
    assert message == "init=3: must be the name of an initialization, such as 'he-normal'."
