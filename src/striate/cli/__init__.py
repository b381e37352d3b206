"""The command line: one module per command; each parses, calls one function below, prints.

A command's module is loaded when it is called, so that ``striate inspect`` never loads torch. Exit status:
0 done, 1 a failure explained in one message, 2 bad usage.
"""

from striate.cli.app import main

__all__ = ["main"]
