"""Striate, by its public generator, as a user has it: every choice but the workload's own is left to it."""

import time

from striate import TrainConfig, train
from striate.data.augment import Recipe
from striate.data.augment.effects import RandomCrop
from striate.train import Inspected, StepDone
from training.networks import describe
from training.setting import Run, Setting
from training.workloads import LR, MOMENTUM, OURS, RUN

__all__ = ["PEERS"]

EPOCHS = 100  # more than is measured


def striate(setting: Setting) -> Run:
    """Return steps of a run whose log is on.

    Validation and checkpoints between epochs, which no peer has, are not counted; looking at every layer is.
    """
    work = setting.work
    options = {} if setting.precision is None else {"precision": setting.precision}
    config = TrainConfig(
        epochs=EPOCHS,
        batch_size=work.batch,
        device=setting.device,
        optimizer="sgd",
        lr=LR,
        momentum=MOMENTUM,
        weight_decay=0,
        schedule="constant",
        warmup=0,
        augment=Recipe((RandomCrop(margin=work.margin),)) if work.margin else "none",
        **options,
    )
    network = describe(work.network, work.shape)
    events = train(network, f"npz:{setting.path}", config, setting.path.parent / RUN)

    def run(steps: int) -> float:
        seconds = 0.0
        while steps:
            start = time.perf_counter()
            event = next(events)
            if isinstance(event, StepDone | Inspected):
                seconds += time.perf_counter() - start
            steps -= isinstance(event, StepDone)
        return seconds

    return run


PEERS = {OURS: striate}
