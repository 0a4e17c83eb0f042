"""The page without a server, in a browser: it draws what the sampler draws, and loads nothing from elsewhere."""

import base64
import functools
import io
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import test_page
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from test_page import wait_until

from gan.errors import UserError
from gan.export import page
from gan.export.exporting import export
from gan.images import Pixels
from gan.labels import Floats, one_hot
from gan.sampling import Sampler, styles

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
browser = test_page.browser


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("npm") / "runtime.tgz"
    try:
        path.write_bytes(page.fetched())
    except UserError as error:
        pytest.skip(str(error))
    return path


@pytest.fixture(scope="module", params=["mnist", "hands"])
def load_dir(request: pytest.FixtureRequest) -> Path:
    return ROOT / "pretrained" / request.param


@pytest.fixture(scope="module")
def sampler(load_dir: Path) -> Sampler:
    return Sampler.from_checkpoint(load_dir)


@pytest.fixture(scope="module")
def url(load_dir: Path, runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the folder, below a prefix of a static host."""
    root = tmp_path_factory.mktemp("host")
    export(load_dir=load_dir, file_format="page", output=root / "below" / "page", runtime=runtime)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/below/page/"
    server.shutdown()
    server.server_close()
    thread.join()


def opened(browser: webdriver.Chrome, address: str) -> None:
    browser.get_log("browser")
    browser.get("about:blank")
    browser.get(address)
    wait_until(lambda: browser.find_elements(By.CSS_SELECTOR, "#strip button"))


def shown(browser: webdriver.Chrome) -> Pixels:
    script = """
        const [done] = arguments;
        const blob = blobs.get(document.getElementById("picture").src);
        blob.bytes().then((bytes) => done(btoa(String.fromCharCode(...bytes))))"""
    return np.array(Image.open(io.BytesIO(base64.b64decode(browser.execute_async_script(script)))).convert("RGB"))


def expected(sampler: Sampler, label: Floats, seed: int) -> Pixels:
    (image,) = sampler.sample(label[None], styles(sampler.noise_dims, seed=seed, numbers=[1]))
    return np.broadcast_to(image, (*image.shape[:2], 3))


def check_same(found: Pixels, wanted: Pixels) -> None:
    assert found.shape == wanted.shape and wanted.std() > 20
    assert np.abs(found.astype(int) - wanted).max() <= 1


def test_it_draws_what_the_sampler_draws(browser, url, sampler):
    names = one_hot([3, 8], sampler.spec.num_classes)
    for link, label, seed in (
        ("", one_hot([0], sampler.spec.num_classes)[0], 0),
        ("#weights=3:1&seed=7", names[0], 7),
        ("#weights=3:0.5,8:0.5&seed=2147483647", names.mean(axis=0), 2147483647),
        ("#weights=8:1&seed=1&second=5&blend=1", names[1], 5),
    ):
        opened(browser, url + link)
        wait_until(lambda: browser.find_element(By.ID, "picture").is_displayed())
        check_same(shown(browser), expected(sampler, label, seed))


def test_the_strip_has_the_styles_by_class(browser, url, sampler):
    opened(browser, url)
    script = """
        const canvas = document.querySelectorAll("#strip button canvas")[arguments[0]];
        return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]"""
    height, width, _ = sampler.spec.shape
    classes = sampler.spec.num_classes
    for row, column in ((0, 0), (2, 4)):
        values = browser.execute_script(script, row * classes + column)
        found = np.array(values, np.uint8).reshape(height, width, 4)[..., :3]
        check_same(found, expected(sampler, one_hot([column], classes)[0], row))


def test_nothing_is_asked_of_another_host(browser, url):
    opened(browser, url)
    script = "return performance.getEntriesByType('resource').map(({ name }) => name)"
    names = browser.execute_script(script)
    assert any(name.endswith(".wasm") for name in names) and any(name.endswith("model.onnx") for name in names)
    assert [name for name in names if not name.startswith((url, "blob:"))] == []
    assert browser.get_log("browser") == []


def test_a_page_that_is_opened_from_a_disk_says_what_it_needs(browser, tmp_path):
    shutil.copytree(page.PAGE, tmp_path / "page")
    browser.get((tmp_path / "page" / "index.html").as_uri())
    wait_until(lambda: "run python -m http.server" in browser.find_element(By.ID, "status").text)


def test_what_only_a_server_has_is_not_shown(browser, url):
    opened(browser, url)
    assert not browser.find_element(By.ID, "shell").is_displayed()
    assert browser.find_element(By.ID, "status").text == ""
    facts = browser.find_element(By.ID, "facts").text
    assert "gan-" in facts and "FID" in facts


def test_the_styles_of_seeds_are_numpys(browser, url, sampler):
    """Of thousands of numbers, a few are from the tail, and some from where the ziggurat asks twice."""
    opened(browser, url)
    seeds = [*range(60), 2**31 - 1, *np.random.default_rng(0).integers(0, 2**31, 60).tolist()]
    script = """
        const [seeds, length, done] = arguments;
        import(new URL("seeds.js", location.href)).then(
            ({ styleOfSeed }) => done(seeds.map((seed) => styleOfSeed(seed, length))))"""
    found = browser.execute_async_script(script, seeds, 200)
    wanted = [styles(200, seed=seed, numbers=[1])[0] for seed in seeds]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert np.abs(wanted).max() > 3.6541528853610088  # The tail.
