"""What is minimized: functions of logits and targets, each a mean over images. They know nothing of networks.

Legend: N images, K classes. Targets are class numbers, int64 ``(N,)``; or shares of classes, as mixing images makes
them, float ``(N, K)`` whose rows sum to 1; or, where an image may have several labels, float ``(N, K)`` of 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional as F

from striate.errors import ConfigError, bad_argument
from striate.train.config import LossConfig

__all__ = ["LABEL_LOSSES", "Loss", "chosen_loss", "class_weights", "first_loss", "make_loss"]

LABEL_LOSSES = ("binary", "focal")
"""Those for images that may have several labels."""

_HALVES = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, eq=False)
class _Settings:
    smoothing: float
    focus: float
    weights: Tensor | None
    several: bool

    def of_type(self, dtype: torch.dtype) -> _Settings:
        """Return them for logits of ``dtype``."""
        if self.weights is None or self.weights.dtype == dtype:
            return self
        return replace(self, weights=self.weights.to(dtype))

    def shares(self, targets: Tensor, logits: Tensor) -> Tensor:
        """Return targets as ``(N, K)``."""
        if targets.ndim == 1:
            return F.one_hot(targets, logits.shape[1]).to(logits.dtype)
        return targets.to(logits.dtype)

    def smoothed(self, shares: Tensor) -> Tensor:
        """Return ``(N, K)`` drawn toward what knows nothing: 1/K of each class, or of several labels 1/2."""
        uniform = 0.5 if self.several else 1 / shares.shape[1]
        return shares * (1 - self.smoothing) + self.smoothing * uniform


@dataclass(frozen=True, eq=False)
class Loss:
    """Takes logits ``(N, K)`` and targets, and returns a scalar; see `make_loss`."""

    _kind: Callable[[Tensor, Tensor, _Settings], Tensor]
    _settings: _Settings

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over images."""
        logits = logits.float() if logits.dtype in _HALVES else logits
        return self._kind(logits, targets, self._settings.of_type(logits.dtype))

    @property
    def weighs(self) -> bool:
        """Whether images count differently."""
        return self._settings.weights is not None and not self._settings.several and self._kind is not _binary

    def count(self, targets: Tensor) -> Tensor:
        """Return what the mean is divided by, float64: images, or the sum of their class weights.

        The loss of a batch is the mean of those of its parts, each counting so much.
        """
        weights = self._settings.weights
        if weights is None or not self.weighs:
            return torch.tensor(len(targets), dtype=torch.float64)
        weights = weights.double()
        return (weights[targets] if targets.ndim == 1 else targets.double() @ weights).sum()


def make_loss(
    config: LossConfig, targets_of_training: Tensor, num_classes: int, device: torch.device | str = "cpu"
) -> Loss:
    """Return the loss that ``config`` names; ``auto`` as `chosen_loss`.

    - ``cross-entropy``: of the softmax, in nats.
    - ``binary``: the cross-entropy of a sigmoid for each class, mean over images and classes.
    - ``squared``: the sum over classes of (logit − target)², without a softmax, as the first LeNets were trained.
    - ``focal``: cross-entropy times (1 − p)^focus (Lin et al. 2017), of the softmax; where an image may have several
      labels, of a sigmoid for each class, mean over images and classes.

    Label smoothing ε makes of targets t the targets (1 − ε)·t + ε/K, or + ε/2 where an image may have several labels.

    With class weights w an image counts Σ w·t of its targets before smoothing, and the mean is divided by the sum of
    these: as `torch.nn.functional.cross_entropy` has it for class numbers, and so that shares that are all in one class
    count as its number does. Where each class has its own sigmoid, each class counts w.

    Args:
        config: Which, and its settings.
        targets_of_training: Of all training images, ``(N,)``; or ``(N, K)`` of 0 and 1, several labels an image.
        num_classes: K.
        device: Where logits will be.

    Raises:
        ConfigError: if images may have several labels and the loss is for one; if there are not K class weights.
    """
    several = targets_of_training.ndim > 1
    config = chosen_loss(config, several_labels=several)
    if several and config.name not in LABEL_LOSSES:
        allowed = f"{' or '.join(LABEL_LOSSES)}, as images may have several labels"
        raise ConfigError(bad_argument("loss", config.name, allowed, "Set it with loss.name=binary."))
    weights = class_weights(config, targets_of_training, num_classes)
    if weights is not None:
        weights = weights.to(device)
    return Loss(_KINDS[config.name], _Settings(config.label_smoothing, config.focus, weights, several))


