"""The HTTP API of a sampler, the page that uses it, and its documentation: `create_app`.

    app = create_app(Sampler.from_checkpoint(Path("checkpoints")))

All state is in the app: the queue before the network and the metrics. A request carries all that decides its answer, so
the same request gives the same bytes as long as the checkpoint is the same.

The event loop only waits: the network has a thread of its own (`gan.serving.batching`), and reading a long body
(`gan.serving.bodies`) and encoding an image that takes long have others.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import Body, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool

from gan.images import Pixels
from gan.sampling import Sampler, styles
from gan.serving import schemas
from gan.serving.batching import Batching, Broken, Closed, Drawn, Full, checkpoint_name
from gan.serving.bodies import StrictRoute
from gan.serving.encoding import MEDIA_TYPES, archive, grid_picture, picture
from gan.serving.errors import RESPONSES, add_error_handlers, one_line
from gan.serving.metrics import Metrics
from gan.serving.middleware import Around
from gan.serving.pages import add_pages
from gan.serving.schemas import LARGEST_SEED, LARGEST_STYLE, Choice, ManyImages, Model, OneImage, State, Status, Style
from gan.serving.watching import Watching

log = logging.getLogger(__name__)

QUEUE_IMAGES = 1024
RETRY = {"Retry-After": "1"}

LONG_PIXELS = 4096
"""Values of an image from which on encoding it takes longer than handing it to another thread: half a millisecond."""

DESCRIPTION = """\
Images of chosen classes in chosen styles. A label is a vector of class weights, so an image may be between classes; a
style is a vector of numbers, or the seed of one. The same request gives the same bytes.

Errors are `{"detail": "one line"}`: 422 where the request is not as the schema says, 413 where its body is too large,
421 where its Host header is no name of this server, 503 with `Retry-After` where too many images wait or the model is
not ready yet."""


def create_app(
    sampler: Sampler,
    *,
    queue_images: int = QUEUE_IMAGES,
    images_per_call: int | None = None,
    warm: bool = False,
    host_names: Collection[str] | None = None,
    watch_directory: Path | None = None,
    watch_seconds: float = 5.0,
) -> FastAPI:
    """The app of a model, to run with one process.

    Args:
        sampler: draws the images.
        queue_images: images that may wait for the network, at least as many as one request may ask for.
        images_per_call: images that are joined into one network call; by default those of one pass of the network.
        warm: whether the sampler has drawn already; else the app is not ready until it has.
        host_names: what a request's Host header may call the server, without a port, of any path; by default anything.
        watch_directory: where to look for new checkpoints, if they are to be picked up.
        watch_seconds: between two looks.
    """
    metrics = Metrics()
    batching = Batching(
        sampler,
        capacity=max(queue_images, schemas.most_images(sampler.spec)),
        images_per_call=images_per_call,
        warm=warm,
        observe=metrics.count_call,
    )
    metrics.waiting_images.set_function(lambda: batching.waiting)
    metrics.checkpoint_step.set_function(lambda: batching.sampler.step)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            stack.enter_context(batching)
            if watch_directory is not None:
                stack.enter_context(Watching(watch_directory, batching, seconds=watch_seconds))
            yield

    app = FastAPI(
        title="Conditional GAN",
        description=DESCRIPTION,
        version="1",
        servers=[{"url": "."}],  # Beside the document, wherever a proxy puts that.
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.router.route_class = StrictRoute
    largest_body = schemas.largest_body(sampler.spec, noise_dims=sampler.noise_dims)
    app.add_middleware(Around, largest_body=largest_body, observe=metrics.count_request, host_names=host_names)
    add_error_handlers(app)
    _add_model(app, batching)
    _add_images(app, batching)
    _add_probes(app, batching, metrics)
    add_pages(app)
    return app


def _add_model(app: FastAPI, batching: Batching) -> None:
    """What is served, and the styles of seeds."""

    @app.get("/api/model", summary="The model that is served, and the limits of requests")
    async def model() -> Model:
        sampler = batching.sampler
        spec = sampler.spec
        return Model(
            image=schemas.Size(height=spec.height, width=spec.width, channels=spec.channels),
            classes=list(spec.class_names),
            style_size=sampler.noise_dims,
            checkpoint=checkpoint_name(sampler),
            step=sampler.step,
            scores=dict(sampler.scores) or None,
            limits=schemas.Limits(
                images=schemas.most_images(spec),
                seed=LARGEST_SEED,
                style=LARGEST_STYLE,
                body=schemas.largest_body(spec, noise_dims=sampler.noise_dims),
                queue=batching.capacity,
            ),
        )

    @app.get("/api/styles/sample", summary="The style of a seed", responses={422: RESPONSES[422]})
    async def sample_style(seed: Annotated[int, Query(ge=0, le=LARGEST_SEED, examples=[7]), schemas.DIGITS]) -> Style:
        (style,) = styles(batching.sampler.noise_dims, seed=seed, numbers=[1])
        return Style(seed=seed, style=style.tolist())


def _add_images(app: FastAPI, batching: Batching) -> None:
    """Drawing. What a type checker takes for any model's requests are those that fit this one."""
    spec, noise_dims = batching.sampler.spec, batching.sampler.noise_dims
    limited = schemas.make_schemas(spec, noise_dims=noise_dims)

    async def generate_image(request: OneImage, connection: Request) -> Response:
        drawn = await _draw(batching, [request], connection)
        content = await _encoded(lambda: picture(drawn.images[0], request.format), drawn.images)
        seed = request.drawn_by_seed
        headers = {"X-Checkpoint": drawn.checkpoint} | ({} if seed is None else {"X-Seed": str(seed)})
        return Response(content, media_type=MEDIA_TYPES[request.format], headers=headers)

    async def generate_images(request: ManyImages, connection: Request) -> Response:
        drawn = await _draw(batching, request.images, connection)
        if request.form == "zip":
            content = await _encoded(lambda: archive(drawn.images, request.format), drawn.images)
        else:
            columns = request.columns
            content = await _encoded(lambda: grid_picture(drawn.images, request.format, columns=columns), drawn.images)
        media_type = MEDIA_TYPES["zip" if request.form == "zip" else request.format]
        return Response(content, media_type=media_type, headers={"X-Checkpoint": drawn.checkpoint})

    one_examples = schemas.examples(spec, noise_dims=noise_dims)
    generate_image.__annotations__["request"] = Annotated[limited.one, Body(openapi_examples=one_examples)]
    many_examples = schemas.many_examples(spec)
    generate_images.__annotations__["request"] = Annotated[limited.many, Body(openapi_examples=many_examples)]
    seed_header = {"X-Seed": "the seed, if the style is drawn by one"}
    app.post(
        "/api/generate-image",
        summary="One image",
        response_class=Response,
        responses=_answers(["image/png", "image/jpeg"], headers=seed_header),
    )(generate_image)
    app.post(
        "/api/generate-images",
        summary="Several images, as a grid or an archive",
        response_class=Response,
        responses=_answers(["image/png", "image/jpeg", "application/zip"], headers={}),
    )(generate_images)


