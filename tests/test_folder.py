"""Folders of labelled pictures: read right or refused by file and line, and decoded once into a cache."""

import errno
import mmap
import os
import threading
import warnings
from pathlib import Path

import numpy as np
import PIL
import pytest
from helpers import load_folder, write_pictures
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

from gan.data import cache
from gan.data import pictures as folder
from gan.data.dataset import DataSet, ReadOptions
from gan.data.decoding import resized

LABELS = {"train": ["dog", "cat", "dog", "emu", "cat"], "test": ["emu", "dog", "cat"]}
SKIP = ReadOptions(on_bad_image="skip")
SKIP_8X8 = ReadOptions(on_bad_image="skip", image_size=(8, 8))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_pictures(tmp_path, LABELS)
    return tmp_path


def refusal(directory: Path, options: ReadOptions | None = None) -> tuple[str, list[str]]:
    with pytest.raises(ValueError) as error:
        load_folder(directory, options or ReadOptions())
    return str(error.value), getattr(error.value, "__notes__", [])


def entries(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "cache").iterdir() if path.name != ".lock")


def decoded_again(directory: Path, options: ReadOptions | None = None) -> bool:
    """Whether reading the folder decodes its pictures."""
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        original = folder.examine
        patch.setattr(folder, "examine", lambda *values: calls.append(values) or original(*values))
        load_folder(directory, options or ReadOptions())
    return bool(calls)


def equal(one: DataSet, other: DataSet) -> bool:
    return one.digest == other.digest and one.spec == other.spec


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_is_read_in_the_order_of_its_tables(tmp_path, channels):
    pixels = write_pictures(tmp_path, LABELS, height=6, width=9, channels=channels)
    data = load_folder(tmp_path, ReadOptions())
    assert data.spec.shape == (6, 9, channels)
    assert data.spec.class_names == ("cat", "dog", "emu")
    np.testing.assert_array_equal(data.train_images, pixels["train"])
    np.testing.assert_array_equal(data.test_images, pixels["test"])
    assert data.train_labels.tolist() == [1, 0, 1, 2, 0]
    assert data.test_labels.tolist() == [2, 1, 0]
    assert data.describe() == (
        f"pictures in {tmp_path}\nimages of 6x9x{channels} in 3 classes\n"
        "train 5 images (cat: 2, dog: 2, emu: 1)\ntest 3 images (cat: 1, dog: 1, emu: 1)"
    )


def test_the_digest_is_that_of_the_same_data_in_memory(directory):
    for _ in range(2):
        data = load_folder(directory, ReadOptions())
        arrays = (np.array(values) for values in (data.train_images, data.train_labels, data.test_images))
        train_images, train_labels, test_images = arrays
        same = DataSet(data.spec, train_images, train_labels, test_images, data.test_labels, source="memory")
        assert data.digest == same.digest


def test_jpeg_files_are_read(tmp_path):
    write_pictures(tmp_path, LABELS, channels=3, suffix=".jpg")
    expected = np.asarray(Image.open(tmp_path / "train" / "3.jpg"))
    np.testing.assert_array_equal(load_folder(tmp_path, ReadOptions()).train_images[3], expected)


@pytest.mark.parametrize("first_in_colour", [0, 2, 7])
def test_one_image_in_colour_makes_all_rgb(directory, first_in_colour):
    split, name = ("train", first_in_colour) if first_in_colour < 5 else ("test", first_in_colour - 5)
    colour = np.random.default_rng(9).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    grey = load_folder(directory, ReadOptions())
    Image.fromarray(colour).save(directory / split / f"{name}.png")
    data = load_folder(directory, ReadOptions())
    expected = {"train": grey.train_images.repeat(3, axis=-1), "test": grey.test_images.repeat(3, axis=-1)}
    expected[split][name] = colour
    np.testing.assert_array_equal(data.train_images, expected["train"])
    np.testing.assert_array_equal(data.test_images, expected["test"])


def test_transparency_is_mentioned(directory):
    Image.new("RGBA", (8, 8), (200, 100, 0, 128)).save(directory / "train" / "1.png")
    for _ in range(2):
        data = load_folder(directory, ReadOptions())
        assert data.describe().startswith(f"pictures in {directory}, 1 of them with transparent parts, laid on black\n")
    np.testing.assert_array_equal(data.train_images[1, 0, 0], [100, 50, 0])


