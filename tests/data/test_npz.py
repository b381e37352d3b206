"""Arrays in .npz files and folders of .npy files: layouts, types, names, and files that are hostile."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import message_of

from striate.data import load_split, open_source
from striate.errors import DataError

RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 256, (40, 5, 6), np.uint8)
COLOR = RNG.integers(0, 256, (40, 5, 6, 3), np.uint8)
LABELS = np.arange(40) % 4


def written(path, **arrays):
    np.savez(path, **arrays)
    return path


def keras(images=GREY, labels=LABELS):
    return {"x_train": images[:30], "y_train": labels[:30], "x_test": images[30:], "y_test": labels[30:]}


def refusal(path, **arrays):
    text = message_of(DataError, open_source, f"npz:{written(path / 'a.npz', **arrays)}")
    assert text.startswith(f"{path / 'a.npz'}: ")
    return text.removeprefix(f"{path / 'a.npz'}: ")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("open_by", ["npz:{}", "{}"])
def test_keras_names(tmp_path, save, open_by):
    path = tmp_path / "a.npz"
    save(path, **keras())
    source = open_source(open_by.format(path))
    assert source.name == f"npz:{path}"
    assert (source.class_names, source.shape, source.layout) == (("0", "1", "2", "3"), (1, 5, 6), "NHW")
    assert source.array("test").tolist() == GREY[30:, None].tolist()
    assert source.targets["test"].tolist() == LABELS[30:].tolist()
    # A tenth of each class of seven or eight: one validates.
    assert {s: len(t) for s, t in source.targets.items()} == {"train": 26, "test": 10, "val": 4}
    both = np.concatenate([source.array("train"), source.array("val")])
    assert sorted(image.tobytes() for image in both) == sorted(image.tobytes() for image in GREY[:30])
    assert np.asarray(source.image("test", 4)).tolist() == GREY[34].tolist()
    assert load_split(source, "train", (1, 5, 6)).images.shape == (26, 1, 5, 6)
    assert open_source(source.name).fingerprint == source.fingerprint


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"),
        ("train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels"),
        (
            "images_training",
            "labels_training",
            "images_valid",
            "labels_valid",
            "images_testing",
            "labels_testing",
        ),
    ],
)
def test_other_names(tmp_path, names):
    parts = np.split(GREY, [20, 30]), np.split(LABELS[:, None], [20, 30])
    arrays = {n: parts[i % 2][i // 2] for i, n in enumerate(names)}
    source = open_source(f"npz:{written(tmp_path / 'a.npz', **arrays)}")
    for split, images, labels in zip(("train", "val", "test"), *parts, strict=True):
        assert source.array(split)[:, 0].tolist() == images.tolist()
        assert source.targets[split].tolist() == labels.ravel().tolist()


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y")])
def test_one_pair_is_divided_by_class(tmp_path, names):
    path = written(tmp_path / "a.npz", **dict(zip(names, (GREY, LABELS), strict=True)))
    source = open_source(f"npz:{path}")
    assert {s: np.bincount(t).tolist() for s, t in source.targets.items()} == {
        "train": [8] * 4,
        "val": [1] * 4,
        "test": [1] * 4,
    }
    everything = np.concatenate([source.array(s) for s in ("train", "val", "test")])
    assert sorted(i.tobytes() for i in everything) == sorted(i.tobytes() for i in GREY)


def test_layouts_are_told_apart(tmp_path):
    last = open_source(f"npz:{written(tmp_path / 'a.npz', **keras(COLOR))}")
    first = open_source(f"npz:{written(tmp_path / 'b.npz', **keras(COLOR.transpose(0, 3, 1, 2)))}")
    assert (last.layout, first.layout) == ("NHWC", "NCHW")
    assert last.shape == first.shape == (3, 5, 6)
    assert last.array("test")[2].tolist() == COLOR[32].transpose(2, 0, 1).tolist()
    assert last.fingerprint == first.fingerprint
    assert np.asarray(last.image("test", 2)).tolist() == COLOR[32].tolist()


def test_a_layout_that_is_not_clear(tmp_path):
    images = RNG.integers(0, 256, (40, 3, 6, 3), np.uint8)
    assert refusal(tmp_path, **keras(images)) == (
        "x_train of shape (30, 3, 6, 3) may have its channels second or last; say which by ?layout=NCHW or "
        "?layout=NHWC after the name."
    )
    source = open_source(f"npz:{tmp_path / 'a.npz'}?layout=NHWC")
    assert source.array("test")[0].tolist() == images[30].transpose(2, 0, 1).tolist()
    assert open_source(source.name).shape == (3, 3, 6)
    assert open_source(f"npz:{tmp_path / 'a.npz'}?layout=NCHW").array("test").tolist() == images[30:].tolist()


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (GREY / np.float32(255), GREY),
        (GREY.astype(np.float64), GREY),
        (GREY.astype(np.int64), GREY),
        (GREY.astype(">u2") << 8, GREY),
        (GREY > 99, (GREY > 99) * 255),
        (np.asfortranarray(GREY), GREY),
    ],
    ids=["0 to 1", "0 to 255", "int64", "16 bits", "booleans", "columns first"],
)
def test_other_types_become_bytes(tmp_path, images, expected):
    source = open_source(f"npz:{written(tmp_path / 'a.npz', **keras(images))}")
    assert source.array("test")[:, 0].tolist() == expected[30:].tolist()


def test_one_scale_for_all_splits(tmp_path):
    images = np.zeros((40, 2, 2), np.float32)
    images[0] = 255.0
    images[35] = 1.0
    source = open_source(f"npz:{written(tmp_path / 'a.npz', **keras(images))}")
    assert source.array("test")[5].max() == 1


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (GREY - 128.5, "images of float64 from -128.5 to 126.5; they must lie in 0 to 1 or in 0 to 255. Undo their"),
        (GREY.astype(np.int64) * 1000, "images of int64 from 0 to 255000; they must lie in 0 to 255 or in 0 to 65535."),
        (np.full((40, 2, 2), np.nan), "images of float64 from nan to nan; they must lie in 0 to 1 or in 0 to 255."),
        (GREY + 0.0 - 0.4 * (GREY > 9), "images of float64 from 0 to 254.6 with fractions between; whole numbers in"),
        (GREY.astype(str), "images of <U3; they must be of one type, best uint8."),
        (GREY[:, 0], "x_train is of shape (30, 6); it must be (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or 3"),
        (COLOR[..., [0, 1, 2, 0]], "x_train is of shape (30, 5, 6, 4); it must be (N, H, W), (N, H, W, C) or (N, C,"),
        (GREY[:, :0], "x_train, x_test holds no images."),
    ],
)  # fmt: skip
def test_images_of_another_type_or_shape(tmp_path, images, reason):
    assert refusal(tmp_path, **keras(images)).startswith(reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"y_train": LABELS[:29]}, "29 y_train for 30 x_train."),
        ({"y_test": None}, "has x_test and no y_test; it has x_train, y_train, x_test. Did you mean 'x_test'"),
        ({"x_test": COLOR[30:]}, "x_train (30, 5, 6) and x_test (10, 5, 6, 3) differ in more than the number of"),
        ({"x_test": GREY[30:] / 255}, "images of float64, uint8; they must be of one type, best uint8."),
        ({"y_train": LABELS[:30] - 1}, "labels from -1 to 3 for 4 classes; they must be 0 to 3."),
        ({"y_train": LABELS[:30] + 10**9}, "a label is 1,000,000,003; labels must lie in 0 to 99,999."),
        ({"y_train": LABELS[:30] / 2, "y_test": LABELS[30:] / 2},
            "y_train is float64; labels must be whole numbers: y.astype('int64')."),
        ({"y_train": np.zeros((30, 2, 2), int)}, "labels must be (N,), whole numbers or texts, or (N, K) of 0 and 1; "),
        ({"class_names": np.array(["a", "b"])}, "labels from 0 to 3 for 2 classes; they must be 0 to 1."),
        ({"class_names": np.arange(4)}, "class_names is int64 (4,); it must be a row of texts."),
        ({"class_names": np.array(["a", "b", "c", "b"])}, "class_names: two classes are called 'b'; rename one."),
        ({"class_names": np.array(["a", "b", "c", "\x1b[2J"])}, "class_names: its class name, '\\x1b[2J', has"),
        ({"images": GREY, "labels": LABELS}, "needs the arrays x_train and y_train (and x_test, y_test, x_val, "),
        ({"train_images": GREY, "train_labels": LABELS}, "x_train and train_images would both be the images; keep"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit(tmp_path, change, reason):
    arrays = {k: v for k, v in (keras() | change).items() if v is not None}
    text = message_of(DataError, open_source, written(tmp_path / "a.npz", **arrays))
    assert text.removeprefix(f"{tmp_path / 'a.npz'}").lstrip(": ").startswith(reason)


def test_no_known_names(tmp_path):
    assert refusal(tmp_path, X_trainn=GREY, Y=LABELS) == (
        "needs the arrays x_train and y_train (and x_test, y_test, x_val, y_val), or images and labels alone; "
        "it has X_trainn, Y. Did you mean 'x_train' or 'x_training'?"
    )


def test_texts_are_labels(tmp_path):
    words = np.array(["dog", "cat", "eel", "ant"])
    source = open_source(f"npz:{written(tmp_path / 'a.npz', **keras(labels=words[LABELS]))}")
    assert source.class_names == ("ant", "cat", "dog", "eel")
    assert [source.class_names[t] for t in source.targets["test"]] == words[LABELS[30:]].tolist()
    named = open_source(written(tmp_path / "b.npz", **keras(), class_names=words))
    assert named.class_names == ("dog", "cat", "eel", "ant")


def test_several_labels(tmp_path):
    labels = RNG.integers(0, 2, (40, 3))
    source = open_source(f"npz:{written(tmp_path / 'a.npz', **keras(labels=labels))}")
    assert source.multi_label
    assert source.class_names == ("0", "1", "2")
    assert source.targets["test"].dtype == np.uint8
    assert source.targets["test"].tolist() == labels[30:].tolist()
    assert {s: t.shape for s, t in source.targets.items()} == {
        "train": (27, 3),
        "test": (10, 3),
        "val": (3, 3),
    }
    loaded = load_split(source, "test", (1, 5, 6)).targets
    assert loaded.dtype == torch.float32
    assert loaded.tolist() == labels[30:].tolist()
    assert (
        refusal(tmp_path, **keras(labels=labels * 2))
        == "y_train of shape (30, 3) has values other than 0 and 1."
    )


def folder_of(root, **arrays):
    root.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(root / f"{name}.npy", array)
    return root


def test_a_folder_of_npy_is_the_same_and_is_mapped(tmp_path):
    images = np.zeros((400, 200, 200, 3), np.uint8)
    images[:, 7, 9, 1] = np.arange(400) % 256
    labels = np.arange(400) % 4
    folder = folder_of(tmp_path / "set", images=images, labels=labels)
    tracemalloc.start()
    try:
        source = open_source(f"npy:{folder}")
        records = [source.record("train", i).data[1, 7, 9] for i in range(5)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < images.nbytes / 3
    assert source.name == f"npy:{folder}"
    assert source.array("train")[:5, 1, 7, 9].tolist() == records
    packed = open_source(written(tmp_path / "a.npz", images=images, labels=labels))
    assert packed.fingerprint == source.fingerprint
    source.array("train")[:] = 5
    assert np.load(folder / "images.npy").max() == images.max()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("npz:nowhere", "npz:nowhere: no such file."),
        ("npz:.", "npz:.: not a file; for a folder write npy:DIR."),
        ("npy:nowhere", "npy:nowhere: no such folder."),
        ("npy:a.npz", "npy:a.npz: not a folder; name the one of its file."),
        ("npy:.", ".: needs the arrays x_train and y_train (and x_test, y_test, x_val, y_val), or images and labels "
            "alone; it has none."),
        ("npz:", "'npz:' names no file; write npz:FILE."),
        ("npz:a.npz?layuot=NCHW", "npz:a.npz?layuot=NCHW: unknown option 'layuot'. Did you mean 'layout'?"),
        ("npz:a.npz?layout=", "npz:a.npz?layout=: the option 'layout' has no value."),
        ("npz:a.npz?layout=NCHW&layout=NCHW", "npz:a.npz?layout=NCHW&layout=NCHW: the option 'layout' comes twice."),
        ("npz:a.npz?layout=NCWH", "a.npz: layout='NCWH': must be NHWC or NCHW."),
        ("npz:a.npz?layout=a&b", "npz:a.npz?layout=a&b: after the '?' stand option=value, joined by '&' (bad query"),
    ],
)  # fmt: skip
def test_names_of_nothing(tmp_path, monkeypatch, name, reason):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "a.npz", **keras())
    assert message_of(DataError, open_source, name).startswith(reason)


def npy_bytes(array):
    out = io.BytesIO()
    np.lib.format.write_array(out, array)
    return out.getvalue()


def header(shape, descr="|u1"):
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


class Runs:
    def __reduce__(self):
        return exec, ("import pathlib; pathlib.Path('harm').touch()",)


HOSTILE = [
    (header((2**30, 8)) + b"x", "its header says 8,589,934,592 bytes"),
    (header((4,)) + b"x", "its header says 4 bytes of values and it holds"),
    (header((4,)) + b"x" * 9, "its header says 4 bytes of values and it holds"),
    (header((-4,)) + b"x", "its header says the shape (-4,), which cannot be."),
    (header((True, 2)), "its header says the shape (True, 2), which cannot be."),
    (header((2**62, 2**62, 0)), "its header says the shape (4611686018427387904,"),
    (header((2**39,), "<U0"), "an array of <U0; booleans, whole numbers,"),
    (header((1,), [("a", "u1")]) + b"x", "an array of [('a', 'u1')]; booleans, whole numbers,"),
    (header((2,), "|O") + b"x", "an array of object; booleans, whole numbers, fractions, texts are read, and"),
    (b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 16, "not an array of numpy, or its header is damaged ("),
    (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535, "not an array of numpy, or its header is damaged ("),
    (b"\x93NUMPY\x09\x00\x10\x00", "not an array of numpy, or its header is damaged ("),
    (b"", "not an array of numpy, or its header is damaged ("),
    (b"PK\3\4", "not an array of numpy, or its header is damaged ("),
]  # fmt: skip


@pytest.mark.parametrize(("data", "reason"), HOSTILE, ids=range(len(HOSTILE)))
def test_arrays_that_lie(tmp_path, data, reason):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", data)
        archive.writestr("labels.npy", npy_bytes(LABELS))
    folder = folder_of(tmp_path / "set", labels=LABELS)
    (folder / "images.npy").write_bytes(data)
    tracemalloc.start()
    try:
        texts = [
            message_of(DataError, open_source, n) for n in (f"npz:{tmp_path / 'a.npz'}", f"npy:{folder}")
        ]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert texts[0].startswith(f"{tmp_path / 'a.npz'} images: {reason}")
    assert texts[1].startswith(f"{folder / 'images.npy'}: {reason}")
    assert peak < 8 * 2**20


def test_complex_numbers_are_no_images(tmp_path):
    path = written(tmp_path / "a.npz", **keras(GREY.astype(np.complex64)))
    assert message_of(DataError, open_source, path) == (
        f"{path} x_train: an array of complex64; booleans, whole numbers, fractions, texts are read, and nothing is "
        "unpickled. Save images as uint8 and labels as whole numbers or texts."
    )


def test_objects_are_not_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "a.npz", images=np.array([Runs()], object), labels=LABELS)
    assert message_of(DataError, open_source, path).startswith(f"{path} images: an array of object; ")
    assert not (tmp_path / "harm").exists()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("images.npy", "w") as member:
            member.write(header((300, 2**20)))
            for _ in range(300):
                member.write(bytes(2**20))
        archive.writestr("labels.npy", npy_bytes(LABELS))
    tracemalloc.start()
    try:
        text = message_of(DataError, open_source, path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (
        "to 314,572,928 bytes; at most 268,435,456 are read. Save it without compression (numpy.savez)."
        in text
    )
    assert peak < 2**20


def test_archives_that_are_none(tmp_path):
    path = tmp_path / "a.npz"
    for data in (b"", b"PK\3\4 and no more", npy_bytes(GREY)):
        path.write_bytes(data)
        assert message_of(DataError, open_source, path).startswith(f"{path}: not a .npz file, or damaged (")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", b"")
        archive.writestr("images", b"")
    assert message_of(DataError, open_source, path) == f"{path}: holds two arrays of one name."
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", npy_bytes(GREY))
        archive.writestr("labels.npy", npy_bytes(LABELS))
    data = path.read_bytes()
    path.write_bytes(data.replace(GREY[5].tobytes(), bytes(30)))
    assert message_of(DataError, open_source, path) == (
        f"{path} images: damaged or cut short (Bad CRC-32 for file 'images.npy')."
    )


@given(st.data())
def test_damaged_files_are_a_source_or_an_explanation(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("npz")
    path = written(
        folder / "a.npz", images=GREY[:, :2, :2], labels=LABELS, class_names=np.array(list("abcd"))
    )
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([None, None, -1, 300]))])
    try:
        source = open_source(path)
    except DataError as error:
        text = str(error)
        assert text.startswith(str(path))
    else:
        assert source.array("test").dtype == np.uint8


def test_axes_of_nothing_are_bounded_too(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (0, 2**39, 2**39)}
    )
    (tmp_path / "x_train.npy").write_bytes(header.getvalue())
    np.save(tmp_path / "y_train.npy", np.zeros(0, int))
    assert "its header is damaged" in message_of(DataError, open_source, f"npy:{tmp_path}")
