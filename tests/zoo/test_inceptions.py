"""GoogLeNet, its module and Inception-v3 against their papers."""

import pytest

from striate.analyze import analyze
from striate.spec import Network
from striate.zoo import (
    googlenet,
    googlenet_aux,
    googlenet_bn,
    inception_module,
    inception_v3,
    inception_v3_aux,
    naive_inception_module,
)

# Table 1 of the paper: maps, size, and the true weights and MACs (in millions) behind its rounded columns.
INCEPTIONS = [
    ("3a", 256, 28, 163_328, 128.0),
    ("3b", 480, 28, 388_096, 304.3),
    ("4a", 512, 14, 375_552, 73.6),
    ("4b", 512, 14, 448_512, 87.9),
    ("4c", 512, 14, 509_440, 99.9),
    ("4d", 528, 14, 604_672, 118.5),
    ("4e", 832, 14, 867_328, 170.0),
    ("5a", 832, 7, 1_042_432, 51.1),
    ("5b", 1024, 7, 1_442_816, 70.7),
]


@pytest.mark.parametrize(("name", "maps", "size", "weights", "million_macs"), INCEPTIONS)
def test_googlenet_has_the_inceptions_of_the_paper(name, maps, size, weights, million_macs):
    analysis = analyze(googlenet())
    rows = [row for row in analysis.layers if row.path.startswith(f"inception{name}.")]
    assert analysis.row(f"inception{name}").output_shape == (maps, size, size)
    assert analyze(googlenet_bn()).row(f"inception{name}").output_shape == (maps, size, size)
    assert sum(row.weights for row in rows) == weights
    assert round(sum(row.macs for row in rows) / 1e6, 1) == million_macs


def test_googlenet_has_the_stem_and_classifier_of_the_paper():
    row = analyze(googlenet()).row
    assert (row("conv1").weights, round(row("conv1").macs / 1e6)) == (9_408, 118)
    stem = [row("conv2_reduce"), row("conv2")]
    assert (sum(r.weights for r in stem), round(sum(r.macs for r in stem) / 1e6)) == (114_688, 360)
    assert (row("classifier").weights, row("classifier").macs) == (1_024_000, 1_024_000)


def test_the_auxiliary_heads_of_googlenet_read_4a_and_4d():
    analysis = analyze(googlenet_aux())
    for name, maps in (("aux1", 512), ("aux2", 528)):
        shapes = {
            row.path.removeprefix(f"{name}."): row for row in analysis.layers if row.path.startswith(name)
        }
        assert shapes["pool1"].input_shape == (maps, 14, 14)
        assert shapes["conv"].output_shape == (128, 4, 4)
        assert shapes["fc"].weights == 2048 * 1024
        assert shapes["classifier"].output_shape == (1000,)
    without = analyze(googlenet()).totals
    heads = sum(row.params for row in analysis.layers if row.path.startswith("aux"))
    assert analysis.totals.params - without.params == heads == 13_378_280 - 6_998_552


def test_what_the_reductions_save():
    # The example of Stanford's CS231n, lecture 9 of 2017, on 28×28×256: 854 M multiplications without reductions.
    # With them it prints 358 M, which has the 86.7 M of the 3×3 twice: 3 · 12.8 + 25.7 + 86.7 + 120.4 is 271 M.
    naive = analyze(Network("naive", (256, 28, 28), naive_inception_module(128, 192, 96)))
    reduced = analyze(Network("reduced", (256, 28, 28), inception_module(128, 64, 192, 64, 96, 64)))
    assert (naive.output, reduced.output) == ((672, 28, 28), (480, 28, 28))
    assert (round(naive.totals.macs / 1e6), round(reduced.totals.macs / 1e6)) == (854, 271)


def test_a_module_has_the_name_it_is_given():
    for module in (naive_inception_module(1, 2, 3, name="a"), inception_module(1, 2, 3, 4, 5, 6, name="a")):
        network = Network("n", (2, 8, 8), module)
        assert {path.split(".")[0] for path, _ in network.walk()} == {"a"}
        assert {path.split(".")[1] for path, _ in network.walk()} == {"one", "three", "five", "pooled"}


def test_inception_v3_has_the_maps_of_the_paper():
    analysis = analyze(inception_v3())
    stem = [row.output_shape for row in analysis.layers if row.kind in ("Conv", "MaxPool")][:7]
    # Table 1, and for the 1×1 of 80 maps and what follows the published weights, as torchvision has them.
    assert stem == [
        (32, 149, 149),
        (32, 147, 147),
        (64, 147, 147),
        (64, 73, 73),
        (80, 73, 73),
        (192, 71, 71),
        (192, 35, 35),
    ]
    joined = {row.path: row.output_shape for row in analysis.layers if row.path.startswith("mixed")}
    assert [joined[f"mixed{name}"] for name in ("5b", "5c", "5d", "6a", "6e", "7a", "7b", "7c")] == [
        (256, 35, 35),
        (288, 35, 35),
        (288, 35, 35),
        (768, 17, 17),
        (768, 17, 17),
        (1280, 8, 8),
        (2048, 8, 8),
        (2048, 8, 8),
    ]


def test_the_auxiliary_head_of_inception_v3_reads_17_by_17():
    rows = {row.path: row for row in analyze(inception_v3_aux()).layers}
    assert rows["aux.pool1"].input_shape == (768, 17, 17)
    assert [rows[f"aux.conv{i}"].output_shape for i in (1, 2)] == [(128, 5, 5), (768, 1, 1)]
    heads = sum(row.params for path, row in rows.items() if path.startswith("aux."))
    assert heads == 27_161_264 - 23_834_568
