"""SVHN: files that scipy writes as MATLAB does, read in every guise; bad ones refused with the reason."""

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat
from toys import message_of

from striate.data import open_source
from striate.data.sources import matlab
from striate.data.sources.matlab import read_mat
from striate.errors import DataError


def digits_of(count, seed):
    """Return ``X`` and ``y`` as they are published, and the same as images ``(N, 3, 32, 32)`` and digits."""
    images = np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), np.uint8)
    digits = np.arange(count) % 10
    x = np.zeros((32, 32, 3, count), np.uint8)
    for n in range(count):
        for row in range(32):
            for color in range(3):
                x[row, :, color, n] = images[n, color, row]
    return x, np.where(digits == 0, 10, digits).astype(np.uint8)[:, None], images, digits


def write_set(folder, *, compressed=True, train=60, test=20, extra=0):
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, count) in enumerate((("train", train), ("test", test), ("extra", extra))):
        if count:
            x, y, *_ = digits_of(count, seed)
            savemat(folder / f"{name}_32x32.mat", {"X": x, "y": y}, do_compression=compressed)
    return folder


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "deflated"])
def test_the_set(tmp_path, compressed):
    source = open_source(f"svhn:{write_set(tmp_path, compressed=compressed, extra=10)}")
    assert source.name == f"svhn:{tmp_path}"
    assert source.class_names == tuple("0123456789")
    assert source.shape == (3, 32, 32)
    _, _, images, digits = digits_of(20, 1)
    assert np.array_equal(source.array("test"), images)
    assert source.targets["test"].tolist() == digits.tolist()
    # Six of each digit train or validate: half an image of each, rounded, validates.
    _, _, images, digits = digits_of(60, 0)
    parts = [
        (t, i.tobytes())
        for s in ("train", "val")
        for t, i in zip(source.targets[s], source.array(s), strict=True)
    ]
    assert sorted(parts) == sorted((t, i.tobytes()) for t, i in zip(digits, images, strict=True))
    assert {s: len(t) for s, t in source.targets.items()} == {"train": 50, "val": 10, "test": 20}


def test_row_and_column_and_color(tmp_path):
    x = np.zeros((32, 32, 3, 20), np.uint8)
    x[4, 7, 1, 2] = 200
    savemat(tmp_path / "test_32x32.mat", {"X": x, "y": np.tile(np.arange(1, 11), 2)[:, None]})
    write_set(tmp_path, test=0)
    pixels = np.asarray(open_source(f"svhn:{tmp_path}").image("test", 2))
    assert pixels[4, 7].tolist() == [0, 200, 0]
    assert pixels.sum() == 200


def test_the_extra_images_train_if_asked_for(tmp_path):
    write_set(tmp_path, extra=40)
    without, explicitly, more = (open_source(f"svhn:{tmp_path}{o}") for o in ("", "?extra=no", "?extra=yes"))
    assert without.fingerprint == explicitly.fingerprint != more.fingerprint
    assert more.name == f"svhn:{tmp_path}?extra=yes"
    assert sum(len(more.targets[s]) for s in ("train", "val")) == 100
    assert len(more.targets["test"]) == 20


@pytest.mark.parametrize("dtype", ["u1", "i4", "f4", "f8", "i8"])
@pytest.mark.parametrize("turn", [False, True], ids=["column", "row"])
def test_labels_of_any_number(tmp_path, dtype, turn):
    write_set(tmp_path)
    x, y, _, digits = digits_of(20, 1)
    savemat(tmp_path / "test_32x32.mat", {"X": x, "y": (y.T if turn else y).astype(dtype)})
    assert open_source(f"svhn:{tmp_path}").targets["test"].tolist() == digits.tolist()


def change(name, **arrays):
    def write(folder):
        x, y, *_ = digits_of(20, 1)
        made = {k: v for k, v in ({"X": x, "y": y} | arrays).items() if v is not None}
        savemat(folder / name, made)

    return write


def content(data):
    return lambda folder: (folder / "test_32x32.mat").write_bytes(data)


