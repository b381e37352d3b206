"""Files and folders that are not what they seem: odd names, links, no permission, gone or cut while they are read."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toys import files_below, message_of, write_image, write_split_folder

from striate.data import ArraySource, FolderSource, check, load_split, open_image, open_source
from striate.errors import DataError

NAUGHTY = "\x1b[31mred\x07\u202e\n"


def plain(text):
    return text.isprintable() and len(text) < 1000


# Names


def test_a_file_with_control_characters_in_its_name(tmp_path):
    root = write_split_folder(tmp_path)
    odd = root / "train" / "cat" / f"{NAUGHTY}.png"
    odd.write_bytes(b"no image")
    text = message_of(DataError, load_split, FolderSource(root), "train", (3, 8, 8))
    assert plain(text)
    assert r"cat/\x1b[31mred\x07\u202e\n.png: not an image. Repair" in text
    report = check(root)
    assert len(report.find("not-an-image").records) == 1
    assert all(line.isprintable() for line in report.text().split("\n"))
    assert not {"\x1b", "\x07", "\u202e"} & set(report.to_html())
    write_image(root / "x.png", 5).rename(odd)  # which is no reason to refuse it, if it is an image
    assert len(load_split(FolderSource(root), "train", (3, 8, 8))) == 9


@pytest.mark.parametrize(
    "name", [NAUGHTY, os.fsdecode(b"\xff\xfe"), "\u200b"], ids=["codes", "bytes", "nothing"]
)
def test_a_class_whose_name_cannot_be_printed(tmp_path, name):
    """It would stand in every table; `check` still looks at its images."""
    root = write_split_folder(tmp_path, classes=("cat", name))
    text = message_of(DataError, FolderSource, root)
    assert text == f"{root}: its class name, {name!r}, has characters that cannot be printed."
    report = check(root)
    assert report.find("refused").verdict == "error"
    assert all(line.isprintable() for line in report.text().split("\n"))


def test_a_source_without_images_is_not_checked():
    images, targets = np.zeros((0, 3, 8, 8), np.uint8), np.zeros(0, np.int64)
    nothing = ArraySource("none", {"train": images}, {"train": targets}, ("a",))
    assert message_of(DataError, check, nothing) == "none: holds no images to look at."


# Links


def test_links_in_circles_end(tmp_path):
    """Each image comes once, however links lead; links to files that lead nowhere are damaged images."""
    root = write_split_folder(tmp_path / "set")
    cats = root / "train" / "cat"
    (cats / "up").symlink_to(root, target_is_directory=True)
    (cats / "here").symlink_to(cats, target_is_directory=True)
    (cats / "deep" / "er").mkdir(parents=True)
    (cats / "deep" / "er" / "back").symlink_to(cats / "deep", target_is_directory=True)
    (root / "train" / "itself").symlink_to(root / "train" / "itself")
    (root / "train" / "one").symlink_to(root / "train" / "other")
    (root / "train" / "other").symlink_to(root / "train" / "one")
    source = FolderSource(root)
    assert source.class_names == ("cat", "dog")
    assert len(source.targets["train"]) == 8
    assert check(root).statistics.images == 24
    (cats / "loop.png").symlink_to(cats / "loop.png")
    text = message_of(DataError, load_split, FolderSource(root), "train", (3, 8, 8))
    assert (
        f"1 of 9 images in 'train' cannot be read: {cats / 'loop.png'}: Too many levels of symbolic links"
        in text
    )


def test_which_links_are_followed(tmp_path):
    """Links to files and to classes are, wherever they lead; links to folders below a class are not."""
    root = write_split_folder(tmp_path / "set")
    outside = write_split_folder(tmp_path / "outside", splits=("all",), classes=("eel",))
    for split in ("train", "val", "test"):
        (root / split / "eel").symlink_to(outside / "all" / "eel", target_is_directory=True)
    (root / "train" / "cat" / "linked.png").symlink_to(outside / "all" / "eel" / "0.png")
    (root / "train" / "cat" / "folder").symlink_to(outside / "all" / "eel", target_is_directory=True)
    source = FolderSource(root)
    assert source.class_names == ("cat", "dog", "eel")
    assert np.bincount(source.targets["train"]).tolist() == [5, 4, 4]
    listed = {source.record("train", i).name for i in range(13)}
    assert str(root / "train" / "cat" / "linked.png") in listed
    assert not any("folder" in name.removeprefix(str(tmp_path)) for name in listed)


def test_folders_without_end(tmp_path):
    """A thousand folders, one within the other, are no reason to fail."""
    root = write_split_folder(tmp_path / "set")
    image = write_image(tmp_path / "a.png", 99).read_bytes()
    at = os.open(root / "train" / "cat", os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    file = os.open("deep.png", os.O_WRONLY | os.O_CREAT, dir_fd=at)
    os.write(file, image)
    os.close(file)
    os.close(at)
    source = FolderSource(root)
    assert len(source.targets["train"]) == 9
    assert check(root).statistics.readable == 25
    subprocess.run(["rm", "-r", root / "train" / "cat" / "d"], check=True)  # pytest cannot


# Permissions


def test_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    """As an administrator sees nothing of permissions, the system's answer is given here by hand."""
    root = write_split_folder(tmp_path)
    closed = root / "train" / "cat" / "closed"
    closed.mkdir()
    scandir = os.scandir

    def guarded(path="."):
        if Path(path) == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert message_of(DataError, FolderSource, root) == f"{closed}: cannot be read: Permission denied."
    finding = check(root).find("closed-folder")
    assert finding.verdict == "error"
    assert finding.records == ("train/cat/closed",)


# Changes while it is read


def test_a_mapped_array_that_is_cut_short(tmp_path):
    """To read a mapping beyond the end of its file ends the process; here it is told."""
    images = np.random.default_rng(0).integers(0, 256, (100, 32, 32), np.uint8)
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", np.arange(100) % 2)
    source = open_source(f"npy:{tmp_path}")
    before = source.array("test").copy()
    os.truncate(tmp_path / "images.npy", 5000)
    told = f"{tmp_path / 'images.npy'}: has been cut short since it was opened; restore it and start again."
    assert message_of(DataError, source.record, "train", 50) == told
    assert message_of(DataError, source.array, "test") == told
    # One that is put in its place, or taken away, is another file: what was opened stays.
    np.save(tmp_path / "images.npy", images)
    source = open_source(f"npy:{tmp_path}")
    (tmp_path / "images.npy").unlink()
    assert np.array_equal(source.array("test"), before)


# Disks that are full


def test_a_cache_that_cannot_grow_leaves_nothing(tmp_path):
    """Reading goes on without it; of the entry that was begun nothing stays."""
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from striate.data import FolderSource, load_split\n"
        "source = FolderSource(sys.argv[1])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "print(len(load_split(source, 'train', (3, 16, 16))))\n"
    )
    root = write_split_folder(tmp_path / "set", splits=("train", "val"), each=110)
    cache = tmp_path / "cache"
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)],
        capture_output=True,
        text=True,
        env=os.environ | {"STRIATE_CACHE": str(cache)},
    )
    assert (done.stdout, done.stderr) == ("220\n", "")
    assert files_below(cache) == []


def test_an_image_file_that_fails_while_it_is_read(tmp_path, monkeypatch):
    """A disk that is going: the system's own words, with the file's name."""
    path = write_image(tmp_path / "a.png", 0)

    def failing(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("PIL.Image.open", failing)
    assert message_of(DataError, open_image, path) == f"{path}: Input/output error."
