"""``striate train``: a run folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import singledispatch
from pathlib import Path
from typing import Annotated, Any

import typer

from striate.cli.arguments import NETWORK_HELP, UsageError, parse_image_shape
from striate.cli.config_options import configured, with_config
from striate.cli.console import say
from striate.cli.loading import quickly
from striate.cli.processes import check_processes, to_launch
from striate.cli.resuming import resumed, show_proof
from striate.cli.sanity import show_sanity
from striate.cli.several_runs import Told, check_modes, show_folds, show_members, show_rates
from striate.cli.telling import LOG_HELP, check_log, plain_reader_warnings, write_summary
from striate.cli.warnings import Warnings
from striate.train.distributed import World
from striate.train.distributed.launching import launch
from striate.train.events import Event, Finished, Replanned, Resumed, Started, Validated
from striate.train.recipes import find_with_recipe

__all__ = ["DATA_HELP", "command"]

DATA_HELP = (
    "digits, a folder (root/train/<class>/… or root/<class>/…), a file (.pack, .npz, .csv, .jsonl, .parquet), or "
    "kind:location (idx:DIR, cifar10:DIR, npy:DIR, csv:FILE?path=COLUMN&label=COLUMN, hf:NAME, …), "
    "also on another machine (s3://bucket/set)."
)


@with_config
def command(
    context: typer.Context,
    network: Annotated[str | None, typer.Argument(metavar="NETWORK", help=NETWORK_HELP)] = None,
    data: Annotated[str | None, typer.Option(metavar="SOURCE", help=DATA_HELP)] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run folder to make.  [default: runs/NETWORK-N]")
    ] = None,
    input: Annotated[
        str | None,
        typer.Option(metavar="CxHxW", help="Channels, height and width, instead of the network's own."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every event as JSON, one a line.")] = False,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with a run that was cut short, to the same bits."),
    ] = None,
    prove_resume: Annotated[
        bool,
        typer.Option("--prove-resume", help="Kill and resume a short run, compare it with one left alone."),
    ] = False,
    sanity: Annotated[
        bool,
        typer.Option("--sanity", help="Learn one batch by heart, say whether that works; no run folder."),
    ] = False,
    folds: Annotated[
        int | None,
        typer.Option(metavar="K", help="Cross-validate: K runs, each measured on a fold it lacks."),
    ] = None,
    members: Annotated[
        int | None, typer.Option(metavar="K", help="Train an ensemble: K runs of other seeds, averaged.")
    ] = None,
    bagging: Annotated[
        bool, typer.Option("--bagging", help="Each member draws its training images with replacement.")
    ] = False,
    find_lr: Annotated[
        bool,
        typer.Option("--find-lr", help="Find the range of learning rates, and suggest one; no run folder."),
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where --find-lr draws the losses: .svg or .png.")
    ] = None,
    nproc: Annotated[
        int | None,
        typer.Option(metavar="N", help="Train in N processes of this machine, such as one for each GPU."),
    ] = None,
    log: Annotated[list[str] | None, typer.Option(metavar="TRACKER", help=LOG_HELP)] = None,
    summary: Annotated[
        bool,
        typer.Option(
            "--summary/--no-summary", help="Write summary.html and summary.png, of several runs too."
        ),
    ] = True,
    **options: Any,
) -> None:
    """Train a network on images and make a run folder.

    A zoo network gets as many outputs as the data has classes. Ctrl-C saves a checkpoint and ends; --resume goes on.

    \b
    Examples:
      striate train lenet5 --data digits --epochs 30
      striate train resnet20 --data idx:fashion-mnist/ --recipe fashion-mnist
      striate train resnet18 --data photos/ --batch-size 32 --lr 0.001
      striate train net.yaml --data idx:mnist/ --optimizer sgd --lr 0.05
      striate train --resume runs/lenet5-1
      striate train lenet5 --data digits --folds 5
      striate train lenet5 --data digits --members 5 --bagging
      striate train lenet5 --data digits --find-lr --plot rates.svg
      striate train resnet50 --data photos/ --batch-size 256 --nproc 4
    """
    modes = {
        "--resume": resume,
        "--prove-resume": prove_resume,
        "--folds": folds,
        "--members": members,
        "--find-lr": find_lr,
        "--sanity": sanity,
    }
    check_modes(modes | {"--bagging": bagging, "--plot": plot, "--out": out, "--input": input})
    single = {flag for flag, value in modes.items() if value} - {"--resume"}
    check_log(log or (), next(iter(single - {"--folds", "--members"}), None))
    check_processes(nproc, next(iter(single), None))
    processes = to_launch(nproc)
    if processes > 1 and resume is not None:
        raise typer.Exit(launch(context.obj, processes))
    writes = World.of_environment().writes
    show = _printer(as_json) if writes else _silent
    if resume is not None:
        with plain_reader_warnings():
            run = resumed(resume, network, data, options, show, log or ())
        if summary and writes:
            write_summary(run, data, run.record.training.device, quiet=as_json)
        return
    if network is None or data is None:
        missing = "NETWORK, what to train" if network is None else "--data SOURCE, what to train on"
        raise UsageError(f"missing {missing}: striate train lenet5 --data digits.")
    config = configured(options, network=network)
    shape = None if input is None else parse_image_shape(input)
    with quickly():
        from striate.data import open_source
        from striate.fitting import fit
        from striate.train import RunFolder

    if out is not None and not any(modes.values()) and World.of_environment().size == 1:
        RunFolder.check_free(out)
    if processes > 1:
        World(size=processes).share(config.batch_size)
        raise typer.Exit(launch(context.obj, processes))
    source = open_source(data)
    described = find_with_recipe(network, config.recipe, len(source.class_names))
    described = described if shape is None else described.with_input(shape)
    if prove_resume:
        show_proof(described, data, config, as_json=as_json)
        return
    if sanity:
        show_sanity(described, source, config, as_json=as_json)
        return
    if find_lr:
        show_rates(described, source, config, plot, as_json=as_json)
        return
    told = Told(show=show, as_json=as_json, log=log or (), summary=summary)
    if folds is not None:
        show_folds(described, source, config, folds, out, told)
        return
    if members is not None:
        show_members(described, source, config, members, out, told, bagging=bagging)
        return
    with plain_reader_warnings():
        run = fit(described, source, out=out, config=config, on_event=show, log=log or ())
    if summary and writes:
        write_summary(run, source, config.device, quiet=as_json)


def _silent(event: Event) -> None:
    """Print nothing: the first of several processes does."""


def _printer(as_json: bool) -> Callable[[Event], None]:
    """Return what prints events, of one run after another."""
    warnings = Warnings()

    def show(event: Event) -> None:
        nonlocal warnings
        if isinstance(event, Started):
            warnings = Warnings()
        for line in [json.dumps(event.to_data())] if as_json else [*_lines(event), *warnings.lines(event)]:
            say(line)

    return show


@singledispatch
def _lines(event: Event) -> list[str]:
    """Return what is printed of ``event``: of most kinds nothing."""
    return []


@_lines.register
def _(event: Started) -> list[str]:
    sizes = ", ".join(f"{count:,} {split}" for split, count in event.sizes.items())
    first = f"{event.network}: {event.params:,} parameters, {sizes} images, on {event.device}"
    return [first, *(f"note: {note}" for note in event.notes), f"plan: {event.plan}"]


@_lines.register
def _(event: Resumed) -> list[str]:
    done = f"step {event.step:,} of {event.steps:,} (epoch {event.epoch:.3g})"
    return [
        f"{event.network}: goes on after {done}, on {event.device}",
        *(f"note: {note}" for note in event.notes),
        f"plan: {event.plan}",
    ]


@_lines.register
def _(event: Replanned) -> list[str]:
    return [
        f"note: memory ran out, and steps go on with {event.micro_batch:,} images at a time: {event.reason}"
    ]


@_lines.register
def _(event: Validated) -> list[str]:
    epoch = f"{event.epoch:.2g}" if event.epoch < 1 else int(event.epoch)
    mark = "  best" if event.best else ""
    loss = f"{event.loss:.4f}" if event.loss < 1e4 else f"{event.loss:.3g}"
    return [f"epoch {epoch}: val loss {loss}, {event.measure} {event.accuracy:.2%}{mark}"]


@_lines.register
def _(event: Finished) -> list[str]:
    how = {"completed": "done", "early stop": "stopped early", "interrupted": "interrupted, and saved"}
    accuracy = "" if event.best_accuracy is None else f"; best val {event.measure} {event.best_accuracy:.2%}"
    steps = f"{event.step:,} step{'' if event.step == 1 else 's'}"
    ended = f"{how[event.reason]} after {steps}"
    # A run that is complete is told to be so, in no time.
    last = (
        f"{ended}, {event.seconds:.1f} s{accuracy}"
        if event.seconds
        else f"nothing is left to do: {ended}{accuracy}"
    )
    return [last, f"run folder: {event.run}"]
