"""One row of published figures for every named network; the rows are in the files ``published_*.py``."""

import re

import pytest
from published import FIELDS, PUBLISHED, rounded_like

from striate.analyze import analyze
from striate.zoo import NETWORKS, mlp, resnet18


def test_every_named_network_has_its_row():
    assert set(PUBLISHED) == set(NETWORKS)
    assert set(FIELDS) <= set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_totals_are_those_published(name):
    params, million_macs, depth = PUBLISHED[name]
    totals = analyze(NETWORKS[name].make()).totals
    assert totals.params == params
    assert rounded_like(totals.macs / 1e6, million_macs) == million_macs
    assert totals.depth == depth


@pytest.mark.parametrize("name", FIELDS)
def test_the_receptive_field_is_that_published(name):
    path, size = FIELDS[name]
    assert {field.size for field in analyze(NETWORKS[name].make()).row(path).receptive_field} == {size}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_said_of_a_network_has_its_parameters(name):
    entry = NETWORKS[name]
    assert f"{PUBLISHED[name][0]:,}" in re.findall(r"\d[\d,]*\d", entry.about), entry.about
    assert 1940 < entry.paper.year < 2030


def test_resnet18_has_the_maps_of_the_paper():
    analysis = analyze(resnet18())
    ends = {
        row.path.split(".")[0]: row.output_shape for row in analysis.layers if row.path.startswith("stage")
    }
    assert ends == {
        "stage1": (64, 56, 56),
        "stage2": (128, 28, 28),
        "stage3": (256, 14, 14),
        "stage4": (512, 7, 7),
    }
    assert analysis.totals.macs == 1_814_073_344
    assert analysis.row("stage4.block2").receptive_field[0].size == 435


def test_the_perceptron_takes_any_input_and_widths():
    network = mlp(num_classes=3, input=(2, 5), hidden=(7, 4))
    assert [row.output_shape for row in analyze(network).layers if row.weights] == [(7,), (4,), (3,)]
    assert analyze(network).totals.params == (10 * 7 + 7) + (7 * 4 + 4) + (4 * 3 + 3)
    assert analyze(mlp(hidden=())).totals.params == 7850
