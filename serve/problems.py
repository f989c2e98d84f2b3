"""Refuse a request: a status, a word for programs, and a sentence for people."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class Problem(Exception):
    """Why a request is not done. `code` is one of those in openapi.json; the page says it in its language."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def response(self) -> Response:
        """Return it as an answer."""
        return JSONResponse({"error": {"code": self.code, "message": self.message}}, self.status)


async def answer_problem(request: Request, problem: Exception) -> Response:
    """Answer a request that raised a Problem."""
    assert isinstance(problem, Problem)
    return problem.response()
