"""``striate check``: exit statuses, what it prints, and the examples of its page in the docs."""

import json
import re
from pathlib import Path

import pytest
from toys import files_below, tiny, write_split_folder

from striate.train.check import checking

PAGE = (Path(__file__).parents[2] / "docs" / "check.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```text\n\$ striate ([^\n]+)\n(.*?)\n```", PAGE, re.DOTALL)
DESCRIPTION = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1]
VARYING = re.compile(r"^  (memory|time|first loss) .*\n(?:   {3,}.*\n)?", re.MULTILINE)
"""The rows that are another on another machine."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(DESCRIPTION)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "printed"), EXAMPLES, ids=[command.split()[1] for command, _ in EXAMPLES]
)
def test_examples_of_the_docs(striate, folder, command, printed):
    done = striate(*command.split(), "--device", "cpu")
    assert done.err == ""
    assert done.status == (1 if "ERROR" in printed else 0)
    assert VARYING.findall(done.out) == VARYING.findall(f"{printed}\n") != []
    assert VARYING.sub("", done.out) == VARYING.sub("", f"{printed}\n")
    assert files_below(folder) == ["net.yaml"]


def test_there_is_a_good_example_and_a_bad_one():
    assert len(EXAMPLES) == 2


def test_json_and_a_page(striate, folder):
    done = striate(
        "check", "net.yaml", "--data", "digits", "--json", "--report", "check.html", "--device", "cpu"
    )
    told = json.loads(done.out)
    assert done.status == 1
    assert told["ok"] is False
    assert {f["kind"] for f in told["findings"] if f["verdict"] == "error"} == {
        "softmax-at-the-end",
        "outputs",
    }
    assert told["figures"]["parameters"] == 1_055_132
    documented = re.search(r"## The JSON\n(.*)", PAGE, re.DOTALL)[1]
    for group in (told, told["figures"], told["figures"]["memory"], told["findings"][0]):
        assert all(f"`{key}`" in documented for key in group), group.keys()
    assert "</html>" in (folder / "check.html").read_text(encoding="utf-8")


def test_options_of_training_count(striate, tmp_path):
    root = write_split_folder(tmp_path / "set")
    tiny(classes=2).save(tmp_path / "net.yaml")
    common = ("check", tmp_path / "net.yaml", "--data", root, "--json", "--device", "cpu", "--epochs", 500)
    small, large = (json.loads(striate(*common, "--batch-size", size).out) for size in (2, 4))
    assert small["figures"]["steps_per_epoch"] == 2 * large["figures"]["steps_per_epoch"] == 4
    assert small["figures"]["memory"]["images"] * 2 == large["figures"]["memory"]["images"]


def test_bad_usage(failure, tmp_path):
    text = failure("check", "lenet5", "--data", "digits", "--report", tmp_path, status=2)
    assert text == f"--report {tmp_path}: is a folder; name the file to write, such as check.html."
    for name in ("x.pdf", "x"):
        text = failure("check", "lenet5", "--data", "digits", "--report", tmp_path / name, status=2)
        assert text == (
            f"--report {tmp_path / name}: a page is written; give it a name that ends in .html or .htm."
        )
    assert failure("check", "lenet5", "--data", "digits", "--batch-size", 0, status=2).startswith(
        "--batch-size 0 must be"
    )
    assert failure("check", "lenet", "--data", "digits").startswith(
        "unknown network 'lenet'. Did you mean 'lenet5'"
    )
    assert failure("check", "lenet5", "--data", "nothing").startswith("no data called 'nothing'")
    assert failure("check", "dense_autoencoder", "--data", "digits").startswith(
        "dense_autoencoder has no classes"
    )


def test_an_interrupt_ends_it(striate, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(checking, "look", interrupted)
    done = striate("check", "lenet5", "--data", "digits")
    assert (done.status, done.out) == (130, "")
    assert "Traceback" not in done.err
