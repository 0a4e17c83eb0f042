"""`gan.config`: good values come back as they were, bad ones end in one line that says what to do."""

import re
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan.config import (
    NAMES,
    Config,
    ConfigError,
    allowed,
    config_from_dict,
    config_table,
    differences,
    dump_config,
    load_config,
)
from gan.errors import UserError
from gan.registry import CRITICS, OBJECTIVES

ROOT = Path(__file__).parents[1]


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "run.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def complaint(path: Path | None, *settings: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, settings=settings)
    message = str(caught.value)
    assert "\n" not in message
    return message


# What may be set


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "{}", "\ufeff", "\ufeffseed: 0"])
def test_an_empty_file_means_the_defaults(tmp_path: Path, text: str) -> None:
    assert load_config(written(tmp_path, text)) == load_config(None) == Config()


MNIST = {
    "gan_batch_size": 128,
    "mixed_precision": True,
    "gen_lr": 1.5e-3,
    "crit_lr": 1.5e-3,
    "ema_decay": 0.9995,
    "penalty_every": 2,
    "label_weight": 0.03,
}
OWN_PHOTOS = {
    "image_size": 64,
    "mixed_precision": True,
    "objective": "relativistic",
    "gp_weight": 1.0,
    "penalty_every": 2,
    "label_weight": 0.2,
    "gen_label_weight": 1.0,
    "gen_lr": 0.002,
    "augment": "translate",
}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("quickstart", {"gan_epochs": 12, "critic": "minibatch"}),
        ("mnist", {"gan_epochs": 24, **MNIST}),
        ("creative", {"gan_epochs": 8, **MNIST, "pan_classness": 0.2, "cls_weight": 1.0}),
        ("large", {"image_size": 64, "gen_width": 64, "crit_width": 64, "gan_batch_size": 128}),
        ("many-kinds", {"gan_epochs": 210, "mixed_precision": True}),
        ("mixed-precision", {"mixed_precision": True}),
        ("folder-rgb", {"cls_epochs": 10, "gan_epochs": 150, **OWN_PHOTOS}),
        ("few-pictures", {"cls_epochs": 100, "gan_epochs": 500, **OWN_PHOTOS}),
    ],
)
def test_preset(name: str, changes: dict[str, Any]) -> None:
    assert load_config(ROOT / "configs" / f"{name}.yaml") == Config(**changes)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e-4", 1e-4), ("1E-2", 0.01), (".5", 0.5), ("+5.e-1", 0.5), ("1", 1.0), ("0.001", 1e-3), ("1.0e-3", 1e-3)],
)
def test_floats_are_read_as_yaml_1_2_reads_them(tmp_path: Path, text: str, number: float) -> None:
    value = load_config(written(tmp_path, f"gen_lr: {text}")).gen_lr
    assert type(value) is float
    assert value == number


@pytest.mark.parametrize(("text", "number"), [("10_000", 10_000), ("+7", 7), ("123", 123)])
def test_integers_are_decimal(tmp_path: Path, text: str, number: int) -> None:
    assert load_config(written(tmp_path, f"seed: {text}")).seed == number


@pytest.mark.parametrize(
    ("text", "size"),
    [("null", None), ("64", (64, 64)), ("'64'", (64, 64)), ("48x1024", (48, 1024)), ("4", (4, 4))],
)
def test_image_size(tmp_path: Path, text: str, size: tuple[int, int] | None) -> None:
    assert load_config(written(tmp_path, f"image_size: {text}")).image_height_width == size


@pytest.mark.parametrize("texts", [("64", "'64'", "64x64"), ("48x64", "'48x64'")])
def test_a_size_has_one_spelling(tmp_path: Path, texts: tuple[str, ...]) -> None:
    """A run goes on with `--set image_size=64x64` where it had 64."""
    first, *others = [load_config(written(tmp_path, f"image_size: {text}")) for text in texts]
    assert all(differences(first, other) == [] for other in others)


