"""What the command line says of a network that does not learn well, while it trains."""

from __future__ import annotations

from striate.train.events import Event, Inspected
from striate.train.once import Once

__all__ = ["Warnings"]


class Warnings:
    """The symptoms of a run as lines, each once: again only when layers have it that were not named before."""

    def __init__(self) -> None:
        self._once = Once()

    def lines(self, event: Event) -> list[str]:
        """Return what is new in ``event``."""
        if not isinstance(event, Inspected):
            return []
        return [
            f"warning: step {event.step}: {symptom.text}"
            for symptom in event.symptoms
            if self._once.new(symptom.kind, symptom.layers)
        ]
