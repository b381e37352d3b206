"""What may be asked of `optimize`, and how weights go there and back."""

import pytest
import torch
from made import drawn
from rewritten import net

from striate.errors import ConfigError, DescriptionError, ShapeError, WeightsError
from striate.nn import REWRITES, build, optimize
from striate.spec import (
    BatchNorm,
    Concat,
    Conv,
    ConvTranspose,
    Dropout,
    MaxPool,
    ReLU,
)


def test_rewrites_can_be_chosen():
    network = net(Concat(Conv(1, 1), Conv(2, 1)), ReLU(), MaxPool(2), Dropout())
    assert REWRITES == {"training": ("move", "merge"), "inference": ("drop", "fold", "move", "merge")}
    assert optimize(network, "training", rewrites=["move"]).changes == ("relu1 behind pool1",)
    assert optimize(network, "inference", rewrites=["drop"]).changes == ("dropout1 left out",)
    assert optimize(network, "inference", rewrites=()).network is network


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((net(ReLU()), "train"), ConfigError, "for_='train': must be 'training' or 'inference'."),
        (
            (net(ReLU()), "training", ["fold"]),
            ConfigError,
            "rewrites=['fold']: must be a list of rewrites that are exact for training: move, merge.",
        ),
        (
            (net(ReLU()), "inference", ["fuse"]),
            ConfigError,
            "rewrites=['fuse']: must be a list of rewrites that are exact for inference: drop, fold, move, merge.",
        ),
        (
            ("lenet5", "training"),
            DescriptionError,
            "network='lenet5': must be a Network, such as st.zoo.lenet5().",
        ),
    ],
    ids=["purpose", "rewrite", "unknown", "network"],
)
def test_what_cannot_be_done_is_said(arguments, error, message):
    with pytest.raises(error) as caught:
        optimize(*arguments)
    assert str(caught.value) == message


def test_a_network_that_its_input_cannot_pass_is_refused():
    with pytest.raises(ShapeError, match=r"^conv1 \(Conv\) cannot take"):
        optimize(net(Conv(2, 30)), "training")


def test_gradients_and_moments_go_the_same_way_as_weights():
    network = net(Concat(Conv(1, 1), Conv(2, 1, bias=True)), ReLU(), MaxPool(2))
    weights = optimize(network, "training").weights
    assert weights.invertible
    moments = {name: drawn(*p.shape) for name, p in build(network).named_parameters() if "bias" not in name}
    mapped = weights.forward(moments)
    assert list(mapped) == ["concat1.conv.weight"]
    assert {name: t.tolist() for name, t in weights.backward(mapped).items()} == {
        name: t.tolist() for name, t in moments.items()
    }


def test_there_is_no_way_back_from_inference():
    network = net(Conv(4, 1), BatchNorm())
    fast = optimize(network, "inference")
    with pytest.raises(WeightsError) as caught:
        fast.weights.backward(build(fast.network).state_dict())
    assert str(caught.value) == (
        "the weights of a network optimized for inference have no way back: norms are folded and parts left out. Keep "
        "the original weights, or optimize(network, for_='training')."
    )
    assert optimize(
        net(Dropout(), Conv(2, 1)), "inference"
    ).weights.invertible  # nothing with weights is lost


MERGED = net(Concat(Conv(1, 1), Conv(2, 1)))
FOLDED = net(ConvTranspose(4, 1, groups=2), BatchNorm())


@pytest.mark.parametrize(
    ("network", "change", "message"),
    [
        (
            MERGED,
            {"concat1.branch2.weight": None},
            "no tensor 'concat1.branch2.weight', which belongs with 'concat1.branch1.weight'. ",
        ),
        (
            MERGED,
            {"concat1.branch2.bias": torch.zeros(3)},
            "concat1.branch2.bias has the shape (3,), and axis 0 must have 2. ",
        ),
        (
            FOLDED,
            {"norm1.running_var": None},
            "no tensor 'norm1.running_var', which belongs with 'deconv1.weight'. ",
        ),
        (
            FOLDED,
            {"deconv1.weight": None},
            "no tensor 'deconv1.weight', which belongs with 'norm1.running_mean'. ",
        ),
        (
            FOLDED,
            {"deconv1.weight": torch.zeros(4, 3, 1, 1)},
            "deconv1.weight has the shape (4, 3, 1, 1), and axis 1 must have 2. ",
        ),
    ],
    ids=["missing", "short", "no statistics", "no weights", "misshaped"],
)
def test_weights_of_another_network_are_refused(network, change, message):
    state = {**build(network).state_dict(), **change}
    weights = optimize(network, "inference").weights
    with pytest.raises(WeightsError) as caught:
        weights.forward({name: tensor for name, tensor in state.items() if tensor is not None})
    assert str(caught.value) == f"{message}Give the weights of the network that was optimized."


def test_weights_that_were_trained_with_another_width_are_refused_on_the_way_back():
    weights = optimize(MERGED, "training").weights
    with pytest.raises(
        WeightsError, match=r"concat1\.conv\.bias has the shape \(4,\), and axis 0 must have 3"
    ):
        weights.backward({"concat1.conv.bias": torch.zeros(4)})
