"""Digests of files against hashlib, sums of pixels against whole numbers of Python."""

import hashlib
import os
import time

import numpy as np
import pytest
from toys import message_of, write_image

from striate.data import Record
from striate.data.file_content import file_digests
from striate.data.moments import Moments
from striate.errors import ChangedError


@pytest.mark.parametrize("count", [3, 200])
def test_digests(tmp_path, count):
    files = {tmp_path / f"{i}": os.urandom(i * 997) for i in range(count)}
    for file, content in files.items():
        file.write_bytes(content)
    large = tmp_path / "large"
    large.write_bytes(bytes(3 * 2**20 + 1))
    found = file_digests([*files, large, *files])
    assert found == {
        **{file: hashlib.sha256(content).digest() for file, content in files.items()},
        large: hashlib.sha256(bytes(3 * 2**20 + 1)).digest(),
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_cannot_be_read_has_a_digest_of_its_name(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    names = ["pipe", "folder", "none"]
    found = file_digests(tmp_path / name for name in names)
    assert [found[tmp_path / n] for n in names] == [
        hashlib.sha256(f"unreadable/{n}".encode()).digest() for n in names
    ]


@pytest.mark.parametrize(
    "shape", [(5, 3, 7, 9), (1, 1, 1, 1), (2, 1, 256, 256), (2, 3, 257, 256), (0, 3, 4, 4)]
)
@pytest.mark.parametrize("most", [1, 256])
def test_sums(shape, most):
    images = np.random.default_rng(0).integers(256 - most, 256, shape, np.uint8)
    found = Moments.of(images)
    whole = images.astype(object)
    assert found.pixels == shape[0] * shape[2] * shape[3]
    assert found.sums.tolist() == [
        [int(whole[:, c].sum()) for c in range(shape[1])],
        [int((whole[:, c] ** 2).sum()) for c in range(shape[1])],
    ]


def test_parts_add_up():
    images = np.random.default_rng(1).integers(0, 200, (9, 3, 6, 5), np.uint8)
    images[:, 2] = 7
    both = Moments.of(images[:4]) + Moments.of(images[4:])
    assert both.mean == pytest.approx((images / 255).mean((0, 2, 3)), rel=1e-12)
    assert both.std[:2] == pytest.approx((images[:, :2] / 255).std((0, 2, 3)), rel=1e-12)
    assert both.std[2] == 1 / 255  # a constant channel is not blown up


def aged(path, content):
    path.write_bytes(content)
    os.utime(path, (time.time() - 60,) * 2)


def test_a_file_changed_just_before_has_no_state_to_go_by(tmp_path):
    path = tmp_path / "a"
    aged(path, b"content")
    assert file_digests([path])[path].state is None  # its number was changed now, whatever its time says


def test_a_file_that_was_let_alone_is_known_by_its_state(tmp_path, monkeypatch):
    """Changing size, time, or the file under the name is a change; what only looks the same is found by its content."""
    path = tmp_path / "a.png"
    write_image(path, 1)
    later = time.time_ns() + 10**10
    monkeypatch.setattr(time, "time_ns", lambda: later)
    digest = file_digests([path])[path]
    status = path.stat()
    assert digest.state == (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    hashed = []
    plain = hashlib.sha256
    monkeypatch.setattr(hashlib, "sha256", lambda *given: (hashed.append(1), plain(*given))[1])
    record = Record("it", path, digest=digest)
    record.open()
    assert hashed == []
    os.utime(path)
    record.open()  # touched, and found to be the same
    assert hashed == [1]
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as it was, but for the time of its number
    text = message_of(ChangedError, record.open)
    assert text == "it: has changed since the data were opened; once they are at rest, do the same again."