def _add_probes(app: FastAPI, batching: Batching, metrics: Metrics) -> None:
    """What an orchestrator asks."""

    def answer(status: Status) -> Response:
        headers = RETRY if status == "loading" else None
        return JSONResponse(State(status=status).model_dump(), 200 if status in ("alive", "ready") else 503, headers)

    @app.get("/healthz", summary="Whether a restart is not needed", responses={503: {"model": State}})
    async def alive() -> Response:
        return answer("broken" if batching.broken else "alive")

    @app.get("/readyz", summary="Whether images are drawn", responses={503: {"model": State}})
    async def ready() -> Response:
        return answer("broken" if batching.broken else "ready" if batching.ready else "loading")

    @app.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        responses={200: {"content": {CONTENT_TYPE_LATEST: {"schema": {"type": "string"}}}}},
    )
    async def show_metrics() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)


async def _draw(batching: Batching, choices: Sequence[Choice], connection: Request) -> Drawn:
    """What a request asks for, or the answer that says why not."""
    if not (batching.ready or batching.broken):
        raise HTTPException(503, "the model is not ready; ask again in a second", RETRY)
    labels = np.stack([choice.label_vector() for choice in choices])
    z = np.stack([choice.style_vector(batching.sampler.noise_dims) for choice in choices])
    try:
        return await _while_connected(batching.submit(labels, z), connection)
    except HungUp as error:
        raise HTTPException(499, str(error)) from error
    except Broken as error:
        raise HTTPException(500, str(error)) from error
    except (Full, Closed) as error:
        raise HTTPException(503, str(error), RETRY) from error
    except Exception as error:
        log.exception("a network call failed")
        raise HTTPException(500, one_line(f"the network failed: {error}")) from error


class HungUp(Exception):
    """Nobody waits for an answer any more."""


async def _while_connected(answer: "Future[Drawn]", connection: Request) -> Drawn:
    """What is drawn; it is cancelled as soon as the client hangs up.

    Raises:
        HungUp: the client did.
    """
    drawn = asyncio.wrap_future(answer)
    hung_up = asyncio.ensure_future(_hang_up(connection))
    try:
        await asyncio.wait((drawn, hung_up), return_when=asyncio.FIRST_COMPLETED)
        if not drawn.done():
            raise HungUp("the client hung up")
        return drawn.result()
    finally:
        drawn.cancel()
        hung_up.cancel()


async def _hang_up(connection: Request) -> None:
    """Wait until the client does."""
    while (await connection.receive())["type"] != "http.disconnect":
        pass


async def _encoded(encode: Callable[[], bytes], images: Pixels) -> bytes:
    """What `encode` makes of images, in another thread if that takes long."""
    return encode() if images.size < LONG_PIXELS else await run_in_threadpool(encode)


def _answers(media_types: Sequence[str], *, headers: Mapping[str, str]) -> dict[int | str, dict[str, Any]]:
    """The documented answers of drawing."""
    described = {"X-Checkpoint": "the checkpoint that drew it", **headers}
    drawn = {
        "description": "The file",
        "content": {name: {"schema": {"type": "string", "format": "binary"}} for name in media_types},
        "headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in described.items()},
    }
    return {200: drawn, **RESPONSES}
