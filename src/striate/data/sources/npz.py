"""Arrays of images in one ``.npz`` file, or in a folder of ``.npy`` files that are mapped and not loaded.

Names: ``x_train`` and ``y_train`` (Keras), ``train_images`` and ``train_labels`` (MedMNIST), ``images_train`` and
``labels_train``, likewise for val and test; or ``images`` and ``labels`` (``x`` and ``y``) to be divided. Texts in
``class_names`` name the classes. Labels are whole numbers, texts, or 0 and 1 in ``(N, K)`` for several an image.

N images, C channels, H W height and width, K classes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.data.decode import Record
from striate.data.labels import check_class_names, numbered
from striate.data.source import ByteArray, IntArray, Source, Targets, named_path
from striate.data.sources.dividing import SPLIT_NAMES, TEST_PERCENT, VAL_PERCENT, by_share, validation_aside
from striate.data.sources.npy import Npz, check_whole, map_npy
from striate.data.sources.options import split_options, with_options
from striate.errors import DataError, bad_argument, did_you_mean, listed

__all__ = ["StoredArrays", "npy", "npz"]

Array = NDArray[Any]
_SCHEMES = (("x_{}", "y_{}"), ("{}_images", "{}_labels"), ("images_{}", "labels_{}"))
_WHOLE = (("images", "labels"), ("x", "y"))
_AXES = {"NHWC": (0, 3, 1, 2), "NCHW": (0, 1, 2, 3)}
_CHANNELS = (1, 3)
_CHUNK_BYTES = 4 * 2**20


class StoredArrays(Source):
    """Images of one size in arrays that may lie on disk: what is not asked for is not loaded.

    Attributes:
        layout: The axes of the arrays as they were found: ``NHW``, ``NHWC`` or ``NCHW``.

    Args:
        images: For each array uint8, of one layout.
        targets: For each its targets.
        parts: For each split which array it is of and the images of it; None means all.
    """

    def __init__(
        self,
        name: str,
        layout: str,
        images: Mapping[str, ByteArray],
        targets: Mapping[str, Targets],
        parts: Mapping[str, tuple[str, IntArray | None]],
        class_names: tuple[str, ...],
    ) -> None:
        self.name = name
        self.layout = layout
        self.class_names = class_names
        self._images = {
            key: whole[:, None] if layout == "NHW" else whole.transpose(_AXES[layout])
            for key, whole in images.items()
        }
        self._parts = dict(parts)
        self.in_place = frozenset(
            split
            for split, (key, indices) in parts.items()
            if indices is None and self._images[key].flags.carray
        )
        self.targets = {
            split: np.require(targets[key] if indices is None else targets[key][indices], None, ["C", "W"])
            for split, (key, indices) in parts.items()
        }
        self.fingerprint = self._fingerprint()

    def _fingerprint(self) -> str:
        total = hashlib.sha256(repr(self.class_names).encode())
        for split in sorted(self._parts):
            key, indices = self._parts[split]
            whole, count = self._images[key], len(self.targets[split])
            total.update(f"{split}{(count, *whole.shape[1:])}".encode())
            step = max(1, _CHUNK_BYTES // math.prod(whole.shape[1:]))
            for start in range(0, count, step):
                chosen = slice(start, start + step) if indices is None else indices[start : start + step]
                total.update(np.ascontiguousarray(whole[chosen]).data)
            total.update(self.targets[split].data)
        return total.hexdigest()

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """``(C, H, W)``."""
        channels, height, width = next(iter(self._images.values())).shape[1:]
        return channels, height, width

    def record(self, split: str, index: int) -> Record:
        """Return the pixels of one image.

        Raises:
            DataError: if its file has been cut short since it was opened.
        """
        row = self.checked_index(split, index)
        key, indices = self._parts[split]
        check_whole(self._images[key])
        place = row if indices is None else indices[row]
        return Record(f"{self.name} {split}[{index}]", np.array(self._images[key][place]))

    def array(self, split: str) -> ByteArray | None:
        """Return the images, loaded now if they lie on disk.

        Raises:
            DataError: if their file has been cut short since it was opened.
        """
        self.check_split(split)
        key, indices = self._parts[split]
        check_whole(self._images[key])
        chosen = self._images[key] if indices is None else self._images[key][indices]
        return np.require(chosen, np.uint8, ["C", "W"])


def npz(location: Path | str) -> StoredArrays:
    """Read the arrays of a ``.npz`` file; nothing is unpickled. ``?layout=NHWC`` or ``NCHW`` says what is not clear.

    Without ``val`` a tenth of the training images, stratified, is for validation; a file that has only ``images`` and
    ``labels`` is divided into 80, 10 and 10 percent.

    Raises:
        DataError: naming the array that is missing, damaged, too large or of another type or shape.
    """
    place, options = split_options("npz", str(location), ["layout"])
    path = named_path(place)
    if not path.is_file():
        raise DataError(
            f"npz:{path}: {'not a file; for a folder write npy:DIR' if path.exists() else 'no such file'}."
        )
    with Npz(path) as archive:
        name = with_options(f"npz:{path.resolve()}", options)
        return _source(name, str(path), archive.names, archive.read, options.get("layout"))


def npy(location: Path | str) -> StoredArrays:
    """Map the ``.npy`` files of a folder; else as `npz`. Images that are uint8 stay on disk until asked for.

    Raises:
        DataError: as `npz`.
    """
    place, options = split_options("npy", str(location), ["layout"])
    folder = named_path(place)
    if not folder.is_dir():
        raise DataError(
            f"npy:{folder}: {'not a folder; name the one of its file' if folder.exists() else 'no such folder'}."
        )
    names = tuple(sorted(path.stem for path in folder.glob("*.npy") if not path.is_dir()))
    name = with_options(f"npy:{folder.resolve()}", options)
    return _source(name, str(folder), names, lambda n: map_npy(folder / f"{n}.npy"), options.get("layout"))


def _source(
    name: str, where: str, names: tuple[str, ...], read: Callable[[str], Array], layout: str | None
) -> StoredArrays:
    pairs = _pairs(where, names)
    images = {split: read(image) for split, (image, _) in pairs.items()}
    labels = {split: read(label) for split, (_, label) in pairs.items()}
    layout = _layout(where, {pairs[split][0]: array.shape for split, array in images.items()}, layout)
    for split, (image, label) in pairs.items():
        if len(images[split]) != len(labels[split]):
            raise DataError(f"{where}: {len(labels[split]):,} {label} for {len(images[split]):,} {image}.")
    given = read("class_names") if "class_names" in names else None
    targets, class_names = _targets(where, {pairs[split][1]: array for split, array in labels.items()}, given)
    by_split = {split: targets[label] for split, (_, label) in pairs.items()}
    return StoredArrays(name, layout, _bytes(where, images), by_split, _parts(by_split), class_names)


def _pairs(where: str, names: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Return for each split its array of images and that of labels; ``""`` is the split of what is to be divided."""
    found: dict[str, tuple[str, str]] = {}
    known = []
    schemes = [
        (split, i.format(s), t.format(s))
        for i, t in _SCHEMES
        for split, all_ in SPLIT_NAMES.items()
        for s in all_
    ]
    for split, image, label in [*schemes, *(("", i, t) for i, t in _WHOLE)]:
        known += [image, label]
        if (image in names) != (label in names):
            there, lacking = (image, label) if image in names else (label, image)
            raise DataError(
                f"{where}: has {there} and no {lacking}; it has {listed(names)}.{did_you_mean(lacking, names)}"
            )
        if image in names:
            if split in found:
                raise DataError(f"{where}: {found[split][0]} and {image} would both be the images; keep one.")
            found[split] = image, label
    if not found or ("" in found and len(found) > 1) or ("val" in found and "train" not in found):
        problem = f"it has {listed(names)}" if names else "it has none"
        meant = next((hint for n in names if (hint := did_you_mean(n, known))), "")
        raise DataError(
            f"{where}: needs the arrays x_train and y_train (and x_test, y_test, x_val, y_val), or images and labels "
            f"alone; {problem}.{meant}"
        )
    return found


