"""Every kind of source, where a file of it is something else, may not be read, or changes while it is read."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from specimens import SETS
from toys import message_of

from striate.data import load_split, open_source
from striate.errors import ChangedError, DataError


def read_all(source):
    for split, targets in source.targets.items():
        for index in range(len(targets)):
            source.image(split, index)


def plain(text):
    return text.isprintable() and len(text) < 1000


def _a_folder(path):
    path.mkdir()


def _a_pipe(path):
    os.mkfifo(path)


def _itself(path):
    path.symlink_to(path)


def _nothing(path):
    path.symlink_to(path.with_name("nowhere"))


def _zeros(path):
    path.symlink_to("/dev/zero")


def _no_bytes(path):
    path.touch()


def _one_byte(path):
    path.write_bytes(b"\x00")


def _a_text(path):
    path.write_text("<html>404</html>\n" * 3)


INSTEAD = [_a_folder, _a_pipe, _itself, _nothing, _zeros, _no_bytes, _one_byte, _a_text]


@pytest.mark.parametrize("instead", INSTEAD, ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", SETS)
def test_something_else_in_the_place_of_a_file(tmp_path, name, instead):
    """Of every kind of source each file in turn: told in one line, and nothing is waited for."""
    whole = SETS[name]()
    opened = whole.write(tmp_path)
    for victim in whole.damaged or sorted(whole.files):
        path = tmp_path / victim
        path.unlink()
        instead(path)
        try:
            source = open_source(opened)
            read_all(source)
        except DataError as error:
            told = str(error)
            assert str(tmp_path) in told
            assert plain(told), told
        else:
            # Folders may lie in a class, and beside files that are found by their endings.
            assert instead is _a_folder, victim
            assert name in ("folder", "npy", "parquet", "parquet_gzipped", "wds"), victim
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        path.write_bytes(whole.files[victim])


READING = """
import json, os, sys
from striate.data import open_source
from striate.errors import DataError

def told(name):
    try:
        source = open_source(name)
        for split, targets in source.targets.items():
            for index in range(len(targets)):
                source.image(split, index)
    except DataError as error:
        return str(error)

jobs = json.loads(input())
for name, _ in jobs:
    assert told(name) is None, told(name)  # loads all that is loaded late
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print("ready", flush=True)
input()
print(json.dumps([told(name) for name, _ in jobs]))
"""


def test_files_that_may_not_be_read(monkeypatch):
    """Every kind of source, one of its files closed, read by a process that is no administrator."""
    with tempfile.TemporaryDirectory() as outer:  # pytest's own folder lets nobody else in
        Path(outer).chmod(0o755)
        jobs = []
        for name, make in SETS.items():
            folder = Path(outer) / name
            folder.mkdir()
            whole = make()
            victim = (whole.damaged or sorted(whole.files))[-1]
            jobs.append((whole.write(folder), str(folder / victim)))
        with subprocess.Popen(
            [sys.executable, "-c", READING],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"STRIATE_CACHE": "off"},
        ) as process:
            process.stdin.write(json.dumps(jobs) + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ready\n"
            for _, closed in jobs:
                Path(closed).chmod(0)
            process.stdin.write("\n")
            process.stdin.flush()
            answers = json.loads(process.stdout.readline())
    for (_, closed), told in zip(jobs, answers, strict=True):
        assert told is not None, closed
        assert "Permission denied" in told
        assert closed in told
        assert plain(told)


def test_images_of_a_table_that_change_while_they_are_read(tmp_path):
    whole = SETS["csv"]()
    source = open_source(whole.write(tmp_path))
    gone, cut = tmp_path / "train" / "0.png", tmp_path / "train" / "1.png"
    gone.unlink()
    text = message_of(DataError, load_split, source, "train", (3, 6, 7))
    assert f"1 of 4 images in 'train' cannot be read: {gone}: no such file." in text
    cut.write_bytes(whole.files["train/1.png"][:60])
    text = message_of(ChangedError, load_split, source, "train", (3, 6, 7))
    assert text == f"{cut}: has changed since the data were opened; once they are at rest, do the same again."


def test_shards_that_are_gone_while_they_are_read(tmp_path):
    whole = SETS["parquet"]()
    source = open_source(whole.write(tmp_path))
    for name in whole.files:
        (tmp_path / name).unlink()
    assert len(load_split(source, "train", (3, 6, 7))) == 8  # open files stay


LYING = bytes.fromhex(
    "504152311500152015202c15041500150615061c000000020000000402010000006101000000621500152c152c2c1504"
    "1500150615061c000000020000000401000000000000000001000000000000001504194c35001806736368656d611504"
    "0036021805696d616765150200150c250218056279746573001504250218056c6162656c001604191c192c26001c150c"
    "19250600192805696d61676505627974657315001604164616462608491c150015001502003c16041906193600000400"
    "000026001c1504192506001918056c6162656c1500160416521652264e491c150015001502003c290619260004000000"
    "16980116042608169801002820706172717565742d6370702d6172726f772076657273696f6e2032362e302e31192c1c"
    "00001c000000d600000050415231"
)
"""A parquet file of two rows by pyarrow, but for one byte: a histogram of levels has more of them than there are."""


ONE = """
import sys
from striate.data import open_source
from striate.errors import DataError
try:
    open_source(sys.argv[1])
except DataError as error:
    print(error)
"""


def test_a_parquet_file_that_ends_the_process(tmp_path):
    """Asked for the size of a column, pyarrow 26 ends the process, by an exception that nothing catches."""
    path = tmp_path / "train.parquet"
    path.write_bytes(LYING)
    program = [sys.executable, "-c", ONE, f"parquet:{tmp_path}"]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{path}: damaged (")
