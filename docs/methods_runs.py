"""Measures what methods of training do, for the page about them: about two minutes on one core.

python docs/methods_runs.py

Everything is trained on the embedded digits by `striate.train`, from several seeds. It writes ``docs/methods.json``,
out of which `methods_pictures` draws; it draws nothing itself.
"""

from __future__ import annotations

import itertools
import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from striate.data import ArraySource, digits
from striate.errors import TrainingError
from striate.nn import build
from striate.spec import Conv, Dropout, Flatten, Linear, MaxPool, Network, Node, ReLU, Sequential
from striate.train import TrainConfig, train
from striate.train.events import StepDone, Validated
from striate.train.folder import RunFolder
from striate.train.methods.weights import held
from striate.train.metrics import mean_answer
from striate.train.metrics.calibration import binned, calibration_error

__all__ = ["CLIPPED", "OVERFITTED", "UNBALANCED", "WRONG", "few_digits", "small", "trained"]

FILE = Path(__file__).with_name("methods.json")
SEEDS = (0, 1, 2)
PER_CLASS = 20
WRONG = 0.2
"""Share of the training labels of the over-fitted set that are wrong on purpose."""

COMMON: dict[str, Any] = {
    "batch_size": 20,
    "device": "cpu",
    "optimizer": "adamw",
    "lr": 1e-3,
    "weight_decay": 0.0,
    "schedule": "constant",
    "warmup": 0.0,
}
EPOCHS = 40.0
OVERFITTED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "dropout": {"dropout": 0.5},
    "L1": {"l1": 1e-3},
    "L2": {"l2": 0.03},
    "weight decay": {"weight_decay": 2.0},
    "max-norm": {"max_norm": 0.8},
    "label smoothing": {"label_smoothing": 0.2},
    "gradient noise": {"gradient_noise": 0.1},
    "early stopping": {"patience": 5},
}
"""What each over-fitted network is held back by: options of training, and dropout, which is a layer."""

AVERAGED: dict[str, dict[str, Any]] = {"last weights": {}, "EMA": {"ema": 0.98}, "SWA": {"swa": 0.25}}
MEMBERS = 8
RARE = 4
UNBALANCED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "class weights": {"class_weights": "balanced"},
    "balanced sampling": {"sampling": "balanced"},
}
CLIPPED: dict[str, dict[str, Any]] = {"unclipped": {}, "clipped": {"clip_norm": 1.0}}
RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


@dataclass
class Trained:
    """What a run came to.

    Attributes:
        losses: Of each step.
        validations: Loss and accuracy after each epoch.
        logits: Of the validation images ``(N, K)``, with the weights after the last epoch.
    """

    module: nn.Module
    losses: list[float] = field(default_factory=list)
    validations: list[tuple[float, float]] = field(default_factory=list)
    logits: Tensor | None = None
    weights: dict[str, Tensor] = field(default_factory=dict)


def few_digits(counts: Sequence[int], wrong: float = 0.0) -> ArraySource:
    """Return so many digits of each class to train on, a share ``wrong`` of their labels wrong, and 648 to validate."""
    source = digits()
    images, targets = source.array("train"), source.targets["train"]
    chosen = np.sort(np.concatenate([np.flatnonzero(targets == c)[:n] for c, n in enumerate(counts)]))
    labels, random = targets[chosen].copy(), np.random.default_rng(0)
    changed = random.choice(len(chosen), round(wrong * len(chosen)), replace=False)
    labels[changed] = (labels[changed] + random.integers(1, 10, len(changed))) % 10
    rest = {
        part: np.concatenate([part_of("val"), part_of("test")])
        for part, part_of in (
            ("images", source.array),
            ("targets", lambda split: source.targets[split]),
        )
    }
    return ArraySource(
        "few digits",
        {"train": images[chosen], "val": rest["images"]},
        {"train": labels, "val": rest["targets"]},
        source.class_names,
    )


def small(dropout: float | None = None) -> Network:
    """Return two convolutions and two dense layers, and dropout between these if wanted."""
    between = () if dropout is None else (Dropout(dropout),)
    return _network(
        Conv(16, 3, padding=1), ReLU(), MaxPool(2), Conv(32, 3, padding=1), ReLU(),
        Flatten(), Linear(128), ReLU(), *between, Linear(10),
    )  # fmt: skip


def deep() -> Network:
    """Return twelve narrow convolutions without normalization."""
    layers: list[Node] = [node for _ in range(12) for node in (Conv(8, 3, padding=1), ReLU())]
    return _network(*layers, MaxPool(2), Flatten(), Linear(10))


def _network(*layers: Node) -> Network:
    return Network("small", (1, 8, 8), Sequential(*layers))


def trained(network: Network, source: ArraySource, seed: int, **options: Any) -> Trained:
    """Train ``network``, until the end or until the loss is no number."""
    module = build(network, seed=seed)
    run = Trained(module)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "run")
        events = train(module, source, TrainConfig(**{"epochs": EPOCHS} | COMMON | options, seed=seed), out)
        try:
            for event in events:
                if isinstance(event, StepDone):
                    run.losses.append(event.loss)
                if isinstance(event, Validated):
                    run.validations.append((event.loss, event.accuracy))
                    images = RunFolder.open(out).record.preprocess.normalize(
                        torch.from_numpy(source.array("val"))
                    )
                    with torch.no_grad():
                        run.logits = module.eval()(images)
                    run.weights = {
                        part.path: part.parameter.detach().clone() for part in held(module) if part.decays
                    }
        except TrainingError:
            pass
    return run


