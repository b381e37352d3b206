"""``striate data fetch``: the list, what is shown of a fetch, what is said of troubles, and where."""

import json
import os
import pty
import re
import subprocess
import sys

import numpy as np
import pytest
from archives import tar
from loopback import contents, entry, serve
from scipy.io import savemat

from striate.data import KINDS, open_source
from striate.data.fetch import CATALOG


@pytest.fixture
def toy(server, put):
    data = bytes(300_000)
    server.files["toy.bin"] = data
    return put(entry("toy", {"toy.bin": data}, server.url))


def test_the_list(striate):
    done = striate("data", "fetch")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert len(lines) == 3 * len(CATALOG)
    assert (
        lines[0].split() == "mnist 11.6 MB MNIST: 70,000 handwritten digits, 28×28 grey, 10 classes".split()
    )
    assert lines[1].strip() == "licence: CC BY-SA 3.0 (LeCun and Cortes)"
    assert lines[2].strip() == "http://yann.lecun.com/exdb/mnist/"
    assert [line.split()[0] for line in lines[::3]] == list(CATALOG)


def test_the_list_as_json(striate):
    listed = json.loads(striate("data", "fetch", "--json").out)
    assert [entry["name"] for entry in listed] == list(CATALOG)
    first = listed[0]
    assert first["bytes"] == 11_594_722
    assert first["licence"].startswith("CC BY-SA 3.0")
    assert first["files"][3]["name"] == "t10k-labels-idx1-ubyte.gz"
    assert first["files"][3]["urls"][0].endswith("/mnist/t10k-labels-idx1-ubyte.gz")


def test_a_fetch_shows_its_licence_first_and_says_how_to_open(striate, toy, tmp_path):
    done = striate("data", "fetch", "toy", "--to", tmp_path)
    assert done.status == 0
    assert done.err == "A set called toy\nlicence: CC0\nhttp://127.0.0.1/\n"
    assert done.out == (
        f"{tmp_path}/toy: fetched (0.3 MB) and checked\nopen it with: --data {tmp_path}/toy\n"
    )
    again = striate("data", "fetch", "toy", "--to", tmp_path)
    assert again.out.splitlines()[0] == (
        f"{tmp_path}/toy: already there, 1 file read and unchanged; nothing downloaded"
    )


def test_the_folder_is_data_here_if_none_is_named(striate, toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert striate("data", "fetch", "toy").out.startswith("data/toy: fetched")
    assert sorted(contents(tmp_path)) == ["data/toy/striate-fetch.json", "data/toy/toy.bin"]


def test_a_fetch_as_json(striate, toy, tmp_path):
    done = striate("data", "fetch", "toy", "--to", tmp_path, "--json")
    folder = f"{tmp_path}/toy"
    assert json.loads(done.out) == {"name": "toy", "folder": folder, "source": folder, "received": 300_000}


def test_troubles_are_told_and_the_outcome_is_good(striate, server, toy, tmp_path):
    server.script["toy.bin"] = [serve(cut=1000)]
    done = striate("data", "fetch", "toy", "--to", tmp_path)
    assert done.status == 0
    assert done.err.splitlines()[3] == (
        f"{server.url}/toy.bin: it ended after 1,000 of 300,000 bytes; it is asked again in 1 s"
    )


def test_a_mirror(striate, server, toy, tmp_path):
    server.files["mine/toy.bin"] = server.files["toy.bin"]
    assert striate("data", "fetch", "toy", "--to", tmp_path, "--mirror", f"{server.url}/mine").status == 0
    assert [name for name, _ in server.asked] == ["mine/toy.bin"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mnits"], "unknown data set 'mnits'. Did you mean 'mnist'"),
        (["mnist", "--mirror", "here"], "--mirror 'here': 'here' is no address to fetch from"),
    ],
)
def test_what_is_wrong_is_told(striate, tmp_path, arguments, message):
    done = striate("data", "fetch", *arguments, "--to", tmp_path)
    assert (done.status, done.out) == (1, "")
    assert f"striate: {message}" in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_control_characters_of_a_server_do_not_reach_the_terminal(striate, server, toy, tmp_path):
    def step(handler, data):
        handler.wfile.write(b"HTTP/1.0 302 Found\r\nLocation: ftp://\x1b[2J/\r\n\r\n")

    server.script["toy.bin"] = [step]
    done = striate("data", "fetch", "toy", "--to", tmp_path)
    assert done.status == 1
    assert "\x1b" not in done.err
    assert r"\x1b[2J" in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
