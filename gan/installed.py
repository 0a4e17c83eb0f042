"""The scripts as `pip install` leaves them: `gan-train` for `./train.py`, and so on.

An installed package has the scripts of the project's directory as `gan.scripts`; pyproject.toml says so.
"""

import sys
from importlib import import_module
from pathlib import Path

from gan.command_line import exit_status

PREFIX = "gan-"
ELSEWHERE = {"convert": "gan.data.convert"}
"""Modules that are no scripts, by what they are called as."""


def run() -> int:
    """Do what the script does that this process was called as; the exit status."""
    name = Path(sys.argv[0]).stem.removeprefix(PREFIX)
    places = list(sys.path)
    module = import_module(ELSEWHERE.get(name, f"gan.scripts.{name}"))
    sys.path[:] = places  # A script adds its own directory, in which its package is not.
    return exit_status(module.main)
