"""Evaluations of checkpoints and of directories of images: what is found, written, shown and refused."""

import json
import shutil
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import TINY, tiny_data, write_idx

from gan import checkpoints
from gan.data.convert import convert
from gan.drawing import generate
from gan.errors import MissingError, UserError
from gan.evaluation import judge as judge_module
from gan.evaluation.comparison import Recipe, compare, differ, grouped, table
from gan.evaluation.evaluating import EvaluationOptions, Found, evaluate_run
from gan.evaluation.fitting import fit
from gan.evaluation.report import write_report
from gan.evaluation.subject import chosen, draw, read_images
from gan.evaluation.telling import lines
from gan.images import encode
from gan.runs import train_classifier, train_gan
from gan.sampling import Sampler, places_in_class
from gan.training import run as run_module
from gan.training.run import RunOptions

METRICS = ["fid", "class_fid", "blocks", "patches", "colours", "judge", "kid", "neighbours", "memorisation", "margin"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, one_replica) -> Path:
    """A directory with data, a classifier, a GAN and its records."""
    directory = tmp_path_factory.mktemp("evaluated")
    write_idx(directory / "data", train=160, test=400)
    options = RunOptions(
        data_path=str(directory / "data"),
        save_dir=directory / "checkpoints",
        log_dir=directory / "logs",
        record_steps=10,
        save_steps=10,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "make_strategy", lambda *_: one_replica)
        config = replace(TINY, held_out=0.1, cls_epochs=4, cls_lr=1e-2)
        train_classifier(config, replace(options, log_dir=directory / "classifier-logs"))
        train_gan(config, options)
    return directory


def options(directory: Path, **changes: object) -> EvaluationOptions:
    values = {
        "data_path": str(directory / "data"),
        "load_dir": directory / "checkpoints",
        "output_dir": directory / "evaluation",
        "metrics": METRICS,
        "samples": 300,
    }
    return EvaluationOptions(**values | changes)


@pytest.fixture(scope="module")
def found(trained) -> Found:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge_module, "FEWEST_STEPS", 30)
        return evaluate_run(options(trained))


def scores_of(directory: Path) -> dict[str, float]:
    facts = json.loads((directory / "evaluation.json").read_text())
    return {name: score["value"] for name, score in facts["scores"].items()}


def test_every_number_is_written_with_what_one_must_know_of_it(trained, found):
    facts = json.loads((trained / "evaluation" / "evaluation.json").read_text())
    assert facts["samples"] == {"real": 300, "fake": 300} and facts["split"] == "test images"
    assert facts["layer"] == "penultimate, 128 features" and len(facts["classifier"]) == len(facts["judge"]) == 12
    assert facts["checkpoint"].endswith("gan-00000034") and facts["step"] == 34 and facts["seed"] == 0
    assert set(facts["versions"]) == {"python", "tensorflow", "keras", "numpy", "scipy"}
    score = facts["scores"]["judge_accuracy"]
    assert score["interval"][0] <= score["value"] <= score["interval"][1] and score["samples"] == 300
    assert facts["scores"]["class_fid"]["value"] is None  # 30 images of a class, 128 features.
    assert facts["scores"]["fid"]["times_floor"] > 1 and facts["worst"] in facts["scores"]
    assert sum(map(sum, facts["confusion"])) == 300
    assert facts["jpeg"]["colours"] != facts["scores"]["colours"]["value"]
    told = lines(found)
    assert told[0].startswith(f"worst: {facts['worst']}, ")
    assert any("class_fid" in line and "too few images" in line for line in told)


def test_the_judge_is_trained_once_and_kept(trained, found, monkeypatch):
    monkeypatch.setattr(judge_module, "fit", None)  # Whoever called it would fail.
    again = evaluate_run(options(trained, metrics=["judge"], output_dir=trained / "again"))
    assert again.facts["judge"] == found.facts["judge"] != again.facts["classifier"]
    assert again.facts["scores"]["judge_accuracy"] == found.facts["scores"]["judge_accuracy"]
    about = checkpoints.find(trained / "checkpoints", "judge").about
    assert about.networks == {"judge": "residual"} and about.config.seed == TINY.seed + 1


