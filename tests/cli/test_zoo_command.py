"""``striate zoo``: every network with its figures, the filter, the terminal's width."""

import json
import sys

import pytest

from striate.analyze import analyze
from striate.cli import zoo_command
from striate.zoo import ALIASES, NETWORKS

KEYS = ["name", "aliases", "year", "input", "params", "macs", "depth", "paper", "about"]


def names(striate, *arguments):
    return [row["name"] for row in json.loads(striate("zoo", *arguments, "--json").out)]


def test_every_network_is_listed_oldest_first(striate):
    data = json.loads(striate("zoo", "--json").out)
    assert [list(row) for row in data] == [KEYS] * len(NETWORKS)
    assert {row["name"] for row in data} == set(NETWORKS)
    order = [(row["year"], row["name"]) for row in data]
    assert order == sorted(order)
    head, *lines = striate("zoo").out.splitlines()
    assert head.split() == ["name", "year", "parameters", "MACs", "input", "paper:", "what", "it", "is"]
    assert [line.split()[0] for line in lines] == [row["name"] for row in data]
    for line, row in zip(lines, data, strict=True):
        assert f" {row['params']:,} " in line
        assert line.endswith(f": {row['about']}")


def test_the_figures_of_one_network(striate):
    (row,) = json.loads(striate("zoo", "vgg_d", "--json").out)
    assert row == {
        "name": "vgg16",
        "aliases": ["vgg_d"],
        "year": 2014,
        "input": [3, 224, 224],
        "params": 138_357_544,
        "macs": 15_470_264_320,
        "depth": 16,
        "paper": {
            "authors": "Simonyan, Zisserman",
            "title": "Very Deep Convolutional Networks for Large-Scale Image Recognition",
            "year": 2014,
        },
        "about": "VGG-16, the paper's configuration D: 3×3 windows throughout; 138,357,544 parameters.",
    }
    assert striate("zoo", "vgg_d").out.splitlines()[1].split(": ")[0].split() == (
        ["vgg16", "(vgg_d)", "2014", "138,357,544", "15.5", "G", "3×224×224", "Simonyan", "and", "Zisserman"]
    )


def test_the_columns_stand_below_each_other(striate):
    head, *lines = striate("zoo").out.splitlines()
    (year, text) = head.index("year"), head.index("paper: ")
    for line in lines:
        assert line[year - 1] == " "
        assert line[year : year + 4].isdigit()
        assert (line[text - 2 : text], line[text] == " ") == ("  ", False)
        assert line[text - 3].isdigit()  # the end of the input shape


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1998", {"mlp", "lenet5", "lenet5_1998", "lenet5_lecture", "lenet5_relu"}),  # a year, and a name
        ("vgg_a_lrn", {"vgg11_lrn"}),  # an alias
        ("zisserman", {name for name in NETWORKS if name.startswith("vgg")}),  # an author
        ("Striving for SIMPLICITY", {"all_convolutional"}),  # a title
        ("auxiliary heads", {"googlenet", "googlenet_aux", "googlenet_bn"}),  # a description
    ],
)
def test_the_filter(striate, text, expected):
    assert set(names(striate, text)) == expected


def test_what_the_filter_excludes_is_not_analyzed(striate, monkeypatch):
    analyzed = []

    def noted(network):
        analyzed.append(network.name)
        return analyze(network)

    monkeypatch.setattr(zoo_command, "analyze", noted)
    assert names(striate, "squeezenet") == analyzed == ["squeezenet1_0", "squeezenet1_1"]


@pytest.mark.parametrize(("text", "near"), [("vgg17", "Did you mean 'vgg19' or 'vgg16'? "), ("%%", "")])
def test_a_text_that_nothing_has(failure, text, near):
    assert failure("zoo", text) == (
        f"no named network has {text!r} in it. {near}striate zoo lists all of them."
    )
    assert failure("zoo", text, "--json").startswith("no named network")


def test_every_alias_is_shown(striate):
    lines = striate("zoo").out.splitlines()
    for alias, name in ALIASES.items():
        (line,) = [line for line in lines if f"({alias})" in line]
        assert line.split()[0] == name


@pytest.mark.parametrize("columns", [70, 100, 140])
def test_a_terminal_s_width_is_kept(striate, monkeypatch, columns):
    unbroken = striate("zoo", "lenet").out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    done = striate("zoo", "lenet").out
    assert max(map(len, done.splitlines())) <= columns
    assert done.split() == unbroken.split()
    beside = columns == 140
    assert all(("LeCun" in line) == beside for line in done.splitlines() if line.startswith("lenet"))
