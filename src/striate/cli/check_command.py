"""``striate check``: what will go wrong, before the first step."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from striate.cli.arguments import NETWORK_HELP
from striate.cli.config_options import configured, with_config
from striate.cli.findings import AllNames, ReportFile, check_report_file, show
from striate.cli.train_command import DATA_HELP

__all__ = ["command"]


@with_config
def command(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=NETWORK_HELP)],
    data: Annotated[str, typer.Option(metavar="SOURCE", help=DATA_HELP)],
    report: ReportFile = None,
    everything: AllNames = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    **options: Any,
) -> None:
    """Say what will go wrong, before the first step.

    Looks at the data as striate data check does, goes through the network, and measures a step: receptive field
    against image, outputs against classes, memory, time, dead and redundant layers, the first loss. Takes the options
    of striate train, and changes nothing. Exit status 1 if something found is an error.

    \b
    Examples:
      striate check lenet5 --data digits
      striate check net.yaml --data photos/ --batch-size 128 --report check.html
    """
    check_report_file(report)
    config = configured(options)
    from striate.train.check import check_network

    show(check_network(network, data, config), report, everything=everything, as_json=as_json)
