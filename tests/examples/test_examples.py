"""The programs in ``examples/`` run, and stay short."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(script, *arguments, cwd):
    command = [sys.executable, str(EXAMPLES / script), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_quickstart_learns_the_digits(tmp_path):
    output = run("quickstart.py", cwd=tmp_path)
    assert "(16 + 2·1 − 3)/1 + 1 = 16" in output
    (line,) = [line for line in output.splitlines() if line.startswith("test: accuracy")]
    assert float(line.split()[2].rstrip("%")) > 95
    assert list(tmp_path.iterdir()) == [], "the example leaves nothing behind"


def test_held_out_digits_are_images_of_the_digits_their_names_say(tmp_path):
    from sklearn.datasets import load_digits

    paths = run("held_out_digits.py", str(tmp_path), cwd=tmp_path).split()
    assert len(paths) == 3
    digits = load_digits()
    for path in map(Path, paths):
        values = [round(v * 16 / 255) for v in Image.open(path).tobytes()]
        (found,) = [i for i, pixels in enumerate(digits.data) if list(pixels) == values]
        assert path.name.startswith(f"digit-{digits.target[found]}-")


def test_the_drumbeat_is_found_where_it_was_put(tmp_path):
    output = run("drumbeat.py", cwd=tmp_path)
    t = np.arange(25)
    beat = np.exp(-t / 10) * np.sin(8 * np.sqrt(t))
    clip = np.random.default_rng(0).normal(0, 0.05, 100)
    clip[6:31] += beat
    clip[34:59] += 2 * beat[::-1]
    clip[66:91] += 0.4 * beat
    product = np.correlate(clip, beat) / np.sqrt(np.dot(beat, beat))
    cosine = product / [np.linalg.norm(clip[i : i + 25]) for i in range(76)]
    assert list(np.flatnonzero(cosine > 0.85)) == [6, 66]
    assert product.argmax() == 54  # of the beat that runs backwards

    def told(i):
        return f"{product[i]:.2f}, cosine {cosine[i]:.2f}, answer {max(0, cosine[i] - 0.85):.2f}"

    assert output.splitlines() == [
        "positions: (100 − 25)/1 + 1 = 76",
        f"a beat at 6: product {told(6)}",
        f"a beat at 66: product {told(66)}",
        f"largest product, at 54: {told(54)}",
        "picture: drumbeat.svg",
    ]
    assert output in (EXAMPLES.parent / "docs" / "drumbeat.md").read_text(encoding="utf-8")


def test_the_picture_of_the_drumbeat_has_the_same_bytes_each_time(tmp_path):
    pictures = [tmp_path / "drumbeat.svg", tmp_path / "other.svg"]
    run("drumbeat.py", cwd=tmp_path)
    run("drumbeat.py", "--plot", str(pictures[1]), cwd=tmp_path)
    first, second = (picture.read_bytes() for picture in pictures)
    assert first == second
    assert first.count(b'<g id="axes_') == 4


@pytest.mark.parametrize("script", sorted(p.name for p in EXAMPLES.glob("*.py")))
def test_examples_are_short(script):
    assert len((EXAMPLES / script).read_text().splitlines()) < 60