def chosen_loss(config: LossConfig, *, several_labels: bool) -> LossConfig:
    """Return ``config`` with ``auto`` replaced: ``cross-entropy``, or ``binary`` for several labels an image."""
    if config.name != "auto":
        return config
    return replace(config, name="binary" if several_labels else "cross-entropy")


def class_weights(config: LossConfig, targets: Tensor, num_classes: int) -> Tensor | None:
    """Return the weight of each class, float32 ``(K,)``, or None if all count alike.

    Balanced ones are n / (k·n_c), of n labels n_c of the class, and k classes that have any; a class without has 0.

    Raises:
        ConfigError: if there are not K.
    """
    given = config.class_weights
    if given == "none":
        return None
    if given == "balanced":
        counts = (
            targets.double().sum(0) if targets.ndim > 1 else torch.bincount(targets, minlength=num_classes)
        )
        present = counts > 0
        even = counts.sum() / present.sum()
        return torch.where(present, even / counts.clamp(min=1), 0.0).float()
    if len(given) != num_classes:
        allowed = f"none, balanced, or {num_classes} numbers, one for each class"
        raise ConfigError(bad_argument("class_weights", list(given), allowed))
    return torch.tensor(given)


def first_loss(config: LossConfig, num_classes: int, *, several_labels: bool = False) -> float:
    """Return the loss of a network that knows nothing: all logits 0.

    It is ln K of ``cross-entropy``. Class weights change nothing but, with label smoothing, a little.
    """
    config = chosen_loss(config, several_labels=several_labels)
    if config.name == "binary":
        return math.log(2)
    if config.name == "squared":
        rest = config.label_smoothing / num_classes
        return (1 - config.label_smoothing + rest) ** 2 + (num_classes - 1) * rest**2
    choices = 2 if several_labels else num_classes
    focus = config.focus if config.name == "focal" else 0.0
    return float((1 - 1 / choices) ** focus) * math.log(choices)


def _cross_entropy(logits: Tensor, targets: Tensor, settings: _Settings) -> Tensor:
    weights, smoothing = settings.weights, settings.smoothing
    if targets.ndim == 1 or weights is None:
        return F.cross_entropy(logits, targets, weights, label_smoothing=smoothing)
    summed = F.cross_entropy(logits, targets, weights, reduction="sum", label_smoothing=smoothing)
    return summed / (targets @ weights).sum()


def _binary(logits: Tensor, targets: Tensor, settings: _Settings) -> Tensor:
    shares = settings.smoothed(settings.shares(targets, logits))
    return _mean_of_all(
        F.binary_cross_entropy_with_logits(logits, shares, reduction="none"), settings.weights
    )


def _squared(logits: Tensor, targets: Tensor, settings: _Settings) -> Tensor:
    shares = settings.shares(targets, logits)
    errors = (logits - settings.smoothed(shares)).square().sum(1)
    if settings.weights is None:
        return errors.mean()
    counts = shares @ settings.weights
    return (errors * counts).sum() / counts.sum()


def _focal(logits: Tensor, targets: Tensor, settings: _Settings) -> Tensor:
    shares = settings.shares(targets, logits)
    wanted, focus, weights = settings.smoothed(shares), settings.focus, settings.weights
    if settings.several:
        hits = wanted * _focused(F.logsigmoid(logits), focus)
        return _mean_of_all(hits + (1 - wanted) * _focused(F.logsigmoid(-logits), focus), weights)
    losses = wanted * _focused(logits.log_softmax(1), focus)
    if weights is None:
        return losses.sum(1).mean()
    return (losses @ weights).sum() / (shares @ weights).sum()


def _focused(logs: Tensor, focus: float) -> Tensor:
    """Return −(1 − p)^focus·ln p of ``logs``, the ln p."""
    doubt = -logs.expm1()
    # Where p is 1, a power below 1 would have an infinite slope, and infinity times 0 is no number.
    return -logs * doubt.clamp(min=torch.finfo(logs.dtype).eps) ** focus


def _mean_of_all(losses: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean of ``losses`` ``(N, K)``, each class counting its weight."""
    if weights is None:
        return losses.mean()
    return (losses @ weights).mean() / weights.sum()


_KINDS: Mapping[str, Callable[[Tensor, Tensor, _Settings], Tensor]] = MappingProxyType(
    {"cross-entropy": _cross_entropy, "binary": _binary, "squared": _squared, "focal": _focal}
)
