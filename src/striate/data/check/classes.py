"""Classes and splits by their numbers and names: what is missing, too few, out of proportion or misspelled."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np

from striate.data.check.report import Finding, Verdict
from striate.data.check.seeing import Seen
from striate.data.check.words import Yield, joined, percent, plural
from striate.data.sources.dividing import SPLIT_NAMES

__all__ = ["balance", "class_names", "empty_classes", "opening", "proportions"]


def _finding(verdict: Verdict, kind: str, title: str, text: str, records: tuple[str, ...] = ()) -> Finding:
    return Finding(verdict=verdict, kind=kind, title=title, text=text, records=records)


def opening(seen: Seen) -> Yield:
    """What training itself would say at once."""
    if seen.listing.refusal:
        yield _finding(
            "error",
            "refused",
            "training would refuse this data",
            f"{seen.listing.refusal} What lies there was checked all the same.",
        )
    tree = seen.listing.tree
    for split, names in SPLIT_NAMES.items() if tree else ():
        doubled = [s for s in (tree.files if tree else ()) if s in names]
        if len(doubled) > 1:
            yield _finding(
                "error",
                "split-twice",
                f"{joined(doubled)} mean one split",
                f"Both are names of {split!r}. Keep one folder.",
            )


def empty_classes(seen: Seen) -> Yield:
    """Classes without images, and splits whose classes are not the same."""
    names = seen.listing.class_names
    tree = seen.listing.tree
    for split, counts in seen.listing.counts.items():
        if not counts.sum():
            yield _finding(
                "error", "empty-split", f"no images in {split!r}", "Add images, or remove the split."
            )
            continue
        folders = tree.files.get(split) if tree else None
        absent = [
            n
            for n, c in zip(names, counts, strict=True)
            if not c and folders is not None and n not in folders
        ]
        empty = [n for n, c in zip(names, counts, strict=True) if not c and n not in absent]
        if absent and len(seen.splits) > 1 and tree and split in tree.files:
            yield _finding(
                "error",
                "classes-differ",
                f"{plural(len(absent), 'class', 'classes')} without a folder in {split!r}",
                f"Other splits have {joined(absent)}; {split!r} has not. A class is a folder of the same name in "
                "every split: add images, rename the folder, or remove the class from all.",
                tuple(absent),
            )
        if empty:
            trained = split in ("train", "all")
            missing = "be learned" if trained else "be measured"
            yield _finding(
                "error" if trained or (tree and split in tree.files) else "warning",
                "empty-class",
                f"{plural(len(empty), 'class', 'classes')} without images in {split!r}",
                f"{joined(empty)}: what has no images there cannot {missing}. Add images, or remove the class "
                "from every split.",
                tuple(empty),
            )
    if len(names) == 1:
        yield _finding(
            "error",
            "one-class",
            f"only one class, {names[0]!r}",
            "There is nothing to tell apart: any network is right at once. If the classes lie one folder deeper, "
            "name that folder.",
        )


_FEW = 10
_IMBALANCED, _UNEVEN = 10, 3


def balance(seen: Seen) -> Yield:
    """Classes with few images, and with far fewer than others."""
    for split in ("train", "all"):
        counts = seen.listing.counts.get(split)
        if counts is None or not counts.any():
            continue
        order = [i for i in np.argsort(counts, kind="stable") if counts[i]]
        said = tuple(f"{seen.listing.class_names[i]} ({counts[i]:,})" for i in order)
        few = tuple(said[: int((counts[order] < _FEW).sum())])
        if few:
            yield _finding(
                "warning",
                "few-images",
                f"{plural(len(few), 'class', 'classes')} with fewer than {_FEW} images in {split!r}",
                "So few are learned by heart. Collect more, start from a trained network, or augment.",
                few,
            )
        ratio = counts[order[-1]] / counts[order[0]]
        if ratio >= _UNEVEN and len(order) > 1:
            yield _finding(
                "warning" if ratio >= _IMBALANCED else "note",
                "imbalance",
                f"the largest class has {ratio:.3g} times the images of the smallest",
                "A network leans towards what it sees most, and accuracy hides it. Read the per-class figures; "
                "collect more of the rare ones, or weigh or sample them.",
                said,
            )


def proportions(seen: Seen) -> Yield:
    """Splits in which the classes stand in another proportion than in train."""
    train = seen.listing.counts.get("train")
    if train is None or not train.any():
        return
    for split, counts in seen.listing.counts.items():
        if split == "train" or not counts.any():
            continue
        shares, expected = counts / counts.sum(), train / train.sum()
        distance = np.abs(shares - expected).sum() / 2
        chance = np.sqrt(
            expected * (1 - expected) / (2 * np.pi * counts.sum())
        ).sum()  # what drawing by lot gives
        if distance > 0.1 + 2 * chance:
            order = np.argsort(-np.abs(shares - expected))
            names = seen.listing.class_names
            yield _finding(
                "warning",
                "proportions-differ",
                f"classes stand in another proportion in {split!r} than in 'train'",
                f"{percent(distance)} of the images would have to change their class to agree. What "
                f"{split!r} measures is "
                "not what training aimed at. Divide anew, stratified, unless this is meant.",
                tuple(
                    f"{names[i]} ({percent(expected[i])} → {percent(shares[i])})"
                    for i in order
                    if counts[i] or train[i]
                ),
            )


def class_names(seen: Seen) -> Yield:
    """Names that may be one class written twice, and orders that others would number otherwise."""
    names = seen.listing.class_names
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        alike[re.sub(r"[\s_-]", "", name.casefold())].append(name)
    twice = tuple(" = ".join(map(repr, group)) for group in alike.values() if len(group) > 1)
    if twice:
        yield _finding(
            "warning",
            "similar-names",
            f"{plural(len(twice), 'class', 'classes')} that may be written in two ways",
            "They differ in case, spaces or signs alone, and count as different classes. Merge the "
            "folders if they are one.",
            twice,
        )
    if all(name.isdecimal() for name in names) and sorted(names, key=int) != list(names):
        first = next(i for i, name in enumerate(sorted(names, key=int)) if name != names[i])
        yield _finding(
            "warning",
            "label-order",
            "classes named by numbers are not in the order of the numbers",
            f"Names are sorted as text, so that target {first} is class {names[first]!r}. Predictions "
            "are named rightly; "
            "who compares targets with numbers goes wrong. Write leading zeros: 02, 10.",
        )
    declared = seen.listing.tree.declared if seen.listing.tree else None
    if declared and sorted(declared) == sorted(names) and declared != names:
        first = next(i for i, name in enumerate(names) if name != declared[i])
        yield _finding(
            "warning",
            "label-order",
            "the list of classes beside the folders has another order",
            f"Target {first} is {names[first]!r} here, as folders are sorted, and {declared[first]!r} "
            "in the list. Weights "
            "or predictions made by the list would be read wrongly.",
        )
    elif declared and set(declared) != set(names) and set(declared) & set(names):
        odd = tuple(sorted(set(declared) ^ set(names)))
        yield _finding(
            "warning",
            "label-list",
            f"the list of classes and the folders differ in {plural(len(odd), 'class', 'classes')}",
            "A class of the list has no folder, or a folder is not in the list.",
            odd,
        )
