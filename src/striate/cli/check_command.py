"""``striate check``: what will go wrong, before the first step."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from striate.analyze import PICTURE_FORMATS
from striate.cli.arguments import NETWORK_HELP, UsageError
from striate.cli.config_options import configured, with_config
from striate.cli.console import say, warn
from striate.cli.findings import AllNames, ReportFile, check_report_file, show
from striate.cli.loading import quickly
from striate.cli.train_command import DATA_HELP
from striate.errors import StriateError

if TYPE_CHECKING:
    from striate.train import NetworkReport
    from striate.train.check import Propagation

__all__ = ["command"]


@with_config
def command(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=NETWORK_HELP)],
    data: Annotated[str | None, typer.Option(metavar="SOURCE", help=DATA_HELP)] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[,NAME]...",
            help="Also follow the variance of activations and gradients through depth, with weights that begin so: "
            "default, he-normal, xavier-normal, orthogonal, lsuv, …. The step is measured with the first.",
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw what --init shows, as a .svg or .png file.")
    ] = None,
    report: ReportFile = None,
    everything: AllNames = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    **options: Any,
) -> None:
    """Say what will go wrong, before the first step.

    Looks at the data as striate data check does, goes through the network, and measures a step: receptive field
    against image, outputs against classes, memory, time, dead and redundant layers, the first loss. Takes the options
    of striate train, and changes nothing. Exit status 1 if something found is an error. Without --data only what
    --init shows is measured, on noise.

    \b
    Examples:
      striate check lenet5 --data digits
      striate check net.yaml --data photos/ --batch-size 128 --report check.html
      striate check vgg11 --init he-normal,xavier-normal --plot variance.svg
    """
    check_report_file(report)
    if plot is not None and plot.suffix.lower() not in PICTURE_FORMATS:
        raise UsageError(f"--plot {str(plot)!r}: must end with {' or '.join(PICTURE_FORMATS)}.")
    if plot is not None and not plot.parent.is_dir():
        raise UsageError(f"--plot {plot}: there is no folder {plot.parent}; name one that is there.")
    if data is None and (report is not None or (init is None and plot is None)):
        raise UsageError("give --data SOURCE, or --init NAME alone to follow noise through the network.")
    names: list[str | None] = [None] if init is None else [name.strip() for name in init.split(",")]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"--init {init}: {twice} stands twice; name each once.")
    configs = [configured({**options, "init": name}, network=network) for name in names]
    inits = [config.init for config in configs]
    with quickly():
        from striate.train.check import check_network, propagate

    if data is None:
        propagation = propagate(network, inits, None, configs[0])
        say(
            json.dumps(propagation.to_data(), indent=1, ensure_ascii=False)
            if as_json
            else propagation.text(everything=everything)
        )
        _draw(propagation, plot)
        return
    checked = check_network(network, data, configs[0])
    found: NetworkReport | _Followed = checked
    if init is not None or plot is not None:
        try:
            propagation = propagate(network, inits, data, configs[0])
        except StriateError:
            if checked.ok:
                raise
        else:
            found = _Followed(checked, propagation)
            _draw(propagation, plot)
    show(found, report, everything=everything, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Followed:
    """A report, and behind it what was seen through depth."""

    report: NetworkReport
    propagation: Propagation

    @property
    def ok(self) -> bool:
        return self.report.ok

    def text(self, names: int | None = 5) -> str:
        return f"{self.report.text(names)}\n\n{self.propagation.text(everything=names is None)}"

    def to_data(self) -> dict[str, Any]:
        return {**self.report.to_data(), "propagation": self.propagation.to_data()}

    def save(self, path: Path | str) -> None:
        self.report.save(path)


def _draw(propagation: Propagation, file: Path | None) -> None:
    if file is not None:
        propagation.plot(file)
        warn(f"picture: {file}")  # not to stdout, which is the table's, or JSON's
