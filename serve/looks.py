"""Show what models make of somebody's own file: samples for the gallery, previews with options."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from cgconv.runtime import requests
from cgconv.runtime.events import ModelInfo, ModelSampled, ModelsListed, PreviewReady

from .problems import Problem
from .records import Upload
from .store import Store
from .uploads import take, without_paths
from .worker_process import Worker, WorkerDied, WorkerRefused

PREVIEW_EDGE_PX = 720  # the shorter side of previews
FRAME_SHOWN = 0.1  # which part of a film is over at the frame that stands for it
LISTED_FOR_S = 5.0
PREVIEWS_KEPT = 16


class Looks:
    """Samples and previews. One sample at a time waits for the worker, so that previews need not wait for many."""

    def __init__(self, store: Store, worker: Worker, lister: Worker) -> None:
        self._store, self._worker, self._lister = store, worker, lister
        self._samples_turn = asyncio.Lock()
        self._waiting = 0
        self._models: dict[str, ModelInfo] = {}
        self._listed_s = float("-inf")
        self._previews: dict[object, tuple[bytes, str]] = {}

    async def models(self) -> dict[str, ModelInfo]:
        """Return the models that have a name, those with a problem left out."""
        if time.monotonic() - self._listed_s > LISTED_FOR_S:
            with_worker = self._lister.answers(requests.ListModels())
            try:
                async with aclosing(with_worker) as answers:
                    async for event in answers:
                        if isinstance(event, ModelsListed):
                            self._models = {model.name: model for model in event.models if not model.problem}
            except (WorkerDied, WorkerRefused) as error:
                raise Problem(503, "no_worker", f"the models cannot be listed: {error}") from error
            self._listed_s = time.monotonic()
        return self._models

    async def model(self, name: str) -> ModelInfo:
        """Return the model of this name, which is no path. Raises Problem."""
        models = await self.models()
        if name not in models:
            raise Problem(404, "no_model", "there is no such model")
        return models[name]

    async def sample(self, upload: Upload, name: str) -> Path:
        """Return a JPEG of what a model makes of the upload, small. Raises Problem."""
        model = await self.model(name)
        source = self._store.source(upload)
        kept = source.with_name(f"sample-{hashlib.sha256(name.encode()).hexdigest()[:16]}.jpg")
        async with self._counted(), self._samples_turn:
            if kept.exists():
                return kept
            request = requests.SampleModel(str(model.path), source, True, upload.kind, _time_s(upload))
            async with self._asking(upload), aclosing(self._worker.answers(request)) as answers:
                async for event in answers:
                    if isinstance(event, ModelSampled):
                        self._store.upload(upload.id)  # it may have been removed meanwhile
                        take(event.sample, kept)
            self._store.weigh(source.parent)
        if not kept.exists():
            raise Problem(422, "no_sample", "no sample could be made of this file")
        return kept

    async def preview(self, upload: Upload, name: str, *, brush: float, keep_colors: bool) -> tuple[bytes, str]:
        """Return an image of what a model makes of the upload with these options, and its type. Raises Problem."""
        model = await self.model(name)
        key = (upload.id, name, brush, keep_colors)
        if key not in self._previews:
            shorter = min(upload.width, upload.height)
            edge = min(PREVIEW_EDGE_PX, shorter)
            options = requests.ConvertOptions(
                brush=max(1.0, brush * edge / shorter) if brush else 0.0, keep_colors=keep_colors, short_side=edge
            )
            source = self._store.source(upload)
            request = requests.Preview(source, upload.kind, str(model.path), options, _time_s(upload))
            made = None
            async with self._counted(), self._asking(upload), aclosing(self._worker.answers(request)) as answers:
                async for event in answers:
                    if isinstance(event, PreviewReady):
                        made = _taken(event) or made
            if made is None:
                raise Problem(422, "no_preview", "no preview could be made of this file")
            while len(self._previews) >= PREVIEWS_KEPT:
                del self._previews[next(iter(self._previews))]
            self._previews[key] = made
        return self._previews[key]

    def forget(self, upload: Upload) -> None:
        """Keep nothing of an upload that is removed."""
        for key in [key for key in self._previews if isinstance(key, tuple) and key[0] == upload.id]:
            del self._previews[key]

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        if self._waiting >= self._store.limits.looks:
            raise Problem(503, "busy", "too many samples and previews are waiting; try again in a moment")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    @asynccontextmanager
    async def _asking(self, upload: Upload) -> AsyncIterator[None]:
        try:
            yield
        except WorkerDied as error:
            raise Problem(422, "worker_died", f"{upload.name}: the program that translates it ended on it") from error
        except WorkerRefused as error:
            reason = without_paths(str(error), {self._store.source(upload): upload.name})
            raise Problem(422, "unreadable", reason) from error


def _time_s(upload: Upload) -> float:
    return FRAME_SHOWN * (upload.seconds or 0)


def _taken(ready: PreviewReady) -> tuple[bytes, str] | None:
    """Return the translation of a preview, whose files are deleted."""
    made = None
    if ready.translated is not None:
        made = (ready.translated.read_bytes(), "image/png" if ready.translated.suffix == ".png" else "image/bmp")
        ready.translated.unlink(missing_ok=True)
    ready.original.unlink(missing_ok=True)
    return made
