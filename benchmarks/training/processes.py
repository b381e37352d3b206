"""The other end of `worker`: starts a peer, has it do a round, and keeps what it says."""

import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["FOLDER", "Peer", "PeerError", "compile_once"]

FOLDER = Path(__file__).parents[1]
_COMPILE = """
from striate.data.augment import sampling
from striate.nn import fused
sampling.ready(None)
fused.ready(None)
"""


def compile_once() -> float:
    """Have Striate's own code compiled, as is done once on a machine; return the seconds it took, with imports."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", _COMPILE], check=True)
    return time.perf_counter() - start


class PeerError(Exception):
    """A peer cannot take part; it says why."""


class Peer:
    """A peer that has done its first step, and waits.

    Args:
        name: As `training.workloads` has it.
        workload: The key of a workload.
        data: Its images.
        options: Further options of `worker`.

    Attributes:
        cold: Seconds from the start of its process to the end of its first step.
        each: Seconds for an image, in each round so far.
        peak_mib: The most memory it has held.

    Raises:
        PeerError: if it is not installed, or fails.
    """

    def __init__(self, name: str, workload: str, data: Path, *options: str) -> None:
        self.name = name
        self.each: list[float] = []
        self.peak_mib: float | None = None
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, until close()
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "training.worker", name, workload, str(data), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=FOLDER,
        )
        said = self._answer()
        self.cold = time.perf_counter() - start
        if "missing" in said:
            self.close()
            raise PeerError(said["missing"])

    def round(self) -> None:
        """Have it do one round, and wait."""
        with suppress(BrokenPipeError):  # it ended, and its answer says so
            self._process.stdin.write("round\n")
            self._process.stdin.flush()
        said = self._answer()
        self.each.append(said["seconds"] / said["images"])
        self.peak_mib = said["peak_mib"]

    def close(self) -> None:
        """Let it end, and wait; once is enough."""
        if not self._errors.closed:
            self._process.communicate()
            self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        self._process.wait()
        self._errors.seek(0)
        told = self._errors.read().strip().splitlines() or ["it said nothing"]
        self.close()
        raise PeerError(f"{self.name} ended with status {self._process.returncode}: {told[-1]}")
