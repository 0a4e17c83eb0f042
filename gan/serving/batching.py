"""Join what many clients ask for at once into few network calls: `Batching`.

    with Batching(sampler, capacity=1024) as batching:
        drawn = batching.submit(labels, styles).result()

One thread owns the network. While it is in a call, requests wait; the next call takes as many of them as fit, so that
nobody waits for company and a busy server fills its batches by itself.

Shapes: `N` images, `H W C` image, `K` classes, `Z` style.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple

import numpy as np

from gan.errors import UserError
from gan.images import Pixels
from gan.labels import Floats
from gan.sampling import Sampler, images_per_pass

log = logging.getLogger(__name__)


class Drawn(NamedTuple):
    """Images (N, H, W, C), and the name of the checkpoint that drew them."""

    images: Pixels
    checkpoint: str


class Full(Exception):
    """As many images wait as may."""


class Closed(Exception):
    """No more requests are taken."""


class Broken(Exception):
    """The thread of the network has ended by an error; nothing will be drawn any more."""


class _Request(NamedTuple):
    labels: Floats
    styles: Floats
    answer: "Future[Drawn]"


BROKEN = "the server draws no more images, see its log; it has to be started anew"


def checkpoint_name(sampler: Sampler) -> str:
    """Such as `gan-00005622`; `unsaved` of a generator that is from no checkpoint."""
    return sampler.path.name if sampler.path else "unsaved"


class Batching:
    """The queue before a sampler, and the thread that empties it; both live as long as the `with` block.

    Args:
        sampler: whose images are wanted; `swap` puts another one in its place.
        capacity: images that may wait, in all.
        images_per_call: images in one network call, at most, unless a single request has more; by default those of one
            pass of the network.
        warm: whether the sampler has drawn already; else the first thing that is drawn is an image for nobody.
        observe: told the number of images of each network call, by the thread that owns the network.
    """

    def __init__(
        self,
        sampler: Sampler,
        *,
        capacity: int,
        images_per_call: int | None = None,
        warm: bool = False,
        observe: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.capacity = capacity
        self.images_per_call = images_per_call or images_per_pass(sampler.spec)
        self._sampler = sampler
        self._observe = observe
        self._requests: dict[Future[Drawn], _Request] = {}  # By their answers, the oldest first.
        self._waiting = 0
        self._open = True
        self._broken = False
        self._changed = threading.Condition()
        self._drawing = threading.Lock()  # Held in a network call.
        self._warm = threading.Event()
        if warm:
            self._warm.set()
        # A daemon: a process that is ended at once does not wait for it.
        self._thread = threading.Thread(target=self._work, name="network", daemon=True)

    @property
    def sampler(self) -> Sampler:
        """The one that the next network call uses."""
        return self._sampler

    @property
    def ready(self) -> bool:
        """Whether the network draws, and has drawn once: its first call takes much longer than others."""
        return self._warm.is_set() and not self._broken

    @property
    def broken(self) -> bool:
        """Whether nothing will be drawn any more, until the server is started anew."""
        return self._broken

    @property
    def waiting(self) -> int:
        """Images that wait for the network."""
        return self._waiting

    def __enter__(self) -> "Batching":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take no more requests, answer those that wait, and end the thread."""
        with self._changed:
            self._open = False
            self._changed.notify()
        self._thread.join()

    def submit(self, labels: Floats, styles: Floats) -> "Future[Drawn]":
        """Ask for images of label vectors (N, K) and styles (N, Z); N is at least 1 and at most the capacity.

        The answer raises what the network call raised. Whoever cancels it gives its places in the queue to others.

        Raises:
            Full: they do not fit into the queue now.
            Closed: after `close`.
            Broken: the thread has ended by an error.
        """
        request = _Request(labels, styles, Future())
        request.answer.add_done_callback(self._forget)
        with self._changed:
            if self._broken:
                raise Broken(BROKEN)
            if not self._open:
                raise Closed("the server is shutting down; ask another one")
            if self._waiting + len(labels) > self.capacity:
                raise Full(f"{self._waiting} images wait already, of at most {self.capacity}; ask again later")
            self._requests[request.answer] = request
            self._waiting += len(labels)
            self._changed.notify()
        return request.answer

    def _forget(self, answer: "Future[Drawn]") -> None:
        """Free the places of a request that was cancelled while it waited."""
        with self._changed:
            if request := self._requests.pop(answer, None):
                self._waiting -= len(request.labels)

    def swap(self, sampler: Sampler) -> Sampler:
        """Draw with another sampler from the next network call on; returns the one before.

        Raises:
            UserError: requests made for the current one do not fit it, or its images are others.
        """
        old = self._sampler
        if (sampler.spec, sampler.noise_dims) != (old.spec, old.noise_dims):
            raise UserError(
                f"{checkpoint_name(sampler)} makes {_kind(sampler)}, {checkpoint_name(old)} {_kind(old)}; "
                "restart the server to serve it"
            )
        self._sampler = sampler
        self._warm.set()
        return old

    def wait_for_call(self) -> None:
        """Wait for the end of the network call that is being made: later ones do not use an earlier sampler."""
        with self._drawing:
            pass

    def _work(self) -> None:
        taken: list[_Request] = []
        try:
            if not self.ready:
                self._warm_up()
            while taken := self._take():
                self._draw(taken)
        except BaseException:  # SystemExit, too, would end the thread without a word.
            log.exception("the thread of the network has ended; no more images are drawn: restart the server")
            self._break(taken)

    def _break(self, taken: list[_Request]) -> None:
        """Answer what was taken, what waits, and what comes: nothing will be drawn."""
        with self._changed:
            self._broken = True
            left = [*taken, *self._requests.values()]
            self._requests.clear()
            self._waiting = 0
        for request in left:
            with suppress(InvalidStateError):  # It is answered or cancelled already.
                request.answer.set_exception(Broken(BROKEN))

    def _warm_up(self) -> None:
        try:
            with self._drawing:
                sampler = self._sampler
                draw_one(sampler)
        except Exception:
            log.exception("%s cannot draw; another checkpoint is needed", checkpoint_name(sampler))
        else:
            self._warm.set()

    def _take(self) -> list[_Request]:
        """Wait for requests; as many of the oldest as fit into one call. None of them once closed."""
        taken: list[_Request] = []
        count = 0
        with self._changed:
            while self._open and not self._requests:
                self._changed.wait()
            for request in self._requests.values():
                if taken and count + len(request.labels) > self.images_per_call:
                    break
                taken.append(request)
                count += len(request.labels)
            for request in taken:
                del self._requests[request.answer]
            self._waiting -= count
        return taken

    def _draw(self, requests: list[_Request]) -> None:
        wanted = [request for request in requests if request.answer.set_running_or_notify_cancel()]
        if not wanted:
            return
        try:
            labels = np.concatenate([request.labels for request in wanted])
            styles = np.concatenate([request.styles for request in wanted])
            with self._drawing:
                sampler = self._sampler  # Read here: before, it could become the spare one that is restored.
                images = sampler.sample(labels, styles)
            self._observe(len(images))
        except Exception as error:
            for request in wanted:
                request.answer.set_exception(error)
            return
        name = checkpoint_name(sampler)
        ends = np.cumsum([len(request.labels) for request in wanted])
        for request, end in zip(wanted, ends, strict=True):
            request.answer.set_result(Drawn(images[end - len(request.labels) : end], name))


def draw_one(sampler: Sampler) -> None:
    """Run the network once, which makes its graph.

    Raises:
        Diverged: it has diverged.
    """
    labels = np.full((1, sampler.spec.num_classes), 1 / sampler.spec.num_classes, np.float32)
    sampler.sample(labels, np.zeros((1, sampler.noise_dims), np.float32))


def _kind(sampler: Sampler) -> str:
    return f"images of {sampler.spec} ({', '.join(sampler.spec.class_names)[:80]}) from {sampler.noise_dims} numbers"
