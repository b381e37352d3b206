"""Image folders: the layouts, the division by content, and what is wrong with a folder."""

import hashlib
import shutil
from collections import defaultdict

import numpy as np
import pytest
from PIL import Image
from toys import message_of, write_image, write_split_folder

from striate.data import FolderSource, load_split, open_source
from striate.data.check.listing import list_images
from striate.errors import DataError


def pixels_of(image):
    return image.size, image.convert("RGB").tobytes()


def files_of(source, root):
    """Return ``{split: [(file, class), …]}``; a file is known by its pixels."""
    known = defaultdict(list)
    for file in sorted(root.rglob("*.png")):
        with Image.open(file) as image:
            known[pixels_of(image)].append(str(file))
    return {
        split: [
            (known[pixels_of(source.image(split, i))].pop(0), source.class_names[target])
            for i, target in enumerate(targets)
        ]
        for split, targets in source.targets.items()
    }


def split_of(file):
    """The rule, once more: the first four bytes of the SHA-256, little end first, in percent."""
    first = hashlib.sha256(file.read_bytes()).digest()[:4]
    percent = sum(byte << 8 * i for i, byte in enumerate(first)) % 100
    return "train" if percent < 80 else "val" if percent < 90 else "test"


def write_flat_folder(root, classes=("cat", "dog"), each=60, first=0):
    for k, name in enumerate(classes):
        for number in range(each):
            write_image(root / name / f"{number:03}.png", first + k * each + number)
    return root


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("training", "valid", "testing"),
        ("train", "validation", "test"),
    ],
)
def test_split_folders(tmp_path, names):
    write_split_folder(tmp_path, names)
    source = open_source(str(tmp_path))
    assert source.name == f"folder:{tmp_path}"
    assert source.class_names == ("cat", "dog")
    assert source.shape is None
    for split, name in zip(("train", "val", "test"), names, strict=True):
        assert files_of(source, tmp_path)[split] == [
            (str(tmp_path / name / c / f"{i}.png"), c) for c in ("cat", "dog") for i in range(4)
        ]


def test_without_a_validation_folder_some_of_the_training_files_validate(tmp_path):
    write_flat_folder(tmp_path / "train", each=40)
    write_flat_folder(tmp_path / "test", each=3, first=1000)
    source = FolderSource(tmp_path)
    found = files_of(source, tmp_path)
    assert list(found) == ["train", "test", "val"]
    files = sorted((tmp_path / "train").rglob("*.png"))
    # Percent 90 and above validate here, since no test files are taken.
    late = [str(f) for f in files if split_of(f) == "test"]
    assert 0 < len(late) < 20
    assert [name for name, _ in found["val"]] == late
    assert sorted(name for name, _ in found["train"] + found["val"]) == list(map(str, files))


def test_classes_are_sorted_and_may_nest_and_hide(tmp_path):
    write_split_folder(tmp_path, classes=("zebra", "Ant", "bee 2"))
    write_image(tmp_path / "train" / "zebra" / "deep" / "er" / "z.png", 900)
    (tmp_path / "train" / "zebra" / ".DS_Store").write_text("no image")
    (tmp_path / "train" / ".cache" / "x").mkdir(parents=True)
    (tmp_path / "train" / "zebra" / ".thumbnails").mkdir()
    (tmp_path / "train" / "zebra" / ".thumbnails" / "x.png").write_text("no image")
    (tmp_path / "train" / "README.txt").write_text("beside the classes")
    source = FolderSource(tmp_path)
    assert source.class_names == ("Ant", "bee 2", "zebra")
    assert np.bincount(source.targets["train"]).tolist() == [4, 4, 5]


def test_the_division_is_by_content(tmp_path):
    write_flat_folder(tmp_path)
    found = files_of(FolderSource(tmp_path), tmp_path)
    for split, rows in found.items():
        assert [name for name, _ in rows] == [
            str(f) for f in sorted(tmp_path.rglob("*.png")) if split_of(f) == split
        ]
    assert sum(map(len, found.values())) == 120
    assert len(found["train"]) > 80


