"""Every weight is a function of (seed, path), of the variance that its scheme's formula gives."""

import math

import pytest
import torch
from moments import check_statistics

from striate.nn import SCHEMES, build, scheme_by_path
from striate.spec import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RNN,
    SELU,
    AuxHead,
    AvgPool,
    BatchNorm,
    ChannelPool,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GroupNorm,
    HardSigmoid,
    Identity,
    LeakyReLU,
    Linear,
    LinearChainCRF,
    LocalContrastNorm,
    LocalResponseNorm,
    MaxPool,
    Mish,
    Network,
    PReLU,
    ReLU,
    ReLU6,
    Residual,
    RReLU,
    ScaledTanh,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    SpatialDropout,
    Tanh,
    Upsample,
)
from striate.zoo import googlenet_aux, lenet5, lenet5_relu, resnet18


def net(*layers, input=(4, 8, 8)):
    return Network("n", input, Sequential(*layers))


def weights(network, seed):
    return dict(build(network, seed).state_dict())


def test_one_seed_gives_the_same_weights_bit_for_bit():
    first, second = weights(resnet18(), 7), weights(resnet18(), 7)
    assert list(first) == list(second)
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_another_seed_gives_other_weights():
    first, second = weights(lenet5(), 0), weights(lenet5(), 1)
    same = [name for name in first if torch.equal(first[name], second[name])]
    assert same == [name for name in first if name.endswith("bias")]  # all zero


def test_weights_depend_on_the_path_and_not_on_the_order():
    a, b = Conv(5, 3, padding=1, name="a"), Conv(5, 3, padding=1, name="b")
    one, other = weights(net(Conv(5, 1, name="z"), a, b), 0), weights(net(Conv(5, 1, name="z"), b, a), 0)
    assert torch.equal(one["a.weight"], other["a.weight"])
    assert torch.equal(one["b.weight"], other["b.weight"])
    assert not torch.equal(one["a.weight"], one["b.weight"])


def test_changing_one_layer_leaves_the_others_alone():
    before = weights(lenet5_relu(), 3)
    edited = lenet5_relu().replace("fc2", Linear(50))
    after = weights(edited, 3)
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed == ["fc2.weight", "fc2.bias", "output.weight"]  # those whose shape changed


def test_inserting_a_layer_leaves_the_others_alone():
    before = weights(net(Conv(4, 3, name="a"), Conv(4, 3, name="b")), 3)
    after = weights(net(Conv(4, 3, name="a"), Dropout(), Conv(4, 1, name="new"), Conv(4, 3, name="b")), 3)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_building_with_a_seed_does_not_touch_torchs_own_generator():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build(lenet5(), seed=0)
    assert torch.equal(torch.rand(3), expected)


def test_building_without_a_seed_draws_from_torchs_own_generator():
    torch.manual_seed(5)
    first, second = build(lenet5()).c1.weight, build(lenet5()).c1.weight
    torch.manual_seed(5)
    again = build(lenet5()).c1.weight
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


# A convolution with 8 inputs per group of 3×3, 96 outputs in 4 groups.
WEIGHT, GROUPS = torch.empty(96, 8, 3, 3), 4
FAN_IN, FAN_OUT = 8 * 9, 96 * 9 // 4

# scheme: variance by its paper's formula, and the bound of the uniform one
FORMULAS = {
    "he-normal": (2 / FAN_IN, None),
    "he-uniform": (2 / FAN_IN, math.sqrt(6 / FAN_IN)),
    "he-normal-out": (2 / FAN_OUT, None),
    "he-uniform-out": (2 / FAN_OUT, math.sqrt(6 / FAN_OUT)),
    "xavier-normal": (2 / (FAN_IN + FAN_OUT), None),
    "xavier-uniform": (2 / (FAN_IN + FAN_OUT), math.sqrt(6 / (FAN_IN + FAN_OUT))),
    "lecun-normal": (1 / FAN_IN, None),
    "lecun-uniform": (1 / FAN_IN, math.sqrt(3 / FAN_IN)),
    # The table of lecture 001: Glorot's for logistic units, 4 times that for tanh, √2 times for ReLU.
    "xavier-normal-tanh": (16 * 2 / (FAN_IN + FAN_OUT), None),
    "xavier-uniform-tanh": (16 * 2 / (FAN_IN + FAN_OUT), 4 * math.sqrt(6 / (FAN_IN + FAN_OUT))),
    "xavier-normal-relu": (2 * 2 / (FAN_IN + FAN_OUT), None),
    "xavier-uniform-relu": (2 * 2 / (FAN_IN + FAN_OUT), math.sqrt(2) * math.sqrt(6 / (FAN_IN + FAN_OUT))),
}


def test_every_scheme_has_its_formula():
    assert set(FORMULAS) == set(SCHEMES)


@pytest.mark.parametrize("name", SCHEMES)
def test_a_scheme_fills_with_the_variance_of_its_formula(name):
    weight = WEIGHT.clone()
    SCHEMES[name].fill(weight, FAN_IN, FAN_OUT, torch.Generator().manual_seed(0))
    check_statistics(weight.double(), *FORMULAS[name])


