"""What a user may not expect of a run that is about to start, in sentences. Nothing here refuses anything."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from striate.data import Source
from striate.data.augment import sampling
from striate.data.augment.effects import RandomCrop
from striate.data.cores import cores
from striate.errors import listed
from striate.train.config import idle_options
from striate.train.folder import RunRecord

__all__ = ["notes_on"]

_PATIENCE = 1.0  # seconds; what is compiled already is there sooner


def notes_on(
    record: RunRecord, source: Source, module: nn.Module, skipped: tuple[str, ...], begun: RunRecord | None
) -> Iterator[str]:
    """Yield a sentence for each thing of a run that a user may not expect.

    Args:
        record: The run.
        source: Its data.
        module: What is trained.
        skipped: Images that were left out.
        begun: What stood in the folder, if the run goes on.
    """
    preprocess = record.preprocess
    if begun is not None and begun.versions != record.versions:
        others = [f"{name} {was}" for name, was in begun.versions.items() if was != record.versions.get(name)]
        yield f"the run began with {listed(others)}, so what is left of it may differ in the last bits"
    if record.several_labels:
        name = record.training.loss.name
        yield f"an image may have several labels, and each is learned as a yes or no of its own, by loss={name}"
    if skipped:
        yield f"left out {len(skipped)} images that cannot be read: {listed(skipped, 3)}"
    if preprocess.resize.policy != "stretch" and source.shape == preprocess.stored_shape:
        policy = preprocess.resize.policy
        yield f"the images are stored in the size that is wanted, so resize={policy} changes none"
    if preprocess.stored is None and RandomCrop(margin=0) in record.augment.effects:
        yield "the recipe crops images without a margin, and they have no more than the network's size; see stored_size"
    if record.augment.effects and not sampling.ready(_PATIENCE) and sampling.prepare().is_alive():
        yield "the augmentation is being compiled, once on this machine, which takes some ten seconds"
    if (threads := record.training.execution.threads) is not None and threads > cores():
        yield f"threads={threads} share {cores()} core{'' if cores() == 1 else 's'}, and wait for one another"
    if record.training.batch_size > record.sizes["train"]:
        batch, there = record.training.batch_size, record.sizes["train"]
        yield f"a batch of {batch:,} is more than the {there:,} images that train, and shows some of them several times"
    if begun is None:  # else it was told, or an older version had it by default
        yield from idle_options(record.training, record.sizes["train"])
    if record.training.loss.sampling == record.training.loss.class_weights == "balanced":
        yield "sampling=balanced and class_weights=balanced: rare classes count twice over; one of them balances"
    if record.training.execution.sync_batchnorm and not any(
        isinstance(m, _BatchNorm) for m in module.modules()
    ):
        yield "sync_batchnorm=True has no effect: the network has no BatchNorm"
