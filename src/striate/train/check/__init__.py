"""What will go wrong, before the first step: data and network together, and one measured step of training."""

from striate.train.check.checking import CHECKS, check_network
from striate.train.check.propagation import Passage, Point, Propagation, Trace
from striate.train.check.propagation_measure import propagate
from striate.train.check.report import Figures, Loss, Memory, NetworkReport, Signal, Time

__all__ = [
    "CHECKS",
    "Figures",
    "Loss",
    "Memory",
    "NetworkReport",
    "Passage",
    "Point",
    "Propagation",
    "Signal",
    "Time",
    "Trace",
    "check_network",
    "propagate",
]
