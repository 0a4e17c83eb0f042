"""The page in a browser: its controls draw what the API draws, by mouse, keyboard, link, shell and screen reader."""

import asyncio
import base64
import io
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import uvicorn
from helpers import TINY, BehindPrefix
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from gan.images import GRID_GAP, ImageSpec
from gan.models.generator import Generator
from gan.sampling import Sampler, styles
from gan.serving import schemas
from gan.serving.app import create_app

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if CHROMIUM is None or DRIVER is None:
    pytest.skip("chromium and chromedriver are not installed", allow_module_level=True)

pytestmark = pytest.mark.slow

NAMES = ("0", "it's", "<b>bold</b>")
"""The second breaks what is not quoted for a shell, the third what is written as HTML."""

PATIENCE_SECONDS = 10


def reusing(port: int) -> socket.socket:
    """A socket at a port that others of this process may have, too."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.bind(("127.0.0.1", port))
    return found


class Served:
    """An app on a port of this machine, which can go and come back, be slow, or refuse."""

    def __init__(self, sampler: Sampler, *, prefix: str = "") -> None:
        self.app = BehindPrefix(create_app(sampler)) if prefix else create_app(sampler)
        # Bound as long as this lives, so that no other process gets the port while the app is away.
        self._kept = reusing(0)
        self.port: int = self._kept.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}{prefix}/"
        self.reset()

    def reset(self) -> None:
        self.refusals, self.delay_seconds, self.most_at_once = 0, 0.0, 0
        self.drawn: list[float] = []
        self._at_once = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") != "/api/generate-image":
            await self.app(scope, receive, send)
            return
        self.drawn.append(time.monotonic())
        if self.refusals > 0:
            self.refusals -= 1
            await send({"type": "http.response.start", "status": 503, "headers": [(b"retry-after", b"1")]})
            await send({"type": "http.response.body", "body": b'{"detail": "the queue is full"}'})
            return
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(self.delay_seconds)
        await self.app(scope, receive, send)
        self._at_once -= 1

    def start(self) -> "Served":
        config = uvicorn.Config(self, log_level="error", ws="none", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._listener = reusing(self.port)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), daemon=True)
        self._thread.start()
        wait_until(lambda: self._server.started and self._ready())
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def close(self) -> None:
        """For good."""
        self.stop()
        self._kept.close()

    def _ready(self) -> bool:
        try:
            return bool(self.post("generate-image", {"labels": [1, *[0] * (self._classes() - 1)]}))
        except OSError:
            return False

    def _classes(self) -> int:
        return len(self.get("model")["classes"])

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}api/{path}") as reply:
            return json.load(reply)

    def post(self, path: str, body: dict[str, Any]) -> bytes:
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}api/{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as reply:
            return bytes(reply.read())


class Page:
    """The page in a tab, and what a person does with it."""

    def __init__(self, browser: webdriver.Chrome, served: Served) -> None:
        self.browser, self.served = browser, served

    def open(self, link: str = "") -> None:
        """In a fresh document: another link alone would be a jump within it."""
        self.browser.get("about:blank")
        self.browser.get(self.served.url + link)
        wait_until(lambda: self["picture"].is_displayed() and self.css("#strip button"))

    def __getitem__(self, name: str) -> WebElement:
        return self.browser.find_element(By.ID, name)

    def css(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def slider(self, index: int) -> WebElement:
        return self.css("#classes input")[index]

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def slide(self, element: WebElement, value: float) -> None:
        """As dragging does."""
        self.run("arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", element, value)

    def press(self, *keys: str) -> None:
        ActionChains(self.browser).send_keys(*keys).perform()

    def image(self) -> bytes:
        """The bytes that are shown."""
        script = """
            const [done] = arguments;
            const blob = blobs.get(document.getElementById("picture").src);
            blob.bytes().then((bytes) => done(btoa(String.fromCharCode(...bytes))))"""
        return base64.b64decode(self.browser.execute_async_script(script))

    def shows(self, **body: Any) -> None:
        """Wait until the image is the API's."""
        expected = self.served.post("generate-image", body)
        wait_until(lambda: self.image() == expected)

    def texts(self, selector: str) -> list[str]:
        """Of elements that may be replaced meanwhile."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector)

    def caption(self) -> str:
        return self["caption"].text


def keep_blobs(browser: webdriver.Chrome) -> None:
    """In this tab. The page's own policy keeps a test from fetching what it shows."""
    script = """
        window.blobs = new Map();
        const original = URL.createObjectURL;
        URL.createObjectURL = (blob) => {
            const url = original(blob);
            blobs.set(url, blob);
            return url;
        };"""
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})


