"""`./serve.py` as a process: what it says, how it ends, and what it picks up."""

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers import TINY, clean_environment

from gan import checkpoints
from gan.checkpoints import About
from gan.images import ImageSpec, encode
from gan.labels import one_hot
from gan.models.generator import Generator
from gan.sampling import Sampler, styles
from gan.serving.server import bind, host_names

ROOT = Path(__file__).parents[1]
SPEC = ImageSpec(8, 8, 1, ("dark", "middle", "bright"))
WAIT = 60
SCORES = {"fid": 2.5, "noise_floor": 0.5, "accuracy": 0.75, "samples": 24, "classifier": "0123456789ab"}


def save(directory, step, *, spec=SPEC, scores=SCORES):
    """A checkpoint of random weights; others at every call."""
    about = About("gan", step, spec, TINY, data="", scores=scores)
    return checkpoints.save(directory, about, {"average": Generator(spec, TINY)}, keep=9)


def command(*arguments):
    return [sys.executable, str(ROOT / "serve.py"), *map(str, arguments)]


@contextmanager
def running(*arguments):
    """A server on a free port, its address, and a list that its lines come into."""
    process = subprocess.Popen(
        command("-p", 0, *arguments), env=clean_environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(process.stderr))
    try:
        first = process.stderr.readline()
        assert first.startswith("http://127.0.0.1:"), first + process.stderr.read()
        lines.append(first)
        reader.start()
        yield process, first.split()[0], lines
    finally:
        process.kill()
        process.communicate()


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=WAIT) as answer:
        return answer.status, answer.headers, answer.read()


def eventually(condition):
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_says_where_and_draws_what_generate_would(tmp_path):
    save(tmp_path, 7)
    with running("--load-dir", tmp_path) as (process, url, lines):
        assert re.fullmatch(
            r"http://127\.0\.0\.1:\d+ serves gan-00000007: FID 2\.500 \(5\.0x the noise floor 0\.500\).*\n", lines[0]
        )
        status, headers, content = ask(f"{url}/api/generate-image", {"labels": [0, 1, 0], "seed": 3})
        assert (status, headers["X-Checkpoint"]) == (200, "gan-00000007")
        drawn = Sampler.from_checkpoint(tmp_path).sample(one_hot([1], 3), styles(6, seed=3, numbers=[1]))
        assert content == encode(drawn[0], "png")
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT) == 0
    assert len(lines) == 1


def begin(url, body):
    """A connection with a request that the server waits for the body of."""
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=WAIT)
    head = "POST /api/generate-images HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
    assert b"100 Continue" in connection.recv(1000)
    return connection


def test_a_second_ctrl_c_ends_it_at_once_without_a_traceback(tmp_path):
    save(tmp_path, 7)
    with running("--load-dir", tmp_path) as (process, url, lines), begin(url, b"{}"):
        process.send_signal(signal.SIGINT)
        eventually(lambda: refused(url))
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT) == 130
        eventually(lambda: lines[-1] == "serve.py: interrupted; some requests were not answered\n")
    assert len(lines) == 3 and "was given up" in lines[1]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_lets_requests_in_flight_be_answered(number, tmp_path):
    save(tmp_path, 7)
    body = json.dumps({"images": [{"labels": [1, 2, 3], "seed": seed} for seed in range(100)], "as": "zip"}).encode()
    with running("--load-dir", tmp_path) as (process, url, lines):
        ask(f"{url}/readyz")
        connections = [begin(url, body) for _ in range(8)]
        process.send_signal(number)
        eventually(lambda: refused(url))
        answers = []
        for connection in connections:
            connection.sendall(body)
        for connection in connections:
            with connection, connection.makefile("rb") as stream:
                answers.append(stream.read())
        assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * 8
        assert {answer.partition(b"\r\n\r\n")[2] for answer in answers} == {answers[0].partition(b"\r\n\r\n")[2]}
        assert process.wait(WAIT) == 0
        assert not any("Traceback" in line for line in lines)


