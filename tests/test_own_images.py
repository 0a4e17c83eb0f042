"""Whole runs on labelled pictures of all kinds, in one process: classifier, GAN, scores, and images drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import TINY, write_idx, write_pictures
from PIL import Image

from gan import checkpoints
from gan.data import pictures as folder
from gan.data.convert import convert
from gan.drawing import generate
from gan.runs import train_classifier, train_gan
from gan.sampling import Sampler
from gan.training import run
from gan.training.run import RunOptions

WORDS = ["tabby cat", "Hund", "鳥"]


def options(directory: Path, data: str = "data", **changes) -> RunOptions:
    values = {
        "data_path": str(directory / data),
        "save_dir": directory / f"checkpoints-{data}",
        "log_dir": directory / f"logs-{data}",
    }
    return RunOptions(**values | changes)


def whole_run(directory: Path, data: str = "data", config=TINY, **changes):
    train_classifier(config, options(directory, data, **changes))
    return train_gan(config, options(directory, data, **changes))


@pytest.fixture(autouse=True)
def strategy(one_replica, monkeypatch):
    monkeypatch.setattr(run, "make_strategy", lambda *_: one_replica)


def test_a_run_on_a_folder_is_the_run_on_the_same_idx_files(tmp_path):
    """Bit by bit: scores and every variable of every checkpoint."""
    write_idx(tmp_path / "idx", train=120, test=60, side=12)
    convert(tmp_path / "idx", tmp_path / "folder", to="folder")
    scores = [whole_run(tmp_path, data) for data in ("idx", "folder")]
    assert scores[0] == scores[1]
    one, other = (
        {
            (path.name, index): value
            for path in sorted((tmp_path / f"checkpoints-{data}").glob("*-*/"))
            for index, value in enumerate(variables(path))
        }
        for data in ("idx", "folder")
    )
    assert len(one) > 100
    assert one.keys() == other.keys()
    for key, value in one.items():
        np.testing.assert_array_equal(value, other[key])


def variables(path: Path) -> list[np.ndarray]:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(path / "variables"))
    names = sorted(name for name in reader.get_variable_to_shape_map() if name != "_CHECKPOINTABLE_OBJECT_GRAPH")
    return [reader.get_tensor(name) for name in names]


def test_three_classes_of_40x24_in_colour_with_names(tmp_path, monkeypatch, capsys):
    labels = {"train": WORDS * 14, "test": WORDS * 9}
    write_pictures(tmp_path / "data", labels, height=40, width=24, channels=3)
    train_classifier(TINY, options(tmp_path))
    monkeypatch.setattr(folder, "examine", None)  # From here on, all comes from the cache.
    scores = train_gan(TINY, options(tmp_path))
    assert (
        "images of 40x24x3 in 3 classes\ntrain 42 images (Hund: 14, tabby cat: 14, 鳥: 14)" in capsys.readouterr().out
    )
    assert scores["samples"] == 24
    about = checkpoints.find(tmp_path / "checkpoints-data", "gan").about
    assert about.spec.class_names == ("Hund", "tabby cat", "鳥")
    assert about.spec.shape == (40, 24, 3)
    pictures = [*(tmp_path / "logs-data").glob("*/samples*.png"), *(tmp_path / "logs-data").glob("*/real*.png")]
    assert len(pictures) > 2
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.mode == "RGB"
            columns = 6 if path.name.startswith("samples") else 3  # Three classes, and their three pairs.
            assert picture.width == columns * 26 + 2

    arguments = {"load_dir": tmp_path / "checkpoints-data", "images_per_class": 2, "image_format": "png"}
    generate(**arguments, output_dir=tmp_path / "indices", with_grid=True)
    assert "\nclasses in file names: 0 is 'Hund', 1 is 'tabby cat', 2 is '鳥'\n" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "indices").iterdir()} == {
        "0-1.png", "0-2.png", "1-1.png", "1-2.png", "2-1.png", "2-2.png", "grid.png",
    }  # fmt: skip
    generate(**arguments, output_dir=tmp_path / "names", with_names=True, classes=["鳥", "1"])
    assert "4 images in" in (out := capsys.readouterr().out) and "鳥-1.png to tabby cat-2.png" in out
    assert {path.name for path in (tmp_path / "names").iterdir()} == {
        "鳥-1.png", "鳥-2.png", "tabby cat-1.png", "tabby cat-2.png",
    }  # fmt: skip
    same = (tmp_path / "names" / "鳥-2.png").read_bytes()
    assert same == (tmp_path / "indices" / "2-2.png").read_bytes()
    with Image.open(tmp_path / "names" / "鳥-2.png") as picture:
        assert (picture.size, picture.mode) == ((24, 40), "RGB")


def test_integers_with_gaps_keep_their_names(tmp_path, capsys):
    write_pictures(tmp_path / "data", {"train": ["30", "7", "100"] * 8, "test": ["7", "100", "30"] * 8})
    whole_run(tmp_path)
    generate(load_dir=tmp_path / "checkpoints-data", output_dir=tmp_path / "out", images_per_class=1, classes=["30"])
    assert "\nclasses in file names: 1 is '30'\n" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1-1.jpg"]


def test_a_hundred_classes(tmp_path, capsys):
    names = [f"class {number:02d}" for number in range(100)]
    write_pictures(tmp_path / "data", {"train": names * 2, "test": names})
    scores = whole_run(tmp_path, config=replace(TINY, gan_epochs=1, cls_epochs=1, fid_samples=100))
    assert scores["samples"] == 100
    assert "train 200 images (2 to 2 per class)" in capsys.readouterr().out
    sampler = Sampler.from_checkpoint(tmp_path / "checkpoints-data")
    assert sampler.style_grid(rows=2, seed=0).shape == (200, 8, 8, 1)


def test_one_class(tmp_path):
    write_pictures(tmp_path / "data", {"train": ["only"] * 20, "test": ["only"] * 10})
    scores = whole_run(tmp_path)
    assert scores["accuracy"] == 1.0
    generate(load_dir=tmp_path / "checkpoints-data", output_dir=tmp_path / "out", images_per_class=2, with_grid=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"0-1.jpg", "0-2.jpg", "grid.jpg"}


def test_pictures_of_many_sizes_are_cropped(tmp_path):
    write_pictures(tmp_path / "data", {"train": WORDS * 8, "test": WORDS * 4}, height=30, width=17, channels=3)
    Image.new("RGB", (50, 20), (250, 3, 4)).save(tmp_path / "data" / "train" / "5.png")
    config = replace(TINY, image_size="12x16", gan_epochs=1, cls_epochs=1)
    with pytest.raises(ValueError, match=r"sizes found: 30x17 \(35\), 20x50 \(1\); pass --resize fit, crop or pad"):
        train_classifier(config, options(tmp_path))
    whole_run(tmp_path, config=config, resize="crop")
    assert Sampler.from_checkpoint(tmp_path / "checkpoints-data").spec.shape == (12, 16, 3)
    with pytest.raises(ValueError) as error:
        train_gan(config, options(tmp_path, resize="pad", overwrite=True))
    assert "was trained on other images of 12x16 RGB, 3 classes" in str(error.value)
    assert "--resize pad --save-dir OTHER_DIRECTORY" in str(error.value)


def test_bad_images_are_left_out_where_told_to(tmp_path, capsys):
    write_pictures(tmp_path / "data", {"train": WORDS * 8, "test": WORDS * 4})
    (tmp_path / "data" / "train" / "5.png").write_bytes(b"")
    with pytest.raises(ValueError, match="or pass --on-bad-image skip to leave them out") as error:
        train_classifier(TINY, options(tmp_path))
    assert error.value.__notes__ == [f"{tmp_path}/data/train_labels.csv:7: 5.png is empty"]
    plan = {"dry_run": True, "on_bad_image": "skip", "cache_dir": tmp_path / "cache"}
    train_classifier(TINY, options(tmp_path, **plan))
    said = capsys.readouterr()
    assert "train 23 images" in said.out
    assert "1 of 36 images cannot be used" in said.err
    assert [path.name for path in (tmp_path / "data" / "cache").iterdir()] == [".lock"]


def test_fewer_images_than_a_batch_are_refused_before_they_are_read(tmp_path):
    write_pictures(tmp_path / "data", {"train": WORDS * 2, "test": WORDS * 2})
    for each, batch in ((train_classifier, 8), (train_gan, 16)):
        with pytest.raises(ValueError) as error:
            each(replace(TINY, gan_batch_size=16), options(tmp_path))
        (note,) = error.value.__notes__
        assert f"there are 6 training images, fewer than one batch of {batch}: lower gan_batch_size" in note
    assert not (tmp_path / "data" / "cache").exists()
