"""What would spoil training, found before it starts: damaged files, copies, leaks, wrong labels, odd images."""

from striate.data.check.checking import CHECKS, check
from striate.data.check.report import ChannelStatistics, Finding, Report, Statistics

__all__ = ["CHECKS", "ChannelStatistics", "Finding", "Report", "Statistics", "check"]