def wait_until(true: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def make_sampler(spec: ImageSpec, *, step: int = 42) -> Sampler:
    """Of a network that is not trained, with weights so large that classes and styles differ in every image."""
    generator = Generator(spec, TINY)
    generator(np.zeros((1, TINY.noise_dims), np.float32), np.zeros((1, spec.num_classes), np.float32))
    rng = np.random.default_rng(step)
    for weight in generator.trainable_variables:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    scores = {
        "fid": 0.3654,
        "noise_floor": 0.195,
        "accuracy": 0.9891,
        "samples": 10_000,
        "classifier": "b4add1fc594f",
        "kid": 0.0123,
    }
    path = Path(f"gan-{step:08}")
    return Sampler(generator, spec, noise_dims=TINY.noise_dims, path=path, step=step, scores=scores)


@pytest.fixture(scope="module")
def digits() -> Iterator[Served]:
    served = Served(make_sampler(ImageSpec(8, 8, 1, NAMES))).start()
    yield served
    served.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, Service(DRIVER))
    keep_blobs(browser)
    yield browser
    browser.quit()


@pytest.fixture
def quiet(browser: webdriver.Chrome) -> Iterator[None]:
    """The console stays empty, and nothing is asked of another host."""
    browser.get_log("browser")
    yield
    assert browser.get_log("browser") == []
    script = "return performance.getEntriesByType('resource').map((entry) => entry.name).concat(location.href)"
    hosts = {urlsplit(url).netloc for url in browser.execute_script(script) if not url.startswith(("blob:", "data:"))}
    assert hosts == {urlsplit(browser.current_url).netloc}


@pytest.fixture
def troubled(browser: webdriver.Chrome, digits: Served) -> Iterator[Page]:
    """A page whose requests may fail, of which a browser's console tells."""
    digits.reset()
    page = Page(browser, digits)
    page.open()
    yield page
    digits.reset()


@pytest.fixture
def page(quiet: None, troubled: Page) -> Page:
    """Opened under the eye of `quiet`."""
    return troubled


def test_page_and_documentation_behind_a_prefix(browser: webdriver.Chrome, quiet: None) -> None:
    """Which a proxy takes off each path: both draw, and ask for nothing outside of it."""
    with closing(Served(make_sampler(ImageSpec(8, 8, 1, NAMES)), prefix=BehindPrefix.prefix).start()) as served:
        page = Page(browser, served)
        page.open()
        page.shows(labels=[1, 0, 0], seed=0)
        assert f"{served.url}api/generate-image" in page["command"].text
        (link,) = page.css(".hint a")
        link.click()
        wait_until(lambda: len(page.css(".opblock")) == 7)
        page.css("#operations-default-model_api_model_get button")[0].click()
        wait_until(lambda: page.css(".try-out__btn"))
        page.css(".try-out__btn")[0].click()
        page.css(".execute")[0].click()
        wait_until(lambda: page.texts(".request-url pre") == [f"{served.url}api/model"])
        wait_until(lambda: '"style_size": 6' in "".join(page.texts(".live-responses-table .response-col_description")))


def test_shows_the_model(page: Page) -> None:
    facts = ["gan-00000042", "42", "8 × 8 grey", "0.365 (noise floor 0.195)", "98.91%", "0.012"]
    assert page.texts("#facts dt") == ["Checkpoint", "Step", "Image", "FID", "Class accuracy", "kid"]
    assert page.texts("#facts dd") == facts
    assert [button.text for button in page.css("#classes button")] == list(NAMES)
    page.shows(labels=[1, 0, 0], seed=0)
    assert page["picture"].get_attribute("alt") == page.caption() == "0, style of seed 0"


def test_sliders_mix_classes(page: Page) -> None:
    page.slide(page.slider(2), 0.5)
    page.shows(labels=[1, 0, 0.5], seed=0)
    assert page.caption() == "0 at 67%, <b>bold</b> at 33%, style of seed 0"
    assert [output.text for output in page.css("#classes output")] == ["67%", "0%", "33%"]
    page["even-mix"].click()
    page.shows(labels=[1, 1, 1], seed=0)


