"""Every kind of fault, planted into a clean set, is found and named; the clean sets have no error."""

import re
import shutil

import numpy as np
import pytest
from faults import CLASSES, FAULTS, drawing, write_clean

from striate.data import ArraySource, Record
from striate.data.check import check


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """The clean folder; to be copied, never changed."""
    return write_clean(tmp_path_factory.mktemp("clean") / "set")


@pytest.fixture
def folder(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "set", symlinks=True)


def kinds(report, verdict):
    return {finding.kind for finding in report.findings if finding.verdict == verdict}


def test_nothing_is_found_in_the_clean_folder(clean):
    report = check(clean)
    assert report.findings == ()
    assert report.ok
    assert report.statistics.images == report.statistics.readable == 3 * (45 + 40)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(folder, name):
    fault = FAULTS[name]
    named = fault.plant(folder)
    report = check(folder)
    found = [finding for finding in report.findings if finding.kind == fault.kind]
    assert found, report
    assert {finding.verdict for finding in found} == {fault.verdict}
    if named is not None:
        records = {re.sub(r" \(.*\)$", "", record) for finding in found for record in finding.records}
        assert records == named
    allowed = {fault.kind, *fault.besides} if fault.verdict == "error" else set(fault.besides)
    assert kinds(report, "error") <= allowed
    assert report.ok == (fault.verdict != "error")


def test_there_are_enough_kinds():
    assert len(FAULTS) >= 20
    assert len({fault.kind for fault in FAULTS.values()}) >= 20


def arrays(train=45, val=40):
    """Return the drawings in memory, ``{split: (N, 3, 32, 32)}`` and targets."""
    images, targets = {}, {}
    for split, count, first in (("train", train, 0), ("val", val, 500)):
        targets[split] = np.arange(3 * count) % 3
        pixels = [drawing(CLASSES[k], first + i, 32) for i, k in enumerate(targets[split])]
        images[split] = np.stack(pixels).transpose(0, 3, 1, 2)
    return images, targets


def test_arrays():
    images, targets = arrays()
    assert check(ArraySource("drawn", images, targets, CLASSES)).findings == ()
    images["val"][5] = images["train"][2]
    targets["val"][8] = 0
    report = check(ArraySource("spoiled", images, targets, CLASSES))
    told = {finding.kind: finding.records for finding in report.findings}
    assert told["exact-leak"] == ("train[2] = val[5]",)
    assert told["label-error"][0].startswith("val[8] (labeled 'disc', ")
    assert told["label-error"][0].endswith(" neighbors are 'stripes')")


def test_nothing_but_constant_images():
    images = np.zeros((30, 1, 8, 8), np.uint8)
    report = check(ArraySource("black", {"train": images}, {"train": np.arange(30) % 2}, ("a", "b")))
    assert report.find("constant").verdict == "error"


def test_negatives_among_images_that_are_much_alike():
    random = np.random.default_rng(0)
    y, x = np.mgrid[:24, :24] / 24 - 0.5
    images = np.stack([255.0 * (np.hypot(x, y) < random.uniform(0.25, 0.4)) for _ in range(80)])
    images = (images * 0.8 + random.uniform(0, 40, images.shape)).astype(np.uint8)[:, None]
    images[33] = 255 - images[33]
    source = ArraySource("discs", {"train": images}, {"train": np.arange(80) % 2}, ("a", "b"))
    finding = check(source).find("negative")
    assert finding.records == ("train[33]",)
    assert finding.verdict == "warning"


def test_images_of_several_labels():
    images, targets = arrays()
    labels = {split: np.eye(3, dtype=np.uint8)[part] for split, part in targets.items()}
    labels["train"][:6] = 1
    images["train"][9] = images["train"][2]
    report = check(ArraySource("tagged", images, labels, CLASSES))
    assert [finding.kind for finding in report.findings] == ["exact-duplicate"]
    assert report.statistics.splits == {"train": 135, "val": 120}
    assert report.statistics.counts["train"] == {
        name: int(n) for name, n in zip(CLASSES, labels["train"].sum(0), strict=True)
    }


class Boxed(ArraySource):
    """Records with boxes, one of which is empty, and one that cannot be fetched."""

    def record(self, split, index):
        record = super().record(split, index)
        width = 0 if (split, index) == ("train", 4) else 20
        return Record(record.name, record.data, (3, 3, width, 20))


def test_a_box_without_area():
    finding = check(Boxed("boxed", *arrays(), CLASSES)).find("zero-area")
    assert finding.verdict == "error"
    assert finding.records == ("train[4] (a box of 0×20 pixels)",)


def test_everything_at_once(folder):
    """Faults that do not hide each other, in one folder."""
    names = [
        "a file of zero bytes", "a JPEG cut short", "a link to nothing", "a copy in another class",
        "a copy in another format",
        "a brighter copy in another split", "wrong labels", "a file in no class", "an animation", "the colors of print",
        "a PNG called JPEG", "a photograph lying on its side", "a class that val lacks", "a list of other classes",
    ]  # fmt: skip
    for name in names:
        FAULTS[name].plant(folder)
    found = {finding.kind for finding in check(folder).findings}
    assert {FAULTS[name].kind for name in names} <= found
    assert "refused" in found


@pytest.mark.parametrize("name", ["digits", "fashion-mnist", "flowers"])
def test_no_error_in_real_data(name, request):
    if name != "digits":
        folder = request.getfixturevalue("data_folder") / name
        name = f"idx:{folder}" if name == "fashion-mnist" else folder
    report = check(name)
    assert kinds(report, "error") == set()
    assert report.ok
