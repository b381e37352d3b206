"""A description, written and read again, is the same description; its digest is that of its meaning."""

import json

import descriptions
import pytest
import yaml
from descriptions import networks, titles
from hypothesis import HealthCheck, given, settings

from striate.spec import (
    GELU,
    GRU,
    KINDS,
    LSTM,
    AdaptiveAvgPool,
    AuxHead,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    Dropout,
    LayerNorm,
    LocallyConnected,
    LocalResponseNorm,
    LpPool,
    MaxPool,
    MaxUnpool,
    Network,
    ReLU,
    Repeat,
    Reshape,
    Residual,
    Sequential,
    StochasticDepth,
    Subsample,
    TableConv,
    TiledConv,
    Upsample,
)

RANDOM = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def digest(*layers, input=(4, 8, 8)):
    return Network("any", input, Sequential(*layers)).digest


def test_random_descriptions_are_made_of_every_kind():
    # What a test imports and does not use is an error to ruff.
    assert [kind for kind in KINDS if kind not in vars(descriptions)] == []


@RANDOM
@given(networks)
def test_yaml_and_json_bring_back_the_same_network(network):
    for again in (Network.from_yaml(network.to_yaml()), Network.from_json(network.to_json())):
        assert again == network
        assert hash(again) == hash(network)
        assert again.digest == network.digest
        assert list(again.walk()) == list(network.walk())


@RANDOM
@given(networks)
def test_the_data_are_plain(network):
    data = network.to_data()
    assert json.loads(json.dumps(data)) == data
    assert yaml.safe_load(yaml.safe_dump(data)) == data
    assert Network.from_data(data) == network


@RANDOM
@given(networks)
def test_repr_is_the_python_that_makes_it(network):
    import striate.spec

    assert eval(repr(network.body), vars(striate.spec)) == network.body


@RANDOM
@given(networks, titles)
def test_the_digest_ignores_the_name_of_the_network(network, title):
    assert Network(title, network.input, network.body).digest == network.digest


def test_the_digest_ignores_formatting():
    tidy = "schema: 1\nname: n\ninput: [1, 8, 8]\nbody:\n- Conv: {out_channels: 2, kernel_size: 3}\n- ReLU\n"
    loose = """
        {name: "n", body: [ {Conv: {kernel_size: 3,
            out_channels: 2, bias: true, stride: 1, padding: 0}}, ReLU: ],   # a comment
         input: [1,8,8], "schema": 1}
    """
    written = (
        '{"schema":1,"name":"n","input":[1,8,8],"body":[{"Conv":{"out_channels":2,"kernel_size":3}},"ReLU"]}'
    )
    digests = {
        Network.from_yaml(tidy).digest,
        Network.from_yaml(loose).digest,
        Network.from_json(written).digest,
    }
    assert len(digests) == 1


