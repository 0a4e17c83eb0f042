#!/usr/bin/env python3
"""Requests a second of the server: many clients at once, with their requests joined into network calls and one by one.

    .venv/bin/python benchmarks/serving.py                             # three ways in turns of 20 s: four minutes
    .venv/bin/python benchmarks/serving.py --seconds 60 --turns 1
    .venv/bin/python benchmarks/serving.py --load-dir checkpoints

Each server and the clients, 64 connections that each ask again as soon as they are answered, are processes of their own
on this machine, and share its cores. Every answer is compared with the image that a sampler draws alone, outside of the
server. The third way also has a network that draws one image a call in place of a whole batch: what a server without
batches would have. An answer that is another image, or none, ends the benchmark with status 1.

Without --load-dir the network has the default settings, for MNIST's images, and random weights.
"""

import argparse
import asyncio
import json
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from machine import processor_name, today

WAYS = {
    "joined": "joined, up to 64 a network call",
    "single": "one a network call",
    "small": "one a network call of one image",
}
REQUESTS = 512
WARM_UP_SECONDS = 1.0


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--seconds", type=float, default=20.0, help="of a turn")
    flags.add_argument("--turns", type=int, default=4, help="of each way")
    flags.add_argument("--connections", type=int, default=64)
    flags.add_argument("--seed", type=int, default=0)
    flags.add_argument("--load-dir", type=Path, help="directory of a GAN's checkpoint")
    flags.add_argument("--serve", choices=WAYS, help=argparse.SUPPRESS)
    flags.add_argument("--ask", nargs=2, metavar=("URL", "FILE"), help=argparse.SUPPRESS)
    options = flags.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1]))
    if options.serve:
        serve(options.serve, options.load_dir)
    elif options.ask:
        url, file = options.ask
        cases = pickle.loads(Path(file).read_bytes())
        print(json.dumps(asyncio.run(ask(url, cases, options.connections, options.seconds))))
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Measure all ways in turns, so that a slow spell of the machine hits each of them."""
    from gan.starting import import_tensorflow

    import_tensorflow()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        directory = options.load_dir or random_checkpoint(work / "checkpoints", options.seed)
        servers: dict[str, subprocess.Popen[str]] = {}
        results: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
        try:
            for way in WAYS:
                (work / way).write_bytes(pickle.dumps(make_cases(way, directory, options.seed)))
                servers[way] = start(["--serve", way, "--load-dir", str(directory)])
            urls = {way: server.stdout.readline().strip() for way, server in servers.items() if server.stdout}
            for _ in range(options.turns):
                for way, found in results.items():
                    client = start([
                        "--ask", urls[way], str(work / way),
                        "--seconds", str(options.seconds), "--connections", str(options.connections),
                    ])  # fmt: skip
                    output, _ = client.communicate(timeout=options.seconds + 120)
                    found.append(json.loads(output))
        finally:
            for server in servers.values():
                server.terminate()
                server.wait(60)
    report(results, options)


def start(arguments: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True)


def report(results: dict[str, list[dict[str, Any]]], options: argparse.Namespace) -> None:
    speeds = {
        way: statistics.median(one["requests"] / one["seconds"] for one in found) for way, found in results.items()
    }
    print("| network calls | requests/s | p50 ms | p99 ms | requests | wrong | failed | joined is faster by |")
    print("|---|---|---|---|---|---|---|---|")
    bad = 0
    for way, found in results.items():
        total = {key: sum(one[key] for one in found) for key in ("requests", "wrong", "failed")}
        bad += total["wrong"] + total["failed"]
        p50, p99 = (statistics.median(one[key] for one in found) for key in ("p50", "p99"))
        print(
            f"| {WAYS[way]} | {speeds[way]:,.0f} | {p50:.0f} | {p99:.0f} | {total['requests']:,} | {total['wrong']} | "
            f"{total['failed']} | {speeds['joined'] / speeds[way]:.1f} |"
        )
    print(
        f"{processor_name()}; {options.connections} connections, median of {options.turns} turns of "
        f"{options.seconds:g} s, {options.load_dir or 'random weights'}, seed {options.seed}, {today()}"
    )
    if bad:
        sys.exit(1)


def random_checkpoint(directory: Path, seed: int) -> Path:
    """A network of the default settings for MNIST's images, as it is before training."""
    import keras

    from gan import checkpoints
    from gan.about import About
    from gan.config import Config
    from gan.images import ImageSpec
    from gan.models.generator import Generator

    keras.utils.set_random_seed(seed)
    spec, config = ImageSpec(28, 28, 1, tuple("0123456789")), Config(seed=seed)
    about = About("gan", 0, spec, config, data="")
    checkpoints.save(directory, about, {"average": Generator(spec, config)}, keep=1)
    return directory


