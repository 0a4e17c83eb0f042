"""The step that the benchmarks measure: a trainer on random images, at a size that one can choose.

    measured = Measured(Setting(precision="bfloat16"))
    measured.turn(20)                                     # 20 steps, waited for
    .venv/bin/python benchmarks/steps.py --precision bfloat16            # as a child, see turns.py

Needs TensorFlow to be imported (`gan.starting.import_tensorflow`) before a `Measured` is made.
"""

import argparse
import sys
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
TOTAL_STEPS = 10_000
WARM_UP_STEPS = 8
IMAGES = 2048
"""Random images to take batches from."""


@dataclass(frozen=True)
class Setting:
    """What a step's cost depends on; the defaults are the project's, with one critic update and one penalty a step."""

    side: int = 32
    channels: int = 1
    classes: int = 10
    width: int = 32
    batch: int = 64
    precision: str = "float32"
    steps_per_call: int = 0
    """0: as many as the training loop finds."""
    seed: int = 0

    def config(self) -> Any:
        """The `gan.config.Config` of this setting."""
        sys.path.insert(0, str(ROOT))
        from gan.config import Config

        return Config(gen_width=self.width, crit_width=self.width, gan_batch_size=self.batch, seed=self.seed)

    def spec(self) -> Any:
        """Its `gan.images.ImageSpec`."""
        sys.path.insert(0, str(ROOT))
        from gan.images import ImageSpec

        return ImageSpec(self.side, self.side, self.channels, tuple(map(str, range(self.classes))))

    def flags(self) -> list[str]:
        """Those of this script that make it again."""
        return [word for name, value in asdict(self).items() for word in (f"--{name.replace('_', '-')}", str(value))]


class Measured:
    """A trainer of this setting with its batches, which goes on from step to step."""

    def __init__(self, setting: Setting, strategy: Any = None) -> None:
        import numpy as np

        from gan.about import About
        from gan.data.batches import Batches
        from gan.data.dataset import Subset
        from gan.devices.strategy import make_strategy
        from gan.runs import make_trainer
        from gan.training.loop import Pace

        self.setting = setting
        spec, config = setting.spec(), setting.config()
        random = np.random.default_rng(setting.seed)
        count = max(IMAGES, setting.batch) if setting.side <= 64 else max(256, setting.batch)
        images = random.integers(0, 256, (count, *spec.shape), np.uint8)
        labels = random.integers(0, setting.classes, count).astype(np.int32)
        self.batches = Batches(Subset.of(images, labels), batch_size=setting.batch, seed=setting.seed)
        self.trainer = make_trainer(
            About("gan", 0, spec, config, data=""),
            strategy or make_strategy(None),
            total_steps=TOTAL_STEPS,
            dtype=POLICIES[setting.precision],
        )
        self.step = 0
        self.pace = Pace(setting.steps_per_call or None)

    def turn(self, steps: int, *, steps_per_call: int | None = None) -> None:
        """So many steps, and wait for the last of them."""
        metrics: dict[str, Any] = {}
        end = self.step + steps
        while self.step < end:
            count = min(steps_per_call or self.pace.steps_per_call, end - self.step)
            run = partial(self.trainer.run, self.step, self.batches.take(self.step, count))
            metrics = run() if steps_per_call else self.pace.timed(run)
            self.step += count
        float(metrics["loss/critic"])

    def parameters(self) -> dict[str, int]:
        """Trained numbers of each network."""
        networks = self.trainer.models
        return {
            name: sum(each.value.shape.num_elements() for each in networks[name].trainable_variables)
            for name in networks
        }


def add_setting_flags(flags: argparse.ArgumentParser) -> None:
    """One flag for each field of `Setting`."""
    for field in fields(Setting):
        flags.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_setting_flags(flags)
    setting = Setting(**vars(flags.parse_args()))
    sys.path.insert(0, str(ROOT))
    from turns import serve

    from gan.starting import import_tensorflow

    import_tensorflow()
    measured = Measured(setting)
    measured.turn(WARM_UP_STEPS)
    serve(measured.turn, parameters=measured.parameters())


if __name__ == "__main__":
    main()
