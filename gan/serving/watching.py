"""Serve what a training run saves: look at its directory every few seconds, and swap in a new checkpoint.

    with Watching(Path("checkpoints"), batching, seconds=5):
        ...

A damaged checkpoint is passed over, one of other images is refused with a line; the one that is served stays then.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from gan import checkpoints
from gan.checkpoints import Which
from gan.evaluation import scores
from gan.sampling import Sampler
from gan.serving.batching import Batching, checkpoint_name, draw_one

log = logging.getLogger(__name__)

Fingerprint = tuple[tuple[str, int, int, int], ...]
"""Name, size, time and number of each file."""


def load(directory: Path, which: Which = "newest") -> Sampler:
    """A GAN of a directory, which has drawn once.

    Raises:
        FileNotFoundError, ValueError: there is none, or none is whole.
        FloatingPointError: it has diverged.
    """
    sampler = Sampler.from_checkpoint(directory, which)
    draw_one(sampler)
    return sampler


def describe(sampler: Sampler) -> str:
    """Such as `gan-00005622: FID 0.365 (...)`."""
    return f"{checkpoint_name(sampler)}: {scores.describe(sampler.scores)}"


class Watching:
    """A thread that looks at a save directory as long as the `with` block lasts.

    Args:
        directory: of the checkpoints.
        batching: whose sampler is from there, and is swapped.
        seconds: between two looks.
        loader: `load`, or what stands for it.
    """

    def __init__(
        self, directory: Path, batching: Batching, *, seconds: float, loader: Callable[[Path], Sampler] = load
    ) -> None:
        self.directory = directory
        self.batching = batching
        self.seconds = seconds
        self._load = loader
        self._served = _fingerprint(batching.sampler.path)
        self._seen: dict[Path, Fingerprint] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def __enter__(self) -> "Watching":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def look(self) -> None:
        """Swap in the newest checkpoint if there is another one than at the last look.

        Raises:
            FileNotFoundError, ValueError, FloatingPointError: it cannot be served.
        """
        found = {
            path: _fingerprint(path)
            for step in checkpoints.steps_saved(self.directory, "gan")
            if (path := checkpoints.checkpoint_path(self.directory, "gan", step)).is_dir()
        }
        if found == self._seen:
            return
        self._seen = found
        newest = max(found, default=None)
        if newest is None or self._is_served(newest):
            return
        sampler = self._load(self.directory)
        if not self._is_served(sampler.path):
            self.batching.swap(sampler)
            self._served = _fingerprint(sampler.path)
            log.info("picked up %s", describe(sampler))

    def _is_served(self, path: Path | None) -> bool:
        """A run that begins anew may save another checkpoint under the same name."""
        return path == self.batching.sampler.path and _fingerprint(path) == self._served

    def _watch(self) -> None:
        while not self._end.wait(self.seconds):
            try:
                self.look()
            except (FloatingPointError, OSError, ValueError) as error:
                log.warning("%s stays: %s", checkpoint_name(self.batching.sampler), error)
            except Exception:
                log.exception("%s stays: looking at %s failed", checkpoint_name(self.batching.sampler), self.directory)


def _fingerprint(path: Path | None) -> Fingerprint:
    """What tells a checkpoint from one of the same name, or from a part of itself."""
    files = []
    for file in sorted(path.iterdir()) if path and path.is_dir() else ():
        status = file.stat()
        files.append((file.name, status.st_size, status.st_mtime_ns, status.st_ino))
    return tuple(files)
