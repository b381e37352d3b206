"""`check`, `fit`, `resume` and `Run`: what to know before training, the calls that train, what a user holds after it.

Each method calls one function of the rooms below; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing, nullcontext
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image
from torch import nn

from striate.data import Source, open_source
from striate.errors import ConfigError
from striate.ship import Classifier, Prediction
from striate.spec import Network
from striate.train import (
    Evaluation,
    Event,
    Finished,
    LabelEvaluation,
    NetworkReport,
    PlanTable,
    ProgressBar,
    RunFolder,
    RunRecord,
    Sanity,
    TrainConfig,
    check_network,
    evaluate_run,
    measure_plans,
    overfit_batch,
    train,
    until_interrupted,
)
from striate.train import resume as resume_events
from striate.train.distributed import World
from striate.train.readers import Readers, check_readers
from striate.train.recipes import check_applied, find_with_recipe, merged_with_recipe
from striate.train.summary import Summary, summarize

__all__ = ["Run", "check", "configured", "fit", "plan", "resume", "sanity"]


class Run:
    """A finished or interrupted training run.

    Args:
        path: The run folder.
        module: The module that was trained, if it was one of your own rather than a description.

    Raises:
        RunError: if the folder is missing, foreign, damaged or of a newer schema.
    """

    def __init__(self, path: str | Path, module: nn.Module | None = None) -> None:
        self._folder = RunFolder.open(path)
        self._into = module

    @property
    def path(self) -> Path:
        """The run folder."""
        return self._folder.path

    @property
    def record(self) -> RunRecord:
        """The resolved configuration."""
        return self._folder.record

    @property
    def network(self) -> Network | None:
        """The description, or None if a module of your own was trained."""
        return self.record.network

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of the network's outputs."""
        return self.record.class_names

    def module(self) -> nn.Module:
        """Return the trained module, a plain `torch.nn.Module` in evaluation mode."""
        return self._folder.module(self._into)

    def evaluate(
        self,
        split: str = "test",
        data: str | Path | Source | None = None,
        *,
        device: str = "auto",
        skip_bad_images: bool = False,
        views: str = "center",
    ) -> Evaluation | LabelEvaluation:
        """Measure the run on a split of its own data, or of another source.

        Of several ``views`` of an image, ``flip``, ``five-crop``, ``ten-crop``, ``scales``, the mean answer counts.
        """
        return evaluate_run(
            self._folder,
            data,
            split,
            into=self._into,
            device=device,
            skip_bad_images=skip_bad_images,
            views=views,
        )

    def summary(
        self, split: str = "val", data: str | Path | Source | None = None, *, device: str = "auto"
    ) -> Summary:
        """Return the curves of the run, what its weights mistake on a split, and its settings, on one page.

        It shows itself in a notebook; ``.save("summary.html")`` or ``.save("summary.png")`` writes a file.
        """
        return summarize(self._folder, data, split, into=self._into, device=device)

    def predict(
        self,
        images: Iterable[str | Path | Image.Image],
        top: int = 5,
        *,
        device: str = "auto",
        views: str = "center",
        threshold: float | None = None,
    ) -> list[Prediction]:
        """Return the classes of image files, or of open images; ``views`` as in `evaluate`.

        Where an image may have several labels, it has those of a probability above ``threshold``, by default 0.5.
        """
        record = self.record
        classifier = Classifier(
            str(self.path), self.module(), record.preprocess, record.class_names, record.several_labels
        )
        return classifier.predict(images, top, device=device, views=views, threshold=threshold)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}: {self._summary()})"

    def _repr_html_(self) -> str:
        return f"<p><b>Run</b> <code>{escape(str(self.path))}</code><br>{escape(self._summary())}</p>"

    def _summary(self) -> str:
        record = self.record
        name = record.network.name if record.network else record.module
        return (
            f"{name} on {record.data}, {len(record.class_names)} classes, {record.training.epochs:g} epochs"
        )


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
    if isinstance(network, str):
        data = data if isinstance(data, Source) else open_source(data)
        network = find_with_recipe(network, config.recipe, len(data.class_names))
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

    Ctrl-C ends the training after the step in hand, with a checkpoint that `resume` goes on from; a second one ends
    it at once. SIGTERM and SIGHUP do so too, and then end the process. In a script that torchrun started, its processes
    train together, as `striate.train.train` says.

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
    config = configured(network, config, options)
    log = check_readers(log)
    if isinstance(network, str):
        data = data if isinstance(data, Source) else open_source(data)
        network = find_with_recipe(network, config.recipe, len(data.class_names))
    path = _drained(train(network, data, config, out), on_event, log)
    return Run(path, None if isinstance(network, Network) else network)


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
    if config is not None and options:
        raise ConfigError(f"give config or options ({', '.join(options)}), not both.")
    if config is not None:
        if isinstance(network, str) and config.recipe is not None:
            check_applied(network, config)
        return config
    name = network.name if isinstance(network, Network) else network
    return merged_with_recipe(name if isinstance(name, str) else type(name).__name__, [options])
