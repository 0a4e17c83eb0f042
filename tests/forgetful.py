"""`train.py`, but what is named by the first argument is not restored when a run is resumed: a negative control."""

import os
import runpy
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "train.py"

if __name__ == "__main__":
    forgotten = sys.argv.pop(1)
    sys.argv[0] = str(SCRIPT)
    sys.path.insert(0, str(SCRIPT.parent))
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # As --deterministic says, which is read after this import.
    from gan import checkpoints

    restore = checkpoints.restore

    def forgetful(path, objects, *, partial=False):
        assert partial or forgotten in objects
        restore(path, {name: part for name, part in objects.items() if name != forgotten}, partial=True)

    checkpoints.restore = forgetful
    runpy.run_path(str(SCRIPT), run_name="__main__")
