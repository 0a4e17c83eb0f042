import asyncio
import http.client
import io
import json
import re
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient
from helpers import TINY, BehindPrefix
from PIL import Image
from pydantic import ValidationError

from gan.images import GRID_GAP, ImageSpec, encode, grid
from gan.labels import one_hot
from gan.models.generator import Generator
from gan.sampling import Sampler, styles
from gan.serving import schemas
from gan.serving.app import create_app
from gan.serving.bodies import LONG_BODY, MOST_PARTS, JsonRequest
from gan.serving.middleware import Around
from gan.serving.server import bind, listen

SPEC = ImageSpec(8, 6, 3, ("dark", "middle", "bright"))
LABELS = [0.0, 1.0, 0.0]
WAIT = 20
JSON = {"Content-Type": "application/json"}
LARGEST_BODY = schemas.largest_body(SPEC, noise_dims=6)
MANY = ImageSpec(8, 6, 3, tuple(map(str, range(1000))))


@pytest.fixture(scope="module")
def sampler():
    return Sampler(
        Generator(SPEC, TINY),
        SPEC,
        noise_dims=6,
        scores={"fid": 2.5, "noise_floor": float("nan"), "by_class": [1.5, 2.5]},
    )


@contextmanager
def served(sampler, **options):
    """A client of a warm app."""
    with TestClient(create_app(sampler, **options)) as client:
        deadline = time.monotonic() + WAIT
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        yield client


@pytest.fixture(scope="module")
def client(sampler):
    with served(sampler) as client:
        yield client


class Stub:
    """A network that waits until it is let go; the spec is that of the tests."""

    noise_dims, path, step, scores = 6, None, 12, {}

    def __init__(self, *, spec=SPEC, error=None):
        self.spec, self.error = spec, error
        self.go, self.entered = threading.Event(), threading.Semaphore(0)

    def sample(self, labels, styles):
        self.entered.release()
        assert self.go.wait(WAIT)
        if self.error is not None and len(labels) != 1:
            raise self.error
        return np.zeros((len(labels), *SPEC.shape), np.uint8)


def pixels(content):
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


def alone(sampler, labels, z):
    return sampler.sample(np.asarray([labels], np.float32), np.asarray([z], np.float32))[0]


def test_the_model_says_what_it_is(client):
    model = client.get("/api/model").json()
    assert model == {
        "image": {"height": 8, "width": 6, "channels": 3},
        "classes": ["dark", "middle", "bright"],
        "style_size": 6,
        "checkpoint": "unsaved",
        "step": 0,
        "scores": {"fid": 2.5, "noise_floor": None, "by_class": [1.5, 2.5]},
        "limits": {"images": 100, "seed": 2147483647, "style": 10.0, "body": 161024, "queue": 1024},
    }


def test_an_image_is_the_one_that_generate_draws(client, sampler):
    answer = client.post("/api/generate-image", json={"labels": LABELS, "seed": 7})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert (answer.headers["x-checkpoint"], answer.headers["x-seed"]) == ("unsaved", "7")
    z = styles(6, seed=7, numbers=[1])
    expected = sampler.sample(one_hot([1], 3), z)[0]
    assert answer.content == encode(expected, "png")
    by_style = {"labels": [0, 5, 0], "style": client.get("/api/styles/sample", params={"seed": 7}).json()["style"]}
    again = client.post("/api/generate-image", json=by_style)
    assert again.content == answer.content
    assert "x-seed" not in again.headers
    jpeg = client.post("/api/generate-image", json={"labels": LABELS, "seed": 7, "format": "jpeg"})
    assert (jpeg.content, jpeg.headers["content-type"]) == (encode(expected, "jpg"), "image/jpeg")


def test_without_style_and_seed_the_seed_is_0(client):
    answers = [client.post("/api/generate-image", json={"labels": LABELS, **more}) for more in ({}, {"seed": None})]
    answers.append(client.post("/api/generate-image", json={"labels": LABELS, "seed": 0, "style": None}))
    answers.append(client.post("/api/generate-image", content=invalid(seed=0.0), headers=JSON))
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["x-seed"] for answer in answers} == {"0"}


@pytest.mark.parametrize("weights", [[1, 1, 0], [1e308, 1e308, 0], [5e-324, 5e-324, 0.0], [1e-30, 1e-30, -0.0]])
def test_weights_are_divided_by_their_sum_whatever_their_size(client, sampler, weights):
    answer = client.post("/api/generate-image", json={"labels": weights})
    expected = alone(sampler, [0.5, 0.5, 0], styles(6, seed=0, numbers=[1])[0])
    np.testing.assert_array_equal(pixels(answer.content), expected)


