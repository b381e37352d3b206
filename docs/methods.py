"""The page about methods of training: its tables from the code, its figures as they were measured."""

from __future__ import annotations

import dataclasses
import inspect
import statistics
import typing
from pathlib import Path
from typing import Any

from methods_members import AVERAGES, CLIPPING, LOSSES, OPTIMIZERS, REGULARIZERS, SCHEDULES, Member
from methods_pictures import measured, write_pictures
from methods_runs import OVERFITTED, PER_CLASS, SEEDS, WRONG
from methods_text import TEXT

from striate.errors import listed
from striate.spec.layers import regularization
from striate.train.config import GROUPS, LEAVES, OptimizerConfig, TrainConfig

__all__ = ["methods_page", "write_pictures"]


def methods_page() -> str:
    """Return the page."""
    found = measured()
    tables = {
        "optimizers": OPTIMIZERS,
        "schedules": SCHEDULES,
        "regularizers": REGULARIZERS,
        "averages": AVERAGES,
        "losses": LOSSES,
        "clipping": CLIPPING,
    }
    return TEXT.format(
        **{name: _table(members) for name, members in tables.items()},
        **_numbers(found),
        usual=_usual(),
        dropouts=_dropouts(),
        overfitted=_overfitted(found["overfitting"]),
        images=10 * PER_CLASS,
        wrong=f"{WRONG:.0%}",
        seeds=len(SEEDS),
    )


def _usual() -> str:
    """Return the learning rate of each optimizer by default, those of one rate together."""
    rates: dict[float, list[str]] = {}
    for name in typing.get_args(typing.get_type_hints(OptimizerConfig)["name"]):
        rates.setdefault(OptimizerConfig(name=name).lr, []).append(f"`{name}`")
    *first, last = [f"{rate:g} of {listed(names)}" for rate, names in sorted(rates.items())]
    return f"{', '.join(first)} and {last}"


def write_page(page: Path, pictures: Path) -> None:
    """Write the page and its pictures."""
    page.write_text(methods_page(), encoding="utf-8")
    write_pictures(pictures / "methods")


def _table(members: tuple[Member, ...]) -> str:
    """Return rows of name, rule, options with their defaults, source."""
    rows = [
        f"| `{each.name}` | {each.rule} | {'<br>'.join(map(_option, each.options))} | {each.source} |"
        for each in members
    ]
    return "\n".join(["| | what it does | options | from |", "|---|---|---|---|", *rows])


def _option(name: str) -> str:
    """Return an option with its default, as a file has it."""
    owner = GROUPS[LEAVES[name]] if name in LEAVES else TrainConfig
    default = next(each.default for each in dataclasses.fields(owner) if each.name == name)
    return f"`{name}: {_plain(default)}`"


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, bool | None):
        return "null" if value is None else str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _dropouts() -> str:
    """Return a table of the layers that act in training alone."""
    rows = ["| layer | |", "|---|---|"]
    for name in regularization.__all__:
        first, _, _ = (inspect.getdoc(getattr(regularization, name)) or "").partition("\n\n")
        rows.append(f"| `{name}` | {' '.join(first.split())} |")
    return "\n".join(rows)


def _overfitted(found: dict[str, Any]) -> str:
    """Return a table of what each method did to the last and the best epoch of the over-fitted set."""
    rows = []
    for name, curves in found.items():
        options = [
            f"`{option}: {_plain(value)}`"
            for option, value in OVERFITTED[name].items()
            if option != "dropout"
        ]
        if "dropout" in OVERFITTED[name]:
            options = [f"`Dropout({OVERFITTED[name]['dropout']})`"]
        last = [seed[-1] for seed in curves["accuracy"]]
        best = [max(seed) for seed in curves["accuracy"]]
        losses = [seed[-1] for seed in curves["loss"]]
        shown = [_spread(last, "%"), _spread(best, "%"), _spread(losses, "")]
        rows.append(f"| {name} | {', '.join(options)} | {' | '.join(shown)} |")
    head = "| | set to | accuracy, last epoch | accuracy, best epoch | loss, last epoch |"
    return "\n".join([head, "|---|---|---:|---:|---:|", *rows])


def _spread(values: list[float], unit: str) -> str:
    """Return mean ± standard deviation."""
    mean, deviation = statistics.fmean(values), statistics.pstdev(values)
    return f"{100 * mean:.1f} ± {100 * deviation:.1f} %" if unit else f"{mean:.2f} ± {deviation:.2f}"


def _numbers(found: dict[str, Any]) -> dict[str, str]:
    """Return the figures that stand in sentences."""
    members = found["ensemble"]["mean"]
    rare = {
        name: statistics.fmean(recall for seed in seeds for recall in seed[5:])
        for name, seeds in found["unbalanced"].items()
    }
    averages = {name: curves["accuracy"][0][-10:] for name, curves in found["averaging"].items()}
    errors = {name: each["error"] for name, each in found["calibration"].items()}
    small = {name: sum(counts[:24]) / sum(counts) for name, counts in found["weights"].items()}
    rates, clipping = found["clipping"]["rates"], found["clipping"]
    return {
        "one_member": f"{members[0]:.1%}",
        "all_members": f"{members[-1]:.1%}",
        "member_count": str(len(members)),
        "raw_last": _spread(averages["last weights"], "%"),
        "ema_last": _spread(averages["EMA"], "%"),
        "swa_last": _spread(averages["SWA"], "%"),
        "rare_nothing": f"{rare['nothing']:.0%}",
        "rare_weights": f"{rare['class weights']:.0%}",
        "rare_sampling": f"{rare['balanced sampling']:.0%}",
        "error_nothing": f"{errors['nothing']:.1%}",
        "error_smoothing": f"{errors['label smoothing']:.1%}",
        "error_dropout": f"{errors['dropout']:.1%}",
        "tiny_l1": f"{small['L1']:.0%}",
        "tiny_l2": f"{small['L2']:.0%}",
        "tiny_nothing": f"{small['nothing']:.0%}",
        "unclipped_rate": f"{_greatest(rates, clipping['unclipped']):g}",
        "clipped_rate": f"{_greatest(rates, clipping['clipped']):g}",
    }


def _greatest(rates: list[float], ends: list[list[float | None]]) -> float:
    """Return the greatest rate at which every seed came to a loss below 1.5, well under that of knowing nothing."""
    return max(rate for i, rate in enumerate(rates) if all((seed[i] or 9.0) < 1.5 for seed in ends))
