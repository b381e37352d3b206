"""Lightning: a LightningModule on a DataLoader over tensors in memory, its loggers, bars and checkpoints off."""

import logging
import time
import warnings

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from training.peers_torch import module_of
from training.setting import Run, Setting
from training.workloads import LIGHTNING, LR, MOMENTUM, Workload

try:
    import torchvision  # noqa: F401, as Lightning does where it is installed
except ImportError:
    ...
except RuntimeError:
    # Its wheel on PyPI is built for CUDA. Beside another torch its operators are missing, which it looks for when it
    # is imported; none of them is used here.
    for name in ("nms", "qnms"):
        torch.library.define(
            f"torchvision::{name}", "(Tensor dets, Tensor scores, float threshold) -> Tensor"
        )

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import lightning

__all__ = ["PEERS"]


class Classifier(lightning.LightningModule):
    """What a user writes; it times its epoch, without what the Trainer does before it."""

    def __init__(self, work: Workload) -> None:
        super().__init__()
        self.model = module_of(work)
        self.seconds = 0.0

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        images, targets = batch
        return F.cross_entropy(self.model(images), targets)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=LR, momentum=MOMENTUM)

    def on_train_epoch_start(self) -> None:
        self.seconds = -time.perf_counter()

    def on_train_epoch_end(self) -> None:
        self.seconds += time.perf_counter()


def trained(setting: Setting) -> Run:
    """Return steps of the Trainer."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings(
        "ignore", module="lightning"
    )  # of loaders without workers, which tensors need not
    images, targets = (torch.from_numpy(part) for part in setting.floats())
    dataset = TensorDataset(images, targets)
    loader = DataLoader(dataset, setting.work.batch, shuffle=True, drop_last=True)
    classifier = Classifier(setting.work)

    def run(steps: int) -> float:
        seconds = 0.0
        while steps:
            some = min(steps, len(loader))
            trainer = lightning.Trainer(
                accelerator="cpu",
                max_epochs=1,
                limit_train_batches=some,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
            )
            trainer.fit(classifier, loader)
            seconds += classifier.seconds
            steps -= some
        return seconds

    return run


PEERS = {LIGHTNING: trained}
