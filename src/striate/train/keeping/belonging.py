"""Which run a checkpoint belongs to: what a run is made of, told by name, so that a change of it is found and named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from striate.errors import RunError
from striate.train.folder import RunFolder, RunRecord
from striate.train.settings import settings

__all__ = ["check_belongs", "identity"]

_DIGESTS = ("network", "data", "classes", "preprocess", "augment")
"""What is compared as a whole; all else is an option with its value."""


def identity(record: RunRecord) -> dict[str, Any]:
    """Return what steps of the run are functions of, as JSON has it: digests, then every option by its dotted name."""
    # The class of a module of one's own may move; its weights are compared when they are taken on.
    whole = {
        **({"network": record.network.digest} if record.network else {}),
        "data": record.fingerprint,
        "classes": _digest(list(record.class_names)),
        "preprocess": _digest(record.preprocess.to_data()),
        "augment": _digest(record.augment.to_data()),
    }
    plan = {f"plan.{name}": value for name, value in record.plan.to_data().items()}
    made: dict[str, Any] = json.loads(json.dumps({**whole, **plan, **settings(record.training)}))
    return made


def check_belongs(folder: RunFolder, made: Mapping[str, Any]) -> None:
    """Check that the run is still the one that a checkpoint was written in.

    Args:
        folder: The run.
        made: The `identity` in the checkpoint; of an older version it is empty, and there is nothing to compare.

    Raises:
        RunError: naming the first thing that differs.
    """
    now = identity(folder.record)
    for name, then in made.items():
        if name in now and now[name] != then:
            what = (
                f"its {name} is another one"
                if name in _DIGESTS
                else f"it says {name}={_said(now[name])}, and the run was trained with {_said(then)}"
            )
            raise RunError(
                f"{folder.path}: its run.yaml has changed since its checkpoint was written: {what}. A run goes on as "
                "it began; put that back, or train anew."
            )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _said(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"
