"""Runs that are cut short, and what is compared of them."""

import json

from toys import quick, tiny, toy_source

from striate.train import StepDone, train

OPTIONS = {"epochs": 4.0, "ema": 0.8, "augment": "cifar", "every_steps": 2, "health_every": 4}
STEPS = 12


def begun(path, steps, module=None, source=None, **options):
    """Train so many steps, then close the run; none are left of one that is drained."""
    events = train(module or tiny(), source or toy_source(), quick(**OPTIONS | options), path)
    for event in events:
        if isinstance(event, StepDone) and event.step == steps:
            events.throw(KeyboardInterrupt())
            list(events)
    return path


def rows(path, *kinds):
    """Return the events of these kinds in a log, without what differs from process to process."""
    volatile = ("time", "images_per_second", "seconds", "run", "path")
    lines = [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in volatile} for row in lines if row["event"] in kinds]


def files(path):
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*.safetensors"))}


def last(path, which="last"):
    return path / "checkpoints" / which / "checkpoint.safetensors"
