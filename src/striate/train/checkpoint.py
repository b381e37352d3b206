"""Checkpoints: the whole state of a run in one safetensors file, replaced atomically.

One file, because only a single rename is atomic: weights under ``model/``, optimizer state under
``optimizer/``, and the counters as JSON in the file's metadata.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from striate.errors import RunError, WeightsError
from striate.nn import write_tensors
from striate.train.methods import Average

__all__ = ["CHECKPOINT", "Progress", "model_tensors", "read_progress", "save_checkpoint"]

CHECKPOINT = "checkpoint.safetensors"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        step: Steps done.
        best_accuracy: The best validation accuracy so far, at ``best_step``, with ``best_loss``.
        waited: Validations since.
        losses: Of every validation so far.
    """

    step: int = 0
    best_accuracy: float | None = None
    best_loss: float | None = None
    best_step: int | None = None
    waited: int = 0
    losses: tuple[float, ...] = ()

    def measured(self, accuracy: float, loss: float) -> Progress:
        """Return the progress after a validation; of equal accuracies the lower loss is better."""
        best = self.best_accuracy
        if best is None or (accuracy, -loss) > (best, -(self.best_loss or 0.0)):
            return Progress(self.step, accuracy, loss, self.step, 0, (*self.losses, loss))
        return replace(self, waited=self.waited + 1, losses=(*self.losses, loss))


def save_checkpoint(
    folder: Path,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    average: Average | None = None,
) -> Path:
    """Write a checkpoint into ``folder``, in the place of the one before.

    Raises:
        RunError: if it cannot be written; the one before stays good.
    """
    tensors = {f"model/{name}": tensor for name, tensor in module.state_dict().items()}
    state = optimizer.state_dict()
    for index, values in state["state"].items():
        for name, value in values.items():
            tensors[f"optimizer/{index}/{name}"] = torch.as_tensor(value)
    if average is not None:
        tensors |= {f"average/{name}": tensor for name, tensor in average.state().items()}
    counters = {"schema": SCHEMA_VERSION, "progress": asdict(progress), "groups": state["param_groups"]}
    path = folder / CHECKPOINT
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_tensors(tensors, path, {"striate": json.dumps(counters)})
    except (OSError, WeightsError) as error:
        kept = f"The checkpoint of step {read_progress(path).step} stays good." if path.exists() else ""
        raise RunError(
            f"could not save a checkpoint at step {progress.step}: {error} {kept}".strip()
        ) from None
    return path


def read_progress(path: Path) -> Progress:
    """Return how far the run had come when the checkpoint at ``path`` was written.

    Raises:
        RunError: if it is missing, damaged or of a newer schema.
    """
    try:
        counters = _counters(path)["progress"]
        return Progress(**counters | {"losses": tuple(counters.get("losses", ()))})
    except (KeyError, TypeError) as error:
        raise RunError(f"{path}: not a checkpoint, or a damaged one ({error}).") from None


def model_tensors(path: Path) -> dict[str, Tensor]:
    """Return the weights in the checkpoint at ``path``.

    Raises:
        RunError: if it is missing, damaged or of a newer schema.
    """
    _counters(path)
    with safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith("model/")]  # noqa: SIM118
        return {name.removeprefix("model/"): file.get_tensor(name) for name in names}


def _counters(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise RunError(f"{path}: no such checkpoint.")
    try:
        with safe_open(path, framework="pt") as file:
            counters: dict[str, Any] = json.loads((file.metadata() or {})["striate"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise RunError(f"{path}: not a checkpoint, or a damaged one ({error}).") from None
    if not isinstance(counters, dict) or not isinstance(counters.get("schema"), int):
        raise RunError(f"{path}: not a checkpoint, or a damaged one (no schema).")
    if counters["schema"] > SCHEMA_VERSION:
        raise RunError(f"{path}: written by a newer version of striate; upgrade striate.")
    return counters
