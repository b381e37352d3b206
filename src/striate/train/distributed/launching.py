"""``--nproc``: the same command in several processes, which torchrun watches, and starts again after one was lost.

What a process explains to the user before it ends, such as a wrong option, would be the same after a restart: it leaves
a note of its status, at which those that are started again end at once.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from striate.errors import DistributedError

__all__ = ["end_with_launcher", "given_up", "launch", "launched", "may_tell"]

_NOTES, _LAUNCHER = "STRIATE_LAUNCH", "STRIATE_LAUNCHER"
_RESTARTS = 3
_PR_SET_PDEATHSIG = 1  # of Linux's prctl
_STATUS = "status"


def launch(words: Sequence[str], processes: int) -> int:
    """Run ``python -m striate`` with ``words`` in so many processes on this machine, and return the exit status.

    Signals reach them: they save the run before they end.
    """
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable()  # torchrun's, which tells at length what we tell
    # Else each process would compute with as many threads as there are cores.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    with tempfile.TemporaryDirectory(prefix="striate-") as notes:
        os.environ |= {_NOTES: notes, _LAUNCHER: str(os.getpid())}
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=_RESTARTS,
        )
        try:
            elastic_launch(config, sys.executable)("-m", "striate", *words)
        except ChildFailedError:
            return _status(notes) or 1
        except SignalException as ended:
            return _ended_by(ended.sigval)
        finally:
            del os.environ[_NOTES], os.environ[_LAUNCHER]
        return _status(notes) or 0


def _ended_by(number: signal.Signals) -> int:
    """Return the status after Ctrl-C; other signals end this process as whoever sent them expects."""
    if number != signal.SIGINT:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    return 128 + number


def launched() -> bool:
    """Return whether `launch` started this process."""
    return _NOTES in os.environ


def end_with_launcher() -> None:
    """Have the system tell this process to end, by SIGTERM, when the one that launched it is gone, however that ended.

    Linux alone has that. What ends so saves its run.

    Raises:
        DistributedError: if that one is gone already.
    """
    launcher = os.environ.get(_LAUNCHER)
    if launcher is None or sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if str(os.getppid()) != launcher:
        raise DistributedError("the process that started this one with --nproc is gone.")


def given_up() -> int | None:
    """Return the status with which another of the processes that were launched gave up; None if none did."""
    notes = os.environ.get(_NOTES)
    return _status(notes) if notes else None


def may_tell(error: BaseException | None, status: int) -> bool:
    """Return whether this process is the one that tells the user of ``error``, and leave a note that it is told.

    Of several on a machine it is the first. What happened to another process is no reason to give up.
    """
    notes = os.environ.get(_NOTES) or _attempt()
    if not notes:
        return True
    lost = isinstance(error, DistributedError)
    if lost and _status(notes) is not None:
        return False
    name = f"lost-{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}" if lost else _STATUS
    new = Path(notes, f".{name}.{os.getpid()}")
    try:
        new.write_text(str(status))
        os.link(new, Path(notes, name))  # whole, and for one alone
    except FileExistsError:
        return False
    except OSError:
        return True
    finally:
        with suppress(OSError):
            new.unlink()
    return True


def _attempt() -> str | None:
    """Return the folder that a torchrun of the user's has for the processes of this start; None if there is none."""
    file = os.environ.get("TORCHELASTIC_ERROR_FILE")  # attempt_0/<local rank>/error.json
    if not file or not Path(file).parents[1].is_dir():
        return None
    return str(Path(file).parents[1])


def _status(notes: str) -> int | None:
    try:
        return int(Path(notes, _STATUS).read_text())
    except (OSError, ValueError):
        return None
