"""The programs in ``examples/`` run, and stay short."""

import os
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize("script", sorted(p.name for p in EXAMPLES.glob("*.py")))
def test_examples_are_short(script):
    assert len((EXAMPLES / script).read_text().splitlines()) < 60
