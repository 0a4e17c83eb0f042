"""A page that needs no server: a folder for any static host, which draws in the browser.

It is the page of `serve.py`, with ONNX Runtime's WebAssembly in the place of requests. All that it loads is in the
folder.

    write(drawn, Path("page"))    # then: python -m http.server --directory page
"""

import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from gan.errors import UserError
from gan.export.drawn import Drawn
from gan.export.onnx import onnx_bytes
from gan.files import read_file, writing_directory

HERE = Path(__file__).parent
PAGE = HERE.parent / "serving" / "page"

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Of the package, in base64 as npm has it."""

RUNTIME = {
    "package/dist/ort.wasm.bundle.min.mjs": "ort.js",  # Some hosts do not know .mjs for JavaScript.
    "package/dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
}
"""What is taken of the package, and its name in the folder."""

LARGEST_SEED, MOST_IMAGES = 2**31 - 1, 100
"""The server's largest seed; and images that are drawn at once."""


def write(drawn: Drawn, output: Path, runtime: Path | None = None) -> None:
    """A folder.

    Args:
        drawn: the model.
        output: a new or empty directory.
        runtime: a copy of npm's package; else npm fetches it.

    Raises:
        UserError: the package cannot be had, or is another.
    """
    package = read_file(runtime) if runtime else fetched()
    check_package(package, runtime)
    with writing_directory(output) as partial:
        for file in (*PAGE.iterdir(), *(HERE / "browser").iterdir()):  # Of which server.js replaces the other one.
            shutil.copyfile(file, partial / file.name)
        (partial / "model.onnx").write_bytes(onnx_bytes(drawn))
        (partial / "model.json").write_text(json.dumps(facts(drawn), indent=1, allow_nan=False), encoding="utf-8")
        (partial / "onnxruntime").mkdir()
        with tarfile.open(fileobj=io.BytesIO(package)) as archive:
            for member, name in RUNTIME.items():
                content = archive.extractfile(member)
                assert content is not None, member
                (partial / "onnxruntime" / name).write_bytes(content.read())


def facts(drawn: Drawn) -> dict[str, object]:
    """What the server says of its model, as the page reads it."""
    spec, about = drawn.spec, drawn.about
    return {
        "image": {"height": spec.height, "width": spec.width, "channels": spec.channels},
        "classes": list(spec.class_names),
        "style_size": drawn.noise_dims,
        "checkpoint": about["checkpoint"],
        "step": int(about["step"]),
        "scores": json.loads(about["scores"]) or None,
        "limits": {"images": MOST_IMAGES, "seed": LARGEST_SEED},
    }


def fetched() -> bytes:
    """The package, by npm.

    Raises:
        UserError: it cannot be had.
    """
    wanted = f"{PACKAGE}@{VERSION}"
    remedy = f"or pass --runtime with a copy of {PACKAGE}-{VERSION}.tgz from another machine"
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(f"npm is not installed, and the page needs its package {wanted}: install npm, {remedy}")
    print(f"fetching {wanted} by npm, 33 MB", file=sys.stderr)
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run([npm, "pack", wanted, "--silent"], cwd=place, capture_output=True, text=True)
        found = list(Path(place).glob("*.tgz"))
        if done.returncode or len(found) != 1:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[0]
            raise UserError(f"npm cannot fetch {wanted} ({said}); look at the network, {remedy}")
        return found[0].read_bytes()


def check_package(package: bytes, path: Path | None) -> None:
    """Check that the package is the one that was published.

    Raises:
        UserError: it is not.
    """
    if base64.b64encode(hashlib.sha512(package).digest()).decode() != SHA512:
        raise UserError(
            f"{path or 'what npm fetched'} is not {PACKAGE}-{VERSION}.tgz: its SHA-512 is another; expected npm's own"
        )
