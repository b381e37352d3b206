"""Mobile and dense networks, autoencoders, and networks for text and signals, against their papers."""

import pytest

from striate.analyze import analyze
from striate.errors import DescriptionError
from striate.zoo import (
    NETWORKS,
    cnn1d,
    convolutional_autoencoder,
    denoising_autoencoder,
    dense_autoencoder,
    mobilenet_v1,
    mobilenet_v2,
    sparse_autoencoder,
)


def shapes(network, kind):
    return [row.output_shape for row in analyze(network).layers if row.kind == kind]


def test_mobilenet_v1_has_the_maps_of_table_1():
    pointwise = shapes(mobilenet_v1(), "Conv")
    assert pointwise == [
        (32, 112, 112),
        (64, 112, 112),
        *[(128, 56, 56)] * 2,
        *[(256, 28, 28)] * 2,
        *[(512, 14, 14)] * 6,
        *[(1024, 7, 7)] * 2,
    ]
    assert len(shapes(mobilenet_v1(), "DepthwiseConv")) == 13


# Table 2 of the paper, which counts no normalization and no biases. It prints 1.19 % of the MACs for the first
# convolution, which leaves 0.71 % of nothing: 1.91 % make the column whole.
@pytest.mark.parametrize(
    ("which", "percent_of_macs", "percent_of_weights"),
    [
        ("pointwise", 94.86, 74.59),
        ("depthwise", 3.06, 1.06),
        ("first", 1.91, 0.02),
        ("classifier", 0.18, 24.33),
    ],
)
def test_mobilenet_v1_computes_where_the_paper_says(which, percent_of_macs, percent_of_weights):
    rows = [row for row in analyze(mobilenet_v1()).layers if row.macs]
    first, classifier = rows[0], rows[-1]
    chosen = {
        "pointwise": [row for row in rows[1:] if row.kind == "Conv"],
        "depthwise": [row for row in rows if row.kind == "DepthwiseConv"],
        "first": [first],
        "classifier": [classifier],
    }[which]
    assert round(100 * sum(r.macs for r in chosen) / sum(r.macs for r in rows), 2) == percent_of_macs
    assert round(100 * sum(r.weights for r in chosen) / sum(r.weights for r in rows), 2) == percent_of_weights


# Table 6 of the paper.
@pytest.mark.parametrize(
    ("width", "million_macs", "million_params"),
    [(1, 569, 4.2), (0.75, 325, 2.6), (0.5, 149, 1.3), (0.25, 41, 0.5)],
)
def test_narrower_mobilenets_v1(width, million_macs, million_params):
    totals = analyze(mobilenet_v1(width=width)).totals
    assert round(totals.macs / 1e6) == million_macs
    assert round(totals.params / 1e6, 1) == million_params


def test_mobilenet_v2_has_the_maps_of_table_2():
    analysis = analyze(mobilenet_v2())
    ends = {row.path.split(".")[0]: row.output_shape for row in analysis.layers if "block" in row.path}
    assert list(ends.values()) == [
        (16, 112, 112),
        *[(24, 56, 56)] * 2,
        *[(32, 28, 28)] * 3,
        *[(64, 14, 14)] * 4,
        *[(96, 14, 14)] * 3,
        *[(160, 7, 7)] * 3,
        (320, 7, 7),
    ]
    residual = [row.path for row in analysis.layers if row.kind == "Residual"]
    assert residual == [f"block{i}" for i in (3, 5, 6, 8, 9, 10, 12, 13, 15, 16)]


# MACs: the list of trained models in tensorflow/models, slim/nets/mobilenet; parameters: torchvision's width_mult.
@pytest.mark.parametrize(
    ("width", "million_macs", "params"),
    [
        (1.4, 582, 6_108_776),
        (1.0, 301, 3_504_872),
        (0.75, 209, 2_636_424),
        (0.5, 97, 1_968_680),
        (0.35, 59, 1_677_128),
    ],
)
def test_wider_and_narrower_mobilenets_v2(width, million_macs, params):
    totals = analyze(mobilenet_v2(width=width)).totals
    assert round(totals.macs / 1e6) == million_macs
    assert totals.params == params


@pytest.mark.parametrize("make", [mobilenet_v1, mobilenet_v2])
@pytest.mark.parametrize("width", [0, -1, True, "1", float("nan"), float("inf")])
def test_what_no_width_is(make, width):
    with pytest.raises(DescriptionError, match=r"width=.*: must be a number above 0\."):
        make(width=width)


