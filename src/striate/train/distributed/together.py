"""A run made ready for several processes: they meet before anything is loaded, and share what one would do alone."""

from __future__ import annotations

from dataclasses import replace

from striate.train.config import TrainConfig
from striate.train.distributed.launching import end_with_launcher
from striate.train.distributed.world import Alone, Peers, World
from striate.train.prepare import Prepared, resolve_device

__all__ = ["met", "together"]


def met(world: World, config: TrainConfig) -> Peers:
    """Return the processes of ``world`` once they have met; one process loads nothing for it.

    Raises:
        ConfigError: if they cannot share a batch, or there is no such device for each.
        DistributedError: if they do not meet.
    """
    if world.size == 1:
        return Alone(world)
    from striate.train.distributed.group import join

    end_with_launcher()
    world.share(config.batch_size)
    return join(world, resolve_device(config.device, world))


def together(prepared: Prepared) -> Prepared:
    """Return ``prepared`` as its processes train it: with BatchNorm over all of them, if that is wanted, and a note."""
    world, config = prepared.peers.world, prepared.record.training
    if world.size == 1:
        return prepared
    from striate.train.distributed.norm import has_batch_norm, synced

    module, part = prepared.module, config.batch_size // world.size
    note = f"{world.size} processes, each with {part:,} of the {config.batch_size:,} images of a batch"
    if config.execution.sync_batchnorm:
        module = synced(module, prepared.device)
    elif has_batch_norm(module):
        note += "; BatchNorm sees these alone, unless --sync-batchnorm (sync_batchnorm=True) joins them"
    return replace(prepared, module=module, notes=(*prepared.notes, note))
