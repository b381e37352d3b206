"""What the measured step shows: loss at the start, dead and saturated units, values and gradients that fade or grow."""

from __future__ import annotations

import math

from striate.data.check.words import joined, percent, plural
from striate.train.check.report import Signal
from striate.train.check.subject import Findings, Subject, finding

__all__ = [
    "class_shares",
    "constant_output",
    "dead_units",
    "first_loss",
    "gradients",
    "not_finite",
    "saturated_units",
    "untrained",
    "values",
]

_DEAD, _ALL_DEAD = 0.8, 0.999  # share of a layer's units
_SATURATED = 0.5  # share of a layer's values
_FADED = 1e-3  # of the spread of the first layer
_GROWN = 1e3
_GRADIENTS = 1e4
_EXCESS = 1.0  # nats above ln(classes), about what logits of standard deviation √2 give
_FAR = 2.0
_ENOUGH = 8  # images, of fewer the mean loss says little


def _signals(subject: Subject) -> tuple[Signal, ...]:
    return subject.trial.signals if subject.trial else ()


def not_finite(subject: Subject) -> Findings:
    """Values that are no numbers before anything was learned."""
    bad = [signal for signal in _signals(subject) if not signal.finite]
    if bad or (subject.trial and not math.isfinite(subject.trial.loss)):
        where = f"first in {bad[0].path} ({bad[0].kind})" if bad else "in the loss alone"
        yield finding(
            "error",
            "not-finite",
            f"values of the first step are no finite numbers, {where}",
            "Training would stop at once. Look for a division by zero, a logarithm of zero or weights that are far "
            "too large in that layer.",
        )


def constant_output(subject: Subject) -> Findings:
    """Answers that do not depend on the image."""
    signals = _signals(subject)
    if not signals or not signals[-1].finite or subject.trial is None or subject.trial.batch < 2:
        return
    first = next((signal for signal in signals if signal.spread > 0), None)
    if first is None or signals[-1].spread <= 1e-6 * max(signals[-1].std, 1e-30):
        blocked = next(
            (signal for signal in signals if signal.spread <= 1e-6 * max(signal.std, 1e-30)), signals[-1]
        )
        yield finding(
            "error",
            "constant-output",
            "every image gets the same answer",
            f"From {blocked.path} ({blocked.kind}) on nothing depends on the image. Look at what stands before it: "
            "units that are all dead, a norm over one value, or images that are all alike.",
        )


def dead_units(subject: Subject) -> Findings:
    """Units of ReLU layers that are 0 for every image."""
    dead = [(s, s.dead) for s in _signals(subject) if s.dead is not None and s.dead >= _DEAD]
    if not dead:
        return
    names = tuple(f"{signal.path}: {percent(share)}" for signal, share in dead)
    whole = any(share >= _ALL_DEAD for _, share in dead)
    yield finding(
        "error" if whole else "warning",
        "dead-units",
        f"{plural(len(dead), 'layer')} with dead units, {percent(max(share for _, share in dead))} of "
        f"{dead[0][0].path if len(dead) == 1 else 'one of them'}",
        "They are 0 for every image of a batch, and no gradient passes. Their inputs are far below 0: look for large "
        "negative biases or weights far too large before them; put a BatchNorm() before the ReLU, or use LeakyReLU().",
        names,
    )


def saturated_units(subject: Subject) -> Findings:
    """Values of sigmoids and tanhs at the ends of their range."""
    found = tuple(
        f"{s.path} ({s.kind}): {percent(s.saturated)}"
        for s in _signals(subject)
        if s.saturated is not None and s.saturated > _SATURATED
    )
    if found:
        yield finding(
            "warning",
            "saturated",
            f"{plural(len(found), 'layer')} with most values at the ends of the range",
            "There the curve is flat, and hardly any gradient passes. The weights before are too large, or the inputs "
            "are: put a BatchNorm() before, or use ReLU().",
            found,
        )