@pytest.mark.parametrize("how", ["fit", "crop", "pad"])
def test_images_are_resized_as_told(directory, how):
    native = load_folder(directory, ReadOptions())
    Image.fromarray(np.full((20, 10), 99, np.uint8)).save(directory / "train" / "1.png")
    data = load_folder(directory, ReadOptions(image_size=(6, 10), resize=how))
    assert data.spec.shape == (6, 10, 1)
    for index in (0, 2, 3, 4):
        expected = resized(np.array(native.train_images[index]), height=6, width=10, how=how)
        np.testing.assert_array_equal(data.train_images[index], expected)
    assert data.train_images[1, 3, 5, 0] == 99


def test_other_sizes_are_an_error_that_shows_them(directory):
    for index in (1, 3):
        Image.new("L", (9, 5 + index)).save(directory / "train" / f"{index}.png")
    summary, notes = refusal(directory)
    assert notes == [
        f"{directory}/train_labels.csv:3: 1.png is 6x9; expected 8x8, as most of the first images",
        f"{directory}/train_labels.csv:5: 3.png is 8x9; expected 8x8, as most of the first images",
    ]
    assert summary == (
        f"{directory} has 2 problems, all of them above; sizes found: 8x8 (6), 6x9 (1), 8x9 (1); "
        "set image_size in the config and pass --resize fit, crop or pad"
    )
    summary, notes = refusal(directory, ReadOptions(image_size=(6, 9)))
    assert len(notes) == 7
    assert notes[0] == f"{directory}/train_labels.csv:2: 0.png is 8x8; expected 6x9, as image_size"
    assert summary.endswith("sizes found: 8x8 (6), 6x9 (1), 8x9 (1); pass --resize fit, crop or pad")
    assert refusal(directory, SKIP)[0].endswith("set image_size in the config and pass --resize fit, crop or pad")
    data = load_folder(directory, ReadOptions(image_size=(8, 8), on_bad_image="skip"))
    assert data.train_labels.tolist() == [1, 1, 0]


def test_all_images_are_held_to_one_size(tmp_path, monkeypatch):
    """That of most of the first, whatever the very first and the last have."""
    monkeypatch.setattr("gan.data.pictures.FIRST_ROWS", 3)
    monkeypatch.setattr("gan.data.pictures.PART_ROWS", 2)
    write_pictures(tmp_path, {"train": ["a"] * 8, "test": ["a"]})
    for index in (0, 6, 7):
        Image.new("L", (9, 5)).save(tmp_path / "train" / f"{index}.png")
    _, notes = refusal(tmp_path)
    assert [note.split(" ")[1] for note in notes] == ["0.png", "6.png", "7.png"]


def test_a_size_is_found_behind_damaged_images(tmp_path, monkeypatch):
    monkeypatch.setattr("gan.data.pictures.FIRST_ROWS", 2)
    write_pictures(tmp_path, {"train": ["a"] * 8, "test": ["a"]})
    for index in range(5):
        (tmp_path / "train" / f"{index}.png").write_bytes(b"")
    assert len(load_folder(tmp_path, SKIP).train_images) == 3


def test_one_large_file_at_the_start_does_not_tell_the_size(tmp_path, monkeypatch):
    write_pictures(tmp_path, {"train": ["a"] * 20, "test": ["a"]})
    Image.new("L", (30, 30)).save(tmp_path / "train" / "0.png", compress_level=0)
    monkeypatch.setattr("gan.data.pictures.PART_BYTES", 800)
    assert refusal(tmp_path)[1] == [
        f"{tmp_path}/train_labels.csv:2: 0.png is 30x30; expected 8x8, as most of the first images"
    ]


def test_a_file_too_large_to_be_a_picture_is_not_read(directory):
    with (directory / "train" / "0.png").open("r+b") as file:
        file.truncate(300 << 30)
    expected = "0.png has 322,122,547,200 bytes; expected at most 268,435,456"
    assert refusal(directory)[1] == [f"{directory}/train_labels.csv:2: {expected}"]


def test_a_size_that_no_network_is_built_for_is_refused(tmp_path):
    write_pictures(tmp_path / "long", LABELS, height=1025, width=8)
    assert "holds images of 1025x8; expected sides of 4 to 1024" in refusal(tmp_path / "long")[0]
    write_pictures(tmp_path, LABELS, height=3, width=8)
    assert refusal(tmp_path)[0].startswith(
        f"{tmp_path} holds images of 3x8; expected sides of 4 to 1024 pixels: set ima"
    )
    assert load_folder(tmp_path, ReadOptions(image_size=(8, 8), resize="pad")).spec.shape == (8, 8, 1)