def test_a_checkpoint_that_is_named_itself_has_its_classifier_beside_it(trained, found, tmp_path, capsys):
    path = checkpoints.find(trained / "checkpoints", "gan").path
    once = evaluate_run(options(trained, load_dir=path, output_dir=tmp_path, metrics=["fid", "class_fid"]))
    assert "300 samples are too few for class_fid, which are left out" in capsys.readouterr().err
    assert once.facts["scores"]["fid"] == found.facts["scores"]["fid"]


def test_what_trained_the_judge_is_let_go_of(trained, tmp_path, monkeypatch):
    """It holds the optimizer and the function of a training step: more memory than most scores need."""
    made = []

    def watched(network, *arguments, **options):
        made.append(weakref.ref(network))
        return fit(network, *arguments, **options)

    monkeypatch.setattr(judge_module, "FEWEST_STEPS", 2)
    monkeypatch.setattr(judge_module, "EPOCHS", 1)
    monkeypatch.setattr(judge_module, "fit", watched)
    classifier, data = checkpoints.load(trained / "checkpoints", "classifier"), tiny_data()
    found = judge_module.find_judge(tmp_path, classifier.about, data.train)
    assert [network() for network in made] == [None]
    assert found.classes(data.test_images).shape == (data.test.size,)


def test_the_judge_has_a_seed_where_the_classifier_has_the_last_one(trained):
    about = checkpoints.find(trained / "checkpoints", "classifier").about
    last = replace(about, config=replace(about.config, seed=2**31 - 1))
    assert judge_module.fresh(last).count_params() == judge_module.fresh(about).count_params()


def test_a_damaged_judge_is_replaced(trained, found, tmp_path, monkeypatch):
    monkeypatch.setattr(judge_module, "FEWEST_STEPS", 30)
    shutil.copytree(trained / "checkpoints", tmp_path / "checkpoints")
    (tmp_path / "checkpoints" / "judge-00000001" / "variables.index").write_bytes(b"")
    once = evaluate_run(
        options(trained, load_dir=tmp_path / "checkpoints", output_dir=tmp_path / "out", metrics=["judge"])
    )
    assert once.facts["judge"] == found.facts["judge"]  # The same seed makes the same one.


@pytest.mark.parametrize("layout", ["files", "directories", "tables"])
def test_png_files_of_generate_score_as_the_checkpoint_does_and_jpeg_does_not(trained, found, tmp_path, layout):
    directory = tmp_path / "drawn"
    counts = np.bincount(found.real.labels)
    generate(
        load_dir=trained / "checkpoints",
        output_dir=directory,
        images_per_class=int(counts.max()),
        image_format="png",
    )
    (directory / "grid.png").write_bytes(b"not a sample")
    if layout != "files":
        by_class = tmp_path / "by-class"
        for path in directory.glob("*-*.png"):
            label, number = path.stem.split("-")
            (by_class / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, by_class / label / f"{int(number):05d}.png")
        directory = by_class
    if layout == "tables":
        convert(by_class, tmp_path / "tables", to="folder", test_share=0.1, seed=0)
        found_again = evaluate_run(options(trained, images=tmp_path / "tables", output_dir=tmp_path, metrics=["judge"]))
        assert found_again.facts["samples"]["fake"] == 300  # Others of each class: the order of tables is another.
        return
    evaluate_run(options(trained, images=directory, output_dir=tmp_path, metrics=METRICS[:-1]))
    expected = scores_of(trained / "evaluation")
    del expected["label_margin"]
    assert scores_of(tmp_path) == expected


