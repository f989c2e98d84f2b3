"""Frames through pipes: none lost, none added, and an end whenever either side ends."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import onnx
import pytest
from film_clips import FakeTranslator, picture

from cgconv.runtime.doctor import unchanging_model
from cgconv.runtime.errors import FilmError, UsageError
from cgconv.runtime.films.pipe import PipeEnd, PipeOptions, PixelFormat, translate_pipe

SIZE_WH = (12, 10)


def numbered(number: int, dtype: str = "u1") -> bytes:
    """Return a frame that no other number gives."""
    return np.random.default_rng(number).integers(0, np.iinfo(dtype).max, (10, 12, 3), dtype, endpoint=True).tobytes()


class Running:
    """A pipe at work in a thread, with the test at both of its ends."""

    def __init__(self, options: PipeOptions, translator: FakeTranslator | None = None) -> None:
        self.source, self.to_it = os.pipe()
        self.from_it, self.target = os.pipe()
        self.cancel = threading.Event()
        self.result: PipeEnd | BaseException | None = None
        self._options, self._translator = options, translator or FakeTranslator()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = translate_pipe(self.source, self.target, self._translator, self._options, self.cancel)
        except BaseException as error:
            self.result = error
        finally:
            os.close(self.target)
            os.close(self.source)

    def feed(self, data: bytes, *, close: bool = True) -> None:
        """Write from another thread, as another program would."""

        def write() -> None:
            with contextlib.suppress(BrokenPipeError):
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(self.to_it, rest) :]
            if close:
                os.close(self.to_it)

        threading.Thread(target=write, daemon=True).start()

    def read_all(self) -> bytes:
        with open(self.from_it, "rb") as stream:  # noqa: PTH123  # a descriptor
            return stream.read()

    def end(self) -> PipeEnd | BaseException | None:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.result


def raw(pixel_format: PixelFormat = PixelFormat.RGB24, **given: object) -> PipeOptions:
    return PipeOptions(pixel_format=pixel_format, size_wh=SIZE_WH, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pixel_format", "dtype", "batch"), [("rgb24", "u1", 1), ("rgb48le", "<u2", 1), ("rgb24", "u1", 7)]
)
def test_a_thousand_frames_come_out_as_they_went_in(pixel_format: str, dtype: str, batch: int) -> None:
    sent = b"".join(numbered(number, dtype) for number in range(1000))
    pipe = Running(raw(PixelFormat(pixel_format), batch=batch))
    pipe.feed(sent)
    assert pipe.read_all() == sent
    assert pipe.end() == PipeEnd(1000, False, False)


def test_a_slow_reader_loses_nothing_either() -> None:
    sent = b"".join(numbered(number) for number in range(200))
    pipe = Running(raw())
    pipe.feed(sent)
    received = b""
    while piece := os.read(pipe.from_it, 100):
        received += piece
    assert received == sent


def test_it_ends_when_its_reader_has_gone_while_frames_still_come() -> None:
    pipe = Running(raw())
    pipe.feed(b"".join(numbered(number) for number in range(2000)))
    assert os.read(pipe.from_it, 360)
    os.close(pipe.from_it)
    end = pipe.end()
    assert isinstance(end, PipeEnd)
    assert end.reader_has_gone
    assert end.frames < 2000


def test_it_ends_when_its_reader_has_gone_though_nothing_comes() -> None:
    pipe = Running(raw())
    os.close(pipe.from_it)
    end = pipe.end()  # the side that writes to it is open all the time, and silent
    assert isinstance(end, PipeEnd)
    assert end.reader_has_gone
    os.close(pipe.to_it)


def test_a_piece_of_a_frame_at_the_end_is_an_error_after_the_whole_ones() -> None:
    pipe = Running(raw())
    pipe.feed(numbered(1) + numbered(2)[:-1])
    assert pipe.read_all() == numbered(1)
    end = pipe.end()
    assert isinstance(end, FilmError)
    assert "359 of 360 bytes" in str(end)


def test_nothing_in_gives_nothing_out() -> None:
    pipe = Running(raw())
    os.close(pipe.to_it)
    assert pipe.read_all() == b""
    assert pipe.end() == PipeEnd(0, False, False)


def test_cancelling_ends_it_though_nothing_comes_and_nobody_reads() -> None:
    pipe = Running(raw())
    pipe.feed(b"".join(numbered(number) for number in range(1000)), close=False)  # more than both pipes hold
    assert os.read(pipe.from_it, 360)
    pipe.cancel.set()
    end = pipe.end()
    assert isinstance(end, PipeEnd)
    assert end.cancelled


def y4m(head: str, frames: list[bytes]) -> bytes:
    return f"YUV4MPEG2 {head}\n".encode() + b"".join(b"FRAME\n" + frame for frame in frames)


def planar(number: int, pix_fmt: str) -> bytes:
    frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24").reformat(format=pix_fmt)
    wide = 2 if pix_fmt.endswith("le") else 1
    rows = [np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size) for plane in frame.planes]
    return b"".join(row[:, : plane.width * wide].tobytes() for row, plane in zip(rows, frame.planes, strict=True))


@pytest.mark.parametrize(("name", "pix_fmt"), [("420jpeg", "yuv420p"), ("422", "yuv422p"), ("444p10", "yuv444p10le")])
def test_y4m_keeps_its_head_and_its_colors(name: str, pix_fmt: str) -> None:
    frames = [planar(number, pix_fmt) for number in range(5)]
    head = f"W96 H64 F30000:1001 Ip A1:1 C{name} XYSCSS=EXTRA"
    pipe = Running(PipeOptions(pixel_format=PixelFormat.Y4M))
    pipe.feed(y4m(head, frames))
    came = pipe.read_all()
    assert isinstance(pipe.end(), PipeEnd)
    assert came.split(b"\n")[0] == f"YUV4MPEG2 {head}".encode()
    dtype = "<u2" if pix_fmt.endswith("le") else "u1"
    sent = y4m(head, frames)
    assert len(came) == len(sent)
    body = np.frombuffer(came[-len(frames[-1]) :], dtype).astype(int) - np.frombuffer(frames[-1], dtype)
    assert np.abs(body).max() <= (1 if dtype == "u1" else 2)


def test_what_a_model_enlarges_is_said_in_the_head() -> None:
    double = FakeTranslator(lambda batch: batch.repeat(2, 1).repeat(2, 2), scale=2)
    pipe = Running(PipeOptions(pixel_format=PixelFormat.Y4M), double)
    pipe.feed(y4m("W96 H64 F25:1", [planar(0, "yuv420p")]))
    came = pipe.read_all()
    assert came.startswith(b"YUV4MPEG2 W192 H128 F25:1\nFRAME\n")
    assert len(came.split(b"FRAME\n", 1)[1]) == 192 * 128 * 3 // 2


@pytest.mark.parametrize(
    "head", ["W96 H64 C411", "W96 Cmono H64", "H64", "W96 H64 It", "W99999 H99999"], ids=lambda head: head
)
def test_y4m_that_is_not_taken_is_named(head: str) -> None:
    pipe = Running(PipeOptions(pixel_format=PixelFormat.Y4M))
    pipe.feed(y4m(head, [b"x"]))
    assert pipe.read_all() == b""
    assert isinstance(pipe.end(), FilmError | UsageError)


def test_raw_frames_need_a_size_and_y4m_says_its_own() -> None:
    with pytest.raises(UsageError, match="--size"):
        PipeOptions(pixel_format=PixelFormat.RGB24)
    with pytest.raises(UsageError, match="itself"):
        PipeOptions(pixel_format=PixelFormat.Y4M, size_wh=(1, 1))


@contextmanager
def command(model: Path) -> Iterator[subprocess.Popen[bytes]]:
    onnx.save(unchanging_model()[0], model)
    arguments = [sys.executable, "-m", "cgconv.cli", "pipe", "--size", "12x10", "-m", str(model), "--precision", "fp32"]
    environment = {**os.environ, "CGCONV_TRIAL": "no"}
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        yield process


def test_the_command_puts_nothing_but_frames_on_standard_output(tmp_path: Path) -> None:
    sent = b"".join(numbered(number) for number in range(1000))
    with command(tmp_path / "same.onnx") as process:
        out, _ = process.communicate(sent, timeout=250)
    assert process.returncode == 0
    assert out == sent


def test_the_command_ends_quietly_with_its_reader(tmp_path: Path) -> None:
    with command(tmp_path / "same.onnx") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(numbered(1))
        process.stdin.flush()
        assert process.stdout.read(360) == numbered(1)
        process.stdout.close()  # and its input stays open
        assert process.wait(250) == 0
        assert b"cgconv:" not in process.stderr.read()
        process.stdin.close()
