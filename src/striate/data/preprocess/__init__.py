"""From images to what a network takes: sizes, steps that are fitted on the training split, views."""

from striate.data.preprocess.contrast import GlobalContrast, LocalContrast
from striate.data.preprocess.fitting import check_fit, fit_preprocess
from striate.data.preprocess.names import STEP_NAMES, parsed_steps
from striate.data.preprocess.preprocess import STEPS, Affine, Preprocess, factors
from striate.data.preprocess.steps import Quantize, Standardize, StandardizePixels, Step
from striate.data.preprocess.views import center, views
from striate.data.preprocess.whitening import Whiten

__all__ = [
    "STEPS",
    "STEP_NAMES",
    "Affine",
    "GlobalContrast",
    "LocalContrast",
    "Preprocess",
    "Quantize",
    "Standardize",
    "StandardizePixels",
    "Step",
    "Whiten",
    "center",
    "check_fit",
    "factors",
    "fit_preprocess",
    "parsed_steps",
    "views",
]