def test_slider_by_mouse(page: Page) -> None:
    slider = page.slider(1)
    ActionChains(page.browser).drag_and_drop_by_offset(slider, slider.size["width"] // 4, 0).perform()
    weight = float(slider.get_attribute("value"))
    assert 0.6 < weight < 0.9
    page.shows(labels=[1, weight, 0], seed=0)


def test_slider_by_keyboard(page: Page) -> None:
    page.run("arguments[0].focus()", page.slider(1))
    page.press(Keys.END, Keys.ARROW_LEFT)
    page.shows(labels=[1, 0.99, 0], seed=0)
    assert page.slider(1).get_attribute("aria-valuetext") == "weight 0.99, share 50%"


def test_name_sets_its_class_alone(page: Page) -> None:
    page.css("#classes button")[2].click()
    page.shows(labels=[0, 0, 1], seed=0)
    assert [float(slider.get_attribute("value")) for slider in page.css("#classes input")] == [0, 0, 1]


def test_all_zeros_is_said_and_keeps_the_image(page: Page) -> None:
    page.slide(page.slider(0), 0)
    wait_until(lambda: page["status"].text == "All weights are zero: raise one to draw an image.")
    page.shows(labels=[1, 0, 0], seed=0)
    assert "weights=0:1&" in copied(page, "copy-link"), "the link is that of the image"
    page.slide(page.slider(1), 0.2)
    page.shows(labels=[0, 1, 0], seed=0)
    assert page["status"].text == ""


def test_seed_field(page: Page) -> None:
    page["seed"].clear()
    page["seed"].send_keys("7")
    page.shows(labels=[1, 0, 0], seed=7)
    page["seed"].send_keys("." + Keys.TAB)
    page["seed"].send_keys("9999999999")
    wait_until(lambda: "whole number from 0 to 2147483647" in page["status"].text)
    assert page["seed"].get_attribute("aria-invalid") == "true"
    page.shows(labels=[1, 0, 0], seed=7)
    page["new-style"].click()
    wait_until(lambda: page["status"].text == "" and page["seed"].get_attribute("aria-invalid") == "false")


def test_new_style(page: Page) -> None:
    page.slide(page["blend"], 1)
    seeds = set()
    for _ in range(3):
        page["new-style"].click()
        seed = int(page["seed"].get_attribute("value"))
        page.shows(labels=[1, 0, 0], seed=seed)
        seeds.add(seed)
    assert len(seeds) == 3
    page["new-second"].click()
    page.shows(labels=[1, 0, 0], seed=int(page["second"].get_attribute("value")))


def test_blend_turns_from_one_style_to_another(page: Page) -> None:
    page.open("#seed=3&second=8")
    (a,), (b,) = (styles(TINY.noise_dims, seed=seed, numbers=[1]).astype(float) for seed in (3, 8))
    page.slide(page["blend"], 0.25)
    wait_until(lambda: "25% of the way from seed 3 to seed 8" in page.caption())
    style = np.array(shown_request(page)["style"])
    length_a, length_b = np.linalg.norm(a), np.linalg.norm(b)
    assert np.linalg.norm(style) == pytest.approx(0.75 * length_a + 0.25 * length_b, abs=1e-3)
    angle, part = (np.arccos(x @ y / np.linalg.norm(x) / np.linalg.norm(y)) for x, y in ((a, b), (a, style)))
    assert part == pytest.approx(angle / 4, abs=1e-3)
    page.shows(labels=[1, 0, 0], style=style.tolist())
    page.slide(page["blend"], 1)
    page.shows(labels=[1, 0, 0], seed=8)
    assert shown_request(page) == {"labels": [1, 0, 0], "seed": 8}


def test_ends_of_the_blend_show_both_styles(page: Page) -> None:
    page.open("#weights=2:1&seed=3&second=8")
    check_ends(page)
    assert not page["filter"].is_displayed(), "the strip has room for all classes"


def check_ends(page: Page) -> None:
    """Of the third class in the styles of seeds 3 and 8."""
    for name, seed in (("end-first", 3), ("end-second", 8)):
        expected = pixels(page.served.post("generate-image", {"labels": [0, 0, 1], "seed": seed}))
        wait_until(lambda name=name, expected=expected: np.array_equal(canvas(page, page[name]), expected))


def test_blend_of_a_style_with_itself(page: Page) -> None:
    page.open("#seed=3&second=3&blend=0.5")
    wait_until(lambda: "50%" in page.caption())
    (style,) = styles(TINY.noise_dims, seed=3, numbers=[1])
    np.testing.assert_allclose(shown_request(page)["style"], style, atol=1e-4)


def test_strip_shows_styles_by_classes(page: Page) -> None:
    buttons = page.css("#strip button")
    assert len(buttons) == 5 * len(NAMES)
    assert page["strip-hint"].text == "A row is a seed, a column a class. Press an image to draw it."
    assert buttons[7].get_attribute("aria-label") == "it's, style of seed 2"
    for index in (1, 5, 7, 12):
        body = {"labels": np.eye(3)[index % 3].tolist(), "seed": index // 3}
        np.testing.assert_array_equal(canvas(page, buttons[index]), pixels(page.served.post("generate-image", body)))


def test_strip_picks_style_and_class(page: Page) -> None:
    page.slide(page["blend"], 0.5)
    page.css("#strip button")[7].click()
    page.shows(labels=[0, 1, 0], seed=2)
    assert page["seed"].get_attribute("value") == "2" and float(page["blend"].get_attribute("value")) == 0
    page.press(Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ENTER)
    page.shows(labels=[0, 0, 1], seed=3)
    marked = page.css("#strip [aria-current]")
    assert [button.get_attribute("aria-label") for button in marked] == ["<b>bold</b>, style of seed 3"]
    focused = "return document.activeElement.ariaLabel"
    for key, at in (
        (Keys.ARROW_RIGHT, "<b>bold</b>, style of seed 3"),
        (Keys.HOME, "0, style of seed 3"),
        (Keys.ARROW_LEFT, "0, style of seed 3"),
        (Keys.END, "<b>bold</b>, style of seed 3"),
    ):
        page.press(key)
        assert page.run(focused) == at


def test_strip_leaves_keys_with_modifiers_to_the_browser(page: Page) -> None:
    page.run("arguments[0].focus()", page.css("#strip button")[7])
    page.run("addEventListener('keydown', (event) => (window.eaten = event.defaultPrevented))")
    focused = "return [document.activeElement.ariaLabel, window.eaten]"
    for modifier in (Keys.CONTROL, Keys.ALT, Keys.META):
        # Not Alt and the left arrow, by which the browser would leave the page.
        ActionChains(page.browser).key_down(modifier).send_keys(Keys.END).key_up(modifier).perform()
        assert page.run(focused) == ["it's, style of seed 2", False]
    page.press(Keys.END)
    assert page.run(focused) == ["<b>bold</b>, style of seed 2", True]


def test_strip_goes_on_to_other_styles(page: Page) -> None:
    page["next-styles"].click()
    wait_until(lambda: page.texts("#strip tbody th")[0] == "5")
    page.css("#strip button")[0].click()
    page.shows(labels=[1, 0, 0], seed=5)
    page["previous-styles"].click()
    wait_until(lambda: page.texts("#strip tbody th")[0] == "0")


def test_download(page: Page, tmp_path: Path) -> None:
    page.browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.open("#weights=1:1&seed=7")
    page["download"].click()
    wait_until((tmp_path / "it-s-seed7.png").exists)
    assert (tmp_path / "it-s-seed7.png").read_bytes() == page.served.post(
        "generate-image", {"labels": [0, 1, 0], "seed": 7}
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("blend", [0, 0.3])
def test_command_draws_the_image(page: Page, tmp_path: Path, blend: float) -> None:
    page.open(f"#weights=0:0.2,1:1&seed=7&second=8&blend={blend}")
    command = copied(page, "copy-command")
    assert command == page["command"].text
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True, timeout=30)
    (drawn,) = tmp_path.iterdir()
    assert drawn.name == page["download"].get_attribute("download")
    assert drawn.read_bytes() == page.image()


def test_link_restores_the_state_in_another_tab(page: Page) -> None:
    page.slide(page.slider(2), 0.35)
    page.slide(page["blend"], 0.6)
    page["next-styles"].click()
    wait_until(lambda: "60%" in page.caption())
    image, caption, link = page.image(), page.caption(), copied(page, "copy-link")
    wait_until(lambda: page.browser.current_url == link)
    first = page.browser.current_window_handle
    page.browser.switch_to.new_window("tab")
    keep_blobs(page.browser)
    try:
        page.browser.get(link)
        wait_until(lambda: page.caption() == caption and page.css("#strip button"))
        assert page.image() == image
        assert page.texts("#strip tbody th")[0] == "5"
        assert [float(slider.get_attribute("value")) for slider in page.css("#classes input")] == [1, 0, 0.35]
    finally:
        page.browser.close()
        page.browser.switch_to.window(first)


def test_another_hash_is_another_state(page: Page) -> None:
    page.run("location.hash = 'weights=1:1&seed=9'")
    page.shows(labels=[0, 1, 0], seed=9)


@pytest.mark.parametrize(
    "link",
    [
        "#",
        "#weights=9:1&seed=-1&blend=2&row=x",
        "#weights=0:0,-1:1,1:NaN,2:1e9,:,0x1:1&seed=1e3&second=99999999999&blend=",
        "#%E0%A4%A&<script>",
        "#weights=__proto__:1&constructor=1",
    ],
)
def test_links_that_make_no_sense_are_the_default(page: Page, link: str) -> None:
    page.open(link)
    page.shows(labels=[1, 0, 0], seed=0)
    assert page.caption() == "0, style of seed 0"


def test_tab_reaches_every_control(page: Page) -> None:
    selector = "a[href], button, input, pre"
    name = "element.id || element.ariaLabel || element.tagName"
    wanted = page.run(
        f"return [...document.querySelectorAll('{selector}')].filter((element) => element.checkVisibility() && "
        f"!element.closest('#strip')).map((element) => {name})"
    )
    reached = []
    for _ in range(len(wanted) + 2):
        page.press(Keys.TAB)
        reached.append(page.run(f"const element = document.activeElement; return {name}"))
    assert set(wanted) <= set(reached)
    assert "0, style of seed 0" in reached, "the strip is one stop; arrows go on from there"


def test_every_control_has_a_name(page: Page) -> None:
    page.browser.execute_cdp_cmd("Accessibility.enable", {})
    nodes = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    page.browser.execute_cdp_cmd("Accessibility.disable", {})
    shown = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    roles = {"button", "link", "slider", "spinbutton", "image", "grid", "region", "group", "heading", "columnheader"}
    assert {role for role, _ in shown} >= roles
    assert [(role, name) for role, name in shown if role in roles and not name.strip()] == []
    controls = [(role, name) for role, name in shown if role in {"button", "slider", "spinbutton", "link"}]
    assert len(set(controls)) == len(controls), "two controls have one name"
    assert {"banner", "main", "status"} <= {role for role, _ in shown}


def test_what_is_drawn_is_announced_once_it_is_still(page: Page) -> None:
    for weight in (0.1, 0.2, 0.5):
        page.slide(page.slider(1), weight)
    wait_until(lambda: page.run("return document.getElementById('announcement').textContent") == page.caption())
    assert page["announcement"].get_attribute("role") == "status"


def test_one_request_at_a_time_and_the_latest_wins(page: Page) -> None:
    page.shows(labels=[1, 0, 0], seed=0)
    page.served.reset()
    page.served.delay_seconds = 0.3
    script = """
        for (let step = 1; step <= 40; step++) {
            arguments[0].value = step / 40;
            arguments[0].dispatchEvent(new Event("input"));
        }"""
    page.run(script, page.slider(1))
    wait_until(lambda: page.caption() == "0 at 50%, it's at 50%, style of seed 0")
    assert (len(page.served.drawn), page.served.most_at_once) == (2, 1), "the first and the last of 40"
    page.shows(labels=[1, 1, 0], seed=0)


def test_image_follows_within_some_frames(page: Page) -> None:
    script = """
        const [slider, done] = arguments;
        const picture = document.getElementById("picture");
        const started = performance.now();
        picture.addEventListener("load", () => done(performance.now() - started), { once: true });
        slider.value = 0.5;
        slider.dispatchEvent(new Event("input"));"""
    times = []
    for _ in range(5):
        page.slide(page.slider(1), 0)
        page.shows(labels=[1, 0, 0], seed=0)
        times.append(page.browser.execute_async_script(script, page.slider(1)))
    assert min(times) < 200, "milliseconds, on a machine that may be busy"


def test_waits_for_a_server_that_is_busy(troubled: Page) -> None:
    troubled.served.refusals = 1
    troubled.slide(troubled.slider(1), 1)
    wait_until(lambda: "The server is busy" in troubled["status"].text)
    refused = troubled.served.drawn[-1]
    wait_until(lambda: len(troubled.served.drawn) > 1 and troubled.served.drawn[-1] > refused)
    assert 0.9 < troubled.served.drawn[-1] - refused < 2, "the seconds of Retry-After"
    troubled.shows(labels=[1, 1, 0], seed=0)
    wait_until(lambda: troubled["status"].text == "")


def test_says_what_the_server_refuses(troubled: Page) -> None:
    troubled.run('window.fetch = async () => new Response(\'{"detail": "too many weights"}\', { status: 422 })')
    troubled.slide(troubled.slider(1), 1)
    wait_until(lambda: troubled["status"].text == "The server refused: too many weights")


def test_takes_up_another_checkpoint(browser: webdriver.Chrome) -> None:
    spec = ImageSpec(8, 12, 3, NAMES)
    served = Served(make_sampler(spec)).start()
    page = Page(browser, served)
    try:
        page.open()
        assert page["picture"].value_of_css_property("image-rendering") == "pixelated"
        assert page["picture"].size == {"width": 34 * 12, "height": 34 * 8}, "whole numbers of pixels, in 416"
        before = canvas(page, page.css("#strip button")[7])
        served.stop()
        page.slide(page.slider(1), 1)
        wait_until(lambda: "The server does not answer" in page["status"].text)
        assert page["picture"].is_displayed()
        served.app = create_app(make_sampler(spec, step=43))
        served.start()
        page.shows(labels=[1, 1, 0], seed=0)
        wait_until(lambda: "gan-00000043" in page["facts"].text and page["status"].text == "")
        expected = pixels(served.post("generate-image", {"labels": [0, 1, 0], "seed": 2}))
        assert not np.array_equal(before, expected)
        wait_until(lambda: np.array_equal(canvas(page, page.css("#strip button")[7]), expected))
    finally:
        served.close()


def test_takes_up_a_server_of_other_classes(browser: webdriver.Chrome) -> None:
    """Which refuses what the page asks for."""
    served = Served(make_sampler(ImageSpec(8, 8, 1, NAMES))).start()
    page = Page(browser, served)
    try:
        page.open("#weights=1:1&seed=7")
        served.stop()
        served.app = create_app(make_sampler(ImageSpec(8, 8, 1, ("a", "b"))))
        served.start()
        page.slide(page.slider(2), 1)
        wait_until(lambda: page.texts("#classes .name") == ["a", "b"])
        wait_until(lambda: page.caption() == "b, style of seed 7" and page["status"].text == "")
    finally:
        served.close()


def test_a_server_that_draws_one_image_a_request(
    browser: webdriver.Chrome, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does with large ones."""
    monkeypatch.setattr(schemas, "MOST_IMAGES", 1)
    with closing(Served(make_sampler(ImageSpec(8, 8, 1, NAMES))).start()) as served:
        page = Page(browser, served)
        page.open("#weights=2:1&seed=3&second=8")
        check_ends(page)
        assert page["status"].text == ""
        assert page.texts("#strip thead th") == ["Seed", "<b>bold</b>"]
        assert page["strip-hint"].text.endswith("2 more classes: filter for them.")
        page["filter"].send_keys("it's")
        wait_until(lambda: page.texts("#strip thead th") == ["Seed", "it's"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone(page: Page, scheme: str) -> None:
    as_phone(page.browser, scheme)
    try:
        page.open("#weights=0:1,1:0.5,2:0.25&seed=2147483647&second=2147483646&blend=0.5")
        assert page.run("return [innerWidth, document.documentElement.scrollWidth]") == [360, 360]
        page.run("scrollTo(0, 400)")
        height = "return document.querySelector('.drawing').offsetHeight"
        before = page.run(height)
        for slider in page.css("#classes input"):
            page.slide(slider, 0)
        wait_until(lambda: page["status"].text.startswith("All weights are zero"))
        assert page.run(height) == before, "the sliders do not move under the hand"
        page.slide(page.slider(1), 1)
        top = page.run("return document.getElementById('picture').getBoundingClientRect().top")
        assert 0 <= top < 100, "the image stays in sight of the sliders"
        for selector in (
            "body",
            ".hint",
            "#facts dt",
            "#status",
            "button.main",
            "a[href='docs']",
            "#command",
            "output",
        ):
            assert contrast(page, selector) >= 4.5, selector
        dark = luminance(page.run("return getComputedStyle(document.body).backgroundColor")) < 0.1
        assert dark == (scheme == "dark")
    finally:
        as_desktop(page.browser)


@pytest.fixture
def breeds(browser: webdriver.Chrome) -> Iterator[Page]:
    served = Served(make_sampler(ImageSpec(8, 16, 3, tuple(f"breed {number}" for number in range(1, 121))))).start()
    yield Page(browser, served)
    served.close()


def test_many_classes_have_a_filter(breeds: Page, quiet: None) -> None:
    breeds.open()
    assert len(breeds.css("#strip button")) == 100
    assert breeds["strip-hint"].text.endswith("Press an image to draw it. 100 more classes: filter for them.")
    assert breeds["strip"].value_of_css_property("writing-mode") == "horizontal-tb"
    assert breeds.css("#strip thead th")[1].value_of_css_property("writing-mode") == "vertical-rl"
    breeds.css("#classes .name")[49].click()
    wait_until(lambda: breeds.texts("#strip thead th")[-1] == "breed 50")
    wait_until(lambda: breeds.css("#strip [aria-current]"))
    breeds.css("#strip button")[21].click()
    wait_until(lambda: breeds.texts("#strip thead th")[-1] == "breed 20")
    assert breeds.run("return document.activeElement.ariaLabel") == "breed 2, style of seed 1", (
        "drawn anew, but focused"
    )
    breeds["filter"].send_keys("breed 7")
    wait_until(lambda: len(breeds.css("#strip button")) == 5 * 11)
    assert breeds["strip-hint"].text.endswith("Press an image to draw it.")
    shown = [item.text for item in breeds.css("#classes .name") if item.is_displayed()]
    assert shown[:2] == ["breed 7", "breed 70"]
    breeds.css("#strip button")[1].click()
    breeds.shows(labels=np.eye(120)[69].tolist(), seed=0)
    breeds["filter"].send_keys("x")
    wait_until(breeds["no-class"].is_displayed)
    breeds["filter"].clear()
    breeds["filter"].send_keys("1")
    breeds["even-mix"].click()
    wait_until(lambda: breeds.caption().endswith("at 1%, 116 more classes, style of seed 0"))
    breeds.shows(labels=[1] * 120, seed=0)


def test_many_classes_fit_a_phone(breeds: Page, quiet: None) -> None:
    as_phone(breeds.browser, "light")
    try:
        breeds.open()
        assert breeds.run("return [innerWidth, document.documentElement.scrollWidth]") == [360, 360]
    finally:
        as_desktop(breeds.browser)


def as_phone(browser: webdriver.Chrome, scheme: str) -> None:
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def as_desktop(browser: webdriver.Chrome) -> None:
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def shown_request(page: Page) -> Any:
    """The body of the command."""
    command = page["command"].text
    return json.loads(command[command.index("--data '") + len("--data '") : -1])


def copied(page: Page, button: str) -> str:
    """What is in the clipboard after this button."""
    permissions = {"origin": page.served.url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.browser.execute_cdp_cmd("Browser.grantPermissions", permissions)
    page[button].click()
    wait_until(lambda: page[button].text == "Copied")
    return str(page.browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])"))


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def canvas(page: Page, element: WebElement) -> np.ndarray:
    """The pixels of a canvas, or of the one in a button."""
    script = "const [e] = arguments; return (e.querySelector('canvas') ?? e).toDataURL().split(',')[1]"
    return pixels(base64.b64decode(page.run(script, element)))


def luminance(color: str) -> float:
    """Relative luminance, as WCAG defines it, of a CSS color `rgb(R, G, B)`."""
    values = np.array([float(part) for part in color[color.index("(") + 1 : -1].split(",")[:3]]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(page: Page, selector: str) -> float:
    """Of text on what is behind it."""
    script = """
        let element = document.querySelector(arguments[0]);
        const text = getComputedStyle(element).color;
        const background = () => getComputedStyle(element).backgroundColor;
        while (background() === "rgba(0, 0, 0, 0)") element = element.parentElement;
        return [text, background()];"""
    darker, lighter = sorted(luminance(color) for color in page.run(script, selector))
    return (lighter + 0.05) / (darker + 0.05)


def test_grid_gap_is_the_pages() -> None:
    tiles = (Path(__file__).parent.parent / "gan/serving/page/tiles.js").read_text()
    assert f"const GAP = {GRID_GAP};" in tiles
