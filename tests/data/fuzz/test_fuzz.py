"""Damaged files of every format: what comes of one is its images or one clear message, whatever it is.

``STRIATE_FUZZ_EXAMPLES=5000`` tries as many of each kind, others each time; without it few, and always the same.
"""

import contextlib
import os
import resource
import shutil
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import mutated
from specimens import ARCHIVES, IMAGES, SETS, pack

from striate.data import PackSource, check, open_image, open_source
from striate.data.fetch.unpack import Bounds, unpack
from striate.errors import DataError

_EXAMPLES = os.environ.get("STRIATE_FUZZ_EXAMPLES")
FUZZ = settings(
    max_examples=int(_EXAMPLES or 60),
    derandomize=_EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
LONGEST = 700
MOST_MEMORY = 300 * 1024  # kB more than before, of all formats together


@contextlib.contextmanager
def told(name):
    """Let through what succeeds, and what is refused in one plain line that has ``name`` in it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, for metadata that it repairs
            yield
    except DataError as error:
        text = str(error)
        assert name in text, text
        assert text.isprintable(), repr(text)
        assert len(text) <= LONGEST, text
        assert "Traceback" not in text


@pytest.fixture(scope="module", autouse=True)
def bounded_memory():
    """Allow images of 4 million pixels, for many are tried; whatever a file says of its size, it never takes much."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRIATE_MAX_PIXELS", "4000000")
        yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MEMORY


def read_all(source):
    for split, targets in source.targets.items():
        source.array(split)
        for index in range(len(targets)):
            with contextlib.suppress(DataError):  # is told by what counts them all
                source.image(split, index)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Every set in a folder of its own, with its files in memory."""
    made = {name: make() for name, make in SETS.items()}
    folders = {name: tmp_path_factory.mktemp(name) for name in SETS}
    return {name: (one, folders[name], one.write(folders[name])) for name, one in made.items()}


@pytest.mark.parametrize("name", SETS)
@settings(FUZZ)
@given(data=st.data())
def test_a_damaged_set(sets, name, data):
    whole, folder, opened = sets[name]
    victim = data.draw(st.sampled_from(whole.damaged or sorted(whole.files)))
    (folder / victim).write_bytes(data.draw(mutated(whole.files[victim])))
    try:
        with told(str(folder)):
            source = open_source(opened)
            read_all(source)
            report = check(source, threads=1)
            assert all(line.isprintable() for line in report.text(None).split("\n"))
            report.to_data()
    finally:
        (folder / victim).write_bytes(whole.files[victim])


@pytest.mark.parametrize("kind", IMAGES)
@settings(FUZZ)
@given(data=st.data())
def test_a_damaged_image(kind, data):
    with told("the image"):
        image = open_image(data.draw(mutated(IMAGES[kind])), "the image")
        assert image.width * image.height <= 4_000_000


@pytest.mark.parametrize("name", ARCHIVES)
@settings(FUZZ)
@given(data=st.data())
def test_a_damaged_archive(tmp_path_factory, name, data):
    how, whole = ARCHIVES[name]
    folder = tmp_path_factory.getbasetemp() / "unpacking"
    shutil.rmtree(folder, ignore_errors=True)
    into = folder / "into"
    into.mkdir(parents=True)
    (folder / name).write_bytes(data.draw(mutated(whole)))
    with told(name):
        unpack(folder / name, how, into, Bounds(total=50_000, members=50))
    assert sorted(p.name for p in folder.iterdir()) == sorted([name, "into"])
    made = list(into.rglob("*"))
    assert all(p.is_file() or p.is_dir() for p in made)
    assert not any(p.is_symlink() for p in made)
    assert sum(p.stat().st_size for p in made if p.is_file()) <= 50_000


@pytest.fixture(scope="module")
def whole_pack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pack")
    content = pack(folder)
    path = folder / "damaged.pack"
    path.write_bytes(content)
    source = PackSource(path)
    arrays = {s: (source.array(s).copy(), t.copy()) for s, t in source.targets.items()}
    return content, arrays, folder


@settings(FUZZ, max_examples=FUZZ.max_examples * 3)
@given(data=st.data())
def test_a_damaged_pack(whole_pack, data):
    """What is believed is what was packed: never other images, nor other labels."""
    content, arrays, folder = whole_pack
    path = folder / "damaged.pack"
    path.unlink(missing_ok=True)  # it may be mapped still
    path.write_bytes(data.draw(mutated(content)))
    with told(path.name):
        source = PackSource(path)
        source.verify()
        read_all(source)
        assert set(source.targets) == set(arrays)
        for split, (images, targets) in arrays.items():
            assert np.array_equal(source.array(split), images)
            assert np.array_equal(source.targets[split], targets)
