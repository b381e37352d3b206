"""`open_source` and `ArraySource`: what they take, and what they say to anything else."""

import itertools
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from shard_files import write_set
from sklearn.datasets import load_digits
from toys import message_of, toy_source, write_image, write_split_folder

from striate.data import ArraySource, FolderSource, idx, load_split, open_source, pack_source, read_idx
from striate.errors import DataError

LOCATIONS = (
    "idx:DIR, folder:DIR, cifar10:DIR, cifar100:DIR, svhn:DIR, stl10:DIR, npz:FILE, npy:DIR, csv:FILE, jsonl:FILE, "
    "parquet:FILE, hf:NAME, wds:URL, pack:FILE, fold:FOLD, bag:BAG"
)
KINDS = f"neither a known set (digits), nor a folder, nor a file, nor kind:location ({LOCATIONS})."
KNOWN = "Known: bag, cifar10, cifar100, csv, fold, folder, hf, idx, jsonl, npy, npz, pack, parquet, stl10, svhn, wds."


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digit", f"no data called 'digit': {KINDS} Did you mean 'digits'?"),
        ("DIGITS", f"no data called 'DIGITS': {KINDS} Did you mean 'digits'?"),
        ("nowhere/at/all", "no data called 'nowhere/at/all': no such file or folder."),
        ("id:mnist", f"unknown kind of data 'id'. Did you mean 'idx'? {KNOWN}"),
        ("foldr:x", f"unknown kind of data 'foldr'. Did you mean 'folder' or 'fold'? {KNOWN}"),
        ("digits:x", f"unknown kind of data 'digits'. {KNOWN}"),
        ("idx:", "'idx:' names no folder; write idx:DIR."),
        ("folder:", "'folder:' names no folder; write folder:DIR."),
        ("idx: ", "'idx: ' names no folder; write idx:DIR."),
        (
            "",
            f"'' names no data; write digits, a folder, a file, or kind:location ({LOCATIONS}).",
        ),
        ("folder:nowhere", "nowhere: no such folder."),
        ("C:\\nowhere", "no data called 'C:\\\\nowhere': no such file or folder."),
        ("./a:b", "no data called './a:b': no such file or folder."),
        ("nope.csv?path=a:b", "unknown kind of data 'nope.csv?path=a'. " + KNOWN),
        ("nope.csv?path=a", "no data called 'nope.csv?path=a': no such file or folder."),
        ("nope.CSV", "no data called 'nope.CSV': no such file or folder."),
    ],
)
def test_unknown_data(name, message):
    assert message_of(DataError, open_source, name) == message


@pytest.mark.parametrize("name", [["a"], 3, None, b"digits"], ids=["list", "int", "None", "bytes"])
def test_what_is_no_name(name):
    assert message_of(DataError, open_source, name) == (
        f"data={name!r}: must be a name (str), or the Path of a folder or a file."
    )


@pytest.fixture(params=["arrays", "encoded", "folder", "table", "stored", "pack", "shards"])
def one_source(request, tmp_path):
    """A source of two images each in train and val."""
    images = {split: np.zeros((2, 1, 8, 8), np.uint8) for split in ("train", "val")}
    held = ArraySource("toy", images, dict.fromkeys(images, np.arange(2)), ("a", "b"))
    match request.param:
        case "arrays":
            return held
        case "pack":
            pack_source(held, tmp_path / "a.pack", (1, 8, 8))
            return open_source(tmp_path / "a.pack")
        case "stored":
            parts = {f"{split}_images": images[split][:, 0] for split in images}
            parts |= {f"{split}_labels": np.arange(2) for split in images}
            np.savez(tmp_path / "a.npz", **parts)
            return open_source(tmp_path / "a.npz")
        case "shards":
            return open_source(f"wds:{write_set(tmp_path / 'shards', train=(2,), val=(2,))}")
    root = tmp_path / "set"
    files = [
        (split, label, write_image(root / split / label / "0.png", place))
        for place, (split, label) in enumerate(itertools.product(("train", "val"), "ab"))
    ]
    if request.param == "folder":
        return FolderSource(root)
    if request.param == "table":
        lines = [f"{path},{label},{split}" for split, label, path in files]
        (tmp_path / "a.csv").write_text("\n".join(["path,label,split", *lines]))
        return open_source(tmp_path / "a.csv")
    table = [
        {"image": {"bytes": path.read_bytes()}, "label": label, "split": split}
        for split, label, path in files
    ]
    for split in ("train", "val"):
        rows = [{"image": row["image"], "label": row["label"]} for row in table if row["split"] == split]
        (tmp_path / "rows").mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows" / f"{split}-0.parquet")
    return open_source(f"parquet:{tmp_path / 'rows'}")


