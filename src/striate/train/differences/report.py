"""What two runs differ in, as values. Compares nothing. Of a pair the first run's comes first."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

__all__ = [
    "PARTS",
    "Answer",
    "AnswerDifferences",
    "ChangedAnswer",
    "CommonStep",
    "Difference",
    "RunDiff",
    "StepDifferences",
]

SCHEMA = 1
PARTS = ("configuration", "network", "preprocessing", "augmentation", "data", "environment", "results")
"""The parts of a `RunDiff` that are lists of differences."""

Span = tuple[int, int]


@dataclass(frozen=True)
class Difference:
    """One value that two runs have otherwise.

    Attributes:
        path: Where it stands: ``optimizer.lr``, ``sizes.train``, ``steps[0].standardize.mean[0]``; of a network the
            path of a layer.
        first: Plain data; None also where that run has no such thing.
        second: Likewise.
    """

    path: str
    first: Any
    second: Any

    def to_data(self) -> dict[str, Any]:
        """Return the difference as plain data."""
        return {"path": self.path, "first": self.first, "second": self.second}


@dataclass(frozen=True, kw_only=True)
class CommonStep:
    """A step that both runs have done."""

    step: int
    losses: tuple[float, float]
    lrs: tuple[float, float]

    @property
    def gap(self) -> float:
        """How far the losses are apart."""
        return abs(self.losses[0] - self.losses[1])

    def to_data(self) -> dict[str, Any]:
        """Return the step as plain data; what is no finite number becomes None."""
        figures = (*self.losses, self.gap, *self.lrs)
        first, second, gap, *lrs = (value if math.isfinite(value) else None for value in figures)
        return {"step": self.step, "losses": [first, second], "gap": gap, "lrs": lrs}


@dataclass(frozen=True, kw_only=True)
class StepDifferences:
    """How two runs went, step by step.

    Attributes:
        counts: How many steps each has done.
        only_first: Steps that the first alone has done, from and to, both included.
        only_second: Likewise.
        diverged: The first step whose loss or learning rate is not the same float; None if there is none.
        end: The last step that both have done; None if there is none.
    """

    counts: tuple[int, int]
    only_first: tuple[Span, ...]
    only_second: tuple[Span, ...]
    diverged: CommonStep | None
    end: CommonStep | None

    @property
    def same(self) -> bool:
        """Whether both have done the same steps, and all of them alike."""
        return not (self.only_first or self.only_second or self.diverged)

    def to_data(self) -> dict[str, Any]:
        """Return the steps as plain data."""
        return dataclasses.asdict(self) | {
            "diverged": self.diverged.to_data() if self.diverged else None,
            "end": self.end.to_data() if self.end else None,
        }


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a run says of an image.

    Attributes:
        classes: The one class; or all labels that it gives, where an image may have several.
        probability: That it gives to this answer.
    """

    classes: tuple[str, ...]
    probability: float


@dataclass(frozen=True, kw_only=True)
class ChangedAnswer:
    """An image of which two runs say different things.

    Attributes:
        number: In its split, from 0.
        name: A file, or ``"digits test[3]"``.
        truth: The right class, or labels.
    """

    number: int
    name: str
    truth: tuple[str, ...]
    first: Answer
    second: Answer


@dataclass(frozen=True, kw_only=True)
class AnswerDifferences:
    """What two runs answer to the same images.

    Attributes:
        accuracies: Share of the images that each answers rightly.
        right_to_wrong: Images that the first alone answers rightly.
        wrong_to_right: Images that the second alone answers rightly.
        wrong_to_wrong: Images that both answer wrongly, each otherwise.
        shift: The most by which any probability differs.
        examples: The first images whose answers changed.
    """

    data: str
    split: str
    images: int
    accuracies: tuple[float, float]
    right_to_wrong: int
    wrong_to_right: int
    wrong_to_wrong: int
    shift: float
    examples: tuple[ChangedAnswer, ...]

    @property
    def changed(self) -> int:
        """Images of which the two say different things."""
        return self.right_to_wrong + self.wrong_to_right + self.wrong_to_wrong

    @property
    def same(self) -> bool:
        """Whether all probabilities are the same."""
        return not self.changed and not self.shift

    def to_data(self) -> dict[str, Any]:
        """Return the answers as plain data."""
        fields = dataclasses.asdict(self)
        examples = fields.pop("examples")
        return fields | {"changed": self.changed, "examples": examples}


@dataclass(frozen=True, kw_only=True, repr=False)
class RunDiff:
    """What two runs differ in. It prints what differs, and draws itself in a notebook.

    Attributes:
        runs: The two run folders.
        configuration: Of every option of training.
        network: Of its input and of its layers, by their paths.
        preprocessing: Of what images go through, as it was fitted.
        augmentation: Of what is done to training images, as it was fitted.
        data: Of source, fingerprint, sizes and class names.
        environment: Of versions and the device.
        results: Of how they ended, and of the accuracies on the validation split.
        steps: How they went.
        answers: What they answer; None if that was not compared.
        remarks: What was not compared, and why.
    """

    runs: tuple[str, str]
    configuration: tuple[Difference, ...]
    network: tuple[Difference, ...]
    preprocessing: tuple[Difference, ...]
    augmentation: tuple[Difference, ...]
    data: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    results: tuple[Difference, ...]
    steps: StepDifferences
    answers: AnswerDifferences | None = None
    remarks: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing that was compared differs."""
        parts = any(getattr(self, part) for part in PARTS)
        return not parts and self.steps.same and (self.answers is None or self.answers.same)

    def to_data(self) -> dict[str, Any]:
        """Return the report as it stands in the JSON of ``striate diff``."""
        parts = {part: [difference.to_data() for difference in getattr(self, part)] for part in PARTS}
        return {
            "schema": SCHEMA,
            "runs": list(self.runs),
            "same": self.same,
            **parts,
            "steps": self.steps.to_data(),
            "answers": self.answers.to_data() if self.answers else None,
            "remarks": list(self.remarks),
        }

    def __str__(self) -> str:
        from striate.train.differences.text import text

        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from striate.train.differences.text import html

        return html(self)
