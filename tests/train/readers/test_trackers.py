"""MLflow and W&B as readers of a run: what they keep is read back by their own means."""

import json
import struct
import threading
import time
import zlib

import pytest
from toys import message_of, quick, tiny, toy_source, trained

import striate as st
from striate import fitting
from striate.errors import ConfigError
from striate.train import Finished, RunFolder, StepDone, TrainConfig, Validated
from striate.train.readers import Readers, ReaderWarning, check_readers, reader, telling

TOLERANT = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the packages themselves
OPTIONS = {"epochs": 2.0, "batch_size": 16, "lr": 0.02, "optimizer": "sgd"}


def told(name, events):
    """Tell events to one reader."""
    readers = Readers([name])
    for event in events:
        readers.show(event)
    readers.close()


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where MLflow keeps what it is told: a file, made once, for that takes seconds."""
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'store.db'}"


@pytest.fixture
def store(address, tmp_path, monkeypatch):
    """MLflow's own client, to read back what it was told in an experiment of this test alone."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", tmp_path.name)
    return MlflowClient(address)


def mlflow_runs(store, tmp_path):
    experiment = store.get_experiment_by_name(tmp_path.name)
    return store.search_runs([experiment.experiment_id])


@TOLERANT
def test_mlflow_has_all_of_a_run(store, tmp_path):
    events = trained(tmp_path / "run", **OPTIONS)
    told("mlflow", events)
    (run,) = mlflow_runs(store, tmp_path)
    record = RunFolder.open(tmp_path / "run").record
    assert (run.info.status, run.info.run_name) == ("FINISHED", "run")
    params = run.data.params
    assert (params["optimizer.name"], params["optimizer.lr"], params["batch_size"]) == ("sgd", "0.02", "16")
    assert (params["network.parameters"], params["data.train"]) == (str(events[0].params), "48")
    assert run.data.tags["striate.fingerprint"] == record.fingerprint
    assert run.data.tags["striate.digest"] == tiny().digest
    assert run.data.tags["striate.reason"] == "completed"
    history = store.get_metric_history(run.info.run_id, "train/loss")
    assert [(m.step, m.value) for m in history] == [(e.step, e.loss) for e in of(StepDone, events)]
    rates = store.get_metric_history(run.info.run_id, "train/lr")
    assert [m.value for m in rates] == [e.lr for e in of(StepDone, events)]
    accuracies = store.get_metric_history(run.info.run_id, "val/accuracy")
    assert [(m.step, m.value) for m in accuracies] == [(e.step, e.accuracy) for e in of(Validated, events)]
    assert run.data.metrics["final/best_accuracy"] == events[-1].best_accuracy


@TOLERANT
def test_a_resumed_run_goes_on_in_mlflow(store, tmp_path):
    events = trained(tmp_path / "run", **OPTIONS)
    half = events.index(of(Validated, events)[0])
    told("mlflow", events[:half])
    (run,) = mlflow_runs(store, tmp_path)
    assert run.info.status == "FAILED"  # it did not come to its end
    told("mlflow", [events[0], *events[half:]])
    (same,) = mlflow_runs(store, tmp_path)
    assert (same.info.run_id, same.info.status) == (run.info.run_id, "FINISHED")
    history = store.get_metric_history(run.info.run_id, "train/loss")
    assert [m.step for m in history] == [e.step for e in of(StepDone, events)]


@TOLERANT
def test_a_run_that_mlflow_does_not_know_is_begun_anew(store, tmp_path):
    events = trained(tmp_path / "run", **OPTIONS)
    reader.keep_id(tmp_path / "run", "mlflow", "0" * 32)
    told("mlflow", events)
    (run,) = mlflow_runs(store, tmp_path)
    assert reader.kept_id(tmp_path / "run", "mlflow") == run.info.run_id


def wandb_records(file):
    """Yield the records of a ``.wandb`` file: a LevelDB log of protobuf messages behind a header of seven bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data = file.read_bytes()
    assert data[:4] == b":W&B"
    place, message = 7, b""
    while place < len(data):
        room = 32768 - place % 32768
        if room < 7:
            place += room
            continue
        checksum, length, kind = struct.unpack_from("<IHB", data, place)
        part = data[place + 7 : place + 7 + length]
        assert checksum == zlib.crc32(part, zlib.crc32(bytes([kind])))
        place += 7 + length
        message = part if kind in (1, 2) else message + part
        if kind in (1, 4):
            yield Record.FromString(message)


def finished_records(file):
    """Return all records; W&B's own process may still be writing them when it says that the run is over."""
    for _ in range(300):
        records = list(wandb_records(file))
        if any(record.HasField("exit") for record in records):
            return records
        time.sleep(0.1)
    raise AssertionError(f"{file}: has no end")