def test_settings_override_the_file_and_no_seed_is_no_flag(tmp_path: Path) -> None:
    path = written(tmp_path, "gan_epochs: 3\nseed: 5")
    settings = ["gan_epochs=2", "mixed_precision=true", "gen_lr=1e-4", "image_size=48x64", "augment=translate+flip"]
    assert load_config(path, settings=settings) == Config(
        gan_epochs=2, seed=5, mixed_precision=True, gen_lr=1e-4, image_size="48x64", augment="translate+flip"
    )
    assert load_config(path, settings=["seed=7"]).seed == 7
    assert load_config(path, settings=["steps_per_call=null"]).steps_per_call is None


def test_zero_and_false_are_given(tmp_path: Path) -> None:
    path = written(tmp_path, "seed: 5\nlearn_spectral_gain: true")
    assert load_config(path, settings=["learn_spectral_gain=false"], seed=0) == Config(learn_spectral_gain=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["gen_lr=2"], "--set: gen_lr: found 2, expected a number, 0 < gen_lr <= 1"),
        (["gen_lr=fast"], "--set: gen_lr: found 'fast' (text), expected a number, 0 < gen_lr <= 1"),
        (["gen_lr="], "--set: gen_lr: found null, expected a number, 0 < gen_lr <= 1"),
        (["gen_rl=1"], "--set: unknown key 'gen_rl'; did you mean gen_lr?"),
        (["gen_lr"], "--set gen_lr has no =; expected FIELD=VALUE"),
        (["seed=1", "seed=2"], "--set seed=2 is given twice; expected each field once"),
        (["seed=[1"], "--set seed=[1: line 1: while parsing a flow sequence"),
        (["objective=wasser"], f"found 'wasser' (text), expected {OBJECTIVES.words()}"),
        (
            ["augment=flip+flip"],
            "found 'flip+flip' (text), expected none, or one or more of translate, flip",
        ),
        (["critic=none"], f"--set: critic: found 'none' (text), expected {CRITICS.words()}"),
    ],
)
def test_a_wrong_setting_is_refused_as_in_a_file(settings: list[str], message: str) -> None:
    assert message in complaint(None, *settings)


def test_config_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().seed = 1  # type: ignore[misc]


# What may not

