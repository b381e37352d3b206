"""Words that no command takes: one sentence in our voice, exit status 2; what is no mistake stays as it was."""

import subprocess
import sys

import pytest
import typer
from toys import tiny

from striate.cli import app

LISTS = "striate train --help lists them."
TRAIN = "train lenet5 --data digits"
REFUSED = {
    "inspekt": "there is no command 'inspekt'. Did you mean 'inspect'? striate --help lists them.",
    "trian lenet5": "there is no command 'trian'. Did you mean 'train'? striate --help lists them.",
    "xyz": "there is no command 'xyz'. striate --help lists them.",
    "data fetcch": "there is no command 'fetcch'. Did you mean 'fetch'? striate data --help lists them.",
    "--": "no command is given. striate --help lists them.",
    "--bogus": "there is no option --bogus. striate --help lists them.",
    "inspect": "missing NETWORK. striate inspect --help shows an example.",
    "predict run": "missing IMAGE. striate predict --help shows an example.",
    "inspect lenet5 more words": "'more words' is too much: striate inspect takes NETWORK.",
    "zoo lenet5 vgg16": "'vgg16' is too much: striate zoo takes TEXT.",
    "inspect lenet5 --bach-size 3": (
        "there is no option --bach-size. Did you mean --batch-size? striate inspect --help lists them."
    ),
    "inspect lenet5 --batch-size many": "--batch-size 'many' must be a whole number.",
    "inspect lenet5 --batch-size 1.5": "--batch-size '1.5' must be a whole number.",
    "inspect lenet5 --batch-size": "--batch-size needs a value. striate inspect --help says which.",
    f"{TRAIN} --lr abc": "--lr 'abc' must be a number.",
    f"{TRAIN} --epochs x": "--epochs 'x' must be a number.",
    f"{TRAIN} --members x": "--members 'x' must be a whole number.",
    f"{TRAIN} --batch-size x": "--batch-size 'x' must be a whole number.",
    f"{TRAIN} --batch-size 1.5": "--batch-size 1.5 must be a whole number.",
    f"{TRAIN} --lr 1e+300": "--lr 1e+300 must be less than or equal to 1e+30.",
    f"{TRAIN} --seed 9223372036854775808": "--seed 9223372036854775808 must be less than 9223372036854775808.",
    f"{TRAIN} --lr": "--lr needs a value. striate train --help says which.",
    f"{TRAIN} --sanity=yes": "--sanity takes no value; write --sanity alone.",
    f"{TRAIN} --nosuch": f"there is no option --nosuch. {LISTS}",
    f"{TRAIN} -o 3": f"there is no option -o. {LISTS}",
    f"{TRAIN} -lr 3": f"there is no option -lr. Did you mean --lr? {LISTS}",
    f"{TRAIN} --batch_size 3": f"there is no option --batch_size. Did you mean --batch-size? {LISTS}",
    f"{TRAIN} --learning-rate 3": f"there is no option --learning-rate. Did you mean --lr? {LISTS}",
    f"{TRAIN} --beta 3": f"there is no option --beta. Did you mean --betas? {LISTS}",
    f"{TRAIN} --out=": "--out is empty; give it a value, or leave it out.",
}


@pytest.mark.parametrize("words", REFUSED, ids=str)
def test_what_is_refused(failure, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert failure(*words.split(), status=2) == REFUSED[words]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flag", ["--out", "--config", "--input", "--json"])
def test_an_empty_word_is_no_value(failure, flag):
    message = failure("train", "lenet5", "--data", "digits", flag, "", status=2)
    assert message == f"an empty word stands behind {flag}; give a value there, or leave it out."
    assert failure("train", "", "--data", "digits", status=2) == (
        "an empty word stands behind train; give a value there, or leave it out."
    )


def test_a_traceback_is_shown_when_asked_for(striate):
    done = striate("inspect", "--debug")
    assert done.status == 2
    assert done.err.startswith("Traceback (most recent call last):")
    assert done.err.endswith("\nstriate: missing NETWORK. striate inspect --help shows an example.\n")


# What rooms below refuse by the name of an option is told by its flag, where that was typed.
FLAGS = {
    "--device gpu": "--device 'gpu': must be auto or a device of this machine. Here there is cpu",
    "--device=gpu": "--device 'gpu': must be auto or a device of this machine. Here there is cpu",
    "device=gpu": "device='gpu': must be auto or a device of this machine. Here there is cpu",
    "--schedule step --every 20 --epochs 10": "--every 20.0: must be below epochs=10",
    "--schedule step every=20 --epochs 10": "every=20.0: must be below epochs=10",
    "--nesterov": "--nesterov: must be False for adamw",
    "--channel-order bgr": "--channel-order 'bgr': must be rgb for images of 1 channel.",
}


@pytest.mark.parametrize("words", FLAGS, ids=str)
def test_a_flag_is_told_as_it_was_typed(failure, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert failure(*TRAIN.split(), *words.split()).startswith(FLAGS[words])


@pytest.mark.parametrize(("raised", "status", "err"), [
    (typer.Exit(3), 3, ""),
    (typer.Exit(), 0, ""),
    (typer.Abort(), 1, "striate: aborted.\n"),
    (KeyboardInterrupt(), 130, ""),
])  # fmt: skip
def test_other_ends(striate, monkeypatch, raised, status, err):
    def ended(called):
        application = typer.Typer()

        @application.command()
        def command():
            raise raised

        return application

    monkeypatch.setattr(app, "_app", ended)
    done = striate()
    assert (done.status, done.err.lstrip("\n")) == (status, err)


def test_a_reader_that_leaves_is_no_error(tmp_path):
    tiny().save(tmp_path / "net.yaml")
    words = [sys.executable, "-c", "from striate.cli import main; main()", "zoo"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
