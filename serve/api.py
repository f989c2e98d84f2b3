"""Answer programs and the page: uploads, models, samples, previews, jobs, results, events, health."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cgconv.runtime.protocol import read_json

from .desk import Desk
from .feed import MOST_LISTENERS
from .guard import COOKIE, session_of
from .job_queue import AFTER
from .options import chosen_options
from .problems import Problem
from .uploads import BEFORE

LARGEST_JSON_BYTES = 1 << 16
# A form of another site can send these without being asked for leave first.
FORMS = ("", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
TYPES = {
    **{"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "gif": "image/gif", "avif": "image/avif"},
    **{"mp4": "video/mp4", "m4v": "video/mp4", "webm": "video/webm", "mov": "video/quicktime"},
}  # what a browser can show; the rest is only fetched
KEPT = {"Cache-Control": "private, max-age=3600"}

Endpoint = Callable[[Desk, Request], Awaitable[Response]]


async def health(desk: Desk, _: Request) -> Response:
    """Say that the server is there, and nothing else: no token is asked for."""
    return JSONResponse({"status": "ok", "version": version("cgconv")})


async def document(_: Desk, __: Request) -> Response:
    """Return the OpenAPI document."""
    found = json.loads(Path(__file__).with_name("openapi.json").read_text(encoding="utf-8"))
    found["info"]["version"] = version("cgconv")
    return JSONResponse(found)


async def open_session(desk: Desk, request: Request) -> Response:
    """Give a browser that has the token a cookie, because pictures and events are fetched without headers."""
    answer = Response(status_code=204)
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    answer.set_cookie(COOKIE, session_of(desk.token), httponly=True, samesite="strict", secure=secure)
    return answer


async def status(desk: Desk, _: Request) -> Response:
    """Return what the server takes and how full it is."""
    limits, store = desk.limits, desk.store
    shown = {
        name: getattr(limits, name)
        for name in ("upload_bytes", "megapixels", "film_s", "jobs", "uploads", "disk_bytes", "keep_s")
    }
    now = {"jobs": len(desk.queue.waiting()), "uploads": len(store.uploads), "disk_bytes": store.used_bytes}
    return JSONResponse({"limits": shown, "now": now})


async def list_models(desk: Desk, _: Request) -> Response:
    """Return the models."""
    models = (await desk.looks.models()).values()
    names = ("name", "title", "direction", "licence", "is_bundled")
    return JSONResponse({"models": [{name: getattr(model, name) for name in names} for model in models]})


async def add_upload(desk: Desk, request: Request) -> Response:
    """Take a file: its bytes are the body, its name is in the query."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() in FORMS:
        message = "send the file's bytes as they are, with Content-Type: application/octet-stream"
        raise Problem(415, "content_type", message)
    name = request.query_params.get("name", "")
    if not name:
        raise Problem(400, "no_name", "the file's name is missing: POST /api/uploads?name=holiday.jpg")
    length = request.headers.get("content-length", "")
    try:
        upload = await desk.uploads.receive(name, int(length) if length.isdecimal() else None, request.stream())
    except ClientDisconnect:
        raise Problem(400, "broken_off", "the upload was broken off") from None
    return JSONResponse(upload.shown(), 201)


async def show_upload(desk: Desk, request: Request) -> Response:
    """Return what is known of an upload."""
    return JSONResponse(desk.store.upload(request.path_params["upload"]).shown())


async def remove_upload(desk: Desk, request: Request) -> Response:
    """Delete an upload that no job needs."""
    upload = desk.store.upload(request.path_params["upload"])
    desk.store.remove_upload(upload)
    desk.looks.forget(upload)
    return Response(status_code=204)


async def show_before(desk: Desk, request: Request) -> Response:
    """Return the picture that stands for an upload."""
    upload = desk.store.upload(request.path_params["upload"])
    return FileResponse(desk.store.source(upload).with_name(BEFORE), media_type="image/jpeg", headers=KEPT)


async def show_sample(desk: Desk, request: Request) -> Response:
    """Return what a model makes of an upload, small."""
    upload = desk.store.upload(request.path_params["upload"])
    path = await desk.looks.sample(upload, request.path_params["model"])
    return FileResponse(path, media_type="image/jpeg", headers=KEPT)


async def show_preview(desk: Desk, request: Request) -> Response:
    """Return what a model makes of an upload, with a brush and with its own colors or not."""
    upload = desk.store.upload(request.path_params["upload"])
    try:
        brush = float(request.query_params.get("brush", "0"))
    except ValueError:
        brush = -1.0
    keep_colors = request.query_params.get("keep_colors", "false")
    if not (brush == 0 or 1 <= brush <= 8) or keep_colors not in ("true", "false"):
        raise Problem(400, "bad_options", "brush: 0 or 1 to 8; keep_colors: true or false")
    data, kind = await desk.looks.preview(
        upload, request.path_params["model"], brush=brush, keep_colors=keep_colors == "true"
    )
    return Response(data, media_type=kind, headers=KEPT)


