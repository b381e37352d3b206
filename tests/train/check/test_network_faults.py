"""Every fault that is planted is found and called by its name; what has none is not accused."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from planted import MODULES, NETWORKS, config, net, source_of
from torch import nn
from toys import message_of, tiny, toy_source, write_split_folder

from striate.data.check import check
from striate.data.check.report import VERDICTS
from striate.errors import ConfigError, DataError, DescriptionError, StriateError
from striate.spec import Conv, Flatten, Linear, ReLU, Softmax
from striate.train import check_network, train
from striate.train.check import memory, pace
from striate.train.check.looking import look, opened

PLANTED = NETWORKS + MODULES
IDS = [f"{number}-{planted.kind}" for number, planted in enumerate(PLANTED)]


@pytest.mark.parametrize("planted", PLANTED, ids=IDS)
def test_it_is_found(planted):
    report = check_network(planted.network, planted.data, config(**planted.options))
    found = report.find(planted.kind)
    assert found is not None, report
    assert found.verdict == planted.verdict
    assert found.text.endswith(".")
    assert report.ok == (report.counts["error"] == 0)
    verdicts = [finding.verdict for finding in report.findings]
    assert verdicts == sorted(verdicts, key=VERDICTS.index)
    if planted.verdict != "error":
        assert report.counts["error"] == 0, report


REFUSED = [
    (planted, name)
    for planted, name in zip(PLANTED, IDS, strict=True)
    if planted.verdict == "error"
    and planted.kind not in ("constant-output", "step-fails", "not-finite", "dead-units")
]


@pytest.mark.parametrize("planted", [p for p, _ in REFUSED], ids=[name for _, name in REFUSED])
def test_what_training_refuses_is_told_in_its_words(planted, tmp_path):
    report = check_network(planted.network, planted.data, config(**planted.options))
    with pytest.raises(StriateError) as caught:
        train(planted.network, planted.data, config(**planted.options), tmp_path / "run")
    assert report.find(planted.kind).text == str(caught.value)


def test_several_refusals_are_told_at_once():
    report = check_network(net(Flatten(), Linear(4), Softmax()), toy_source(), config())
    assert [f.kind for f in report.findings if f.verdict == "error"] == ["softmax-at-the-end", "outputs"]
    assert "Linear(3)" in report.find("outputs").text


def test_a_good_pair_has_none():
    report = check_network(tiny(), toy_source(train=240), config())
    assert report.ok
    assert report.counts["warning"] == 0, report


@pytest.mark.parametrize("name", ["lenet1", "lenet5", "lenet5_relu", "lenet5_lecture", "mlp", "resnet20"])
def test_named_networks_are_not_accused(name):
    report = check_network(name, "digits", config(epochs=10.0))
    assert report.counts["error"] == report.counts["warning"] == 0, report


def test_a_network_with_every_detail_right_has_notes_on_none_of_its_layers():
    kinds = {finding.kind for finding in check_network("lenet5", "digits", config(epochs=10.0)).findings}
    assert kinds == {"enlarged", "label-error"}


def test_memory(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda device: 100_000)
    found = check_network(tiny(), toy_source(), config(batch_size=48)).find("memory")
    # In float32: 3 · (40 + 111) weights, gradients and optimizer of 2; an image of 64, and 4·36 twice, 4·9 twice, 3.
    params = 4 * 9 + 4 + 36 * 3 + 3
    per_image = 64 + 2 * 4 * 36 + 2 * 4 * 9 + 3
    largest = int((90_000 - 4 * 4 * params) // (4 * per_image))
    assert largest == 51
    assert found is None
    found = check_network(tiny(), toy_source(), config(batch_size=52)).find("memory")
    assert found.verdict == "error"
    assert "At most 51 images fit: --batch-size 32 (batch_size=32)." in found.text
    monkeypatch.setattr(memory, "free_memory", lambda device: 3_000)
    found = check_network(tiny(), toy_source(), config()).find("memory")
    assert found.title == "not even one image at a time fits in memory"


def test_validation_that_does_not_fit_in_memory(monkeypatch):
    """At most a map of the convolution and what ReLU makes of it are held, 4·36 numbers each, for 24 images."""
    params = 4 * 9 + 4 + 36 * 3 + 3
    needed = 4 * (4 * params + 24 * 2 * 4 * 36)
    monkeypatch.setattr(memory, "free_memory", lambda device: needed / 0.9 + 1)
    assert check_network(tiny(), toy_source(), config(batch_size=2)).find("memory") is None
    monkeypatch.setattr(memory, "free_memory", lambda device: needed / 0.9 - 1)
    found = check_network(tiny(), toy_source(), config(batch_size=2)).find("memory")
    assert found.verdict == "warning"
    assert found.title == "a step fits in memory, the 24 images that are validated at a time do not"
    # Where a step does not fit either, that alone is told.
    report = check_network(tiny(), toy_source(), config(batch_size=32))
    (found,) = (finding for finding in report.findings if finding.kind == "memory")
    assert found.verdict == "error"


def test_images_that_do_not_fit_in_memory(monkeypatch, tmp_path):
    root = write_split_folder(tmp_path / "set", each=6)
    bytes_of_all = 2 * 12 * 64
    monkeypatch.setattr(memory, "free_memory", lambda device: 2 * bytes_of_all)
    kinds = [f.kind for f in check_network(tiny(2), root, config()).findings]
    assert "data-memory" in kinds
    monkeypatch.setattr(memory, "free_memory", lambda device: 2 * bytes_of_all + 1)
    assert check_network(tiny(2), root, config()).find("data-memory") is None
    assert check_network(tiny(2), root, config()).figures.memory.data == bytes_of_all


def test_days_and_decoding(tmp_path):
    root = write_split_folder(tmp_path / "set", each=6)
    subject = look(tiny(2), opened(root), check(root), config(), torch.device("cpu"))
    assert list(pace.slow_training(subject)) == list(pace.slow_decoding(subject)) == []
    (slow,) = pace.slow_training(replace(subject, time=replace(subject.time, total=86_401.0)))
    assert slow.kind == "slow"
    late = replace(subject.time, decoding=21.0, images_per_second=16 / 41)
    assert [f.kind for f in pace.slow_decoding(replace(subject, time=late))] == ["slow-decoding"]
    enough = replace(late, images_per_second=16 / 400)
    assert list(pace.slow_decoding(replace(subject, time=enough))) == []


def test_a_refused_source_is_checked_all_the_same(tmp_path):
    root = write_split_folder(tmp_path / "set", splits=("train",), each=2)
    report = check_network(net(Conv(4, 3), ReLU(), Flatten(), Linear(3)), root, config())
    assert report.find("outputs").verdict == "error"
    assert "val" in report.find("refused").text
    assert report.figures.time is None


def test_bad_usage_is_an_error():
    assert message_of(DescriptionError, check_network, "lenet", "digits").startswith(
        "unknown network 'lenet'."
    )
    assert message_of(ConfigError, check_network, 5, "digits").startswith("network=5: must be a Network")
    assert message_of(DataError, check_network, "lenet5", "no such").startswith("no data called 'no such'")
    text = message_of(ConfigError, check_network, "lenet5", "digits", config(device="tpu"))
    assert text.startswith("device='tpu': must be auto or a device of this machine.")


def test_every_kind_is_in_the_docs():
    page = (Path(__file__).parents[3] / "docs" / "check.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([a-z-]+)`", page))
    kinds = {planted.kind for planted in PLANTED} | {"memory", "data-memory", "slow", "slow-decoding"}
    assert kinds <= told
    sources = Path(pace.__file__).parent.glob("*.py")
    named = {
        kind
        for file in sources
        for kind in re.findall(r'"(?:error|warning|note)",\s+"([a-z-]+)",', file.read_text())
    }
    assert named <= kinds, "every kind is planted by some test"


def test_images_of_one_shape_as_it_is_needed_are_not_counted_as_memory():
    assert check_network(tiny(), toy_source(), config()).figures.memory.data == 0
    other = check_network(tiny(), source_of((1, 16, 16)), config())
    assert other.figures.memory.data == 39 * 64


class Lazy(nn.Module):
    """Learns the size of what it is given when that comes."""

    def __init__(self):
        super().__init__()
        self.head = nn.LazyLinear(3)

    def forward(self, x):
        return self.head(x.flatten(1))


def test_lazy_layers_are_counted_once_an_image_has_passed():
    module = Lazy()
    report = check_network(module, toy_source(), config())
    assert report.figures.parameters == 64 * 3 + 3
    assert report.figures.loss.first is not None
    assert module.head.has_uninitialized_params()


def test_lazy_layers_that_take_no_image_are_not_counted():
    report = check_network(nn.Sequential(nn.Linear(5, 5), nn.LazyLinear(3)), toy_source(), config())
    assert report.find("refused").verdict == "error"
    assert report.figures.parameters is None
