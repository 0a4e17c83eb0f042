"""Go on with a run from its newest whole checkpoint, as if it had never stopped.

The state of a run is its variables and one integer: batches, noise and labels are functions of (seed, step).

    resumed = find(Path("checkpoints"), "gan", config, config_file="config-gan.yaml")
    first_step = resumed.restore(trainer.state)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gan import checkpoints
from gan.checkpoints import About, Kind
from gan.config import Config, differences
from gan.errors import UserError

SAFE_TO_CHANGE = ("cls_epochs", "gan_epochs", "steps_per_call", "max_bad_steps")
"""Fields that may be others after a stop. A learning rate's course then follows the new number of epochs."""


class Resumed(NamedTuple):
    """The checkpoint that a run goes on from."""

    path: Path
    about: About

    def is_complete(self, data: str, total_steps: int) -> bool:
        """Whether the run has ended and was scored; for data of this digest and a run of so many steps.

        Raises:
            ValueError: it was another run.
        """
        if self.about.data != data:
            raise UserError(f"{self.path} was trained on other images; pass the same --data-path and --resize")
        if self.about.step > total_steps:
            raise UserError(
                f"{self.path} is at step {self.about.step:,}, but the run ends at {total_steps:,}; raise the epochs"
            )
        complete = self.about.step == total_steps and bool(self.about.scores)
        if complete:
            print(f"{self.path} is the end of the run: more epochs in the config would make it longer")
        return complete

    def check_classifier(self, digest: str) -> None:
        """See that the run is scored by the classifier of this digest, as before.

        Raises:
            ValueError: it was another.
        """
        before = self.about.classifier
        if before != digest:
            raise UserError(
                f"{self.path} is of a run that is scored by classifier {before}, and {digest} is another; name the "
                "directory of the former with --load-dir"
            )

    def restore(self, state: Mapping[str, Any]) -> int:
        """Set what is trained to what was saved; the number of the next step, from 0."""
        checkpoints.restore(self.path, state)
        return self.about.step


def find(directory: Path, kind: Kind, config: Config, *, config_file: str) -> Resumed:
    """The newest whole checkpoint of a directory, which must have been made with this config.

    Raises:
        FileNotFoundError: there is none.
        ValueError: its config is another.
    """
    path = checkpoints.newest(directory, kind, remedy="leave --resume out to begin a run")
    about = checkpoints.read_about(path)
    changed = [line for line in differences(about.config, config) if line.partition(":")[0] not in SAFE_TO_CHANGE]
    if changed:
        raise UserError(
            f"{path} was made with another config ({'; '.join(changed)}); pass -c {directory / config_file}, in which "
            f"only {', '.join(SAFE_TO_CHANGE)} may change"
        )
    return Resumed(path, about)
