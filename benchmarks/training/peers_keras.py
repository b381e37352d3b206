"""Keras 3 by `model.fit`. Its backend is chosen when it is imported, so that each has a process of its own."""

import os
import time
from functools import partial

import numpy as np

from training.setting import Run, Setting
from training.workloads import (
    CLASSES,
    KERAS_JAX,
    KERAS_JAX_SHIFTED,
    KERAS_TORCH,
    KERAS_TORCH_SHIFTED,
    LR,
    MOMENTUM,
)

__all__ = ["PEERS"]


def fitted(setting: Setting, *, backend: str, shifting: bool = False) -> Run:
    """Return steps of `fit` on arrays in memory, channels last as Keras has them; ``shifting`` adds its layer for it.

    Its RandomCrop would give all images of a batch the same window, so that RandomTranslation takes its place.
    """
    os.environ["KERAS_BACKEND"] = backend
    import keras

    work = setting.work
    images, targets = setting.floats()
    images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    shares = tuple(work.margin / side for side in work.shape[1:])
    shift = keras.layers.RandomTranslation(*shares, fill_mode="constant", interpolation="nearest")
    layers = {"lenet5_relu": _lenet5, "linear": _linear}[work.network](keras.layers)
    model = keras.Sequential([keras.Input(images.shape[1:]), *([shift] if shifting else []), *layers])
    model.compile(
        keras.optimizers.SGD(LR, MOMENTUM), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )

    class Clock(keras.callbacks.Callback):
        """Times the epoch, without what `fit` does before it."""

        seconds = 0.0

        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            self.seconds -= time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            self.seconds += time.perf_counter()

    def run(steps: int) -> float:
        clock = Clock()
        while steps:
            some = min(steps, len(images) // work.batch)
            shown = slice(some * work.batch)
            model.fit(images[shown], targets[shown], work.batch, verbose=0, callbacks=[clock])
            steps -= some
        return clock.seconds

    return run


def _lenet5(layers: object) -> list[object]:
    """Return the layers of Striate's ``lenet5_relu``."""
    he = {"kernel_initializer": "he_normal"}
    return [
        layers.Conv2D(6, 5, padding="same", activation="relu", **he),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 5, activation="relu", **he),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(120, activation="relu", **he),
        layers.Dense(84, activation="relu", **he),
        layers.Dense(CLASSES),
    ]


def _linear(layers: object) -> list[object]:
    return [layers.Flatten(), layers.Dense(CLASSES)]


PEERS = {
    KERAS_TORCH: partial(fitted, backend="torch"),
    KERAS_TORCH_SHIFTED: partial(fitted, backend="torch", shifting=True),
    KERAS_JAX: partial(fitted, backend="jax"),
    KERAS_JAX_SHIFTED: partial(fitted, backend="jax", shifting=True),
}
