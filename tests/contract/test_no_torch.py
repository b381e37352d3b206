"""Describing and inspecting a network takes no torch: it must start in milliseconds."""

import json
import subprocess
import sys

import pytest

HEAVY = ["torch", "sklearn", "scipy", "safetensors", "tensorboard", "PIL", "matplotlib"]

STATEMENTS = [
    "import striate",
    "import striate.errors",
    "import striate.spec",
    "import striate.zoo",
    "import striate.analyze",
    "import striate.zoo; from striate.analyze import analyze; repr(analyze(striate.zoo.resnet18()))",
    "import striate.spec as s, striate.zoo as z; s.Network.from_yaml(z.lenet5().to_yaml()).digest",
    "import striate.spec as s; s.json_schema()",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_it_loads_no_torch(statement):
    program = f"{statement}\nimport json, sys; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
