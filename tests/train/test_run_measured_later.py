"""A run is measured later: from another folder, and after its data changed."""

import pytest
from toys import message_of, quick, tiny, write_image, write_split_folder

import striate as st
from striate.errors import DataError


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run on images named by a relative path."""
    write_split_folder(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    network = tiny(classes=2)
    return st.fit(network, "photos", out=tmp_path / "run", config=quick())


def test_from_another_folder(run, tmp_path, monkeypatch):
    there = run.evaluate("test")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run.evaluate("test") == there
    assert there.images == 8


def test_changed_data_is_measured_only_if_it_is_named(run, tmp_path):
    write_image(tmp_path / "photos" / "test" / "cat" / "new.png", seed=99)
    name = f"folder:{tmp_path / 'photos'}"
    assert message_of(DataError, run.evaluate, "test") == (
        f"{name} has changed since the run was trained on it; to measure the run on what is there now, "
        f"say so: --data {name} (data={name!r})."
    )
    assert run.evaluate("test", data=name).images == 9
