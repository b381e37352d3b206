"""What commands do not load, as it takes seconds; and that garbage is not searched for in what they load."""

import gc
import importlib
import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from striate.cli.loading import quickly

NOT_NEEDED = [
    "matplotlib",
    "mlflow",
    "numba",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
    "sympy",
    "torch._dynamo",
    "wandb",
]
PROBE = f"""
import gc, json, sys
from striate.cli import main

searches = []

def note(phase, info):
    if info["generation"] == 2 and "torch" in sys.modules and not gc.get_freeze_count():
        searches.append(phase)

gc.callbacks.append(note)
try:
    main(sys.argv[1:])
except SystemExit as end:
    told = {{
        "status": end.code,
        "loaded": [m for m in {NOT_NEEDED} if m in sys.modules],
        "searches": len(searches),
        "kept out": gc.get_freeze_count() > 100_000,
        "collects": gc.isenabled(),
    }}
    print(json.dumps(told), file=sys.stderr)
"""
QUICK = {"status": 0, "loaded": [], "searches": 0, "kept out": True, "collects": True}


def probed(*arguments, **environment):
    """Return what ``striate`` came to in a process of its own."""
    command = [sys.executable, "-c", PROBE, *map(str, arguments)]
    environment = os.environ | environment
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return json.loads(done.stderr.splitlines()[-1])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What a training came to, and its run folder."""
    run = tmp_path_factory.mktemp("quick") / "run"
    cache = tmp_path_factory.mktemp("nothing-known")  # a plan that is remembered may need compiled code
    options = ["--data", "digits", "--epochs", "1", "--device", "cpu", "--no-summary", "--out", run]
    return probed("train", "lenet5", *options, STRIATE_CACHE=str(cache)), run


def test_training(trained):
    assert trained[0] == QUICK


def test_measuring(trained):
    assert probed("eval", trained[1], "--device", "cpu") == QUICK


def test_predicting(trained, tmp_path):
    Image.new("L", (8, 8), 30).save(tmp_path / "grey.png")
    assert probed("predict", trained[1], tmp_path / "grey.png", "--device", "cpu") == QUICK


def test_where_torch_is_loaded_already_nothing_is_kept_from_collection():
    before = gc.get_freeze_count()
    with quickly():
        assert gc.isenabled()
    assert gc.get_freeze_count() == before


def test_garbage_is_collected_again_where_loading_fails(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(gc, "freeze", lambda: None)  # in the process of all other tests
    with pytest.raises(ModuleNotFoundError), quickly():
        importlib.import_module("striate.nothing")
    assert gc.isenabled()