def damage(path: Path, how: str) -> str:
    """Spoil a picture; what will be said of it."""
    if how == "missing":
        path.unlink()
        return f"is not there; expected it in {path.parent}"
    if how == "empty":
        path.write_bytes(b"")
        return "is empty"
    if how == "text":
        path.write_text("no picture")
        return "is text: download the file itself"
    if how == "truncated":
        content = path.read_bytes()[:-20]
        path.write_bytes(content)
        return f"is truncated: it ends after {len(content)} bytes, within the image"
    if how == "CMYK":
        Image.new("CMYK", (8, 8)).save(path, "JPEG")
        return "is a CMYK image; expected grey or RGB: save it as one"
    if how == "size":
        Image.new("L", (7, 8)).save(path)
        return "is 8x7; expected 8x8, as image_size"
    path.unlink()
    path.mkdir() if how == "directory" else os.mkfifo(path)
    return "is no file; expected a picture"


DAMAGES = ("missing", "empty", "text", "truncated", "CMYK", "size", "directory", "pipe")


@pytest.mark.parametrize("how", DAMAGES)
def test_a_bad_image_is_an_error_by_file_and_line_or_left_out(directory, how, capsys):
    whole = load_folder(directory, ReadOptions())
    problem = damage(directory / "train" / "2.png", how)
    where = f"{directory}/train_labels.csv:4: 2.png {problem}"
    native = ReadOptions(image_size=(8, 8))
    summary, notes = refusal(directory, native)
    assert notes == [where]
    if how != "size":
        remedy = "correct the files, or pass --on-bad-image skip to leave them out"
        assert summary == f"{directory} has 1 problem; {remedy}"
        assert refusal(directory, ReadOptions(image_size=(8, 8), resize="pad"))[0] == summary
    capsys.readouterr()
    for _ in range(2):
        data = load_folder(directory, SKIP_8X8)
        assert (
            capsys.readouterr().err == f"warning: 1 of 8 images cannot be used and are left out; the first: {where}\n"
        )
        np.testing.assert_array_equal(data.train_images, whole.train_images[[0, 1, 3, 4]])
        np.testing.assert_array_equal(data.test_images, whole.test_images)
        assert data.train_labels.tolist() == [1, 0, 2, 0]
        assert data.spec.class_names == ("cat", "dog", "emu")
    assert refusal(directory, native)[1] == [where]


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_that_is_left_without_images_is_refused(directory, split):
    for path in (directory / split).iterdir():
        path.write_bytes(b"")
    assert refusal(directory, SKIP)[0].endswith(f"; no image of the {split} split can be used")
    assert entries(directory) == []


def test_pictures_in_no_table_are_a_warning(directory, capsys):
    (directory / "train" / "new.png").touch()
    load_folder(directory, ReadOptions())
    assert capsys.readouterr().err == f"warning: new.png in train/: not in {directory}/train_labels.csv\n"
    (directory / "train" / "newer.png").touch()
    load_folder(directory, ReadOptions())
    assert "warning: new.png and 1 more in train/: not in" in capsys.readouterr().err


def test_a_second_run_decodes_nothing(directory):
    assert decoded_again(directory)
    assert not decoded_again(directory)
    assert not decoded_again(directory, SKIP)
    assert decoded_again(directory, ReadOptions(image_size=(8, 8)))
    assert len(entries(directory)) == 2
    assert not decoded_again(directory)


def test_one_changed_pixel_or_label_makes_the_cache_stale(directory):
    before = load_folder(directory, ReadOptions())
    stale = entries(directory)
    path = directory / "test" / "1.png"
    pixels = np.array(Image.open(path))
    pixels[3, 4] ^= 1
    Image.fromarray(pixels).save(path)
    after = load_folder(directory, ReadOptions())
    np.testing.assert_array_equal(after.test_images[1, :, :, 0], pixels)
    assert len(entries(directory)) == 1
    assert entries(directory) != stale
    stale = entries(directory)
    table = directory / "train_labels.csv"
    table.write_text(table.read_text().replace("1.png, cat", "1.png, dog"))
    relabelled = load_folder(directory, ReadOptions())
    assert relabelled.train_labels.tolist() == [1, 1, 1, 2, 0]
    assert entries(directory) != stale
    assert len({before.digest, after.digest, relabelled.digest}) == 3