# Table 1 of the paper.
@pytest.mark.parametrize(
    ("name", "depths", "growth"),
    [
        ("densenet121", (6, 12, 24, 16), 32),
        ("densenet169", (6, 12, 32, 32), 32),
        ("densenet201", (6, 12, 48, 32), 32),
        ("densenet161", (6, 12, 36, 24), 48),
    ],
)
def test_densenets_have_the_maps_of_the_paper(name, depths, growth):
    row = analyze(NETWORKS[name].make()).row
    maps = 2 * growth
    for number, (depth, size) in enumerate(zip(depths, (56, 28, 14, 7), strict=True), 1):
        for layer in range(1, depth + 1):
            path = f"block{number}.layer{layer}"
            assert row(path).output_shape == (maps + layer * growth, size, size)
            assert row(f"{path}.new.conv1").output_shape[0] == 4 * growth
            assert row(f"{path}.new.conv2").output_shape[0] == growth
        maps += depth * growth
        if number < 4:
            maps //= 2
            assert row(f"transition{number}.pool1").output_shape == (maps, size // 2, size // 2)
    assert row("classifier").input_shape == (maps,)


def test_the_dense_autoencoder_has_the_layers_of_the_paper():
    widths = [shape[0] for shape in shapes(dense_autoencoder(), "Linear")]
    assert widths == [1000, 500, 250, 30, 250, 500, 1000, 784]
    # Every unit is logistic but those of the code.
    kinds = [layer.kind for _, layer in dense_autoencoder().walk()]
    assert kinds.count("Sigmoid") == 7
    assert kinds[7:9] == ["Linear", "Linear"]


def test_the_sparse_autoencoder_asks_for_the_activity_of_the_notes():
    penalty = dict(sparse_autoencoder().walk())["sparsity1"]
    assert (penalty.target, penalty.weight) == (0.01, 3.0)


@pytest.mark.parametrize(
    "network",
    [
        dense_autoencoder((3, 4, 5), widths=(7,), code=2),
        dense_autoencoder((6,), widths=()),
        sparse_autoencoder((2, 9), code=3),
        denoising_autoencoder((1, 12, 12), code=200, noise=0.5),
        convolutional_autoencoder((3, 33, 30), maps=(4, 5)),  # the last row and column of a pooling get zeros
        convolutional_autoencoder((2, 50)),
    ],
    ids=str,
)
def test_autoencoders_give_what_they_are_given(network):
    assert analyze(network).output == network.input


def test_each_half_of_the_convolutional_autoencoder_mirrors_the_other():
    analysis = analyze(convolutional_autoencoder())
    for i in (1, 2):
        down, up = analysis.row(f"conv{i}"), analysis.row(f"deconv{i}")
        assert (up.input_shape, up.output_shape) == (down.output_shape, down.input_shape)
        assert (up.weights, up.macs) == (down.weights, down.macs)
        down, up = analysis.row(f"pool{i}"), analysis.row(f"unpool{i}")
        assert (up.input_shape, up.output_shape) == (down.output_shape, down.input_shape)


# Each gate of each layer has weights of what it reads and of its state, and two biases.
@pytest.mark.parametrize(("name", "gates"), [("char_rnn", 1), ("char_lstm", 4), ("char_gru", 3)])
@pytest.mark.parametrize(("characters", "hidden", "layers"), [(65, 128, 2), (10, 7, 3)])
def test_what_networks_of_characters_cost(name, gates, characters, hidden, layers):
    steps = 20
    network = NETWORKS[name].make(characters, steps=steps, hidden_size=hidden, num_layers=layers)
    weights = gates * hidden * (characters + hidden) + (layers - 1) * gates * hidden * (hidden + hidden)
    biases = layers * gates * 2 * hidden
    totals = analyze(network).totals
    assert totals.params == weights + biases + hidden * characters + characters
    assert totals.macs == steps * (weights + hidden * characters)
    assert analyze(network).output == (steps, characters)
    assert totals.depth == layers + 1


# Table 2 of the paper.
def test_cnn1d_has_the_sizes_of_the_paper():
    sizes = [row.output_shape for row in analyze(cnn1d()).layers if row.kind in ("Conv", "MaxPool", "Linear")]
    assert sizes == [
        (16, 128),
        (16, 64),
        (32, 64),
        (32, 32),
        (64, 32),
        (64, 16),
        (64, 16),
        (64, 8),
        (64, 6),
        (64, 3),
        (100,),
        (10,),
    ]