@pytest.mark.parametrize(
    ("layers", "scheme"), [([ReLU()], "he-normal"), ([Tanh()], "xavier-uniform"), ([], "lecun-normal")]
)
def test_the_fans_of_a_grouped_convolution(layers, scheme):
    network = net(Conv(96, 3, groups=GROUPS, name="c"), *layers, input=(32, 8, 8))
    assert scheme_by_path(network) == {"c": scheme}
    check_statistics(build(network, seed=0).c.weight.detach().double(), *FORMULAS[scheme])


@pytest.mark.parametrize(
    ("layers", "scheme", "variance"),
    [
        ([ReLU()], "he-normal", 2 / 300),
        ([Sigmoid()], "xavier-uniform", 2 / 500),
        ([], "lecun-normal", 1 / 300),
    ],
)
def test_the_fans_of_a_linear_layer(layers, scheme, variance):
    network = net(Linear(200, name="f"), *layers, input=(300,))
    assert scheme_by_path(network) == {"f": scheme}
    bound = math.sqrt(3 * variance) if "uniform" in scheme else None
    check_statistics(build(network, seed=0).f.weight.detach().double(), variance, bound)


HE, GLOROT, LECUN = "he-normal", "xavier-uniform", "lecun-normal"


@pytest.mark.parametrize(
    ("activation", "scheme"),
    [
        *((layer, HE) for layer in (ReLU(), LeakyReLU(), ELU(), GELU(), SiLU(), Softplus())),
        *((layer, HE) for layer in (ReLU6(), RReLU(), PReLU(), Mish())),
        *((layer, GLOROT) for layer in (Tanh(), Sigmoid(), HardSigmoid())),
        *((layer, LECUN) for layer in (SELU(), ScaledTanh(), Softmax(), Identity())),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_the_activation_chooses_the_scheme(activation, scheme):
    assert scheme_by_path(net(Conv(4, 3, name="c"), activation)) == {"c": scheme}


@pytest.mark.parametrize(
    "between",
    [
        BatchNorm(),
        MaxPool(2),
        AvgPool(2),
        Dropout(),
        LocalResponseNorm(),
        GlobalAvgPool(),
        Flatten(),
        Identity(),
        GroupNorm(2),
        LocalContrastNorm(),
        SpatialDropout(),
        ChannelPool(2),
        Upsample(2),
    ],
    ids=lambda layer: layer.kind,
)
def test_the_activation_is_found_behind_layers_without_weights(between):
    assert scheme_by_path(net(Conv(4, 3, name="c"), between, ReLU())) == {"c": HE}


def test_the_activation_is_the_next_one_and_not_beyond_a_layer_with_weights():
    layers = [Conv(4, 3, name="a"), Conv(4, 3, name="b"), Tanh(), ReLU(), Conv(4, 3, name="c")]
    assert scheme_by_path(net(*layers)) == {"a": LECUN, "b": GLOROT, "c": LECUN}


@pytest.mark.parametrize("layer", [RNN(3), LSTM(3), GRU(3), LinearChainCRF()], ids=lambda layer: layer.kind)
def test_an_activation_behind_a_recurrent_layer_is_not_that_of_the_layer_before_it(layer):
    network = net(Linear(4, per_step=True, name="a"), layer, Tanh(), input=(5, 6))
    assert scheme_by_path(network) == {"a": LECUN}


def test_the_activation_is_found_through_compositions():
    conv = Conv(4, 1)
    network = net(
        conv,
        Sequential(ReLU(), Conv(4, 1), name="stage"),
        Residual([conv, ReLU(), conv], conv),
        Tanh(),
        Concat(conv, [conv, Sigmoid()]),
        AuxHead([conv, ReLU(), conv]),
        ReLU(),
    )
    assert scheme_by_path(network) == {
        "conv1": HE,
        "stage.conv1": LECUN,  # a residual follows, and it begins with a convolution
        "residual1.conv1": HE,
        "residual1.conv2": GLOROT,
        "residual1.shortcut": GLOROT,
        "concat1.branch1": HE,  # an auxiliary head passes its input on to the ReLU
        "concat1.branch2.conv1": GLOROT,
        "aux1.conv1": HE,
        "aux1.conv2": LECUN,
    }


def test_before_branches_the_first_one_counts():
    # As in residual networks that normalize and activate before they convolve.
    assert scheme_by_path(net(Conv(4, 1, name="c"), Residual([BatchNorm(), ReLU()]), Tanh())) == {"c": HE}
    assert scheme_by_path(net(Conv(4, 1, name="c"), Concat(Sigmoid(), Identity()), ReLU())) == {"c": GLOROT}


def test_biases_start_at_zero_and_norms_as_the_identity():
    state = weights(net(Conv(4, 3), BatchNorm(), ReLU(), Flatten(), Linear(3)), 0)
    assert not state["conv1.bias"].any()
    assert not state["linear1.bias"].any()
    assert state["norm1.weight"].tolist() == [1] * 4
    assert state["norm1.bias"].tolist() == [0] * 4
    assert state["norm1.running_mean"].tolist() == [0] * 4
    assert state["norm1.running_var"].tolist() == [1] * 4
    assert state["norm1.num_batches_tracked"].item() == 0


def test_no_number_is_left_uninitialized():
    for name, value in weights(googlenet_aux(), 0).items():
        assert value.isfinite().all(), name
        assert value.abs().max() < 2, name
        assert value.any() == name.endswith("weight"), name
