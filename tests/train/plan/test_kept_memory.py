"""What is freed stays with the process while steps are done, and goes back to the system after."""

import json
import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import json, resource, torch
from pathlib import Path
from striate.train.plan.memory import kept_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def pages_of_eight_steps():
    torch.ones(2**25), torch.ones(2**20)  # 128 and 4 MiB
    before = faults()
    for _ in range(8):
        large, small = torch.ones(2**25), torch.ones(2**20)
        del large, small
    return faults() - before

def held():
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024

apart = pages_of_eight_steps()
with kept_memory():
    with kept_memory():
        pass
    kept, most = pages_of_eight_steps(), held()
print(json.dumps({"apart": apart, "kept": kept, "most": most, "after": held()}))
"""


def measured(**environment):
    others = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=others | environment)
    return json.loads(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_pages_are_asked_for_once():
    found = measured()
    assert found["apart"] > 8 * 32  # pages of 2 MiB at the largest
    assert found["kept"] < found["apart"] / 4  # for it may take place elsewhere once more
    assert found["most"] - found["after"] > 120  # MiB


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_how_the_user_has_memory_allocated_is_left():
    found = measured(MALLOC_TOP_PAD_="131072")
    assert found["kept"] > found["apart"] / 2