def test_several_images_are_a_grid_or_an_archive(client, sampler):
    images = [{"labels": LABELS, "seed": seed} for seed in range(5)]
    expected = sampler.sample(one_hot([1] * 5, 3), np.stack([styles(6, seed=s, numbers=[1])[0] for s in range(5)]))
    square = client.post("/api/generate-images", json={"images": images})
    assert square.content == encode(grid(expected, columns=3), "png")
    assert square.headers["x-checkpoint"] == "unsaved"
    row = client.post("/api/generate-images", json={"images": images, "columns": 5, "format": "jpeg"})
    assert (row.content, row.headers["content-type"]) == (encode(grid(expected, columns=5), "jpg"), "image/jpeg")
    archive = client.post("/api/generate-images", json={"images": images, "as": "zip"})
    assert archive.headers["content-type"] == "application/zip"
    assert archive.content == client.post("/api/generate-images", json={"images": images, "as": "zip"}).content
    with zipfile.ZipFile(io.BytesIO(archive.content)) as file:
        assert file.namelist() == [f"{number}.png" for number in range(1, 6)]
        assert [file.read(name) for name in file.namelist()] == [encode(image, "png") for image in expected]


@pytest.mark.parametrize(("height", "width"), [(4, 4), (1024, 1024), (1024, 4), (4, 1024), (256, 256)])
def test_a_grid_of_the_most_images_is_one_that_every_format_has(height, width):
    most = schemas.most_images(ImageSpec(height, width, 3, ("a",)))
    assert 1 <= most <= 100
    assert most * (max(height, width) + GRID_GAP) + GRID_GAP <= 65_500
    assert most * height * width <= 2**21


def test_concurrent_answers_are_those_drawn_alone(client, sampler):
    rng = np.random.default_rng(0)
    weights = rng.random((60, 3)).round(3).tolist()

    def ask(number):
        return client.post("/api/generate-image", json={"labels": weights[number], "seed": number})

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(60)))
    for number, answer in enumerate(answers):
        choice = schemas.Choice.model_validate({"labels": weights[number]})
        expected = alone(sampler, choice.label_vector(), styles(6, seed=number, numbers=[1])[0])
        assert answer.content == encode(expected, "png")