@pytest.mark.slow
def test_what_was_sent_before_sigterm_is_answered(tmp_path):
    """On connections that the server has not seen yet, and on one that it has."""
    save(tmp_path, 7)
    body = json.dumps({"labels": [1, 2, 3]}).encode()
    head = "POST /api/generate-image HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    with running("--load-dir", tmp_path) as (process, url, _):
        host, port = url.removeprefix("http://").split(":")
        known = http.client.HTTPConnection(host, int(port), timeout=WAIT)
        known.request("GET", "/healthz")
        assert known.getresponse().read()
        process.send_signal(signal.SIGSTOP)
        known.request("GET", "/healthz")
        connections = [socket.create_connection((host, int(port)), timeout=WAIT) for _ in range(8)]
        for connection in connections:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        time.sleep(0.3)  # The server's next look at whether to end is due when it goes on.
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        assert known.getresponse().status == 200
        known.close()
        for connection in connections:
            with connection, connection.makefile("rb") as stream:
                assert stream.read().startswith(b"HTTP/1.1 200 OK")
        assert process.wait(WAIT) == 0


def test_clients_are_told_that_the_end_is_near():
    code = """if True:
        from gan.serving import server

        async def app(scope, receive, send):
            await send({"type": scope["type"] + ".startup.complete"} if scope["type"] == "lifespan" else
                       {"type": "http.response.start", "status": 204})
            if scope["type"] == "http":
                await send({"type": "http.response.body"})

        server.READ_ON_SECONDS = 3
        listener = server.bind("127.0.0.1", 0)
        server.listen(listener)
        print(listener.getsockname()[1], flush=True)
        server.serve(app, listener)
    """
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        connection = http.client.HTTPConnection("127.0.0.1", int(process.stdout.readline()), timeout=WAIT)
        found = []
        for _ in range(2):
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
            found.append(answer.headers["Connection"])
            process.send_signal(signal.SIGTERM)
            time.sleep(1)
        connection.close()
        assert found == [None, "close"]
        assert process.wait(WAIT) == 0


def status(url, host):
    """Of the answer to a request that calls the server by this name."""
    connection = http.client.HTTPConnection(*url.removeprefix("http://").split(":"), timeout=WAIT)
    connection.request("GET", "/readyz", headers={"Host": host})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_a_page_of_another_name_that_leads_here_is_not_answered(tmp_path):
    """DNS rebinding: a browser sends the name of the page that it took from elsewhere."""
    save(tmp_path, 1)
    with running("--load-dir", tmp_path) as (_, url, _):
        hosts = ("localhost:1", "127.0.0.1", "[::1]:8080", "evil.example")
        assert [status(url, host) for host in hosts] == [200] * 3 + [421]
    with running("--load-dir", tmp_path, "--allow-host", "Gan.example.org", "other") as (_, url, _):
        hosts = ("gan.example.org", "GAN.example.org:443", "other", "localhost", "evil.example")
        assert [status(url, host) for host in hosts] == [200] * 4 + [421]


@pytest.mark.parametrize(
    ("host", "allowed", "expected"),
    [
        ("127.0.0.1", [], ["localhost", "127.0.0.1", "[::1]"]),
        ("127.0.0.2", [], ["localhost", "127.0.0.1", "[::1]", "127.0.0.2"]),
        ("::1", ["gan"], ["localhost", "127.0.0.1", "[::1]", "gan"]),
        ("0.0.0.0", [], None),
        ("::", [], None),
        ("0.0.0.0", ["gan"], ["localhost", "127.0.0.1", "[::1]", "0.0.0.0", "gan"]),
    ],
)
def test_only_a_server_for_other_machines_goes_by_any_name(host, allowed, expected):
    try:
        listener = bind(host, 0)
    except OSError:
        pytest.skip("this machine has no such address")
    with listener:
        assert host_names(listener, allowed) == expected


def refused(url):
    host, port = url.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=WAIT).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.slow