def measure() -> dict[str, Any]:
    """Return everything that is measured, as plain numbers."""
    noisy = few_digits([PER_CLASS] * 10, WRONG)
    runs = {
        name: [trained(small(given.get("dropout")), noisy, seed, **_options(given)) for seed in SEEDS]
        for name, given in OVERFITTED.items()
    }
    return {
        "overfitting": {name: _curves(each) for name, each in runs.items()},
        "weights": {name: _magnitudes(runs[name][0]) for name in ("nothing", "L1", "L2", "weight decay")},
        "norms": {name: _norms(runs[name][0]) for name in ("nothing", "max-norm")},
        "calibration": {
            name: _calibration(runs[name], noisy) for name in ("nothing", "label smoothing", "dropout")
        },
        "averaging": _averaging(),
        "ensemble": _ensemble(noisy),
        "unbalanced": _unbalanced(),
        "clipping": _clipping(),
    }


def _options(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "dropout"}


def _curves(runs: list[Trained]) -> dict[str, Any]:
    """Return of each seed the loss of training, that of validation, and its accuracy, after each epoch."""
    steps = len(runs[0].losses) // len(runs[0].validations)
    return {
        "train": [np.reshape(run.losses, (-1, steps)).mean(1).tolist() for run in runs],
        "loss": [[loss for loss, _ in run.validations] for run in runs],
        "accuracy": [[accuracy for _, accuracy in run.validations] for run in runs],
    }


def _magnitudes(run: Trained) -> list[int]:
    """Count the weights whose absolute value is in each of the 40 tenfold-quarters from 1e-9 to 10."""
    sizes = torch.cat([weight.flatten().abs() for weight in run.weights.values()]).clamp(1e-9, 9.99)
    return np.histogram(sizes.log10().numpy(), 40, (-9, 1))[0].tolist()


def _norms(run: Trained) -> list[float]:
    """Return the norm of the incoming weights of every neuron, in rising order."""
    norms = torch.cat([weight.flatten(1).norm(dim=1) for weight in run.weights.values()])
    return norms.sort().values.tolist()


def _calibration(runs: list[Trained], source: ArraySource) -> dict[str, Any]:
    """Return the bins of the answers of all seeds, and their calibration error."""
    targets = torch.from_numpy(source.targets["val"])
    sure, called = torch.cat([run.logits for run in runs]).softmax(1).max(1)
    bins = binned(sure, called == targets.repeat(len(runs)))
    rows = [[each.count, each.confidence, each.accuracy] for each in bins]
    return {"bins": rows, "error": calibration_error(bins)}


def _averaging() -> dict[str, Any]:
    """Return the validations of one run, whose weights go one way whichever mean of them answers."""
    source = few_digits([100] * 10)
    sgd = {"optimizer": "sgd", "lr": 0.05, "epochs": 15.0}
    return {name: _curves([trained(small(), source, 0, **sgd, **given)]) for name, given in AVERAGED.items()}


def _ensemble(source: ArraySource) -> dict[str, Any]:
    """Return mean and deviation of the accuracy of all ensembles of each size, out of the same members."""
    targets = torch.from_numpy(source.targets["val"])
    logits = [trained(small(), source, seed, epochs=12.0).logits for seed in range(MEMBERS)]
    found = {
        size: [
            (mean_answer(list(some), several_labels=False).argmax(1) == targets).double().mean().item()
            for some in itertools.combinations(logits, size)
        ]
        for size in range(1, MEMBERS + 1)
    }
    return {
        "mean": [float(np.mean(f)) for f in found.values()],
        "sd": [float(np.std(f)) for f in found.values()],
    }


def _unbalanced() -> dict[str, Any]:
    """Return of each seed the recall of each class, of which the last five are rare."""
    source = few_digits([40] * 5 + [RARE] * 5)
    targets = torch.from_numpy(source.targets["val"])
    found: dict[str, Any] = {}
    for name, given in UNBALANCED.items():
        called = [trained(small(), source, seed, epochs=15.0, **given).logits.argmax(1) for seed in SEEDS]
        found[name] = [
            [(each[targets == c] == c).double().mean().item() for c in range(10)] for each in called
        ]
    return found


def _clipping() -> dict[str, Any]:
    """Return of each seed and rate the mean loss of the last epoch, None where training broke off."""
    source = few_digits([PER_CLASS * 2] * 10)
    found: dict[str, Any] = {"rates": list(RATES)}
    for name, given in CLIPPED.items():
        runs = [
            [trained(deep(), source, seed, optimizer="sgd", lr=lr, epochs=6.0, **given) for lr in RATES]
            for seed in SEEDS
        ]
        found[name] = [[_end(run, 120) for run in of_seed] for of_seed in runs]
    return found


def _end(run: Trained, steps: int) -> float | None:
    """Return the mean loss of the last sixth of the steps, or None if there were fewer."""
    return float(np.mean(run.losses[-steps // 6 :])) if len(run.losses) == steps else None


def _rounded(value: Any) -> Any:
    """Return ``value`` with four digits a number."""
    if isinstance(value, dict):
        return {name: _rounded(held) for name, held in value.items()}
    if isinstance(value, list):
        return [_rounded(held) for held in value]
    return float(f"{value:.4g}") if isinstance(value, float) and math.isfinite(value) else value


def main() -> None:
    """Measure everything and write the file."""
    torch.set_num_threads(1)
    lines = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in _rounded(measure()).items())
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