def invalid(**changes):
    return json.dumps({"labels": LABELS, **changes})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (invalid(labels=[1, 0]), "labels has 2 weights; expected 3, one a class"),
        (invalid(labels=[1] * 9), "labels has 9 weights; expected 3, one a class"),
        (invalid(labels=[0, 0, 0.0]), "labels are all 0; expected at least one weight above 0"),
        (invalid(labels=[1, -1, 0]), "labels[1] is -1; expected at least 0"),
        ('{"labels": [1, 0, NaN]}', "labels[2] is nan; expected a finite number"),
        ('{"labels": [1, -Infinity, 0]}', "labels[1] is -inf; expected a finite number"),
        ('{"labels": [1e999, 0, 0]}', "labels[0] is inf; expected a finite number"),
        (f'{{"labels": [1{"0" * 400}, 0, 0]}}', "labels[0] is a number too large; expected a number"),
        (f'{{"labels": [1{"0" * 9000}, 0, 0]}}', "the body cannot be read as JSON: it is too deep, "),
        (invalid(labels=[True, 0, 0]), "labels[0] is true or false; expected a number"),
        (invalid(labels=["1", 0, 0]), "labels[0] is '1'; expected a number"),
        (invalid(labels={"0": 1}), "labels is an object; expected a list"),
        ("{}", "labels is missing; the page docs shows what is expected"),
        (invalid(style=[1.0] * 5), "style has 5 numbers; expected 6"),
        (invalid(style=[1.0] * 5 + [10.5]), "style[5] is 10.5; expected at most 10"),
        ('{"labels": [1, 0, 0], "style": [0, 0, 0, 0, 0, NaN]}', "style[5] is nan; expected a finite number"),
        (invalid(style=[0.0] * 6, seed=1), "style and seed are both given; expected one of them"),
        (invalid(seed=-1), "seed is -1; expected at least 0"),
        (invalid(seed=2**31), "seed is 2147483648; expected at most 2147483647"),
        (invalid(seed=1.5), "seed is 1.5; expected an integer"),
        (invalid(seed="7"), "seed is '7'; expected an integer"),
        (invalid(seed=False), "seed is true or false; expected an integer"),
        (invalid(format="gif"), "format is 'gif'; expected 'png' or 'jpeg'"),
        (invalid(format="x" * 100_000), "format is text; expected 'png' or 'jpeg'"),
        (invalid(sead=1), "'sead' is not known; expected labels, style, seed, format"),
        ('{"\\ud800\\n": 1}', "'\\ud800\\n' is not known; expected labels"),
        (invalid(**{"": 1}), "'' is not known; expected labels, style, seed, format"),
        ('{"labels": [1, 0, 0], "seed": 1, "seed": 2}', "the body has 'seed' 2 times in an object; expected it once"),
        (
            f'{{"labels": [1, 0, 0]{", {0}: 1" * 9}}}'.replace("{0}", '"\\ud800\\n"'),
            "the body has '\\ud800\\n' 9 times",
        ),
        (invalid().encode("utf-16"), "the body cannot be read as JSON"),
        ('{"labels": [1, 0, 0], "format": "\\ud800"}', "format"),
        ("[]", "the body is a list; expected an object"),
        ("null", "labels is missing"),
        ("", "the body"),
        ("{", "the body is not JSON: Expecting property name enclosed in double quotes at character 1"),
        ("[" * 100_000, "the body cannot be read as JSON: it is too deep"),
        (b'{"labels": "\xff"}', "the body cannot be read as JSON"),
    ],
)
def test_bad_input_is_one_line(client, body, message):
    answer = client.post("/api/generate-image", content=body, headers=JSON)
    assert answer.status_code == 422
    assert set(answer.json()) == {"detail"}
    if body != "null":
        assert answer.json()["detail"].startswith(message)
    assert len(answer.content) < 400
    assert "\n" not in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"images": []}, "images has 0 images; expected at least 1"),
        ({"images": [{"labels": LABELS}] * 101}, "images has 101 images; expected at most 100"),
        ({"images": [{"labels": LABELS}, {"labels": [1]}]}, "images[1].labels has 1 weights; expected 3"),
        ({"images": [{"labels": LABELS}, {"labels": [0, 0, 0]}]}, "images[1]: labels are all 0;"),
        ({"images": [{"labels": LABELS, "seed": 1, "style": [0] * 6}]}, "images[0]: style and seed are both given"),
        ({"images": [{"labels": LABELS, "format": "png"}]}, "images[0]: 'format' is not known"),
        ({"images": [{"labels": LABELS}], "columns": 0}, "columns is 0; expected at least 1"),
        ({"images": [{"labels": LABELS}], "columns": 101}, "columns is 101; expected at most 100"),
        ({"images": [{"labels": LABELS}], "as": "tar"}, "as is 'tar'; expected 'grid' or 'zip'"),
        (
            {"images": [{"labels": LABELS}], "as": "zip", "columns": 5},
            "columns are given, and as is zip, which has none",
        ),
        ({"images": [{"labels": LABELS}], "form": "zip"}, "'form' is not known; expected images, as, columns, format"),
    ],
)
def test_bad_input_for_several_images_names_the_image(client, body, message):
    answer = client.post("/api/generate-images", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(message)


@pytest.mark.parametrize(
    "seed",
    ["", "x", "-1", "1_0", " 10", "2147483648", "1.5", "NaN", "9" * 5000, "\ud800".encode("utf-8", "surrogatepass")],
)
def test_a_seed_that_is_none_is_refused(client, seed):
    answer = client.get("/api/styles/sample", params={"seed": seed})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("seed is ")
    assert client.get("/api/styles/sample").json()["detail"].startswith("seed is missing")


@pytest.mark.parametrize(
    ("method", "path", "detail"),
    [
        ("POST", "generate-image?format=jpeg&seed=5", "the query has 'format'; expected none: the body says all"),
        ("POST", "generate-images?%0a=", "the query has '\\n'; expected none: the body says all"),
        ("GET", "styles/sample?seed=7&sead=8", "the query has 'sead'; expected only seed"),
        ("GET", "styles/sample?seed=7&seed=7", "the query has seed 2 times; expected it once"),
    ],
)
def test_a_query_that_would_be_ignored_is_refused(client, method, path, detail):
    body = {"labels": LABELS} if path.startswith("generate-image?") else {"images": [{"labels": LABELS}]}
    answer = client.request(method, f"/api/{path}", json=body if method == "POST" else None)
    assert (answer.status_code, answer.json()) == (422, {"detail": detail})


def test_what_takes_nothing_ignores_a_query(client):
    """Such as one that keeps a cache away."""
    for path in ("/", "/api/model", "/healthz", "/metrics"):
        assert client.get(f"{path}?now=1").status_code == 200


def test_a_long_body_with_a_key_twice_is_refused_too():
    body = f'{{"labels": [{"1," * LONG_BODY}1], "labels": [1]}}'
    with TestClient(create_app(Stub(spec=MANY), warm=True)) as client:
        answer = client.post("/api/generate-image", content=body, headers=JSON)
    assert answer.json() == {"detail": "the body has 'labels' 2 times in an object; expected it once"}


def test_a_million_errors_are_answered_as_quickly_as_one():
    wrong = "[" + ",".join(['"a"'] * 1_000_000) + "]"
    keys = ",".join(f'"k{number}":0' for number in range(300_000))
    with TestClient(create_app(Stub(spec=MANY), warm=True)) as client:
        for body in (
            f'{{"labels": {wrong}}}',
            f"{{{keys}}}",
            f'{{"":0,{keys}}}',
            f'{{"images": {wrong}}}',
            f'{{"labels": [{"1," * 1_999_999}1]}}',
            f'{{"labels": [{"[]," * 1_999_999}1]}}',
            f'{{"labels": [{"{}," * 1_999_999}1]}}',
        ):
            started = time.process_time()
            path = "/api/generate-images" if "images" in body[:10] else "/api/generate-image"
            answer = client.post(path, content=body, headers=JSON)
            assert answer.status_code == 422
            assert len(answer.content) < 300
            assert time.process_time() - started < 1


def longest(spec):
    """The longest request for 6 style numbers that a client writes: double precision, indented by eight."""
    labels, style = [2.2250738585072014e-308] * spec.num_classes, [-2.2250738585072014e-308] * 6
    images = [{"labels": labels, "style": style}] * schemas.most_images(spec)
    return json.dumps({"images": images, "as": "grid", "columns": 100, "format": "jpeg"}, indent=8).encode()


@pytest.mark.parametrize("classes", [1, 3, 1000])
def test_the_longest_request_is_answered(classes):
    spec = replace(SPEC, class_names=MANY.class_names[:classes])
    stub = Stub(spec=spec)
    stub.go.set()
    body = longest(spec)
    with TestClient(create_app(stub, warm=True)) as client:
        limit = client.get("/api/model").json()["limits"]["body"]
        assert len(body) <= limit <= 4 * len(body)
        answer = client.post("/api/generate-images", content=body, headers=JSON)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")


def test_a_long_body_does_not_keep_others_waiting():
    """A parser in another thread is not enough: it has to let this one run."""
    body = longest(MANY)
    assert len(body) > 4 * LONG_BODY

    async def receive():
        return {"type": "http.request", "body": body}

    async def longest_wait():
        """Of the loop, as a share of the time that reading takes."""
        times = [time.perf_counter()]
        reading = asyncio.create_task(JsonRequest({"type": "http", "headers": []}, receive).json())
        while not reading.done():
            await asyncio.sleep(0)
            times.append(time.perf_counter())
        assert await reading == json.loads(body)
        return max(np.diff(times)) / (times[-1] - times[0])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        assert min(asyncio.run(longest_wait()) for _ in range(5)) < 0.3
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("part", ["[]", "{}"])
def test_more_parts_than_a_request_has_are_not_read(client, part):
    for count in (MOST_PARTS - 9, MOST_PARTS):
        content = f'{{"labels": [{",".join([part] * count)}]}}'
        answer = client.post("/api/generate-image", content=content, headers=JSON)
        few = "labels[0] is a"
        many = "the body cannot be read as JSON: it is too deep, has too many parts"
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith(few if count < MOST_PARTS else many)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("one", {"labels": ["a"] * 3}),
        ("one", {"labels": ["a"] * 1000}),
        ("one", {"labels": LABELS, "style": ["a"] * 6}),
        ("one", {f"key{number}": 0 for number in range(1000)}),
        ("many", {f"key{number}": 0 for number in range(1000)}),
        ("many", {"images": ["a"] * 100}),
    ],
)
def test_the_first_error_ends_the_search(kind, body):
    with pytest.raises(ValidationError) as caught:
        getattr(schemas.make_schemas(SPEC, noise_dims=6), kind).model_validate(body)
    assert caught.value.error_count() == 1