def test_a_new_checkpoint_is_picked_up_and_a_damaged_or_other_one_is_not(tmp_path):
    save(tmp_path, 1)

    def drawn(url):
        _, headers, content = ask(f"{url}/api/generate-image", {"labels": [0, 1, 0]})
        return headers["X-Checkpoint"], content

    with running("--load-dir", tmp_path, "--watch", 0.05) as (process, url, lines):
        name, first = drawn(url)
        assert name == "gan-00000001"
        save(tmp_path, 2)
        eventually(lambda: drawn(url)[0] == "gan-00000002")
        second = drawn(url)[1]
        assert second != first
        assert json.loads(ask(f"{url}/api/model")[2])["step"] == 2
        assert "gan_checkpoint_step 2.0" in ask(f"{url}/metrics")[2].decode()

        damaged = save(tmp_path / "elsewhere", 3)
        next(damaged.glob("variables.data*")).write_bytes(b"")
        damaged.rename(tmp_path / damaged.name)
        eventually(lambda: any("gan-00000003" in line for line in lines))
        time.sleep(0.5)  # Ten more looks.
        assert drawn(url) == ("gan-00000002", second)

        save(tmp_path, 4, spec=ImageSpec(8, 8, 3, SPEC.class_names))
        eventually(lambda: any("gan-00000004" in line for line in lines))
        assert drawn(url) == ("gan-00000002", second)

        shutil.rmtree(tmp_path / "gan-00000003")
        shutil.rmtree(tmp_path / "gan-00000004")
        save(tmp_path, 2)
        eventually(lambda: drawn(url)[1] != second)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT) == 0
    picked = [line for line in lines[1:] if line.startswith("picked up")]
    assert [line.split()[2] for line in picked] == ["gan-00000002:", "gan-00000002:"]
    assert "FID 2.500" in picked[0]
    damaged = "gan-00000003: variables.data-00000-of-00001 is not as it was written; another checkpoint is needed"
    (warned,) = [line for line in lines[1:] if damaged in line]
    assert warned.startswith("gan-00000002 stays: ")
    other = (
        "gan-00000002 stays: gan-00000004 makes images of 8x8 RGB, 3 classes (dark, middle, bright) from 6 numbers, "
    )
    assert len([line for line in lines if line.startswith(other)]) == 1


def fail(*arguments):
    """The one line that the script says to bad input."""
    done = subprocess.run(command(*arguments), env=clean_environment(), capture_output=True, text=True, timeout=WAIT)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("serve.py: ")
    return done.stderr


def test_a_port_in_use_is_one_line(tmp_path):
    save(tmp_path, 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = fail("-p", port, "--load-dir", tmp_path)
    assert f"127.0.0.1 port {port} cannot be served (Address already in use); expected an address" in message


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a" * 300, "::zz"])
def test_a_host_that_is_not_this_machine_is_one_line(tmp_path, host):
    save(tmp_path, 1)
    assert "cannot be served (" in fail("--host", host, "-p", 0, "--load-dir", tmp_path)


def test_without_a_checkpoint_the_command_that_makes_one_is_named(tmp_path):
    message = fail("-p", 0, "--load-dir", tmp_path / "nowhere")
    assert "nowhere: no such directory; expected a gan checkpoint: run ./train.py --save-dir" in message


def test_without_the_packages_the_command_that_installs_them_is_named(tmp_path):
    done = subprocess.run(
        [sys.executable, "-S", str(ROOT / "serve.py"), "-p", "0"], capture_output=True, text=True, timeout=WAIT
    )
    assert done.returncode == 2
    assert done.stderr.startswith("serve.py: the package fastapi is not installed; run `make .venv`")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-p", "65536"], "argument -p/--port: found 65536, expected an integer from 0 to 65,535"),
        (["--watch", "0"], "argument --watch: found 0, expected a number from 0.01 to 86,400"),
        (["--watch", "nan"], "argument --watch: found nan, expected a number from 0.01 to 86,400"),
        (["--watch", "1e10"], "argument --watch: found 1e10, expected a number from 0.01 to 86,400"),
        (
            ["--allow-host", "http://gan"],
            "argument --allow-host: found http://gan, expected a name or an address without",
        ),
        (
            ["--allow-host", "gan", "gan:80"],
            "argument --allow-host: found gan:80, expected a name or an address without",
        ),
        (["--allow-host", "gan", "-host"], "argument --allow-host: found -host, expected a name or an address without"),
        (["-p", "x"], "argument -p/--port: invalid integer value: 'x'"),
    ],
)
def test_bad_flags_are_refused_by_name(arguments, expected):
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 2
    assert expected in done.stderr