def test_jpeg_files_score_what_the_report_says(trained, found, tmp_path):
    for image, label, number in zip(
        found.fake.images, found.fake.labels, places_in_class(found.fake.labels), strict=True
    ):
        (tmp_path / f"{label}-{number}.jpg").write_bytes(encode(image, "jpg"))
    evaluate_run(options(trained, images=tmp_path, output_dir=tmp_path / "out", metrics=["fid", "colours"]))
    found_again = scores_of(tmp_path / "out")
    assert found_again == {name: found.facts["jpeg"][name] for name in found_again}


@pytest.mark.parametrize("own_styles", [False, True])
def test_samples_are_those_of_generate(trained, found, tmp_path, own_styles):
    sampler = Sampler.from_checkpoint(trained / "checkpoints")
    labels = np.array([3, 1, 3, 1, 3], np.int32)
    assert places_in_class(labels).tolist() == [1, 1, 2, 2, 3]
    arguments = {"images_per_class": 3, "image_format": "png", "seed": 5, "own_styles": own_styles}
    generate(load_dir=trained / "checkpoints", output_dir=tmp_path, **arguments)
    read = read_images(tmp_path, sampler.spec, options_to_read(), all_of)
    drawn = draw(sampler, labels, seed=5, own_styles=own_styles)
    for image, label, number in zip(drawn, labels, places_in_class(labels), strict=True):
        same = read.images[np.flatnonzero(read.labels == label)[number - 1]]
        np.testing.assert_array_equal(image, same)


def all_of(labels: np.ndarray) -> list[int]:
    return list(range(len(labels)))


@pytest.mark.parametrize("names", [("1", "2", "3"), ("10", "11", "12")])
def test_files_are_named_by_index_where_classes_are_other_integers(tmp_path, names):
    spec = replace(tiny_data().spec, class_names=names)
    for index in (2, 0, 1):
        (tmp_path / f"{index}-1.png").write_bytes(encode(np.full((8, 8, 1), index, np.uint8), "png"))
    (tmp_path / "._0-1.png").write_bytes(b"what macOS keeps")
    read = read_images(tmp_path, spec, options_to_read(), all_of)
    np.testing.assert_array_equal(read.images[:, 0, 0, 0], read.labels)
    for index, name in enumerate(names):
        (tmp_path / f"{index}-1.png").unlink()
        (tmp_path / f"{name}-1.png.new").write_bytes(encode(np.full((8, 8, 1), index, np.uint8), "png"))
    for path in tmp_path.glob("*.new"):
        path.rename(path.with_suffix(""))
    read = read_images(tmp_path, spec, options_to_read(), all_of)
    np.testing.assert_array_equal(read.images[:, 0, 0, 0], read.labels)


def shade(value: int) -> bytes:
    return encode(np.full((8, 8, 1), value, np.uint8), "png")


def test_other_formats_may_have_files_with_a_number_after_a_dash(tmp_path):
    spec = tiny_data().spec
    for index, label in enumerate(spec.class_names):
        (tmp_path / "classes" / label).mkdir(parents=True)
        (tmp_path / "classes" / label / "a.png").write_bytes(shade(index))
    (tmp_path / "classes" / "cover-1.png").write_bytes(shade(99))
    (tmp_path / "table").mkdir()
    for number in range(3):
        (tmp_path / "table" / f"0-{number}.png").write_bytes(shade(number))
    (tmp_path / "table" / "metadata.csv").write_text("file,label\n0-0.png,0\n0-1.png,1\n0-2.png,2\n")
    for name in ("classes", "table"):
        read = read_images(tmp_path / name, spec, options_to_read(), all_of)
        np.testing.assert_array_equal(read.images[:, 0, 0, 0], read.labels)


def test_names_that_are_indices_of_other_classes_are_a_warning(tmp_path, capsys):
    spec = replace(tiny_data().spec, class_names=("1", "2", "3"))
    for index in (1, 2):
        (tmp_path / f"{index}-1.png").write_bytes(shade(index))
    assert read_images(tmp_path, spec, options_to_read(), all_of).labels.tolist() == [1, 2]
    told = f"warning: {tmp_path}: 1, 2 may be names of classes; they are taken for indices of classes\n"
    assert capsys.readouterr().err == told


