"""The summary of a run, or of several, on one page: curves, confusions, how far it can be believed, how it was made."""

from striate.train.summary.series import SeriesSummary
from striate.train.summary.summarizing import summarize
from striate.train.summary.summarizing_series import summarize_series
from striate.train.summary.summary import Summary

__all__ = ["SeriesSummary", "Summary", "summarize", "summarize_series"]
