"""The first weights of every kind have the variance of their fans, which are counted here on a module of ones.

fan_in is how many inputs one output unit reads, fan_out how many outputs one input unit feeds, away from the border.
"""

import math

import pytest
import torch
from moments import check_statistics
from torch.autograd.functional import jacobian

from striate.nn import build
from striate.spec import (
    GRU,
    LSTM,
    RNN,
    Conv,
    ConvTranspose,
    DepthwiseConv,
    DropConnect,
    Embedding,
    LinearChainCRF,
    LocallyConnected,
    Network,
    ReLU,
    SeparableConv,
    Sequential,
    Subsample,
    TableConv,
    Tanh,
    TiledConv,
)

# Every map of four is read by three of the twelve outputs, which read one map each.
TABLE = tuple((i,) for i in range(4)) * 3


def fans(layer, shape):
    """Count, on a module whose weights are ones, the inputs of an output and the outputs of an input."""
    module = build(Network("n", shape, layer), 0).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(1)
    reads = jacobian(module, torch.zeros(1, *shape, dtype=torch.float64))
    outputs = reads.shape[1 : reads.dim() - len(shape) - 1].numel()
    table = reads.reshape(outputs, math.prod(shape)) != 0
    return int(table.sum(1).max()), int(table.sum(0).max())


KINDS = [
    ((8, 40), Conv(16, 5)),
    ((6, 7, 7), Conv(12, 3, groups=3)),
    ((8, 30), ConvTranspose(12, 5)),
    ((6, 6, 5), ConvTranspose(12, 3, groups=2)),
    ((6, 6, 5), DepthwiseConv(3, multiplier=20)),
    ((8, 30), LocallyConnected(12, 5)),
    ((4, 7, 6), LocallyConnected(6, (3, 2))),
    ((8, 30), TiledConv(24, 5, 3)),
    ((6, 7, 6), TiledConv(12, (3, 2), (2, 3))),
    ((4, 9, 10), TableConv(TABLE, (4, 5))),
    ((40,), DropConnect(30)),
]


def first_weights(layer, shape, activation):
    (weight,) = (
        p.detach().double()
        for name, p in build(Network("n", shape, Sequential(layer, activation)), 0).named_parameters()
        if name.endswith("weight")
    )
    return weight


@pytest.mark.parametrize(("shape", "layer"), KINDS, ids=repr)
def test_before_a_relu_the_variance_is_two_over_the_fan_in(shape, layer):
    fan_in, _ = fans(layer, shape)
    check_statistics(first_weights(layer, shape, ReLU()), 2 / fan_in, None)


@pytest.mark.parametrize(("shape", "layer"), KINDS, ids=repr)
def test_before_a_tanh_the_bound_is_glorots(shape, layer):
    bound = math.sqrt(6 / sum(fans(layer, shape)))
    check_statistics(first_weights(layer, shape, Tanh()), bound**2 / 3, bound)


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (6, 3), (6, 2)])
def test_an_output_of_a_transposed_convolution_reads_every_stride_th_weight(kernel, stride):
    layer, shape = ConvTranspose(6, kernel, stride=stride, padding=1), (4, 7, 6)
    fan_in, fan_out = fans(layer, shape)
    assert (fan_in, fan_out) == (4 * (kernel // stride) ** 2, 6 * kernel**2)
    check_statistics(first_weights(layer, shape, ReLU()), 2 / fan_in, None)


def test_rows_of_a_table_have_each_their_own_fan_in():
    # C3 of LeNet-5: maps that read three, four and six others; here of 40×40, so that the variances tell.
    rows = ((0, 1, 2), (0, 1, 2, 3), (0, 1, 2, 3, 4, 5))
    weight = first_weights(TableConv(rows, 40), (6, 40, 40), ReLU())
    for row, own in zip(rows, weight.split([3, 4, 6]), strict=True):
        check_statistics(own, 2 / (len(row) * 1600), None)


def test_the_two_stages_of_a_separable_convolution_have_each_their_own():
    # The first reads 3·3 values and no activation follows it; the second reads 8·20 maps, before the ReLU.
    module = build(Network("n", (8, 9, 9), [SeparableConv(100, 3, multiplier=20), ReLU()]), 0)
    check_statistics(module.conv1.depthwise.detach().double(), 1 / 9, None)
    check_statistics(module.conv1.pointwise.detach().double(), 2 / 160, None)


@pytest.mark.parametrize(
    "layer",
    [
        Conv(64, 3),
        ConvTranspose(64, 3),
        ConvTranspose(64, 4, stride=2, padding=1),
        LocallyConnected(64, 3),
        TiledConv(64, 3, 4),
        TableConv([[(i + j) % 64 for j in range(32)] for i in range(64)], 3),
        SeparableConv(64, 3),
        SeparableConv(64, 3, multiplier=2),
    ],
    ids=lambda layer: layer.kind,
)
def test_ten_layers_keep_the_size_of_activations(layer):
    # He et al. 2015, equation 7: with ReLU and variance 2/fan_in the mean square stays from layer to layer.
    grows = layer.kind == "ConvTranspose" and layer.stride == 2
    depth, length = 5 if grows else 10, 20 if grows else 60
    module = build(Network("n", (64, length), Sequential(*[layer, ReLU()] * depth)), 0)
    x = torch.randn(4, 64, length, generator=torch.Generator().manual_seed(0))
    sizes = []
    with torch.no_grad():
        for part in module:
            x = part(x)
            if isinstance(part, torch.nn.ReLU):
                sizes.append(x[..., 10:-10].square().mean().item())
    assert 1 / 4 < sizes[-1] / sizes[0] < 4  # chance alone; a gain of 2 too much would make it 500


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_recurrent_weights_and_biases_are_uniform_within_the_root_of_the_states(kind):
    module = build(Network("n", (5, 30), kind(64, num_layers=2, bidirectional=True)), 0)
    every = torch.cat([parameter.detach().flatten() for parameter in module.parameters()])
    check_statistics(every.double(), 1 / (3 * 64), 1 / 8)
    assert all(parameter.any() for parameter in module.parameters())


def test_the_others_begin_as_they_are_described():
    module = build(Network("n", (9,), Embedding(100, 64)), 0)
    check_statistics(module.embedding1.weight.detach().double(), 1.0, None)
    module = build(Network("n", (9, 40), LinearChainCRF()), 0)
    check_statistics(module.crf1.transitions.detach().double(), 0.1**2 / 3, 0.1)
    assert module.crf1.start.abs().max() <= 0.1
    assert module.crf1.end.abs().max() <= 0.1
    module = build(Network("n", (3, 6, 8), Subsample((2, 4))), 0)
    assert module.subsample1.weight.tolist() == [1 / 8] * 3
    x = torch.rand(1, 3, 6, 8)
    torch.testing.assert_close(module(x), torch.nn.functional.avg_pool2d(x, (2, 4)))


def test_biases_of_the_kinds_begin_at_zero():
    for shape, layer in [*KINDS, ((6, 9), SeparableConv(4, 3))]:
        (bias,) = (
            p for n, p in build(Network("n", shape, layer), 0).named_parameters() if n.endswith("bias")
        )
        assert not bias.any()
