"""Optional readers of the event stream: trackers of experiments, each a package that need not be installed.

Training never waits for one, and goes on without one that fails.
"""

from striate.train.readers.reader import READERS, Reader, check_readers
from striate.train.readers.telling import Readers, ReaderWarning

__all__ = ["READERS", "Reader", "ReaderWarning", "Readers", "check_readers"]