def test_only_what_is_picked_is_decoded(tmp_path):
    for number in range(1, 4):
        (tmp_path / f"0-{number}.png").write_bytes(encode(np.full((8, 8, 1), number, np.uint8), "png"))
    (tmp_path / "0-4.png").write_bytes(b"no picture")
    read = read_images(tmp_path, tiny_data().spec, options_to_read(), lambda labels: [2, 0])
    assert read.images[:, 0, 0, 0].tolist() == [3, 1]


def options_to_read():
    from gan.data.loading import READ_AS_IT_IS

    return READ_AS_IT_IS


def test_the_first_images_of_each_class_are_chosen():
    assert chosen(np.array([1, 0, 1, 1]), np.array([1, 1, 0])) == [0, 2, 1]
    assert chosen(np.array([1, 0]), np.array([1, 1])) is None


def test_a_directory_without_a_class_is_measured_as_it_is(trained, found, tmp_path, capsys):
    generate(
        load_dir=trained / "checkpoints",
        output_dir=tmp_path,
        images_per_class=40,
        image_format="png",
        classes=[str(n) for n in range(9)],
    )
    once = evaluate_run(options(trained, images=tmp_path, output_dir=tmp_path / "out", metrics=["fid", "judge"]))
    assert "a class has fewer than the test images" in capsys.readouterr().err
    assert once.facts["samples"] == {"real": 300, "fake": 300}


def test_the_report_has_everything_in_it_and_asks_for_nothing(trained, found, tmp_path):
    text = write_report(found, tmp_path, log_dir=trained / "logs").read_text()
    for part in ("Class by class", "Nearest training images", "Between styles", "The training", "Saved as JPEG"):
        assert part in text
    assert text.count("data:image/webp;base64") == 1  # The film.
    assert text.count("<img") == text.count('alt="') and 'alt=""' not in text
    outside = [part for part in text.split('src="')[1:] if not part.startswith("data:")]
    assert outside == [] and "http:" not in text and "https:" not in text and "<script" not in text
    assert "too few images" in text
    for name in found.evaluation.scores:
        assert f'<th scope="row">{name}</th>' in text


