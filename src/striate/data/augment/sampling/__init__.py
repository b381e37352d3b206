"""A batch resampled once and colored once: by compiled code on the CPU, by torch elsewhere."""

from striate.data.augment.sampling.loading import prepare, ready
from striate.data.augment.sampling.warping import PADDINGS, Warp, channel_means, compose, warped

__all__ = ["PADDINGS", "Warp", "channel_means", "compose", "prepare", "ready", "warped"]
