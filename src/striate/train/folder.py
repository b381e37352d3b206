"""The run folder: the only thing that training hands to the rooms after it.

run.yaml             the resolved configuration: network, data, preprocessing, training, versions
events.jsonl         every event, one a line
tensorboard/         the same as curves
checkpoints/         states of the run: last, before, best, top; see `striate.train.keeping`
model.safetensors    the weights to use
preprocess.safetensors    what preprocessing needs of larger tensors, if any
summary.html, summary.png    the run on one page
readers/             what trackers need to go on with it
lock                 held by the process that trains
job                  which run of a torchrun job this is
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from striate.analyze import analyze
from striate.data import RECIPES, Preprocess, Recipe
from striate.errors import DescriptionError, RunError, WeightsError
from striate.nn import build, read_tensors, set_weights, write_tensors
from striate.spec import Network
from striate.spec.files import parse_yaml
from striate.train.config import TrainConfig
from striate.train.config.reading import to_data
from striate.train.keeping.checkpoint import CHECKPOINT, model_tensors
from striate.train.plan.plan import Plan

__all__ = ["FOLDS", "MEMBERS", "RunFolder", "RunRecord", "file_name"]

MEMBERS = "ensemble.json"
"""The file that describes a folder of members, ``member-1``, ``member-2``, …"""

FOLDS = "folds.json"
"""The file that describes a folder of folds, ``fold-1``, ``fold-2``, …"""

SCHEMA_VERSION = 2
_KIND = "striate run"
_MAX_BYTES = 16 * 2**20
_TENSORS = "preprocess.safetensors"
_MAX_TENSOR_BYTES = 2**30


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What ``run.yaml`` says.

    Attributes:
        network: The description, or None if the run trained a module of the user's own.
        module: The class of such a module.
        data: Name of the source.
        fingerprint: Of all its images and labels.
        sizes: Images in each split used.
        class_names: Frozen: output i of the network is class i.
        several_labels: Whether an image may have several of them; then a sigmoid of each output is its probability.
        augment: What is done to training images, with what was fitted to them.
        plan: How steps are computed.
    """

    network: Network | None
    module: str | None
    data: str
    fingerprint: str
    sizes: dict[str, int]
    class_names: tuple[str, ...]
    preprocess: Preprocess
    augment: Recipe
    training: TrainConfig
    versions: dict[str, str]
    created: str
    several_labels: bool = False
    plan: Plan = field(default_factory=Plan)

    @property
    def measure(self) -> str:
        """By which the best weights are chosen."""
        return "mean average precision" if self.several_labels else "accuracy"

    def to_data(self) -> dict[str, Any]:
        """Return the record as plain data; the tensors of its preprocessing stand apart."""
        return {
            "kind": _KIND,
            "schema": SCHEMA_VERSION,
            "created": self.created,
            "versions": self.versions,
            "data": {
                "source": self.data,
                "fingerprint": self.fingerprint,
                "sizes": self.sizes,
                "class_names": list(self.class_names),
                "several_labels": self.several_labels,
            },
            "preprocess": self.preprocess.to_data(),
            "augment": self.augment.to_data(),
            "training": to_data(self.training),
            "plan": self.plan.to_data(),
            "module": self.module,
            "network": self.network.to_data() if self.network else None,
        }

    @classmethod
    def from_data(cls, data: Any, tensors: Mapping[str, Tensor] | None = None) -> RunRecord:
        """Read what `to_data` gave, and the tensors of its preprocessing.

        Raises:
            RunError: if it is foreign, malformed or of a newer schema.
        """
        if not isinstance(data, dict) or data.get("kind") != _KIND:
            raise RunError("its run.yaml is not a striate run's.")
        schema = data.get("schema")
        if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
            raise RunError(f"its run.yaml is damaged (schema {schema!r}).")
        if schema > SCHEMA_VERSION:
            raise RunError(
                f"its schema {schema!r} is newer than this version of striate reads "
                f"({SCHEMA_VERSION}); upgrade striate."
            )
        try:
            source = data["data"]
            network = Network.from_data(data["network"]) if data["network"] is not None else None
            preprocess = Preprocess.from_data(data["preprocess"], tensors or {})
            class_names = tuple(str(name) for name in source["class_names"])
            _check_agreement(network, preprocess, class_names)
            training = _training(data["training"])
            return cls(
                network=network,
                module=data["module"],
                data=str(source["source"]),
                fingerprint=str(source["fingerprint"]),
                sizes=dict(source["sizes"]),
                class_names=class_names,
                preprocess=preprocess,
                augment=Recipe.from_data(data["augment"]) if "augment" in data else Recipe(),
                training=training,
                plan=_plan(data, training),
                versions=dict(data["versions"]),
                created=str(data["created"]),
                several_labels=source.get("several_labels", False) is True,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"its run.yaml is damaged ({type(error).__name__}: {error}).") from None


