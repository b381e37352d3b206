"""The command line says each thing once, and again of layers that it had not named."""

from striate.cli.warnings import Warnings
from striate.train.events import Inspected, StepDone, Symptom


def looked(step, *symptoms):
    told = tuple(Symptom(kind=kind, layers=layers, text=f"{kind} {step}") for kind, layers in symptoms)
    return Inspected(step=step, layers=(), symptoms=told)


def test_each_thing_is_said_once():
    warnings = Warnings()
    dead, more = ("dead-units", ("a",)), ("dead-units", ("b", "a"))
    assert warnings.lines(looked(1, dead, ("first-loss", ()))) == [
        "warning: step 1: dead-units 1",
        "warning: step 1: first-loss 1",
    ]
    assert warnings.lines(looked(2, dead, ("first-loss", ()))) == []
    assert warnings.lines(looked(3, more, ("no-gradient", ("a",)))) == [
        "warning: step 3: dead-units 3",
        "warning: step 3: no-gradient 3",
    ]
    assert warnings.lines(looked(4, more)) == []
    assert warnings.lines(looked(5, ("dead-units", ("b",)))) == []
    assert Warnings().lines(looked(6, dead)) == ["warning: step 6: dead-units 6"]


def test_other_events_say_nothing():
    done = StepDone(step=1, epoch=0.1, loss=1.0, lr=0.1, images_per_second=1.0)
    assert Warnings().lines(done) == []
