"""How good the module of a run is on the validation split. It keeps nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing, contextmanager

from torch import Tensor

from striate.data import Batches
from striate.train.diverge import NotFinite, first_not_finite
from striate.train.methods import Average, Swa, recalibrate
from striate.train.metrics import evaluate
from striate.train.prepare import Prepared

__all__ = ["Validator"]


class Validator:
    """Measures the module of a run.

    Args:
        prepared: What is trained.
        batches: What it is trained on.
        average: The mean of its weights, if one is kept.
    """

    def __init__(self, prepared: Prepared, batches: Batches, average: Average | None) -> None:
        self.prepared = prepared
        self.module = prepared.module
        self.batches = batches
        self.average = average

    def measured(self, step: int) -> tuple[float, float]:
        """Measure the module after ``step`` steps; return what it is chosen by, and its loss.

        Raises:
            NotFinite: if the loss is no number.
        """
        record, device, peers = self.prepared.record, self.prepared.device, self.prepared.peers
        measured = evaluate(
            self.module, self.prepared.val, record.preprocess, record.class_names, "val", device
        )
        # All measure all of it, rather than wait, and then go by one: the last bits may differ between machines.
        score, loss = peers.agreed(lambda: (measured.score, measured.loss))
        if not math.isfinite(loss):  # before the good checkpoint would be written over
            with closing(self.prepared.val.pieces(64)) as pieces:
                images = record.preprocess.normalize(next(pieces).to(device))
            found = first_not_finite(self.module.eval(), images)
            raise NotFinite("validation loss", step, record.training.optimizer.lr, *found)
        return score, loss

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the mean of the weights, if one is kept, in their place for a while."""
        if self.average is None:
            yield
            return
        with self.average.in_place_of(self.module):
            if isinstance(self.average, Swa) and self.average.count:
                recalibrate(self.module, self._plain_images())
            yield

    def _plain_images(self) -> Iterator[Tensor]:
        """Yield the training images of an epoch, as the network sees them; its share, if it joins statistics."""
        config = self.prepared.record.training
        share = self.prepared.share if config.execution.sync_batchnorm else None
        for step in range(math.ceil(len(self.prepared.train) / config.batch_size)):
            yield self.prepared.inputs(self.batches[step], share)[0]
