"""Films come back with their times, colors, sound and everything else; only the pictures are translated."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from film_clips import FakeTranslator, look_at, make_film, picture, psnr_db, run_film
from PIL import Image

from cgconv.runtime.choices import VideoCodec
from cgconv.runtime.errors import FilmError, PartialFilmError, UsageError
from cgconv.runtime.films.encoding import film_output_suffix
from cgconv.runtime.films.job import FilmOptions
from cgconv.runtime.films.reader import FilmReader
from cgconv.runtime.films.segment_writer import SegmentWriter

UNEVEN = [0, 13, 20, 41, 60, 61, 90, 118, 140, 171, 180, 222, 230, 251, 280, 300]


def assert_in_step(source: Path, target: Path, *, tolerance_s: float = 0.0) -> None:
    """Times and durations equal, sound's packets and their distance to the pictures too."""
    before, after = look_at(source), look_at(target)
    offset = after.times[0] - before.times[0]
    assert abs(offset) <= max(before.durations)
    assert len(after.times) == len(before.times)
    for one, other in zip(before.times, after.times, strict=True):
        assert abs(other - one - offset) <= tolerance_s
    for one, other in zip(before.durations, after.durations, strict=True):
        assert abs(other - one) <= tolerance_s
    assert len(after.sounds) == len(before.sounds)
    for (digest, starts), (new_digest, new_starts) in zip(before.sounds, after.sounds, strict=True):
        assert new_digest == digest
        for one, other in zip(starts, new_starts, strict=True):
            assert abs(other - one - offset) < 0.001


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_uneven_frames_keep_their_times_and_durations(tmp_path: Path, suffix: str) -> None:
    source = make_film(tmp_path / f"a{suffix}", times=UNEVEN, last_duration=77, sounds=["eng"])
    target = tmp_path / f"b{suffix}"
    run = run_film(source, target)
    assert_in_step(source, target)
    assert look_at(target).durations[-1] == Fraction(77, 600)
    assert run.warnings == []
    assert run.facts["frames"] == len(UNEVEN)


def test_every_frame_comes_back_in_its_place(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=20)
    run_film(source, tmp_path / "b.mp4")
    after = look_at(tmp_path / "b.mp4")
    for number, image in enumerate(after.images):
        assert psnr_db(image, picture(number)) > 38
    assert psnr_db(after.images[0], picture(5)) < 30