@pytest.mark.parametrize("path", ["/", "/docs", "/api/model", "/api/generate-image", "/healthz", "/readyz", "/metrics"])
def test_a_request_to_another_name_is_one_line_whatever_it_asks_for(sampler, path):
    client = TestClient(create_app(sampler, warm=True, host_names=["localhost", "[::1]", "gan.example.org"]))
    known = ["localhost", "LOCALHOST:8080", "[::1]", "[::1]:8080", "gan.example.org:", "Gan.example.org:443"]
    assert 421 not in [client.get(path, headers={"Host": host}).status_code for host in known]
    others = ["", "evil.example", "127.0.0.1", "::1", "localhost.evil.example", "x@localhost", "localhost:x", "[::1"]
    for host in [*others, "a" * 60_000]:
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 421
        assert answer.json()["detail"].startswith(f"the header Host is '{host[:40]}")
        assert answer.json()["detail"].endswith(
            "; expected localhost, [::1], gan.example.org: ./serve.py --allow-host NAME adds a name"
        )
        assert len(answer.content) < 300
        assert "frame-ancestors" in answer.headers["content-security-policy"]


def test_a_large_body_is_not_read(client):
    for path in ("/api/generate-image", "/healthz", "/nothing"):
        answer = client.post(path, content=b" " * (LARGEST_BODY + 1), headers=JSON)
        assert answer.status_code == 413
        assert answer.json() == {"detail": "the body is too large; api/model has the limits"}


