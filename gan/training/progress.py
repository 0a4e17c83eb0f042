"""A bar that shows how a run is going, silent when standard error is not a terminal; and its speed, always.

with Progress(total_images, "GAN") as progress:
    progress.advance(64)
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType

from tqdm import tqdm

SECONDS_BETWEEN_LOOKS = 0.5
"""How often the bar asks for the loss: each look waits for the device."""


class Progress:
    """A bar of images with an ETA.

    Args:
        total: images in the run.
        name: what is trained.
        done: images of the run that were trained on before.
        seconds: that they took.
    """

    def __init__(self, total: int, name: str, *, done: int = 0, seconds: float = 0.0) -> None:
        self._bar = tqdm(total=total, initial=done, desc=name, unit=" images", unit_scale=True, disable=None)
        self._shown: dict[str, str] = {}
        self.seconds = seconds
        self._images = 0
        self._seconds = 0.0
        self._started = time.perf_counter()
        self._looked = self._started

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    @property
    def wants_values(self) -> bool:
        """Whether there is a bar, and what stands beside it is old."""
        return not self._bar.disable and time.perf_counter() - self._looked > SECONDS_BETWEEN_LOOKS

    def advance(self, images: int) -> None:
        self._images += images
        self._bar.update(images)

    def show(self, values: Mapping[str, float]) -> None:
        """Put values beside the bar; those not given stay as they were."""
        self._looked = time.perf_counter()
        self._shown |= {name.split("/")[-1]: f"{value:.3g}" for name, value in values.items()}
        self._bar.set_postfix(self._shown)

    def say(self, line: str) -> None:
        """Print a line without breaking the bar. A reader that is gone, such as a `tee`, does not end a run."""
        with suppress(OSError):
            self._bar.write(line)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock of `speed` for what is not training."""
        self._seconds += time.perf_counter() - self._started
        yield
        self._started = time.perf_counter()

    def speed(self) -> dict[str, float]:
        """Images per second since the last call, and seconds of training since the start. Call while paused."""
        speed = self._images / max(self._seconds, 1e-9)
        self.seconds += self._seconds
        self._images, self._seconds = 0, 0.0
        return {"images_per_second": speed, "training_seconds": self.seconds}
