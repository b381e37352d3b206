"""Which process this is, what a job began, who tells an error; and what the command line refuses."""

import pytest
from toys import message_of, quick, tiny, toy_source, trained

from striate.errors import ConfigError, DataError, DistributedError
from striate.train import Finished, Resumed, StepDone, train
from striate.train.distributed import ALONE, World, restarts
from striate.train.distributed.launching import given_up, launched, may_tell

TORCHRUN = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "TORCHELASTIC_RUN_ID": "job"}


def test_the_environment_of_torchrun():
    assert World.of_environment({}) == World() == ALONE.world
    assert World.of_environment(TORCHRUN) == World(rank=3, size=4, local_rank=1, job="job")
    assert not World.of_environment(TORCHRUN).writes
    assert World.of_environment({"RANK": "0", "WORLD_SIZE": "2"}) == World(rank=0, size=2)
    # Without an id of the job, torchrun itself is what is the same after a restart.
    static = World.of_environment(
        TORCHRUN | {"TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_RESTART_COUNT": "0"}
    )
    assert static.job
    assert static.job != "none"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"RANK": "x"}, "RANK='x' in the environment: must be a whole number, as torchrun sets it."),
        (
            {"WORLD_SIZE": "-1"},
            "WORLD_SIZE='-1' in the environment: must be a whole number, as torchrun sets it.",
        ),
        (
            {"WORLD_SIZE": "3"},
            "RANK=3, WORLD_SIZE=3, LOCAL_RANK=1 in the environment: ranks must lie within 0 to WORLD_SIZE - 1; start "
            "the processes with torchrun, which sets them.",
        ),
    ],
    ids=["no number", "negative", "too large"],
)
def test_an_environment_that_is_wrong(environment, message):
    assert message_of(ConfigError, World.of_environment, TORCHRUN | environment) == message


def test_shares_make_up_the_batch():
    shares = [World(rank=rank, size=4).share(64) for rank in range(4)]
    assert [i for share in shares for i in range(64)[share]] == list(range(64))
    assert message_of(ConfigError, World(size=4).share, 3) == (
        "batch_size=3: must be a multiple of the 4 processes that share it, such as 4."
    )


def test_a_job_that_is_started_again_goes_on_with_its_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "TORCHELASTIC_RUN_ID": "job"}.items():
        monkeypatch.setenv(name, value)

    def start():
        monkeypatch.setattr(restarts, "_numbers", iter(range(1, 10)))

    def steps(events):
        return [event.step for event in events if isinstance(event, StepDone)]

    start()
    first = list(train(tiny(), toy_source(), quick()))
    second = train(tiny(), toy_source(), quick(seed=1))
    begun = [next(second) for _ in range(3)]
    second.close()
    assert steps(begun) == [1, 2]
    start()
    again = list(train(tiny(), toy_source(), quick()))
    assert [type(event) for event in again] == [Finished]
    assert again[0].run == first[0].run
    rest = list(train(tiny(), toy_source(), quick(seed=1)))
    assert (type(rest[0]), rest[0].run, steps(rest)) == (Resumed, begun[0].run, [3, 4, 5, 6])
    third = list(train(tiny(), toy_source(), quick(), tmp_path / "named"))
    start()
    assert steps(trained(tmp_path / "other")) == steps(third)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "another")
    start()
    assert next(train(tiny(), toy_source(), quick())).run.endswith("tiny-3")


def test_who_tells_an_error(tmp_path, monkeypatch):
    assert not launched()
    assert given_up() is None
    assert may_tell(DataError("no images"), 1)
    attempt = tmp_path / "attempt_0"
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(attempt / "1" / "error.json"))
    assert may_tell(DataError("no images"), 1)
    (attempt / "1").mkdir(parents=True)
    assert [may_tell(DataError("no images"), 1) for _ in range(2)] == [True, False]
    assert given_up() is None  # torchrun decides
    monkeypatch.setenv("STRIATE_LAUNCH", str(tmp_path))
    assert launched()
    lost = DistributedError("rank 1 is gone")
    assert [may_tell(lost, 1), may_tell(lost, 1), given_up()] == [True, False, None]
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert may_tell(lost, 1)
    assert [may_tell(DataError("no images"), 2), may_tell(DataError("no images"), 1), given_up()] == [
        True,
        False,
        2,
    ]
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "2")
    assert not may_tell(lost, 1)


COMMAND = ["train", "lenet5", "--data", "digits", "--device", "cpu"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--nproc", "0"], 2, "--nproc 0: must be a whole number of at least 1."),
        (
            ["--nproc", "2", "--folds", "3"],
            2,
            "--nproc and --folds do not go together; several processes train a single run.",
        ),
        (
            ["--nproc", "2", "--members", "3"],
            2,
            "--nproc and --members do not go together; several processes train a single run.",
        ),
        (
            ["--nproc", "2", "--sanity"],
            2,
            "--nproc and --sanity do not go together; several processes train a single run.",
        ),
        (
            ["--nproc", "2", "--batch-size", "33"],
            1,
            "--batch-size 33: must be a multiple of the 2 processes that share it, such as 32.",
        ),
        (["--nproc", "2", "--lr", "-1"], 2, "--lr -1.0"),
    ],
    ids=["none", "folds", "members", "sanity", "odd batch", "bad option"],
)
def test_what_is_refused_before_anything_is_started(failure, words, status, message):
    assert failure(*COMMAND, *words, status=status).startswith(message)


def test_several_processes_that_torchrun_started(failure, monkeypatch):
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    assert failure(*COMMAND, "--nproc", "2", status=2) == (
        "--nproc 2: torchrun has started 4 processes already; leave out one of the two."
    )
    assert failure(*COMMAND, "--find-lr", status=2) == (
        "torchrun and --find-lr do not go together; several processes train a single run."
    )
