"""The files of an app: the page at `/`, and `/docs`, Swagger UI without a request to another host.

Their links are relative, so that they also hold behind a proxy that puts the server below a prefix.

Each file of the page is a route of its own: there is no path to play tricks with, and a route of the API that is asked
with a wrong method stays one.
"""

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent


def add_pages(app: FastAPI) -> None:
    """Serve `page/` at `/`, and the documentation."""
    page = StaticFiles(directory=HERE / "page", html=True)
    names = [path.relative_to(HERE / "page").as_posix() for path in (HERE / "page").rglob("*") if path.is_file()]
    app.router.routes += [Route(f"/{name}", page, include_in_schema=False) for name in ["", *sorted(names)]]
    app.router.routes.append(Mount("/docs/swagger", StaticFiles(directory=str(files("fastapi_offline") / "static"))))

    documents = StaticFiles(directory=HERE / "docs")

    @app.get("/docs", include_in_schema=False)
    async def documentation(request: Request) -> Response:
        return await documents.get_response("index.html", request.scope)

    @app.get("/docs/docs.js", include_in_schema=False)
    async def documentation_script(request: Request) -> Response:
        return await documents.get_response("docs.js", request.scope)