def test_another_way_to_resize_is_another_entry(tmp_path):
    write_pictures(tmp_path, LABELS, height=8, width=16)
    ways = {how: load_folder(tmp_path, ReadOptions(image_size=(8, 8), resize=how)) for how in ("fit", "crop", "pad")}
    assert len({data.digest for data in ways.values()}) == 3
    assert [name.partition("-")[2] for name in entries(tmp_path)] == ["8x8-crop", "8x8-fit", "8x8-pad"]


def test_another_version_decodes_anew(directory, monkeypatch):
    load_folder(directory, ReadOptions())
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    assert decoded_again(directory)
    assert len(entries(directory)) == 1


@pytest.mark.parametrize("what", ["Pillow", "JPEG library"])
def test_another_decoder_decodes_anew(directory, what, monkeypatch):
    """It may come to other pixels."""
    load_folder(directory, ReadOptions())
    if what == "Pillow":
        monkeypatch.setattr(PIL, "__version__", "99.0")
    else:
        monkeypatch.setattr(features, "version", lambda _: "99.0")
    assert decoded_again(directory)
    assert len(entries(directory)) == 1
    assert not decoded_again(directory)


def test_an_entry_has_two_files(directory):
    """Also where the images were grey at first."""
    Image.new("RGB", (8, 8), (1, 2, 3)).save(directory / "test" / "2.png")
    load_folder(directory, ReadOptions())
    (entry,) = entries(directory)
    assert sorted(path.name for path in (directory / "cache" / entry).iterdir()) == ["about.json", "images.bin"]


def test_a_relative_path_is_the_same_directory(directory, monkeypatch, tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    load_folder(directory, ReadOptions(cache_dir=place))
    monkeypatch.chdir(directory)
    assert not decoded_again(Path(), ReadOptions(cache_dir=place))
    (directory / "test" / "0.png").touch()
    assert decoded_again(Path(), ReadOptions(cache_dir=place))
    assert len([path for path in place.iterdir() if path.is_dir()]) == 1


def test_warnings_of_pillow_are_kept_quiet(directory, monkeypatch):
    original = folder.decode

    def warning(content, **options):
        warnings.warn("odd", stacklevel=1)
        return original(content, **options)

    monkeypatch.setattr(folder, "decode", warning)
    load_folder(directory, ReadOptions())


def test_the_limit_of_a_picture_is_ours_and_can_be_raised(directory, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)  # Pillow's, which is not asked.
    load_folder(directory, ReadOptions())
    _, notes = refusal(directory, ReadOptions(max_megapixels=40e-6))
    assert len(notes) == 8
    assert notes[0].endswith("has 6.4e-05 megapixels; expected at most 4e-05: pass --max-megapixels 1 to read it")
    skipping = ReadOptions(max_megapixels=40e-6, on_bad_image="skip")
    with pytest.raises(ValueError, match="no image of the train split can be used"):
        load_folder(directory, skipping)


def test_the_check_shows_how_far_it_is(directory, monkeypatch):
    shown = []

    class Bar(folder.tqdm):
        def __init__(self, **options):
            assert options["disable"] is None  # No bar where there is no terminal.
            shown.append(options["total"])
            super().__init__(**options)

        def update(self, count):
            shown.append(count)

    monkeypatch.setattr(folder, "tqdm", Bar)
    monkeypatch.setattr(folder, "FIRST_ROWS", 3)
    monkeypatch.setattr(folder, "PART_ROWS", 4)
    load_folder(directory, ReadOptions())
    assert shown == [8, 3, 4, 1]


def test_memory_that_runs_out_is_no_bad_image(directory, monkeypatch):
    def exhausted(*_):
        raise MemoryError

    monkeypatch.setattr("gan.data.decoding._converted", exhausted)
    with pytest.raises(MemoryError):
        load_folder(directory, SKIP)
    assert entries(directory) == []


def test_the_cache_can_be_elsewhere_and_shared(directory, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    write_pictures(other, {"train": ["a"], "test": ["a"]})
    place = tmp_path_factory.mktemp("place") / "deep"
    options = ReadOptions(cache_dir=place)
    for path in (directory, other):
        assert decoded_again(path, options)
    for path in (directory, other):
        assert not decoded_again(path, options)
        assert not (path / "cache").exists()


@pytest.mark.parametrize("name", ["about.json", "images.bin"])
@pytest.mark.parametrize("how", ["truncated", "missing", "other", "flipped"])
def test_a_damaged_cache_is_made_anew(directory, name, how, capsys):
    """A single bit is enough: here one of the last pixel, or of the name of a field."""
    whole = load_folder(directory, ReadOptions())
    digest, spec = whole.digest, whole.spec
    path = directory / "cache" / entries(directory)[0] / name
    content = path.read_bytes()
    path.unlink()
    if how == "truncated":
        path.write_bytes(content[:-10])
    elif how == "other":
        path.write_bytes(b"[1]")
    elif how == "flipped":
        place = content.index(b"shape") if name == "about.json" else -1
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place:][1:])
    capsys.readouterr()
    again = load_folder(directory, ReadOptions())
    assert capsys.readouterr().err == f"warning: {path.parent} is damaged; the images are decoded anew\n"
    assert (again.digest, again.spec) == (digest, spec)
    assert not decoded_again(directory)
    assert capsys.readouterr().err == ""


