"""Everything that can go wrong before the first step: network, data and configuration made to fit."""

from __future__ import annotations

import datetime
import math
import platform
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from striate.analyze import analyze
from striate.data import (
    AnyDataset,
    Augment,
    Batch,
    Batches,
    Preprocess,
    Recipe,
    Resize,
    Source,
    check_fit,
    fit_preprocess,
    open_source,
    open_split,
)
from striate.data.augment import fitted, recipe
from striate.data.moving import moved
from striate.errors import ConfigError, DataError, bad_argument, listed
from striate.nn import INITS, build, unit_variance
from striate.spec import Network
from striate.train.config import TrainConfig
from striate.train.distributed import ALONE, Peers, World
from striate.train.fits import check_module, check_network
from striate.train.folder import RunRecord
from striate.train.losses import Loss, chosen_loss, make_loss
from striate.train.methods import check_schedule
from striate.train.notes import notes_on
from striate.train.plan.asking import asked_plan
from striate.train.plan.plan import Plan

__all__ = ["Prepared", "network_name", "prepare", "resolve_device"]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A run that is ready to start.

    Attributes:
        train: The training split.
        val: The validation split.
        augment: What is done to training images, if anything.
        loss: What is minimized, of logits and targets.
        record: What will stand in ``run.yaml``.
        peers: The processes that train together.
    """

    name: str
    module: nn.Module
    train: AnyDataset
    val: AnyDataset
    augment: Augment | None
    loss: Loss
    record: RunRecord
    device: torch.device
    notes: tuple[str, ...]
    peers: Peers = ALONE

    @property
    def plan(self) -> Plan:
        """How steps are computed."""
        return self.record.plan

    @property
    def share(self) -> slice | None:
        """Which images of a batch this process computes; None means all."""
        world = self.peers.world
        return None if world.size == 1 else world.share(self.record.training.batch_size)

    def inputs(self, batch: Batch, share: slice | None = None) -> tuple[Tensor, Tensor]:
        """Return what the network takes of a training batch, augmented, and its targets, both on the device.

        Of a ``share`` of the batch alone it is what it is of the whole, which is looked at where images are mixed.
        """
        if self.augment is None:
            images, targets = batch.images, batch.targets
            if share is not None:
                images, targets = images[share], targets[share]
            return self.record.preprocess.normalize(moved(images, self.device)), moved(targets, self.device)
        seed, targets = self.record.training.seed, batch.targets
        images, mixed = self.augment(
            moved(batch.images, self.device),
            targets,
            seed=seed,
            step=batch.step if batch.steps is None else batch.steps,
            indices=batch.indices,
            share=share,
        )
        return images, moved(targets if mixed is None else mixed, self.device)


def prepare(
    network: Network | nn.Module,
    data: str | Path | Source,
    config: TrainConfig,
    begun: RunRecord | None = None,
    peers: Peers = ALONE,
) -> Prepared:
    """Check and load everything that ``config`` needs to train ``network`` on ``data``.

    What was fitted to the data of a run that has ``begun`` is not fitted again.

    Raises:
        ShapeError, DataError, ConfigError: in one message, before anything is written.
    """
    if not isinstance(network, Network | nn.Module):
        allowed = "a Network or a torch.nn.Module; st.zoo has named ones, st.Network.load reads files"
        raise ConfigError(bad_argument("network", network, allowed))
    if isinstance(network, nn.Module) and config.init != "default":
        fix = "Describe the network as a striate.Network to choose."
        allowed = "'default' for a module of your own, whose weights begin as they are"
        raise ConfigError(bad_argument("init", config.init, allowed, fix))
    device = resolve_device(config.device, peers.world)
    mine = peers.world.share(config.batch_size)
    images_of_batch, micro_batch = mine.stop - mine.start, config.execution.micro_batch
    source = data if isinstance(data, Source) else open_source(data)
    if begun is not None:
        _check_same_data(source, begun)
    shape = _image_shape(network, source)
    if isinstance(network, Network):
        check_network(network, source.class_names, images_of_batch, device, micro_batch)
    for split in ("train", "val"):
        source.check_split(split)
    images = len(source.targets["train"])
    config = replace(config, loss=chosen_loss(config.loss, several_labels=source.multi_label))
    check_fit(config.images.preprocess, shape, images)
    check_schedule(config.schedule, config.epochs)
    augment = _augment(config, source)
    wanted = Preprocess(
        shape,
        stored=_stored(config, shape),
        resize=Resize(config.images.resize),
        channel_order=config.images.channel_order,
    )
    train = open_split(
        source,
        "train",
        wanted.stored_shape,
        resize=wanted.resize,
        skip_bad_images=config.images.skip_bad_images,
    )
    val = open_split(
        source,
        "val",
        wanted.stored_shape,
        resize=wanted.resize,
        skip_bad_images=config.images.skip_bad_images,
    )
    described = isinstance(network, Network)
    module = build(network, config.seed, config.init) if isinstance(network, Network) else network
    module = module.to(device)
    if not described:
        least = images_of_batch // math.ceil(images_of_batch / (micro_batch or images_of_batch))
        check_module(module, shape, len(source.class_names), least)
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise ConfigError("the network has no weights to train; add a Conv or Linear layer, or unfreeze one.")
    if begun is None:
        steps, resize, order = config.images.preprocess, wanted.resize, wanted.channel_order
        preprocess = fit_preprocess(train, steps, shape=shape, resize=resize, channel_order=order)
    else:
        preprocess = begun.preprocess
    if augment is not None:
        drawn = fitted(augment.recipe, train) if begun is None else begun.augment
        augment = augment.adapted(drawn, shape[1:], preprocess)
    loss = make_loss(config.loss, train.targets, len(source.class_names), device)
    Batches(train, config.batch_size, config.seed, config.loss.sampling)  # refuses what cannot be balanced
    record = RunRecord(
        network=network if isinstance(network, Network) else None,
        module=None if described else f"{type(module).__module__}.{type(module).__qualname__}",
        data=source.name,
        fingerprint=source.fingerprint,
        sizes={"train": len(train), "val": len(val)},
        class_names=source.class_names,
        several_labels=source.multi_label,
        preprocess=preprocess,
        augment=Recipe() if augment is None else augment.recipe,
        training=config,
        plan=asked_plan(config, _macs(network), device) if begun is None else begun.plan,
        versions={
            "striate": version("striate"),
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    prepared = Prepared(
        name=network_name(network),
        module=module,
        train=train,
        val=val,
        augment=augment,
        loss=loss,
        record=record,
        device=device,
        notes=tuple(notes_on(record, source, module, train.skipped + val.skipped, begun)),
        peers=peers,
    )
    if INITS[config.init].needs_images:
        first = Batches(train, config.batch_size, config.seed, config.loss.sampling)[0]
        unit_variance(module, prepared.inputs(first)[0])
    return prepared


def network_name(network: Network | nn.Module) -> str:
    """Return what a run of ``network`` is called."""
    return network.name if isinstance(network, Network) else type(network).__name__


def _check_same_data(source: Source, begun: RunRecord) -> None:
    if (source.fingerprint, source.class_names) != (begun.fingerprint, begun.class_names):
        raise DataError(
            f"{source.name}: is not the data that the run began with, {begun.data}, as it was then: "
            f"{_what_changed(source, begun)}. A run goes on with the same images and labels alone: bring them back, "
            "say where they are now (--data SOURCE, data=…), or train anew."
        )


def _what_changed(source: Source, begun: RunRecord) -> str:
    """Return what is known of how data differ from those of a run: classes, numbers of images, or what is left."""
    now, then = source.class_names, begun.class_names
    if now != then:
        more = [name for name in now if name not in then]
        gone = [name for name in then if name not in now]
        told = [f"classes are new: {listed(more, 3)}"] * bool(more) + [
            f"classes are gone: {listed(gone, 3)}"
        ] * bool(gone)
        return ", ".join(told) or "the classes are in another order"
    counts = {split: len(source.targets[split]) for split in begun.sizes if split in source.targets}
    others = [
        f"{split} had {begun.sizes[split]:,} images and has {count:,}"
        for split, count in counts.items()
        if count != begun.sizes[split] and not begun.training.images.skip_bad_images
    ]
    return ", ".join(others) or "an image or a label is another one, or the test split is"


def _augment(config: TrainConfig, source: Source) -> Augment | None:
    """Return the augmentation that is wanted, as yet of images as they lie; None if none is."""
    wanted = recipe(config.images.augment)
    if wanted.for_signals:
        name = config.images.augment if "\n" not in config.images.augment else "the recipe"
        raise ConfigError(f"augment: {name} is for signals, and {source.name} holds images.")
    names = source.class_names
    return Augment(wanted, num_classes=len(names), class_names=names) if wanted.effects else None


def _stored(config: TrainConfig, shape: tuple[int, int, int]) -> tuple[int, int] | None:
    """Return height and width that images are loaded with, in the proportions of the network's input."""
    if config.images.stored_size is None:
        return None
    _, height, width = shape
    if config.images.stored_size < height:
        allowed = f"at least the height of the network's input, {height}"
        raise ConfigError(bad_argument("stored_size", config.images.stored_size, allowed))
    return config.images.stored_size, round(config.images.stored_size * width / height)


