"""The API as its own OpenAPI document describes it, tried out by Schemathesis over a socket: no answer is 5xx.

Two thousand requests a run; `SERVING_CASES=20000 pytest -n 0 tests/test_serving_fuzz.py` makes more.
"""

import os
import threading
import time

import pytest
import schemathesis
import uvicorn
from helpers import TINY
from hypothesis import HealthCheck, settings
from schemathesis import checks

from gan.images import ImageSpec
from gan.models.generator import Generator
from gan.sampling import Sampler
from gan.serving.app import create_app
from gan.serving.running import bind, listen, url

CASES = int(os.environ.get("SERVING_CASES", "2000"))
SPEC = ImageSpec(8, 6, 3, ("dark", "middle", "bright"))
DRAWING = ("/api/generate-image", "/api/generate-images")


@pytest.fixture(scope="module")
def address():
    sampler = Sampler(Generator(SPEC, TINY), SPEC, noise_dims=6)
    with bind("127.0.0.1", 0) as listener:
        listen(listener)
        server = uvicorn.Server(uvicorn.Config(create_app(sampler), log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield url(listener)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def counted():
    statuses: list[int] = []
    yield statuses


@pytest.fixture(scope="module")
def api(address):
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


document = schemathesis.pytest.from_fixture("api")
