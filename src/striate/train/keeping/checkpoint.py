"""Checkpoints: the whole state of a run in one safetensors file, replaced atomically.

One file, because only a single rename is atomic: weights under ``model/``, optimizer state under ``optimizer/``, means
of weights under ``average/``, what losses are multiplied by for float16 under ``loss_scale/``; counters as JSON in the
file's metadata, beside a checksum of everything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from striate.errors import RunError, WeightsError
from striate.nn import set_weights, write_tensors
from striate.train.loss_scale import LossScale
from striate.train.methods import Average

__all__ = ["CHECKPOINT", "MODEL", "Checkpoint", "Progress", "Score", "model_tensors", "read_progress"]

CHECKPOINT = "checkpoint.safetensors"
SCHEMA_VERSION = 2
MODEL = "model/"
"""What the names of weights begin with."""
_BUFFERS, _OPTIMIZER, _AVERAGE, _SCALE = "buffer/", "optimizer/", "average/", "loss_scale/"


class Score(NamedTuple):
    """How good the weights of a step were on the validation split."""

    step: int
    accuracy: float
    loss: float


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        step: Steps done.
        scores: Of every validation so far, in their order.
        micro_batch: Images computed at a time since memory ran out; None if it did not.
    """

    step: int = 0
    scores: tuple[Score, ...] = ()
    micro_batch: int | None = None

    def measured(self, accuracy: float, loss: float) -> Progress:
        """Return the progress after a validation."""
        return replace(self, scores=(*self.scores, Score(self.step, accuracy, loss)))

    def ranking(self) -> list[Score]:
        """Return the scores, the best first; of equal accuracies the lower loss is better, then the earlier step."""
        return sorted(self.scores, key=lambda score: (-score.accuracy, score.loss, score.step))

    @cached_property
    def best(self) -> Score | None:
        """The best score so far."""
        return self.ranking()[0] if self.scores else None

    @cached_property
    def waited(self) -> int:
        """How many validations there were since the best."""
        return len(self.scores) - 1 - self.scores.index(self.best) if self.best else 0

    @property
    def validated(self) -> int:
        """The step of the newest validation; 0 before the first."""
        return self.scores[-1].step if self.scores else 0


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a run.

    Attributes:
        progress: How far it had come.
        tensors: Everything large, by name.
        groups: The parameter groups of the optimizer, without the weights.
        made: What the run is made of, as `identity` tells it; empty if it does not say.
    """

    progress: Progress
    tensors: Mapping[str, Tensor]
    groups: list[dict[str, Any]]
    made: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        progress: Progress,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        average: Average | None = None,
        loss_scale: LossScale | None = None,
    ) -> Checkpoint:
        """Return the state as it is now; its tensors are those that training goes on changing."""
        tensors = {f"{MODEL}{name}": tensor for name, tensor in module.state_dict().items()}
        tensors |= {f"{_BUFFERS}{name}": tensor for name, tensor in _passing_buffers(module).items()}
        state = optimizer.state_dict()
        for index, values in state["state"].items():
            for name, value in values.items():
                if value is not None:
                    tensors[f"{_OPTIMIZER}{index}/{name}"] = torch.as_tensor(value)
        if average is not None:
            tensors |= {f"{_AVERAGE}{name}": tensor for name, tensor in average.state().items()}
        if loss_scale is not None:
            tensors |= {f"{_SCALE}{name}": tensor for name, tensor in loss_scale.state().items()}
        return cls(progress, tensors, state["param_groups"])

    def restore(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        average: Average | None = None,
        loss_scale: LossScale | None = None,
    ) -> None:
        """Put the state into what `of` took it from, or into what was made alike.

        Raises:
            WeightsError: if they are of another network, optimizer or averaging.
        """
        set_weights(module, self.part(MODEL), where="the checkpoint")
        buffers = self.part(_BUFFERS)
        state: dict[int, dict[str, Tensor]] = {}
        try:
            for name, buffer in _passing_buffers(module).items():
                buffer.copy_(buffers[name])
            for path, tensor in self.part(_OPTIMIZER).items():
                index, name = path.split("/", 1)
                state.setdefault(int(index), {})[name] = tensor
            optimizer.load_state_dict({"state": state, "param_groups": self.groups})
        except (KeyError, ValueError, RuntimeError) as error:
            raise WeightsError(
                f"the checkpoint is of another network or optimizer ({type(error).__name__}: {error})."
            ) from None
        if average is not None:
            average.load(self.part(_AVERAGE))
        if loss_scale is not None:
            loss_scale.load(self.part(_SCALE))

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with ``prefix``, by what follows it."""
        return {n.removeprefix(prefix): tensor for n, tensor in self.tensors.items() if n.startswith(prefix)}

    def write(self, path: Path) -> None:
        """Write the state to ``path``, in the place of what stood there.

        Raises:
            WeightsError: if that fails; what stood there stays.
        """
        counters: dict[str, Any] = {
            "schema": SCHEMA_VERSION,
            "progress": asdict(self.progress),
            "groups": self.groups,
            "made": dict(self.made),
        }
        counters["sha256"] = _checksum(counters, self.tensors)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WeightsError(f"{path}: cannot be written: {error.strerror or error}.") from None
        # One entry alone, as safetensors writes several in any order.
        write_tensors(dict(self.tensors), path, {"striate": json.dumps(counters)})

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read the state at ``path``.

        Raises:
            RunError: if it is missing, damaged or of a newer schema.
        """
        counters = _counters(path)
        checksum = counters.pop("sha256", None)
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if _checksum(counters, tensors) != checksum:
                raise RunError(f"{path}: damaged: its contents are not those of its checksum.")
            return cls(_progress(counters), tensors, list(counters["groups"]), dict(counters.get("made", {})))
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise _damaged(path, error) from None


def _passing_buffers(module: nn.Module) -> dict[str, Tensor]:
    """Return the buffers that are not among the weights, as they are not to be kept for good."""
    kept = module.state_dict().keys()
    return {name: buffer for name, buffer in module.named_buffers() if name not in kept}


def read_progress(path: Path) -> Progress:
    """Return how far the run had come when the checkpoint at ``path`` was written; reads no tensors.

    Raises:
        RunError: if it is missing, damaged or of a newer schema.
    """
    try:
        return _progress(_counters(path))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from None


def model_tensors(path: Path) -> dict[str, Tensor]:
    """Return the weights in the checkpoint at ``path``.

    Raises:
        RunError: if it is missing, damaged or of a newer schema.
    """
    return Checkpoint.read(path).part(MODEL)


def _progress(counters: dict[str, Any]) -> Progress:
    progress = counters["progress"]
    scores = tuple(Score(*score) for score in progress["scores"])
    for step in (progress["step"], *(score.step for score in scores)):
        if type(step) is not int or step < 0:
            raise ValueError(f"step {step!r:.40}")
    if not all(type(figure) is float for score in scores for figure in score[1:]):
        raise ValueError("scores that are no numbers")
    micro_batch = progress.get("micro_batch")
    if micro_batch is not None and (type(micro_batch) is not int or micro_batch < 1):
        raise ValueError(f"micro_batch {micro_batch!r:.40}")
    return Progress(progress["step"], scores, micro_batch)


def _counters(path: Path) -> dict[str, Any]:
    """Return the counters of a checkpoint of a schema that is known, with its checksum."""
    if not path.is_file():
        raise RunError(f"{path}: no such checkpoint.")
    try:
        with safe_open(path, framework="pt") as file:
            counters = json.loads((file.metadata() or {})["striate"])
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from None
    if not isinstance(counters, dict) or not isinstance(counters.get("schema"), int):
        raise _damaged(path, "no schema")
    if counters["schema"] > SCHEMA_VERSION:
        raise RunError(f"{path}: written by a newer version of striate; upgrade striate.")
    if counters["schema"] < SCHEMA_VERSION:
        raise RunError(f"{path}: written by an older version of striate; train anew.")
    return counters


def _checksum(counters: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Return what no bit of a checkpoint can change without."""
    digest = hashlib.sha256(json.dumps(counters).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().to("cpu").contiguous()
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _damaged(path: Path, why: object) -> RunError:
    return RunError(f"{path}: not a checkpoint, or a damaged one ({why}).")
