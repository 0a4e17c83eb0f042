"""What Prometheus is told of an app: `Metrics`, a registry of its own for each.

Paths are those of the routes, so that a stranger who tries many addresses makes no new series.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """Counters and histograms of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "gan_requests", "Requests by route and status", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "gan_request_seconds",
            "Time from a request to the end of its answer",
            ["path"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.images = Counter("gan_images", "Images drawn", registry=self.registry)
        self.batch_images = Histogram(
            "gan_batch_images", "Images in a network call", buckets=BATCH_SIZES, registry=self.registry
        )
        self.waiting_images = Gauge("gan_waiting_images", "Images in the queue", registry=self.registry)
        self.checkpoint_step = Gauge(
            "gan_checkpoint_step", "Training step of the checkpoint that is served", registry=self.registry
        )

    def count_call(self, images: int) -> None:
        """A network call drew so many images."""
        self.images.inc(images)
        self.batch_images.observe(images)

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """A request was answered; the path is that of its route."""
        self.requests.labels(path, str(status)).inc()
        self.seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """All of it, in Prometheus's format."""
        return generate_latest(self.registry)
