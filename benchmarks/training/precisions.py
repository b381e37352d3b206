"""How well a network ends that is trained in bfloat16, against float32: the same runs, of several seeds."""

import os
import statistics
import tempfile
from pathlib import Path

__all__ = ["compare_precisions"]

SEEDS = range(5)
APART = 0.3  # points
EPOCHS = {"digits": 20, "fashion-mnist": 3}


def compare_precisions() -> bool:
    """Print the accuracies on the test splits; return whether the means are close enough."""
    print(f"\naccuracy of lenet5_relu on the test split, seeds {', '.join(map(str, SEEDS))}", flush=True)
    good = True
    for data, epochs in EPOCHS.items():
        reached = {precision: _accuracies(data, epochs, precision) for precision in ("fp32", "bf16")}
        for precision, values in reached.items():
            listed = ", ".join(f"{value:.2f} %" for value in values)
            print(
                f"  {data}, {epochs} epochs, {precision:<16} {listed}   mean {statistics.mean(values):.2f} %"
            )
        apart = abs(statistics.mean(reached["bf16"]) - statistics.mean(reached["fp32"]))
        good &= apart <= APART
        told = "" if apart <= APART else "  MISSED"
        print(f"  {data}: means {apart:.2f} points apart (wanted: at most {APART}){told}", flush=True)
    return good


def _accuracies(data: str, epochs: int, precision: str) -> list[float]:
    """Return the accuracy for each seed, in percent."""
    import striate  # which loads torch

    source = data if data == "digits" else f"idx:{Path(os.environ['STRIATE_DATA'], data)}"
    reached = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            run = striate.fit(
                "lenet5_relu",
                source,
                out=Path(folder, str(seed)),
                epochs=epochs,
                seed=seed,
                precision=precision,
            )
            reached.append(100 * run.evaluate("test").accuracy)
    return reached
