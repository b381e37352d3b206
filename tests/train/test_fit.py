"""`fit` and `Run`: what a user calls, and what they hold afterwards."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from toys import NAMES, message_of, quick, tiny, toy_source, trained

import striate as st
from striate.data import ArraySource
from striate.errors import ConfigError, DataError, DescriptionError, RunError
from striate.train import Checkpointed, Finished, Started, StepDone, Validated, evaluate_run
from striate.train.keeping.checkpoint import read_progress

OPTIONS = {"epochs": 2.0, "batch_size": 16, "device": "cpu"}
FEW = {"epochs": 1, "batch_size": 16, "device": "cpu", "plan": "plain"}


class Own(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(144, classes)

    def forward(self, x):
        return self.head(self.body(x))


def test_fit_learns_the_digits(tmp_path):
    events = []
    run = st.fit(
        st.Network(
            "small",
            (1, 8, 8),
            st.Sequential(st.Conv(16, 3), st.ReLU(), st.MaxPool(2), st.Flatten(), st.Linear(10)),
        ),
        "digits",
        out=tmp_path / "run",
        on_event=events.append,
        epochs=8,
        lr=0.01,
        device="cpu",
    )
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    evaluation = run.evaluate()
    assert (evaluation.split, evaluation.images) == ("test", 359)
    assert evaluation.accuracy > 0.9
    assert run.evaluate("val").accuracy == events[-1].best_accuracy
    assert run.class_names == tuple("0123456789")


def test_on_event_sees_what_the_log_has(tmp_path):
    events = []
    st.fit(tiny(), toy_source(), out=tmp_path / "run", on_event=events.append, **OPTIONS)
    lines = (tmp_path / "run" / "events.jsonl").read_text().splitlines()
    assert len(lines) == len(events)
    assert sum(isinstance(e, StepDone) for e in events) == 6


def test_a_reader_that_fails_ends_the_run_saved(tmp_path):
    def fail(event):
        if isinstance(event, StepDone) and event.step == 4:
            raise LookupError("the reader's own")

    with pytest.raises(LookupError, match="the reader's own"):
        st.fit(tiny(), toy_source(), out=tmp_path / "run", on_event=fail, **OPTIONS)
    assert st.Run(tmp_path / "run").module().conv.weight.shape == (4, 1, 3, 3)
    last = tmp_path / "run" / "checkpoints" / "last" / "checkpoint.safetensors"
    assert read_progress(last).step == 4


def test_a_zoo_name_gets_as_many_outputs_as_there_are_classes(tmp_path):
    run = st.fit("lenet5", toy_source(), out=tmp_path / "run", epochs=0.3, device="cpu")
    assert run.network == st.zoo.lenet5(num_classes=3)
    assert run.record.preprocess.shape == (1, 32, 32)
    text = message_of(DescriptionError, st.fit, "lenet6", toy_source())
    assert text.startswith("unknown network 'lenet6'. Did you mean 'lenet5'")


def test_options_or_config_not_both(tmp_path):
    config = quick(seed=3, epochs=0.3, loss="cross-entropy")
    run = st.fit(tiny(), toy_source(), config=config, out=tmp_path / "run")
    assert run.record.training == config
    text = message_of(ConfigError, st.fit, tiny(), toy_source(), config=config, lr=0.1, epochs=2)
    assert text == "give config or options (lr, epochs), not both."
    text = message_of(ConfigError, st.fit, tiny(), toy_source(), learningrate=0.1, out=tmp_path / "other")
    assert text.startswith("training has no option 'learningrate'.")
    assert not (tmp_path / "other").exists()


def test_the_generator_takes_what_fit_takes(tmp_path):
    file = str(tmp_path / "tiny.yaml")
    Path(file).write_text(tiny().to_yaml())
    told = list(st.train(file, toy_source(), out=tmp_path / "told", lr=0.01, **FEW))
    assert isinstance(told[0], Started)
    assert isinstance(told[-1], Finished)
    run = st.fit(file, toy_source(), out=tmp_path / "fit", lr=0.01, **FEW)
    given = st.train(tiny(), toy_source(), st.TrainConfig(lr=0.01, **FEW), tmp_path / "given")
    assert len(list(given)) == len(told)
    weights = (run.path / "model.safetensors").read_bytes()
    assert weights == (tmp_path / "told" / "model.safetensors").read_bytes()
    assert weights == (tmp_path / "given" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("call", [st.train, st.fit, st.check, st.sanity, st.plan])
def test_a_configuration_that_is_none(call):
    assert message_of(ConfigError, call, tiny(), toy_source(), config={"lr": 0.1}) == (
        "config={'lr': 0.1}: must be a TrainConfig. Its fields can be given by their names: epochs=10, lr=0.001."
    )


def test_fit_works_outside_the_main_thread(tmp_path):
    made = []
    thread = threading.Thread(
        target=lambda: made.append(st.fit(tiny(), toy_source(), out=tmp_path / "run", **OPTIONS))
    )
    thread.start()
    thread.join()
    assert made[0].path == tmp_path / "run"


def test_a_module_of_ones_own(tmp_path):
    torch.manual_seed(0)
    own = Own()
    run = st.fit(own, toy_source(), out=tmp_path / "run", lr=0.02, **OPTIONS)
    assert run.network is None
    assert run.record.module == f"{__name__}.Own"
    assert run.module() is own
    assert run.evaluate("val", toy_source()).accuracy > 0.6
    # Opened later, the folder alone cannot rebuild it; given another, it fills that.
    opened = st.Run(tmp_path / "run")
    assert message_of(RunError, opened.module) == (
        f"{tmp_path / 'run'}: trained a module of your own ({__name__}.Own), which the run folder "
        f"cannot rebuild; give it: striate.Run({str(tmp_path / 'run')!r}, module=…)."
    )
    other = Own()
    filled = st.Run(tmp_path / "run", other).module()
    assert filled is other
    assert not filled.training
    assert all(torch.equal(v, own.state_dict()[n]) for n, v in filled.state_dict().items())
    assert int(filled.body[1].num_batches_tracked) in (3, 6)
    text = message_of(st.WeightsError, st.Run(tmp_path / "run", Own(4)).module)
    assert "of another shape: head.weight (3, 144) where the module has (4, 144)" in text


def test_how_a_run_prints(toy_run):
    run = st.Run(toy_run)
    assert repr(run) == f"Run({str(toy_run)!r}: tiny on toy, 3 classes, 6 epochs)"
    assert run._repr_html_() == (
        f"<p><b>Run</b> <code>{toy_run}</code><br>tiny on toy, 3 classes, 6 epochs</p>"
    )


def test_html_is_escaped(tmp_path):
    trained(tmp_path / "a<b>", data=toy_source(name="<data> & more"), epochs=0.3)
    html = st.Run(tmp_path / "a<b>")._repr_html_()
    assert "a&lt;b&gt;" in html
    assert "tiny on &lt;data&gt; &amp; more" in html
    assert html.count("<") == 7


def renamed(source, order):
    """Return ``source`` with its classes in another order."""
    place = {old: new for new, old in enumerate(order)}
    names = tuple(NAMES[old] for old in order)
    splits = source.targets
    return ArraySource(
        "other",
        {s: source.array(s) for s in splits},
        {s: np.array([place[int(t)] for t in splits[s]]) for s in splits},
        names,
    )


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2), (2, 1, 0)])
def test_classes_in_another_order_are_found_by_name(toy_run, order):
    run, source = st.Run(toy_run), toy_source(test=30)
    expected = run.evaluate("test", source)
    assert expected.accuracy > 0.9
    assert run.evaluate("test", renamed(source, order)) == expected
    assert tuple(c.name for c in expected.classes) == NAMES


def test_some_of_the_classes_will_do(toy_run):
    images, targets = toy_source().array("test"), toy_source().targets["test"]
    only = ArraySource("right", {"test": images[targets == 2]}, {"test": np.zeros(8, int)}, ("right",))
    evaluation = st.Run(toy_run).evaluate("test", only)
    assert [c.support for c in evaluation.classes] == [0, 0, 8]
    assert evaluation.classes[2].recall == evaluation.accuracy


def test_unknown_classes_and_splits(toy_run):
    source = toy_source()
    strange = ArraySource(
        "birds", {"test": source.array("test")}, {"test": source.targets["test"]}, ("left", "owl", "jay")
    )
    assert message_of(DataError, st.Run(toy_run).evaluate, "test", strange) == (
        "birds has classes that the run does not know: owl, jay. The run knows left, middle, right."
    )
    assert message_of(DataError, st.Run(toy_run).evaluate, "tset", source) == (
        "toy has no split 'tset'; it has train, val, test. Choose one of them, such as --split val (split='val')."
    )


def test_its_own_data_is_looked_for_by_name(toy_run):
    text = message_of(DataError, st.Run(toy_run).evaluate)
    assert text.startswith("no data called 'toy': neither a known set (digits), nor a folder")


def test_evaluation_is_that_of_the_kept_weights(toy_run, tmp_path):
    events = trained(tmp_path / "run", epochs=4.0)
    best = next(e for e in reversed(events) if isinstance(e, Validated) and e.best)
    evaluation = evaluate_run(st.Run(tmp_path / "run")._folder, toy_source(), "val")
    assert evaluation.accuracy == best.accuracy
    assert evaluation.loss == pytest.approx(best.loss, rel=1e-9)
    kept = [e.step for e in events if isinstance(e, Checkpointed) and e.which == "best"]
    assert kept[-1] == best.step
