"""STL-10, written by numpy as its page says: content, what stays on disk, bad files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import message_of

from striate.data import open_source
from striate.errors import DataError

NAMES = ("airplane", "bird", "car")


def write_set(root, train=30, test=9):
    """Write the files and return for each split the images ``(N, 3, 96, 96)`` and labels from 1."""
    root.mkdir(parents=True, exist_ok=True)
    made = {}
    for seed, (split, count) in enumerate((("train", train), ("test", test))):
        images = np.random.default_rng(seed).integers(0, 256, (count, 3, 96, 96), np.uint8)
        labels = (np.arange(count) % len(NAMES) + 1).astype(np.uint8)
        # Column by column, as Matlab keeps matrices: each plane is written transposed.
        (root / f"{split}_X.bin").write_bytes(
            b"".join(plane.T.tobytes() for image in images for plane in image)
        )
        (root / f"{split}_y.bin").write_bytes(labels.tobytes())
        made[split] = images, labels
    (root / "class_names.txt").write_text("\n".join(NAMES) + "\n")
    (root / "fold_indices.txt").write_text("0 1 2\n")
    (root / "unlabeled_X.bin").write_bytes(b"not read")
    return made


@pytest.mark.parametrize("inside", ["", "stl10_binary"], ids=["itself", "above"])
def test_the_set(tmp_path, inside):
    made = write_set(tmp_path / inside)
    source = open_source(f"stl10:{tmp_path}")
    assert source.name == f"stl10:{tmp_path}"
    assert source.class_names == NAMES
    assert source.shape == (3, 96, 96)
    assert not source.in_place  # planes are to be transposed
    images, labels = made["test"]
    assert np.array_equal(source.array("test"), images)
    assert source.targets["test"].tolist() == (labels - 1).tolist()
    assert np.array_equal(np.asarray(source.image("test", 2)), images[2].transpose(1, 2, 0))
    images, labels = made["train"]
    parts = [
        (t, i.tobytes())
        for s in ("train", "val")
        for t, i in zip(source.targets[s], source.array(s), strict=True)
    ]
    assert sorted(parts) == sorted((t - 1, i.tobytes()) for t, i in zip(labels, images, strict=True))
    assert np.bincount(source.targets["val"]).tolist() == [1, 1, 1]


def test_the_fingerprint_tells_one_pixel(tmp_path):
    write_set(tmp_path)
    before = open_source(f"stl10:{tmp_path}").fingerprint
    assert before == open_source(f"stl10:{tmp_path}").fingerprint
    data = bytearray((tmp_path / "test_X.bin").read_bytes())
    data[12345] ^= 1
    (tmp_path / "test_X.bin").write_bytes(data)
    assert open_source(f"stl10:{tmp_path}").fingerprint != before


def test_nothing_is_written_back(tmp_path):
    write_set(tmp_path)
    before = (tmp_path / "train_X.bin").read_bytes()
    source = open_source(f"stl10:{tmp_path}")
    source.array("train")[:] = 0
    source.record("train", 0).data[:] = 0
    assert (tmp_path / "train_X.bin").read_bytes() == before


def replaced(name, data):
    return lambda root: (root / name).write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "name", "message"),
    [
        (lambda root: (root / "test_X.bin").unlink(), "test_X.bin", "no such file; unpack the archive anew."),
        (
            lambda root: ((root / "test_y.bin").unlink(), (root / "test_y.bin").mkdir()),
            "test_y.bin",
            "not a regular file.",
        ),
        (
            replaced("test_X.bin", bytes(27_649)),
            "test_X.bin",
            "27,649 bytes are no whole number of images of 27,648; it is foreign or cut short.",
        ),
        (replaced("test_X.bin", b""), "test_X.bin", "0 bytes are no whole number of images of 27,648;"),
        (replaced("train_y.bin", bytes([1] * 29)), "train_y.bin", "29 labels for 30 images."),
        (replaced("test_y.bin", bytes([0] * 9)), "test_y.bin", "labels from 0 to 0; they must be 1 to 3."),
        (
            replaced("test_y.bin", bytes([1] * 8 + [4])),
            "test_y.bin",
            "labels from 1 to 4; they must be 1 to 3.",
        ),
        (replaced("class_names.txt", b"\xff\n"), "class_names.txt", "not text in UTF-8."),
        (replaced("class_names.txt", b""), "class_names.txt", "0 classes; there must be 1 to"),
        (
            replaced("class_names.txt", b"a\nb\na\n"),
            "class_names.txt",
            "two classes are called 'a'; rename one.",
        ),
        (replaced("class_names.txt", b"a" * 200_000), "class_names.txt", "too long for names of classes."),
    ],
    ids=["missing", "folder", "odd", "none", "fewer", "zero", "many", "utf8", "no-names", "twice", "long"],
)
def test_a_bad_file_is_refused(tmp_path, spoil, name, message):
    write_set(tmp_path)
    spoil(tmp_path)
    assert message_of(DataError, open_source, f"stl10:{tmp_path}").startswith(f"{tmp_path / name}: {message}")


def test_a_bad_location(tmp_path):
    assert message_of(DataError, open_source, "stl10:nowhere") == "stl10:nowhere: no such folder."
    expected = f"stl10:{tmp_path}: has no class_names.txt; name the folder that the archive unpacked to."
    assert message_of(DataError, open_source, f"stl10:{tmp_path}") == expected
    (tmp_path / "a.tar.gz").write_bytes(b"")
    expected = (
        f"stl10:{tmp_path}/a.tar.gz: not a folder; unpack the archive (tar xf FILE) and name its folder."
    )
    assert message_of(DataError, open_source, f"stl10:{tmp_path}/a.tar.gz") == expected


@settings(max_examples=60)
@given(
    st.sampled_from(["train_X.bin", "train_y.bin", "test_y.bin", "class_names.txt"]),
    st.integers(0, 100),
    st.binary(max_size=4),
)
def test_any_bytes_are_read_or_refused(tmp_path_factory, name, cut, more):
    root = tmp_path_factory.getbasetemp() / "stl10"
    if not root.exists():
        write_set(root)
    path = root / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - cut] + more)
    said = ""
    try:
        open_source(f"stl10:{root}")
    except DataError as error:
        said = str(error)
    finally:
        path.write_bytes(whole)
    assert not said or said.startswith(str(root))
