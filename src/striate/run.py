"""`Run`: what a user holds after training. Each method calls one function of the rooms below."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from PIL import Image
from torch import nn

from striate.data import Source
from striate.ship import Classifier, Prediction
from striate.spec import Network
from striate.train import (
    Evaluation,
    LabelEvaluation,
    RunFolder,
    RunRecord,
    evaluate_run,
)
from striate.train.keeping.ended import is_done
from striate.train.summary import Summary, summarize

__all__ = ["Run"]


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

    @property
    def complete(self) -> bool:
        """Whether it came to its end; `striate.resume` goes on with one that was interrupted or killed."""
        return is_done(self.path)

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
        ended = "" if self.complete else ", not at its end"
        return f"{name} on {record.data}, {len(record.class_names)} classes, {record.training.epochs:g} epochs{ended}"
