"""Which pixels reach the answer: against the derivative of the built module, pixel by pixel."""

import pytest
from derived import by_derivative
from planted import net

from striate import zoo
from striate.analyze import analyze
from striate.spec import (
    AdaptiveAvgPool,
    AuxHead,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    ConvTranspose,
    DepthwiseConv,
    Flatten,
    GlobalAvgPool,
    GroupNorm,
    Linear,
    LocalResponseNorm,
    MaxPool,
    ReLU,
    Residual,
    SeparableConv,
    Sequential,
    Tanh,
    Upsample,
)
from striate.train.check.sight import seen_pixels

HEAD = (Flatten(), Linear(3))
NETWORKS = {
    "all": net(Conv(3, 3), Tanh(), *HEAD),
    "holes": net(Conv(3, 2, stride=3), Tanh(), *HEAD, input=(1, 11, 10)),
    "border": net(AvgPool(3), Conv(2, 2), *HEAD, input=(1, 13, 11)),
    "holes of holes": net(Conv(2, 1, stride=2), Tanh(), Conv(2, 2, stride=3), *HEAD, input=(1, 19, 17)),
    "dilation": net(Conv(2, 3, dilation=3, stride=5), Tanh(), *HEAD, input=(1, 17, 16)),
    "padding": net(Conv(2, 3, stride=4, padding=1), Tanh(), *HEAD, input=(1, 12, 15)),
    "only the first rows": net(Conv(2, 3, stride=9), Tanh(), GlobalAvgPool(), Linear(3)),
    "branches": net(Concat(Conv(2, (1, 3), stride=(3, 1), padding=(0, 1)), Conv(2, 1, stride=(3, 1))), *HEAD),
    "product": net(Concat(Conv(1, (2, 1), stride=(2, 4)), Conv(1, (1, 2), stride=(2, 4))), *HEAD),
    "shortcut": net(Residual(Conv(1, 3, stride=2, padding=1), Conv(1, 1, stride=2)), *HEAD),
    "identity": net(Residual(Sequential(Conv(1, 1), Tanh())), Conv(2, 1, stride=2), *HEAD),
    "enlarged": net(Conv(2, 1, stride=2), Upsample(2), Conv(2, 3), *HEAD),
    "transposed": net(Conv(2, 2, stride=3), ConvTranspose(2, 2, stride=2, padding=1), *HEAD),
    "adaptive": net(Conv(2, 1, stride=3), AdaptiveAvgPool(2), *HEAD),
    "depthwise": net(DepthwiseConv(2, stride=3), SeparableConv(2, 2), *HEAD),
    "head": net(AuxHead(Sequential(Flatten(), Linear(3))), Conv(2, 1, stride=2), *HEAD),
    "norms": net(BatchNorm(), LocalResponseNorm(), Conv(2, 1, stride=2), Tanh(), *HEAD),
    "a norm over places": net(GroupNorm(1), Conv(2, 1, stride=4), *HEAD),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_small_networks(name):
    network = NETWORKS[name]
    expected = by_derivative(network)
    found = seen_pixels(network, analyze(network))
    assert found.shape == network.input[1:]
    assert (found == expected).all(), (found.astype(int), expected.astype(int))


@pytest.mark.parametrize("name", ["lenet5", "lenet5_relu", "squeezenet1_1", "alexnet_single", "resnet20"])
def test_named_networks(name):
    network = zoo.find(name, num_classes=3)
    found = seen_pixels(network, analyze(network))
    assert (by_derivative(network) <= found).all(), "nothing that is seen is called unseen"
    if name == "squeezenet1_1":  # 3×3 windows of stride 2 do not reach the last row and column
        assert (~found).sum() == 2 * 224 - 1


def test_maxima_see_all_of_their_windows():
    network = net(MaxPool(2, stride=3), ReLU(), *HEAD)
    assert seen_pixels(network, analyze(network)).sum() == 36  # 6 of 8 rows, 6 of 8 columns
