"""`with_num_classes` gives a network of that many outputs, or says that it cannot: analysis is the judge."""

import runpy
from pathlib import Path

import pytest

from striate.analyze import analyze
from striate.errors import DescriptionError
from striate.spec import (
    LSTM,
    AdaptiveAvgPool,
    ChannelPool,
    Conv,
    Embedding,
    Flatten,
    GlobalAvgPool,
    LastStep,
    Linear,
    LinearChainCRF,
    Maxout,
    MaxPool,
    MaxUnpool,
    Network,
    OneHot,
    PadChannels,
    ReLU,
    Reshape,
    Sequential,
    TableConv,
    Transpose,
)
from striate.zoo import NETWORKS, find

_CONTRACT = runpy.run_path(str(Path(__file__).parents[1] / "contract" / "samples.py"))
SAMPLES, STEPS, TOKENS = (_CONTRACT[name] for name in ("SAMPLES", "STEPS", "TOKENS"))

N = 24  # divisible by the groups of the samples, and no size of theirs


def changed_sizes(network):
    """Return ``(axis, size)`` of the output where asking for N outputs changed it; None if it is refused."""
    try:
        edited = network.with_num_classes(N)
    except DescriptionError:  # its text is tested in test_editing.py
        return None
    before, after = analyze(network).output, analyze(edited).output
    assert len(before) == len(after)
    return [(i, b) for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]


def keeping(shape):
    """Return a layer of as many outputs as ``shape`` has already."""
    if shape == STEPS:
        return Linear(shape[1], per_step=True)
    return Linear(shape[0]) if len(shape) == 1 else Conv(shape[0], 1)


@pytest.mark.parametrize("kind", SAMPLES)
def test_behind_every_kind_the_outputs_are_as_many_as_asked_or_it_is_refused(kind):
    for shape, body in SAMPLES[kind]:
        networks = [Network("n", shape, body)]
        if shape != TOKENS:
            networks.append(Network("n", shape, Sequential(keeping(shape), body)))
        for network in networks:
            changed = changed_sizes(network)
            if changed is None:
                continue
            assert [size for _, size in changed] == [N], (kind, shape, body)
            if len(analyze(network).output) != 2:
                assert changed[0][0] == 0, (kind, shape, body)


def test_kinds_that_pass_no_number_on_are_these():
    refused = {
        kind
        for kind in SAMPLES
        for shape, body in SAMPLES[kind]
        if (type(body).__name__ == kind or kind == "MaxUnpool")
        and kind not in ("Sequential", "Repeat", "AuxHead")
        if shape != TOKENS
        if changed_sizes(Network("n", shape, Sequential(keeping(shape), body))) is None
    }
    assert refused == {
        *("RNN", "LSTM", "GRU", "Maxout", "ChannelPool", "TableConv", "DepthwiseConv", "PadChannels"),
        *("SliceChannels", "Flatten", "Reshape", "MaxUnpool", "Residual", "Concat"),
    }


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        (TOKENS, [OneHot(5), Linear(4, per_step=True), LSTM(3)]),
        (TOKENS, [OneHot(5), Linear(4, per_step=True), GlobalAvgPool()]),  # the mean of each step
        (TOKENS, [OneHot(5), Linear(4, per_step=True), MaxPool(2)]),
        (STEPS, [Linear(4, per_step=True), Flatten()]),
        ((5, 8, 8), [Conv(8, 3), TableConv([[0], [1]], 3), GlobalAvgPool()]),
        ((5, 8, 8), [Conv(8, 3), GlobalAvgPool(), PadChannels(10)]),
        ((5, 8, 8), [Conv(8, 3), Flatten()]),
        ((5, 8, 8), [Conv(8, 3), AdaptiveAvgPool((1, 2)), Flatten()]),
        ((5, 8, 8), [Flatten(), Linear(20), Maxout(2)]),
        ((5, 8, 8), [Flatten(), Linear(20), ChannelPool(2)]),
        ((5, 8, 8), [Flatten(), Linear(20), Reshape((5, 4))]),
        ((5, 8, 8), [MaxPool(2, name="p"), Conv(5, 1), MaxUnpool("p")]),
    ],
)
def test_a_number_that_changes_behind_the_layer_is_refused(shape, layers):
    assert changed_sizes(Network("n", shape, Sequential(*layers))) is None


@pytest.mark.parametrize(
    ("shape", "layers", "axis"),
    [
        ((5, 8, 8), [Conv(8, 3), ReLU(), GlobalAvgPool(), Flatten()], 0),
        ((5, 8, 8), [Conv(8, 3), AdaptiveAvgPool(1), Flatten()], 0),
        ((5, 8, 8), [Flatten(), Linear(8), Flatten()], 0),
        (TOKENS, [OneHot(5), Linear(4, per_step=True), LastStep()], 0),
        (TOKENS, [OneHot(5), Linear(4, per_step=True), LinearChainCRF()], 1),
        (TOKENS, [Embedding(5, 3), Transpose(), Conv(4, 3), Transpose(), LinearChainCRF()], 1),
        (TOKENS, [Embedding(5, 3), Transpose(), Conv(4, 3), GlobalAvgPool()], 0),
        (TOKENS, [Embedding(5, 3), Linear(4, per_step=True), Transpose(), GlobalAvgPool()], 0),
    ],
)
def test_a_number_that_is_passed_on_is_changed(shape, layers, axis):
    assert changed_sizes(Network("n", shape, Sequential(*layers))) == [(axis, N)]


def test_every_named_network_gets_as_many_outputs_or_says_that_it_cannot():
    refused = {name for name in NETWORKS if changed_sizes(find(name)) not in ([(0, N)], [(1, N)])}
    assert refused == {"dense_autoencoder", "denoising_autoencoder", "sparse_autoencoder"}