def test_a_bar_only_on_a_terminal(server, tmp_path):
    """Only there; a log gets the troubles and the outcome."""
    from test_fetch_interrupted import DATA, PROGRAM, arguments

    server.files["toy.bin"] = DATA
    ours, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments(server, tmp_path)],
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
        check=False,
    )
    os.close(terminal)
    drawn = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == f"{tmp_path}/toy: fetched (1.0 MB) and checked"
    assert re.search(r"toy\.bin.*━.*MB", drawn)


def test_every_entry_of_the_catalog_is_well_formed():
    for name, dataset in CATALOG.items():
        assert dataset.name == name
        assert dataset.licence
        assert dataset.homepage.startswith("http")
        names = [file.name for file in dataset.files]
        assert len(set(names)) == len(names)
        for file in dataset.files:
            assert re.fullmatch(r"[\w.-]+", file.name)
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert file.size > 0
            assert all(re.fullmatch(r"https?://[^\s]+/[^/]+", url) for url in file.urls())
            assert file.urls("http://mine/a/") == (f"http://mine/a/{file.name}",)
    digests = [file.sha256 for dataset in CATALOG.values() for file in dataset.files]
    assert len(set(digests)) == len(digests)


def test_the_names_that_were_promised():
    assert list(CATALOG) == "mnist fashion-mnist cifar10 cifar100 svhn stl10 flowers imagenette pets".split()


def idx(array):
    return (
        bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()
    )


def test_what_is_fetched_can_be_opened(server, bring, tmp_path):
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (40, 4, 4), np.uint8), np.arange(40, dtype=np.uint8) % 2
    four = {
        f"{split}-{kind}-ubyte": idx(array)
        for split in ("train", "t10k")
        for kind, array in (("images-idx3", pixels), ("labels-idx1", labels))
    }
    server.files |= four
    source = open_source(
        entry("four", four, server.url, kind="idx").source(bring(entry("four", four, server.url)))
    )
    assert np.array_equal(source.array("test")[:, 0], pixels)

    ten = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    records = np.concatenate(
        [labels[:, None], rng.integers(0, 256, (40, 3072), np.uint8)], axis=1, dtype=np.uint8
    )
    members = [(f"cifar-10-batches-bin/{name}", records.tobytes()) for name in ten]
    archive = tar(*members, ("cifar-10-batches-bin/batches.meta.txt", b"cat\ndog\n"))
    server.files["cifar.tgz"] = archive
    dataset = entry("ten", {"cifar.tgz": archive}, server.url, unpack="tar", kind="cifar10")
    source = open_source(dataset.source(bring(dataset)))
    assert np.array_equal(source.array("test").reshape(40, -1), records[:, 1:])
    assert source.class_names == ("cat", "dog")


def test_svhn_and_stl10_are_opened_as_they_are_fetched(server, bring, tmp_path):
    rng, digits = np.random.default_rng(0), np.arange(20)
    for name in ("train", "test"):
        x = np.zeros((32, 32, 3, 20), np.uint8) + digits.astype(np.uint8)
        savemat(tmp_path / f"{name}_32x32.mat", {"X": x, "y": digits[:, None] % 10 + 1}, do_compression=True)
    server.files |= {path.name: path.read_bytes() for path in tmp_path.glob("*.mat")}
    dataset = entry("svhn", dict(server.files), server.url, kind=CATALOG["svhn"].kind)
    source = open_source(dataset.source(bring(dataset)))
    assert source.name == f"svhn:{tmp_path / 'data/svhn'}"
    assert source.array("test")[:, 0, 0, 0].tolist() == digits.tolist()
    assert source.targets["test"].tolist() == ((digits % 10 + 1) % 10).tolist()

    labels = np.tile(np.arange(1, 11, dtype=np.uint8), 2)
    parts = {f"{s}_X.bin": rng.bytes(20 * 27_648) for s in ("train", "test")}
    parts |= {f"{s}_y.bin": labels.tobytes() for s in ("train", "test")}
    names = "".join(f"{name}\n" for name in "abcdefghij").encode()
    archive = tar(*((f"stl10_binary/{n}", data) for n, data in (parts | {"class_names.txt": names}).items()))
    server.files["stl10.tgz"] = archive
    dataset = entry("stl10", {"stl10.tgz": archive}, server.url, unpack="tar", kind=CATALOG["stl10"].kind)
    source = open_source(dataset.source(bring(dataset)))
    assert source.name == f"stl10:{tmp_path / 'data/stl10'}"
    assert source.class_names == tuple("abcdefghij")
    assert source.targets["test"].tolist() == (labels - 1).tolist()


def test_all_that_is_fetched_can_be_opened():
    assert {dataset.kind for dataset in CATALOG.values()} <= set(KINDS)