def test_adding_and_renaming_moves_no_other_file(tmp_path):
    write_flat_folder(tmp_path)
    before = {
        name: split for split, rows in files_of(FolderSource(tmp_path), tmp_path).items() for name, _ in rows
    }
    renamed = tmp_path / "cat" / "000.png"
    renamed.rename(tmp_path / "cat" / "another name.png")
    write_flat_folder(tmp_path / "more", each=30, first=5000)
    shutil.move(tmp_path / "more" / "cat", tmp_path / "dog" / "from elsewhere")
    shutil.rmtree(tmp_path / "more")
    after = {
        name: split for split, rows in files_of(FolderSource(tmp_path), tmp_path).items() for name, _ in rows
    }
    assert len(after) == len(before) + 30
    assert after[str(tmp_path / "cat" / "another name.png")] == before.pop(str(renamed))
    assert {name: after[name] for name in before} == before


def test_equal_files_land_in_one_split(tmp_path):
    write_flat_folder(tmp_path)
    for number in range(60):
        shutil.copy(tmp_path / "cat" / f"{number:03}.png", tmp_path / "cat" / f"copy {number}.png")
    for rows in files_of(FolderSource(tmp_path), tmp_path).values():
        cats = [name.rsplit("/", 1)[1] for name, label in rows if label == "cat"]
        originals = {int(name[:3]) for name in cats if not name.startswith("copy")}
        assert originals == {int(name.split()[1][:-4]) for name in cats if name.startswith("copy")}


def test_the_fingerprint_is_of_content_labels_and_splits(tmp_path):
    def fingerprint(root):
        return FolderSource(root).fingerprint

    a = write_split_folder(tmp_path / "a")
    b = tmp_path / "elsewhere"
    shutil.copytree(a, b)
    assert fingerprint(a) == fingerprint(b)
    # Names and order do not matter: the first file becomes the last.
    (b / "val" / "dog" / "0.png").rename(b / "val" / "dog" / "z.png")
    assert fingerprint(a) == fingerprint(b)
    shutil.move(b / "val" / "dog" / "z.png", b / "val" / "cat" / "z.png")
    assert fingerprint(a) != fingerprint(b)
    shutil.move(b / "val" / "cat" / "z.png", b / "test" / "dog" / "z.png")
    assert fingerprint(a) != fingerprint(b)
    shutil.move(b / "test" / "dog" / "z.png", b / "val" / "dog" / "z.png")
    assert fingerprint(a) == fingerprint(b)
    write_image(b / "val" / "dog" / "3.png", 777)
    assert fingerprint(a) != fingerprint(b)


def test_the_fingerprint_of_a_divided_folder_forgets_names(tmp_path):
    write_flat_folder(tmp_path)
    before = FolderSource(tmp_path).fingerprint
    for number in range(60):
        (tmp_path / "cat" / f"{number:03}.png").rename(tmp_path / "cat" / f"{99 - number} renamed.png")
    assert FolderSource(tmp_path).fingerprint == before


def test_links_that_lead_back_up_are_not_followed(tmp_path):
    write_split_folder(tmp_path)
    expected = files_of(FolderSource(tmp_path), tmp_path)
    (tmp_path / "train" / "cat" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "train" / "loop").symlink_to(tmp_path / "train", target_is_directory=True)
    (tmp_path / "train" / "top").symlink_to(tmp_path, target_is_directory=True)
    assert files_of(FolderSource(tmp_path), tmp_path) == expected


