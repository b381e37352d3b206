"""What the command line says of a network that does not learn well, while it trains."""

from __future__ import annotations

from striate.train.events import Event, Inspected

__all__ = ["Warnings"]


class Warnings:
    """The symptoms of a run as lines, each once: again only when layers have it that were not named before."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def lines(self, event: Event) -> list[str]:
        """Return what is new in ``event``."""
        if not isinstance(event, Inspected):
            return []
        new = []
        for symptom in event.symptoms:
            found = {(symptom.kind, layer) for layer in symptom.layers or ("",)}
            if found - self._told:
                new.append(f"warning: step {event.step}: {symptom.text}")
            self._told |= found
        return new
