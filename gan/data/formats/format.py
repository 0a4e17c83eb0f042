"""What a format of labelled images is: a name for people, *is this one?*, and *read it*.

FORMAT = Format("my files", fits, read)   # in a file of its own, which gan/registry.py names in one line
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from gan.data.dataset import DataSet, ReadOptions
from gan.data.listing import Listing
from gan.data.tree import Tree, first_bytes, is_zip, open_tree


class Place:
    """What `--data-path` names; every format looks at it, and it is looked at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_directory = path.is_dir()

    @cached_property
    def first(self) -> bytes:
        """The beginning of a file; nothing of a directory."""
        return first_bytes(self.path)

    @cached_property
    def tree(self) -> Tree | None:
        """The files of a directory or of a zip archive; None for another file."""
        return open_tree(self.path) if self.is_directory or is_zip(self.path) else None


class Format(NamedTuple):
    """A format of labelled images.

    Attributes:
        name: for people, in the plural.
        fits: whether something is meant to be in this format; it need not be right.
        read: a list of picture files, or images of pixels; a `UserError` where it is not right.
    """

    name: str
    fits: Callable[[Place], bool]
    read: Callable[[Place, ReadOptions], Listing | DataSet]
