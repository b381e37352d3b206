"""fastai: a Learner on a DataLoader over tensors in memory, without a bar or a recorder."""

import time
from functools import partial

import torch
from fastai.callback.core import Callback, CancelFitException
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner, Recorder
from fastai.optimizer import SGD
from torch.utils.data import TensorDataset

from training.peers_torch import module_of
from training.setting import Run, Setting
from training.workloads import FASTAI, LR, MOMENTUM

__all__ = ["PEERS"]


class Clock(Callback):
    """Times an epoch, without what `fit` does before it, and ends it after so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.seconds = 0.0

    def before_train(self) -> None:
        self.seconds = -time.perf_counter()

    def after_batch(self) -> None:
        if self.iter + 1 == self.steps:
            self.seconds += time.perf_counter()
            raise CancelFitException


def fitted(setting: Setting) -> Run:
    """Return steps of `fit`."""
    images, targets = (torch.from_numpy(part) for part in setting.floats())
    loader = DataLoader(
        TensorDataset(images, targets),
        setting.work.batch,
        shuffle=True,
        drop_last=True,
        num_workers=0,
        device="cpu",
    )
    learner = Learner(
        DataLoaders(loader, loader, device="cpu"),
        module_of(setting.work),
        torch.nn.CrossEntropyLoss(),
        partial(SGD, mom=MOMENTUM),
        wd=0,
    )
    learner.remove_cb(Recorder)

    def run(steps: int) -> float:
        seconds = 0.0
        while steps:
            clock = Clock(min(steps, len(loader)))
            learner.fit(1, LR, cbs=clock)
            seconds += clock.seconds
            steps -= clock.steps
        return seconds

    return run


PEERS = {FASTAI: fitted}
