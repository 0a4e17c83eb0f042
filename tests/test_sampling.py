import errno
import re
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers import TINY, tiny_data

from gan import checkpoints, threads
from gan.checkpoints import About
from gan.drawing import PASSES, chosen_columns, generate
from gan.errors import FileError, UserError
from gan.images import ImageSpec
from gan.labels import class_indices, one_hot
from gan.models.generator import Generator
from gan.sampling import BATCH, Sampler, images_per_pass, styles

SPEC = ImageSpec(28, 28, 1, tuple("0123456789"))


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    return Sampler(Generator(SPEC, TINY), SPEC, noise_dims=6)


def test_an_image_does_not_depend_on_what_is_drawn_with_it(sampler):
    count = 2 * BATCH + 9
    labels = one_hot(np.arange(count) % 10, 10)
    z = styles(6, seed=1, numbers=range(count))
    together = sampler.sample(labels, z)
    assert together.shape == (count, 28, 28, 1)
    assert together.dtype == np.uint8
    np.testing.assert_array_equal(together[::-1], sampler.sample(labels[::-1], z[::-1]))
    for index in (0, 5, BATCH - 1, BATCH, count - 1):
        alone = sampler.sample(labels[index : index + 1], z[index : index + 1])
        np.testing.assert_array_equal(together[index], alone[0])


@pytest.mark.parametrize(
    ("height", "width", "count"),
    [(8, 8, 64), (28, 28, 64), (32, 32, 64), (64, 64, 24), (128, 128, 6), (200, 64, 6), (512, 512, 1), (4096, 8, 4)],
)
def test_a_pass_has_fewer_images_the_larger_they_are(height, width, count):
    """Each pass has exactly so many, and an image is the same in every place of one."""
    spec = ImageSpec(height, width, 1, ("a",))
    assert images_per_pass(spec) == images_per_pass(ImageSpec(height, width, 3, ("a", "b"))) == count
    seen = []

    def network(z, y, *, training):
        seen.append(z.shape[0])
        return tf.broadcast_to(z[:, :1, None, None], [z.shape[0], 2, 2, 1])

    drawn = Sampler(network, spec, noise_dims=1).sample(
        np.ones((count + 1, 1), np.float32), np.linspace(-1, 1, count + 1, dtype=np.float32)[:, None]
    )
    assert set(seen) == {count}
    assert len(np.unique(drawn)) == count + 1


def test_files_of_large_images_are_written_as_they_are_drawn(tmp_path, monkeypatch):
    spec = ImageSpec(200, 200, 1, ("cat", "dog"))
    about = About("gan", 1, spec, TINY, data="")
    checkpoints.save(tmp_path / "checkpoints", about, {"average": Generator(spec, TINY)}, keep=1)
    drawn, waiting = 0, []

    def sample(self, labels, styles):
        nonlocal drawn
        waiting.append(drawn - len(list((tmp_path / "out").glob("[01]-*.jpg"))))
        drawn += len(labels)
        return np.zeros((len(labels), *spec.shape), np.uint8)

    monkeypatch.setattr(Sampler, "sample", sample)
    monkeypatch.setattr(threads, "workers", lambda: 2)
    generate(load_dir=tmp_path / "checkpoints", output_dir=tmp_path / "out", images_per_class=120)
    assert drawn == 240 == len(list((tmp_path / "out").iterdir()))
    assert max(waiting) <= PASSES * images_per_pass(spec) * (2 * 2 + 1)


def test_an_image_that_cannot_be_written_ends_it_with_its_name(tmp_path, monkeypatch):
    checkpoints.save(tmp_path, About("gan", 1, SPEC, TINY, data=""), {"average": Generator(SPEC, TINY)}, keep=1)
    running = threading.active_count()
    replace = Path.replace

    def full(self, target):
        if target.name == "1-2.png":
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(FileError, match=r"1-2\.png.*No space left on device"):
        generate(load_dir=tmp_path, output_dir=tmp_path / "out", images_per_class=40, image_format="png")
    assert not list((tmp_path / "out").glob(".*"))
    assert threading.active_count() == running


def test_many_networks_that_draw_once_each_are_nothing_to_warn_of(caplog):
    logger = tf.get_logger()
    logger.addHandler(caplog.handler)
    try:
        for _ in range(7):
            Sampler(Generator(SPEC, TINY), SPEC, noise_dims=6).style_grid(rows=1, seed=0)
    finally:
        logger.removeHandler(caplog.handler)
    assert not caplog.messages


def test_the_docs_say_how_many_images_a_pass_has():
    text = (Path(__file__).parents[1] / "docs" / "serving.md").read_text(encoding="utf-8")
    told = re.findall(r"(\d+) of (\d+)×\2", text)
    assert len(told) == 3
    for count, side in told:
        assert images_per_pass(ImageSpec(int(side), int(side), 3, ("cat", "dog"))) == int(count)


def test_a_style_is_a_function_of_seed_and_number():
    some = styles(6, seed=0, numbers=[3, 1, 2])
    np.testing.assert_array_equal(some[1:2], styles(6, seed=0, numbers=[1]))
    assert len(np.unique(some)) == 18
    assert not np.isin(some, styles(6, seed=1, numbers=[1, 2, 3])).any()


