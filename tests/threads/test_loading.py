"""Code is loaded once, beside other work, and never twice; who cannot have it is told so."""

import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from striate.threads import Loading

SLOW = "import time\ntime.sleep(0.2)\n"
WITHOUT_A_PLACE = """
import numba
if not numba.config.CACHE_DIR:
    raise RuntimeError("cannot cache: no locator available")
"""


@pytest.fixture
def loading(request, tmp_path, monkeypatch):
    """Return a function that makes the loading of a module of such code, which no other test has imported."""
    monkeypatch.syspath_prepend(tmp_path)
    names = []

    def make(code):
        name = f"loaded_by_{request.node.originalname}_{len(names)}"
        (tmp_path / f"{name}.py").write_text(f"{code}\nVALUE = 7\n")
        names.append(name)
        return Loading(name, "a name")

    yield make
    for name in names:
        sys.modules.pop(name, None)


def test_it_is_not_begun_before_it_is_wanted(loading, capfd):
    it = loading("print('imported')")
    assert capfd.readouterr().out == ""
    assert it.compiled().VALUE == 7
    assert capfd.readouterr().out == "imported\n"


def test_many_who_want_it_at_once_have_it_loaded_once(loading, capfd):
    it = loading(f"{SLOW}print('imported')")
    given, together = [], threading.Barrier(8)

    def want():
        together.wait()
        given.append((it.prepare(), it.compiled()))

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 8
    assert set(given) == {(it.prepare(), sys.modules[it.compiled().__name__])}
    assert capfd.readouterr().out == "imported\n"


def test_it_is_loaded_beside_other_work(loading, monkeypatch):
    opened = threading.Event()
    monkeypatch.setitem(sys.modules, "gate", SimpleNamespace(opened=opened))
    it = loading("import gate\nassert gate.opened.wait(10)")
    thread = it.prepare()
    assert (thread.name, thread.daemon) == ("a name", True)
    assert not it.ready(0)
    assert not it.ready(0.05)
    assert thread.is_alive()
    opened.set()
    assert it.ready(None)
    assert it.ready(0)
    assert not thread.is_alive()


@pytest.mark.parametrize("error", ["ImportError", "RuntimeError", "OSError", "TypeError"])
def test_what_cannot_be_loaded_is_not_there_and_not_tried_again(loading, error, monkeypatch, capfd):
    numba = pytest.importorskip("numba")
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    it = loading(f"raise {error}('not here')")
    assert it.compiled() is None
    assert not it.ready(None)
    assert not it.prepare().is_alive()
    assert capfd.readouterr() == ("", "")


def test_what_is_compiled_is_kept_in_a_passing_folder_where_there_is_no_other(tmp_path):
    (tmp_path / "homeless.py").write_text(WITHOUT_A_PLACE)
    code = """
import os, numba
from striate.threads import Loading
assert Loading("homeless", "a name").ready(None)
assert os.path.isdir(numba.config.CACHE_DIR)
print(numba.config.CACHE_DIR)
"""
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    env = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(tmp_path)}
    env.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=120
    )
    folder = done.stdout.strip()
    assert folder.startswith(str(tmp_path / "striate-"))
    assert not os.path.exists(folder)  # noqa: PTH110
    assert done.stderr == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("begun", [True, False], ids=["begun before", "begun in the child"])
def test_a_forked_process_has_it_too(loading, begun):
    it = loading(SLOW)
    if begun:
        it.prepare()
    child = os.fork()
    if child == 0:
        os._exit(0 if it.ready(0 if begun else None) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert it.ready(None)
