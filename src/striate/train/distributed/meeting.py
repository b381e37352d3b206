"""How processes meet: in a part of torchrun's store that nothing wrote to before.

torchrun keeps one store for all restarts of a job. What processes that are gone left there, such as their addresses,
would be taken for that of those that came in their place.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator

from torch._C._distributed_c10d import PrefixStore, Store

from striate.train.distributed.world import World

__all__ = ["fresh"]

_PAUSE = 0.02  # seconds


def fresh(store: Store, world: World, seconds: float) -> Store:
    """Return a part of ``store`` for the processes of ``world`` that run now, once all of them are here.

    Each leaves a sign of its own. The first names a part to those whose signs it saw, and anew when one has changed:
    what it saw before was of a process that is gone. All take what all have agreed to.

    Raises:
        TimeoutError: if one is missing after so many seconds.
    """
    sign = uuid.uuid4().hex
    store.set(f"here/{world.rank}", sign)
    found = _named(store, world, seconds) if world.rank == 0 else _heard(store, world, seconds, sign)
    return PrefixStore(found, store)


def _named(store: Store, world: World, seconds: float) -> str:
    names = [f"here/{rank}" for rank in range(world.size)]
    others, seen, part = range(1, world.size), None, ""
    for _ in _while_waiting(seconds):
        if not store.check(names):
            continue
        signs = [sign.decode() for sign in store.multi_get(names)]
        if signs != seen:
            seen, part = signs, uuid.uuid4().hex
            store.set("meet", json.dumps([part, signs]))
        if store.check([f"{part}/{rank}" for rank in others]):
            break
    store.set(f"{part}/all", "1")
    return part


def _heard(store: Store, world: World, seconds: float, sign: str) -> str:
    for _ in _while_waiting(seconds):
        if not store.check(["meet"]):
            continue
        part, signs = json.loads(store.get("meet"))
        if signs[world.rank :][:1] == [sign]:
            store.set(f"{part}/{world.rank}", "1")
            if store.check([f"{part}/all"]):
                break
    return str(part)


def _while_waiting(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(_PAUSE)
    raise TimeoutError("not all came")
