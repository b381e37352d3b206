"""Every named network: its analysis equals its module on a real forward at its real input size."""

import pytest
from counted import count_forward

from striate.analyze import analyze
from striate.errors import DescriptionError
from striate.nn import build
from striate.spec import Network
from striate.zoo import NETWORKS, find


@pytest.mark.parametrize("name", NETWORKS)
def test_analysis_equals_a_real_forward(name):
    network = find(name)
    analysis = analyze(network)
    module = build(network, seed=0)
    counted = count_forward(module, network.input)

    assert [row.path for row in analysis.layers if row.path not in dict(module.named_modules())] == []
    for row in analysis.layers:
        measured = counted[row.path]
        assert (row.output_shape, row.weights, row.biases, row.macs) == (
            measured.output_shape,
            measured.weights,
            measured.biases,
            measured.macs,
        ), row.path
    assert analysis.output == counted[""].output_shape
    assert analysis.totals.params == sum(p.numel() for p in module.parameters())
    assert analysis.totals.macs == sum(layer.macs for layer in counted.values())


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_called_by_its_name(name):
    assert NETWORKS[name]().name == name


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("num_classes", [2, 37])
def test_every_network_takes_num_classes(name, num_classes):
    asked = find(name, num_classes=num_classes)
    assert analyze(asked).output == (num_classes,)
    assert asked.digest == find(name).with_num_classes(num_classes).digest


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_survives_its_own_files(name, tmp_path):
    network = find(name)
    assert Network.from_yaml(network.to_yaml()) == network
    assert Network.from_json(network.to_json()) == network
    for suffix in (".yaml", ".yml", ".json"):
        path = tmp_path / f"{name}{suffix}"
        network.save(path)
        assert Network.load(path) == network
        assert Network.load(path).digest == network.digest


def test_an_unknown_network_suggests_the_nearest():
    with pytest.raises(DescriptionError, match=r"unknown network 'resnet19'\. Did you mean 'resnet18'"):
        find("resnet19")
