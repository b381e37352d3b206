"""The summary of a run on one page: its curves, what it confuses, how far it can be believed, how it was made."""

from striate.train.summary.summarizing import summarize
from striate.train.summary.summary import Summary

__all__ = ["Summary", "summarize"]
