"""Imports point one way, down the layers; and a script's `--help` does not wait for TensorFlow."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A module imports from the rows above its own; the first row with a pattern that matches its name is its own.
LAYERS = (
    ("gan.errors", "gan.ending", "gan.registry", "gan.names", "gan.threads", "gan.freeing"),
    ("gan.files", "gan.data.kinds"),
    ("gan.seeding", "gan.command_line", "gan.starting", "gan.yaml_text", "gan.devices.slurm"),
    ("gan.config", "gan.images", "gan.devices.cluster", "gan.installed"),
    ("gan.labels", "gan.about", "gan.film"),
    ("gan.data.dataset", "gan.places", "gan.models.sizes", "gan.models.convolution", "gan.objectives.objective"),
    ("gan.data.decoding", "gan.data.tree", "gan.data.formats.digits"),
    ("gan.data.listing", "gan.data.batches", "gan.objectives.penalties"),
    (
        "gan.data.cache",
        "gan.data.formats.columns",
        "gan.data.formats.format",
        "gan.data.formats.arrays",
        "gan.models.spectral",
        "gan.models.norm",
    ),
    (
        "gan.data.pictures",
        "gan.data.formats.tables",
        "gan.data.formats.parquet_file",
        "gan.objectives.wasserstein",
        "gan.models.critic",
    ),
    ("gan.data.formats.*",),
    ("gan.data.loading", "gan.models.*", "gan.objectives.*"),
    ("gan.data.convert",),
    ("gan.devices.precision", "gan.devices.inference", "gan.devices.strategy", "gan.devices.memory"),
    ("gan.checkpoints", "gan.evaluation.features", "gan.evaluation.floor"),
    ("gan.evaluation.metric", "gan.evaluation.fitting", "gan.evaluation.overfit"),
    ("gan.evaluation.metrics.frechet", "gan.sampling"),
    ("gan.evaluation.metrics.*",),
    (
        "gan.evaluation.scores",
        "gan.evaluation.evaluation",
        "gan.evaluation.subject",
        "gan.evaluation.judge",
        "gan.evaluation.comparison",
    ),
    (
        "gan.drawing",
        "gan.loaded",
        "gan.evaluation.evaluating",
        "gan.training.records",
        "gan.training.progress",
        "gan.training.stopping",
        "gan.training.optimizers",
    ),
    ("gan.training.step", "gan.interpolation", "gan.evaluation.telling"),
    ("gan.evaluation.report",),
    ("gan.training.trainer",),
    ("gan.training.loop", "gan.training.gan", "gan.training.classifier"),
    ("gan.training.foretelling",),
    ("gan.training.run",),
    ("gan.runs",),
    (
        "gan.serving.batching",
        "gan.serving.bodies",
        "gan.serving.schemas",
        "gan.serving.metrics",
        "gan.serving.middleware",
        "gan.serving.pages",
    ),
    ("gan.export.drawn", "gan.export.card"),
    ("gan.export.onnx", "gan.export.savedmodel"),
    ("gan.export.litert", "gan.export.page", "gan.export.hub"),
    ("gan.export.exporting",),
    ("gan.serving.errors", "gan.serving.encoding", "gan.serving.watching"),
    ("gan.serving.app", "gan.serving.server"),
    ("classifier", "train", "generate", "evaluate", "serve", "export"),
)

# Trainers are handed models, data and an objective: not even a type is imported from there. Who draws does not train.
FORBIDDEN = {
    **dict.fromkeys(
        ("gan.training.gan", "gan.training.classifier", "gan.training.trainer", "gan.training.step"),
        ("gan.data.dataset", "gan.data.formats.*", "gan.models.*", "gan.objectives.wasserstein", "gan.registry"),
    ),
    **dict.fromkeys(
        (
            "gan.sampling",
            "gan.drawing",
            "gan.interpolation",
            "gan.film",
            "gan.serving.*",
            "gan.evaluation.*",
            "gan.checkpoints",
        ),
        ("gan.training.*", "gan.runs"),
    ),
}


def matches(module: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(module, pattern) for pattern in patterns)


def layer(module: str) -> int:
    if module.endswith(".__init__") and module != "gan.models.__init__":
        return -1
    for number, patterns in enumerate(LAYERS):
        if matches(module, patterns):
            return number
    raise LookupError(f"{module} is in no layer: add it to LAYERS in tests/test_imports.py")


def project_sources() -> dict[str, str]:
    """Source by module name; a package is called `package.__init__`."""
    paths = [*ROOT.glob("*.py"), *ROOT.glob("gan/**/*.py")]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in sorted(paths)
    }


def imported(module: str, sources: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Line and name of each module of `sources` that `module` imports anywhere, inside functions too."""
    for node in ast.walk(ast.parse(sources[module])):
        if isinstance(node, ast.Import):
            candidates = [[alias.name] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*package, *filter(None, [node.module])])
            candidates = [[f"{base}.{alias.name}", base] for alias in node.names]
        else:
            continue
        for names in candidates:
            found = next((full for name in names for full in (name, f"{name}.__init__") if full in sources), None)
            if found:
                yield node.lineno, found


def wrong_imports(sources: dict[str, str]) -> list[str]:
    return [
        f"{module}, line {line}, imports {target}"
        for module in sources
        if module != "gan.__init__"  # `load` imports what it needs when it is called: tests/test_loaded.py.
        for line, target in imported(module, sources)
        if any(matches(module, (one,)) and matches(target, others) for one, others in FORBIDDEN.items())
        or not layer(target) < layer(module)
    ]


def test_every_module_has_a_layer() -> None:
    for module in project_sources():
        layer(module)


def test_imports_point_down_the_layers() -> None:
    assert wrong_imports(project_sources()) == []


@pytest.mark.parametrize(
    ("module", "source", "target"),
    [
        ("gan.config", "import gan.sampling", "gan.sampling"),
        ("gan.config", "def late(): from gan import images", "gan.images"),
        ("gan.data.dataset", "from .formats.idx import load_idx", "gan.data.formats.idx"),
        ("gan.data.dataset", "from ..training import loop", "gan.training.loop"),
        ("gan.serving.app", "from gan.training.run import Run", "gan.training.run"),
        ("gan.objectives.__init__", "from gan.objectives.hinge import Hinge", "gan.objectives.hinge"),
        ("gan.training.gan", "from gan.data.dataset import DataSet", "gan.data.dataset"),
        ("gan.training.gan", "from gan import models", "gan.models.__init__"),
        ("gan.runs", "import train", "train"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str, target: str) -> None:
    assert wrong_imports({module: source, target: ""}) == [f"{module}, line 1, imports {target}"]


def scripts() -> list[str]:
    return sorted({"classifier.py", "train.py", "generate.py"}.union(path.name for path in ROOT.glob("*.py")))


@pytest.mark.parametrize("script", scripts())
def test_help_does_not_import_tensorflow(script: str) -> None:
    command = [sys.executable, "-X", "importtime", script, "--help"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr.splitlines()[-1]
    assert result.stdout.startswith("usage:")
    modules = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "argparse" in modules
    assert not modules & {"tensorflow", "keras"}
