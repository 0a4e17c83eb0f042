from pathlib import Path

import numpy as np
import pytest
from helpers import TINY
from PIL import Image, ImageSequence

from gan import checkpoints
from gan.checkpoints import About
from gan.drawing import chosen_columns, generate
from gan.errors import UserError
from gan.images import ImageSpec, encode, enlarge, grid
from gan.interpolation import Way, between_labels, between_styles, interpolate_labels, interpolate_styles
from gan.labels import one_hot
from gan.models.generator import Generator
from gan.sampling import Sampler, styles

SPEC = ImageSpec(8, 8, 1, ("cat", "dog", "fox"))


@pytest.fixture(scope="module")
def load_dir(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("gan")
    generator = Generator(SPEC, TINY)
    generator.set_weights([4 * weight for weight in generator.get_weights()])  # Else all images are nearly grey.
    checkpoints.save(directory, About("gan", 1, SPEC, TINY, data=""), {"average": generator}, keep=1)
    return directory


def test_the_way_between_styles_keeps_their_length():
    first, second = styles(100, seed=0, numbers=[1, 2])
    way = between_styles(first, second, 9)
    np.testing.assert_allclose(way[[0, -1]], [first, second], atol=1e-5)
    lengths = np.linalg.norm(way, axis=1)
    ends = sorted([np.linalg.norm(first), np.linalg.norm(second)])
    assert ends[0] - 1e-3 < lengths.min() and lengths.max() < ends[1] + 1e-3
    assert np.linalg.norm((first + second) / 2) < 0.8 * ends[0]  # Which the straight line does not.
    np.testing.assert_allclose(np.diff(lengths), (lengths[-1] - lengths[0]) / 8, atol=1e-4)
    directions = way / lengths[:, None]
    turns = np.sum(directions[1:] * directions[:-1], axis=1)
    np.testing.assert_allclose(turns, turns[0], atol=1e-5)


def test_one_style_is_a_way_of_its_own():
    (style,) = styles(6, seed=0, numbers=[1])
    np.testing.assert_allclose(between_styles(style, style, 4), np.tile(style, (4, 1)), rtol=1e-6)
    assert np.isfinite(between_styles(style, -style, 4)).all()


def test_labels_go_in_even_steps():
    way = between_labels(*one_hot([0, 2], 3), steps=5)
    np.testing.assert_allclose(way[:, 2], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(way.sum(axis=1), 1)


def test_a_strip_has_a_row_a_style(load_dir, tmp_path):
    where = Way(load_dir=load_dir, output_dir=tmp_path, steps=4, seed=7, file_format="png")
    interpolate_labels(where, ends=("cat", "1:1,fox:3"), rows=2)
    sampler = Sampler.from_checkpoint(load_dir)
    way = between_labels(np.array([1, 0, 0], np.float32), np.array([0, 0.25, 0.75], np.float32), 4)
    z = styles(6, seed=7, numbers=[1, 2])
    images = sampler.sample(np.tile(way, (2, 1)), z.repeat(4, axis=0))
    expected = encode(enlarge(grid(images, columns=4), 2), "png")
    assert (tmp_path / "0-to-1x0.25+2x0.75.png").read_bytes() == expected


def test_a_strip_of_styles_has_a_row_a_class(load_dir, tmp_path):
    where = {"load_dir": load_dir, "output_dir": tmp_path, "seed": 3, "steps": 4}
    interpolate_styles(Way(**where, file_format="png"), classes=None, labels=["fox", "cat:1,dog:3"])
    sampler = Sampler.from_checkpoint(load_dir)
    z = between_styles(*styles(6, seed=3, numbers=[1, 2]), steps=4)
    labels = np.array([[0, 0, 1], [0.25, 0.75, 0]], np.float32)
    images = sampler.sample(labels.repeat(4, axis=0), np.tile(z, (2, 1)))
    assert (tmp_path / "styles-1-to-2.png").read_bytes() == encode(enlarge(grid(images, columns=4), 2), "png")


def test_a_frame_of_a_film_has_all_rows_of_a_step(load_dir, tmp_path):
    where = {"load_dir": load_dir, "output_dir": tmp_path, "seed": 0}
    interpolate_styles(Way(**where, steps=5, file_format="gif"), classes=None, labels=None)
    sampler = Sampler.from_checkpoint(load_dir)
    z = between_styles(*styles(6, seed=0, numbers=[1, 2]), steps=5)
    with Image.open(tmp_path / "styles-1-to-2.gif") as film:
        frames = [np.asarray(frame.convert("L")).astype(int) for frame in ImageSequence.Iterator(film)]
    for step in range(5):
        expected = enlarge(grid(sampler.sample(one_hot([0, 1, 2], 3), z[[step] * 3]), columns=2), 2)[..., 0]
        assert np.abs(frames[step] - expected).max() <= 19  # Of eight greys.


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_a_film_goes_there_and_back_in_every_class(load_dir, tmp_path, kind):
    where = {"load_dir": load_dir, "output_dir": tmp_path, "seed": 0}
    interpolate_styles(Way(**where, steps=5, file_format=kind), classes=None, labels=None)
    with Image.open(tmp_path / f"styles-1-to-2.{kind}") as film:
        frames = [np.asarray(frame.convert("L")).astype(int) for frame in ImageSequence.Iterator(film)]
    assert len(frames) == 8
    assert frames[0].shape == (2 * (2 * 10 + 2), 2 * (2 * 10 + 2))  # Three classes in a square.
    for there, back in ((1, 7), (2, 6), (3, 5)):
        assert np.abs(frames[there] - frames[back]).mean() < 3
    assert np.abs(frames[0] - frames[4]).mean() > 3


def test_too_large_a_strip_is_refused_before_it_is_drawn(load_dir, tmp_path):
    where = {"load_dir": load_dir, "output_dir": tmp_path / "o", "seed": 0}
    with pytest.raises(ValueError, match=r"would be .* pixels; expected sides of at most 60,000, .*: lower --steps"):
        interpolate_labels(Way(**where, steps=2, file_format="jpg"), ends=("0", "1"), rows=9000)
    with pytest.raises(ValueError, match="and 200 million pixels in all"):
        interpolate_labels(Way(**where, steps=1000, file_format="png"), ends=("0", "1"), rows=1000)
    with pytest.raises(ValueError, match=r"2000 frames of .*; expected sides of at most 16,000, and 200 million"):
        interpolate_labels(Way(**where, steps=1000, file_format="gif"), ends=("0", "1"), rows=1000)
    with pytest.raises(ValueError, match=r"a grid of 3 rows and 4000 columns would be"):
        interpolate_styles(Way(**where, steps=4000, file_format="png"), classes=None, labels=None)
    assert not (tmp_path / "o").exists()


def test_a_name_that_no_file_can_have_is_refused_before_it_is_drawn(tmp_path):
    spec = ImageSpec(8, 8, 1, tuple(map(str, range(200))))
    about = About("gan", 1, spec, TINY, data="")
    checkpoints.save(tmp_path / "gan", about, {"average": Generator(spec, TINY)}, keep=1)
    ends = tuple(",".join(str(start + index) for index in range(14)) for start in (100, 150))
    with pytest.raises(ValueError, match="cannot name a file; expected at most 230 bytes: name fewer classes"):
        interpolate_labels(Way(tmp_path / "gan", tmp_path / "o", steps=2, seed=0, file_format="jpg"), ends=ends, rows=1)
    assert not (tmp_path / "o").exists()


def test_images_do_not_wait_for_the_disk_but_are_whole(load_dir, tmp_path, monkeypatch):
    """Killed just before an image gets its name, a call leaves no part of it."""
    monkeypatch.setattr("os.fsync", None)
    where = {"load_dir": load_dir, "seed": 0}
    generate(**where, output_dir=tmp_path, images_per_class=2, with_grid=True)
    way = Way(**where, output_dir=tmp_path, steps=2, file_format="gif")
    interpolate_labels(way, ends=("0", "1"), rows=1)
    assert len(list(tmp_path.glob("[!.]*"))) == 8

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        generate(**where, output_dir=tmp_path / "other", images_per_class=2)
    assert list((tmp_path / "other").iterdir()) == []


NUMBERS = ImageSpec(8, 8, 1, ("5", "1", "0"))
"""Where `1` is a name, and also an index of another class than `0` is."""


@pytest.mark.parametrize(
    ("chosen", "stems", "legend"),
    [
        ({"classes": ["0", "2"]}, None, None),
        ({"classes": ["0", "5"]}, {"2", "0"}, "0 is '5', 2 is '0'"),
        ({"classes": ["1"]}, {"1"}, None),
        ({"labels": ["0:1,5:3", "1"]}, {"0x0.75+2x0.25", "1"}, "0 is '5', 1 is '1', 2 is '0'"),
        ({"classes": ["0", "5"], "with_names": True}, {"0", "5"}, None),
    ],
)
def test_the_output_says_which_classes_file_names_are_of(tmp_path, chosen, stems, legend, capsys):
    generator = Generator(NUMBERS, TINY)
    checkpoints.save(tmp_path, About("gan", 1, NUMBERS, TINY, data=""), {"average": generator}, keep=1)
    where = {"load_dir": tmp_path, "output_dir": tmp_path / "o"}
    if stems is None:  # Both are the class of name 0.
        with pytest.raises(ValueError, match="a class is given twice in 0 2"):
            generate(**where, **chosen, images_per_class=1)
        return
    generate(**where, **chosen, images_per_class=1)
    assert {path.name for path in (tmp_path / "o").iterdir()} == {f"{stem}-1.jpg" for stem in stems}
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("classes")]
    assert lines == ([f"classes in file names: {legend}"] if legend else [])


def test_ways_say_which_classes_they_are_of(load_dir, tmp_path, capsys):
    way = Way(load_dir=load_dir, output_dir=tmp_path, seed=0, steps=2, file_format="png")
    interpolate_labels(way, ends=("fox", "0"), rows=1)
    assert "\nclasses in file names: 0 is 'cat', 2 is 'fox'\n" in capsys.readouterr().out
    interpolate_styles(way, classes=["dog"], labels=None)
    said = capsys.readouterr().out
    assert "from style 1 to 2 in 1\n" in said and "\nclasses in file names: 1 is 'dog'\n" in said


def test_names_that_no_file_can_have_here_are_refused_before_any_is_written(monkeypatch):
    """As under LC_ALL=en_US: `dog` could be written, and then `猫` could not."""
    monkeypatch.setattr("os.fsencode", lambda name: name.encode("latin-1"))
    spec = ImageSpec(8, 8, 1, ("dog", "猫"))
    with pytest.raises(UserError, match=r"^'猫' cannot be the name of a file in this locale.*use a UTF-8 locale"):
        chosen_columns(spec, None, None, with_names=True)
    assert [column.stem for column in chosen_columns(spec, None, None)] == ["0", "1"]


@pytest.mark.parametrize(("kind", "allowed"), [("gif", 4), ("webp", 16)])
def test_a_film_has_the_colours_of_both_ends(monkeypatch, tmp_path, kind, allowed):
    """From red to blue, in all brightnesses; WebP halves the resolution of colours."""
    brightness = np.linspace(0, 255, 32 * 32).reshape(32, 32, 1)

    class Mixer:
        spec = ImageSpec(32, 32, 3, ("red", "blue"))
        noise_dims, path, scores = 6, tmp_path, {}

        def sample(self, labels, styles):
            colours = np.insert(labels, 1, 0, axis=1)[:, None, None]
            return (brightness * colours).astype(np.uint8)

    monkeypatch.setattr(Sampler, "from_checkpoint", lambda *_: Mixer())
    way = Way(load_dir=tmp_path, output_dir=tmp_path, steps=12, seed=0, file_format=kind)
    interpolate_labels(way, ends=("red", "blue"), rows=1)
    with Image.open(tmp_path / f"0-to-1.{kind}") as film:
        frames = [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(film)]
    assert len(frames) == 22
    for frame, colour in ((frames[0], [1, 0, 0]), (frames[11], [0, 0, 1]), (frames[1], [10 / 11, 0, 1 / 11])):
        expected = enlarge((brightness * colour).astype(np.uint8), 2)
        assert np.abs(frame[4:-4, 4:-4] - expected).mean() < allowed