WRONG_VALUES: list[tuple[str | bytes, str]] = [
    ("gen_lr: fast", "gen_lr: found 'fast' (text), expected a number, 0 < gen_lr <= 1"),
    ("gen_lr: '1e-4'", "gen_lr: found '1e-4' (text), expected a number, 0 < gen_lr <= 1"),
    ("gen_lr: 0", "gen_lr: found 0, expected a number, 0 < gen_lr <= 1"),
    ("gen_lr: 1.5", "gen_lr: found 1.5, expected a number, 0 < gen_lr <= 1"),
    ("gen_lr: 1e999", "gen_lr: found inf, expected a number, 0 < gen_lr <= 1"),
    ("gen_lr:", "gen_lr: found null, expected a number, 0 < gen_lr <= 1"),
    ("gen_lr: true", "gen_lr: found true (a boolean), expected a number, 0 < gen_lr <= 1"),
    ("gen_lr: [1]", "gen_lr: found [1] (a list), expected a number, 0 < gen_lr <= 1"),
    ("gen_lr: {a: 1}", "gen_lr: found {'a': 1} (a mapping), expected a number, 0 < gen_lr <= 1"),
    ("gp_weight: .nan", "gp_weight: found nan, expected a number, 0 <= gp_weight <= 1000000"),
    ("gp_weight: .inf", "gp_weight: found inf, expected a number, 0 <= gp_weight <= 1000000"),
    ("gp_weight: -1e-9", "gp_weight: found -1e-09, expected a number, 0 <= gp_weight <= 1000000"),
    ("spectral_gain: 0", "spectral_gain: found 0, expected a number, 0 < spectral_gain <= 1000"),
    ("cls_weight_decay: -1", "cls_weight_decay: found -1, expected a number, 0 <= cls_weight_decay <= 1000"),
    ("beta_2: 1", "beta_2: found 1, expected a number, 0 <= beta_2 < 1"),
    ("ema_decay: 1", "ema_decay: found 1, expected a number, 0 <= ema_decay < 1"),
    ("pan_classness: 1.01", "pan_classness: found 1.01, expected a number, 0 <= pan_classness <= 1"),
    (
        "gan_batch_size: true",
        "gan_batch_size: found true (a boolean), expected an integer, 1 <= gan_batch_size <= 65536",
    ),
    ("gan_batch_size: 1.0", "gan_batch_size: found 1.0, expected an integer, 1 <= gan_batch_size <= 65536"),
    ("gan_batch_size: 0", "gan_batch_size: found 0, expected an integer, 1 <= gan_batch_size <= 65536"),
    ("gan_batch_size: 65537", "gan_batch_size: found 65537, expected an integer, 1 <= gan_batch_size <= 65536"),
    ("gan_epochs: 1e3", "gan_epochs: found 1000.0, expected an integer, 1 <= gan_epochs <= 100000"),
    ("gan_epochs: 0x10", "gan_epochs: found '0x10' (text), expected an integer, 1 <= gan_epochs <= 100000"),
    ("gan_epochs: 010", "gan_epochs: found 10.0, expected an integer, 1 <= gan_epochs <= 100000"),
    ("gan_epochs: 1:30", "gan_epochs: found '1:30' (text), expected an integer, 1 <= gan_epochs <= 100000"),
    ("gen_width: 1025", "gen_width: found 1025, expected an integer, 1 <= gen_width <= 1024"),
    ("steps_per_call: 1001", "steps_per_call: found 1001, expected null or an integer, 1 <= steps_per_call <= 1000"),
    ("fid_samples: 1", "fid_samples: found 1, expected an integer, fid_samples >= 2"),
    ("seed: -1", "seed: found -1, expected an integer, 0 <= seed <= 2147483647"),
    ("seed: 2147483648", "seed: found 2147483648, expected an integer, 0 <= seed <= 2147483647"),
    ("mixed_precision: 1", "mixed_precision: found 1, expected true, false, bfloat16 or float16"),
    ("mixed_precision: half", "mixed_precision: found 'half' (text), expected true, false, bfloat16 or float16"),
    ("lr_schedule: linear", "lr_schedule: found 'linear' (text), expected cosine, cooldown, exponential or constant"),
    ("image_size: 3", "image_size: found 3, expected null, an integer, or text HxW; 4 <= side <= 1024"),
    ("image_size: 64x1025", "image_size: found '64x1025' (text), expected null, an integer, or text HxW; 4 <= side <="),
    ("image_size: 64x", "image_size: found '64x' (text), expected null, an integer, or text HxW; 4 <= side <= 1024"),
    ("image_size: 64.0", "image_size: found 64.0, expected null, an integer, or text HxW; 4 <= side <= 1024"),
    ("image_size: '064'", "image_size: found '064' (text), expected null, an integer, or text HxW; 4 <= side <= 1024"),
    ("image_size: true", "image_size: found true (a boolean), expected null, an integer, or text HxW; 4 <= side <="),
    ("gen_rl: 1e-4", "unknown key 'gen_rl'; did you mean gen_lr?"),
    ("GEN_LR: 1e-4", "unknown key 'GEN_LR'; did you mean gen_lr?"),
    ("zzz: 1", "unknown key 'zzz'; `python -m gan.config` lists the keys there are"),
    ("7: 1", "unknown key 7; `python -m gan.config` lists the keys there are"),
    ("seed: 1\ngen_lr: 2\nzzz: 3\nbeta_1: 4", "gen_lr: found 2, expected a number, 0 < gen_lr <= 1 (and 2 more)"),
    ("zzz: 3\nimage_size: 1.5", "unknown key 'zzz'; `python -m gan.config` lists the keys there are (and 1 more)"),
]

