"""Names of files and classes as people have them: what can be written down, what is the same, what looks the same."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from helpers import load_folder, write_pictures

from gan.data import listing
from gan.data.convert import convert
from gan.data.dataset import ReadOptions
from gan.data.formats.tables import read_listing, shown
from gan.errors import UserError
from gan.files import warn_once
from gan.images import ImageSpec
from gan.labels import class_index, label_text, parse_labels
from gan.names import is_name, look_alikes

SCREENSHOT = "Screenshot 2026-01-02 at 9.41.00\u202fAM"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
NFC, NFD = (unicodedata.normalize(form, "Müsli") for form in ("NFC", "NFD"))


@pytest.fixture(autouse=True)
def warned_anew() -> None:
    warn_once.cache_clear()


def pictures(directory: Path, train: list[str], test: list[str], **renamed: str) -> Path:
    """Pictures with these labels; some of them under other names, on the disk and in the tables."""
    write_pictures(directory, {"train": train, "test": test})
    for old, new in renamed.items():
        table = directory / "train_labels.csv"
        (directory / "train" / f"{old[1:]}.png").rename(directory / "train" / new)
        table.write_text(table.read_text(encoding="utf-8").replace(f"\n{old[1:]}.png,", f"\n{new},"), encoding="utf-8")
    return directory


def load(directory: Path):
    return load_folder(directory, ReadOptions())


@pytest.mark.parametrize(
    "name",
    [
        SCREENSHOT,
        FAMILY,
        "soft\u00adhyphen",
        "no\u00a0break",
        "全角\u3000空白",
        "\ufeffmark",
        "\u00a0first",
    ],
)
def test_names_and_labels_of_real_life_are_taken(name, tmp_path):
    found = load(pictures(tmp_path / "pets", [name, "dog", name], ["dog", name], _0=f"{name}.png"))
    assert set(found.spec.class_names) == {name, "dog"}
    assert found.train_labels[0] == found.train_labels[2] == found.spec.class_names.index(name)
    for source, target, form in (("pets", "by-class", "classes"), ("by-class", "back", "folder")):
        convert(tmp_path / source, tmp_path / target, to=form)
    back = load(tmp_path / "back")
    assert back.spec == found.spec
    np.testing.assert_array_equal(np.sort(back.train_images, axis=0), np.sort(found.train_images, axis=0))
    assert shown(name) == name


@pytest.mark.parametrize(
    "name", ["a\nb", "a\x00b", "a\x1b[2Jb", "a\x85b", "a\u2028b", "a\x7fb", "\udce9", "", " a", "a\t"]
)
def test_what_cannot_be_written_to_a_line_or_a_file_is_no_name(name):
    assert not is_name(name)


@pytest.mark.parametrize(("on_disk", "in_table"), [(NFD, NFC), (NFC, NFD)])
def test_a_file_is_found_by_what_is_the_same_to_unicode(on_disk, in_table, tmp_path, capsys):
    """macOS unpacks and lists names with their letters taken apart."""
    directory = pictures(tmp_path, ["cat", "dog"], ["dog"], _0=f"{on_disk}.png")
    table = directory / "train_labels.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(on_disk, in_table), encoding="utf-8")
    assert len(load(directory).train_images) == 2
    assert capsys.readouterr().err == ""
    table.write_text(table.read_text(encoding="utf-8") + f"{on_disk}.png, dog\n", encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_listing(directory)
    assert error.value.__notes__ == [f"{table}:4: {on_disk}.png is already in line 2"]


def test_of_two_files_that_are_the_same_to_unicode_a_row_means_the_one_of_its_bytes(tmp_path):
    directory = pictures(tmp_path, ["cat", "dog", "cat"], ["dog"], _0=f"{NFC}.png", _2=f"{NFD}.png")
    assert [row.name for row in read_listing(directory).train.rows] == [f"{NFC}.png", "1.png", f"{NFD}.png"]


def test_labels_that_are_the_same_to_unicode_are_one_class(tmp_path, capsys):
    assert load(pictures(tmp_path / "pets", [NFC, NFD, "dog"], [NFD])).spec.class_names == (NFC, "dog")
    for number, label in enumerate((NFC, NFD, "dog", "dog")):
        write_pictures(tmp_path / str(number), {"train": ["x"]})
        (tmp_path / "by-class" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / str(number) / "train" / "0.png").rename(tmp_path / "by-class" / label / f"{number}.png")
    convert(tmp_path / "by-class", tmp_path / "made", to="folder", test_share=0.5)
    assert load(tmp_path / "made").spec.class_names == (NFC, "dog")
    assert capsys.readouterr().err == ""


def test_a_class_is_found_by_what_is_the_same_to_unicode():
    spec = ImageSpec.from_dict({"height": 8, "width": 8, "channels": 1, "class_names": [NFD, "dog"]})
    assert spec.class_names == (NFC, "dog")
    assert class_index(NFD, spec) == class_index(NFC, spec) == 0
    for text in ("9" * 5000, "２"):
        with pytest.raises(UserError, match="there is no class"):
            class_index(text, spec)
    assert label_text(parse_labels(f"{NFD}:1,dog:3", spec), spec) == f"{NFC}:0.25,dog:0.75"


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["cat", "Cat", "dog"], [["Cat", "cat"]]),
        (["1", "1.0", "01", "2"], [["01", "1", "1.0"]]),
        (["１", "1"], [["1", "１"]]),
        (["hot dog", "hotdog", "hot\u00a0dog"], [["hot dog", "hotdog", "hot\u00a0dog"]]),
        (["co\u00adop", "coop"], [["coop", "co\u00adop"]]),
        (["STRASSE", "straße"], [["STRASSE", "straße"]]),
        (["-1", "1", "10", "0", "1.5", "15"], []),
        (["cat", "dog"], []),
    ],
)
def test_look_alikes_are_found(names, groups):
    assert look_alikes(names) == groups


def test_look_alikes_stay_apart_with_one_warning(tmp_path, capsys):
    directory = pictures(tmp_path, ["cat", "Cat", "dog"], ["dog"])
    assert load(directory).spec.class_names == ("Cat", "cat", "dog")
    assert capsys.readouterr().err == (
        "warning: these classes differ by case, spaces or form only, and stay apart: 'Cat' and 'cat'\n"
    )


def test_a_label_of_the_test_table_that_looks_like_a_class_is_told(tmp_path):
    with pytest.raises(UserError) as error:
        read_listing(pictures(tmp_path, ["1", "2"], ["1.0"]))
    assert error.value.__notes__ == [
        f"{tmp_path}/test_labels.csv:2: no row of train_labels.csv has the label '1.0'; is it '1'?"
    ]


def test_a_value_without_an_end_is_one_line(tmp_path):
    """Python's reader has a limit, which a quote that is not closed reaches."""
    directory = pictures(tmp_path, ["cat"], ["cat"])
    (directory / "train_labels.csv").write_text('Filename, Label\n"0.png, cat\n' + 20_000 * "1.png, dog\n")
    with pytest.raises(UserError, match=r"csv:2: a value has more than 131,072 characters; expected a name: is"):
        read_listing(directory)


def test_many_labels_that_are_no_class_are_looked_at_once(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(listing, "look_alikes", lambda names: asked.append(sorted(names)) or look_alikes(names))
    with pytest.raises(UserError):
        read_listing(pictures(tmp_path, ["1", "2"], ["1.0", "2.0", "7", "7"]))
    assert asked == [["1", "1.0", "2", "2.0", "7"]]
