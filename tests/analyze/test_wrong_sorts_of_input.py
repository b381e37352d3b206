"""Vectors where maps are needed, maps where steps are, and tokens that a layer made are refused with a way out."""

import pytest

from striate.analyze import analyze
from striate.errors import ShapeError
from striate.spec import (
    GRU,
    LSTM,
    RNN,
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    ConvTranspose,
    DepthwiseConv,
    Embedding,
    GlobalMaxPool,
    InstanceNorm,
    LastStep,
    LayerNorm,
    Linear,
    LinearChainCRF,
    LocalContrastNorm,
    LocallyConnected,
    LocalResponseNorm,
    LpPool,
    Network,
    OneHot,
    ReLU,
    SeparableConv,
    Sequential,
    Softmax,
    StochasticPool,
    Subsample,
    TableConv,
    TiledConv,
    Upsample,
)

VECTOR, SIGNAL, IMAGE = (7,), (4, 8), (4, 8, 8)


def refusal(shape, *layers):
    with pytest.raises(ShapeError) as caught:
        analyze(Network("n", shape, Sequential(*layers)))
    return str(caught.value)


def check(shape, layer, problem):
    (path, _), *_ = Network("n", shape, layer).walk()
    assert refusal(shape, layer) == f"{path} ({layer.kind}) cannot take {shape}: {problem}."


@pytest.mark.parametrize(
    "layer",
    [
        ConvTranspose(3, 3),
        DepthwiseConv(3),
        SeparableConv(3, 3),
        LocallyConnected(3, 3),
        TiledConv(3, 3, 1),
        TableConv([[0]], 1),
        Subsample(2),
        LpPool(2),
        StochasticPool(2),
        AdaptiveAvgPool(2),
        AdaptiveMaxPool(2),
        GlobalMaxPool(),
        Upsample(2),
        InstanceNorm(),
        LocalContrastNorm(),
        LocalResponseNorm(region="within"),
    ],
    ids=lambda layer: layer.kind,
)
def test_a_vector_has_no_positions(layer):
    need = "it needs a map (C, L), (C, H, W) or (C, D, H, W), not a vector; put it before Flatten"
    check(VECTOR, layer, need)


SEQUENCE = (
    "it needs a sequence (T, C); tokens (T,) become one by Embedding or OneHot, maps by Reshape, and a "
    "signal (C, L) by Transpose"
)


@pytest.mark.parametrize("shape", [VECTOR, IMAGE], ids=str)
@pytest.mark.parametrize(
    "layer",
    [
        RNN(3),
        LSTM(3),
        GRU(3),
        LastStep(),
        LinearChainCRF(),
        LayerNorm("step"),
        Linear(3, per_step=True),
        Softmax(per_step=True),
    ],
    ids=lambda layer: layer.kind,
)
def test_what_reads_steps_needs_a_sequence(layer, shape):
    check(shape, layer, SEQUENCE)


@pytest.mark.parametrize("layer", [Embedding(5, 3), OneHot(5)], ids=lambda layer: layer.kind)
def test_tokens_are_the_input_alone(layer):
    check(SIGNAL, layer, "it needs tokens (T,), whole numbers, as the network's input")
    problem = "it needs tokens, whole numbers, which are the network's input, not what a layer makes"
    path = f"{layer.stem}1 ({layer.kind})"
    assert refusal(VECTOR, Linear(3), layer) == f"{path} cannot take (3,): {problem}."
    assert refusal(VECTOR, ReLU(), layer) == f"{path} cannot take (7,): {problem}."