@pytest.fixture
def offline(monkeypatch):
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("WANDB_DIR", raising=False)


def wandb_history(records):
    """Return the rows of history: of each step the values that were logged."""
    rows = []
    for record in records:
        if record.HasField("history"):
            items = {
                item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item
            }
            rows.append({"_step": record.history.step.num} | items)
    return rows


@TOLERANT
@pytest.mark.usefixtures("offline")
def test_wandb_has_all_of_a_run(tmp_path):
    events = trained(tmp_path / "run", **OPTIONS)
    told("wandb", events)
    (file,) = (tmp_path / "run").rglob("*.wandb")
    assert file.is_relative_to(tmp_path / "run" / "readers")
    records = finished_records(file)
    (run,) = [record.run for record in records if record.HasField("run")]
    record = RunFolder.open(tmp_path / "run").record
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert (config["optimizer.name"], config["optimizer.lr"], config["batch_size"]) == ("sgd", 0.02, 16)
    assert config["fingerprint"] == record.fingerprint
    assert list(run.tags) == ["tiny", record.fingerprint]
    assert run.run_id == reader.kept_id(tmp_path / "run", "wandb")
    rows = wandb_history(records)
    assert [(r["_step"], r["train/loss"]) for r in rows] == [(e.step, e.loss) for e in of(StepDone, events)]
    measured = [(r["_step"], r["val/accuracy"]) for r in rows if "val/accuracy" in r]
    assert measured == [(e.step, e.accuracy) for e in of(Validated, events)]
    (exit,) = [record.exit for record in records if record.HasField("exit")]
    assert exit.exit_code == 0


@TOLERANT
@pytest.mark.usefixtures("offline")
def test_a_resumed_run_goes_on_in_wandb(tmp_path):
    events = trained(tmp_path / "run", **OPTIONS)
    half = events.index(of(Validated, events)[0])
    told("wandb", events[:half])
    told("wandb", [events[0], *events[half:]])
    ids = set()
    for file in (tmp_path / "run").rglob("*.wandb"):
        ids |= {record.run.run_id for record in finished_records(file) if record.HasField("run")}
    assert ids == {reader.kept_id(tmp_path / "run", "wandb")}


@TOLERANT
def test_folds_are_one_group_in_mlflow(store, tmp_path):
    done = st.cross_validate(
        tiny(), toy_source(), 2, out=tmp_path / "cv", config=quick(epochs=1.0), log=["mlflow"]
    )
    runs = sorted(mlflow_runs(store, tmp_path), key=lambda run: run.info.run_name)
    assert [run.info.run_name for run in runs] == ["cv/fold-1", "cv/fold-2"]
    for run, i in zip(runs, (1, 2), strict=True):
        assert run.info.status == "FINISHED"
        assert run.data.tags["striate.series"] == "cv"
        assert run.data.params["data.source"] == f"fold:{i}/2@0:toy"
        assert run.data.metrics["final/best_accuracy"] == done.scores.figures["accuracy"][i - 1]
    st.cross_validate(tiny(), toy_source(), 2, out=tmp_path / "cv", config=quick(epochs=1.0), log=["mlflow"])
    assert len(mlflow_runs(store, tmp_path)) == 2  # nothing is told of what is done


@TOLERANT
@pytest.mark.usefixtures("offline")
def test_members_are_one_group_in_wandb(tmp_path):
    st.fit_ensemble(tiny(), toy_source(), 2, out=tmp_path / "e", config=quick(epochs=0.4), log=["wandb"])
    for i in (1, 2):
        (file,) = (tmp_path / "e" / f"member-{i}").rglob("*.wandb")
        (run,) = [record.run for record in finished_records(file) if record.HasField("run")]
        assert (run.display_name, run.run_group) == (f"e/member-{i}", "e")


def test_several_runs_want_the_package_before_they_begin(monkeypatch, tmp_path):
    monkeypatch.setattr(reader, "find_spec", lambda name: None)
    for call in (st.cross_validate, st.fit_ensemble):
        text = message_of(ConfigError, call, tiny(), toy_source(), 2, out=tmp_path / "e", log=["wandb"])
        assert text == "log='wandb' needs a package that is missing: pip install 'striate[wandb]'."
    assert not (tmp_path / "e").exists()


