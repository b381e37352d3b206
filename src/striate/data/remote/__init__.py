"""Places on other machines, by fsspec: what they are called, what lies there, and a copy of it on this one.

It knows nothing of kinds of sources; `striate.data.sources.mirrored` opens them from here.
"""

from striate.data.remote.mirror import Mirror, clear_mirrors, list_mirrors, mirrored
from striate.data.remote.places import Place, filesystem, is_remote
from striate.data.remote.tree import Entry, entries, entry_at, tree

__all__ = [
    "Entry",
    "Mirror",
    "Place",
    "clear_mirrors",
    "entries",
    "entry_at",
    "filesystem",
    "is_remote",
    "list_mirrors",
    "mirrored",
    "tree",
]