def test_a_split_that_no_source_has(one_source):
    text = (
        f"{one_source.name} has no split 'tst'; it has train, val. "
        "Choose one of them, such as --split val (split='val')."
    )
    assert message_of(DataError, one_source.record, "tst", 0) == text
    assert message_of(DataError, one_source.split_targets, "tst") == text
    if one_source.array("val") is not None:
        assert message_of(DataError, one_source.array, "tst") == text


@pytest.mark.parametrize("index", [2, -3, 99999])
def test_an_image_that_is_not_there(one_source, index):
    text = message_of(IndexError, one_source.record, "train", index)
    assert text == f"{one_source.name} has 2 images in 'train', numbered from 0; none is {index}."


def test_images_counted_from_the_end(one_source):
    last, same = one_source.image("val", 1), one_source.image("val", -1)
    assert np.array_equal(np.asarray(last), np.asarray(same))


@pytest.mark.parametrize("reader", [FolderSource, idx, lambda name: read_idx(name, axes=1)])
def test_an_empty_name_is_not_the_current_folder(reader, tmp_path, monkeypatch):
    monkeypatch.chdir(write_split_folder(tmp_path))
    assert message_of(DataError, reader, "") == (
        "'' names no data; name a folder, or write '.' for the current one."
    )
    assert FolderSource(".").fingerprint == FolderSource(tmp_path).fingerprint


def test_a_folder_has_three_names(tmp_path):
    root = write_split_folder(tmp_path / "set")
    prints = {open_source(n).fingerprint for n in (root, str(root), f"folder:{root}")}
    assert prints == {FolderSource(root).fingerprint}


def test_digits_are_those_of_scikit_learn():
    theirs = load_digits()
    parts = [load_split(open_source("digits"), split, (1, 8, 8)) for split in ("train", "val", "test")]
    images = np.concatenate([part.images.numpy() for part in parts])
    targets = np.concatenate([part.targets.numpy() for part in parts])
    assert images.shape == (1797, 1, 8, 8)
    scaled = np.rint(theirs.images * 255 / 16).astype(np.uint8)
    wanted = sorted((int(t), i.tobytes()) for i, t in zip(scaled, theirs.target, strict=True))
    assert sorted((int(t), i.tobytes()) for i, t in zip(images, targets, strict=True)) == wanted


def test_digits_without_their_file(monkeypatch, tmp_path):
    monkeypatch.setattr(
        sys.modules["striate.data.sources.digits"],
        "find_spec",
        lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py")),
    )
    with pytest.raises(
        DataError, match=r"digits: scikit-learn has no .*digits\.csv\.gz; install one that has"
    ):
        open_source("digits")


def test_a_folder_called_digits_is_found_again_by_its_source_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_split_folder(tmp_path / "digits")
    source = open_source("./digits")
    assert source.class_names == ("cat", "dog")
    assert source.name == f"folder:{tmp_path / 'digits'}"
    assert open_source(source.name).fingerprint == source.fingerprint
    assert open_source("digits").class_names == tuple("0123456789")


@pytest.mark.parametrize("name", ["a.txt", "noext", "npz"])
def test_a_file_of_no_known_suffix(tmp_path, name):
    path = tmp_path / name
    path.write_text("")
    for how in (path, str(path)):
        assert message_of(DataError, open_source, how) == (
            f"{path}: not a folder, and its name does not end as a file of data does (.npz, .csv, .tsv, .jsonl, "
            ".ndjson, .parquet, .tar, .pack); rename it, or write kind:FILE."
        )


def test_several_labels_in_arrays():
    images = np.zeros((3, 1, 2, 2), np.uint8)
    several = np.array([[1, 1], [0, 0], [0, 1]], np.uint8)
    source = ArraySource("mine", {"train": images}, {"train": several}, ("a", "b"))
    assert source.multi_label
    assert source.targets["train"].tolist() == several.tolist()
    assert not toy_source().multi_label
    assert message_of(DataError, source.split_targets, "train") == (
        "mine: its images may have several labels each, and one is wanted. Keep one label of each, "
        "or choose other data."
    )
    assert message_of(
        DataError, ArraySource, "mine", {"train": images}, {"train": several * 2}, ("a", "b")
    ) == ("mine train: targets of several labels hold 2; each must be 0 or 1.")
    parts = {"train": several, "test": [0, 1, 1]}
    assert message_of(DataError, ArraySource, "mine", dict.fromkeys(parts, images), parts, ("a", "b")) == (
        "mine: only train has several labels an image; all must, or none."
    )


def test_an_array_source_gives_back_its_images():
    source = toy_source(train=6, channels=3)
    stored = source.array("train")
    assert source.shape == (3, 8, 8)
    assert np.array_equal(np.asarray(source.image("train", 4)).transpose(2, 0, 1), stored[4])
    grey = toy_source(train=6)
    assert np.array_equal(np.asarray(grey.image("train", 4)), grey.array("train")[4, 0])


