"""Names that people give to files and classes: which can be written down, which are the same, which look the same.

same_form("Mu\u0308sli") == "Müsli"
look_alikes(["Cat", "cat", "dog"])  # [["Cat", "cat"]]
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, ends of lines and bytes that are no text. All else is in real names: spaces of all kinds, too."""

WHITE = " \t"
"""What is around a value of a table and not of it."""

NUMBER = re.compile(r"([+-]?)0*([0-9]+?)(\.0*)?")


def is_name(text: str) -> bool:
    """Whether it can be written to a line, and to a file."""
    return bool(text) and text == text.strip(WHITE) and not UNWRITABLE.search(text)


def same_form(text: str) -> str:
    """The text with its letters composed, as Unicode's NFC has it: equal for what is the same to a reader."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def look_alikes(names: Iterable[str]) -> list[list[str]]:
    """Names that differ by case, spaces or form only, in groups, each of them and all of them sorted."""
    groups = defaultdict(list)
    for name in names:
        plain = "".join(each for each in unicodedata.normalize("NFKC", name).casefold() if not _is_unseen(each))
        number = NUMBER.fullmatch(plain)
        groups[f"{number[1].strip('+')}{number[2]}" if number else plain].append(name)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def _is_unseen(character: str) -> bool:
    """Whether it is a space, or a format character such as a soft hyphen."""
    return character.isspace() or unicodedata.category(character) == "Cf"
