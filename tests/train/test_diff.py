"""What two runs differ in, of runs whose differences were chosen."""

import dataclasses
import json
from html.parser import HTMLParser

import pytest
import torch
from diff_runs import compared, pairs, whole_log
from torch import nn
from toys import message_of, quick, tiny, toy_source, trained

import striate as st
from striate.data import Preprocess, Recipe, Standardize
from striate.data.augment.effects import HorizontalFlip, Rotate
from striate.errors import ConfigError, RunError
from striate.spec import AuxHead, Conv, Flatten, Linear, MaxPool, Network, ReLU, Sequential
from striate.train.config import Group


@pytest.mark.parametrize("predictions", [True, False], ids=["with answers", "without"])
def test_a_run_and_itself(toy_run, predictions):
    report = st.diff(toy_run, st.Run(toy_run), data=toy_source(), predictions=predictions)
    assert report.same
    assert str(report) == f"first   {toy_run}\nsecond  {toy_run}\n\nNo difference."
    data = json.loads(json.dumps(report.to_data()))
    assert data["same"] is True
    assert [part for part, value in data.items() if value == []] == [
        "configuration", "network", "preprocessing", "augmentation", "data", "environment", "results", "remarks",
    ]  # fmt: skip
    assert data["steps"]["counts"] == [18, 18]


def test_two_runs_of_one_configuration(tmp_path):
    trained(tmp_path / "a")
    trained(tmp_path / "b")
    assert st.diff(tmp_path / "a", tmp_path / "b", data=toy_source()).same


def test_the_configuration_leaf_by_leaf(tmp_path):
    first = quick(betas=(0.9, 0.95), groups=(Group(paths="conv.*"),), max_norm=3.0)
    second = quick(
        seed=1,
        optimizer="sgd",
        lr=0.05,
        betas=(0.9, 0.99),
        groups=(Group(paths="conv.*", lr_factor=0.5),),
        schedule="multi-step",
        at=(1.0,),
        ema=0.9,
    )
    report = compared(tmp_path, {"training": first}, {"training": second})
    assert pairs(report.configuration) == [
        ("seed", 0, 1),
        ("optimizer.name", "adamw", "sgd"),
        ("optimizer.lr", 0.002, 0.05),
        ("optimizer.betas[1]", 0.95, 0.99),
        ("optimizer.groups[0].lr_factor", 1.0, 0.5),
        ("schedule.name", "cosine", "multi-step"),
        ("schedule.at", [], [1.0]),
        ("regularization.max_norm", 3.0, None),
        ("averaging.ema", None, 0.9),
    ]
    assert not report.same
    assert str(report).splitlines()[3:13] == [
        "configuration",
        "  seed                           0      → 1",
        "  optimizer.name                 adamw  → sgd",
        "  optimizer.lr                   0.002  → 0.05",
        "  optimizer.betas[1]             0.95   → 0.99",
        "  optimizer.groups[0].lr_factor  1      → 0.5",
        "  schedule.name                  cosine → multi-step",
        "  schedule.at                    []     → [1.0]",
        "  regularization.max_norm        3.0    → none",
        "  averaging.ema                  none   → 0.9",
    ]
    assert str(report).splitlines()[-1] == (
        "The same: network, preprocessing, augmentation, data, environment, results, steps."
    )