def test_a_stream_is_read_as_far_as_a_body_may_be_long():
    app = create_app(Stub())
    read, sent = 0, []

    async def receive():
        nonlocal read
        read += 2**12
        assert read < 2 * LARGEST_BODY
        return {"type": "http.request", "body": b" " * 2**12, "more_body": True}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/api/generate-image", "raw_path": b"", "query_string": b"",
        "headers": [(b"content-type", b"application/json")], "http_version": "1.1", "scheme": "http", "root_path": "",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert b"".join(message.get("body", b"") for message in sent).startswith(b'{"detail":"the body is too large')
    assert read - 2**12 <= LARGEST_BODY < read


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/generate-image", 405),
        ("PUT", "/api/generate-images", 405),
        ("POST", "/api/model", 405),
        ("DELETE", "/", 405),
        ("POST", "/docs", 405),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
        ("GET", "/docs/swagger/..%2f..%2f__init__.py", 404),
        ("GET", "/docs/swagger/%2e%2e/core.py", 404),
        ("GET", "/page/index.html", 404),
        ("GET", "/app.py", 404),
        ("GET", "/%ff%00", 404),
    ],
)
def test_what_is_not_there_is_one_line(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"detail"}


ANSWERED = [
    *("/", "/index.html", "/page.css", "/docs", "/docs/", "/docs/docs.js", "/docs/swagger/swagger-ui.css"),
    *("/openapi.json", "/api/model", "/api/styles/sample?seed=7", "/api/styles/sample", "/healthz", "/readyz"),
    *("/metrics", "/nothing", "/api/generate-image"),
]


@pytest.mark.parametrize("path", ANSWERED)
def test_head_is_answered_as_get_is_without_the_body(client, path):
    """So do probes ask, such as `curl -I`."""
    got, head = (client.request(method, path, follow_redirects=False) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (got.status_code, b"")
    if path == "/metrics":  # It grows, and its numbers are others at each request, longer or shorter.
        assert int(head.headers["content-length"]) > 0.9 * len(got.content)
    else:
        assert head.headers == got.headers and int(head.headers["content-length"]) == len(got.content)


def test_head_is_counted_as_get_is_and_has_no_body_on_a_socket(sampler):
    with ExitStack() as stack:
        port = stack.enter_context(over_sockets(create_app(sampler, warm=True)))
        connection = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)))
        for method in ("HEAD", "GET", "HEAD", "GET"):  # A body that nobody reads would be taken for an answer.
            connection.request(method, "/healthz")
            answer = connection.getresponse()
            assert (answer.status, answer.headers["Content-Length"]) == (200, "18")
            assert answer.read() == (b'{"status":"alive"}' if method == "GET" else b"")
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    assert 'gan_requests_total{path="/healthz",status="200"} 4.0' in text


