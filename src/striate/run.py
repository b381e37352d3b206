"""`check`, `fit` and `Run`: what to know before training, the one call that trains, what a user holds after it.

Each method calls one function of the rooms below; nothing is computed here.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image
from torch import nn

from striate import zoo
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
    ProgressBar,
    RunFolder,
    RunRecord,
    TrainConfig,
    check_network,
    evaluate_run,
    train,
)

__all__ = ["Run", "check", "fit"]


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

    def predict(
        self,
        images: Iterable[str | Path | Image.Image],
        top: int = 5,
        *,
        device: str = "auto",
        views: str = "center",
    ) -> list[Prediction]:
        """Return the classes of image files, or of open images; ``views`` as in `evaluate`."""
        classifier = Classifier(str(self.path), self.module(), self.record.preprocess, self.class_names)
        return classifier.predict(images, top, device=device, views=views)

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
    return check_network(network, data, _config(config, options))


def fit(
    network: Network | nn.Module | str,
    data: str | Path | Source,
    *,
    out: str | Path | None = None,
    config: TrainConfig | None = None,
    on_event: Callable[[Event], None] | None = None,
    **options: Any,
) -> Run:
    """Train to the end and return the run: drains `train`, with a progress bar on a terminal.

    Ctrl-C ends the training after the step in hand, with a checkpoint; a second one ends it at once.

    Args:
        network: A description, a module of your own, or what the command line takes: a file, module:function,
            or the name of a zoo network, which then gets as many outputs as the data has classes.
        data: ``digits``, a folder, ``kind:location``, or a `Source`.
        out: The run folder to make; None means the first free ``runs/<network>-<n>``.
        config: Every other choice; or give its fields as ``options``.
        on_event: Called with each event, for readers of your own.
        **options: Fields of `TrainConfig`: ``epochs=10, lr=0.001``.

    Raises:
        StriateError: whatever `train` raises.
    """
    config = _config(config, options)
    if isinstance(network, str):
        data = data if isinstance(data, Source) else open_source(data)
        network = zoo.find(network, num_classes=len(data.class_names))
    events = train(network, data, config, out)
    path = ""
    with closing(events), ProgressBar() as bar:
        for event in _until_interrupted(events):
            bar.show(event)
            if on_event:
                on_event(event)
            if isinstance(event, Finished):
                path = event.run
    return Run(path, None if isinstance(network, Network) else network)


def _config(config: TrainConfig | None, options: dict[str, Any]) -> TrainConfig:
    if config is not None and options:
        raise ConfigError(f"give config or options ({', '.join(options)}), not both.")
    return config or TrainConfig(**options)


def _until_interrupted(events: Generator[Event, None, None]) -> Iterator[Event]:
    """Yield the events; on Ctrl-C let the step in hand end, then have the run save itself."""
    with _deferred_interrupt() as interrupted:
        over = False  # once told to end, or finished, there is nothing to interrupt
        while True:
            try:
                if interrupted.is_set() and not over:
                    over = True
                    event = events.throw(KeyboardInterrupt())
                else:
                    event = next(events)
            except StopIteration:
                return
            over = over or isinstance(event, Finished)
            yield event


@contextmanager
def _deferred_interrupt() -> Iterator[threading.Event]:
    """Turn the first SIGINT into a set event; the next one interrupts as usual."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted  # signals reach the main thread alone
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: Any) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