def body(*layers, name="tiny"):
    return Network(name, (1, 8, 8), Sequential(*layers, Flatten(), Linear(3, name="head")))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(
            body(Conv(4, 3, name="conv"), ReLU()),
            body(Conv(6, 3, name="conv"), ReLU(), MaxPool(2)),
            [
                ("conv", "Conv(out_channels=4, kernel_size=3)", "Conv(out_channels=6, kernel_size=3)"),
                ("pool1", None, "MaxPool(kernel_size=2)"),
            ],
            id="layers",
        ),
        pytest.param(
            body(AuxHead(Sequential(Flatten(), Linear(3)), 0.25, name="aux")),
            body(AuxHead(Sequential(Flatten(), Linear(3)), 0.5, name="aux")),
            [("aux", "AuxHead(weight=0.25)", "AuxHead(weight=0.5)")],
            id="a composition",
        ),
        pytest.param(
            body(ReLU(), MaxPool(2)),
            body(MaxPool(2), ReLU()),
            [
                (
                    "order",
                    ["relu1", "pool1", "flatten1", "head"],
                    ["pool1", "relu1", "flatten1", "head"],
                )
            ],
            id="order",
        ),
    ],
)
def test_layers(tmp_path, first, second, expected):
    report = compared(tmp_path, {"network": first}, {"network": second})
    assert pairs(report.network) == [("digest", first.digest, second.digest), *expected]


def test_ways_of_writing_one_network(tmp_path):
    first, second = body(Conv(4, 3, stride=2)), body(Conv(4, (3, 3), stride=(2, 2)))
    assert compared(tmp_path, {"network": first}, {"network": second}).network == ()


def test_name_and_input_of_a_network(tmp_path):
    second = tiny(channels=3).with_input((3, 9, 8))
    second = dataclasses.replace(second, name="other")
    report = compared(
        tmp_path, {}, {"network": second, "preprocess": Preprocess((3, 9, 8)), "augment": Recipe()}
    )
    found = pairs(report.network)
    assert [path for path, *_ in found] == ["name", "digest", "input"]
    assert (found[0], found[2]) == (("name", "tiny", "other"), ("input", [1, 8, 8], [3, 9, 8]))


class Mine(nn.Module):
    def __init__(self, bias=0.0):
        super().__init__()
        self.head = nn.Linear(64, 3)
        nn.init.constant_(self.head.bias, bias)

    def forward(self, images):
        return self.head(images.flatten(1))


def test_modules_of_the_user_s_own(tmp_path):
    trained(tmp_path / "a", Mine())
    trained(tmp_path / "b")
    report = st.diff(tmp_path / "a", tmp_path / "b", data=toy_source())
    assert pairs(report.network) == [("module", f"{Mine.__module__}.Mine", "tiny")]
    assert report.remarks[0].startswith(
        f"Predictions were not compared: {tmp_path / 'a'}: trained a module of your own"
    )
    module = Mine()
    own = st.Run(tmp_path / "a", module=module)
    report = st.diff(own, st.Run(tmp_path / "a", module=module), data=toy_source())
    assert report.same
    assert report.answers.images == 24
    trained(tmp_path / "c", Mine(bias=9.0), seed=1)
    other = st.Run(tmp_path / "c", module=module)  # which is filled with one run's weights after the other's
    assert st.diff(own, other, data=toy_source()).answers.shift > 0.0


def test_preprocessing_and_augmentation(tmp_path):
    first = {"augment": Recipe((HorizontalFlip(), Rotate(degrees=10)))}
    second = {
        "preprocess": Preprocess((1, 8, 8), (Standardize((0.25,), (0.5,)),)),
        "augment": Recipe((HorizontalFlip(), Rotate(degrees=20))),
    }
    report = compared(tmp_path, first, second)
    assert pairs(report.preprocessing) == [("steps[0].standardize.mean[0]", 0.3, 0.25)]
    assert pairs(report.augmentation) == [
        ("effects[1].Rotate.degrees[0]", -10.0, -20.0),
        ("effects[1].Rotate.degrees[1]", 10.0, 20.0),
    ]


