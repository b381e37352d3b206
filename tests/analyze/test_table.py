"""How an analysis is shown: the terminal's table, the notebook's, and its data."""

import json
from html.parser import HTMLParser

import pytest
from rich.console import Console

from striate.analyze import analyze, bytes_text, macs_text, shape_text
from striate.spec import Conv, Flatten, Linear, MaxPool, Network, ReLU

TINY = Network("tiny <b>", (1, 8, 8), [Conv(4, 3), ReLU(), MaxPool((2, 1)), Flatten(), Linear(10)])

TABLE = """\
tiny <b>   input 1×8×8

layer      kind        output  weights  biases   MACs  neurons  receptive field
───────────────────────────────────────────────────────────────────────────────
conv1      Conv         4×6×6       36       4  1,296      144                3
relu1      ReLU         4×6×6        ·       ·      ·        ·                3
pool1      MaxPool      4×3×6        ·       ·      ·        ·              4×3
flatten1   Flatten         72        ·       ·      ·        ·                8
linear1    Linear          10      720      10    720       10                8
───────────────────────────────────────────────────────────────────────────────
total      2 weighted      10      756      14  2,016      154
"""


def rows_of(text):
    return [line.split() for line in text.splitlines() if line.strip("─ ")]


SUMMARY = (
    "770 parameters (3.0 KiB), 2.02 kMACs (2,016) per image, 2 weighted layers deep "
    "memory for one image in float32: 4.1 KiB to predict, 11.0 KiB to train "
    "the same layers fully connected: 9,936 weights; not shared: 2,016"
)


def check_shown(text):
    rows, words = rows_of(TABLE), SUMMARY.split()
    assert rows_of(text)[: len(rows)] == rows
    assert text.split()[-len(words) :] == words


def test_the_table_in_a_terminal():
    check_shown(repr(analyze(TINY)))


def test_rich_prints_the_same_table():
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        console.print(analyze(TINY))
    check_shown(captured.get())


def test_a_batch_is_said():
    assert "memory for batch of 32 in float32: " in repr(analyze(TINY, batch_size=32))


class _Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.rows, self._in_cell = [], False

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._in_cell = True
            self.rows[-1].append("")
        assert tag != "b", "the name of the network was not escaped"

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data):
        if self._in_cell:
            self.rows[-1][-1] += data


def test_the_table_in_a_notebook():
    html = analyze(TINY)._repr_html_()
    parser = _Cells()
    parser.feed(html)
    assert parser.rows[0] == [
        "layer",
        "kind",
        "output",
        "weights",
        "biases",
        "MACs",
        "neurons",
        "receptive field",
    ]
    assert [" ".join(row).split() for row in parser.rows[1:]] == rows_of(TABLE)[2:]
    assert "<caption>tiny &lt;b&gt;, input 1×8×8</caption>" in html


def test_the_data_are_those_of_the_table():
    data = json.loads(json.dumps(analyze(TINY, batch_size=2).to_data()))
    assert (data["name"], data["input"], data["batch_size"]) == ("tiny <b>", [1, 8, 8], 2)
    assert data["layers"][2] == {
        "path": "pool1",
        "kind": "MaxPool",
        "input_shape": [4, 6, 6],
        "output_shape": [4, 3, 6],
        "weights": 0,
        "biases": 0,
        "params": 0,
        "macs": 0,
        "neurons": 0,
        "activation_bytes": 2 * 72 * 4,
        "receptive_field": {"size": [4, 3], "stride": [2, 1], "offset": [0, 0]},
    }
    assert data["totals"]["params"] == 770


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (553_430_176, "527.8 MiB"),
        (2**40, "1.0 TiB"),
        (5 * 2**50, "5,120.0 TiB"),
    ],
)
def test_bytes_are_written_with_a_binary_unit(count, text):
    assert bytes_text(count) == text


@pytest.mark.parametrize(
    ("macs", "text"),
    [
        (0, "0 MACs"),
        (999, "999 MACs"),
        (416_520, "417 kMACs"),
        (1_814_073_344, "1.81 GMACs"),
        (15_470_264_320, "15.5 GMACs"),
    ],
)
def test_macs_are_written_with_a_unit(macs, text):
    assert macs_text(macs) == text


def test_shapes_are_written_as_they_are_typed():
    assert shape_text((3, 224, 224)) == "3×224×224"
    assert shape_text((10,)) == "10"


def test_a_row_is_found_by_its_path():
    analysis = analyze(TINY)
    assert [analysis.row(row.path) for row in analysis.layers] == list(analysis.layers)
