"""Layers that do nothing, or undo or repeat what stands before them: told from the description alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from striate.analyze import Axis
from striate.data.check.words import joined, plural
from striate.spec import Concat, Repeat
from striate.train.check.runs import ACTIVATIONS, NORMS, PASSES, WEIGHTED, Run, Step, runs
from striate.train.check.subject import Findings, Subject, finding

__all__ = [
    "activations_twice",
    "biases_before_norms",
    "dropout_before_norms",
    "idle_layers",
    "last_activation",
    "linear_after_linear",
    "norms_twice",
    "skipped_positions",
    "undone_pooling",
]

_LINEAR = frozenset(
    "BatchNorm Flatten Reshape AvgPool GlobalAvgPool AdaptiveAvgPool Subsample Upsample PadChannels "
    "SliceChannels Transpose".split()
)
"""Kinds without weights of consequence that are linear in evaluation."""

_KEEP_SIGN = frozenset(
    "MaxPool AvgPool GlobalAvgPool GlobalMaxPool AdaptiveAvgPool AdaptiveMaxPool Flatten Reshape PadChannels "
    "SliceChannels Transpose Upsample".split()
)
"""Kinds through which values that are not negative stay so."""

_OWN_SLOPE = frozenset("PReLU Maxout".split())


def _runs(subject: Subject) -> tuple[Run, ...]:
    if subject.network is None or subject.analysis is None:
        return ()
    return runs(subject.network, subject.analysis)


def _without(steps: tuple[Step, ...], kinds: frozenset[str]) -> tuple[Step, ...]:
    return tuple(step for step in steps if step.kind not in kinds)


def _pairs(subject: Subject, leaving_out: frozenset[str]) -> Iterator[tuple[Step, Step]]:
    """Yield each two layers of a run with nothing between them but ``leaving_out``."""
    for run in _runs(subject):
        yield from pairwise(_without(run.steps, leaving_out))


def linear_after_linear(subject: Subject) -> Findings:
    """Two layers with weights and no activation between them are one layer, but for its rank."""
    found = [
        f"{first.named} and {second.named}"
        for first, second in _pairs(subject, PASSES | _LINEAR)
        if first.kind in WEIGHTED and second.kind in WEIGHTED and not _factors(first, second)
    ]
    if found:
        yield finding(
            "warning",
            "no-activation",
            f"{plural(len(found), 'pair')} of layers without an activation between them",
            "Two linear layers in a row can do no more than one. Put a ReLU() between them, or leave one out.",
            tuple(found),
        )


def _factors(first: Step, second: Step) -> bool:
    """Tell a layer taken apart on purpose: by channel and across channels, or through fewer channels between."""
    if "DepthwiseConv" in (first.kind, second.kind):
        return True
    axis = 0 if len(first.row.output_shape) != 2 else -1
    between = first.row.output_shape[axis]
    return between < min(first.row.input_shape[axis], second.row.output_shape[0])


def activations_twice(subject: Subject) -> Findings:
    """An activation of what is activated already."""
    idle: list[str] = []
    twice: list[str] = []
    for first, second in _pairs(subject, PASSES | _KEEP_SIGN):
        if first.kind in ACTIVATIONS - _OWN_SLOPE and second.kind in ACTIVATIONS - {"Softmax", *_OWN_SLOPE}:
            positive = first.kind in ("ReLU", "ReLU6", "Softplus", "Sigmoid", "HardSigmoid", "Softmax")
            nothing = positive and second.kind in ("ReLU", "LeakyReLU", "RReLU")
            (idle if nothing else twice).append(f"{second.named} behind {first.named}")
    if idle:
        yield finding(
            "warning",
            "idle-activation",
            f"{plural(len(idle), 'activation')} of values that are not negative, which changes nothing",
            "What is not negative passes such an activation unchanged. Remove it, or put the layer with weights that "
            "was meant to stand between the two.",
            tuple(idle),
        )
    if twice:
        yield finding(
            "warning",
            "activation-twice",
            f"{plural(len(twice), 'activation')} right behind another",
            "Nothing with weights stands between them, so the second only bends the first one's range. Keep one.",
            tuple(twice),
        )


def biases_before_norms(subject: Subject) -> Findings:
    """A bias that the norm behind it subtracts again."""
    found = [
        (first, second)
        for first, second in _pairs(subject, frozenset())
        if second.kind in ("BatchNorm", "InstanceNorm") and getattr(first.node, "bias", False)
    ]
    if found:
        count = sum(first.row.biases for first, _ in found)
        yield finding(
            "note",
            "bias-before-norm",
            f"{plural(count, 'bias', 'biases')} without effect before a norm",
            "The norm subtracts the mean, and the bias with it; its own shift does the work. Write bias=False.",
            tuple(first.named for first, _ in found),
        )


def dropout_before_norms(subject: Subject) -> Findings:
    """Dropout changes variances in training alone, and a batch norm learns those of training."""
    found = []
    for run in _runs(subject):
        dropped: Step | None = None
        for step in run.steps:
            if step.kind in ("Dropout", "SpatialDropout") and getattr(step.node, "p", 0.0) > 0:
                dropped = step
            elif step.kind == "BatchNorm" and dropped is not None:
                found.append(f"{dropped.named} before {step.named}")
                dropped = None
    if found:
        yield finding(
            "note",
            "dropout-before-norm",
            f"dropout before {plural(len(found), 'batch norm')}",
            "Dropout makes values vary more in training than in evaluation, and the norm keeps the variance of "
            "training (Li et al. 2018). Put dropout behind the last norm, before the last Linear.",
            tuple(found),
        )


def norms_twice(subject: Subject) -> Findings:
    """A norm of what is normalized already."""
    found = [
        f"{second.named} behind {first.named}"
        for first, second in _pairs(subject, PASSES)
        if first.kind in NORMS and second.kind in NORMS
    ]
    if found:
        yield finding(
            "warning",
            "norm-twice",
            f"{plural(len(found), 'norm')} right behind another",
            "The second undoes or repeats the first. Keep one of the two.",
            tuple(found),
        )


def idle_layers(subject: Subject) -> Findings:
    """Layers that give back what they are given."""
    if subject.network is None:
        return
    found = [
        f"{step.named}: {why}" for run in _runs(subject) for step in run.steps if (why := _idle(step, run))
    ]
    parts = [part for top in subject.network.placed for part in top.walk()]
    for part in parts:
        if isinstance(part.node, Concat) and len(part.chains) == 1:
            found.append(f"{part.path} (Concat): it has one branch")
        if isinstance(part.node, Repeat) and part.node.n == 1:
            found.append(f"{part.path} (Repeat): n=1")
    if found:
        yield finding(
            "note",
            "does-nothing",
            f"{plural(len(found), 'layer')} that {'gives' if len(found) == 1 else 'give'} back what "
            f"{'it is' if len(found) == 1 else 'they are'} given",
            "Remove what is not meant, or give it the setting that was.",
            tuple(found),
        )


def _idle(step: Step, run: Run) -> str:
    """Say why a layer does nothing; empty if it does something."""
    node, row = step.node, step.row
    axes = [axis for axis in row.arithmetic.axes if isinstance(axis, Axis)]
    if step.kind in ("MaxPool", "AvgPool") and axes and all((a.kernel, a.stride) == (1, 1) for a in axes):
        return "a window of 1 and a stride of 1"
    if step.kind in ("Dropout", "SpatialDropout", "StochasticDepth") and getattr(node, "p", None) == 0:
        return "p=0"
    if step.kind == "Identity" and not run.shortcut and len(run.steps) > 1:
        return "by its name"
    same = row.input_shape == row.output_shape
    if same and step.kind in (
        *("Upsample", "AdaptiveAvgPool", "AdaptiveMaxPool", "PadChannels", "SliceChannels", "ChannelPool"),
    ):
        return "the shape is that already"
    if same and step.kind == "Flatten":
        return "it reads a vector"
    return ""


def undone_pooling(subject: Subject) -> Findings:
    """Pooling whose result is enlarged again at once."""
    found = [
        f"{first.named} and {second.named}"
        for first, second in _pairs(subject, PASSES | ACTIVATIONS)
        if first.kind in ("MaxPool", "AvgPool", "LpPool", "Subsample", "StochasticPool")
        and second.kind == "Upsample"
        and first.row.input_shape == second.row.output_shape
    ]
    if found:
        yield finding(
            "warning",
            "pooling-undone",
            "a pooling whose result is enlarged again at once",
            "The detail is lost and the size is not won. Put the layers that were to work on small maps between the "
            "two, or remove both.",
            tuple(found),
        )


def skipped_positions(subject: Subject) -> Findings:
    """Strides that step over some of what a layer is given."""
    found = []
    for run in _runs(subject):
        for step in run.steps:
            axes = [axis for axis in step.row.arithmetic.axes if isinstance(axis, Axis)]
            wide = [a for a in axes if a.stride > a.kernel and a.output > 1]
            if wide and not run.shortcut:
                found.append(f"{step.named}: kernel {wide[0].kernel}, stride {wide[0].stride}")
    if found:
        yield finding(
            "warning",
            "stride-beyond-kernel",
            f"{plural(len(found), 'layer')} whose stride is larger than its window",
            "What lies between the windows is never read. Make the kernel at least as large as the stride, or the "
            "stride smaller.",
            tuple(found),
        )


_RANGES = {
    "ReLU": "no logit can be below 0",
    "ReLU6": "no logit can be below 0 or above 6",
    "Sigmoid": "logits between 0 and 1 keep every probability close to the others",
    "HardSigmoid": "logits between 0 and 1 keep every probability close to the others",
    "Tanh": "logits between −1 and 1 keep every probability close to the others",
    "ScaledTanh": "bounded logits keep every probability close to the others",
    "Softplus": "no logit can be below 0",
}


def last_activation(subject: Subject) -> Findings:
    """What stands behind the layer that gives the logits."""
    last = next((run for run in _runs(subject) if run.last), None)
    if last is None or len(last.steps[-1].row.output_shape) > 1:  # images are no logits
        return
    if last.steps[-1].kind in PASSES - {"Identity", "SparsityPenalty"}:
        yield finding(
            "warning",
            "dropout-on-logits",
            f"the network ends with {last.steps[-1].named}, which spoils answers, not features",
            "Put it before the last layer with weights, or remove it.",
        )
    steps = _without(last.steps, PASSES | {"Flatten"})
    if steps and steps[-1].kind in _RANGES:
        yield finding(
            "warning",
            "activation-on-logits",
            f"the network ends with {steps[-1].named}: {_RANGES[steps[-1].kind]}",
            f"The training loss takes logits, any numbers. Remove {steps[-1].path}; predictions are probabilities "
            "all the same.",
        )
    elif any(step.kind == "Softmax" for step in last.steps[:-1]):
        inside = [step.named for step in last.steps[:-1] if step.kind == "Softmax"]
        yield finding(
            "warning",
            "softmax-inside",
            f"{joined(inside)} in the midst of the network",
            "Its values sum to one, so that all but a few are close to 0 and so are their gradients. Use a ReLU().",
        )