def test_the_report_of_images_without_a_run(trained, found, tmp_path):
    generate(load_dir=trained / "checkpoints", output_dir=tmp_path, images_per_class=40, image_format="png")
    (tmp_path / "<b>").mkdir()
    (tmp_path / "9-1.png").rename(tmp_path / "<b>" / "9-1.png")
    (tmp_path / "<b>" / "9-1.png").rename(tmp_path / "9-1.png")
    shutil.copytree(tmp_path, trained / "<b>drawn", ignore=shutil.ignore_patterns("<b>"), dirs_exist_ok=True)
    once = evaluate_run(options(trained, images=trained / "<b>drawn", output_dir=tmp_path / "out", metrics=["judge"]))
    text = write_report(once, tmp_path / "out", log_dir=tmp_path / "none").read_text()
    assert "Between styles" not in text and "The training" not in text
    assert "<b>drawn" not in text and "&lt;b&gt;drawn" in text
    assert "No distance with a noise floor" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": ["fidd"]}, "--metrics: found 'fidd', expected fid, class_fid"),
        ({"data_path": "digits"}, "the classifier was trained on 8x8 grey, 10 classes; expected those of digits"),
        ({"checkpoint": 7}, "no gan checkpoint of step 7; expected one of"),
        ({"samples": 3}, "has 400 test images, and --samples is 3; expected at least 4 of both"),
        ({"images": Path("nowhere"), "metrics": ["fid"]}, "nowhere does not exist; expected images, such as"),
        ({"images": Path("nowhere"), "metrics": ["margin"]}, "--metrics margin needs the critic of a checkpoint"),
        ({"classifier_dir": Path("nowhere")}, "nowhere: no such directory"),
    ],
)
def test_what_cannot_be_evaluated_is_said_before_anything_is_written(trained, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        evaluate_run(options(trained, output_dir=tmp_path / "out", **changes))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("3-1.png", b"no picture", r"3-1\.png: is text"),
        ("3-1.png", encode(np.zeros((4, 4, 1), np.uint8), "png"), r"3-1\.png: is 4x4; expected 8x8, as image_size"),
        ("3-1.png", encode(np.arange(192).reshape(8, 8, 3).astype(np.uint8), "png"), "is in colour; expected 8x8 grey"),
        ("x-1.png", encode(np.zeros((8, 8, 1), np.uint8), "png"), r"x-1\.png: there is no class 'x'"),
    ],
)
def test_an_image_that_does_not_fit_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_images(tmp_path, replace(tiny_data().spec, class_names=tuple("0123")), options_to_read(), all_of)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromedriver"), reason="chromium and chromedriver are not installed")
@pytest.mark.parametrize("width", [1200, 390])
def test_the_report_in_a_browser(trained, found, tmp_path, width):
    """Nothing in the console, no request to anywhere, no wider than the window, every picture decoded."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    path = write_report(found, tmp_path, log_dir=trained / "logs")
    settings = webdriver.ChromeOptions()
    settings.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        settings.add_argument(argument)
    settings.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(settings, Service(shutil.which("chromedriver")))
    try:
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(path.as_uri())
        assert browser.get_log("browser") == []
        messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        asked = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
        assert path.as_uri() in asked
        assert all(url.startswith(("data:", path.as_uri())) for url in asked)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        pictures = browser.execute_script("return [...document.images].map((image) => image.naturalWidth)")
        assert len(pictures) > 10 and min(pictures) > 0
    finally:
        browser.quit()


# Side by side.


def written(directory: Path, seed: int, fid: float, **config: object) -> Path:
    scores = {"fid": {"value": fid, "real": 0.1}, "kid": {"value": None, "real": None}}
    facts = {"classifier": "a", "config": {"seed": seed, "objective": "wasserstein"} | config, "scores": scores}
    directory.mkdir()
    (directory / "evaluation.json").write_text(json.dumps(facts))
    return directory


def test_recipes_are_compared_by_the_spread_of_their_seeds(tmp_path, capsys):
    plain = [written(tmp_path / f"plain-{n}", n, 0.40 + 0.01 * n) for n in range(3)]
    same = [written(tmp_path / f"same-{n}", n, 0.405 + 0.01 * n, augment="flip") for n in range(3)]
    worse = [written(tmp_path / f"worse-{n}", n, 0.60 + 0.01 * n, objective="hinge") for n in range(3)]
    one = [written(tmp_path / "one", 0, 5.0, objective="relativistic")]
    compare([*plain, *same, *worse, *one], tmp_path / "out")
    told = capsys.readouterr().out
    assert (
        "plain-0 (3 seeds) | augment=flip (3 seeds) | objective=hinge (3 seeds) | objective=relativistic (1 seed)"
        in told
    )
    assert "| fid | 0.1 | 0.41 ± 0.01 | 0.415 ± 0.01 | 0.61 ± 0.01 * | 5 |" in told
    assert "| kid | – | – | – | – | – |" in told
    assert (tmp_path / "out" / "comparison.md").read_text() in told


def test_what_real_images_get_is_left_out_where_it_is_each_runs_own():
    scores = [{"fid": {"value": 1.0, "real": 0.5}, "margin": {"value": 2.0, "real": real}} for real in (2.4, -0.3)]
    rows = table([Recipe(name, [[{"scores": each}]]) for name, each in zip("ab", scores, strict=True)])
    assert [row[:2] for row in rows[1:]] == [["fid", "0.5"], ["margin", "–"]]


def test_one_seed_tells_nothing_of_a_difference():
    assert differ([1.0], [2.0, 2.1]) is None
    assert differ([1.0, 1.1], [2.0, 2.1]) and not differ([1.0, 2.0], [1.5, 1.4])
    assert differ([1.0, 1.0], [2.0, 2.0]) and not differ([1.0, 1.0], [1.0, 1.0])


def test_evaluations_by_other_classifiers_are_not_compared(tmp_path):
    first, second = written(tmp_path / "a", 0, 0.4), written(tmp_path / "b", 1, 0.5)
    facts = json.loads((second / "evaluation.json").read_text()) | {"classifier": "b"}
    (second / "evaluation.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match="cannot be compared: classifier is b and a"):
        compare([first, second], tmp_path / "out")
    for path, own in ((first, False), (second, True)):
        facts = json.loads((path / "evaluation.json").read_text()) | {"classifier": "a", "own_styles": own}
        (path / "evaluation.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match="cannot be compared: own_styles is True and False"):
        compare([first, second], tmp_path / "out")
    old, images = written(tmp_path / "old", 2, 0.4), written(tmp_path / "images", 3, 0.4)
    for path, facts in ((old, {"checkpoint": "gan-00000001"}), (images, {"own_styles": None})):
        (path / "evaluation.json").write_text(json.dumps(json.loads((path / "evaluation.json").read_text()) | facts))
    compare([images, first, old], tmp_path / "alike")
    with pytest.raises(UserError, match="cannot be compared: own_styles is False and True"):
        compare([images, second, old], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_training_run_is_not_two_seeds(tmp_path):
    first, second = written(tmp_path / "a", 0, 0.4), written(tmp_path / "b", 0, 0.5)
    with pytest.raises(UserError, match="are of one training run, by their settings; name one of them"):
        compare([first, second], tmp_path / "out")


def test_draws_of_one_run_count_once(tmp_path, capsys):
    """Three draws of one run are not three seeds of its recipe, however far they are from another's."""
    runs = {
        ("plain", 0): (0.40, 0.42),
        ("plain", 1): (0.44, 0.46),
        ("hinge", 0): (0.60, 0.62),
        ("hinge", 1): (0.64, 0.66),
    }
    paths = []
    for (objective, seed), fids in runs.items():
        for draw_seed, fid in enumerate(fids):
            paths.append(written(tmp_path / f"{objective}-{seed}-{draw_seed}", seed, fid, objective=objective))
            facts = json.loads((paths[-1] / "evaluation.json").read_text()) | {"seed": draw_seed, "step": 9}
            facts["scores"]["fid"]["real"] += 0.01 * draw_seed  # Halves of the test images are drawn, too.
            (paths[-1] / "evaluation.json").write_text(json.dumps(facts))
    compare([*paths[:2], *paths[4:6]], tmp_path / "out")
    told = capsys.readouterr().out
    assert "| fid | 0.105 | 0.41 | 0.61 |" in told and "plain-0-0 (1 seed) | objective=hinge (1 seed)" in told
    compare(paths, tmp_path / "out")
    told = capsys.readouterr().out
    assert "| fid | 0.105 | 0.43 ± 0.0283 | 0.63 ± 0.0283 * |" in told
    assert "over seeds of runs, each the mean of 2 evaluations; *" in told
    with pytest.raises(UserError, match="they were evaluated with --seed 0 and 0, 1; evaluate each run with the same"):
        compare(paths[:3], tmp_path / "out")
    later = json.loads((paths[1] / "evaluation.json").read_text()) | {"step": 10}
    (paths[1] / "evaluation.json").write_text(json.dumps(later))
    with pytest.raises(UserError, match="are of one training run, by their settings; name one of them"):
        compare(paths[:2], tmp_path / "out")


