"""Translate one film: decode, translate and encode side by side, in segments that a stopped job can go on from."""

from __future__ import annotations

import errno
import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from cgconv.runtime.brush import check_brush, shrink, working_hw
from cgconv.runtime.choices import Deinterlace, FieldRate, VideoCodec
from cgconv.runtime.errors import Cancelled, FilmError, OutputError, PartialFilmError, UsageError
from cgconv.runtime.events import JobProgressed, JobWarned, counted
from cgconv.runtime.files import make_folder_for, put_in_place
from cgconv.runtime.lock import Lock
from cgconv.runtime.mask import MaskOptions
from cgconv.runtime.models.familiar import unfamiliar
from cgconv.runtime.steady import MotionFinder, Steadier, check_steady, small_copy
from cgconv.runtime.translate.memory import available_bytes
from cgconv.runtime.translate.shared_translator import StartsEarly

from .colors import RGB, Image, resized_alpha
from .encoding import check_crf, choose_encoding
from .every import Filler, Grouper, check_every
from .gif import join_gif
from .join import DamagedSegment, NotJoined, StreamReport, check_film, join_film, rehearse
from .kept_segments import LOCK, PartFolder, ends_hash, hidden_path, settle_folder
from .masks import Masks
from .painted import painted
from .reader import DEFAULT_MAX_PIXELS, FilmFrame, FilmReader, film_stream, open_container
from .segment_writer import Segment, SegmentWriter, writing
from .sides import Cut, SidePlan, lost_sound, plan_sides

if TYPE_CHECKING:
    from cgconv.runtime.translate.shared_translator import Translates

# A segment is as long as x264's distance between key frames, so cutting the film costs nothing in size. A slow model
# closes one each minute, for a key frame more: a kill loses no more than that.
SEGMENT_FRAMES = 250
SEGMENT_S = 60.0
PROGRESS_EVERY_S = 0.2
FAMILIAR_EVERY_S = 1  # of the film: how often a frame is compared with what the model learned from
_POLL_S = 0.1
LATEST_START_S = Fraction(1, 10)  # a film that begins later is moved: a part of a broadcast begins at hours
STAGES = ("decode", "translate", "encode")


@dataclass(frozen=True, kw_only=True)
class FilmOptions:
    """What is wanted of a film.

    `strength` mixes with the original (0 to 1), `keep_colors` takes color from it; `short_side` resizes first;
    `brush` 1 to 8 translates at so much less than the size, None as the model's card says; `detail` 0 to 1 is how much
    of the translation's own texture is kept then (brush.py);
    `steady` 0 (off) to 1 holds strokes still from frame to frame (steady.py; `cgconv video` takes DEFAULT_STEADY).
    `every` n-th frame is translated and the others filled in along the motion, where that holds (every.py).
    `start_s` and `end_s` cut; `crf` None is the codec's usual quality; `threads` None leaves it to the libraries.
    `mask` says where the translation is seen (mask.py), everywhere without one.
    `deinterlace` and `field_rate`: what becomes of interlaced frames (fields.py).
    `fresh` throws away what an earlier run of it, which was stopped, has done. Frames of more than `max_pixels` are
    refused.
    """

    codec: VideoCodec = VideoCodec.AUTO
    crf: int | None = None
    start_s: float | None = None
    end_s: float | None = None
    keep_audio: bool = True
    strength: float = 1.0
    keep_colors: bool = False
    short_side: int | None = None
    brush: float | None = None
    detail: float = 1.0
    mask: MaskOptions | None = None
    steady: float = 0.0
    every: int = 1
    batch: int = 1
    threads: int | None = None
    allow_hdr: bool = False
    deinterlace: Deinterlace = Deinterlace.AUTO
    field_rate: FieldRate = FieldRate.HALF
    fresh: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise UsageError(f"strength: found {self.strength}, expected 0 to 1")
        if self.short_side is not None and self.short_side < 8:
            raise UsageError(f"resize: found {self.short_side}, expected at least 8")
        check_brush(self.brush, self.detail)
        check_steady(self.steady)
        check_every(self.every)
        if self.batch < 1:
            raise UsageError(f"batch: found {self.batch}, expected at least 1")
        if self.start_s is not None and self.start_s < 0:
            raise UsageError(f"start: found {self.start_s}, expected 0 or more seconds")
        if self.end_s is not None and self.end_s <= (self.start_s or 0):
            raise UsageError(f"end: found {self.end_s}, expected more than the start ({self.start_s or 0})")
        if self.max_pixels < 1:
            raise UsageError(f"--max-pixels: found {self.max_pixels}, expected at least 1")
        if self.codec is not VideoCodec.AUTO:
            check_crf(self.codec, self.crf, self.codec.value)


