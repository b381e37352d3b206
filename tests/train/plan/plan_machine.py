"""A machine whose passes take what they are told to, by its own clock; and what is chosen on it."""

import dataclasses
import math

from plan_toys import prepared, reading

from striate.train.plan.choosing import planned

LONG = 1000.0  # epochs of three steps
MILLI = 1e-3
LAST = "channels_last"


class Machine:
    """A machine whose passes take what ``seconds`` says, by its own clock.

    Attributes:
        tried: The plans, in their order; one that is tried twice in a row stands there once.
        looked_at: Those whose numbers were checked.
        compiling: Seconds until the code of fused layers is there.
    """

    def __init__(self, seconds):
        self.seconds = seconds
        self.now = 100.0
        self.tried = []
        self.looked_at = []
        self.changes = {}
        self.preparation = 0.0
        self.compiling = 0.0

    def perf_counter(self):
        return self.now

    @property
    def kinds(self):
        """The plans that were tried, each once, in the order in which they first were."""
        return list(dict.fromkeys(self.tried))

    def measure(self, bench, plan, repeats, until=math.inf, least=0.0, slowest=math.inf):
        if self.tried[-1:] != [plan]:
            self.tried.append(plan)
        one = self.seconds(plan) * len(bench.images) / bench.size
        useful = self.seconds(plan) < slowest
        for each in range(repeats):
            if each > 1 and (self.now >= until or not useful):
                break
            self.now += one
        preparation = 0.0 if plan.compiled_from is None else self.preparation
        failure = self.changes.get((plan.precision, plan.memory_format), {}).get("failure", "")
        unchecked = plan != bench.described
        return reading(plan, self.seconds(plan), preparation, failure=failure, unchecked=unchecked)

    def load_fused(self, patience):
        waited = self.compiling if patience is None else min(patience, self.compiling)
        self.now += waited
        self.compiling -= waited
        return not self.compiling

    def checked(self, row):
        """Return what a check says of a plan; it takes no time."""
        self.looked_at.append(row.plan)
        change = self.changes.get((row.plan.precision, row.plan.memory_format), {})
        return dataclasses.replace(row, unchecked=False, deviation=change.get("deviation"))


def chosen(epochs=LONG, **options):
    return planned(prepared(epochs=epochs, **options)).plan