def test_no_bit_of_what_a_cache_says_can_change_the_data(directory):
    """Some of rows that are left out: with other ones, the labels would be those of other images."""
    (directory / "train" / "2.png").write_bytes(b"")
    whole = load_folder(directory, SKIP)
    expected, labels = np.array(whole.train_images), whole.train_labels.tolist()
    path = directory / "cache" / entries(directory)[0] / "about.json"
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        found = load_folder(directory, SKIP)
        np.testing.assert_array_equal(found.train_images, expected)
        assert found.train_labels.tolist() == labels


def test_equal_tables_and_dates_elsewhere_do_not_share_pixels(tmp_path):
    """Even where the files have one size."""
    options = ReadOptions(cache_dir=tmp_path / "cache")
    seen = []
    for name in ("one", "other"):
        write_pictures(tmp_path / name, LABELS)
        for path in (tmp_path / name).rglob("*.png"):
            picture = Image.new("L", (8, 8), len(name))
            picture.save(path, compress_level=0)
            os.utime(path, (1, 1))
        seen.append(load_folder(tmp_path / name, options).train_images.max())
    assert seen == [3, 5]


def test_data_that_change_while_they_are_read_are_not_cached(directory, monkeypatch):
    original = folder.examine

    def changing(*values):
        yield from original(*values)
        (directory / "test" / "2.png").touch()

    monkeypatch.setattr(folder, "examine", changing)
    assert refusal(directory)[0] == f"{directory} has changed while it was read; run the command again"
    assert entries(directory) == []


def test_two_runs_that_start_together_decode_once(directory, monkeypatch, capsys):
    calls, results = [], []
    begun, go_on = threading.Event(), threading.Event()
    original = folder.examine

    def slowly(*values):
        calls.append(values)
        begun.set()
        assert go_on.wait(60)
        yield from original(*values)

    monkeypatch.setattr(folder, "examine", slowly)
    original_wait = cache.exclusive
    runs = [threading.Thread(target=lambda: results.append(load_folder(directory, ReadOptions()))) for _ in range(2)]
    runs[0].start()
    assert begun.wait(60)

    def waits(path, **options):
        go_on.set()
        return original_wait(path, **options)

    monkeypatch.setattr(cache, "exclusive", waits)
    runs[1].start()
    for run in runs:
        run.join(60)
    assert len(calls) == 1
    assert equal(*results)


def test_leftovers_of_a_killed_run_are_removed(directory):
    """But nothing else that is there."""
    load_folder(directory, ReadOptions(image_size=(8, 8)))
    (entry,) = entries(directory)
    left, *others = (
        directory / "cache" / name for name in (".0123456789abcdef-8x8.part-7", ".gan-0001.part-7", "mine")
    )
    for path in (left, *others):
        path.mkdir()
        (path / "images.bin").write_bytes(b"half")
        (path / "about.json").write_text((directory / "cache" / entry / "about.json").read_text())
    load_folder(directory, ReadOptions())
    assert not left.exists()
    for path in others:
        assert len(list(path.iterdir())) == 2


def test_a_full_disk_is_one_line_and_leaves_nothing(directory, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache.os, "fsync", full)
    with pytest.raises(OSError, match="cannot be written") as error:
        load_folder(directory, ReadOptions())
    assert str(error.value) == (
        f"{directory}/cache: the decoded images cannot be written (No space left on device); "
        "make room, or name another place with --cache-dir"
    )
    assert entries(directory) == []
    monkeypatch.undo()
    load_folder(directory, ReadOptions())


