"""What the page about methods says of each method: its rule, its options and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AVERAGES", "CLIPPING", "LOSSES", "OPTIMIZERS", "REGULARIZERS", "SCHEDULES", "Member"]


@dataclass(frozen=True)
class Member:
    """A row of a table.

    Attributes:
        name: What users write: a name of an optimizer, schedule or loss, else an option or a layer.
        rule: What it does, for a reader who knows the letters of its section.
        options: Those of its own, by name; their defaults come from the code.
        source: The paper, or the lecture.
    """

    name: str
    rule: str
    options: tuple[str, ...] = ()
    source: str = ""


OPTIMIZERS = (
    Member(
        "sgd",
        "`v ← μ·v + g`, `w ← w − η·v`; with `nesterov`: `w ← w − η·(g + μ·v)`",
        ("momentum", "nesterov"),
        "lecture 001, Momentum; Polyak 1964, Nesterov 1983, Sutskever et al. 2013",
    ),
    Member(
        "adagrad",
        "`s ← s + g²`, `w ← w − η·g / (√s + ε)`",
        ("eps",),
        "lecture 001, Adagrad & Adadelta Method; Duchi et al. 2011",
    ),
    Member(
        "adadelta",
        "`s ← ρ·s + (1 − ρ)·g²`, `d = g·√(u + ε) / √(s + ε)`, `u ← ρ·u + (1 − ρ)·d²`, `w ← w − η·d`",
        ("smoothing", "eps"),
        "lecture 001, Adagrad & Adadelta Method; Zeiler 2012",
    ),
    Member(
        "rmsprop",
        "`s ← ρ·s + (1 − ρ)·g²`, `v ← μ·v + g / (√s + ε)`, `w ← w − η·v`",
        ("smoothing", "momentum", "eps"),
        "lecture 001, How to Speed Gradient Descent?; Hinton 2012",
    ),
    Member(
        "adam",
        "`m ← β₁·m + (1 − β₁)·g`, `s ← β₂·s + (1 − β₂)·g²`, `w ← w − η·m̂ / (√ŝ + ε)` with `m̂ = m / (1 − β₁ᵗ)` and "
        "`ŝ = s / (1 − β₂ᵗ)`",
        ("betas", "eps"),
        "lecture 001, Equation 11-8; Kingma and Ba 2015",
    ),
    Member(
        "adamw",
        "the step of adam, and `w ← w − η·λ·w`",
        ("betas", "eps"),
        "Loshchilov and Hutter 2019",
    ),
    Member(
        "nadam", "adamw with Nesterov's momentum: `m̂` looks one step ahead", ("betas", "eps"), "Dozat 2016"
    ),
    Member(
        "radam",
        "adamw that divides by `√ŝ` only from the step on at which its variance is bounded",
        ("betas", "eps"),
        "Liu et al. 2020",
    ),
    Member(
        "lars",
        "`r = η · 0.001·‖w‖ / (‖g‖ + λ·‖w‖)` for each layer, `v ← μ·v + r·(g + λ·w)`, `w ← w − v`",
        ("momentum",),
        "You et al. 2017",
    ),
    Member(
        "muon",
        "`M ← μ·M + (1 − μ)·G`, `W ← W − η·0.2·√max(R, C)·UVᵀ` where `M = UΣVᵀ`, for the `R × C` matrices of hidden "
        "layers, each filter of a convolution a row; adamw for all else",
        ("momentum", "nesterov", "betas", "eps"),
        "Jordan et al. 2024",
    ),
    Member(
        "lookahead",
        "around any of them: every `lookahead` steps `slow ← slow + α·(w − slow)`, `w ← slow`, `α` the share",
        ("lookahead", "lookahead_share"),
        "Zhang et al. 2019",
    ),
)

SCHEDULES = (
    Member("constant", "`1`"),
    Member("step", "`factor^⌊epoch / every⌋`", ("factor", "every")),
    Member("multi-step", "`factor^(falls so far)`, one at each epoch of `at`", ("factor", "at")),
    Member(
        "exponential", "`factor^(epoch / every)`, counted from the end of the warmup", ("factor", "every")
    ),
    Member("cosine", "`½·(1 + cos π·done)`", (), "Loshchilov and Hutter 2017"),
    Member(
        "one-cycle",
        "up in a line from 1/25 over three tenths of the steps, then down in a line",
        (),
        "Smith and Topin 2018",
    ),
    Member(
        "warm-restarts",
        "half cosines, the first `every` epochs long, each `growth` times as long as the one before",
        ("every", "growth"),
        "Loshchilov and Hutter 2017",
    ),
    Member(
        "plateau",
        "`factor^falls`; it falls after `plateau` validations in a row without a better loss",
        ("factor", "plateau"),
    ),
    Member(
        "warmup", "of any: up in a line from 0 over this share of the steps", ("warmup",), "Goyal et al. 2017"
    ),
    Member("floor", "of any: no rate after the warmup is below this share of the peak", ("floor",)),
)

REGULARIZERS = (
    Member(
        "l1",
        "adds `l1 · Σ|w|` to the loss: weights that are of no use come to 0",
        ("l1",),
        "Tibshirani 1996",
    ),
    Member(
        "l2",
        "adds `l2 / 2 · Σw²` to the loss, whose gradient is `l2 · w`: large weights shrink most",
        ("l2",),
        "lecture 001, Regularization: penalize large weights",
    ),
    Member(
        "weight_decay",
        "`w ← w − η·λ·w`, past the gradient, in adamw, nadam, radam, muon; in the others it is added to the gradient, "
        "as L2 is. Norms and biases are spared unless `decay_all` is set",
        ("weight_decay", "decay_all"),
        "Loshchilov and Hutter 2019",
    ),
    Member(
        "max_norm",
        "after each step `w ← w · min(1, r / ‖w‖)` for the incoming weights of each neuron",
        ("max_norm",),
        "lecture 001, Max-norm; Srebro et al. 2005",
    ),
    Member(
        "label_smoothing",
        "targets `t` become `(1 − ε)·t + ε/K`: no answer is to be surer than that",
        ("label_smoothing",),
        "Szegedy et al. 2016",
    ),
    Member(
        "gradient_noise",
        "adds normal noise of variance `σ² / (1 + step)^0.55` to the gradients",
        ("gradient_noise",),
        "Neelakantan et al. 2015",
    ),
    Member(
        "patience",
        "early stopping: training ends after so many validations without a better one, and the best weights are kept",
        ("patience",),
        "Prechelt 1998",
    ),
)

AVERAGES = (
    Member(
        "ema",
        "`mean ← d·mean + (1 − d)·w` after each step, `d = min(ema, step / (step + 9))`",
        ("ema",),
        "Polyak and Juditsky 1992",
    ),
    Member(
        "swa",
        "the equal mean of the weights at ends of epochs, from this share of the steps on; BatchNorm is measured anew",
        ("swa", "swa_every"),
        "Izmailov et al. 2018",
    ),
)

LOSSES = (
    Member("auto", "`cross-entropy`, or `binary` where an image may have several labels"),
    Member("cross-entropy", "`−ln p` of the right class, `p` by softmax"),
    Member(
        "binary",
        "`−t·ln p − (1 − t)·ln(1 − p)`, `p` by a sigmoid for each class; the mean over classes",
        (),
        "lecture 004, with its sign mended",
    ),
    Member("squared", "`Σ (output − t)²` over classes, without softmax", (), "LeCun et al. 1998"),
    Member(
        "focal", "`−(1 − p)^focus · ln p`: images that are sure count little", ("focus",), "Lin et al. 2017"
    ),
    Member(
        "class_weights",
        "of any: an image counts the weight of its class; `balanced` is `n / (k·n_c)`",
        ("class_weights",),
        "King and Zeng 2001",
    ),
    Member(
        "sampling", "of any: `balanced` draws images so that all classes come equally often", ("sampling",)
    ),
)

CLIPPING = (
    Member(
        "clip_norm",
        "`g ← g · min(1, clip_norm / ‖g‖)`, `‖g‖` of all gradients together",
        ("clip_norm",),
        "Pascanu et al. 2013",
    ),
    Member(
        "clip_value",
        "each entry of the gradients is held within `± clip_value`, before `clip_norm`",
        ("clip_value",),
    ),
)
