"""A server of the page's contract, until there is the real one."""

from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, Response
from fastapi.staticfiles import StaticFiles

from gan.images import encode, grid
from gan.sampling import Sampler, styles

PAGE = Path(__file__).parent.parent / "gan/serving/page"
CSP = "default-src 'self'; img-src 'self' blob: data:"


def create_app(sampler: Sampler) -> FastAPI:
    app = FastAPI(docs_url=None)
    name = sampler.path.name if sampler.path else "gan-00000042"
    spec = sampler.spec

    @app.middleware("http")
    async def policy(request: Any, call_next: Any) -> Response:
        reply = await call_next(request)
        reply.headers["Content-Security-Policy"] = CSP
        return reply

    def draw(items: list[dict[str, Any]]) -> Any:
        labels = np.array([item["labels"] for item in items], np.float32)
        labels /= labels.sum(1, keepdims=True)
        zs = [
            np.array(item["style"], np.float32)
            if "style" in item
            else styles(sampler.noise_dims, seed=item.get("seed", 0), numbers=[1])[0]
            for item in items
        ]
        return sampler.sample(labels, np.stack(zs))

    @app.get("/api/model")
    def model() -> dict[str, Any]:
        return {
            "image": {"height": spec.height, "width": spec.width, "channels": spec.channels},
            "classes": list(spec.class_names),
            "style_size": sampler.noise_dims,
            "checkpoint": name,
            "step": int(name[4:]),
            "scores": dict(sampler.scores) or None,
            "limits": {"images": 100, "seed": 2147483647},
        }

    @app.post("/api/generate-image")
    def one(body: dict[str, Any]) -> Response:
        headers = {"X-Checkpoint": name} | ({"X-Seed": str(body["seed"])} if "seed" in body else {})
        return Response(encode(draw([body])[0], "png"), media_type="image/png", headers=headers)

    @app.post("/api/generate-images")
    def many(body: dict[str, Any]) -> Response:
        return Response(encode(grid(draw(body["images"]), columns=body["columns"]), "png"), media_type="image/png")

    @app.get("/api/styles/sample")
    def style(seed: int) -> dict[str, Any]:
        return {"seed": seed, "style": styles(sampler.noise_dims, seed=seed, numbers=[1])[0].tolist()}

    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app
