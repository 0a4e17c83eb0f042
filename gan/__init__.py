"""Conditional generative adversarial networks for labelled images, on TensorFlow and Keras 3.

from gan import load
images = load("checkpoints").sample({"3": 0.5, "8": 0.5}, seed=7)    # (1, 28, 28, 1) uint8
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import SupportsIndex

    from gan.loaded import Loaded

# Of the words of Python 3.5, so that any Python can say it.
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.stderr.write(
        "{}: this is Python {}.{}; expected 3.11 to 3.13: run `make .venv`, then `source .venv/bin/activate`, or see "
        "docs/install.md\n".format(Path(sys.argv[0]).name, *sys.version_info[:2])
    )
    sys.exit(2)

for name in [name for name in os.environ if name.startswith("KERAS_")]:
    del os.environ[name]
# Keras chooses its backend once, when it is first imported; every module here needs this one.
os.environ["KERAS_BACKEND"] = "tensorflow"
# There it finds its other defaults: those in a user's home directory would change results.
os.environ["KERAS_HOME"] = str(Path(__file__).resolve().parent / "keras_home")
# NumPy's products. Several threads spin while they wait for each other: on a busy machine the eigenvalues of a small
# matrix took a hundred times as long. A large product of an evaluation has but one core, too.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def load(directory: "str | Path", checkpoint: "str | SupportsIndex" = "newest") -> "Loaded":
    """The GAN of a directory of checkpoints, or of one of them, to draw from.

    Args:
        directory: such as `checkpoints`, or `pretrained/mnist`.
        checkpoint: newest, best, or a step.

    Raises:
        UserError: there is no such checkpoint, or it is damaged.
    """
    from gan.starting import import_tensorflow  # Here: nothing else of this package is imported with it.

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # A process that has threads by now is not to be forked.
    import_tensorflow()
    from gan.loaded import Loaded

    return Loaded.from_checkpoint(Path(directory), checkpoint)
