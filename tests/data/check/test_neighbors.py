"""Neighbors and their votes against counts by hand, and what is sampled."""

import re
from collections import Counter

import numpy as np
import pytest
from toys import toy_source

from striate.data import ArraySource, digits
from striate.data.check import check, neighbors


def test_the_vote_against_a_count():
    around = np.random.default_rng(0).integers(0, 4, (300, 10))
    best, count = neighbors._vote(around)
    for row, k, n in zip(around.tolist(), best.tolist(), count.tolist(), strict=True):
        assert n == max(Counter(row).values())
        assert k == next(value for value in row if row.count(value) == n)


def test_the_nearest_against_all_distances():
    generator = np.random.default_rng(1)
    space = generator.normal(size=(120, 5)).astype(np.float32)
    among = np.arange(0, 120, 2)
    found = neighbors._nearest(space, np.arange(120), among, generator)
    for row in range(120):
        away = ((space[row] - space[among]) ** 2).sum(1)
        order = [i for i in among[np.argsort(away)].tolist() if i != row]
        assert found[row].tolist() == order[:10]


def test_flipped_labels_of_digits_are_found():
    """One in a hundred labels of real digits, moved by one: most are named, and few others."""
    source = digits()
    targets = {split: source.targets[split].copy() for split in source.targets}
    moved = np.random.default_rng(0).permutation(len(targets["train"]))[:12]
    targets["train"][moved] = (targets["train"][moved] + 1) % 10
    images = {split: source.array(split) for split in targets}
    finding = check(ArraySource("flipped", images, targets, source.class_names)).find("label-error")
    named = {
        int(re.match(r"train\[(\d+)\]", record)[1])
        for record in finding.records
        if record.startswith("train")
    }
    assert len(named & set(moved.tolist())) >= 10
    assert len(finding.records) <= 15
    assert finding.verdict == "warning"


def test_two_classes_swapped_in_one_split():
    source = digits()
    targets = {split: source.targets[split].copy() for split in source.targets}
    targets["test"] = np.array([{3: 7, 7: 3}.get(t, t) for t in targets["test"].tolist()])
    images = {split: source.array(split) for split in targets}
    report = check(ArraySource("swapped", images, targets, source.class_names))
    assert [f.kind for f in report.findings if f.verdict == "error"] == ["labels-permuted"]
    told = report.find("labels-permuted").records
    assert told == ("'3' there looks like '7' in train", "'7' there looks like '3' in train")


def test_what_is_sampled_is_said(monkeypatch):
    monkeypatch.setattr(neighbors, "_JUDGED", 900)
    monkeypatch.setattr(neighbors, "_REFERENCE", 700)
    (remark,) = check("digits").remarks
    assert remark.startswith("The labels of 900 of 1,797 images were judged by 10 neighbors out of 700, ")


@pytest.mark.parametrize("channels", [1, 3])
def test_few_images_are_not_judged(channels):
    assert check(toy_source(train=12, val=9, test=9, channels=channels)).remarks == ()