def translate_film(
    source: Path,
    target: Path,
    translator: Translates,
    options: FilmOptions,
    *,
    cancel: threading.Event,
    index: int = 0,
) -> Generator[JobProgressed | JobWarned, None, dict[str, Any]]:  # Any: JSON values, for JobFinished.facts
    """Write the translation of `source` to `target`, yielding progress and warnings; return facts for the report.

    `target` appears whole or not at all. What is translated is kept beside it when the job stops, and the same call
    goes on from there; the result has the same frames and times as without the stop, and a key frame where it was.

    Raises:
        FilmError: `source` is no film that can be read.
        PartialFilmError: some of it could not be decoded; `target` holds the rest.
        OutputError: `target` cannot be written.
        Cancelled: `cancel` was set.
    """
    reader = FilmReader(
        source,
        short_side=options.short_side,
        start_s=options.start_s,
        end_s=options.end_s,
        allow_hdr=options.allow_hdr,
        threads=options.threads or 0,
        max_pixels=options.max_pixels,
        deinterlace=options.deinterlace,
        field_rate=options.field_rate,
    )
    with reader, _alone(target):
        job = _FilmJob(reader, target, translator, options, cancel, index)
        yield from job.translate_frames()
        return (yield from job.finish())


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Keep other processes from writing `target` and the segments beside it."""
    with writing(target):
        make_folder_for(target)
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "no permission", str(target.parent))
    lock = Lock(hidden_path(target, LOCK))
    if not lock.take():
        raise OutputError(f"{target}: another cgconv is writing this file right now")
    try:
        yield
    finally:
        lock.release()


@dataclass
class _Stage:
    """How long a stage has really worked."""

    busy_s: float = 0.0


@dataclass
class _FilmJob:
    """One film on its way. Threads: decode and encode; translation runs where the events are asked for."""

    reader: FilmReader
    target: Path
    translator: Translates
    options: FilmOptions
    cancel: threading.Event
    index: int
    stages: dict[str, _Stage] = field(default_factory=lambda: {name: _Stage() for name in STAGES})

    def __post_init__(self) -> None:
        info = self.reader.info
        scale = self.translator.card.scale
        height, width = self.reader.image_hw
        self.working_hw = working_hw(self.reader.image_hw, self.translator.card, self.options.brush)
        self.output_hw = (height * scale, width * scale)
        self.coded_hw = info.orientation.upright_hw(self.output_hw)
        self._check_memory()
        self.suffix = self.target.suffix.lower()
        self.encoding = choose_encoding(
            info,
            suffix=self.suffix,
            image_hw=self.coded_hw,
            codec=self.options.codec,
            crf=self.options.crf,
            device=self.translator.describe().device,
        )
        self.colors = RGB if self.encoding.codec == "gif" else info.colors.for_size(self.coded_hw[0])
        self.plan = SidePlan()
        self.masks = Masks(self.options.mask, info, self.output_hw)
        self.parts = PartFolder(
            self.target, self._fingerprint(), threads=self.options.threads, fresh=self.options.fresh
        )
        self.resumed_frames = self.parts.frames
        self.frames_done = self.resumed_frames
        self.reader.broken_at_s = self.parts.broken_at_s
        self.started = time.perf_counter()
        self.warned = 0
        self.looked_at = 0  # frames that were compared with what the model learned from
        self.unlike_at_s: list[float] = []  # which of those are unlike it
        self.frames_faded = 0
        self.frames_repeated = 0  # not computed, because they show what the one before shows
        self._take_up_motion()

    def _take_up_motion(self) -> None:
        """Begin to look for motion and to hold still, or go on from where the last segment ended."""
        state = self.parts.state() or {}
        seen, result = state.get("seen"), state.get("result")
        self.frames_filled = int(state.get("filled", 0))
        self.last_translated: Image | None = result  # for a frame that shows the same
        self.blended: Image | None = state.get("blended")  # of the last motion
        motions = None
        if self.options.steady:
            motions = MotionFinder(None if seen is None else small_copy(seen), self.blended)
        begun_pts = int(self.parts.segments[-1].pts[-1]) if self.parts.segments else 0
        self.grouper = Grouper(self.options.every, motions, seen, begun_pts)
        self.filler = Filler(Steadier(self.options.steady, result), result)

    def _check_memory(self) -> None:
        """Refuse frames of which so few as the queues hold do not fit into memory. Raises FilmError."""
        before, after = (height * width for height, width in (self.reader.image_hw, self.output_hw))
        waiting = 2 * self.options.batch + 1 + self.options.every  # of each queue
        needed = (before + after) * 3 * (4 if self.reader.info.is_deep else 1) * waiting
        if needed > (free := available_bytes()):
            height, width = self.output_hw
            raise FilmError(
                f"frames of {width}×{height} pixels need {needed / 1e9:.1f} GB of memory,"
                f" and {free / 1e9:.1f} GB are free; lower --batch, or make them smaller with --resize",
                path=self.reader.path,
            )

    def translate_frames(self) -> Generator[JobProgressed | JobWarned, None, None]:
        """Run the three stages until the last segment is closed."""
        try:
            self._prepare()
        except BaseException:
            self.parts.tidy()
            raise
        for note in self._notes():
            yield JobWarned(self.index, note)
        stop = threading.Event()
        decoded: queue.Queue[FilmFrame | BaseException | None] = queue.Queue(2 * self.options.batch + 2)
        translated: queue.Queue[tuple[FilmFrame, Image] | None] = queue.Queue(2 * self.options.batch + 2)
        errors: list[BaseException] = []
        decoder = threading.Thread(target=self._decode, args=(decoded, stop), name="decode", daemon=True)
        encoder = threading.Thread(target=self._encode, args=(translated, errors, stop), name="encode", daemon=True)
        decoder.start()
        encoder.start()
        reported = 0.0
        stopped: Cancelled | None = None
        try:
            for batch, images in self._translated(decoded):
                for frame, image in zip(batch, images, strict=True):
                    self._put(translated, (frame, image), errors)
                yield from self._new_warnings()
                if time.perf_counter() - reported >= PROGRESS_EVERY_S:
                    reported = time.perf_counter()
                    yield self._progress()
            self._put(translated, None, errors)
            while encoder.is_alive():
                encoder.join(PROGRESS_EVERY_S)
                self._check_cancel()
                yield self._progress()
        except Cancelled as error:
            stopped = error
        finally:
            stop.set()
            decoder.join()
            encoder.join()
            self.masks.close()
            self.parts.tidy()
        if stopped is not None:
            self._check_cancel()  # which knows by now how many frames are kept
            raise stopped
        if errors:
            raise errors[0]
        yield from self._new_warnings()

    def _prepare(self) -> None:
        """Read all times, and try what the film will be made of before the work of hours begins."""
        self.timeline = self.reader.read_timeline(check_cancel=self._check_cancel)
        if self.timeline.frames(*self.reader.cut_s) == 0:
            raise FilmError(self._why_empty(), path=self.reader.path)
        if self.encoding.codec == "gif":
            return
        info = self.reader.info
        with writing(self.target), open_container(info.path) as source:
            film = film_stream(source, info.path).index
            start_s, end_s = self.reader.cut_s
            plan = plan_sides(
                source,
                film,
                suffix=self.suffix,
                keep_audio=self.options.keep_audio,
                timeline=self.timeline,
                cut=Cut(start_s, end_s),
                folder=self.parts.path,
            )
            picture = self._trial_segment()
            self.plan = rehearse(
                self.parts.path / f"trial{self.suffix}",
                picture,
                info,
                suffix=self.suffix,
                encoding=self.encoding,
                timeline=self.timeline,
                plan=plan,
            )
            picture.path.unlink()

    def _trial_segment(self) -> Segment:
        """Return a segment of one black frame."""
        writer = self._open_segment(self.parts.path / "trial-picture.mkv")
        writer.write(np.zeros((*self.coded_hw, 3), np.float32 if self.reader.info.is_deep else np.uint8))
        return Segment(writer.path, np.zeros(1, np.int64), np.ones(1, np.int64), writer.close())

    def finish(self) -> Generator[JobProgressed | JobWarned, None, dict[str, Any]]:
        """Join the segments, check the film and put it in its place."""
        if not self.parts.segments:
            raise FilmError(self._why_empty(), path=self.reader.path)
        whole = self.parts.path / f"whole{self.suffix}"
        try:
            report = self._join(whole)
            with writing(self.target):
                self.parts.settle(whole)
                self.parts.mark_delivered(whole)
                put_in_place(whole, self.target)
                settle_folder(self.target.parent)
        except DamagedSegment as error:
            self.parts.discard(error.number)
            kept = self.parts.frames
            raise OutputError(
                "part of the finished work was damaged on the disk; "
                f"give the same command again to continue {f'from frame {kept + 1}' if kept else 'from the start'}",
                path=self.target,
            ) from error
        finally:
            self.parts.tidy()
        self.parts.delete()
        for dropped in report.dropped:
            if dropped not in self.plan.dropped:  # the others were said before the work began
                yield JobWarned(self.index, f"left out: {dropped}")
        if self.suffix != ".gif" and not report.has_sound and lost_sound(report.dropped):
            yield JobWarned(self.index, "NO SOUND: the result is silent, none of the film's sound could be kept")
        for note in self._last_notes():
            yield JobWarned(self.index, note)
        yield self._progress()
        facts = self._facts(report.kept, report.dropped)
        if self.reader.broken_at_s is not None:
            raise PartialFilmError(
                f"damaged at {self.reader.broken_at_s:.2f} s; what could be decoded is kept "
                f"({counted(self.frames_done, 'frame')})",
                path=self.reader.path,
                output=self.target,
                facts=facts,
            )
        return facts

    def _join(self, whole: Path) -> StreamReport:
        if self.encoding.codec == "gif":
            report = join_gif(
                whole,
                self.parts.segments,
                self.reader.info,
                keep_audio=self.options.keep_audio,
                check_cancel=self._check_cancel,
            )
            try:
                check_film(whole, frames=self.parts.frames, streams=1)
            except NotJoined as error:
                raise OutputError(str(error), path=self.target) from error
            return report
        return join_film(
            whole,
            self.parts.segments,
            self.reader.info,
            suffix=self.suffix,
            encoding=self.encoding,
            timeline=self.timeline,
            plan=self.plan,
            cut=self._cut(),
            check=check_film,
            check_cancel=self._check_cancel,
        )

    def _decode(self, decoded: queue.Queue[FilmFrame | BaseException | None], stop: threading.Event) -> None:
        """Stage 1: frames from the file."""
        stage = self.stages["decode"]
        after = int(self.parts.segments[-1].pts[-1]) if self.parts.segments else None
        last: BaseException | None = None
        began = time.perf_counter()
        look_at_s = float("-inf")
        try:
            for frame in self.reader.frames(after_pts=after):
                at_s = float(frame.pts * self.reader.info.time_base)
                if at_s >= look_at_s:
                    look_at_s = at_s + FAMILIAR_EVERY_S
                    self._compare(frame.image, at_s)
                if self.working_hw != frame.image.shape[:2]:
                    frame = replace(frame, small=shrink(frame.image, self.working_hw))
                ready = self.grouper.take(frame)
                stage.busy_s += time.perf_counter() - began
                if not all(_offer(decoded, one, stop) for one in ready):
                    return
                began = time.perf_counter()
            for one in self.grouper.end():
                _offer(decoded, one, stop)
        except BaseException as error:  # a thread's error is raised where its result is waited for
            last = error
        _offer(decoded, last, stop)

    def _translated(
        self, decoded: queue.Queue[FilmFrame | BaseException | None]
    ) -> Generator[tuple[list[FilmFrame], list[Image]], None, None]:
        """Stage 2: yield batches with their translations, the next one on its way already where the backend can.

        A frame that shows what the one before shows is not computed again.
        """
        translator, stage = self.translator, self.stages["translate"]
        if not (isinstance(translator, StartsEarly) and translator.overlaps):
            while batch := self._next_batch(decoded):
                began = time.perf_counter()
                new = _new_images(batch)
                images = self._for_each(batch, translator.translate(np.stack(new)) if new else [])
                stage.busy_s += time.perf_counter() - began
                yield batch, images
            return
        waiting: tuple[list[FilmFrame], Callable[[], Iterable[Image]]] | None = None
        while True:
            batch = self._next_batch(decoded)
            began = time.perf_counter()
            started: tuple[list[FilmFrame], Callable[[], Iterable[Image]]] | None = None
            if batch:
                new = _new_images(batch)
                started = batch, translator.start(np.stack(new)) if new else list
            if waiting is not None:
                before, fetch = waiting
                images = self._for_each(before, fetch())
                stage.busy_s += time.perf_counter() - began
                yield before, images
            waiting = started
            if waiting is None:
                return

    def _for_each(self, batch: list[FilmFrame], translated: Iterable[Image]) -> list[Image]:
        """Return an image for each frame of a batch, from its translated ones' and the last one before it."""
        fresh = iter(translated)
        images = []
        for frame in batch:
            if frame.is_translated:
                self.last_translated = next(fresh)
            assert self.last_translated is not None  # the first frame of all is translated
            images.append(self.last_translated)
            self.frames_repeated += frame.repeats
        return images

    def _next_batch(self, decoded: queue.Queue[FilmFrame | BaseException | None]) -> list[FilmFrame]:
        batch: list[FilmFrame] = []
        while len(batch) < self.options.batch:
            self._check_cancel()
            try:
                item = decoded.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if isinstance(item, BaseException):
                raise item
            if item is None:
                decoded.put(None)  # for the call after the last batch
                break
            batch.append(item)
        return batch

    def _put(
        self,
        translated: queue.Queue[tuple[FilmFrame, Image] | None],
        item: tuple[FilmFrame, Image] | None,
        errors: list[BaseException],
    ) -> None:
        while True:
            if errors:
                raise errors[0]
            try:
                translated.put(item, timeout=_POLL_S)
                return
            except queue.Full:
                self._check_cancel()

    def _encode(
        self,
        translated: queue.Queue[tuple[FilmFrame, Image] | None],
        errors: list[BaseException],
        stop: threading.Event,
    ) -> None:
        """Stage 3: images into segments. Once `stop` is set, what is translated already is still written."""
        stage = self.stages["encode"]
        writer: SegmentWriter | None = None
        pts: list[int] = []
        durations: list[int] = []
        opened = 0.0
        is_last = False
        try:
            while not is_last:
                try:
                    item = translated.get(timeout=_POLL_S)
                except queue.Empty:
                    if not stop.is_set():
                        continue
                    item = None
                is_last = item is None
                began = time.perf_counter()
                for frame, image in [] if item is None else self.filler.take(*item):
                    if writer is None:
                        writer, pts, durations, opened = self._open_segment(self.parts.next_path()), [], [], began
                    coded = self.reader.info.orientation.coded
                    alpha = None if frame.alpha is None else coded(resized_alpha(frame.alpha, self.output_hw))
                    writer.write(coded(self._look(frame, image)), alpha)
                    pts.append(frame.pts)
                    durations.append(frame.duration)
                    self.frames_done += 1
                    self.frames_filled += frame.between is not None
                    self.blended = self.blended if frame.motion is None else frame.motion.blended
                is_full = len(pts) >= SEGMENT_FRAMES or time.perf_counter() - opened >= SEGMENT_S
                if writer is not None and (is_last or is_full):
                    self.parts.add(
                        pts,
                        durations,
                        writer.close(),
                        broken_at_s=self.reader.broken_at_s,
                        state=self._motion_state(frame),
                    )
                    writer = None
                stage.busy_s += time.perf_counter() - began
        except BaseException as error:  # raised again where the job waits for this thread
            errors.append(error)
        finally:
            if writer is not None:
                writer.abandon()

    def _motion_state(self, last: FilmFrame) -> dict[str, Image] | None:
        """Return what the next segment starts from, after the frame `last`."""
        if self.filler.last is None or not (self.options.steady or self.options.every > 1):
            return None
        state = {"seen": last.to_translate, "result": self.filler.last, "filled": np.array(self.frames_filled)}
        return state if self.blended is None else state | {"blended": self.blended}

    def _open_segment(self, path: Path) -> SegmentWriter:
        info = self.reader.info
        return SegmentWriter(
            path,
            self.encoding,
            colors=self.colors,
            image_hw=self.coded_hw,
            rate=info.rate,
            sample_aspect_ratio=info.sample_aspect_ratio,
            threads=self.options.threads or 0,
        )

    def _look(self, frame: FilmFrame, image: Image) -> Image:
        """Bring to full size, mix with the original, keep its colors; leave frames without contrast as they are."""
        options = self.options
        image, share = painted(
            frame.image,
            frame.to_translate,
            image,
            self.translator.card,
            strength=options.strength,
            colors=options.keep_colors,
            detail=options.detail,
            mask=self.masks.of(frame),
        )
        self.frames_faded += share < 1
        return image

    def _compare(self, image: Image, at_s: float) -> None:
        """Remember whether a frame is like what the model learned from."""
        self.looked_at += 1
        if image.dtype != np.uint8:
            image = np.rint(image * 255).astype(np.uint8)
        if unfamiliar(image, self.translator.card) is not None:
            self.unlike_at_s.append(at_s)

    def _cut(self) -> Cut:
        """Return the stretch that is kept, and how far it is moved: to 0, but for a start that is hardly a delay."""
        first_s = self.timeline.first_time_s
        start_s, end_s = self.reader.cut_s
        if start_s is not None:
            start_s = int(self.parts.segments[0].pts[0]) * self.reader.info.time_base
            return Cut(start_s, end_s, -start_s)
        return Cut(None, end_s, -first_s if first_s > LATEST_START_S else Fraction(0))

    def _check_cancel(self) -> None:
        if self.cancel.is_set():
            kept = self.parts.frames
            how = f"; the same command continues from frame {kept + 1}" if kept else ""
            raise Cancelled(f"stopped{how}", path=self.reader.path)

    def _progress(self) -> JobProgressed:
        elapsed = max(1e-6, time.perf_counter() - self.started)
        done = self.frames_done
        fps = (done - self.resumed_frames) / elapsed
        total = self.reader.info.frames
        left = max(0, total - done) / fps if total and fps else None
        slow = max(STAGES, key=lambda name: self.stages[name].busy_s)
        return JobProgressed(self.index, done, total, fps, left, slow)

    def _notes(self) -> list[str]:
        notes = [*self.encoding.notes, *self.plan.said, *self.parts.notes]
        if (fields := self.reader.fields.said(self.options.field_rate)) is not None:
            notes.append(fields)
        notes += [f"left out: {dropped}" for dropped in self.plan.dropped]
        notes += self.masks.notes
        if self.resumed_frames:
            notes.append(f"continuing after {counted(self.resumed_frames, 'frame')} from an earlier run")
        info = self.reader.info
        if (info.is_transparent or info.has_alpha) and "yuva" not in self.encoding.pix_fmt:
            places = "in places" if info.is_transparent else "or may be"
            notes.append(
                f"the film is transparent {places}; transparency is not kept; to keep it, write ProRes in .mov,"
                " VP9 in .webm or FFV1 in .mkv"
            )
        if "STEREO3D" in info.marks and not (info.keeps_3d_as_fact and self.suffix in (".mkv", ".webm")):
            notes.append("the mark that says how this film is 3D (side by side, top and bottom) is not kept")
        if "SPHERICAL" in info.marks:
            notes.append("the mark that says that this film is 360° is not kept; players show it flat")
        return notes

    def _last_notes(self) -> list[str]:
        notes = []
        if self.unlike_at_s:
            share = f"{len(self.unlike_at_s)} of {counted(self.looked_at, 'frame')} looked at"
            first = f"the first at {self.unlike_at_s[0]:.1f} s"
            name = self.translator.card.name
            notes.append(
                f"some frames look unlike the pictures that {name} learned from: {share}, {first}; "
                "the result may be poor there"
            )
        if self.frames_faded:
            faded = counted(self.frames_faded, "frame has", "frames have")
            notes.append(f"{faded} hardly any contrast, so the result stays closer to the original there")
        if self.options.every > 1:
            filled = f"{self.frames_filled} of {counted(self.frames_done, 'frame')}"
            notes.append(f"filled in along the motion, not translated: {filled} (--every {self.options.every})")
        return notes

    def _new_warnings(self) -> Generator[JobWarned, None, None]:
        while self.warned < len(self.reader.warnings):
            yield JobWarned(self.index, self.reader.warnings[self.warned])
            self.warned += 1

    def _why_empty(self) -> str:
        if self.options.start_s is not None or self.options.end_s is not None:
            return "there is no frame between the given start and end"
        return "no frame of this film can be decoded"

    def _fingerprint(self) -> dict[str, Any]:
        """Return everything that the encoded pictures depend on."""
        options = asdict(self.options)
        for name in ("keep_audio", "threads", "batch", "allow_hdr", "fresh", "max_pixels"):
            del options[name]
        running = self.translator.describe()
        return {
            "source": ends_hash(self.reader.path),
            "options": options,
            **({"mask": self.masks.fingerprint} if self.options.mask is not None else {}),
            "encoding": asdict(self.encoding),
            "coded_hw": list(self.coded_hw),
            "model": self.translator.sha256,
            "backend": [running.backend, running.provider, running.precision],
            "pyav": av.__version__,
        }

    def _facts(self, kept: list[str], dropped: list[str]) -> dict[str, Any]:
        info = self.reader.info
        return {
            "kind": "film",
            "frames": self.frames_done,
            "resumed_frames": self.resumed_frames,
            "input_size": list(reversed(info.displayed_hw)),
            "output_size": list(reversed(self.output_hw)),
            "working_size": list(reversed(self.working_hw)),
            "codec": self.encoding.codec,
            "encoder": self.encoding.encoder,
            "pixel_format": self.encoding.pix_fmt,
            "streams_kept": kept,
            "streams_dropped": dropped,
            "frames_repeated": self.frames_repeated,
            "steady": self.options.steady,
            "every": self.options.every,
            "frames_filled": self.frames_filled,
            "stage_seconds": {name: round(stage.busy_s, 3) for name, stage in self.stages.items()},
            "broken_at_s": self.reader.broken_at_s,
        }


def _offer(
    decoded: queue.Queue[FilmFrame | BaseException | None],
    item: FilmFrame | BaseException | None,
    stop: threading.Event,
) -> bool:
    """Put an item in line; False where nobody waits for it any more."""
    while not stop.is_set():
        try:
            decoded.put(item, timeout=_POLL_S)
            return True
        except queue.Full:
            continue
    return False


def _new_images(batch: list[FilmFrame]) -> list[Image]:
    return [frame.to_translate for frame in batch if frame.is_translated]
