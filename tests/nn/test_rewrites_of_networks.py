"""Every named network of images, optimized, computes what it did.

Large ones have an eighth of their channels and at most a few repetitions here, and read small images.
"""

import dataclasses
import math

import pytest
from rewritten import assert_same_outputs, assert_same_training

from striate.analyze import analyze
from striate.errors import ShapeError
from striate.nn import optimize
from striate.spec import Network, Node, Repeat, SliceChannels
from striate.zoo import NETWORKS, find

OF_IMAGES = [name for name in NETWORKS if len(find(name).input) == 3]

WITHOUT_MAX_POOLS = {  # or with none right behind an activation, in the same block
    *("all_convolutional", "lenet1", "lenet4", "lenet5", "lenet5_1998", "mlp", "nin"),
    *(
        "mobilenet_v1",
        "mobilenet_v2",
        "resnet20",
        "resnet32",
        "resnet44",
        "resnet56",
        "resnet110",
        "resnet1202",
    ),
    *("resnet18_preact", "resnet50_preact", "resnet101_preact", "resnet152_preact"),
    *("resnet110_preact", "resnet164_preact", "resnet1001_preact"),
    *("convolutional_autoencoder", "denoising_autoencoder", "dense_autoencoder", "sparse_autoencoder"),
}


def small(name):
    """Return the network, a large one with fewer channels and repetitions and for smaller images."""
    network = find(name)
    if NETWORKS[name].takes_num_classes and analyze(network).totals.params > 1e6:
        network = dataclasses.replace(network, body=changed(network.body, thinned))
        network = with_smallest_input(network)
    return network


def changed(node, change):
    """Return ``node`` with ``change`` done to every layer of it, and with few repetitions."""
    held = {field: parts(getattr(node, field), change) for field in node.holds}
    if isinstance(node, Repeat):
        held["n"] = min(node.n, 6)
    return dataclasses.replace(node, **held) if held else change(node)


def parts(held, change):
    if isinstance(held, tuple):
        return tuple(changed(part, change) for part in held)
    return changed(held, change) if isinstance(held, Node) else held


def thinned(layer):
    fields = [f for f in ("out_channels", "out_features") if hasattr(layer, f)]
    return dataclasses.replace(layer, **{f: max(getattr(layer, f) // 8, 2) for f in fields})


def with_smallest_input(network):
    channels, *sides = network.input
    for side in range(16, max(sides) + 1, 8):
        smaller = network.with_input((channels, side, side))
        try:
            analyze(smaller)
        except ShapeError:
            continue
        return smaller
    return network


@pytest.mark.parametrize("name", OF_IMAGES)
def test_inference_gives_the_same(name):
    assert_same_outputs(small(name), settled=True)


@pytest.mark.parametrize("name", OF_IMAGES)
def test_a_training_step_is_the_same(name):
    network = small(name)
    fast = assert_same_training(network)
    before, after = analyze(network).totals, analyze(fast.network).totals
    assert (before.params, before.macs) == (after.params, after.macs)


def test_these_networks_change_for_training():
    unchanged = {name for name in OF_IMAGES if not optimize(find(name), "training").changes}
    assert unchanged == WITHOUT_MAX_POOLS


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        # A 2×2 pooling leaves a quarter: three quarters of every activation before one are saved.
        ("lenet5_relu", 6 * 28**2 * 3 // 4 + 16 * 10**2 * 3 // 4),
        ("vgg11", (64 * 224**2 + 128 * 112**2 + 256 * 56**2 + 512 * 28**2 + 512 * 14**2) * 3 // 4),
        ("resnet18", 64 * 112**2 * 3 // 4),
        ("alexnet_single", 64 * (55**2 - 27**2) + 192 * (27**2 - 13**2) + 256 * (13**2 - 6**2)),
    ],
)
def test_so_many_elements_of_activations_are_saved(name, saved):
    network = find(name)
    fast = optimize(network, "training", rewrites=["move"]).network
    assert activations(network) - activations(fast) == saved


def activations(network):
    return sum(math.prod(row.output_shape) for row in analyze(network).layers)


def test_an_inception_module_has_one_convolution_where_it_had_three():
    network = find("googlenet")
    fast = optimize(network, "training")
    merged = dict(fast.network.walk())
    conv = merged["inception3a.shared.conv"]
    assert (conv.out_channels, conv.kernel_size) == (64 + 96 + 16, 1)
    assert merged["inception3a.shared.branches.one"] == SliceChannels(0, 64, name="one")
    assert merged["inception3a.shared.branches.three.slice"] == SliceChannels(64, 160, name="slice")
    assert merged["inception3a.shared.branches.five.slice"] == SliceChannels(160, 176, name="slice")
    assert merged["inception3a.pooled.project"] == dict(network.walk())["inception3a.pooled.project"]
    convs = [sum(layer.kind == "Conv" for _, layer in n.walk()) for n in (network, fast.network)]
    assert convs[0] - convs[1] == 2 * 9  # three are one, in nine modules


def test_densenet_folds_the_norms_that_stand_behind_convolutions():
    fast = optimize(find("densenet121"), "inference")
    assert (
        sum(" into " in change for change in fast.changes) == 1 + 58
    )  # the stem, and one in each of 58 layers
    assert (
        sum(layer.kind == "BatchNorm" for _, layer in fast.network.walk()) == 58 + 3 + 1
    )  # those before activations
    assert Network.from_json(fast.network.to_json()) == fast.network
