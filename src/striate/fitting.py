"""The calls that train, and what to know before: `check`, `sanity`, `plan`, `train`, `fit`, `resume`.

They take what the command line takes, and call one function of the rooms below; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

from torch import nn

from striate.data import Source, open_source
from striate.errors import ConfigError, bad_argument
from striate.run import Run
from striate.spec import Network
from striate.train import (
    Event,
    Finished,
    NetworkReport,
    PlanTable,
    ProgressBar,
    Sanity,
    TrainConfig,
    check_network,
    measure_plans,
    overfit_batch,
    until_interrupted,
)
from striate.train import resume as resume_events
from striate.train import train as train_events
from striate.train.distributed import World
from striate.train.readers import Readers, check_readers
from striate.train.recipes import check_applied, find_with_recipe, merged_with_recipe

__all__ = ["check", "configured", "fit", "plan", "resume", "sanity", "train"]


def check(
    network: Network | nn.Module | str,
    data: str | Path | Source,
    *,
    config: TrainConfig | None = None,
    **options: Any,
) -> NetworkReport:
    """Say what will go wrong, before the first step: the data, the network, the two together, one measured step.

    Args:
        network: As for `fit`.
        data: As for `fit`.
        config: The training that is meant; or give its fields as ``options``.
        **options: Fields of `TrainConfig`: ``batch_size=128``.

    Raises:
        StriateError: if there is no such network, source or device. What is wrong with them is in the report.
    """
    return check_network(network, data, configured(network, config, options))


def sanity(
    network: Network | nn.Module | str,
    data: str | Path | Source,
    *,
    config: TrainConfig | None = None,
    steps: int = 500,
    **options: Any,
) -> Sanity:
    """Say whether a network can learn one batch by heart, as one that is to learn anything must.

    Args:
        network: As for `fit`.
        data: As for `fit`.
        config: The training that is meant; or give its fields as ``options``.
        steps: After how many it is given up.
        **options: Fields of `TrainConfig`: ``lr=0.001``.

    Raises:
        StriateError: whatever `striate.train.overfit_batch` raises.
    """
    config = configured(network, config, options)
    network, data = _found(network, data, config)
    return overfit_batch(network, data, config, steps=steps)


def plan(
    network: Network | str,
    data: str | Path | Source | None = None,
    *,
    config: TrainConfig | None = None,
    **options: Any,
) -> PlanTable:
    """Try every way to compute a step of training here, and say which is fastest.

    What computes something else than float32 as described, beyond rounding, is not used. `fit` finds what was measured
    here, and measures less by itself.

    Args:
        network: A description, or what the command line takes.
        data: As for `fit`; None means noise.
        config: The training that is meant; or give its fields as ``options``.
        **options: Fields of `TrainConfig`: ``batch_size=128``.

    Raises:
        StriateError: whatever `fit` raises before the first step.
    """
    config = configured(network, config, options)
    if isinstance(data, str | Path):
        data = open_source(data)
    if isinstance(network, str):
        network = find_with_recipe(network, config.recipe, None if data is None else len(data.class_names))
    return measure_plans(network, data, config)


def train(
    network: Network | nn.Module | str,
    data: str | Path | Source,
    config: TrainConfig | None = None,
    out: str | Path | None = None,
    **options: Any,
) -> Generator[Event, None, None]:
    """Check everything, and return the events of a training run as they happen; `fit` takes them all.

    Nothing is trained but while an event is awaited. Closing the generator, or throwing `KeyboardInterrupt` into it,
    saves a checkpoint that `resume` goes on from.

    Args:
        network: As for `fit`.
        data: As for `fit`.
        config: Every other choice; or give its fields as ``options``.
        out: As for `fit`.
        **options: Fields of `TrainConfig`: ``epochs=10, lr=0.001``, as for `fit`.

    Yields:
        `Started`, then `StepDone`, `Validated`, `Checkpointed` and others, and `Finished` at last: `striate.train`.

    Raises:
        StriateError: whatever `striate.train.train` raises.
    """
    config = configured(network, config, options)
    network, data = _found(network, data, config)
    return train_events(network, data, config, out)


def fit(
    network: Network | nn.Module | str,
    data: str | Path | Source,
    *,
    out: str | Path | None = None,
    config: TrainConfig | None = None,
    on_event: Callable[[Event], None] | None = None,
    log: Iterable[str] = (),
    **options: Any,
) -> Run:
    """Train to the end and return the run: drains `train`, with a progress bar on a terminal.

    Ctrl-C ends the training after the step in hand, with a checkpoint that `resume` goes on from; the run that is
    returned is not `Run.complete` then. A second one ends it at once. SIGTERM and SIGHUP do so too, and then end the
    process. In a script that torchrun started, its processes train together, as `striate.train.train` says.

    Args:
        network: A description, a module of your own, or what the command line takes: a file, module:function,
            or the name of a zoo network, which then gets as many outputs as the data has classes.
        data: ``digits``, a folder, ``kind:location``, or a `Source`.
        out: The run folder to make; None means the first free ``runs/<network>-<n>``.
        config: Every other choice; or give its fields as ``options``.
        on_event: Called with each event, for readers of your own; in each of several processes.
        log: Trackers to tell the run to: ``mlflow``, ``wandb``. Training waits for none, and goes on if one fails.
        **options: Fields of `TrainConfig`: ``epochs=10, lr=0.001``; above those of a recipe of the network, if one is
            named: ``recipe="digits"``. A network that is named gets the recipe's input too.

    Raises:
        StriateError: whatever `train` raises.
    """
    log = check_readers(log)
    path = _drained(train(network, data, config, out, **options), on_event, log)
    return Run(path, network if isinstance(network, nn.Module) else None)


def resume(
    run: str | Path | Run,
    data: str | Path | Source | None = None,
    *,
    module: nn.Module | None = None,
    on_event: Callable[[Event], None] | None = None,
    log: Iterable[str] = (),
) -> Run:
    """Go on with a run that was interrupted or killed, to the end, and return it: as `fit`, to the same bits.

    Args:
        run: The run folder, or what was opened of it.
        data: Where the data is now; None means where it was.
        module: What was trained, if it was a module of your own, as it was in the beginning.
        on_event: Called with each event.
        log: As for `fit`; a tracker that was told of the run goes on where it was.

    Raises:
        StriateError: whatever `striate.train.resume` raises.
    """
    log = check_readers(log)
    run = run.path if isinstance(run, Run) else run
    return Run(_drained(resume_events(run, data, module=module), on_event, log), module)


def _found(
    network: Network | nn.Module | str, data: str | Path | Source, config: TrainConfig
) -> tuple[Network | nn.Module, str | Path | Source]:
    """Return what is meant by a name, with as many outputs as the data has classes; they are open then."""
    if not isinstance(network, str):
        return network, data
    source = data if isinstance(data, Source) else open_source(data)
    return find_with_recipe(network, config.recipe, len(source.class_names)), source


def _drained(
    events: Generator[Event, None, None],
    on_event: Callable[[Event], None] | None,
    log: Iterable[str] = (),
) -> str:
    """Take all events, with a progress bar, and return the run folder."""
    path = ""
    writes, bar = World.of_environment().writes, ProgressBar()
    with (
        closing(Readers(log if writes else ())) as readers,
        closing(events),
        bar if writes else nullcontext(),
    ):
        for event in until_interrupted(events):
            if writes:
                bar.show(event)
            if on_event:
                on_event(event)
            readers.show(event)
            if isinstance(event, Finished):
                path = event.run
    return path


def configured(
    network: Network | nn.Module | str, config: TrainConfig | None, options: dict[str, Any]
) -> TrainConfig:
    """Return ``config``, or that of ``options`` above the recipe of ``network`` that they name.

    Raises:
        ConfigError: if both are given, an option has a bad value, there is no such recipe, or ``config`` names one of
            a network given by its name and has nothing of it.
    """
    if not isinstance(config, TrainConfig | None):
        fix = "Its fields can be given by their names: epochs=10, lr=0.001."
        raise ConfigError(bad_argument("config", config, "a TrainConfig", fix))
    if config is not None and options:
        raise ConfigError(f"give config or options ({', '.join(options)}), not both.")
    if config is not None:
        if isinstance(network, str) and config.recipe is not None:
            check_applied(network, config)
        return config
    name = network.name if isinstance(network, Network) else network
    return merged_with_recipe(name if isinstance(name, str) else type(name).__name__, [options])
