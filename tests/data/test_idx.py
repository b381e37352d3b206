"""IDX files, written by hand here after LeCun's page: read in every guise, refused with the reason."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from toys import message_of

from striate.data import idx, load_split, open_source, read_idx
from striate.errors import DataError


def encode(values):
    shape = np.shape(values)
    header = bytes([0, 0, 8, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape)
    return header + bytes(np.asarray(values, np.uint8).ravel().tolist())


def write(folder, name, data, packed=False):
    folder.mkdir(exist_ok=True)
    path = folder / (name + ".gz" if packed else name)
    path.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    return path


def make_set(folder, train=40, test=10, sep="-", packed=False, classes=4, size=(3, 5)):
    rng = np.random.default_rng(7)
    made = {}
    for prefix, count in (("train", train), ("t10k", test)):
        images = rng.integers(0, 256, (count, *size))
        labels = np.arange(count) % classes
        write(folder, f"{prefix}-images{sep}idx3-ubyte", encode(images), packed)
        write(folder, f"{prefix}-labels{sep}idx1-ubyte", encode(labels), packed)
        made[prefix] = images, labels
    return made


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("sep", ["-", "."])
def test_both_names_gzipped_or_not(tmp_path, sep, packed):
    made = make_set(tmp_path / "set", sep=sep, packed=packed)
    source = open_source(f"idx:{tmp_path / 'set'}")
    assert source.name == f"idx:{tmp_path / 'set'}"
    assert source.class_names == ("0", "1", "2", "3")
    assert source.shape == (1, 3, 5)
    assert np.array_equal(source.array("test")[:, 0], made["t10k"][0])
    assert np.array_equal(source.targets["test"], made["t10k"][1])
    # A tenth of each class is for validation; together they are the training file.
    assert {s: len(source.targets[s]) for s in ("train", "val")} == {"train": 36, "val": 4}
    assert np.bincount(source.targets["val"]).tolist() == [1, 1, 1, 1]
    both = np.concatenate([source.array("train"), source.array("val")])[:, 0]
    labels = np.concatenate([source.targets["train"], source.targets["val"]])
    ours = sorted((label, *image.ravel()) for image, label in zip(both, labels, strict=True))
    theirs = sorted((label, *image.ravel()) for image, label in zip(*made["train"], strict=True))
    assert ours == theirs


def test_one_file(tmp_path):
    values = np.arange(24).reshape(2, 3, 4)
    path = write(tmp_path, "a", encode(values))
    assert read_idx(path, axes=3).tolist() == values.tolist()


def cut_gzip():
    return gzip.compress(encode(np.arange(200)), mtime=0)[:-20]


def broken_gzip():
    data = bytearray(gzip.compress(encode(np.random.default_rng(0).integers(0, 256, 400)), mtime=0))
    data[len(data) // 2] ^= 255
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a", b"", "begins with nothing, not 00 00 08 01; not an IDX file of bytes with 1 axes."),
        ("a", b"\x89PNG and more", "begins with 89 50 4e 47, not 00 00 08 01"),
        ("a", encode(np.zeros((2, 2))), "begins with 00 00 08 02, not 00 00 08 01"),
        ("a", b"\0\0\x0d\1" + b"\0" * 20, "begins with 00 00 0d 01, not 00 00 08 01"),
        ("a", encode([1, 2, 3])[:6], "ends within its header."),
        ("a", encode([1, 2, 3])[:-1], "its header says 3 values and it holds only 2; it is damaged or cut"),
        ("a", encode([1, 2, 3]) + b"x", "its header says 3 values and it holds more; it is damaged or cut"),
        ("a", b"\0\0\x08\1\xff\xff\xff\xff", "its header says 4,294,967,295 values and it holds only 0;"),
        (
            "a.gz",
            gzip.compress(b"\0\0\x08\1\xff\xff\xff\xff" + b"x" * 9, mtime=0),
            "its header says 4,294,967,295 values and it holds only 9; it is damaged or cut short.",
        ),
        (
            "a.gz",
            gzip.compress(encode([1, 2, 3]) + b"x", mtime=0),
            "its header says 3 values and it holds more;",
        ),
        ("a.gz", cut_gzip(), "the gzip stream is damaged or cut short"),
        ("a.gz", broken_gzip(), "the gzip stream is damaged or cut short"),
        ("a.gz", encode([1, 2, 3]), "the gzip stream is damaged or cut short (Not a gzipped file"),
        (
            "a.gz",
            gzip.compress(encode([1, 2, 3]), mtime=0) + b"junk",
            "the gzip stream is damaged or cut short",
        ),
    ],
)
def test_a_bad_file_is_refused(tmp_path, name, data, reason):
    path = tmp_path / name
    path.write_bytes(data)
    assert message_of(DataError, read_idx, path, axes=1).startswith(f"{path}: {reason}")


def test_a_header_that_claims_terabytes_is_refused_before_reading(tmp_path):
    path = write(tmp_path, "a", b"\0\0\x08\3" + struct.pack(">3I", 2**20, 2**12, 2**12))
    text = message_of(DataError, read_idx, path, axes=3)
    assert text == f"{path}: its header says 17,592,186,044,416 values; at most 8,589,934,592 are read."


@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_a_header_that_lies_takes_no_memory(tmp_path, name):
    path = write(tmp_path, "a", b"\0\0\x08\1\xff\xff\xff\xff" + bytes(1000), packed=name == "a.gz")
    assert path.name == name
    tracemalloc.start()
    try:
        text = message_of(DataError, read_idx, path, axes=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert text.endswith(
        "its header says 4,294,967,295 values and it holds only 1,000; it is damaged or cut short."
    )
    assert peak < 8 * 2**20


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_of_more_than_one_reading(tmp_path, packed):
    values = np.random.default_rng(1).integers(0, 256, 2**21 + 17, np.uint8)
    path = write(tmp_path, "a", b"\0\0\x08\1" + struct.pack(">I", len(values)) + values.tobytes(), packed)
    read = read_idx(str(path), axes=1)
    assert np.array_equal(read, values)
    assert read.flags.writeable


def test_a_name_may_be_text(tmp_path):
    make_set(tmp_path)
    assert idx(str(tmp_path)).fingerprint == idx(tmp_path).fingerprint


@pytest.mark.parametrize(("of_each_class", "validating"), [(4, 0), (5, 1)])
def test_how_many_images_give_a_validation_split(tmp_path, of_each_class, validating):
    make_set(tmp_path, train=4 * of_each_class)
    source = idx(tmp_path)
    assert len(source.targets["val"]) == 4 * validating
    if not validating:
        assert message_of(DataError, load_split, source, "val", (1, 3, 5)) == (
            f"idx:{tmp_path}: the split 'val' holds no images. Add images. A folder takes them from "
            "val/<class>/; a set without a validation split sets a tenth of each class aside, which takes 5 or more "
            "training images of a class."
        )


def test_a_missing_folder():
    assert message_of(DataError, open_source, "idx:nowhere") == "idx:nowhere: no such folder."


def test_a_missing_file(tmp_path):
    make_set(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    expected = f"{tmp_path}: has no t10k-labels-idx1-ubyte, with or without .gz."
    assert message_of(DataError, idx, tmp_path) == expected


def test_labels_of_another_set(tmp_path):
    make_set(tmp_path)
    path = write(tmp_path, "train-labels-idx1-ubyte", encode(np.zeros(39)))
    expected = f"{path}: 39 labels for 40 images; the two files do not belong together."
    assert message_of(DataError, idx, tmp_path) == expected


@pytest.mark.parametrize("shape", [(0, 3, 5), (10, 0, 5)])
def test_no_pixels(tmp_path, shape):
    make_set(tmp_path)
    write(tmp_path, "t10k-images-idx3-ubyte", encode(np.zeros(shape)))
    path = write(tmp_path, "t10k-labels-idx1-ubyte", encode(np.zeros(shape[0])))
    assert message_of(DataError, idx, tmp_path) == f"{path}: holds no images."


def test_sizes_that_differ(tmp_path):
    make_set(tmp_path)
    write(tmp_path, "t10k-images-idx3-ubyte", encode(np.zeros((10, 5, 3))))
    expected = f"{tmp_path}: training and test images differ in size (3×5 and 5×3)."
    assert message_of(DataError, idx, tmp_path) == expected


def test_axes_of_nothing_are_bounded_too(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(bytes([0, 0, 8, 3]) + (0).to_bytes(4, "big") + (2**32 - 1).to_bytes(4, "big") * 2)
    assert "at most" in message_of(DataError, read_idx, path, 3)
