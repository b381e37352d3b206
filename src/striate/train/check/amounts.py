"""How much of one there is against the other: weights and images, batches and images, one layer and the rest."""

from __future__ import annotations

import math

from striate.data.check.words import percent, plural
from striate.train.check.subject import Findings, Subject, finding

__all__ = ["batch_against_set", "heavy_layer", "small_batch_norm", "steps_in_all", "weights_against_images"]

_MANY, _VERY_MANY = 100, 10_000  # weights for each image
_FEW_STEPS = 100
_FEW_IN_A_BATCH = 8


def weights_against_images(subject: Subject) -> Findings:
    """Whether there are far more weights than images to learn them from."""
    images = subject.images("train")
    if not images or subject.parameters is None or subject.parameters / images <= _MANY:
        return
    ratio = subject.parameters / images
    yield finding(
        "warning" if ratio > _VERY_MANY else "note",
        "more-weights-than-images",
        f"{ratio:,.0f} weights for each of the {images:,} training images",
        "It can learn the images by heart. Watch the validation loss (--patience 3), add Dropout(0.5) before the last "
        "layer, take a smaller network, or begin with weights learned elsewhere.",
    )


def heavy_layer(subject: Subject) -> Findings:
    """Whether nearly all weights stand in one layer."""
    if subject.analysis is None:
        return
    layers, total = subject.analysis.layers, subject.analysis.totals.params
    row = max(layers, key=lambda row: row.params)
    several = sum(row.neurons > 0 for row in layers) > 2
    if not several or row.kind not in ("Linear", "DropConnect") or row.params < max(0.9 * total, 1e5):
        return
    index = layers.index(row)
    maps = next((r.input_shape for r in reversed(layers[:index]) if len(r.input_shape) == 3), None)
    advice = "Fewer outputs there would do."
    if maps is not None and math.prod(maps) == row.input_shape[0] and math.prod(maps[1:]) > 1:
        less = maps[0] * row.output_shape[0]
        advice = (
            f"GlobalAvgPool() in the place of Flatten() makes it {less:,} weights instead of {row.weights:,}."
        )
    yield finding(
        "warning",
        "heavy-layer",
        f"{percent(row.params / total)} of all weights stand in {row.path} ({row.kind})",
        f"They learn every place of the maps anew, which takes most images and memory. {advice}",
    )


def batch_against_set(subject: Subject) -> Findings:
    """Whether a batch is larger than the training set."""
    images, batch = subject.images("train"), subject.config.batch_size
    if images and batch > images:
        fit = max(1, 1 << max(0, (images // 8).bit_length() - 1))
        yield finding(
            "warning",
            "batch-beyond-set",
            f"a batch of {batch:,} holds all {plural(images, 'training image')} more than once",
            f"Every step sees the same images, and there is one step an epoch. Use --batch-size {fit}.",
        )


def steps_in_all(subject: Subject) -> Findings:
    """Whether there are enough steps to learn anything."""
    images, config = subject.images("train"), subject.config
    steps = math.ceil(config.epochs * images / config.batch_size)
    if images and steps < _FEW_STEPS:
        epochs = math.ceil(5 * _FEW_STEPS * config.batch_size / images)
        more = f", or --epochs {epochs:,}" if config.batch_size <= images else ""
        yield finding(
            "warning",
            "few-steps",
            f"{plural(steps, 'step')} in all",
            f"A network from scratch takes hundreds. Use a smaller --batch-size{more}.",
        )


def small_batch_norm(subject: Subject) -> Findings:
    """Whether batch norms have too few images for a mean and a variance."""
    batch = subject.config.batch_size
    if subject.analysis is None or not 1 <= batch < _FEW_IN_A_BATCH:
        return
    norms = tuple(row.path for row in subject.analysis.layers if row.kind == "BatchNorm")
    if norms:
        yield finding(
            "warning",
            "small-batch-norm",
            f"{plural(len(norms), 'batch norm')} over {plural(batch, 'image')} at a time",
            "Mean and variance of so few are noise, and in evaluation others are used (Wu and He 2018). Use "
            "--batch-size 16, or GroupNorm(8) in their place.",
            norms,
        )
