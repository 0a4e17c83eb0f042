"""What README.md and docs/ name is there: links, files, flags, settings, modules and make's targets; examples run."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gan.config import NAMES, Config
from gan.images import ImageSpec

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LONGEST_README = 150

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SCRIPT = re.compile(r"(?<![\w./-])(?:\./)?((?:[\w-]+/)*[\w-]+\.(?:py|sh))(?![\w/])")
PLACE = re.compile(r"(?<![\w./-])((?:configs|benchmarks|deploy|gan|tests)/[\w./-]*)(?![\w./*-])")
MODULE = re.compile(r"python -m (gan[\w.]*)")
FLAG = re.compile(r"(?<!\S)(--[a-z][\w-]*)")
SETTING = re.compile(r"--set ([a-z]\w*)=")
TARGET = re.compile(r"(?<![\w./-])make ([.a-z][\w-]*)(?!=)")


def commands(text: str) -> Iterator[str]:
    """Code in the text, without comments: each line of a shell block, and each span in backticks."""
    for language, code in FENCE.findall(text):
        if language == "sh":
            yield from (re.sub(r"(^|\s)#.*", "", line) for line in code.replace("\\\n", " ").splitlines())
    yield from re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


@cache
def anchors(document: Path) -> frozenset[str]:
    """What a link can name after `#`, as GitHub makes it from headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text(encoding="utf-8")), re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings)