def _layout(where: str, shapes: dict[str, tuple[int, ...]], wanted: str | None) -> str:
    if wanted is not None and wanted not in _AXES:
        raise DataError(f"{where}: {bad_argument('layout', wanted, ' or '.join(_AXES))}")
    if len({shape[1:] for shape in shapes.values()}) > 1:
        each = " and ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise DataError(f"{where}: {each} differ in more than the number of images.")
    name, shape = next(iter(shapes.items()))
    if not all(n > 0 for s in shapes.values() for n in s):
        raise DataError(f"{where}: {listed(n for n, s in shapes.items() if not all(s))} holds no images.")
    if len(shape) == 3:
        return "NHW"
    possible = [] if len(shape) != 4 else [k for k, axes in _AXES.items() if shape[axes[1]] in _CHANNELS]
    if wanted in possible:
        return wanted or ""
    if len(possible) == 1 and wanted is None:
        return possible[0]
    if len(possible) == 2:
        raise DataError(
            f"{where}: {name} of shape {shape} may have its channels second or last; say which by "
            "?layout=NCHW or ?layout=NHWC after the name."
        )
    raise DataError(
        f"{where}: {name} is of shape {shape}; it must be (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or 3 channels."
    )


def _bytes(where: str, images: dict[str, Array]) -> dict[str, ByteArray]:
    """Return images as uint8, by the rule of `pixels.eight_bit`, which here is one for all images."""
    if all(array.dtype == np.uint8 for array in images.values()):
        return images
    kinds = {array.dtype.kind for array in images.values()}
    types = listed(sorted({str(array.dtype) for array in images.values()}))
    if "U" in kinds or len({array.dtype for array in images.values()}) > 1:
        raise DataError(f"{where}: images of {types}; they must be of one type, best uint8.")
    if kinds == {"b"}:
        return {split: array.astype(np.uint8) * np.uint8(255) for split, array in images.items()}
    low, high = min(a.min() for a in images.values()), max(a.max() for a in images.values())
    if not (low >= 0 and high <= (255 if kinds == {"f"} else 65535)):  # false for what is not a number, too
        allowed = "0 to 1 or in 0 to 255" if kinds == {"f"} else "0 to 255 or in 0 to 65535"
        raise DataError(
            f"{where}: images of {types} from {low:g} to {high:g}; they must lie in {allowed}. "
            "Undo their normalization, or save them as uint8: "
            "((x - x.min()) / (x.max() - x.min()) * 255).round().astype('uint8')."
        )
    if kinds == {"f"} and high > 1 and any((np.rint(array) != array).any() for array in images.values()):
        raise DataError(
            f"{where}: images of {types} from {low:g} to {high:g} with fractions between; whole numbers in 0 to 255 "
            "or fractions in 0 to 1 are taken. Save them as uint8: x.round().astype('uint8')."
        )
    if kinds == {"f"}:
        return {s: np.rint(array * (255 if high <= 1 else 1)).astype(np.uint8) for s, array in images.items()}
    return {s: (array >> 8 if high > 255 else array).astype(np.uint8) for s, array in images.items()}


