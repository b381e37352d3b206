"""Threads share the parts of one piece of work: each part is done once, whatever the threads, and none stays behind."""

import os
import threading
import time

import pytest

from striate.threads import Team, team

CORES = 4


@pytest.fixture
def workers(monkeypatch):
    monkeypatch.setattr(team, "_CORES", CORES)
    return Team("a-name")


@pytest.mark.parametrize("threads", [0, 1, 2, 3, CORES, 10**9])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 300])
def test_each_part_is_done_once(workers, threads, count):
    done = []
    workers.in_parts(lambda *part: done.append(part), [(n, str(n)) for n in range(count)], threads)
    assert sorted(done) == [(n, str(n)) for n in range(count)]


@pytest.mark.parametrize(
    ("threads", "parts", "wanted"), [(1, 9, 1), (2, 9, 2), (3, 2, 2), (CORES, 9, 4), (10**9, 99, 4)], ids=str
)
def test_so_many_threads_are_at_work_at_once(workers, threads, parts, wanted):
    """None is done with its first part before all have begun, else the barrier breaks."""
    together, names = threading.Barrier(wanted), set()

    def work(number):
        if threading.current_thread().name not in names:
            names.add(threading.current_thread().name)
            together.wait(10)
        time.sleep(0.001)

    workers.in_parts(work, [(n,) for n in range(parts)], threads)
    own = threading.current_thread().name
    assert len(names) == wanted
    assert own in names
    assert all(name.startswith("a-name") for name in names - {own})


def test_a_thread_that_is_kept_does_not_keep_others(workers):
    """The first part takes as long as all others together: they are done on the other thread meanwhile."""
    others_done, seen = threading.Event(), []

    def work(number):
        if number == 0:
            assert others_done.wait(10)
        seen.append(number)
        if len(seen) == 19:
            others_done.set()

    workers.in_parts(work, [(n,) for n in range(20)], 2)
    assert sorted(seen[:19]) == list(range(1, 20))
    assert seen[19] == 0


def test_work_is_done_though_all_threads_are_busy_with_other_work(workers):
    busy, over, done = threading.Semaphore(0), threading.Event(), []

    def wait():
        busy.release()
        assert over.wait(10)
        done.append("other")

    others = [
        threading.Thread(target=workers.in_parts, args=(wait, [()] * CORES, CORES), daemon=True)
        for _ in range(2)
    ]
    for other in others:
        other.start()
    for _ in range(CORES + len(others)):  # all threads of the team, and those two
        assert busy.acquire(timeout=10)
    workers.in_parts(done.append, [(n,) for n in range(9)], CORES)
    assert done == list(range(9))
    over.set()
    for other in others:
        other.join()
    assert done[9:] == ["other"] * 2 * CORES


@pytest.mark.parametrize("own", [True, False], ids=["on this thread", "on another"])
def test_an_error_is_raised_here_when_all_have_left_the_work(workers, own):
    here, together = threading.current_thread(), threading.Barrier(2)
    ended = []

    def work(number):
        if number < 2:
            together.wait(10)
        if (threading.current_thread() is here) == own:
            raise ArithmeticError(f"of part {number}")
        time.sleep(0.05)
        ended.append(number)

    with pytest.raises(ArithmeticError, match="of part"):
        workers.in_parts(work, [(n,) for n in range(4)], 2)
    count = len(ended)
    assert count == 3  # the other thread has done what was left
    time.sleep(0.1)
    assert len(ended) == count


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(workers):
    parts, names = [(n,) for n in range(2)], set()
    together = threading.Barrier(2)

    def work(number):
        together.wait(10)
        names.add(threading.current_thread().name)

    workers.in_parts(work, parts, 2)
    assert len(names) == 2
    child = os.fork()
    if child == 0:
        names.clear()
        try:
            workers.in_parts(work, parts, 2)
        finally:
            os._exit(0 if len(names) == 2 else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