def test_a_class_may_be_a_link(tmp_path):
    write_split_folder(tmp_path / "a")
    (tmp_path / "a" / "train" / "cat").rename(tmp_path / "cats")
    (tmp_path / "a" / "train" / "cat").symlink_to(tmp_path / "cats", target_is_directory=True)
    assert np.bincount(FolderSource(tmp_path / "a").targets["train"]).tolist() == [4, 4]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: shutil.rmtree(r), "{r}: no such folder."),
        (lambda r: (shutil.rmtree(r), r.write_text("x")), "{r}: not a folder."),
        (
            lambda r: (shutil.rmtree(r), r.mkdir()),
            "{r}: holds no class folders; put images in {r}/<class>/ or {r}/train/<class>/.",
        ),
        (
            lambda r: (shutil.rmtree(r), write_image(r / "a.png", 1)),
            "{r}: holds no class folders; put images in {r}/<class>/ or {r}/train/<class>/.",
        ),
        (
            lambda r: shutil.rmtree(r / "train"),
            "{r}: has val, test and no train folder; add {r}/train/<class>/.",
        ),
        (
            lambda r: shutil.rmtree(r / "val" / "dog"),
            "{r}: no files in the split 'val' for the class dog. Add images, or remove the class from every split.",
        ),
        (
            lambda r: [f.unlink() for c in ("cat", "dog") for f in (r / "test" / c).iterdir()],
            "{r}: no files in the split 'test' for the classes cat, dog. "
            "Add images, or remove the class from every split.",
        ),
        (
            lambda r: write_image(r / "valid" / "cat" / "1.png", 1),
            "{r}: has val, valid, which mean one split; keep one.",
        ),
    ],
    ids=["missing", "a file", "empty", "images in root", "no train", "missing class", "empty class", "twice"],
)
def test_a_wrong_folder_is_explained(tmp_path, change, reason):
    root = write_split_folder(tmp_path / "set")
    change(root)
    assert message_of(DataError, FolderSource, root) == reason.format(r=root)


def test_a_class_without_files_in_a_folder_without_splits(tmp_path):
    write_flat_folder(tmp_path)
    (tmp_path / "eel").mkdir()
    assert message_of(DataError, FolderSource, tmp_path) == (
        f"{tmp_path}: no files in {tmp_path} for the class eel. "
        "Add images, or remove the class from every split."
    )


def test_too_few_files_to_divide(tmp_path):
    write_flat_folder(tmp_path, each=2)
    text = message_of(DataError, FolderSource, tmp_path)
    assert text.startswith("4 files are too few to divide by content: the split '")
    assert text.endswith("would lack images. Add images, or make train, val and test folders.")


def test_too_few_files_to_set_some_aside(tmp_path):
    for seed, (split, name) in enumerate((s, c) for s in ("train", "test") for c in ("cat", "dog")):
        write_image(tmp_path / split / name / "0.png", seed)
    assert message_of(DataError, FolderSource, tmp_path) == (
        "2 files are too few to divide by content: the split 'val' would lack images. "
        "Add images, or make a val folder beside train."
    )


def test_what_systems_leave_in_folders_is_passed_over(tmp_path):
    root = write_flat_folder(tmp_path / "set")
    before = FolderSource(root).fingerprint
    for place in (root, root / "cat", root / "dog"):
        for name in ("Thumbs.db", "desktop.ini", "ehthumbs.db", "Icon\r", ".DS_Store"):
            (place / name).write_bytes(b"no image")
        write_image(place / "__MACOSX" / "1.png", 1)
    source = FolderSource(root)
    assert source.class_names == ("cat", "dog")
    assert source.fingerprint == before
    assert sum(map(len, source.targets.values())) == 120
    tree = list_images(root).tree
    assert {name: len(files) for name, files in tree.files["all"].items()} == {"cat": 60, "dog": 60}
    assert not tree.strays


def test_other_files_among_images_are_named(tmp_path):
    root = write_split_folder(tmp_path)
    (root / "train" / "cat" / "notes.txt").write_text("whiskers")
    text = message_of(DataError, load_split, FolderSource(root), "train", (3, 8, 8))
    assert f"1 of 9 images in 'train' cannot be read: {root / 'train/cat/notes.txt'}: not an image." in text


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("images", "holds one class folder, 'images', and a table."),
        ("train", "holds no class folders; put images in {r}/<class>/ or {r}/train/<class>/."),
    ],
    ids=["one class", "no class"],
)
def test_a_table_beside_one_folder_is_named(tmp_path, folder, reason):
    for seed in range(60):
        write_image(tmp_path / folder / f"{seed}.png", seed)
    for name in ("train.csv", "sample.csv"):
        (tmp_path / name).write_text("path,label\n")
    assert message_of(DataError, FolderSource, tmp_path) == (
        f"{tmp_path}: {reason.format(r=tmp_path)} To train on the table in it, name that: csv:{tmp_path}/train.csv."
    )
    write_flat_folder(tmp_path, ("cat",))
    if folder != "train":
        assert FolderSource(tmp_path).class_names == ("cat", "images")