def test_each_image_may_have_a_style_of_its_own(tmp_path, monkeypatch):
    spec = ImageSpec(8, 8, 1, ("cat", "dog", "owl"))
    about = About("gan", 1, spec, TINY, data="")
    checkpoints.save(tmp_path / "checkpoints", about, {"average": Generator(spec, TINY)}, keep=1)

    def drawn(*, own: bool, **arguments) -> dict[str, np.ndarray]:
        """The style of each file."""
        seen = []
        monkeypatch.setattr(
            Sampler, "sample", lambda _, labels, z: seen.extend(z) or np.zeros((len(z), 8, 8, 1), np.uint8)
        )
        directory = tmp_path / f"{own}-{'-'.join(arguments)}"
        generate(
            load_dir=tmp_path / "checkpoints", output_dir=directory, own_styles=own, images_per_class=4, **arguments
        )
        by_number = sorted(directory.iterdir(), key=lambda path: (int(path.stem.split("-")[1]), path.name))
        return {path.stem: z for path, z in zip(by_number, seen, strict=True)}

    shared, own = drawn(own=False), drawn(own=True)
    assert len({z.tobytes() for z in shared.values()}) == 4
    assert len({z.tobytes() for z in own.values()}) == 12
    for name, z in drawn(own=True, classes=["dog", "owl"]).items():
        np.testing.assert_array_equal(z, own[name])
    with pytest.raises(ValueError, match="--own-styles is for classes, and --labels gives label vectors"):
        drawn(own=True, labels=["0:0.5,1:0.5", "2"])


@pytest.mark.parametrize("name", ["a/b", ".hidden", "x" * 201, "猫" * 67])
def test_a_class_that_cannot_name_files_is_refused_before_anything_is_written(tmp_path, name, capsys):
    spec = ImageSpec(8, 8, 1, ("cat", name))
    about = About("gan", 1, spec, TINY, data="")
    checkpoints.save(tmp_path / "checkpoints", about, {"average": Generator(spec, TINY)}, keep=1)
    arguments = {"load_dir": tmp_path / "checkpoints", "output_dir": tmp_path / "out", "images_per_class": 1}
    with pytest.raises(ValueError, match=r"cannot name files; expected no / .*: leave --names out"):
        generate(**arguments, with_names=True)
    assert not (tmp_path / "out").exists()
    generate(**arguments, with_names=True, classes=["cat"])
    assert f"1 image in {tmp_path / 'out'}: cat-1.jpg\n" in capsys.readouterr().out
    generate(**arguments)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"cat-1.jpg", "0-1.jpg", "1-1.jpg"}


def test_a_grid_has_a_style_a_row_and_a_class_a_column(sampler):
    images = sampler.style_grid(rows=3, seed=5)
    z = styles(6, seed=5, numbers=[2])
    np.testing.assert_array_equal(images[1 * 10 + 4], sampler.sample(one_hot([4], 10), z)[0])
    np.testing.assert_array_equal(images[:20], sampler.style_grid(rows=2, seed=5))


@pytest.mark.parametrize(("labels", "z"), [((2, 9), (2, 6)), ((2, 10), (3, 6)), ((2, 10), (2, 7))])
def test_wrong_shapes_are_refused(sampler, labels, z):
    with pytest.raises(ValueError, match=r"expected \(N, 10\) and \(N, 6\)"):
        sampler.sample(np.zeros(labels, np.float32), np.zeros(z, np.float32))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 1])
def test_numbers_that_are_not_finite_are_refused(sampler, wrong, where):
    arrays = [one_hot([4, 4], 10), np.zeros((2, sampler.noise_dims), np.float32)]
    arrays[where][1, 0] = wrong
    with pytest.raises(ValueError, match="labels or styles hold NaN or infinity; expected finite numbers"):
        sampler.sample(*arrays)


def test_a_sampler_comes_from_a_checkpoint_alone(tmp_path):
    data = tiny_data(height=10, width=6, channels=3)
    generator = Generator(data.spec, TINY)
    about = About("gan", 3, data.spec, TINY, data.digest, {"fid": 2.0})
    checkpoints.save(tmp_path, about, {"average": generator, "generator": Generator(data.spec, TINY)}, keep=1)
    found = Sampler.from_checkpoint(tmp_path)
    assert (found.spec, found.scores, found.path.name) == (data.spec, {"fid": 2.0}, "gan-00000003")
    assert found.step == 3
    expected = Sampler(generator, data.spec, noise_dims=6)
    np.testing.assert_array_equal(found.style_grid(rows=2, seed=0), expected.style_grid(rows=2, seed=0))


def test_classes_are_given_by_name_or_index():
    spec = ImageSpec(8, 8, 1, ("cat", "dog", "0"))
    assert class_indices(None, spec) == [0, 1, 2]
    assert class_indices(["dog", "0"], spec) == [1, 2]
    assert class_indices(["1", "cat"], spec) == [1, 0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["0:1,1:1", "0:2,1:2"], "a label vector is given twice in 0:1,1:1 0:2,1:2"),
        (["0:0.5,1:0.5", "0:0.50001,1:0.49999"], "differ only beyond the four digits that names of files have"),
    ],
)
def test_label_vectors_whose_files_would_have_the_same_names_are_refused(labels, message):
    with pytest.raises(UserError, match=message):
        chosen_columns(ImageSpec(8, 8, 1, ("cat", "dog")), None, labels)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["bird"], r"there is no class 'bird'; expected a name \(cat, dog\) or 0 to 1"),
        (["2"], "there is no class '2'"),
        (["-1"], "there is no class '-1'"),
        (["cat", "0"], "a class is given twice in cat 0"),
    ],
)
def test_other_classes_are_refused(classes, message):
    with pytest.raises(ValueError, match=message):
        class_indices(classes, ImageSpec(8, 8, 1, ("cat", "dog")))