def test_no_such_reader():
    text = message_of(ConfigError, check_readers, ["mlfow"])
    assert text == "unknown log 'mlfow'. Did you mean 'mlflow'? Known: mlflow, wandb."


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_package_that_is_missing(name, monkeypatch, tmp_path):
    """A folder of its name, as W&B leaves one where it works, is not the package."""
    monkeypatch.setattr(reader, "find_spec", lambda name: None)
    text = message_of(ConfigError, check_readers, [name])
    assert text == f"log={name!r} needs a package that is missing: pip install 'striate[{name}]'."
    monkeypatch.undo()
    (tmp_path / "nothing").mkdir()
    monkeypatch.setattr(reader, "READERS", {"nothing": "None"})
    monkeypatch.syspath_prepend(tmp_path)
    assert "pip install 'striate[nothing]'" in message_of(ConfigError, check_readers, ["nothing"])


class Broken:
    """Takes two events, then the network is away."""

    def __init__(self):
        self.taken = 0
        self.closed = 0

    def show(self, event):
        self.taken += 1
        if self.taken > 2:
            raise ConnectionError("the server is\naway")

    def close(self):
        self.closed += 1
        raise ConnectionError("still away")


class Slow:
    """Takes an event, and never comes back."""

    def show(self, event):
        threading.Event().wait()

    def close(self):
        """It never comes to this."""


@pytest.fixture
def stand_in(monkeypatch):
    """Return a function that puts a reader of our own in the place of all."""
    monkeypatch.setattr(telling, "check_readers", tuple)
    return lambda made: monkeypatch.setattr(telling, "new_reader", lambda name: made)


def test_a_reader_that_fails_is_told_no_more(stand_in, tmp_path):
    broken = Broken()
    stand_in(broken)
    readers = Readers(["mlflow"])
    events = trained(tmp_path / "run", **OPTIONS)

    def tell():
        for event in events:
            readers.show(event)
        readers.close()

    with pytest.warns(ReaderWarning) as warned:
        tell()
    assert isinstance(events[-1], Finished)
    (warning,) = warned
    expected = "mlflow is told no more of the run: ConnectionError: the server is away."
    assert str(warning.message).startswith(expected)
    assert (broken.taken, broken.closed) == (3, 1)


def test_training_never_waits_for_a_reader(stand_in, tmp_path):
    stand_in(Slow())
    readers = Readers(["wandb"], patience=0.05)
    *most, last = trained(tmp_path / "run", **OPTIONS)
    for event in most:
        readers.show(event)
    with pytest.warns(
        ReaderWarning, match=r"wandb has not taken everything in 0.05 s; the rest is lost to it\."
    ):
        readers.show(last)


def test_nothing_is_told_of_a_run_that_was_over(stand_in, tmp_path):
    """Resumed, such a run says only that it has finished."""
    broken = Broken()
    stand_in(broken)
    broken.close = lambda: None
    readers = Readers(["mlflow"])
    readers.show(trained(tmp_path / "run", **OPTIONS)[-1])
    readers.close()
    assert broken.taken == 0


@pytest.mark.parametrize("text", ["../../x", "a b", "", "x" * 300], ids=["path", "space", "nothing", "long"])
def test_an_id_that_is_none(text, tmp_path):
    assert reader.kept_id(tmp_path, "mlflow") is None
    (tmp_path / "readers").mkdir()
    (tmp_path / "readers" / "mlflow.id").write_text(text)
    assert reader.kept_id(tmp_path, "mlflow") is None


def test_configuration_is_that_of_the_run():
    """Nothing of the configuration is missing: as many settings as there are options."""
    import dataclasses

    from striate.train.config import GROUPS
    from striate.train.settings import changed_settings, settings

    config = TrainConfig(epochs=2.0, optimizer="sgd", lr=0.3)
    own = [f for f in dataclasses.fields(config) if f.name not in GROUPS]
    assert len(settings(config)) == len(own) + sum(len(dataclasses.fields(kind)) for kind in GROUPS.values())
    assert changed_settings(config) == {
        "epochs": 2.0,
        "optimizer.name": "sgd",
        "optimizer.lr": 0.3,
    }


def test_what_the_user_reads_with_comes_first(monkeypatch, tmp_path):
    """A tracker may take long over the last event, and a signal may end the process then."""
    told = []

    class Recorded(Readers):
        def show(self, event):
            told.append(("tracker", event))

    monkeypatch.setattr(fitting, "Readers", Recorded)
    st.fit(
        tiny(),
        toy_source(),
        out=tmp_path / "run",
        config=quick(epochs=0.5),
        on_event=lambda event: told.append(("user", event)),
    )
    assert [who for who, _ in told] == ["user", "tracker"] * (len(told) // 2)
    assert isinstance(told[-1][1], Finished)
