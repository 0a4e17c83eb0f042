"""The API as its own OpenAPI document describes it, tried out by Schemathesis over a socket: no answer is 5xx.

Two thousand requests a run; `SERVING_CASES=20000 pytest -n 0 tests/test_serving_fuzz.py` makes more.
"""

import os
import threading
import time
import urllib.error
import urllib.request
from collections import Counter

import pytest
import schemathesis
import uvicorn
from helpers import TINY
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from gan.images import ImageSpec
from gan.models.generator import Generator
from gan.sampling import Sampler
from gan.serving.app import create_app
from gan.serving.server import bind, listen, url

pytestmark = pytest.mark.slow

CASES = int(os.environ.get("SERVING_CASES", "2000"))
SPEC = ImageSpec(8, 6, 3, ("dark", "middle", "bright"))


def drawing(address: str) -> bool:
    """Whether the network has drawn once: until then the answer is 503, as it should be."""
    try:
        with urllib.request.urlopen(f"{address}/readyz"):
            return True
    except urllib.error.HTTPError:
        return False


@pytest.fixture(scope="module")
def address():
    sampler = Sampler(Generator(SPEC, TINY), SPEC, noise_dims=6)
    with bind("127.0.0.1", 0) as listener:
        listen(listener)
        server = uvicorn.Server(uvicorn.Config(create_app(sampler), log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started or not drawing(url(listener)):
                time.sleep(0.01)
            yield url(listener)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def api(address):
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.parametrize(
    ("method", "path", "mode", "share"),
    [
        ("POST", "/api/generate-image", GenerationMode.POSITIVE, 0.15),
        ("POST", "/api/generate-image", GenerationMode.NEGATIVE, 0.25),
        ("POST", "/api/generate-images", GenerationMode.POSITIVE, 0.15),
        ("POST", "/api/generate-images", GenerationMode.NEGATIVE, 0.25),
        ("GET", "/api/styles/sample", GenerationMode.POSITIVE, 0.1),
        ("GET", "/api/styles/sample", GenerationMode.NEGATIVE, 0.1),
        # These take nothing that could be wrong.
        ("GET", "/api/model", GenerationMode.POSITIVE, 0.01),
        ("GET", "/healthz", GenerationMode.POSITIVE, 0.01),
        ("GET", "/readyz", GenerationMode.POSITIVE, 0.01),
        ("GET", "/metrics", GenerationMode.POSITIVE, 0.01),
    ],
)
def test_no_answer_is_5xx_or_undocumented(api, method, path, mode, share):
    """What the document allows is answered by 200, what it does not by 4xx, all as it says."""
    statuses = Counter()

    @settings(max_examples=int(CASES * share), suppress_health_check=list(HealthCheck), database=None)
    @given(api[path][method].as_strategy(generation_mode=mode))
    def attempt(case):
        statuses[case.call_and_validate().status_code] += 1

    attempt()
    assert max(statuses) < 500
    if mode == GenerationMode.POSITIVE:
        assert set(statuses) == {200}
