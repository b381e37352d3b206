"""Methods of training, each a value or a function that the loop is given: none of them knows the loop."""

from striate.train.methods.averaging import Average, Ema, Swa, make_average
from striate.train.methods.finder import RateRange, find_rates
from striate.train.methods.gradients import add_gradient_noise, clip_gradients
from striate.train.methods.lars import LARS
from striate.train.methods.lookahead import Lookahead
from striate.train.methods.max_norm import project_max_norm
from striate.train.methods.muon import Muon
from striate.train.methods.optimizers import make_optimizer
from striate.train.methods.penalties import penalty
from striate.train.methods.recalibration import recalibrate
from striate.train.methods.schedules import check_schedule, learning_rate, plateau_falls

__all__ = [
    "LARS",
    "Average",
    "Ema",
    "Lookahead",
    "Muon",
    "RateRange",
    "Swa",
    "add_gradient_noise",
    "check_schedule",
    "clip_gradients",
    "find_rates",
    "learning_rate",
    "make_average",
    "make_optimizer",
    "penalty",
    "plateau_falls",
    "project_max_norm",
    "recalibrate",
]