TEST = "test_32x32.mat"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / TEST).unlink(), "no such file."),
        (lambda folder: ((folder / TEST).unlink(), (folder / TEST).mkdir()), "not a regular file."),
        (content(b""), "not a MATLAB file of version 5."),
        (
            content(b"\x89HDF\r\n\x1a\n" + bytes(200)),
            "a MATLAB file of version 7.3, which is HDF5; save it with -v7.",
        ),
        (
            content(b"MATLAB 7.3 MAT-file" + bytes(200)),
            "a MATLAB file of version 7.3, which is HDF5; save it with",
        ),
        (content(bytes(124) + b"\x00\x01IM"), "has no array X, y."),
        (content(bytes(124) + b"\x00\x01IM\x0f"), "damaged or cut short (7 bytes are lacking)."),
        (change(TEST, y=None), "has no array y."),
        (
            change(TEST, X=np.zeros((32, 32, 3, 20))),
            "X is float64 (32, 32, 3, 20); it must be uint8 (32, 32, 3, N).",
        ),
        (change(TEST, X=np.zeros((32, 32, 20), np.uint8)), "X is uint8 (32, 32, 20); it must be uint8"),
        (change(TEST, X={"a": 1}), "'X' is no array of real numbers."),
        (change(TEST, X="text"), "'X' is no array of real numbers."),
        (change(TEST, y=np.ones(20) * 1j), "'y' is no array of real numbers."),
        (change(TEST, y=np.ones((19, 1), np.uint8)), "19 labels for 20 images."),
        (change(TEST, y=np.arange(20)), "labels from 0 to 19; they must be whole, 1 to 10."),
        (change(TEST, y=np.full(20, 1.5)), "labels from 1.5 to 1.5; they must be whole, 1 to 10."),
        (change(TEST, y=np.full(20, np.nan)), "labels from nan to nan; they must be whole, 1 to 10."),
        (change(TEST, X=np.zeros((32, 32, 3, 0), np.uint8), y=np.zeros((0, 1))), "0 labels for 0 images."),
    ],
    ids=[
        *(
            "missing",
            "folder",
            "empty",
            "hdf5",
            "v7.3",
            "bare",
            "tag",
            "no-y",
            "float",
            "axes",
            "struct",
            "text",
        ),
        *("complex", "fewer", "range", "fraction", "nan", "none"),
    ],
)
def test_a_bad_file_is_refused(tmp_path, spoil, message):
    write_set(tmp_path)
    spoil(tmp_path)
    text = message_of(DataError, open_source, f"svhn:{tmp_path}")
    assert text.startswith(f"{tmp_path / TEST}: {message}")


def test_a_bad_location(tmp_path):
    assert message_of(DataError, open_source, "svhn:nowhere") == "svhn:nowhere: no such folder."
    (tmp_path / "file").write_text("")
    assert message_of(DataError, open_source, f"svhn:{tmp_path}/file").endswith(": not a folder.")
    expected = f"svhn:{tmp_path}: extra='maybe': must be yes or no."
    assert message_of(DataError, open_source, f"svhn:{tmp_path}?extra=maybe") == expected


# The reader of MATLAB files, against scipy's.


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "deflated"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
def test_arrays_of_numbers_are_as_scipy_reads_them(tmp_path, dtype, compressed):
    rng = np.random.default_rng(3)
    made = {
        name: rng.integers(0, 100, shape).astype(dtype)
        for name, shape in {
            "a": (1, 1),
            "abcde": (2, 3),
            "long_name_of_it": (3, 1, 4),
            "none": (0, 3),
        }.items()
    }
    path = tmp_path / "a.mat"
    savemat(
        path, {"skipped": {"deep": [1, 2, {"x": "y"}]}, **made, "text": "text"}, do_compression=compressed
    )
    theirs = loadmat(path)
    ours = read_mat(path, tuple(made))
    for name in made:
        assert ours[name].dtype == theirs[name].dtype
        assert np.array_equal(ours[name], theirs[name])


def element(order, kind, data):
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(order, name, array, kind=2, class_=9):
    inside = element(order, 6, struct.pack(f"{order}II", class_, 0))
    inside += element(order, 5, struct.pack(f"{order}{array.ndim}i", *array.shape))
    inside += element(order, 1, name.encode()) + element(order, kind, array.tobytes(order="F"))
    return element(order, 14, inside)


def mat(*elements, order="<"):
    return (
        b"MATLAB 5.0".ljust(124)
        + struct.pack(f"{order}H", 0x100)
        + (b"IM" if order == "<" else b"MI")
        + b"".join(elements)
    )


def deflated(data, order="<"):
    packed = zlib.compress(data)
    return struct.pack(f"{order}II", 15, len(packed)) + packed


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
def test_both_byte_orders(tmp_path, order):
    array = np.arange(24, dtype=f"{order}i2").reshape(2, 3, 4)
    path = tmp_path / "a.mat"
    path.write_bytes(mat(matrix(order, "abc", array, kind=3, class_=10), order=order))
    assert np.array_equal(loadmat(path)["abc"], array)
    assert np.array_equal(read_mat(path, ["abc"])["abc"], array)