def test_the_digest_is_a_sha256_that_stays():
    # Run folders carry it: a change here makes every older run look like another network.
    network = Network("n", (1, 8, 8), Sequential(Conv(2, 3), ReLU()))
    assert network.digest == "28d779bb990f8170c14380782414da87cab5a61100b3e52e3ad1ef23bdd9174d"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Conv(2, 3), Conv(2, (3, 3))),
        (Conv(2, 3, padding="valid"), Conv(2, 3, padding=0)),
        (Conv(2, 3, padding=0), Conv(2, 3, padding=((0, 0), 0))),
        (Conv(2, 3, padding=1), Conv(2, 3, padding=((1, 1), (1, 1)))),
        (Conv(2, 3, padding=(0, 1)), Conv(2, 3, padding=((0, 0), (1, 1)))),
        (Conv(2, 3), Conv(2, 3, name="conv1")),
        (MaxPool(2), MaxPool(2, stride=2)),
        (MaxPool((2, 3)), MaxPool((2, 3), stride=(2, 3))),
        (AvgPool(2), AvgPool(2, padding="valid", name="pool1")),
        (Sequential(ReLU(), Sequential(ReLU())), Sequential(ReLU(), ReLU())),
        (Repeat(ReLU(), 2), Sequential(ReLU(), ReLU())),
        (Repeat(ReLU(), 2, name="r"), Sequential(ReLU(), ReLU(), name="r")),
        (Residual(ReLU()), Residual([ReLU(name="relu1")], name="residual1")),
        (Concat(ReLU(), ReLU()), Concat(ReLU(name="branch1"), ReLU(name="branch2"))),
        (TiledConv(2, 3, 2), TiledConv(2, (3, 3), (2, 2), padding="valid")),
        (TableConv([[0, 1], [2]], 3), TableConv(((0, 1), (2,)), (3, 3))),
        (ConvTranspose(2, 3, padding=1), ConvTranspose(2, 3, padding=(1, 1), output_padding=(0, 0))),
        (LpPool(2), LpPool((2, 2), 2, stride=2)),
        (Subsample(2), Subsample(2, stride=(2, 2))),
        (AdaptiveAvgPool(4), AdaptiveAvgPool((4, 4))),
        (Upsample(2), Upsample([2, 2], "nearest")),
    ],
)
def test_one_meaning_has_one_digest(a, b):
    assert digest(a) == digest(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Conv(2, 3), Conv(3, 3)),
        (Conv(2, 3), Conv(2, 5)),
        (Conv(2, 3), Conv(2, 3, bias=False)),
        (Conv(2, 3), Conv(2, 3, name="first")),
        (Conv(2, (3, 5)), Conv(2, (5, 3))),
        (Conv(2, 3, padding=(0, 1)), Conv(2, 3, padding=((0, 1), (0, 1)))),
        (Conv(2, 3, padding=1), Conv(2, 3, padding=((0, 1), (0, 1)))),
        (Conv(2, 3, padding=((0, 1), (0, 1))), Conv(2, 3, padding=((1, 0), (1, 0)))),
        (MaxPool(2), AvgPool(2)),
        (MaxPool(2), MaxPool(2, stride=1)),
        (Dropout(0.5), Dropout(0.4)),
        (GELU(), GELU("tanh")),
        (Residual(ReLU()), Concat(ReLU())),
        (Residual(ReLU()), Residual(ReLU(), ReLU())),
        (AuxHead(ReLU()), AuxHead(ReLU(), weight=0.4)),
        (Sequential(ReLU(), ReLU()), Sequential(ReLU(), ReLU(), ReLU())),
        (Sequential(ReLU(), name="a"), Sequential(ReLU(), name="b")),
        (Reshape((8, 8)), Reshape((8, 8, 8))),  # a shape is no size, of which (8, 8) means 8 on every axis
        (Reshape((8,)), Reshape((8, 8))),
        (TableConv([[0], [1]], 3), TableConv([[1], [0]], 3)),
        (TableConv([[0], [0]], 3), TableConv([[0]], 3)),
        (TableConv([[0, 1], [2, 3]], 3), TableConv([[0], [1], [2], [3]], 3)),
        (TableConv([[0, 1]], 3), TableConv([[1, 0]], 3)),  # the order of its weights
        (TiledConv(2, 3, 2), TiledConv(2, 3, 3)),
        (TiledConv(2, 3, (1, 2)), TiledConv(2, 3, (2, 1))),
        (LocallyConnected(2, 3), Conv(2, 3)),
        (ConvTranspose(2, 3, padding=(0, 1)), ConvTranspose(2, 3, padding=(1, 0))),
        (ConvTranspose(2, 3, stride=2), ConvTranspose(2, 3, stride=2, output_padding=1)),
        (LpPool(2), LpPool(2, 3.0)),
        (LayerNorm(), LayerNorm("channels")),
        (LocalResponseNorm(), LocalResponseNorm(region="within")),
        (StochasticDepth(0.5), StochasticDepth(0.5, "batch")),
        (LSTM(3), GRU(3)),
        (LSTM(3), LSTM(3, bidirectional=True)),
        (MaxUnpool("pool1"), MaxUnpool("pool2")),
    ],
)
def test_another_meaning_has_another_digest(a, b):
    assert digest(a) != digest(b)


def test_the_input_is_part_of_the_meaning():
    assert digest(ReLU()) != digest(ReLU(), input=(4, 8, 9))


def test_only_options_that_differ_are_written():
    network = Network(
        "small",
        (1, 28, 28),
        [Conv(6, 5, name="c1"), ReLU(), Residual(Conv(6, 3, padding=1)), Concat(ReLU(), ReLU())],
    )
    assert network.to_data() == {
        "schema": 1,
        "name": "small",
        "input": [1, 28, 28],
        "body": [
            {"Conv": {"name": "c1", "out_channels": 6, "kernel_size": 5}},
            "ReLU",
            {"Residual": {"body": {"Conv": {"out_channels": 6, "kernel_size": 3, "padding": 1}}}},
            {"Concat": ["ReLU", "ReLU"]},
        ],
    }