async def list_jobs(desk: Desk, _: Request) -> Response:
    """Return all jobs, oldest first."""
    return JSONResponse({"jobs": [job.shown() for job in desk.store.jobs.values()]})


async def add_job(desk: Desk, request: Request) -> Response:
    """Put a translation of an upload in line."""
    values = await _json_of(request)
    names = {name: values.get(name) for name in ("upload", "model")}
    for name, value in names.items():
        if not isinstance(value, str):
            raise Problem(400, "bad_options", f"{name}: expected a word")
    if strange := values.keys() - {"upload", "model", "options"}:
        raise Problem(400, "bad_options", f"{sorted(strange)[0][:40]!r} is not known here")
    upload = desk.store.upload(str(names["upload"]))
    model = await desk.looks.model(str(names["model"]))
    job = await desk.queue.add(upload, model.name, model.path, chosen_options(values.get("options", {})))
    return JSONResponse(job.shown(), 201)


async def show_job(desk: Desk, request: Request) -> Response:
    """Return a job."""
    return JSONResponse(desk.store.job(request.path_params["job"]).shown())


async def cancel_job(desk: Desk, request: Request) -> Response:
    """Stop a job."""
    job = desk.store.job(request.path_params["job"])
    await desk.queue.cancel(job)
    return JSONResponse(job.shown(), 202)


async def remove_job(desk: Desk, request: Request) -> Response:
    """Delete an ended job and its result."""
    desk.queue.remove(desk.store.job(request.path_params["job"]))
    return Response(status_code=204)


async def show_result(desk: Desk, request: Request) -> Response:
    """Return a job's result, to be kept; with `inline`, to be shown where a browser can."""
    job = desk.store.job(request.path_params["job"])
    path = desk.store.result(job)
    kind = TYPES.get(path.suffix[1:].lower(), "application/octet-stream")
    inline = "inline" in request.query_params and kind != "application/octet-stream"
    return FileResponse(
        path,
        media_type=kind,
        filename=job.result_name,
        content_disposition_type="inline" if inline else "attachment",
    )


async def show_after(desk: Desk, request: Request) -> Response:
    """Return the picture that stands for a result."""
    job = desk.store.job(request.path_params["job"])
    if not job.has_after:
        raise Problem(404, "no_result", "there is no picture of this job's result")
    return FileResponse(desk.store.folder_of(job) / AFTER, media_type="image/jpeg", headers=KEPT)


async def all_events(desk: Desk, _: Request) -> Response:
    """Tell of all jobs, now and for ever."""
    return _stream(desk, list(desk.store.jobs))


async def job_events(desk: Desk, request: Request) -> Response:
    """Tell of one job until it has ended."""
    job = desk.store.job(request.path_params["job"])
    return _stream(desk, [job.id], job.id)


def _stream(desk: Desk, first: list[str], only: str | None = None) -> Response:
    if desk.feed.listeners >= MOST_LISTENERS:
        raise Problem(503, "busy", "too many listen already; ask for /api/jobs now and then instead")
    return StreamingResponse(desk.feed.events(first, only), media_type="text/event-stream")


async def _json_of(request: Request) -> dict[str, Any]:  # Any: JSON values
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "content_type", "send JSON, with Content-Type: application/json")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_JSON_BYTES:
            raise Problem(413, "too_large", f"this is more than {LARGEST_JSON_BYTES} bytes")
    try:
        values = read_json(body)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise Problem(400, "bad_json", "the body is not a JSON object")
    return values


_TABLE: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/api/health", health),
    ("GET", "/api/openapi.json", document),
    ("POST", "/api/session", open_session),
    ("GET", "/api/status", status),
    ("GET", "/api/models", list_models),
    ("POST", "/api/uploads", add_upload),
    ("GET", "/api/uploads/{upload}", show_upload),
    ("DELETE", "/api/uploads/{upload}", remove_upload),
    ("GET", "/api/uploads/{upload}/before", show_before),
    ("GET", "/api/uploads/{upload}/samples/{model}", show_sample),
    ("GET", "/api/uploads/{upload}/previews/{model}", show_preview),
    ("GET", "/api/jobs", list_jobs),
    ("POST", "/api/jobs", add_job),
    ("GET", "/api/jobs/{job}", show_job),
    ("DELETE", "/api/jobs/{job}", remove_job),
    ("POST", "/api/jobs/{job}/cancel", cancel_job),
    ("GET", "/api/jobs/{job}/result", show_result),
    ("GET", "/api/jobs/{job}/after", show_after),
    ("GET", "/api/jobs/{job}/events", job_events),
    ("GET", "/api/events", all_events),
)


def routes(desk: Desk) -> list[Route]:
    """Return what is asked of a desk, and who answers."""
    return [Route(path, functools.partial(answer, desk), methods=[method]) for method, path, answer in _TABLE]
