"""What tests of plans have in common: small batches, benches, and a run that is ready to start."""

import torch
from toys import quick, tiny, toy_source

from striate.nn import build
from striate.train.config import LossConfig
from striate.train.losses import make_loss
from striate.train.plan import Plan
from striate.train.plan.measuring import Bench, Measured
from striate.train.prepare import prepare

CPU = torch.device("cpu")
HALF = Plan(precision="bf16")
LAST = Plan(memory_format="channels_last")


def batch(count=8, shape=(1, 8, 8), classes=3):
    """Return noise and the number of a class for each, drawn alike each time."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, *shape, generator=generator), torch.arange(count) % classes


def bench(module, count=8, shape=(1, 8, 8), classes=3, described=None):
    images, targets = batch(count, shape, classes)
    return Bench(module, make_loss(LossConfig(), targets, classes), images, targets, described or Plan())


def problem(module, plan, **options):
    """Return why ``plan`` is refused for ``module``."""
    return measured_and_checked(bench(module, **options), plan).refused


def measured_and_checked(tried, plan, repeats=1):
    return tried.checked(tried.measure(plan, repeats))


def prepared(network=None, source=None, **options):
    return prepare(network or tiny(), source or toy_source(), quick(**{"plan": "auto"} | options))


def reading(plan, seconds, preparation=0.0, deviation=None, failure="", unchecked=False):
    """Return what a bench would say of a plan that takes so long."""
    return Measured(
        plan=plan,
        seconds=None if failure else seconds,
        preparation=preparation,
        repeats=1,
        deviation=deviation,
        failure=failure,
        unchecked=unchecked,
    )


def tiny_module():
    return build(tiny(), seed=0)