WRONG_FILES: list[tuple[str | bytes, str]] = [
    ("gen_lr: 1e-4\nseed: 1\ngen_lr: 1e-3", "line 3: key 'gen_lr' is already set in line 1; expected"),
    ("{seed: 1, seed: 2}", "line 1: key 'seed' is already set in line 1; expected"),
    ("seed: 1\n\tgen_lr: 1", "line 2: while scanning for the next token found character"),
    ("seed: 1\ngen_lr: [1, 2", "line 2: while parsing a flow sequence"),
    ("seed: 1\n---\nseed: 2", "line 2: expected a single document"),
    ("seed: !!int", "a tag such as !!int is on a value that does not fit it; expected lines of"),
    ("mixed_precision: !!bool x", "a tag such as !!int is on a value that does not fit it; expected lines of"),
    ("seed: !!python/object:os.system 1", "line 1: could not determine a constructor for the tag"),
    ("? [a]\n: 1", "line 1: while constructing a mapping found unhashable key; expected lines of `key: value`"),
    ("seed: 2020-13-45", "month must be in 1..12"),
    ("seed: \x00", "unacceptable character #x0000"),
    ("- seed", "found ['seed'], expected lines of `key: value`"),
    ("seed 1", "found 'seed 1', expected lines of `key: value`"),
    ("false", "found False, expected lines of `key: value`"),
    (b"seed: \xff", "byte 6 is not UTF-8 text; expected a YAML file"),
    ("seed: 1".encode("utf-16"), "byte 0 is not UTF-8 text; expected a YAML file"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_VALUES + WRONG_FILES)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = written(tmp_path, text)
    found = complaint(path)
    assert found.startswith(f"{path}: ")
    assert message in found


@pytest.mark.parametrize("character", ["9", "["])
def test_a_file_too_deep_or_too_long_to_parse_is_refused(tmp_path: Path, character: str) -> None:
    path = written(tmp_path, "seed: " + character * 5000)
    assert complaint(path).startswith(f"{path}: ")


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf"])
@pytest.mark.parametrize("name", [name for name in NAMES if "a number" in allowed(name)])
def test_no_number_may_be_nan_or_infinite(name: str, value: str) -> None:
    found = value.replace(".", "")
    assert complaint(None, f"{name}={value}") == f"--set: {name}: found {found}, expected {allowed(name)}"


@pytest.mark.parametrize("name", [name for name in NAMES if "null" not in allowed(name)])
def test_only_few_fields_may_be_null(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^here: {name}: found null, expected {re.escape(allowed(name))}$"):
        config_from_dict({name: None}, "here")


def test_a_wrong_seed_is_the_command_lines(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"^command line: seed: found {2**31}, expected an integer"):
        load_config(written(tmp_path, "gan_epochs: 3"), seed=2**31)


def test_one_seed_is_enough() -> None:
    with pytest.raises(ConfigError, match=r"^--seed and --set seed are both given; expected one of them$"):
        load_config(None, settings=["seed=3"], seed=4)


def test_a_setting_does_not_hide_a_wrong_file(tmp_path: Path) -> None:
    path = written(tmp_path, "gen_lr: 2")
    assert complaint(path, "gen_lr=0.1").startswith(f"{path}: gen_lr: found 2")


def test_a_missing_file_suggests_its_neighbour_or_a_preset(tmp_path: Path) -> None:
    there = written(tmp_path, "")
    assert complaint(tmp_path / "runs.yaml") == f"{tmp_path / 'runs.yaml'}: no such file; did you mean {there}?"
    assert complaint(Path("mnits.yaml")).endswith(f"no such file; did you mean {ROOT / 'configs' / 'mnist.yaml'}?")
    presets = complaint(tmp_path / "nowhere" / "zzz.yaml")
    assert f"the presets in {ROOT / 'configs'} are " in presets
    assert re.search(r"\blarge, .*mixed-precision, mnist, .*quickstart", presets)


def test_no_preset_is_suggested_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan.yaml_text.PRESETS", tmp_path / "configs")
    assert complaint(tmp_path / "a.yaml").endswith("a.yaml: no such file; expected a YAML file")


def test_a_link_that_leads_nowhere_is_said_to(tmp_path):
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    with pytest.raises(
        UserError, match=r"a.yaml is a link to b.yaml, which leads nowhere \(No such file or directory\)"
    ):
        load_config(tmp_path / "a.yaml")


def test_a_directory_is_no_config(tmp_path: Path) -> None:
    assert complaint(tmp_path) == f"{tmp_path}: is a directory; expected a YAML file"
    below_a_file = written(tmp_path, "") / "run.yaml"
    assert complaint(below_a_file) == f"{below_a_file}: cannot be read (Not a directory); expected a YAML file"


# What is written


def within(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers on both ends and between."""
    return st.sampled_from([low, high]) | st.floats(low, high)


ABOVE_0, BELOW_1 = 5e-324, 1 - 2**-53
SIDE = st.integers(4, 1024)
WIDTH, BATCH, EPOCHS, REPEATS = (
    st.integers(1, 1024),
    st.integers(1, 65_536),
    st.integers(1, 100_000),
    st.integers(1, 50),
)
RATE, MOMENT, DECAY = within(ABOVE_0, 1.0), within(0.0, BELOW_1), within(0.0, 1000.0)
VALID = {
    "seed": st.integers(0, 2**31 - 1),
    "image_size": st.none() | SIDE | SIDE.map(str) | st.builds("{}x{}".format, SIDE, SIDE),
    "mixed_precision": st.sampled_from([False, True, "bfloat16", "float16"]),
    "steps_per_call": st.none() | st.integers(1, 1000),
    "jit_compile": st.booleans(),
    "max_bad_steps": st.integers(1, 1_000_000),
    "cls_width": WIDTH,
    "cls_batch_size": BATCH,
    "cls_epochs": EPOCHS,
    "cls_lr": RATE,
    "cls_weight_decay": DECAY,
    "noise_dims": WIDTH,
    "label_dims": WIDTH,
    "gen_width": WIDTH,
    "crit_width": WIDTH,
    "generator": st.just("dcgan"),
    "critic": st.just("dcgan"),
    "spectral_gain": within(ABOVE_0, 1000.0),
    "learn_spectral_gain": st.booleans(),
    "power_iter": REPEATS,
    "gan_batch_size": BATCH,
    "gan_epochs": EPOCHS,
    "objective": st.sampled_from(sorted(OBJECTIVES)),
    "augment": st.sampled_from(["none", "flip", "translate", "flip+translate"]),
    "crit_steps": REPEATS,
    "gp_weight": within(0.0, 1e6),
    "penalty_every": st.integers(1, 1000),
    "label_weight": st.floats(0, 1_000_000),
    "gen_label_weight": st.floats(0, 1_000_000),
    "cls_weight": st.floats(0, 1_000_000),
    "gen_lr": RATE,
    "crit_lr": RATE,
    "beta_1": MOMENT,
    "beta_2": MOMENT,
    "gen_weight_decay": DECAY,
    "crit_weight_decay": DECAY,
    "lr_schedule": st.sampled_from(["cosine", "cooldown", "exponential", "constant"]),
    "decay_rate": RATE,
    "decay_steps": st.integers(1, 10**9),
    "ema_decay": MOMENT,
    "pan_classness": within(0.0, 1.0),
    "fid_samples": st.integers(2, 10**12),
    "held_out": within(0.0, 0.5),
}


@given(st.fixed_dictionaries(VALID))
def test_dump_then_load_gives_the_same_config(tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]) -> None:
    config = Config(**values)
    path = tmp_path_factory.getbasetemp() / "round-trip.yaml"
    dump_config(config, path)
    assert asdict(load_config(path)) == values | {"image_size": config.image_size}  # Of which there is one spelling.
    assert load_config(path) == config == config_from_dict(asdict(config), "a checkpoint")


def test_dump_writes_every_field_in_order_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "config.yaml"
    dump_config(Config(), path)
    dump_config(Config(seed=1), path)
    assert re.findall(r"^(\w+):", path.read_text(), re.MULTILINE) == NAMES == list(VALID)
    assert load_config(path) == Config(seed=1)
    assert list(path.parent.iterdir()) == [path]


def test_a_dump_that_fails_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError("no space left")

    path = tmp_path / "config.yaml"
    dump_config(Config(seed=1), path)
    monkeypatch.setattr("pathlib.Path.replace", no_space)
    with pytest.raises(OSError, match="no space left"):
        dump_config(Config(seed=2), path)
    assert load_config(path) == Config(seed=1)
    assert list(tmp_path.iterdir()) == [path]


def test_table_has_a_row_for_every_field() -> None:
    _, _, *rows = config_table().splitlines()
    assert [row.split("`")[1] for row in rows] == NAMES
    assert all(len(row.split(" | ")) == 4 for row in rows)
    assert rows[NAMES.index("image_size")].startswith("| `image_size` | `null` | null, an integer, or text HxW; ")
    assert rows[NAMES.index("gen_lr")].startswith("| `gen_lr` | `0.001` | a number, 0 < gen_lr <= 1 | ")


def test_the_table_in_the_docs_is_the_dataclass() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert config_table() in written, "put the output of `python -m gan.config` into docs/settings.md"