def _training(options: dict[str, Any]) -> TrainConfig:
    """Read the configuration; of a file that it names nothing is opened."""
    images = options.get("images")
    augment = str((images if isinstance(images, dict) else options).get("augment", "none"))
    if augment not in RECIPES and "\n" not in augment:
        raise ValueError(f"training: augment={augment!r:.80} is neither the name of a recipe nor its text")
    return TrainConfig(**options)


def _plan(data: dict[str, Any], training: TrainConfig) -> Plan:
    if "plan" in data:
        return Plan.from_data(data["plan"])
    # Before there were plans, bfloat16 was channels last, and the rest as described.
    if training.execution.precision == "bf16":
        return Plan(precision="bf16", memory_format="channels_last", threads=torch.get_num_threads())
    return Plan(threads=torch.get_num_threads())


def _tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a run's preprocessing; most runs have none."""
    file = path / _TENSORS
    if not file.exists():
        return {}
    if file.stat().st_size > _MAX_TENSOR_BYTES:
        raise RunError(f"its {_TENSORS} is too large to be one.")
    return read_tensors(file)


def _check_agreement(network: Network | None, preprocess: Preprocess, class_names: tuple[str, ...]) -> None:
    if len(set(class_names)) < max(len(class_names), 2):
        raise ValueError("class_names: two or more names are needed, each once")
    if network is not None and network.input != preprocess.shape:
        raise ValueError(f"preprocess: shape {preprocess.shape} is not the network's input {network.input}")
    if network is not None and (output := analyze(network).output) != (len(class_names),):
        raise ValueError(f"class_names: {len(class_names)} names for the network's output {output}")