def _targets(
    where: str, labels: dict[str, Array], given: Array | None
) -> tuple[dict[str, Targets], tuple[str, ...]]:
    """Return targets and class names from whole numbers, texts, or 0 and 1 for several labels."""
    labels = {name: a[:, 0] if a.ndim == 2 and a.shape[1] == 1 else a for name, a in labels.items()}
    names = None
    if given is not None:
        if given.ndim != 1 or given.dtype.kind != "U":
            raise DataError(
                f"{where}: class_names is {given.dtype} {given.shape}; it must be a row of texts."
            )
        names = check_class_names(f"{where} class_names", given.tolist())
    kinds = {(a.ndim, a.dtype.kind == "U") for a in labels.values()}
    if len(kinds) > 1 or not kinds <= {(1, False), (1, True), (2, False)}:
        each = ", ".join(f"{name} {a.dtype} {a.shape}" for name, a in labels.items())
        raise DataError(
            f"{where}: labels must be (N,), whole numbers or texts, or (N, K) of 0 and 1; here are {each}."
        )
    for name, a in labels.items():
        if a.dtype.kind == "f":
            raise DataError(f"{where}: {name} is {a.dtype}; labels must be whole numbers: y.astype('int64').")
    if kinds == {(2, False)}:
        return _several(where, labels, names)
    if kinds == {(1, True)}:
        names = names or check_class_names(where, sorted(set().union(*(a.tolist() for a in labels.values()))))
        index = {name: i for i, name in enumerate(names)}
        strange = sorted({text for a in labels.values() for text in a.tolist()} - set(names))
        if strange:
            raise DataError(f"{where}: the labels {listed(map(repr, strange))} are not in class_names.")
        return {n: np.array([index[t] for t in a.tolist()], np.int64) for n, a in labels.items()}, names
    low, high = min(int(a.min()) for a in labels.values()), max(int(a.max()) for a in labels.values())
    names = names or numbered(where, high)
    if not 0 <= low <= high < len(names):
        raise DataError(
            f"{where}: labels from {low} to {high} for {len(names)} classes; they must be 0 to {len(names) - 1}."
        )
    return {name: a.astype(np.int64) for name, a in labels.items()}, names


def _several(
    where: str, labels: dict[str, Array], names: tuple[str, ...] | None
) -> tuple[dict[str, Targets], tuple[str, ...]]:
    widths = {a.shape[1] for a in labels.values()}
    names = names or numbered(where, max(widths) - 1)
    for name, a in labels.items():
        if a.shape[1] != len(names):
            raise DataError(f"{where}: {name} is of shape {a.shape} for {len(names)} classes.")
        if not ((a == 0) | (a == 1)).all():
            raise DataError(f"{where}: {name} of shape {a.shape} has values other than 0 and 1.")
    return {name: a.astype(np.uint8) for name, a in labels.items()}, names


def _parts(targets: Mapping[str, Targets]) -> dict[str, tuple[str, IntArray | None]]:
    if "" in targets:
        val, test = VAL_PERCENT / 100, TEST_PERCENT / 100
        divided = by_share(targets[""], {"train": 1 - val - test, "val": val, "test": test})
        return {split: ("", indices) for split, indices in divided.items()}
    parts: dict[str, tuple[str, IntArray | None]] = {split: (split, None) for split in targets}
    if "train" in targets and "val" not in targets:
        parts |= {split: ("train", indices) for split, indices in validation_aside(targets["train"]).items()}
    return parts