@pytest.mark.parametrize("method", ["OPTIONS", "DELETE", "PATCH"])
def test_another_method_is_told_which_there_are(client, method):
    for path in ANSWERED:
        answer = client.request(method, path, follow_redirects=True)
        if path == "/nothing":
            assert answer.status_code == 404
        else:
            allowed = "POST" if path == "/api/generate-image" else "GET, HEAD"
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
            assert answer.json()["detail"] == f"{method} is not possible here; expected {allowed}"


def links(text):
    """What a page, a style sheet or a script loads from this server or leads to."""
    return re.findall(r"""\b(?:href|src)="([^"#]+)"|\bfrom "(\.[^"]+)"|\burl\((?!data:)([^)]+)\)""", text)


def test_all_that_the_pages_load_and_lead_to_is_found_behind_a_prefix(sampler):
    """Which a proxy takes off each path, without a setting of the server's."""
    with TestClient(BehindPrefix(create_app(sampler, warm=True))) as client:
        found, seen = ["/gan/", "/gan/docs", "/gan/docs/"], set()
        while found:
            path = found.pop()
            answer = client.get(path)  # Redirects are followed: one out of the prefix fails.
            assert answer.status_code == 200, path
            seen.add(answer.url.path)
            if "swagger" not in path and re.search("html|css|javascript", answer.headers["content-type"]):
                more = {urljoin(answer.url.path, link) for parts in links(answer.text) for link in parts if link}
                found += more - seen
        (document,) = re.findall('url: "([^"]+)"', client.get("/gan/docs/docs.js").text)
        assert urljoin("/gan/docs", document) == "/gan/openapi.json"
        assert {"/gan/docs/swagger/swagger-ui-bundle.js", "/gan/tiles.js", "/gan/page.css"} <= seen
        (server,) = client.get("/gan/openapi.json").json()["servers"]
        assert urljoin("http://there/gan/openapi.json", server["url"]) == "http://there/gan/"


@pytest.mark.parametrize(
    ("path", "status"),
    [("healthz/", 200), ("api/model/", 200), ("api/styles/sample/?seed=7", 200), ("docs/swagger", 404)],
)
def test_a_slash_too_many_or_too_few_leads_to_what_is_there_behind_a_prefix(sampler, path, status):
    with TestClient(BehindPrefix(create_app(sampler, warm=True))) as client:
        answer = client.get(f"/gan/{path}")
        assert (answer.status_code, len(answer.history)) == (status, 1)
        assert urlsplit(answer.history[0].headers["location"]).netloc == ""
        posted = client.post("/gan/api/generate-image/", json={"labels": LABELS})
        assert (posted.status_code, posted.headers["content-type"]) == (200, "image/png")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "nothing"), ("POST", "api/generate-image"), ("GET", "api/styles/sample")]
)
def test_no_error_names_a_place_that_a_prefix_moves(client, method, path):
    detail = client.request(method, f"/{path}").json()["detail"]
    assert "the page docs shows what" in detail or "seed is missing" in detail
    assert "/" not in detail


def test_another_content_type_is_refused(client):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "a;;b"):
        answer = client.post("/api/generate-image", content=invalid(), headers={"Content-Type": kind})
        assert answer.status_code == 422
        assert "expected the header Content-Type: application/json" in answer.json()["detail"]


def test_a_full_queue_and_a_cold_model_are_503():
    stub = Stub()
    with TestClient(create_app(stub, queue_images=100)) as client, ThreadPoolExecutor(8) as pool:
        try:
            assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "alive"})
            assert (client.get("/readyz").status_code, client.get("/readyz").json()) == (503, {"status": "loading"})
            cold = client.post("/api/generate-image", json={"labels": LABELS})
            assert (cold.status_code, cold.headers["retry-after"]) == (503, "1")
            stub.go.set()
            while client.get("/readyz").status_code != 200:
                time.sleep(0.005)
            stub.go.clear()
            assert stub.entered.acquire(timeout=WAIT)
            held = pool.submit(client.post, "/api/generate-image", json={"labels": LABELS})
            assert stub.entered.acquire(timeout=WAIT)
            many = {"images": [{"labels": LABELS}] * 99}
            waiting = pool.submit(client.post, "/api/generate-images", json=many)
            while "gan_waiting_images 99.0" not in client.get("/metrics").text:
                time.sleep(0.005)
            full = client.post("/api/generate-images", json={"images": [{"labels": LABELS}] * 2})
            assert (full.status_code, full.headers["retry-after"]) == (503, "1")
            assert full.json() == {"detail": "99 images wait already, of at most 100; ask again later"}
            last = pool.submit(client.post, "/api/generate-image", json={"labels": LABELS})
        finally:
            stub.go.set()
        assert [answer.result(WAIT).status_code for answer in (held, waiting, last)] == [200, 200, 200]


