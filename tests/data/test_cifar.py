"""CIFAR-10 and CIFAR-100, written here as their page says: the four versions, bad files, hostile pickles."""

import io
import pickle
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import message_of

from striate.data import open_source
from striate.data.sources.unpickling import unpickled
from striate.errors import DataError

NAMES = ("airplane", "automobile", "bird")
TEN = [f"data_batch_{i}" for i in range(1, 6)]


def images_of(count, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 3072), np.uint8), (np.arange(count) % len(NAMES)).tolist()


def write_binary10(root, each=12):
    root.mkdir(parents=True, exist_ok=True)
    (root / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    for seed, name in enumerate([*TEN, "test_batch"]):
        pixels, labels = images_of(each, seed)
        rows = [bytes([label]) + image.tobytes() for image, label in zip(pixels, labels, strict=True)]
        (root / f"{name}.bin").write_bytes(b"".join(rows))
    return root


def python2(pixels, entries):
    """Return the bytes that Python 2 wrote (protocol 2): its texts are bytes, its array says ``numpy.core``."""
    out = io.BytesIO()
    out.write(b"\x80\x02}(")

    def text(value):
        value = value if isinstance(value, bytes) else value.encode()
        out.write(
            b"U" + bytes([len(value)]) + value
            if len(value) < 256
            else b"T" + struct.pack("<i", len(value)) + value
        )

    for key, value in entries.items():
        text(key)
        out.write(b"](")
        for item in value:
            if isinstance(item, int):
                out.write(b"K" + bytes([item]))
            else:
                text(item)
        out.write(b"e")
    if pixels is not None:
        text("data")
        out.write(b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nK\x00\x85U\x01b\x87R")
        out.write(b"(K\x01" + b"M" + struct.pack("<H", len(pixels)) + b"M\x00\x0c\x86")
        out.write(
            b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        )
        text(pixels.tobytes())
        out.write(b"tb")
    out.write(b"u.")
    return out.getvalue()


def python3(protocol):
    def write(pixels, entries):
        return pickle.dumps(entries | ({} if pixels is None else {"data": pixels}), protocol=protocol)

    return write


def write_python10(root, write=python2, each=12):
    root.mkdir(parents=True, exist_ok=True)
    (root / "batches.meta").write_bytes(write(None, {"label_names": list(NAMES)}))
    for seed, name in enumerate([*TEN, "test_batch"]):
        pixels, labels = images_of(each, seed)
        (root / name).write_bytes(write(pixels, {"labels": labels, "filenames": ["a.png"] * each}))
    return root


def check_content(source):
    pixels, labels = zip(*(images_of(12, seed) for seed in range(5)), strict=True)
    stored = np.concatenate([source.array(s) for s in ("train", "val")])
    found = np.concatenate([source.targets[s] for s in ("train", "val")])
    ours = sorted((t, image.tobytes()) for t, image in zip(found, stored, strict=True))
    theirs = zip(np.concatenate(labels), np.concatenate(pixels), strict=True)
    assert ours == sorted((t, image.tobytes()) for t, image in theirs)
    assert source.targets["test"].tolist() == images_of(12, 5)[1]
    assert source.array("test").reshape(12, -1).tolist() == images_of(12, 5)[0].tolist()
    assert source.class_names == NAMES
    assert source.shape == (3, 32, 32)
    # Twenty of each class: two of each validate.
    assert np.bincount(source.targets["val"]).tolist() == [2, 2, 2]


def test_the_binary_version(tmp_path):
    root = write_binary10(tmp_path / "cifar-10-batches-bin")
    source = open_source(f"cifar10:{root}")
    check_content(source)
    assert source.name == f"cifar10:{root}"
    # The red plane comes first, each plane row by row: the third image's green at row 4, column 7.
    assert np.asarray(source.image("test", 2))[4, 7, 1] == images_of(12, 5)[0][2][1024 + 4 * 32 + 7]


@pytest.mark.parametrize("write", [python2, *(python3(p) for p in range(5))])
def test_the_python_version(tmp_path, write):
    root = write_python10(tmp_path / "cifar-10-batches-py", write)
    check_content(open_source(f"cifar10:{root}"))


def test_both_versions_are_one_set_and_are_found_from_above(tmp_path):
    write_python10(tmp_path / "a" / "cifar-10-batches-py")
    write_binary10(tmp_path / "b" / "cifar-10-batches-bin")
    a, b = (open_source(f"cifar10:{tmp_path / x}") for x in "ab")
    assert a.fingerprint == b.fingerprint
    assert b.name == f"cifar10:{tmp_path / 'b'}"


def test_cifar100_has_the_fine_labels(tmp_path):
    binary, python = tmp_path / "cifar-100-binary", tmp_path / "cifar-100-python"
    for folder in (binary, python):
        folder.mkdir()
    (binary / "fine_label_names.txt").write_text("\n".join(NAMES))
    (binary / "coarse_label_names.txt").write_text("fish\n")
    (python / "meta").write_bytes(
        python2(None, {"fine_label_names": list(NAMES), "coarse_label_names": ["fish"]})
    )
    for seed, split in enumerate(("train", "test")):
        pixels, fine = images_of(30, seed)
        rows = [b"\x63" + bytes([label]) + image.tobytes() for image, label in zip(pixels, fine, strict=True)]
        (binary / f"{split}.bin").write_bytes(b"".join(rows))
        (python / split).write_bytes(python2(pixels, {"coarse_labels": [99] * 30, "fine_labels": fine}))
    first, second = open_source(f"cifar100:{binary}"), open_source(f"cifar100:{python}")
    assert first.class_names == NAMES
    assert first.targets["test"].tolist() == images_of(30, 1)[1]
    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize(
    ("file", "data", "reason"),
    [
        ("data_batch_2.bin", None, "no such file; unpack the archive anew."),
        (
            "data_batch_2.bin",
            b"x" * 3074,
            "3,074 bytes are no whole number of images of 3,073; it is foreign or cut short.",
        ),
        (
            "test_batch.bin",
            b"\x03" + bytes(3072),
            "labels from 3 to 3; batches.meta.txt names 3 classes, 0 to 2.",
        ),
        ("batches.meta.txt", b"", "0 classes; there must be 1 to 100,000."),
        ("batches.meta.txt", b"cat\n\xff\xfe", "not text in UTF-8."),
        ("batches.meta.txt", b"cat\ndog\ncat\n", "two classes are called 'cat'; rename one."),
        (
            "batches.meta.txt",
            b"c\x1b[2Jat\n",
            r"its class name, 'c\x1b[2Jat', has characters that cannot be printed.",
        ),
    ],
)
def test_bad_binary_files(tmp_path, file, data, reason):
    root = write_binary10(tmp_path)
    (root / file).unlink()
    if data is not None:
        (root / file).write_bytes(data)
    assert message_of(DataError, open_source, f"cifar10:{root}") == f"{root / file}: {reason}"


def test_folders_that_are_none(tmp_path):
    assert message_of(DataError, open_source, "cifar10:nowhere") == "cifar10:nowhere: no such folder."
    file = tmp_path / "cifar-10-python.tar.gz"
    file.write_bytes(b"")
    assert message_of(DataError, open_source, f"cifar10:{file}") == (
        f"cifar10:{file}: not a folder; unpack the archive (tar xf FILE) and name its folder."
    )
    assert message_of(DataError, open_source, f"cifar100:{tmp_path}") == (
        f"cifar100:{tmp_path}: has neither fine_label_names.txt (cifar-100-binary) nor meta (cifar-100-python); "
        "name the folder that the archive unpacked to."
    )


def test_a_set_without_images(tmp_path):
    root = write_binary10(tmp_path)
    (root / "test_batch.bin").write_bytes(b"")
    assert (
        message_of(DataError, open_source, f"cifar10:{root}")
        == f"{root / 'test_batch.bin'}: holds no images; unpack the archive anew."
    )


@pytest.mark.parametrize(
    ("entries", "pixels", "reason"),
    [
        ({"labels": [0]}, None, "pickles no 'data'."),
        ({"wrong": [0]}, np.zeros((1, 3072), np.uint8), "pickles no 'labels'."),
        ({"labels": [0, 1]}, np.zeros((1, 3072), np.uint8), "2 labels for 1 images."),
        ({"labels": ["a"]}, np.zeros((1, 3072), np.uint8), "'labels' is no list of whole numbers from 0."),
        ({"labels": [-1]}, np.zeros((1, 3072), np.uint8), "'labels' is no list of whole numbers from 0."),
        ({"labels": 5}, np.zeros((1, 3072), np.uint8), "'labels' is no list of whole numbers from 0."),
        ({"labels": [0], "data": [0]}, None, "'data' is no array; it must be uint8 (N, 3072)."),
        (
            {"labels": [0]},
            np.zeros((1, 9), np.uint8),
            "'data' is of shape (1, 9); it must be uint8 (N, 3072).",
        ),
        ({"labels": [0]}, np.zeros((1, 3072)), "the pickle has an array of 'f8'; it must be of uint8."),
        ({"labels": [0]}, np.array([[None]]), "the pickle has an array that is not whole."),
        (
            {"labels": [7]},
            np.zeros((1, 3072), np.uint8),
            "labels from 7 to 7; batches.meta names 3 classes, 0 to 2.",
        ),
    ],
)
def test_pickles_of_something_else(tmp_path, entries, pixels, reason):
    root = write_python10(tmp_path)
    (root / "data_batch_3").write_bytes(python3(2)(pixels, entries))
    assert message_of(DataError, open_source, f"cifar10:{root}") == f"{root / 'data_batch_3'}: {reason}"


class Runs:
    def __reduce__(self):
        return exec, ("import pathlib; pathlib.Path('harm').touch()",)


def nested_key(depth):
    return b"\x80\x02}(" + b")" + b"\x85" * depth + b"K\x01u."


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            pickle.dumps({"data": Runs()}, 0),
            "the pickle asks for '__builtin__.exec'; only arrays of numpy are read",
        ),
        (
            pickle.dumps({"data": Runs()}, 4),
            "the pickle asks for 'builtins.exec'; only arrays of numpy are read",
        ),
        (
            b"cnumpy\nload\n.",
            "the pickle asks for 'numpy.load'; only arrays of numpy are read, and nothing is run.",
        ),
        (
            b"cnumpy.core\nmultiarray._reconstruct\n.",
            "the pickle asks for 'numpy.core.multiarray._reconstruct'; ",
        ),
        (
            b"(S'x'\nios\nsystem\n.",
            "the pickle has the instruction INST, which arrays of bytes do not need; refused.",
        ),
        (b"\x82\x01.", "the pickle has the instruction EXT1, which arrays of bytes do not need; refused."),
        (b"Pid\n.", "the pickle has the instruction PERSID, which arrays of bytes do not need; refused."),
        (
            b"cnumpy\nndarray\n(J\x00\x00\x00\x7ftR.",
            "the pickle calls something that makes no array; refused.",
        ),
        (b"c_codecs\nencode\n(U\x01aU\x03rottR.", "the pickle calls something that makes no array; refused."),
        (b"cnumpy\nndarray\n}b.", "the pickle builds something that is no array; refused."),
        (nested_key(1_000_000), "the pickle has a key or a name that is no text; refused."),
        (b"}r\xff\xff\xff\x7f.", None),
        (b"\x80\x05\x95\xff\xff\xff\xff\xff\xff\xff\x7f}.", None),
        (b"\x8e\xff\xff\xff\xff\xff\x00\x00\x00.", "the pickle is damaged or cut short ("),
        (b"\x80\x04]\x94h\x00a.", "it pickles no dictionary."),
        (b"K\x01.", "it pickles no dictionary."),
        (b"", "the pickle is damaged or cut short ("),
        (b".", "the pickle is damaged or cut short (pop from empty list)."),
        (b"\x85.", "the pickle is damaged: it takes more values than it made."),
        (b"K\x01K\x02a.", "the pickle is damaged: it appends to what is no list."),
        (b"K\x01K\x02K\x03s.", "the pickle is damaged: it sets items of what is no dictionary."),
    ],
    ids=range(21),
)
def test_hostile_pickles(data, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tracemalloc.start()
    try:
        if reason is None:
            assert unpickled(data) == {}
        else:
            assert message_of(DataError, unpickled, data).startswith(reason)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 * 2**20
    assert not (tmp_path / "harm").exists()


COPIES = range(2000)


@pytest.mark.parametrize(
    "data",
    [
        b"}U\x01a" + b"X\x00\x00\x20\x00" + b"x" * 2**21 + b"r\x01\x00\x00\x00sU\x01b]" + b"".join(
            b"c_codecs\nencode\nj\x01\x00\x00\x00U\x06latin1\x86Ra" for _ in COPIES) + b"s.",
        b"}U\x01a](" + b"N" * 2**21 + b"er\x01\x00\x00\x00s" + b"".join(
            b"U\x04%04dj\x01\x00\x00\x00s" % i for i in COPIES) + b".",
    ],
    ids=["texts", "lists"],
)  # fmt: skip
def test_a_memo_does_not_multiply(data):
    tracemalloc.start()
    try:
        text = message_of(DataError, unpickled, data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert text == "the pickle copies the same values again and again; refused."
    assert peak < 200 * 2**20


def test_an_array_that_claims_terabytes(tmp_path):
    made = python2(np.zeros((2, 3072), np.uint8), {"labels": [0, 1]})
    lying = made.replace(b"M\x02\x00M\x00\x0c\x86", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86")
    assert made != lying
    assert message_of(DataError, unpickled, lying) == (
        "the pickle has an array said to be (2147483647, 2147483647) that holds 6,144 bytes."
    )


def test_an_array_by_columns():
    array = np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    assert unpickled(pickle.dumps({"a": array}, 2))["a"].tolist() == array.tolist()


@given(st.data())
def test_damaged_files_are_a_source_or_an_explanation(tmp_path_factory, data):
    python = data.draw(st.booleans())
    root = tmp_path_factory.mktemp("cifar")
    (write_python10 if python else write_binary10)(root, each=4)
    meta = "batches.meta" if python else "batches.meta.txt"
    path = root / data.draw(st.sampled_from([meta, "test_batch" if python else "test_batch.bin"]))
    content = bytearray(path.read_bytes())
    # The structure stands at both ends; what lies between is pixels.
    for place in data.draw(st.lists(st.integers(-200, 200), min_size=1, max_size=4)):
        content[place % len(content)] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([None, None, -1, 100]))])
    try:
        source = open_source(f"cifar10:{root}")
    except DataError as error:
        text = str(error)
        assert str(root) in text
    else:
        assert source.array("test").dtype == np.uint8
