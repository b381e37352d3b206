"""Work on other threads: compiled code is loaded beside other work, and threads share the parts of one."""

from striate.threads.loading import Loading
from striate.threads.team import Team

__all__ = ["Loading", "Team"]