@cache
def shared_flags() -> dict[str, frozenset[str]]:
    """Flags by the function of `gan.command_line` that adds them, itself or by one that stands above it."""
    tree = ast.parse((ROOT / "gan" / "command_line.py").read_text(encoding="utf-8"))
    found: dict[str, frozenset[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            called = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            found[node.name] = flags_added(node).union(*(found[name] for name in called & set(found)))
    return found


def flags_added(tree: ast.AST) -> frozenset[str]:
    """The `--flags` in calls of `add_argument`."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    added = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"]
    words = [word.value for call in added for word in call.args if isinstance(word, ast.Constant)]
    return frozenset(word for word in words if str(word).startswith("--"))


@cache
def flags_of(path: str) -> frozenset[str]:
    """The flags of a script or module, relative to the project; those of train.py for the scripts that call it."""
    if path.endswith(".sh"):
        return flags_of("train.py") if path.startswith("deploy/") else frozenset()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return flags_added(tree).union(*(flags for name, flags in shared_flags().items() if name in names), ["--help"])


@cache
def all_flags() -> frozenset[str]:
    """Those of every script and module that takes flags."""
    paths = [*ROOT.glob("*.py"), *ROOT.glob("benchmarks/*.py"), *ROOT.glob("gan/**/*.py")]
    return frozenset().union(*(flags_of(str(path.relative_to(ROOT))) for path in paths))


def module_path(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


def broken_links(text: str, document: Path) -> Iterator[str]:
    for link in LINK.findall(FENCE.sub("", text)):
        if not re.match(r"[a-z]+:", link):
            name, _, anchor = link.partition("#")
            target = (document.parent / name).resolve() if name else document
            if not target.exists() or (anchor and anchor not in anchors(target)):
                yield link


def wrong_names(command: str) -> Iterator[str]:
    """What a piece of code names that is not there."""
    scripts, modules = SCRIPT.findall(command), MODULE.findall(command)
    places = [place for place in PLACE.findall(command) if not place.startswith("benchmarks/runs/")]
    yield from (name for name in dict.fromkeys([*scripts, *places]) if not (ROOT / name).exists())
    yield from (name for name in modules if not (ROOT / module_path(name)).exists())
    yield from (f"make {name}" for name in TARGET.findall(command) if not is_target(name))
    yield from (f"--set {name}" for name in SETTING.findall(command) if name not in NAMES)
    called = [path for path in [*scripts, *map(module_path, modules)] if (ROOT / path).exists()]
    if called or command.lstrip().startswith("--"):
        known = flags_of(called[0]) if called else all_flags()
        yield from (flag for flag in FLAG.findall(command) if flag not in known)


def is_target(name: str) -> bool:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return re.search(rf"^{re.escape(name)}:", makefile, re.MULTILINE) is not None


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LONGEST_README


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_images_resolve(document: Path) -> None:
    assert list(broken_links(document.read_text(encoding="utf-8"), document)) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_named_is_there(document: Path) -> None:
    pieces = commands(document.read_text(encoding="utf-8"))
    assert {piece: wrong for piece in pieces if (wrong := list(wrong_names(piece)))} == {}


def test_every_page_is_linked_from_the_readme() -> None:
    links = set(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    assert {f"docs/{page.name}" for page in DOCUMENTS[1:]} <= links


def test_every_image_is_shown() -> None:
    shown = {Path(link).name for page in DOCUMENTS for link in LINK.findall(page.read_text(encoding="utf-8"))}
    assert {image.name for image in (ROOT / "docs" / "images").iterdir()} <= shown


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("[a](docs/none.md)", "docs/none.md"),
        ("![a picture](docs/images/none.png)", "docs/images/none.png"),
        ("[a](docs/settings.md#no-such-heading)", "docs/settings.md#no-such-heading"),
        ("[a](#no-such-heading)", "#no-such-heading"),
    ],
)
def test_a_broken_link_is_found(text: str, link: str) -> None:
    assert list(broken_links(text, ROOT / "README.md")) == [link]


def test_good_links_pass() -> None:
    text = (
        "[a](docs/settings.md#all-fields) [b](https://arxiv.org/abs/1704.00028) [c](LICENSE)\n```sh\n[d](none)\n```\n"
    )
    assert list(broken_links(text, ROOT / "README.md")) == []


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("./trian.py --help", "trian.py"),
        ("./download_cifar.sh", "download_cifar.sh"),
        ("./train.py -c configs/minst.yaml", "configs/minst.yaml"),
        ("./train.py --resme", "--resme"),
        ("srun ./train.py -c configs/mnist.yaml --grid", "--grid"),
        ("TF_CONFIG='{}' ./generate.py --dry-run", "--dry-run"),
        ("deploy/slurm.sh checkpoints --record-eps 2", "--record-eps"),
        ("python -m gan.data.convert a b --two idx", "--two"),
        ("python -m gan.films logs", "gan.films"),
        ("--record-stpes 200", "--record-stpes"),
        ("./train.py --set learning_rate=1", "--set learning_rate"),
        ("gan/model/", "gan/model/"),
        ("make tset", "make tset"),
    ],
)
def test_a_wrong_name_is_found(command: str, wrong: str) -> None:
    assert wrong in list(wrong_names(command))


@pytest.mark.parametrize(
    "command",
    [
        "./train.py --data-path digits -c configs/quickstart.yaml --resume",
        "python -m gan.data.convert datasets/MNIST pictures --to classes",
        ".venv/bin/python benchmarks/mnist.py --work-dir benchmarks/runs/mnist",
        "poetry install --with serve",
        "curl --fail localhost:8080/readyz",
        "make .venv PYTHON=python3.12",
        "logs/gan/TIME",
    ],
)
def test_a_right_name_passes(command: str) -> None:
    assert list(wrong_names(command)) == []


def test_comments_are_no_commands_and_lines_are_joined() -> None:
    text = "Use `one`.\n\n```sh\n./a.py \\\n    --b    # `not` this\n```\n\n```python\nx\n```\n"
    assert [" ".join(piece.split()) for piece in commands(text)] == ["./a.py --b", "one"]


@pytest.fixture(scope="module")
def ideas() -> dict[str, Any]:
    """What the examples of docs/ideas.md define."""
    names: dict[str, Any] = {}
    for language, code in FENCE.findall((ROOT / "docs" / "ideas.md").read_text(encoding="utf-8")):
        if language == "python":
            exec(code, names)
    return names


def test_the_objective_of_the_docs_returns_a_number_per_example(ideas: dict[str, Any]) -> None:
    scores = np.array([0.5, 2.0, -1.0], np.float32)
    given = SimpleNamespace(scores=lambda: (scores, scores), fake_scores=lambda: scores)
    objective = ideas["LeastSquares"]()
    np.testing.assert_allclose(objective.critic(given)["critic"], [0.5, 5.0, 5.0])
    np.testing.assert_allclose(objective.generator(given)["generator"], [0.25, 1.0, 4.0])


def test_the_network_of_the_docs_makes_images(ideas: dict[str, Any]) -> None:
    config = Config(gen_width=1, noise_dims=6)
    network = ideas["Dense"](ImageSpec(6, 5, 3, ("cat", "dog")), config, dtype="mixed_bfloat16")
    images = network(np.zeros((4, 6), np.float32), np.zeros((4, 2), np.float32), training=True)
    assert (images.shape, images.dtype) == ((4, 6, 5, 3), "float32")
    assert len(network.trainable_variables) == 4


def test_the_metric_of_the_docs_measures(ideas: dict[str, Any]) -> None:
    real, fake = SimpleNamespace(features=np.zeros((5, 2))), SimpleNamespace(features=np.full((5, 2), [3.0, 4.0]))
    assert ideas["mean_distance"](real, fake) == {"mean_distance": 5.0}
