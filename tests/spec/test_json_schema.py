"""The JSON Schema accepts what the reader accepts, and refuses what it refuses."""

import pytest
from descriptions import networks
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from striate.errors import DescriptionError
from striate.spec import KINDS, Network, json_schema
from striate.zoo import NETWORKS

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def described(body, **head):
    return {"schema": 1, "name": "n", "input": [1, 8, 8], "body": body, **head}


def test_it_is_a_valid_schema_with_every_kind():
    Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["$defs"]) == {"node", *KINDS}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_named_network_is_valid(name):
    assert list(VALIDATOR.iter_errors(NETWORKS[name].make().to_data())) == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks)
def test_every_description_is_valid(network):
    assert list(VALIDATOR.iter_errors(network.to_data())) == []


@pytest.mark.parametrize(
    "body",
    [
        "ReLU",
        {"ReLU": None},
        {"ReLU": {}},
        ["ReLU", ["ReLU", {"Tanh": {"name": "t"}}]],
        {"Conv": {"out_channels": 8, "kernel_size": [3, 3], "padding": [[0, 1], 2], "name": None}},
        {"Concat": ["ReLU", ["ReLU"]]},
        {"Concat": {"branches": ["ReLU"]}},
        {"Sequential": {"layers": ["ReLU"], "name": "s"}},
        {"Residual": {"body": ["ReLU"], "shortcut": None}},
        {"Repeat": {"body": "ReLU", "n": 3}},
        {"AuxHead": {"body": ["Flatten"], "weight": 1}},
        {"MaxPool": {"kernel_size": 2, "stride": None, "padding": "same"}},
    ],
)
def test_what_the_reader_takes_is_valid(body):
    assert Network.from_data(described(body)).input == (1, 8, 8)
    assert list(VALIDATOR.iter_errors(described(body))) == []


@pytest.mark.parametrize(
    "data",
    [
        described("Relu"),
        described("Conv"),
        described([]),
        described(7),
        described({"Conv": {"out_channels": 8}}),
        described({"Conv": {"out_channels": 0, "kernel_size": 3}}),
        described({"Conv": {"out_channels": 8, "kernel_size": 3, "kernal": 3}}),
        described({"Conv": {"out_channels": 8, "kernel_size": 2**31}}),
        described({"Conv": {"out_channels": 8, "kernel_size": 3, "padding": "sane"}}),
        described({"Conv": {"out_channels": 8, "kernel_size": [3, 3, 3, 3]}}),
        described({"MaxPool": {"kernel_size": 2, "padding": "causal"}}),
        described({"Dropout": {"p": 1}}),
        described({"ELU": {"alpha": 0}}),
        described({"BatchNorm": {"momentum": 1.5}}),
        described({"GELU": {"approximate": "fast"}}),
        described({"TableConv": {"connections": [[0, 0]], "kernel_size": 3}}),
        described({"TableConv": {"connections": [[]], "kernel_size": 3}}),
        described({"TableConv": {"connections": [], "kernel_size": 3}}),
        described({"TableConv": {"connections": [0, 1], "kernel_size": 3}}),
        described({"ConvTranspose": {"out_channels": 8, "kernel_size": 3, "padding": "same"}}),
        described({"ConvTranspose": {"out_channels": 8, "kernel_size": 3, "padding": [-1, 0]}}),
        described({"LpPool": {"kernel_size": 2, "p": 0.5}}),
        described({"LocalContrastNorm": {"kernel_size": 4}}),
        described({"SparsityPenalty": {"target": 1}}),
        described({"MaxUnpool": {"pool": "a..b"}}),
        described({"Reshape": {"shape": []}}),
        described({"LSTM": {"hidden_size": 3, "bidirectional": "yes"}}),
        described({"ReLU": {"name": "1st"}}),
        described({"ReLU": {"name": "x" * 101}}),
        described({"ReLU": {}, "Tanh": {}}),
        described({"Concat": []}),
        described({"Residual": {}}),
        described({"Repeat": {"body": "ReLU", "n": 0}}),
        described("ReLU", schema=2),
        described("ReLU", name=""),
        described("ReLU", name=3),
        described("ReLU", input=[]),
        described("ReLU", input=[1, 0, 8]),
        described("ReLU", extra=1),
        {"schema": 1, "name": "n", "input": [1]},
        [],
    ],
)
def test_what_the_reader_refuses_is_invalid(data):
    with pytest.raises(DescriptionError):
        Network.from_data(data)
    assert list(VALIDATOR.iter_errors(data)) != []
