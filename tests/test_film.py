import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import clean_environment
from PIL import Image, ImageSequence

from gan import film
from gan.errors import FileError
from gan.film import make_film
from gan.images import encode

ROOT = Path(__file__).parents[1]


def write_run(directory: Path, steps: range, *, channels: int = 1, columns: list[str] | None = None) -> Path:
    """Pictures of 40 x 66 pixels, brighter from step to step."""
    directory.mkdir()
    for step in steps:
        picture = np.full((40, 66, channels), step % 250, np.uint8)
        (directory / f"samples-{step:08d}.png").write_bytes(encode(picture, "png"))
    if columns:
        (directory / "columns.txt").write_text("\n".join(columns) + "\n")
    return directory


def frames_of(path: Path) -> list[tuple[np.ndarray, int]]:
    """Pixels (H, W, 3) and milliseconds of each."""
    with Image.open(path) as film:
        return [(np.asarray(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(film)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_each_picture_is_a_frame_in_the_order_of_steps(tmp_path, channels, kind):
    run = write_run(tmp_path / "run", range(0, 250, 50), channels=channels, columns=["a", "b"])
    (run / "real-00000000.png").write_bytes(b"not of the film")
    assert make_film(run) == [run / "film.gif", run / "film.webp"]
    frames = frames_of(run / f"film.{kind}")
    assert [frame.shape for frame, _ in frames] == [(40 + 2 * 16, 66, 3)] * 5
    brightness = [int(frame[30, 60].mean()) for frame, _ in frames]
    np.testing.assert_allclose(brightness, range(0, 250, 50), atol=20 if channels == 1 else 60)
    assert brightness == sorted(brightness)
    assert [duration for _, duration in frames] == [1200] * 4 + [3200]


def test_a_long_run_is_thinned_out_and_keeps_its_ends(tmp_path):
    run = write_run(tmp_path / "run", range(0, 100, 2))
    make_film(run, frames=5)
    frames = frames_of(run / "film.gif")
    assert len(frames) == 5
    for index, step in ((0, 0), (-1, 98)):
        assert abs(int(frames[index][0][20, 60].mean()) - step) <= 19  # Of eight greys.


@pytest.mark.parametrize(("columns", "step", "where"), [(["b", "a"], 7, slice(0, 16)), (["a", "b"], 8, slice(56, 72))])
def test_labels_and_step_are_written_above_and_below(tmp_path, columns, step, where):
    """Another order of the labels, or another step, is another picture there and nowhere else."""
    found = []
    for name, labels, number in (("one", ["a", "b"], 7), ("other", columns, step)):
        run = write_run(tmp_path / name, range(number, number + 1), columns=labels)
        (run / f"samples-{number:08d}.png").write_bytes(encode(np.full((40, 66, 1), 9, np.uint8), "png"))
        make_film(run)
        found.append(frames_of(run / "film.webp")[0][0])
    differs = (found[0] != found[1]).any(axis=(1, 2))
    assert differs[where].any() and not np.delete(differs, range(72)[where]).any()


def test_labels_with_letters_that_the_font_lacks_are_left_out(tmp_path):
    """It would have the same box for each of them."""
    run = write_run(tmp_path / "run", range(2), columns=["猫", "犬"])
    make_film(run)
    assert frames_of(run / "film.gif")[0][0].shape == (40 + 16, 66, 3)


def test_labels_that_do_not_fit_are_left_out(tmp_path):
    wide = write_run(tmp_path / "wide", range(2), columns=["a class of a long name", "b"])
    make_film(wide)
    assert frames_of(wide / "film.gif")[0][0].shape == (40 + 16, 66, 3)


def test_pictures_of_another_size_are_left_out(tmp_path):
    run = write_run(tmp_path / "run", range(5, 8))
    (run / "samples-00000001.png").write_bytes(encode(np.zeros((9, 9, 1), np.uint8), "png"))
    make_film(run)
    assert len(frames_of(run / "film.webp")) == 3


def test_of_large_pictures_there_are_fewer(tmp_path, monkeypatch):
    monkeypatch.setattr(film, "FILM_PIXELS", 4 * (40 + 16) * 66)
    run = write_run(tmp_path / "run", range(0, 100, 10))
    make_film(run)
    frames = frames_of(run / "film.gif")
    assert len(frames) == 4
    for index, step in ((0, 0), (-1, 90)):
        assert abs(int(frames[index][0][20, 60].mean()) - step) <= 19


def test_one_picture_is_a_film_too(tmp_path):
    run = write_run(tmp_path / "run", range(1))
    make_film(run)
    assert len(frames_of(run / "film.gif")) == 1


def script(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gan.film", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=60)


def test_the_command_makes_it_again_without_tensorflow(tmp_path):
    run = write_run(tmp_path / "run", range(3))
    done = script(run, "--frames", 2)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].startswith(f"{run / 'film.gif'}: ")
    assert len(frames_of(run / "film.gif")) == 2
    assert script(run, "--frames", 1).returncode == 0
    ((frame, _),) = frames_of(run / "film.gif")
    assert frame.tolist() == frames_of(run / "film.webp")[0][0].tolist()
    make_film(run)
    assert frames_of(run / "film.gif")[-1][0].tolist() == frame.tolist()  # The last picture, not the first.


def test_a_directory_without_pictures_is_refused(tmp_path):
    done = script(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.rstrip().endswith(
        f"{tmp_path} holds no samples-STEP.png; expected one of ./train.py, such as logs/gan/TIME"
    )
    (tmp_path / "samples-00000001.png").write_bytes(b"cut off")
    done = script(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    picture = tmp_path / "samples-00000001.png"
    assert done.stderr == f"python -m gan.film: {picture} cannot be read (it is damaged); move it away\n"


def test_labels_that_are_no_text_are_named(tmp_path):
    run = write_run(tmp_path / "run", range(2))
    (run / "columns.txt").write_bytes(b"\xff")
    with pytest.raises(OSError, match=r"columns.txt is not UTF-8; move it away to leave the labels out"):
        make_film(run)


def test_no_damage_of_a_picture_is_a_traceback(tmp_path):
    run = write_run(tmp_path / "run", range(2))
    path = run / "samples-00000001.png"
    content = path.read_bytes()
    refusals = 0
    for place in range(len(content)):
        for damaged in (content[:place], content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]):
            path.write_bytes(damaged)
            try:
                make_film(run)
            except FileError as error:
                refusals += 1
                assert str(error) == f"{path} cannot be read (it is damaged); move it away"
    assert refusals > len(content)


def test_a_directory_that_cannot_be_looked_into_is_named(tmp_path, monkeypatch):
    def denied(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    run = write_run(tmp_path / "run", range(2))
    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, denied)
    with pytest.raises(FileError, match=r"run cannot be used \(Permission denied\); correct that"):
        make_film(run)
