"""Shipping: prediction."""

from striate.ship.predict import Guess, Prediction, predict

__all__ = ["Guess", "Prediction", "predict"]
