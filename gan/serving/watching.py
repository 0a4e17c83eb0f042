"""Serve what a training run saves: look at its directory every few seconds, and swap in a new checkpoint.

    with Watching(Path("checkpoints"), batching, seconds=5):
        ...

A checkpoint that cannot be read, or not by this version, is passed over; one of other images is refused. The one that
is served stays then, and a line says why, once.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from gan import checkpoints
from gan.about import Damaged, Gone, OtherVersion, read_about
from gan.checkpoints import Which
from gan.errors import Diverged, UserError
from gan.evaluation import scores
from gan.places import checkpoint_path
from gan.sampling import Sampler
from gan.serving.batching import Batching, checkpoint_name, draw_one

log = logging.getLogger(__name__)

Fingerprint = tuple[tuple[str, int, int, int], ...]
"""Name, size, time and number of each file."""


def load(directory: Path, which: Which = "newest") -> Sampler:
    """A GAN of a directory, or of one checkpoint, which has drawn once.

    Raises:
        UserError: there is none, or none is whole.
        Diverged: it has diverged.
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
        loader: `Sampler.from_checkpoint`, or what stands for it.
    """

    def __init__(
        self,
        directory: Path,
        batching: Batching,
        *,
        seconds: float,
        loader: Callable[..., Sampler] = Sampler.from_checkpoint,
    ) -> None:
        self.directory = directory
        self.batching = batching
        self.seconds = seconds
        self._load = loader
        self._served = _fingerprint_of(batching.sampler)
        self._spare: Sampler | None = None
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

    def look(self) -> list[Exception]:
        """Swap in the newest checkpoint if there is another one than at the last look; returns what is in the way.

        What cannot be read is looked at again the next time: its disk may have been away for a moment.
        """
        problems: list[Exception] = []
        try:
            whole = {}
            steps = checkpoints.steps_saved(self.directory, "gan")
            if not steps:
                checkpoints.find(self.directory, "gan", remedy="put it back, or start the server with another")
            for step in steps:
                path = checkpoint_path(self.directory, "gan", step)
                if path.is_dir():
                    try:
                        whole[path] = self._checked(path)
                    except (Gone, FileNotFoundError):
                        pass  # The run has removed it since it was listed.
                    except (Damaged, OtherVersion) as error:
                        problems.append(error)
            if whole != self._seen:
                self._take_up(whole)
        except Exception as error:
            problems.append(error)
        return problems

    def _checked(self, path: Path) -> Fingerprint:
        """Of a checkpoint that is whole, or was at an earlier look.

        Raises:
            Damaged: it is not.
            OtherVersion: it is of another version.
        """
        fingerprint = _fingerprint(path)
        if fingerprint != self._seen.get(path) and not self._is_served(path):
            checkpoints.check(path)
        return fingerprint

    def _take_up(self, whole: dict[Path, Fingerprint]) -> None:
        """Swap in the newest of these, if it is not served yet.

        The one that was served before is the spare one of the next time: two take turns.
        """
        newest = max(whole, default=None)
        try:
            if newest is not None and not self._is_served(newest):
                if self._spare:
                    self.batching.wait_for_call()  # Which may have begun before it was spare.
                # By its path: in the directory, one of another version may be in the way.
                self._spare = sampler = self._load(newest, spare=self._spare)
                draw_one(sampler)
                self._spare = self.batching.swap(sampler)
                self._served = whole[newest]  # Of before it was loaded: another may have its name by now.
                log.info("picked up %s", describe(sampler))
        except (Diverged, UserError) as error:
            if not isinstance(error, (Damaged, OSError)):
                self._seen = whole  # Another look would find the same.
            raise
        self._seen = whole

    def _is_served(self, path: Path | None) -> bool:
        """A run that begins anew may save another checkpoint under the same name."""
        return path == self.batching.sampler.path and _fingerprint(path) == self._served

    def _watch(self) -> None:
        said: set[str] = set()
        while not self._end.wait(self.seconds):
            problems = {str(error): error for error in self.look()}
            for text in problems.keys() - said:
                error = problems[text]
                trace = None if isinstance(error, (Diverged, OSError, UserError)) else error
                log.warning("%s stays: %s", checkpoint_name(self.batching.sampler), text, exc_info=trace)
            said = set(problems)


def _fingerprint_of(sampler: Sampler) -> Fingerprint | None:
    """Of the checkpoint that a sampler was loaded from; None if it is there no more, or another has its name."""
    path, loaded = sampler.path, sampler.loaded
    if path is None or loaded is None:
        return None
    try:
        fingerprint = _fingerprint(path)
        return fingerprint if read_about(path) == loaded.about else None
    except (Damaged, OSError, OtherVersion):
        return None


def _fingerprint(path: Path | None) -> Fingerprint:
    """What tells a checkpoint from one of the same name, or from a part of itself."""
    files = []
    for file in sorted(path.iterdir()) if path and path.is_dir() else ():
        status = file.stat()
        files.append((file.name, status.st_size, status.st_mtime_ns, status.st_ino))
    return tuple(files)
