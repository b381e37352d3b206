"""Every named network: its analysis equals its module at its real input size.

Modules run on torch's meta device, where a layer computes the shape of its output and no value: VGG-16 takes
milliseconds and no memory. Networks that are small enough run on numbers, too, and count the same.
"""

from unittest import mock

import pytest
import torch
from counted import count_forward

from striate.analyze import analyze
from striate.errors import DescriptionError
from striate.nn import build, init
from striate.spec import Embedding, Network, OneHot
from striate.zoo import NETWORKS, find


def reads_tokens(name):
    """Whether the classes are tokens that the network also reads, so that not its last layer alone has a number."""
    return isinstance(next(find(name).walk())[1], OneHot | Embedding)


TAKING = [name for name, entry in NETWORKS.items() if entry.takes_num_classes]
CLASSIFIERS = [name for name in TAKING if not reads_tokens(name)]
READERS = [name for name in TAKING if reads_tokens(name)]
OTHERS = [name for name in NETWORKS if name not in TAKING]


@pytest.mark.parametrize("name", NETWORKS)
def test_analysis_equals_a_forward(name):
    network = find(name)
    analysis = analyze(network)
    module = built_without_values(network)
    with torch.device("meta"):
        counted = count_forward(module, network.input)

    assert {row.path for row in analysis.layers} <= {path for path, _ in module.named_modules()}
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
    if analysis.totals.params < 2e6 and analysis.totals.macs < 3e8:
        assert count_forward(build(network, seed=0), network.input) == counted


def built_without_values(network):
    """Return the module on the meta device; nothing is initialized."""
    with mock.patch.object(init, "initialize"):
        return build(network).to_empty(device="meta")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_called_by_its_name(name):
    assert NETWORKS[name].make().name == NETWORKS[name].name == name


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("num_classes", [2, 37])
def test_every_classifier_takes_num_classes(name, num_classes):
    asked = find(name, num_classes=num_classes)
    assert analyze(asked).output == (num_classes,)
    assert asked.digest == find(name).with_num_classes(num_classes).digest


@pytest.mark.parametrize("name", READERS)
def test_every_reader_of_tokens_predicts_as_many_as_it_reads(name):
    analysis = analyze(find(name, num_classes=37))
    assert analysis.layers[0].output_shape[1:] == analysis.output[1:] == (37,)


@pytest.mark.parametrize("name", OTHERS)
def test_what_has_no_classes_says_so(name):
    with pytest.raises(DescriptionError, match=f"{name} has no classes"):
        find(name, num_classes=2)


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
