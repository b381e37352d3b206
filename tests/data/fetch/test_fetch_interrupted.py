"""A process that is interrupted or killed in the midst of a download, and the next one, which goes on."""

import hashlib
import signal
import subprocess
import sys
import time

import pytest
from loopback import contents, serve

DATA = bytes(range(256)) * 4000
PROGRAM = """
import sys
import striate.data.fetch
from striate.cli import main
from striate.data.fetch import DataSet, RemoteFile
url, to, size, sha256 = sys.argv[1:]
file = RemoteFile(name="toy.bin", size=int(size), sha256=sha256, places=(url,))
toy = DataSet(name="toy", title="A toy", licence="CC0", homepage="http://127.0.0.1/", kind="folder", files=(file,))
sys.modules["striate.data.fetch.catalog"].CATALOG = {"toy": toy}
main(["data", "fetch", "toy", "--to", to])
"""


def arguments(server, tmp_path):
    return [server.url, str(tmp_path), str(len(DATA)), hashlib.sha256(DATA).hexdigest()]


def start(server, tmp_path):
    command = [sys.executable, "-c", PROGRAM, *arguments(server, tmp_path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_download_is_gone_on_with(server, tmp_path, sign):
    server.files["toy.bin"] = DATA
    server.script["toy.bin"] = [serve(cut=500_000, stall=60)]
    part = tmp_path / "toy.part" / "toy.bin.part"
    with start(server, tmp_path) as first:
        until = time.monotonic() + 60
        while not (part.is_file() and part.stat().st_size >= 400_000) and time.monotonic() < until:
            time.sleep(0.02)
        first.send_signal(sign)
        out, err = first.communicate(timeout=30)
    assert out == ""
    assert "licence: CC0" in err
    if sign == signal.SIGINT:
        assert first.returncode == 130
        assert f"\n{tmp_path}/toy.part keeps what has come; the same command goes on from there.\n" in err
        assert "Traceback" not in err
        assert sorted(p.name for p in tmp_path.iterdir()) == ["toy.part"]
    held = part.stat().st_size
    assert 400_000 <= held <= 500_000
    assert part.read_bytes() == DATA[:held]

    with start(server, tmp_path) as second:
        out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert server.ranges() == [None, f"bytes={held}-"]
    assert contents(tmp_path / "toy")["toy.bin"] == DATA
    assert out.splitlines()[0] == f"{tmp_path}/toy: fetched ({(len(DATA) - held) / 1e6:.1f} MB) and checked"
    assert [p.name for p in tmp_path.iterdir()] == ["toy"]
