"""Residual networks and their blocks against the papers."""

from functools import partial

import pytest
import torch
from published import PUBLISHED

from striate.analyze import analyze
from striate.errors import DescriptionError
from striate.nn import build
from striate.spec import Conv, MaxPool, Network, Sequential
from striate.zoo import NETWORKS, basic_block, bottleneck_block, resnet34, resnet50, resnet50_preact

BLOCKS = [basic_block, bottleneck_block]


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet18_preact"])
def test_networks_of_basic_blocks_have_the_maps_of_the_paper(name):
    assert ends_of_stages(name) == [(64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7)]


@pytest.mark.parametrize(
    "name", ["resnet50", "resnet101", "resnet152", "resnet50_preact", "resnet101_preact"]
)
def test_networks_of_bottlenecks_have_the_maps_of_the_paper(name):
    assert ends_of_stages(name) == [(256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7)]


@pytest.mark.parametrize("name", ["resnet20", "resnet56", "resnet1202", "resnet110_preact"])
def test_networks_for_cifar_have_the_maps_of_the_paper(name):
    assert ends_of_stages(name) == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]


@pytest.mark.parametrize("name", ["resnet164_preact", "resnet1001_preact"])
def test_bottlenecks_for_cifar_have_the_maps_of_the_authors_program(name):
    assert ends_of_stages(name) == [(64, 32, 32), (128, 16, 16), (256, 8, 8)]


def ends_of_stages(name):
    rows = analyze(NETWORKS[name].make()).layers
    return list({row.path.split(".")[0]: row.output_shape for row in rows if "stage" in row.path}.values())


@pytest.mark.parametrize(
    ("name", "blocks"),
    [("resnet50", (3, 4, 6, 3)), ("resnet101", (3, 4, 23, 3)), ("resnet152", (3, 8, 36, 3))],
)
def test_bottlenecks_have_the_depths_and_widths_of_table_1(name, blocks):
    for number, depth in enumerate(blocks, 1):
        rows = [row for row in analyze(NETWORKS[name].make()).layers if f"stage{number}.block" in row.path]
        convs = [(row.output_shape[0], row.arithmetic.axes[0].kernel) for row in rows if row.kind == "Conv"]
        width = 32 * 2**number
        unit = [(width, 1), (width, 3), (4 * width, 1)]
        assert convs == [*unit, (4 * width, 1), *unit * (depth - 1)]  # the fourth is the projection


# n blocks of two 3×3 convolutions for each of 16, 32 and 64 maps. The first of a later stage reads half as many maps.
# Maps² · positions is 16² · 32² in every stage, so that 6n − 2 convolutions cost 9 times that, and two half of it.
@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("resnet20", 3),
        ("resnet32", 5),
        ("resnet44", 7),
        ("resnet56", 9),
        ("resnet110", 18),
        ("resnet1202", 200),
        ("resnet110_preact", 18),
    ],
)
def test_what_networks_for_cifar_cost(name, n):
    weights = 3 * 16 * 9 + 9 * 2 * n * (16**2 + 32**2 + 64**2) - 9 * (16 * 32 + 32 * 64)
    norms = 2 * (16 + 2 * n * (16 + 32 + 64))
    classifier = 64 * 10 + 10
    totals = analyze(NETWORKS[name].make()).totals
    assert totals.params == weights + norms + classifier == PUBLISHED[name][0]
    assert totals.macs == 3 * 16 * 9 * 32**2 + (6 * n - 1) * 9 * 16**2 * 32**2 + 640


# Bottlenecks of w, w and 4w maps have 17 w² weights; the first of the stages read 16 = w, 64 = 2w and 128 = 2w maps
# and project them: 18 w², 23 w² and 23 w². Stages have w² · positions = 16² · 32² alike, and the first 1×1 of the last
# two stages passes over four times the positions.
@pytest.mark.parametrize(
    ("name", "n", "paper"), [("resnet164_preact", 18, 1.7), ("resnet1001_preact", 111, 10.2)]
)
def test_what_bottlenecks_for_cifar_cost(name, n, paper):
    regular = 17 * (n - 1)
    weights = 3 * 16 * 9 + (18 + regular) * 16**2 + (23 + regular) * (32**2 + 64**2)
    norms = 2 * ((n - 1) * 6 * (16 + 32 + 64) + 3 * 16 + 4 * 32 + 4 * 64 + 256)
    classifier = 256 * 10 + 10
    totals = analyze(NETWORKS[name].make()).totals
    assert totals.params == weights + norms + classifier == PUBLISHED[name][0]
    assert round((weights + classifier) / 1e6, 1) == paper  # which counts no normalization
    assert totals.macs == 3 * 16 * 9 * 32**2 + (18 + 2 * 29 + 3 * regular) * 16**2 * 32**2 + 2560


# Behind the first pooling a unit sees 11 positions, 4 apart. A 3×3 convolution adds 2 steps of what it reads.
def test_the_receptive_field_of_resnet50():
    first = 11 + 3 * 8
    second = first + 8 + 3 * 16  # the 3×3 that strides reads steps of 4, those behind it of 8
    third = second + 16 + 5 * 32
    assert third + 32 + 2 * 64 == 427
    for network in (resnet50(), resnet50_preact()):
        assert analyze(network).row("stage4.block3").receptive_field[0].size == 427


# Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks", table 1: TensorFlow's variants,
# whose stages stride in their last unit, where the shortcut skips positions.
@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize(
    ("depths", "size"), [((3, 4, 6, 3), 483), ((3, 4, 23, 3), 1027), ((3, 8, 36, 3), 1507)]
)
def test_the_receptive_fields_of_tensorflows_resnets(depths, size, order):
    block = partial(bottleneck_block, order=order)
    units, reads = [], 64
    for maps, depth, stride in zip((256, 512, 1024, 2048), depths, (2, 2, 2, 1), strict=True):
        units += [block(reads, maps), *(block(maps, maps) for _ in range(depth - 2))]
        units.append(block(maps, maps, stride, shortcut="A"))
        reads = maps
    body = Sequential(Conv(64, 7, stride=2, padding=3), MaxPool(3, stride=2, padding=1), *units)
    last = analyze(Network("slim", (3, 224, 224), body))
    assert last.output == (2048, 7, 7)
    assert last.layers[-1].receptive_field[0].size == size


# Table 3 of the paper compares options of ResNet-34. B projects 64 to 128, 128 to 256 and 256 to 512 maps; C projects
# in all 16 blocks.
def test_what_the_options_of_the_shortcut_cost():
    params = {option: analyze(resnet34_with(option)).totals.params for option in "ABC"}
    normed = 2 * (128 + 256 + 512)
    projections = 64 * 128 + 128 * 256 + 256 * 512 + normed
    everywhere = sum((depth - 1) * (m * m + 2 * m) for m, depth in ((128, 4), (256, 6), (512, 3)))
    everywhere += 3 * (64 * 64 + 2 * 64)
    assert params["B"] == analyze(resnet34()).totals.params == 21_797_672
    assert params["B"] - params["A"] == projections
    assert params["C"] - params["B"] == everywhere


def resnet34_with(option):
    blocks, reads = [], 64
    for maps, depth in ((64, 3), (128, 4), (256, 6), (512, 3)):
        blocks.append(basic_block(reads, maps, 1 if maps == 64 else 2, shortcut=option))
        blocks += [basic_block(maps, maps, shortcut=option) for _ in range(depth - 1)]
        reads = maps
    network = resnet34()
    ends = [node for node in network.body.layers if node.name is None or "stage" not in node.name]
    return Network("resnet34", (3, 224, 224), Sequential(*ends[:4], *blocks, *ends[4:]))


@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    ("option", "given", "gives", "stride", "around"),
    [
        ("A", 8, 8, 1, []),
        ("A", 8, 8, 2, ["AvgPool"]),
        ("A", 8, 16, 1, ["PadChannels"]),
        ("A", 8, 16, 2, ["AvgPool", "PadChannels"]),
        ("B", 8, 8, 1, []),
        ("B", 8, 8, 2, ["Conv"]),
        ("B", 8, 16, 1, ["Conv"]),
        ("C", 8, 8, 1, ["Conv"]),
    ],
)
def test_what_stands_around_the_body(block, order, option, given, gives, stride, around):
    made = block(given, gives, stride, shortcut=option, order=order, name="unit")
    network = Network("n", (given, 6, 6), made)
    kinds = [layer.kind for path, layer in network.walk() if path.startswith("unit.shortcut")]
    normed = ["BatchNorm"] if around == ["Conv"] and order == "post" else []
    assert kinds == around + normed
    assert analyze(network).output == (gives, 6 // stride, 6 // stride)


def test_a_shortcut_without_parameters_skips_positions_and_adds_zeros():
    module = build(Network("n", (8, 7, 6), basic_block(8, 12, 2, shortcut="A", name="unit")))
    x = torch.rand(2, 8, 7, 6)
    around = module.get_submodule("unit.shortcut")(x)
    assert torch.equal(around[:, :8], x[:, :, ::2, ::2])
    assert around[:, 8:].shape == (2, 4, 4, 3)
    assert not around[:, 8:].any()


@pytest.mark.parametrize(("block", "convs"), [(basic_block, 2), (bottleneck_block, 3)])
def test_the_order_of_a_block(block, convs):
    post = [layer.kind for _, layer in Network("n", (8, 4, 4), block(8, 8)).walk()]
    assert post == ["Conv", "BatchNorm", "ReLU"] * convs  # the last ReLU behind the sum
    pre = [layer.kind for _, layer in Network("n", (8, 4, 4), block(8, 8, order="pre")).walk()]
    assert pre == ["BatchNorm", "ReLU", "Conv"] * convs
    projected = [path for path, _ in Network("n", (8, 4, 4), block(8, 16, order="pre", name="unit")).walk()]
    assert projected[:2] == ["norm1", "relu1"]  # before the split, so that the projection reads them
    assert projected[-1] == "unit.shortcut"


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_without_names_stand_side_by_side(block):
    network = Network("n", (8, 4, 4), Sequential(block(8, 8), block(8, 8)))
    assert {path.split(".")[0] for path, _ in network.walk()} == {"residual1", "relu1", "residual2", "relu2"}


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shortcut": "D"}, r"shortcut='D': must be 'A', 'B' or 'C'\."),
        ({"order": "middle"}, r"order='middle': must be 'post' or 'pre'\."),
    ],
)
def test_what_a_block_cannot_be(block, options, message):
    with pytest.raises(DescriptionError, match=message):
        block(8, 8, **options)


def test_a_bottleneck_narrows_four_times():
    with pytest.raises(DescriptionError, match=r"out_channels=10: must be a multiple of 4\."):
        bottleneck_block(8, 10)
