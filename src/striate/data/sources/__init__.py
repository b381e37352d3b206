"""Every kind of source, a file each."""

from striate.data.sources.arrays import ArraySource
from striate.data.sources.digits import digits
from striate.data.sources.folder import FolderSource
from striate.data.sources.idx import idx, read_idx
from striate.data.sources.opening import KINDS, open_source

__all__ = ["KINDS", "ArraySource", "FolderSource", "digits", "idx", "open_source", "read_idx"]
