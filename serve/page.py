"""Give out the page for people, in the language that their browser asks for."""

from __future__ import annotations

import html
import json
import re
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

FOLDER = Path(__file__).with_name("static")
LANGUAGES = {"en": "en", "zh": "zh-CN"}
COOKIE = "cgconv_language"
FILES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    **{f"words.{language}.json": "application/json" for language in LANGUAGES},
}


@cache
def words(language: str) -> dict[str, str]:
    """Return what the page says in a language."""
    found: dict[str, str] = json.loads((FOLDER / f"words.{language}.json").read_text(encoding="utf-8"))
    return found


def language_for(request: Request) -> str:
    """Return the language that somebody chose, or the first that their browser asks for and there is."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    asked: list[tuple[float, int, str]] = []
    for part in request.headers.get("accept-language", "").split(","):
        name, _, quality = part.partition(";")
        match = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", quality)
        weight = float(match[1]) if match else 1.0
        asked.append((-weight, len(asked), name.strip().lower().partition("-")[0]))
    return next((name for weight, _, name in sorted(asked) if name in LANGUAGES and weight), "en")


async def show_page(request: Request) -> Response:
    """Return the page, or go to it again once a language was chosen."""
    chosen = request.query_params.get("language")
    if chosen in LANGUAGES:
        again = RedirectResponse("/", 303)
        again.set_cookie(COOKIE, chosen, max_age=365 * 24 * 3600, samesite="strict")
        return again
    language = language_for(request)
    said = {**words(language), "lang": LANGUAGES[language], "language": language}
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    filled = re.sub(r"\{\{(\w+)\}\}", lambda found: html.escape(said[found[1]]), page)
    return HTMLResponse(filled, headers={"Vary": "Accept-Language, Cookie", "Content-Language": LANGUAGES[language]})


async def show_file(request: Request) -> Response:
    """Return one of the page's own files."""
    name = request.path_params["name"]
    if name not in FILES:
        raise HTTPException(404)
    return FileResponse(FOLDER / name, media_type=FILES[name], headers={"Cache-Control": "no-cache"})


ROUTES = [Route("/", show_page), Route("/page/{name}", show_file)]
