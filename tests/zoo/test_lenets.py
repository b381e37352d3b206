"""The LeNets against LeCun's papers of 1990, 1995 and 1998: shapes, parameters and connections."""

import pytest

from striate.analyze import analyze
from striate.zoo import lenet1, lenet4, lenet5, lenet5_1998, lenet5_lecture


def connections(row):
    """Count as the papers do: each output has a connection per weight it reads, and one to its bias."""
    if row.kind == "Subsample":
        maps, height, width = row.output_shape
        return maps * height * width * (2 * 2 + 1)  # the four values of the window, and the bias
    return row.macs + (row.neurons if row.params else 0)


def rows_of(network):
    return {row.path: row for row in analyze(network).layers if row.macs or row.kind == "Subsample"}


def test_lenet1_has_the_figures_of_the_paper():
    rows = rows_of(lenet1())
    assert {path: row.output_shape for path, row in rows.items()} == {
        "h1": (4, 24, 24),
        "h2": (4, 12, 12),
        "h3": (12, 8, 8),
        "h4": (12, 4, 4),
        "output": (10,),
    }
    # "98,442 connections and 2,578 independent parameters".
    assert sum(connections(row) for row in rows.values()) == 98_442
    assert [row.params for row in rows.values()] == [104, 8, 512, 24, 1930]


def test_h3_of_lenet1_reads_the_maps_of_the_paper():
    table = dict(lenet1().walk())["h3"].connections
    assert [tuple(i + 1 for i in row) for row in table] == [
        (1,),
        (1, 2),
        (1, 2),
        (2,),
        (1, 2),
        (1, 2),
        (3,),
        (3, 4),
        (3, 4),
        (4,),
        (3, 4),
        (3, 4),
    ]


def test_lenet4_has_about_the_figures_of_the_paper():
    rows = rows_of(lenet4())
    assert [row.output_shape for row in rows.values()] == [
        (4, 28, 28),
        (4, 14, 14),  # two of them, joined to the 8 maps of S2
        (4, 14, 14),
        (16, 10, 10),
        (16, 5, 5),
        (120, 1, 1),
        (10,),
    ]
    # "about 260,000 connections", "about 17,000 free parameters".
    assert sum(connections(row) for row in rows.values()) == 258_306
    assert sum(row.params for row in rows.values()) == 16_998


def test_the_tables_of_lenet4_use_every_map_about_as_often():
    layers = dict(lenet4().walk())
    for path, maps, pairs in (("c3", 8, 60), ("c5", 16, 560)):
        table = layers[path].connections
        read = [sum(i in row for row in table) for i in range(maps)]
        assert sum(read) == pairs
        assert max(read) - min(read) <= 5


def test_lenet5_1998_has_the_figures_of_the_paper():
    rows = rows_of(lenet5_1998())
    parameters = {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164, "output": 0}
    printed = {
        "c1": 122_304,
        "s2": 5_880,
        "c3": 151_600,
        "s4": 2_000,
        "c5": 48_120,
        "f6": 10_164,
        "output": 840,
    }
    assert {path: row.params for path, row in rows.items()} == parameters
    assert {path: connections(row) for path, row in rows.items()} == printed
    assert (sum(parameters.values()), sum(printed.values())) == (60_000, 340_908)


def test_c3_of_lenet5_1998_reads_the_maps_of_the_paper():
    # Table 1: for each map of S2 the maps of C3 that read it.
    columns = [
        "X   XXX  XXXX XX",
        "XX   XXX  XXXX X",
        "XXX   XXX  X XXX",
        " XXX  XXXX  X XX",
        "  XXX  XXXX XX X",
        "   XXX  XXXX XXX",
    ]
    expected = [tuple(i for i, row in enumerate(columns) if row[column] == "X") for column in range(16)]
    assert list(dict(lenet5_1998().walk())["c3"].connections) == expected


@pytest.mark.parametrize("network", [lenet5, lenet5_1998])
def test_lenet5_has_the_shapes_of_the_paper(network):
    analysis = analyze(network())
    shapes = {
        path: analysis.row(path).output_shape for path in ("c1", "s2", "c3", "s4", "c5", "f6", "output")
    }
    assert shapes == {
        "c1": (6, 28, 28),
        "s2": (6, 14, 14),
        "c3": (16, 10, 10),
        "s4": (16, 5, 5),
        "c5": (120, 1, 1),
        "f6": (84,),
        "output": (10,),
    }
    assert [analysis.row(path).params for path in ("c1", "c5", "f6")] == [156, 48_120, 10_164]


def test_lenet5_of_the_lecture():
    rows = [row for row in analyze(lenet5_lecture()).layers if row.weights]
    assert [row.params for row in rows] == [608, 3_216, 48_120, 10_164, 850]