def test_a_table_tells_of_which_steps_and_how_many_seeds_it_is(tmp_path, capsys):
    paths = [written(tmp_path / f"plain-{n}", n, 0.4) for n in range(3)] + [
        written(tmp_path / "hinge", 0, 0.5, gen_lr=1)
    ]
    for path, step in zip(paths, (1_000, 50, 1_000, 1_000), strict=True):
        facts = json.loads((path / "evaluation.json").read_text()) | {"step": step}
        if step == 50:
            facts["scores"] = {"fid": {"value": None, "real": 0.1}, "cas": {"value": 0.1, "real": 0.2}}
        (path / "evaluation.json").write_text(json.dumps(facts))
    compare(paths, tmp_path / "out")
    told = capsys.readouterr().out
    assert "| score | real images | plain-0 (3 seeds) | gen_lr=1 (1 seed) |" in told
    assert "| fid | 0.1 | 0.4 ± 0 (2 of 3 seeds) | 0.5 |" in told
    assert "| cas | 0.2 | 0.1 (1 of 3 seeds) | – |" in told
    assert "| step | – | 50 to 1,000 | 1,000 |" in told


def test_one_evaluation_of_images_is_not_two_seeds(tmp_path):
    (tmp_path / "evaluation.json").write_text('{"scores": {"fid": {"value": 1.0, "real": 0.5}}}')
    with pytest.raises(UserError, match="are one evaluation; name one of them"):
        compare([tmp_path, tmp_path / ".." / tmp_path.name], tmp_path / "out")