@pytest.mark.parametrize("colours", [[], [1]], ids=["grey", "a colour among grey"])
def test_a_file_system_that_cannot_map_files_is_read_from(directory, colours, monkeypatch, capsys):
    """Into memory, by the run that decodes the images and by the next; said once in each place."""
    for index in colours:
        Image.new("RGB", (8, 8), "red").save(directory / "train" / f"{index}.png")
    expected = load_folder(directory, ReadOptions())

    class Unable(mmap.mmap):
        def __new__(cls, *_, **__):
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    monkeypatch.setattr(mmap, "mmap", Unable)
    for _ in range(2):
        found = load_folder(directory, ReadOptions(cache_dir=directory / "other"))
        assert equal(found, expected)
        assert not found.train_images.flags.writeable
    assert capsys.readouterr().err == (
        f"warning: files in {directory}/other cannot be mapped (No such device), so all images are read into memory; a "
        "--cache-dir on a local disk would save that\n"
    )


def test_a_place_that_cannot_be_written_to_is_named(directory):
    (directory / "file").touch()
    summary, _ = refusal(directory, ReadOptions(cache_dir=directory / "file"))
    assert summary == (
        f"{directory}/file is a file; expected a directory to write to: name another one with --cache-dir"
    )


DEFECTS = ("none", "label", "duplicate", "escape", "columns", "unknown", "unlisted", *DAMAGES)


@given(st.data())
def test_random_defects_end_in_the_right_data_or_in_a_message_that_names_them(tmp_path_factory, data):
    """Never another error, never a wrong label."""
    directory = tmp_path_factory.mktemp("random")
    words = data.draw(st.lists(st.sampled_from(["cat", "dog", "7", "a, b", "猫"]), min_size=1, max_size=5, unique=True))
    labels = {
        "train": words + data.draw(st.lists(st.sampled_from(words), max_size=6)),
        "test": data.draw(st.lists(st.sampled_from(words), min_size=1, max_size=4)),
    }
    quoted = {split: [f'"{label}"' for label in found] for split, found in labels.items()}
    pixels = write_pictures(directory, quoted, channels=data.draw(st.sampled_from([1, 3])))
    listed, images = [], {}
    for split, names in labels.items():
        table = directory / f"{split}_labels.csv"
        lines = table.read_text().splitlines()
        for index in range(len(names)):
            defect = data.draw(st.sampled_from(DEFECTS if data.draw(st.booleans()) else ("none",)))
            if defect in DAMAGES:
                damage(directory / split / f"{index}.png", defect)
                images[split, index] = f"{table}:{index + 2}: "
            elif defect == "unlisted":
                (directory / split / f"new-{index}.png").touch()
            elif defect == "duplicate" and index:
                lines[index + 1] = lines[1]
                listed.append(f"{table}:{index + 2}: ")
            elif defect in ("label", "escape", "columns"):
                lines[index + 1] = {"label": f"{index}.png,", "escape": "../1.png, x", "columns": "1.png"}[defect]
                listed.append(f"{table}:{index + 2}: ")
            elif defect == "unknown" and split == "test":
                lines[index + 1] = f"{index}.png, unheard of"
                if len(listed) < len(labels["train"]):  # Else no row of the training table is right.
                    listed.append(f"{table}:{index + 2}: ")
        table.write_text("\n".join(lines))
    options = ReadOptions(image_size=(8, 8), on_bad_image=data.draw(st.sampled_from(["error", "skip"])))
    skip = options.on_bad_image == "skip"
    left = {split: [i for i in range(len(names)) if (split, i) not in images] for split, names in labels.items()}
    try:
        found = load_folder(directory, options)
    except ValueError as error:
        notes = getattr(error, "__notes__", [])
        assert notes
        assert "\n" not in str(error)
        possible = listed if listed else list(images.values())
        assert all(note.startswith(tuple(possible)) or "has the label" in note for note in notes)
        assert {place for place in possible if not any(note.startswith(place) for note in notes)} == set()
        assert listed or not skip or not all(left.values())
    else:
        assert not listed
        assert skip or not images
        for split, kept in left.items():
            expected = [labels[split][index] for index in kept]
            numbers = found.train_labels if split == "train" else found.test_labels
            assert [found.spec.class_names[number] for number in numbers] == expected
            shown = found.train_images if split == "train" else found.test_images
            same = pixels[split][kept]
            np.testing.assert_array_equal(shown, same.repeat(shown.shape[-1] // same.shape[-1], axis=-1))
