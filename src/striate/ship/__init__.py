"""Shipping: prediction, by a run or by weights from outside."""

from striate.ship.predict import Classifier, Guess, Prediction, predict
from striate.ship.pretrained import CONVENTIONS, Convention, pretrained, read_class_names

__all__ = [
    "CONVENTIONS",
    "Classifier",
    "Convention",
    "Guess",
    "Prediction",
    "predict",
    "pretrained",
    "read_class_names",
]
