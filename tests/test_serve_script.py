"""`./serve.py` as a process: what it says, how it ends, and what it picks up."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from helpers import TINY, clean_environment

from gan.images import ImageSpec, encode
from gan.models.generator import Generator
from gan.sampling import Sampler, one_hot, styles
from gan.training import checkpoints
from gan.training.checkpoints import About

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


def test_it_serves_says_where_and_answers_what_has_come_in_before_it_ends(tmp_path):
    save(tmp_path, 7)
    with running("--load-dir", tmp_path) as (process, url, lines):
        assert re.fullmatch(
            r"http://127\.0\.0\.1:\d+ serves gan-00000007: FID 2\.500 \(5\.0x the noise floor 0\.500\).*\n", lines[0]
        )
        eventually(lambda: ask(f"{url}/readyz")[0] == 200)
        status, headers, content = ask(f"{url}/api/generate-image", {"labels": [0, 1, 0], "seed": 3})
        assert (status, headers["X-Checkpoint"]) == (200, "gan-00000007")
        drawn = Sampler.from_checkpoint(tmp_path).sample(one_hot([1], 3), styles(6, seed=3, numbers=[1]))
        assert content == encode(drawn[0], "png")

        many = {"images": [{"labels": [1, 2, 3], "seed": seed} for seed in range(100)], "as": "zip"}
        statuses = []

        def client():
            statuses.append(ask(f"{url}/api/generate-images", many)[0])

        clients = [threading.Thread(target=client) for _ in range(8)]
        for thread in clients:
            thread.start()
        eventually(lambda: in_flight(process.pid, url) == 8 or len(statuses) > 0)
        process.send_signal(signal.SIGTERM)
        for thread in clients:
            thread.join(WAIT)
        assert statuses == [200] * 8
        assert process.wait(WAIT) == 0
    assert len(lines) == 1
