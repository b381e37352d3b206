"""Tells a run to MLflow, at the tracking URI that MLflow itself would use."""

from __future__ import annotations

import logging
import os
import time
from functools import singledispatchmethod
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from striate.train.events import Event, Finished, Started, StepDone, Validated
from striate.train.readers.about import About
from striate.train.readers.reader import keep_id, kept_id

__all__ = ["MlflowReader"]

_BATCH, _PARAMS = 1000, 100  # the most that the tracking server takes at once
_EVERY = 2.0
_TEXT = 500


class MlflowReader:
    """One MLflow run for one run folder, in the experiment ``striate`` or that of ``MLFLOW_EXPERIMENT_NAME``.

    Those of a series have its folder as their tag ``striate.series``. Metrics are sent every two seconds, and at each
    validation.
    """

    def __init__(self) -> None:
        logging.getLogger("alembic").setLevel(logging.WARNING)  # which tells of every table of a new store
        self._client = MlflowClient()
        self._id = ""
        self._waiting: list[Metric] = []
        self._sent = time.monotonic()
        self._status = "FAILED"

    @singledispatchmethod
    def show(self, event: Event) -> None:
        """Take ``event``; most kinds are of no interest to MLflow."""

    @show.register
    def _(self, event: Started) -> None:
        about = About.of(event)
        self._id = self._continued(about.folder) or self._created(about)

    @show.register
    def _(self, event: StepDone) -> None:
        speed = event.images_per_second
        self._note(
            event.step, {"train/loss": event.loss, "train/lr": event.lr, "train/images_per_second": speed}
        )
        if len(self._waiting) > _BATCH - 10 or time.monotonic() - self._sent > _EVERY:
            self._send()

    @show.register
    def _(self, event: Validated) -> None:
        self._note(event.step, {"val/loss": event.loss, "val/accuracy": event.accuracy, "epoch": event.epoch})
        self._send()

    @show.register
    def _(self, event: Finished) -> None:
        final = {"best_accuracy": event.best_accuracy, "best_step": event.best_step, "seconds": event.seconds}
        self._note(event.step, {f"final/{name}": value for name, value in final.items() if value is not None})
        self._client.set_tag(self._id, "striate.reason", event.reason)
        self._status = "KILLED" if event.reason == "interrupted" else "FINISHED"

    def close(self) -> None:
        """End the MLflow run: as failed unless it came to its end."""
        if self._id:
            self._send()
            self._client.set_terminated(self._id, self._status)

    def _continued(self, folder: Path) -> str | None:
        """Return the MLflow run that told of this run before, running again; None if there is none."""
        known = kept_id(folder, "mlflow")
        if known is None:
            return None
        try:
            self._client.update_run(known, "RUNNING")
        except MlflowException:  # of another store, or removed
            return None
        return known

    def _created(self, about: About) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "striate")
        found = self._client.get_experiment_by_name(name)
        experiment = found.experiment_id if found else self._client.create_experiment(name)
        tags = {f"striate.{key}": value for key, value in about.tags.items()}
        if about.group is not None:
            tags["striate.series"] = about.group  # MLflow's page groups runs by any tag
        run = self._client.create_run(experiment, tags=tags, run_name=about.name)
        params = [Param(key, str(value)[:_TEXT]) for key, value in about.settings.items()]
        for start in range(0, len(params), _PARAMS):
            self._client.log_batch(run.info.run_id, params=params[start : start + _PARAMS])
        keep_id(about.folder, "mlflow", run.info.run_id)
        return str(run.info.run_id)

    def _note(self, step: int, values: dict[str, float]) -> None:
        now = int(time.time() * 1000)
        self._waiting += [Metric(key, float(value), now, step) for key, value in values.items()]

    def _send(self) -> None:
        self._client.log_batch(self._id, metrics=self._waiting)
        self._waiting, self._sent = [], time.monotonic()