def values(subject: Subject) -> Findings:
    """What differs from image to image, fading or growing from layer to layer."""
    live = [signal for signal in _signals(subject) if signal.finite and signal.spread > 0]
    if len(live) < 3:
        return
    first, last = live[0], live[-1]
    faded = min(live, key=lambda signal: signal.spread)
    grown = max(live, key=lambda signal: signal.spread)
    if last.spread < _FADED * first.spread:
        yield finding(
            "warning",
            "fading-values",
            f"differences between images fade to {last.spread / first.spread:.0e} of what they were",
            f"By {faded.path} ({faded.kind}) the images look all alike to the network, and it will learn slowly or "
            "not at all. Put BatchNorm() behind the layers with weights, use ReLU() for Sigmoid(), or fewer layers.",
        )
    elif grown.spread > _GROWN * first.spread:
        yield finding(
            "warning",
            "growing-values",
            f"values grow {grown.spread / first.spread:,.0f} times on the way to {grown.path} ({grown.kind})",
            "Then so do gradients, and training diverges unless the learning rate is tiny. Put BatchNorm() behind the "
            "layers with weights, or lower the initial weights.",
        )


def gradients(subject: Subject) -> Findings:
    """Layers that learn thousands of times slower, or faster, than the last."""
    found = [(s.path, s.gradient) for s in _signals(subject) if s.gradient]
    if len(found) < 3:
        return
    (first, start), (_, end) = found[0], found[-1]
    if start < end / _GRADIENTS:
        yield finding(
            "warning",
            "vanishing-gradient",
            f"the gradient of {first} is {start / end:.0e} of the last layer's, relative to their weights",
            "The first layers hardly learn. Use ReLU() for Sigmoid() and Tanh(), BatchNorm() behind the layers with "
            "weights, or Residual blocks.",
        )
    elif start > end * _GRADIENTS:
        yield finding(
            "warning",
            "exploding-gradient",
            f"the gradient of {first} is {start / end:,.0f} times the last layer's, relative to their weights",
            "A rate that suits the last layers makes the first diverge. Use BatchNorm() behind the layers with "
            "weights, smaller initial weights, or a lower --lr with longer --warmup.",
        )


def untrained(subject: Subject) -> Findings:
    """Parameters to which no gradient comes."""
    names = subject.trial.untrained if subject.trial else ()
    if names:
        yield finding(
            "warning",
            "no-gradient",
            f"{plural(len(names), 'parameter')} to which no gradient comes",
            "They stay as they are. They are not used in forward, stand behind dead units, or only meet padding; "
            "remove them, or set requires_grad=False if that is meant.",
            names,
        )


def first_loss(subject: Subject) -> Findings:
    """The loss before the first step, against that of taking all classes for equally likely."""
    trial, loss = subject.trial, subject.loss
    if trial is None or loss is None or not math.isfinite(trial.loss):
        return
    told = f"the loss begins at {trial.loss:.2f}; {loss.named} = {loss.uniform:.2f}"
    if trial.loss > loss.uniform + _EXCESS:
        if trial.logit_std > 1:
            why = (
                f"The logits differ by {trial.logit_std:.1f} where they should by less than 1: the network is sure "
                "and wrong, and the first steps go into taking that back. Make the last layer's initial weights "
                "smaller, or normalize before it."
            )
        else:
            why = "The logits are small, so some class must be nearly ruled out: look at the last layer's biases."
        far = trial.loss > loss.uniform + max(_FAR, loss.uniform) and trial.batch >= _ENOUGH
        yield finding("warning" if far else "note", "first-loss", told, why)
    elif loss.prior is not None and trial.loss < 0.8 * min(loss.uniform, loss.prior):
        yield finding(
            "note",
            "first-loss",
            f"{told}: it knows something already",
            "Good if its weights were trained before on such data. If not, the answer leaks into the images.",
        )


def class_shares(subject: Subject) -> Findings:
    """What the frequencies of the classes alone are worth."""
    counts = subject.data.statistics.counts.get("train", {})
    total = sum(counts.values())
    prior = None if subject.loss is None else subject.loss.prior
    if prior is None or not total or prior > 0.9 * math.log(subject.classes):
        return
    name, most = max(counts.items(), key=lambda pair: pair[1])
    rare = [n for n, c in counts.items() if 0 < c < total / len(counts) / 3]
    yield finding(
        "note",
        "class-shares",
        f"a loss of {prior:.2f} and {percent(most / total)} accuracy take no learning",
        f"They come from always answering {name!r} as often as it occurs. Measure more than accuracy: striate eval "
        f"prints recall for each class{'; look at ' + joined(rare) if rare else ''}.",
    )