def test_two_tracks_of_sound_keep_packets_order_and_languages(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", sounds=["eng", "deu"], sound_first=True, sound_delay=1234)
    run = run_film(source, tmp_path / "b.mp4")
    assert_in_step(source, tmp_path / "b.mp4")
    after = look_at(tmp_path / "b.mp4")
    assert after.languages == ["eng", "deu"]
    assert after.stream_types == ["audio", "audio", "video"]
    assert len(run.facts["streams_kept"]) == 2


def test_sound_is_left_out_when_asked(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", sounds=["eng"])
    run = run_film(source, tmp_path / "b.mp4", options=FilmOptions(keep_audio=False))
    assert look_at(tmp_path / "b.mp4").stream_types == ["video"]
    assert len(run.facts["streams_dropped"]) == 1


@pytest.mark.parametrize("rotation", [90, -90])
def test_the_model_sees_phone_films_upright_and_they_stay_rotated(tmp_path: Path, rotation: int) -> None:
    source = make_film(tmp_path / "a.mov", frames=3, rotation=rotation)
    translator = FakeTranslator()
    run_film(source, tmp_path / "b.mov", translator)
    before, after = look_at(source), look_at(tmp_path / "b.mov")
    assert (after.rotation, after.size_wh) == (before.rotation, before.size_wh) == (rotation, (96, 64))
    assert translator.seen[0].shape == (1, 96, 64, 3)
    assert psnr_db(translator.seen[0][0], np.rot90(picture(0), rotation // 90)) > 35
    assert psnr_db(after.images[0], picture(0)) > 38


@pytest.mark.parametrize(
    ("pix_fmt", "matrix", "color_range", "size_wh"),
    [
        ("yuv420p", 1, 2, (96, 64)),
        ("yuv420p", 1, 1, (96, 64)),
        ("yuv420p", 6, 1, (96, 64)),
        ("yuv420p", 2, 0, (96, 64)),
        ("yuv420p", 2, 0, (96, 640)),
        ("yuv422p", 6, 2, (96, 64)),
        ("yuv444p", 1, 1, (96, 64)),
        ("yuv420p10le", 9, 1, (96, 64)),
        ("yuv444p10le", 1, 2, (96, 64)),
    ],
)
def test_colors_survive_the_way_through_rgb(
    tmp_path: Path, pix_fmt: str, matrix: int, color_range: int, size_wh: tuple[int, int]
) -> None:
    tags = {"pix_fmt": pix_fmt, "matrix": matrix, "color_range": color_range}
    source = make_film(tmp_path / "a.mp4", frames=4, size_wh=size_wh, options={"crf": "4"}, **tags)
    translator = FakeTranslator()
    run_film(source, tmp_path / "b.mp4", translator)
    before, after = look_at(source), look_at(tmp_path / "b.mp4")
    assert after.pix_fmt.replace("yuvj", "yuv") == pix_fmt
    seen = translator.seen[0][0].astype(np.float64)
    assert psnr_db(seen if seen.max() > 1 else seen * 255, before.images[0]) > 45
    for one, other in zip(before.images, after.images, strict=True):
        assert psnr_db(one, other) >= 38
        assert np.abs((one - other).mean((0, 1))).max() < 1


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    def ramp(number: int, size_wh: tuple[int, int]) -> np.ndarray:
        return np.broadcast_to(np.linspace(0, 255, size_wh[0])[None, :, None], (size_wh[1], size_wh[0], 3)).astype("u1")

    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 1024, 16, "yuv444p10le"
        frame = av.VideoFrame(1024, 16, "yuv444p10le")
        for plane, values in zip(
            frame.planes, (np.linspace(64, 940, 1024), np.full(1024, 512.0), np.full(1024, 512.0)), strict=True
        ):
            np.frombuffer(memoryview(plane), np.uint16).reshape(16, -1)[:, :1024] = np.rint(values)
        for number in range(2):
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    translator = FakeTranslator()
    run_film(source, tmp_path / "b.mkv", translator, FilmOptions(codec=VideoCodec.FFV1))
    assert translator.seen[0].dtype == np.float32
    after = look_at(tmp_path / "b.mkv")
    assert after.pix_fmt == "yuv444p10le"
    assert len(np.unique(after.images[0][0, :, 1])) > 800
    assert psnr_db(after.images[0], look_at(source).images[0]) > 60


def test_ten_bit_films_become_hevc_that_apple_plays(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=3, pix_fmt="yuv420p10le")
    run_film(source, tmp_path / "b.mp4")
    after = look_at(tmp_path / "b.mp4")
    assert (after.codec, after.tag, after.pix_fmt) == ("hevc", "hvc1", "yuv420p10le")


def test_odd_sizes_come_back_unchanged_and_it_is_said(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mkv", frames=3, size_wh=(95, 63), codec="ffv1", pix_fmt="yuv420p")
    run = run_film(source, tmp_path / "b.mkv")
    after = look_at(tmp_path / "b.mkv")
    assert after.size_wh == (95, 63)
    assert psnr_db(after.images[1], look_at(source).images[1]) > 36
    assert any("odd size" in warning for warning in run.warnings)


def test_sample_aspect_ratio_is_kept(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=3, sample_aspect_ratio=Fraction(16, 11))
    run_film(source, tmp_path / "b.mp4")
    assert look_at(tmp_path / "b.mp4").sample_aspect_ratio == Fraction(16, 11)


def test_avi_with_reordered_frames_plays_in_order(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.avi", frames=20, time_base=Fraction(1, 30), options={"bf": "3", "g": "20"})
    run_film(source, tmp_path / "b.mkv")
    after = look_at(tmp_path / "b.mkv")
    assert len(after.images) == 20
    for number, (time, image) in enumerate(zip(after.times, after.images, strict=True)):
        assert abs(time - after.times[0] - Fraction(number, 30)) <= Fraction(1, 1000)
        assert psnr_db(image, picture(number)) > 36


def test_mkv_keeps_subtitles_chapters_facts_and_attachments(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=60, sounds=["fra"], metadata={"title": "Le jardin"})
    (tmp_path / "words.srt").write_text("1\n00:00:00,200 --> 00:00:01,000\nBonjour\n", "utf-8")
    source = tmp_path / "a.mkv"
    with av.open(str(film)) as one, av.open(str(tmp_path / "words.srt")) as words, av.open(str(source), "w") as output:
        output.metadata["title"] = "Le jardin"
        output.set_chapters(
            [{"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "Start"}}]
        )
        copies = {stream.index: output.add_stream_from_template(stream, opaque=True) for stream in one.streams}
        text = output.add_stream_from_template(words.streams.subtitles[0])
        text.metadata["language"] = "fra"
        output.add_attachment("font.ttf", "application/x-truetype-font", b"not really a font")
        for packet in one.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                output.mux(packet)
        for packet in words.demux():
            if packet.size:
                packet.stream = text
                output.mux(packet)
    run_film(source, tmp_path / "b.mkv")
    assert_in_step(source, tmp_path / "b.mkv", tolerance_s=0.0011)
    with av.open(str(tmp_path / "b.mkv")) as result:
        assert [stream.type for stream in result.streams] == ["video", "audio", "subtitle", "attachment"]
        assert result.metadata["title"] == "Le jardin"
        assert [chapter["metadata"]["title"] for chapter in result.chapters()] == ["Start"]
        assert result.streams[3].data == b"not really a font"
        assert result.streams[2].metadata["language"] == "fra"
        assert [bytes(packet) for packet in result.demux(subtitles=0) if packet.size] == [b"Bonjour"]


def test_what_a_container_cannot_hold_is_named(tmp_path: Path) -> None:
    film, source = make_film(tmp_path / "film.mkv", frames=3), tmp_path / "a.mkv"
    with av.open(str(film)) as one, av.open(str(source), "w") as output:
        picture_track = output.add_stream_from_template(one.streams.video[0], opaque=True)
        output.add_attachment("font.ttf", "application/x-truetype-font", b"not really a font")
        for packet in one.demux(video=0):
            if packet.size:
                packet.stream = picture_track
                output.mux(packet)
    run = run_film(source, tmp_path / "b.mp4")
    assert look_at(tmp_path / "b.mp4").stream_types == ["video"]
    assert run.facts["streams_dropped"] == ["stream 1 (attachment): .mp4 cannot hold it"]
    assert run.warnings == ["left out: stream 1 (attachment): .mp4 cannot hold it"]


def test_webm_stays_webm_with_its_sound(tmp_path: Path) -> None:
    source = make_film(
        tmp_path / "a.webm", codec="libvpx-vp9", time_base=Fraction(1, 1000), sounds=["eng"], sound_codec="libopus"
    )
    run_film(source, tmp_path / "b.webm")
    assert_in_step(source, tmp_path / "b.webm")
    assert look_at(tmp_path / "b.webm").codec == "vp9"


def test_a_gif_of_a_film_with_sound_says_what_is_left_out(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", sounds=["eng"])
    run = run_film(source, tmp_path / "b.gif")
    assert run.facts["streams_dropped"] == ["stream 1 (audio, aac, eng): .gif holds pictures only"]
    assert run.warnings == ["left out: stream 1 (audio, aac, eng): .gif holds pictures only"]


def test_a_film_that_fades_in_from_black_does_so_translated_too(tmp_path: Path) -> None:
    """A model makes a pattern of a black frame's noise; what has contrast is translated in full."""

    def fading(number: int, size_wh: tuple[int, int]) -> np.ndarray:
        return (picture(number, size_wh).astype(float) * max(0, number - 10) / 10).astype(np.uint8)

    source = make_film(tmp_path / "a.mp4", frames=60, draw=fading)
    translator = FakeTranslator(lambda batch: 255 - batch)
    translator.card.color_mean, translator.card.color_std = (110.0, 110.0, 110.0), (65.0, 65.0, 65.0)
    run = run_film(source, tmp_path / "b.mp4", translator)
    before, after = look_at(source).images, look_at(tmp_path / "b.mp4").images
    assert np.abs(after[5].astype(int) - before[5]).mean() < 3, "black stays black"
    assert np.abs(after[19].astype(int) - (255 - before[19].astype(int))).mean() < 3, "the rest is translated"
    assert (
        "some frames look unlike the pictures that fake learned from: 1 of 2 frames looked at, the first at 0.0 s"
        in run.warnings[0]
    )
    assert "hardly any contrast" in run.warnings[1]


def test_an_animated_gif_stays_one_with_its_delays(tmp_path: Path) -> None:
    images = [Image.fromarray(picture(number)) for number in range(5)]
    delays_ms = [50, 20, 100, 30, 70]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=delays_ms, loop=0)
    run = run_film(tmp_path / "a.gif", tmp_path / "b.gif")
    with Image.open(tmp_path / "a.gif") as before, Image.open(tmp_path / "b.gif") as after:
        assert (after.n_frames, after.size, after.info["loop"]) == (5, (96, 64), 0)
        for number in range(5):
            before.seek(number)
            after.seek(number)
            assert after.info["duration"] == delays_ms[number]
            assert psnr_db(np.array(after.convert("RGB")), np.array(before.convert("RGB"))) > 38
    assert run.warnings == []


@pytest.mark.parametrize(
    ("codec", "suffix", "name"),
    [
        ("hevc", ".mp4", "hevc"),
        ("av1", ".mp4", "av1"),
        ("prores", ".mov", "prores"),
        ("ffv1", ".mkv", "ffv1"),
        ("vp9", ".mp4", "vp9"),
    ],
)
def test_every_codec_that_is_offered_works(tmp_path: Path, codec: str, suffix: str, name: str) -> None:
    source = make_film(tmp_path / "a.mov", frames=4, sounds=["eng"])
    run_film(source, tmp_path / f"b{suffix}", options=FilmOptions(codec=VideoCodec(codec)))
    after = look_at(tmp_path / f"b{suffix}")
    assert (after.codec, len(after.times), len(after.sounds)) == (name, 4, 1)
    assert psnr_db(after.images[2], picture(2)) > 35


class GarbledEncoder:
    """An encoder that makes up when its packets are decoded, as x265 does of films shorter than its delay."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._stream = stream

    def encode(self, frame: av.VideoFrame | None) -> list[av.Packet]:
        packets = self._stream.encode(frame)
        for number, packet in enumerate(packets):
            packet.dts = -7036981793587225 - number
        return packets


def test_a_film_does_not_depend_on_the_decoding_times_that_its_encoder_makes_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = SegmentWriter.__init__

    def garbled(self: SegmentWriter, *args: Any, **options: Any) -> None:
        made(self, *args, **options)
        self._stream = GarbledEncoder(self._stream)

    monkeypatch.setattr(SegmentWriter, "__init__", garbled)
    source = make_film(tmp_path / "a.mp4", frames=20)
    run_film(source, tmp_path / "b.mp4", options=FilmOptions(codec=VideoCodec.HEVC))
    assert_in_step(source, tmp_path / "b.mp4")
    for number, image in enumerate(look_at(tmp_path / "b.mp4").images):
        assert psnr_db(image, picture(number)) > 35


@pytest.mark.parametrize(
    ("suffix", "codec", "wanted"),
    [
        (".mp4", "auto", ".mp4"),
        (".MOV", "auto", ".mov"),
        (".mkv", "auto", ".mkv"),
        (".webm", "auto", ".webm"),
        (".gif", "auto", ".gif"),
        (".avi", "auto", ".mkv"),
        (".wmv", "auto", ".mkv"),
        (".mp4", "prores", ".mov"),
        (".mp4", "ffv1", ".mkv"),
        (".webm", "h264", ".mkv"),
        (".webm", "av1", ".webm"),
        (".mov", "vp9", ".mp4"),
        (".gif", "h264", ".mp4"),
        (".avi", "vp9", ".mkv"),
    ],
)
def test_the_container_follows_the_source_and_the_codec(suffix: str, codec: str, wanted: str) -> None:
    assert film_output_suffix(suffix, codec) == wanted


def test_a_cut_begins_at_its_first_frame_with_its_sound(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=60, sounds=["eng"])
    run_film(source, tmp_path / "b.mp4", options=FilmOptions(start_s=0.5, end_s=1.5))
    before, after = look_at(source), look_at(tmp_path / "b.mp4")
    kept = [time for time in before.times if Fraction(1, 2) <= time < Fraction(3, 2)]
    assert [time + kept[0] for time in after.times] == kept
    assert psnr_db(after.images[0], picture(15)) > 38
    starts = after.sounds[0][1]
    assert abs(starts[0]) < 0.022
    assert abs(starts[-1] - 1) < 0.044
    assert all(min(abs(start + kept[0] - old) for old in before.sounds[0][1]) < 0.0005 for start in starts)


def test_a_cut_without_frames_is_one_sentence(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=3)
    with pytest.raises(FilmError, match="no frame between"):
        run_film(source, tmp_path / "b.mp4", options=FilmOptions(start_s=100))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]


def test_an_upscaler_makes_the_film_larger(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=3)
    doubler = FakeTranslator(lambda batch: batch.repeat(2, 1).repeat(2, 2), scale=2)
    run = run_film(source, tmp_path / "b.mp4", doubler)
    assert look_at(tmp_path / "b.mp4").size_wh == (192, 128)
    assert run.facts["output_size"] == [192, 128]


def test_resize_sets_the_short_side(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=3, rotation=90)
    run_film(source, tmp_path / "b.mp4", options=FilmOptions(short_side=32))
    after = look_at(tmp_path / "b.mp4")
    assert (after.size_wh, after.rotation) == ((48, 32), 90)


def test_strength_mixes_with_the_original(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=3)
    negative = FakeTranslator(lambda batch: 255 - batch)
    run_film(source, tmp_path / "none.mp4", negative, FilmOptions(strength=0))
    run_film(source, tmp_path / "half.mp4", negative, FilmOptions(strength=0.5))
    assert psnr_db(look_at(tmp_path / "none.mp4").images[0], picture(0)) > 38
    assert np.abs(look_at(tmp_path / "half.mp4").images[0] - 127.5).max() < 8


def test_a_film_that_breaks_keeps_what_can_be_decoded(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mkv", frames=120, sounds=["eng"], options={"g": "10"})
    data = bytearray(source.read_bytes())
    source.write_bytes(data[: len(data) // 2])
    with pytest.raises(PartialFilmError, match=r"damaged at \d+\.\d\d s") as caught:
        run_film(source, tmp_path / "b.mkv")
    assert caught.value.output == tmp_path / "b.mkv"
    after = look_at(tmp_path / "b.mkv")
    assert 5 < len(after.times) < 115
    assert psnr_db(after.images[3], picture(3)) > 36


def test_a_damaged_packet_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", frames=40, options={"g": "10", "bf": "0"})
    with av.open(str(source)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(source.read_bytes())
    start, size = packets[20]
    data[start : start + size] = bytes(size)
    source.write_bytes(data)
    with pytest.raises(PartialFilmError, match=r"damaged at 0\.6\d s"):
        run_film(source, tmp_path / "b.mp4")
    after = look_at(tmp_path / "b.mp4")
    assert 30 <= len(after.times) < 40
    assert after.times[-1] == Fraction(39, 30)


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused_unless_asked_for(tmp_path: Path, transfer: int, name: str) -> None:
    source = make_film(
        tmp_path / "a.mkv", frames=2, codec="libx264", pix_fmt="yuv420p10le", matrix=9, color_range=1, transfer=transfer
    )
    with pytest.raises(FilmError, match=f"HDR \\({name}\\).*--allow-hdr"):
        run_film(source, tmp_path / "b.mkv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv"]
    run_film(source, tmp_path / "b.mkv", options=FilmOptions(allow_hdr=True))
    with FilmReader(tmp_path / "b.mkv", allow_hdr=True) as reader:
        assert reader.info.colors.transfer == transfer


def test_what_is_no_film_is_one_sentence(tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "photo.png")
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "empty.mov").write_bytes(b"")
    with av.open(str(tmp_path / "song.m4a"), "w", format="mp4") as output:
        track = output.add_stream("aac", rate=48000, layout="mono")
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt, cover.disposition = 96, 64, "yuvj420p", 1024
        buffer = io.BytesIO()
        Image.fromarray(picture(0)).save(buffer, "jpeg")
        art = av.VideoFrame.from_ndarray(picture(0), format="rgb24").reformat(format="yuvj420p")
        art.pts = 0
        output.mux(cover.encode(art))
        for number in range(4):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48000, number * 1024
            output.mux(track.encode(frame))
        output.mux(track.encode(None))
    for name, sentence in {
        "photo.png": "picture, not a film; use cgconv images",
        "noise.mp4": "not a film that can be read",
        "empty.mov": "not a film that can be read",
        "song.m4a": "only sound, no film",
        "nowhere.mp4": "No such file",
    }.items():
        with pytest.raises(FilmError, match=sentence) as caught:
            run_film(tmp_path / name, tmp_path / "out.mp4")
        assert (caught.value.path, str(caught.value)) == (tmp_path / name, f"{tmp_path / name}: {caught.value.problem}")
        assert "\n" not in str(caught.value)


def test_settings_that_a_codec_does_not_have_are_refused(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mov", frames=2)
    with pytest.raises(UsageError, match="0 to 51"):
        run_film(source, tmp_path / "b.mov", options=FilmOptions(crf=60))
    with pytest.raises(UsageError, match="no such setting"):
        run_film(source, tmp_path / "b.mov", options=FilmOptions(codec=VideoCodec.PRORES, crf=20))
    with pytest.raises(UsageError, match="cannot hold vp9"):
        run_film(source, tmp_path / "b.mov", options=FilmOptions(codec=VideoCodec.VP9))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mov"]


def test_a_gpu_without_an_encoder_falls_back_to_software(tmp_path: Path) -> None:
    from cgconv.runtime.events import BackendOpened

    source = make_film(tmp_path / "a.mp4", frames=3)
    translator = FakeTranslator()
    translator.describe = lambda: BackendOpened("fake", "CUDA", "cuda:0", "fp16", "")  # type: ignore[method-assign]
    run = run_film(source, tmp_path / "b.mp4", translator)
    assert run.facts["encoder"] in ("libx264", "h264_nvenc")
    assert len(look_at(tmp_path / "b.mp4").times) == 3


def test_a_cut_keeps_the_frame_that_stands_at_its_start(tmp_path: Path) -> None:
    """As a binary number 0.2 is a little more than 1/5, and the frame at 0.2 s was once left out."""
    source = make_film(tmp_path / "a.mp4", frames=20)  # 30 a second
    run_film(source, tmp_path / "b.mp4", options=FilmOptions(start_s=0.2, end_s=0.5))
    assert len(look_at(tmp_path / "b.mp4").times) == 9
