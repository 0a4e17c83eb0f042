"""Errors that are not bugs: a script ends with one line in place of a traceback. All others keep theirs.

    raise UserError(f"{path} has 3 columns; expected 2: see docs/own-images.md")

A message says what was found, what was expected and what to do; notes (`add_note`) are printed on lines before it.
"""


class UserError(ValueError):
    """What a user can mend: exit status 2."""


class FileError(UserError, OSError):
    """A file, a directory or a port that cannot be used."""


class MissingError(FileError, FileNotFoundError):
    """A file or a directory that is not there."""


class Diverged(FloatingPointError):
    """Numbers are no longer finite: exit status 3."""