def make_sampler(way: str, directory: Path) -> Any:
    """The sampler that a way serves."""
    from gan.checkpoints import load
    from gan.devices.inference import Inference
    from gan.sampling import Sampler

    sampler = Sampler.from_checkpoint(directory)
    if way == "small" and sampler.path:
        generator = load(directory, "gan").network
        sampler._generate = Inference(lambda z, y: [generator(z, y, training=False)], size=1)
    return sampler


def make_cases(way: str, directory: Path, seed: int) -> list[tuple[bytes, bytes]]:
    """Requests as they are sent, and the bytes that are to come back: classes and mixtures, by seed and by style."""
    import numpy as np

    from gan.images import encode
    from gan.sampling import styles
    from gan.serving.schemas import OneImage

    sampler = make_sampler(way, directory)
    rng = np.random.default_rng(seed)
    cases = []
    for number in range(REQUESTS):
        weights = np.eye(sampler.spec.num_classes)[number % sampler.spec.num_classes]
        if number % 3 == 0:
            weights = rng.random(sampler.spec.num_classes).round(3)
        body: dict[str, Any] = {"labels": weights.tolist(), "format": "png" if number % 4 else "jpeg"}
        if number % 5 == 0:
            body["style"] = styles(sampler.noise_dims, seed=seed, numbers=[number])[0].round(3).astype(float).tolist()
        else:
            body["seed"] = number
        request = OneImage.model_validate(body)
        image = sampler.sample(request.label_vector()[None], request.style_vector(sampler.noise_dims)[None])[0]
        content = json.dumps(body).encode()
        head = "POST /api/generate-image HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        sent = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
        cases.append((sent, encode(image, "png" if number % 4 else "jpg")))
    return cases


def serve(way: str, directory: Path) -> None:
    """Be the server of a way, and print where it is."""
    from gan.serving.server import bind, listen, url
    from gan.serving.server import serve as run
    from gan.starting import import_tensorflow

    import_tensorflow()
    from gan.serving.app import create_app
    from gan.serving.batching import draw_one

    sampler = make_sampler(way, directory)
    draw_one(sampler)
    app = create_app(sampler, warm=True, images_per_call=None if way == "joined" else 1)
    with bind("127.0.0.1", 0) as listener:
        listen(listener)
        print(url(listener), flush=True)
        run(app, listener)


async def ask(url: str, cases: list[tuple[bytes, bytes]], connections: int, seconds: float) -> dict[str, float]:
    """Keep so many connections busy; counts and milliseconds of what came back after the warm-up."""
    latencies: list[float] = []
    wrong = failed = 0
    begin = time.perf_counter() + WARM_UP_SECONDS
    end = begin + seconds

    async def client(number: int) -> None:
        nonlocal wrong, failed
        where = urlsplit(url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        while time.perf_counter() < end:
            sent, expected = cases[number % len(cases)]
            number += connections + 1
            started = time.perf_counter()
            writer.write(sent)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            content = await reader.readexactly(int(length.partition(b":")[2]))
            if begin <= started and time.perf_counter() <= end:
                latencies.append(time.perf_counter() - started)
            failed += not head.startswith(b"HTTP/1.1 200 ")
            wrong += head.startswith(b"HTTP/1.1 200 ") and content != expected
        writer.close()

    for outcome in await asyncio.gather(*map(client, range(connections)), return_exceptions=True):
        failed += outcome is not None
    percentiles = statistics.quantiles(latencies, n=100)
    return {
        "requests": len(latencies), "seconds": seconds, "wrong": wrong, "failed": failed,
        "p50": 1000 * percentiles[49], "p99": 1000 * percentiles[98],
    }  # fmt: skip


if __name__ == "__main__":
    main()
