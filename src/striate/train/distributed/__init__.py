"""Training by several processes: which of them this one is, what they tell one another, and how they are started."""

from striate.train.distributed.world import ALONE, Peers, World

__all__ = ["ALONE", "Peers", "World"]