def test_a_bomb_is_refused_before_it_unpacks(tmp_path, monkeypatch):
    monkeypatch.setattr(matlab, "_FREELY", 2**20)  # a larger one would take long to make
    path = tmp_path / "a.mat"
    path.write_bytes(mat(deflated(matrix("<", "X", np.zeros((12, 2**20), np.uint8)))))
    tracemalloc.start()
    try:
        text = message_of(DataError, read_mat, path, ["X"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    packed = path.stat().st_size - 128 - 8
    assert text == f"{path}: 'X' unpacks to 12,582,912 bytes; at most {100 * packed:,} are read."
    assert peak < 2**20


def test_sizes_that_lie_take_no_memory(tmp_path):
    path = tmp_path / "a.mat"
    head = matrix("<", "X", np.zeros((8, 2**20), np.uint8))[: 8 + 16 + 16 + 16 + 8]
    path.write_bytes(mat(deflated(head + bytes(1000))))
    tracemalloc.start()
    try:
        text = message_of(DataError, read_mat, path, ["X"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert text == f"{path}: damaged or cut short (8,387,608 bytes are lacking)."
    assert peak < 2**20


SMALL = matrix("<", "X", np.arange(6, dtype=np.uint8).reshape(2, 3))
EMPTY = matrix("<", "X", np.zeros((0, 7, 7, 7), np.uint8)).replace(
    struct.pack("<i", 7) * 3, struct.pack("<i", 2**31 - 1) * 3
)


def test_an_empty_array_is_read(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(mat(matrix("<", "X", np.zeros((0, 5), np.uint8))))
    assert read_mat(path, ["X"])["X"].shape == (0, 5)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (mat(SMALL, SMALL), "holds two arrays called 'X'."),
        (mat(element("<", 9, bytes(8))), "has an element of type 9, which is no variable."),
        (mat(SMALL)[:-8], "damaged or cut short: an element ends beyond the file."),
        (mat(deflated(SMALL))[:-3], "damaged or cut short: an element ends beyond the file."),
        (mat(deflated(SMALL + bytes(8))), "damaged: an array is shorter than what is packed."),
        (mat(deflated(SMALL[:-8])), "damaged or cut short (6 bytes are lacking)."),
        (
            mat(element("<", 15, zlib.compress(SMALL)[:-8])),
            "damaged or cut short (the deflated values end too soon).",
        ),
        (mat(element("<", 15, b"no zlib stream")), "damaged or cut short (Error -3 while decompressing data"),
        (mat(*[matrix("<", "y", np.zeros((1, 1), np.uint8))] * 1001), "holds more than 1,000 variables."),
        (
            mat(SMALL.replace(struct.pack("<II", 2, 6), struct.pack("<II", 2, 7))),
            "'X' says the shape (2, 3) and holds 7",
        ),
        (
            mat(SMALL.replace(struct.pack("<II", 2, 6), struct.pack("<II", 99, 6))),
            "'X' holds values of type 99; it must",
        ),
        (
            mat(SMALL.replace(struct.pack("<ii", 2, 3), struct.pack("<ii", -2, -3))),
            "'X' says the shape (-2, -3), which",
        ),
        (mat(EMPTY), "'X' says the shape (0, 2147483647, 2147483647, 2147483647), which cannot be."),
        (
            mat(deflated(EMPTY)),
            "'X' says the shape (0, 2147483647, 2147483647, 2147483647), which cannot be.",
        ),
        (
            mat(SMALL.replace(struct.pack("<II", 6, 8), struct.pack("<II", 6, 2**31))),
            "damaged: the flags of a variable are",
        ),
    ],
    ids=[
        *(
            "twice",
            "element",
            "cut",
            "cut-deflated",
            "more-packed",
            "less-packed",
            "stream",
            "no-stream",
            "many",
        ),
        *("count", "type", "shape", "empty", "empty-deflated", "flags"),
    ],
)
def test_a_bad_matrix_is_refused(tmp_path, data, message):
    path = tmp_path / "a.mat"
    path.write_bytes(data)
    assert message_of(DataError, read_mat, path, ["X"]).startswith(f"{path}: {message}")


def _whole():
    plain, packed = io.BytesIO(), io.BytesIO()
    made = {"X": np.arange(96, dtype=np.uint8).reshape(4, 4, 3, 2), "y": np.array([[10], [3]], np.uint8)}
    savemat(plain, made)
    savemat(packed, made, do_compression=True)
    return plain.getvalue(), packed.getvalue()


PLAIN, PACKED = _whole()


@settings(max_examples=300)
@given(
    data=st.sampled_from([PLAIN, PACKED]),
    changes=st.lists(st.tuples(st.integers(0, len(PLAIN) - 1), st.integers(0, 255)), max_size=4),
    end=st.integers(0, len(PLAIN)),
)
@example(data=PLAIN, changes=[], end=len(PLAIN))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data, changes, end):
    spoilt = bytearray(data)
    for place, value in changes:
        spoilt[place % len(spoilt)] = value
    path = Path(tmp_path_factory.getbasetemp()) / "any.mat"
    path.write_bytes(spoilt[:end])
    arrays, said = None, ""
    try:
        arrays = read_mat(path, ("X", "y"))
    except DataError as error:
        said = str(error)
    assert arrays is not None or said.startswith(f"{path}: ")
    if not changes and arrays is not None:
        assert arrays["X"].tobytes() == np.arange(96, dtype=np.uint8).tobytes()