def test_what_is_no_evaluation_is_said(tmp_path):
    with pytest.raises(MissingError, match=r"no such file; expected what \./evaluate\.py --output-dir"):
        compare([tmp_path], tmp_path / "out")
    for text in (
        "[]",
        '{"scores": {}, "config": []}',
        '{"scores": {"fid": {"value": 1.0, "real": "x"}}}',
        '{"scores": []}',
        '{"scores": {"fid": 3}}',
        '{"scores": {"fid": {"value": 1.0}}}',
        '{"scores": {"fid": {"value": NaN, "real": 1.0}}}',
        '{"scores": {"fid": {"value": 1e999, "real": 1.0}}}',
        '{"scores": {}, "config": {"seed": [1]}}',
        '{"scores": {}, "step": "9"}',
    ):
        (tmp_path / "evaluation.json").write_text(text)
        with pytest.raises(UserError, match="is no evaluation"):
            compare([tmp_path], tmp_path / "out")


def test_images_without_settings_are_recipes_of_their_own(tmp_path):
    found = [(Path(name), {"scores": {"fid": {"value": 1.0, "real": 0.5}}}) for name in ("a", "b")]
    assert [recipe.name for recipe in grouped(found)] == ["a (1 seed)", "b (1 seed)"]
    assert table(grouped(found))[1] == ["fid", "0.5", "1", "1"]


def test_what_a_killed_run_left_of_a_record_and_dollars_in_names_are_no_error(trained, found, tmp_path):
    records = tmp_path / found.gan.about.records
    records.mkdir()
    (records / "records.jsonl").write_text('{"step": 5, "score/fid": 2.0}\n{"step": 10, "sco')
    names = ("$a_$", *found.data.spec.class_names[1:])
    odd = found._replace(data=replace(found.data, spec=replace(found.data.spec, class_names=names)))
    assert "The training" in write_report(odd, tmp_path, log_dir=tmp_path).read_text()
    (records / "records.jsonl").write_text("")
    assert "FID by step" not in write_report(odd, tmp_path, log_dir=tmp_path).read_text()


def test_a_judge_that_is_always_right_is_drawn_without_a_warning(trained, found, tmp_path):
    details = found.evaluation.details | {"confusion": np.diag(np.full(found.data.spec.num_classes, 3))}
    sure = found._replace(evaluation=found.evaluation._replace(details=details))
    assert "accuracy by the judge" in write_report(sure, tmp_path, log_dir=tmp_path).read_text()


def test_fewer_test_images_are_of_all_classes(trained, tmp_path):
    once = [evaluate_run(options(trained, samples=60, seed=n, output_dir=tmp_path, metrics=["kid"])) for n in (0, 1)]
    assert all(len(np.unique(each.real.labels)) == 10 for each in once)
    assert not np.array_equal(once[0].real.images, once[1].real.images)