@contextmanager
def over_sockets(app):
    """The port of an app that uvicorn serves."""
    with bind("127.0.0.1", 0) as listener:
        listen(listener)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def test_a_client_that_hangs_up_frees_its_places_in_the_queue():
    stub, many = Stub(), {"images": [{"labels": LABELS}] * 100}

    def ask(path, body=None):
        """A connection that waits for an answer."""
        connection = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)))
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, JSON)
        return connection

    def answered(connection):
        with connection.getresponse() as answer:
            return answer.status, answer.read().decode(errors="replace")

    def eventually(line):
        deadline = time.monotonic() + WAIT / 2
        while line not in answered(ask("/metrics"))[1]:
            assert time.monotonic() < deadline, line
            time.sleep(0.005)

    with ExitStack() as stack, over_sockets(create_app(stub, queue_images=100, warm=True)) as port:
        try:
            drawn = ask("/api/generate-image", {"labels": LABELS})
            assert stub.entered.acquire(timeout=WAIT)
            unwanted = ask("/api/generate-images", many)
            eventually("gan_waiting_images 100.0")
            assert answered(ask("/api/generate-image", {"labels": LABELS}))[0] == 503
            unwanted.close()
            eventually("gan_waiting_images 0.0")
            eventually('gan_requests_total{path="/api/generate-images",status="499"} 1.0')
            wanted = ask("/api/generate-images", many)
            eventually("gan_waiting_images 100.0")
        finally:
            stub.go.set()
        assert [answered(connection)[0] for connection in (drawn, wanted)] == [200, 200]
        assert "gan_images_total 101.0" in answered(ask("/metrics"))[1]


def test_a_failed_network_call_is_500_and_the_next_is_not():
    stub = Stub(error=FloatingPointError("the images hold NaN\nor infinity" + 1000 * "."))
    stub.go.set()
    with served(stub) as client:
        answer = client.post("/api/generate-images", json={"images": [{"labels": LABELS}] * 2})
        assert answer.status_code == 500
        assert answer.json()["detail"].startswith("the network failed: the images hold NaN\\nor infinity...")
        assert len(answer.content) < 400
        assert client.post("/api/generate-image", json={"labels": LABELS}).status_code == 200


def test_when_the_network_is_gone_the_probes_say_so_and_nobody_waits(caplog):
    stub = Stub(error=SystemExit("the end"))
    many = {"images": [{"labels": LABELS}] * 2}
    with TestClient(create_app(stub, warm=True)) as client, ThreadPoolExecutor(2) as pool:
        try:
            asked = [pool.submit(client.post, "/api/generate-images", json=many)]
            assert stub.entered.acquire(timeout=WAIT)
            asked.append(pool.submit(client.post, "/api/generate-image", json={"labels": LABELS}))
            while "gan_waiting_images 1.0" not in client.get("/metrics").text:
                time.sleep(0.005)
            assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
        finally:
            stub.go.set()
        answers = [answer.result(WAIT) for answer in asked]
        answers.append(client.post("/api/generate-image", json={"labels": LABELS}))
        for answer in answers:
            assert answer.status_code == 500
            assert answer.json() == {
                "detail": "the server draws no more images, see its log; it has to be started anew"
            }
        for path in ("/healthz", "/readyz"):
            assert (client.get(path).status_code, client.get(path).json()) == (503, {"status": "broken"})
        assert client.get("/api/model").status_code == 200
        assert "gan_waiting_images 0.0" in client.get("/metrics").text
    assert "SystemExit: the end" in caplog.text
    assert len(caplog.records) == 1


def test_metrics_count_requests_images_and_calls(sampler):
    with served(sampler) as client:
        for seed in range(3):
            client.post("/api/generate-image", json={"labels": LABELS, "seed": seed})
        client.post("/api/generate-images", json={"images": [{"labels": LABELS}] * 5})
        client.post("/api/generate-image", json={})
        client.get("/stranger")
        client.get("/")
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    for line in (
        'gan_requests_total{path="/api/generate-image",status="200"} 3.0',
        'gan_requests_total{path="/api/generate-image",status="422"} 1.0',
        'gan_requests_total{path="other",status="404"} 1.0',
        'gan_requests_total{path="page",status="200"} 1.0',
        'gan_request_seconds_count{path="/api/generate-image"} 4.0',
        "gan_images_total 8.0",
        "gan_batch_images_count 4.0",
        'gan_batch_images_bucket{le="1.0"} 3.0',
        "gan_waiting_images 0.0",
        "gan_checkpoint_step 0.0",
    ):
        assert line in answer.text.splitlines()
    assert "stranger" not in answer.text