@dataclass(frozen=True)
class RunFolder:
    """A run folder on disk.

    Attributes:
        path: The folder.
        record: What its ``run.yaml`` says.
    """

    path: Path
    record: RunRecord

    @staticmethod
    def check_free(path: Path) -> None:
        """Raise `RunError` if anything is at ``path`` but an empty folder, as scripts of jobs make."""
        if (path / "run.yaml").is_file():
            raise RunError(
                f"{path}: a run is there already; choose another --out (out=…), or go on with it: --resume {path}."
            )
        if path.is_symlink() or (path.exists() and not _is_empty(path)):
            raise RunError(f"{path}: already exists; choose another --out (out=…), or remove it.")

    @classmethod
    def create(cls, path: Path, record: RunRecord) -> RunFolder:
        """Make a new run folder, or make one of an empty folder.

        Raises:
            RunError: if something is there already, or it cannot be written; nothing is left behind.
        """
        cls.check_free(path)
        text = yaml.safe_dump(record.to_data(), sort_keys=False, default_flow_style=None, allow_unicode=True)
        try:
            made = _made(path)
        except OSError as error:
            raise RunError(f"{path}: a run folder cannot be made there: {error.strerror or error}.") from None
        try:
            # Of several processes that find the folder empty, the one that makes this file has it.
            with (path / "run.yaml").open("x", encoding="utf-8") as file:
                if tensors := record.preprocess.tensors():
                    write_tensors(tensors, path / _TENSORS)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            raise RunError(f"{path}: a run is there already; choose another --out (out=…).") from None
        except WeightsError as error:
            _remove(path, made)
            raise RunError(str(error)) from None
        except OSError as error:
            _remove(path, made)
            raise RunError(f"{path}: run.yaml cannot be written: {error.strerror or error}.") from None
        return cls(path, record)

    @classmethod
    def create_next(cls, root: Path, name: str, record: RunRecord) -> RunFolder:
        """Make the first of ``root/name-1``, ``root/name-2``, … that is free; see `create`."""
        number = 1
        while True:
            path = root / f"{file_name(name)}-{number}"
            if not path.exists():
                try:
                    return cls.create(path, record)
                except RunError:
                    if not path.exists():  # else another run took the name in between
                        raise
            number += 1

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Read a run folder.

        Raises:
            RunError: if it is missing, foreign, damaged or of a newer schema.
        """
        path = Path(path)
        if not path.is_dir():
            raise RunError(f"{path}: no such run folder.")
        file = path / "run.yaml"
        if not file.is_file():
            for several, one in ((MEMBERS, "member-1"), (FOLDS, "fold-1")):
                if (path / several).is_file():
                    raise RunError(f"{path}: holds several runs; name one of them, such as {path / one}.")
            raise RunError(f"{path}: not a run folder; it has no run.yaml.")
        try:
            if file.stat().st_size > _MAX_BYTES:
                raise RunError(f"{path}: its run.yaml is too large to be one.")
            data = parse_yaml(file.read_text(encoding="utf-8"))
            return cls(path, RunRecord.from_data(data, _tensors(path)))
        except (RunError, WeightsError) as error:
            raise RunError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
        except (OSError, UnicodeDecodeError, DescriptionError) as error:
            raise RunError(f"{path}: its run.yaml cannot be read ({' '.join(str(error).split())}).") from None

    def _kept_weights(self) -> dict[str, Tensor]:
        try:
            return read_tensors(self.weights)
        except WeightsError as error:
            hint = f" Remove it, and {self.best} is used." if (self.best / CHECKPOINT).exists() else ""
            raise WeightsError(f"{error}{hint}") from None

    @property
    def last(self) -> Path:
        """Folder of the newest checkpoint."""
        return self.path / "checkpoints" / "last"

    @property
    def new(self) -> Path:
        """Folder of a checkpoint that is being written."""
        return self.path / "checkpoints" / "new"

    @property
    def before(self) -> Path:
        """Folder of the checkpoint before the newest."""
        return self.path / "checkpoints" / "before"

    @property
    def top(self) -> Path:
        """Folder of the best few checkpoints, if more than one is to be kept."""
        return self.path / "checkpoints" / "top"

    @property
    def log(self) -> Path:
        """The file of events."""
        return self.path / "events.jsonl"

    @property
    def best(self) -> Path:
        """Folder of the checkpoint that was best on the validation split."""
        return self.path / "checkpoints" / "best"

    @property
    def weights(self) -> Path:
        """The file of the weights to use."""
        return self.path / "model.safetensors"

    def module(self, into: nn.Module | None = None) -> nn.Module:
        """Return the trained module in evaluation mode.

        Args:
            into: The module to fill; needed for a run that trained a module of the user's own.

        Raises:
            RunError: if the run has no weights yet, or needs ``into``.
            WeightsError: if the weights do not fit.
        """
        if into is None:
            if self.record.network is None:
                raise RunError(
                    f"{self.path}: trained a module of your own ({self.record.module}), which the run folder "
                    f"cannot rebuild; give it: striate.Run({str(self.path)!r}, module=…)."
                )
            into = build(self.record.network, seed=self.record.training.seed)
        # A run cut short has no model.safetensors yet: its checkpoints serve.
        for file in (self.weights, *(place / CHECKPOINT for place in (self.best, self.last, self.before))):
            if file.exists():
                tensors = self._kept_weights() if file == self.weights else model_tensors(file)
                set_weights(into, tensors, where=str(file))
                return into.eval()
        raise RunError(f"{self.path}: has no weights; its training ended before the first checkpoint.")


def file_name(name: str) -> str:
    """Return ``name`` as part of a file name: letters, digits, ``-``, ``_`` and dots within, at most 60 bytes."""
    plain = re.sub(r"[^\w.-]+", "-", name).strip(".-")
    return plain.encode()[:60].decode(errors="ignore") or "network"


def _is_empty(path: Path) -> bool:
    return path.is_dir() and next(path.iterdir(), None) is None


def _made(path: Path) -> bool:
    """Make the folder, and return whether it was not there before, empty."""
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        if not _is_empty(path):
            raise
        return False
    return True


def _remove(path: Path, made: bool) -> None:
    """Remove what was begun of a run folder; the folder as well, if we made it."""
    if made:
        shutil.rmtree(path, ignore_errors=True)
        return
    for name in ("run.yaml", _TENSORS):
        with suppress(OSError):
            (path / name).unlink(missing_ok=True)