def test_preprocessing_by_tensors(tmp_path):
    sources = [toy_source(train=48), toy_source(train=45)]
    for name, source in zip("ab", sources, strict=True):
        trained(tmp_path / name, data=source, preprocess="per-pixel")
    report = st.diff(tmp_path / "a", tmp_path / "b", predictions=False)
    means = [torch.from_numpy(source.array("train")).double().div(255).mean(0) for source in sources]
    at = int((means[0] - means[1]).abs().argmax())
    (path, first, second), *rest = pairs(report.preprocessing)
    assert (path, [path for path, *_ in rest]) == (
        "steps[0].standardize_pixels.mean",
        ["steps[0].standardize_pixels.std"],
    )
    assert first.startswith(f"1×8×8 values, number {at} is ")
    shown = [float(words.rpartition(" ")[2]) for words in (first, second)]
    assert shown == pytest.approx([mean.flatten()[at].item() for mean in means], rel=1e-4)
    changed = [path for path, *_ in pairs(report.data)]
    assert changed == ["fingerprint", "sizes.train"]


def test_data_and_environment(tmp_path):
    later = whole_log()
    later[0] |= {"device": "cuda", "threads": 2}
    second = {
        "data": "digits",
        "class_names": ("left", "center", "right"),
        "versions": {"striate": "0.2.0", "torch": "2.11.0", "numpy": "2.0.0"},
        "events": later,
    }
    report = compared(tmp_path, {}, second)
    assert pairs(report.data) == [("source", "toy", "digits"), ("class_names[1]", "middle", "center")]
    assert pairs(report.environment) == [
        ("striate", "0.1.0", "0.2.0"),
        ("device", "cpu", "cuda"),
        ("numpy", None, "2.0.0"),
        ("threads", None, 2),
    ]


@pytest.mark.parametrize("top", [-1, True, 1.5])
def test_a_top_that_is_no_number_of_images(toy_run, top):
    assert message_of(ConfigError, st.diff, toy_run, toy_run, top=top) == (
        f"top={top!r}: must be a whole number of at least 0."
    )


def test_folders_that_are_no_runs(toy_run, tmp_path):
    assert (
        message_of(RunError, st.diff, toy_run, tmp_path / "no") == f"{tmp_path / 'no'}: no such run folder."
    )
    assert message_of(RunError, st.diff, tmp_path, toy_run) == (
        f"{tmp_path}: not a run folder; it has no run.yaml."
    )


class Cells(HTMLParser):
    """Collects the text of each cell of a page, and the tags."""

    def __init__(self, page):
        super().__init__()
        self.cells, self.tags, self.inside = [], set(), False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.inside = tag == "td"
        if self.inside:
            self.cells.append("")

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data

    def handle_endtag(self, tag):
        self.inside = False


def test_in_a_notebook(tmp_path):
    odd = ("left", "<script>\x1b", "right")
    page = Cells(compared(tmp_path, {}, {"class_names": odd, "training": quick(seed=7)})._repr_html_())
    assert page.cells[:3] == ["seed", "0", "7"]
    assert page.cells[3:5] == ["class_names[1]", "middle"]
    assert page.cells[5] == "<script>\\x1b"
    assert "script" not in page.tags


def test_long_values_are_shown_where_they_begin_to_differ(tmp_path):
    first = quick(sampling="balanced", at=tuple(map(float, range(1, 60))))
    second = quick(sampling="balanced", at=tuple(map(float, range(1, 61))))
    report = compared(tmp_path, {"training": first}, {"training": second})
    assert str(report).splitlines()[4] == (
        "  schedule.at  … 53.0, 54.0, 55.0, 56.0, 57.0, 58.0, 59.0] "
        "→ … 53.0, 54.0, 55.0, 56.0, 57.0, 58.0, 59.0, 60.0]"
    )


def test_of_many_differences_the_first_are_shown(tmp_path):
    names = tuple(f"class {n}" for n in range(60))
    others = tuple(f"klass {n}" for n in range(60))
    changes = {"network": tiny(60)}
    report = compared(tmp_path, changes | {"class_names": names}, changes | {"class_names": others})
    assert len(report.data) == 60
    assert "  class_names[39]  class 39 → klass 39\n  and 20 more\n" in str(report)
