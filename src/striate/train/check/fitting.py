"""Whether training would begin at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from striate.train.check.subject import Findings, Subject, finding

__all__ = ["opening", "refusals", "step_fails"]


def opening(subject: Subject) -> Findings:
    """What training would say of the data at once, where the data's own check has not said it."""
    known = subject.data.find("refused") is not None
    if subject.data_refusal and not known:
        yield finding("error", "refused", "training would refuse this data", subject.data_refusal)


def refusals(subject: Subject) -> Findings:
    """What training would say of the network at once, and what it would say next."""
    if subject.refusal is None:
        return
    text = subject.refusal
    faults = [fault for fault in _FAULTS if fault.applies(subject)]
    for fault in faults:
        yield finding("error", fault.kind, fault.title, text or fault.advice(subject))
        text = ""
    memory = subject.memory
    crowded = (
        memory is not None
        and memory.largest_batch is not None
        and memory.largest_batch < subject.config.batch_size
    )
    if not faults and not crowded:  # of memory another check tells, with the batch that fits
        yield finding("error", "refused", "training would refuse this network", text)


def step_fails(subject: Subject) -> Findings:
    """What the module raised in the measured step."""
    if subject.failure:
        yield finding(
            "error",
            "step-fails",
            "a step of training fails",
            f"{subject.failure}. The module raised it on a batch, or when gradients were computed.",
        )


def _ends_with_softmax(subject: Subject) -> bool:
    return subject.network is not None and list(subject.network.walk())[-1][1].kind == "Softmax"


def _other_outputs(subject: Subject) -> bool:
    """Tell whether the network, or an auxiliary head of it, gives other than one logit for each class."""
    analysis = subject.analysis
    if analysis is None:
        return False
    ends = [
        next(row.output_shape for row in reversed(analysis.layers) if row.path.startswith(f"{head}."))
        for head in analysis.heads
    ]
    return set(ends) | {analysis.output} != {(subject.classes,)}


def _one_value_per_channel(subject: Subject) -> bool:
    return (
        subject.config.batch_size == 1
        and subject.analysis is not None
        and any(
            row.kind == "BatchNorm" and math.prod(row.input_shape[1:]) == 1 for row in subject.analysis.layers
        )
    )


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why training refuses a network: when that is so, what it is, and how to mend it."""

    kind: str
    title: str
    applies: Callable[[Subject], bool]
    advice: Callable[[Subject], str]


# In the order in which training looks: of several the first is told in training's own words.
_FAULTS = (
    _Fault(
        "input-shape",
        "the network takes no images",
        lambda s: s.network is not None and len(s.network.input) != 3,
        lambda s: "Give it an input (C, H, W).",
    ),
    _Fault(
        "too-few-classes",
        "there is nothing to tell apart",
        lambda s: s.classes < 2,
        lambda s: "Add images of a second class.",
    ),
    _Fault(
        "shapes",
        "an image cannot pass through the network",
        lambda s: s.network is not None and s.analysis is None,
        lambda s: "Change the layer, or the input.",
    ),
    _Fault(
        "softmax-at-the-end",
        "the network ends with Softmax",
        _ends_with_softmax,
        lambda s: "Remove it: the training loss takes logits.",
    ),
    _Fault(
        "outputs",
        "the outputs are not the classes",
        _other_outputs,
        lambda s: f"End it with a layer of {s.classes} outputs, such as Linear({s.classes}).",
    ),
    _Fault(
        "batch-of-one",
        "a batch norm over a single value",
        _one_value_per_channel,
        lambda s: "Use --batch-size 2 or more.",
    ),
    _Fault(
        "channels",
        "images do not have the channels of the network's input",
        lambda s: s.network is not None and len(s.network.input) == 3 and s.network.input[0] not in (1, 3),
        lambda s: "Give it an input of 1 channel (grey) or 3 (RGB).",
    ),
)
