"""Public data sets: a catalog, and what brings one of it here whole or not at all."""

from striate.data.fetch.catalog import CATALOG, DataSet, RemoteFile, find_set
from striate.data.fetch.events import AlreadyThere, Event, Fetched, Received, Troubled, Unpacked
from striate.data.fetch.fetching import fetch, staged
from striate.data.fetch.transfer import Patience

__all__ = [
    "CATALOG",
    "AlreadyThere",
    "DataSet",
    "Event",
    "Fetched",
    "Patience",
    "Received",
    "RemoteFile",
    "Troubled",
    "Unpacked",
    "fetch",
    "find_set",
    "staged",
]