def test_two_apps_share_nothing(sampler):
    with served(sampler) as one, served(sampler) as two:
        one.post("/api/generate-image", json={"labels": LABELS})
        assert "gan_images_total 1.0" in one.get("/metrics").text
        assert "gan_images_total 0.0" in two.get("/metrics").text


def test_the_page_and_the_docs_load_nothing_from_elsewhere(client):
    for path in ("/", "/index.html", "/docs", "/docs/docs.js", "/docs/swagger/swagger-ui-bundle.js", "/nothing"):
        answer = client.get(path)
        assert answer.status_code == (404 if path == "/nothing" else 200)
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy == {
            "default-src": "'self'",
            "img-src": "'self' blob: data:",
            "object-src": "'none'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    page = client.get("/docs").text
    assert "//" not in page.replace("<!doctype html>", "")
    assert "<script>" not in page
    for path in ("/", "/docs", "/docs/docs.js", "/docs/swagger/swagger-ui.css"):
        tag = client.get(path).headers["etag"]
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_every_limit_is_in_the_schema(client):
    document = client.get("/openapi.json").json()
    parts = document["components"]["schemas"]
    labels = parts["OneImage"]["properties"]["labels"]
    assert (labels["minItems"], labels["maxItems"], labels["items"]["minimum"]) == (3, 3, 0)
    assert labels["contains"] == {"type": "number", "exclusiveMinimum": 0}
    assert "in this order: dark, middle, bright" in labels["description"]
    style = parts["Choice"]["properties"]["style"]["anyOf"][0]
    assert (style["minItems"], style["maxItems"]) == (6, 6)
    assert (style["items"]["minimum"], style["items"]["maximum"]) == (-10, 10)
    seed = parts["Choice"]["properties"]["seed"]["anyOf"][0]
    assert (seed["minimum"], seed["maximum"]) == (0, 2147483647)
    assert (parts["ManyImages"]["properties"]["images"]["maxItems"]) == 100
    assert parts["ManyImages"]["properties"]["columns"]["anyOf"][0]["maximum"] == 100
    assert all(parts[name]["additionalProperties"] is False for name in ("Choice", "OneImage", "ManyImages"))
    (asked,) = document["paths"]["/api/styles/sample"]["get"]["parameters"]
    assert (asked["schema"]["minimum"], asked["schema"]["maximum"]) == (0, 2147483647)
    assert "HTTPValidationError" not in parts
    for path in ("/api/generate-image", "/api/generate-images"):
        answers = document["paths"][path]["post"]["responses"]
        assert answers["422"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
        assert set(answers) == {"200", "413", "422", "500", "503"}


def test_the_examples_of_the_docs_work(client):
    document = client.get("/openapi.json").json()
    for path in ("/api/generate-image", "/api/generate-images"):
        found = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
        assert len(found) >= 2
        for example in found.values():
            assert client.post(path, json=example["value"]).status_code == 200


def test_a_model_of_one_class_and_one_number_is_served():
    spec = ImageSpec(4, 4, 1, ("a\nb",))
    config = replace(TINY, noise_dims=1)
    with served(Sampler(Generator(spec, config), spec, noise_dims=1)) as client:
        assert client.post("/api/generate-image", json={"labels": [3], "style": [0.5]}).status_code == 200
        assert client.get("/openapi.json").status_code == 200


def test_a_request_that_is_given_up_is_one_line(caplog):
    """As uvicorn does with those that are still coming in when it has waited for them."""
    observed, sent = [], []

    async def given_up(*_):
        raise asyncio.CancelledError

    async def send(message):
        sent.append(message)

    around = Around(given_up, largest_body=1, observe=lambda *seen: observed.append(seen))
    asyncio.run(around({"type": "http", "path": "/api/generate-image", "headers": []}, None, send))
    assert caplog.messages == ["a request to /api/generate-image was given up: it had not come in by the end"]
    assert sent[0]["status"] == 503 and sent[1]["body"] == b'{"detail":"the server is shutting down; ask another one"}'
    assert [status for _, status, _ in observed] == [503]