def resolve_device(name: str, world: World = ALONE.world) -> torch.device:
    """Return the device called ``name``; ``auto`` is CUDA, else Apple's MPS, else the CPU.

    Of several processes each takes the GPU of its number on its machine.

    Raises:
        ConfigError: if there is no such device here.
    """
    if world.size > 1:
        return _device_of(world, resolve_device(name))
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError):
        here = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
        fix = f"Here there is {listed(here)}."
        raise ConfigError(bad_argument("device", name, "auto or a device of this machine", fix)) from None
    return device


def _device_of(world: World, device: torch.device) -> torch.device:
    if device.type == "cpu":
        return device
    if device.type != "cuda" or device.index is not None:
        fix = "Leave it out, or name cpu or cuda."
        raise ConfigError(bad_argument("device", str(device), "a GPU for each of several processes", fix))
    there = torch.cuda.device_count()
    if world.local_rank >= there:
        raise ConfigError(
            f"process {world.local_rank + 1} on this machine, which has {there} GPU{'' if there == 1 else 's'}: start "
            f"{there} at most (--nproc {there}), or name --device cpu."
        )
    torch.cuda.set_device(world.local_rank)
    return torch.device("cuda", world.local_rank)


def _macs(network: Network | nn.Module) -> int | None:
    """Return the multiply-accumulates of one image; None if they are not known."""
    return analyze(network).totals.macs if isinstance(network, Network) else None


def _image_shape(network: Network | nn.Module, source: Source) -> tuple[int, int, int]:
    if isinstance(network, Network):
        if len(network.input) != 3:
            raise DataError(
                f"{network.name!r} takes inputs of shape {network.input}, and {source.name} holds images (C, H, W)."
            )
        channels, height, width = network.input
        return channels, height, width
    if source.shape is None:
        raise DataError(
            f"{source.name} holds images of many sizes, and a module does not say which it takes; "
            "resize them, or describe the network as a striate.Network."
        )
    return source.shape