def test_the_fingerprint_covers_pixels_labels_and_names():
    def source(pixel=0, label=0, name="a"):
        images = np.zeros((2, 1, 2, 2), np.uint8)
        images[1, 0, 1, 0] = pixel
        return ArraySource("x", {"train": images}, {"train": np.array([0, label])}, (name, "b"))

    prints = [s.fingerprint for s in (source(), source(pixel=1), source(label=1), source(name="c"))]
    assert len(set(prints)) == 4
    assert source().fingerprint == prints[0]


def array_source(images=None, targets=(0, 1)):
    images = np.zeros((2, 1, 3, 3), np.uint8) if images is None else images
    parts = {} if targets is None else {"train": targets}
    return ArraySource("mine", {"train": images}, parts, ("a", "b"))


def test_targets_of_any_whole_type_become_int64():
    assert array_source(targets=np.array([0, 1], np.uint8)).targets["train"].dtype == np.int64


def locked(array):
    array = array.copy()
    array.setflags(write=False)
    return array


@pytest.mark.parametrize(
    "lay",
    [locked, lambda a: np.flip(a.copy()), lambda a: a.repeat(2, axis=-1)[..., ::2], np.asfortranarray],
    ids=["read-only", "backwards", "every other", "columns first"],
)
def test_arrays_may_lie_in_memory_as_they_like(lay):
    pixels, targets = (
        np.random.default_rng(0).integers(0, 256, (4, 3, 5, 6), np.uint8),
        np.array([0, 1, 1, 0]),
    )
    images, labels = lay(pixels), lay(targets)
    source = ArraySource("mine", {"train": images}, {"train": labels}, ("a", "b"))
    loaded = load_split(source, "train", (3, 5, 6))  # a warning of torch would fail the test
    assert loaded.images.tolist() == images.tolist()
    assert loaded.targets.tolist() == labels.tolist()
    assert (
        source.fingerprint
        == ArraySource(
            "plain", {"train": np.array(images.tolist(), np.uint8)}, {"train": labels.tolist()}, ("a", "b")
        ).fingerprint
    )


def test_an_array_that_torch_takes_is_not_copied():
    images = np.zeros((2, 1, 3, 3), np.uint8)
    assert array_source(images).array("train") is images


@pytest.mark.parametrize(
    ("splits", "wanted", "fix"),
    [
        ("train val test", "x", "Choose one of them, such as --split val (split='val')."),
        ("train test", "x", "Choose one of them, such as --split test (split='test')."),
        ("a b", "x", "Choose one of them, such as --split a (split='a')."),
        (
            "train test",
            "val",
            "Training needs train and val; to measure, choose one of them, such as --split test (split='test').",
        ),
    ],
)
def test_a_split_that_is_not_there(splits, wanted, fix):
    names = splits.split()
    images = {name: np.zeros((1, 1, 2, 2), np.uint8) for name in names}
    source = ArraySource("mine", images, {name: [0] for name in names}, ("a",))
    assert message_of(DataError, source.split_targets, wanted) == (
        f"mine has no split {wanted!r}; it has {', '.join(names)}. {fix}"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"images": np.zeros((2, 1, 3, 3))},
            "images are float64 (2, 1, 3, 3); they must be uint8 (N, C, H, W).",
        ),
        (
            {"images": [[[[0]]], [[[0]]]]},
            "images are a list; they must be a numpy array, uint8 (N, C, H, W).",
        ),
        (
            {"images": torch.zeros(2, 1, 3, 3, dtype=torch.uint8)},
            "images are a Tensor; they must be a numpy array, uint8 (N, C, H, W).",
        ),
        ({"targets": (0.0, 0.5)}, "targets are float64; they must be whole numbers, 0 to 1."),
        ({"targets": ("a", "b")}, "targets are <U1; they must be whole numbers, 0 to 1."),
        (
            {"images": np.zeros((2, 3, 3), np.uint8)},
            "images are uint8 (2, 3, 3); they must be uint8 (N, C, H, W).",
        ),
        (
            {"targets": (0, 1, 1)},
            "2 images and targets of shape (3,); there must be one target per image.",
        ),
        ({"targets": None}, "2 images and no targets; there must be one target per image."),
        ({"targets": (0, 2)}, "targets from 0 to 2 for 2 classes; they must be 0 to 1."),
        ({"targets": (-1, 1)}, "targets from -1 to 1 for 2 classes; they must be 0 to 1."),
    ],
)
def test_arrays_that_do_not_fit(change, message):
    assert message_of(DataError, array_source, **change) == f"mine train: {message}"


def test_targets_of_no_shape():
    text = message_of(DataError, array_source, targets=([0], [0, 1]))
    assert text.startswith("mine train: targets are no array of whole numbers (")
