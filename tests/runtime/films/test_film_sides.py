"""What is not the picture comes along: copied, stored otherwise where it must be, and named where it cannot be kept."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from film_clips import FakeTranslator, look_at, make_film, picture, run_film
from PIL import Image

from cgconv.runtime.errors import FilmError, PartialFilmError
from cgconv.runtime.events import JobWarned
from cgconv.runtime.films import reader, sides
from cgconv.runtime.films.job import FilmOptions, translate_film
from cgconv.runtime.films.timeline import _MISSING, Track, mended
from cgconv.runtime.find import Kind, find_files


def rewrite(source: Path, target: Path, change: Callable[[Any, int], bool] = lambda packet, number: True) -> Path:
    """Copy a film packet by packet; `change` may alter the n-th packet of its stream, and says whether it stays."""
    with av.open(str(source)) as one, av.open(str(target), "w") as output:
        copies = {stream.index: output.add_stream_from_template(stream, opaque=True) for stream in one.streams}
        for stream in one.streams:
            copies[stream.index].metadata.update(stream.metadata)
        numbers = dict.fromkeys(copies, 0)
        for packet in one.demux():
            index = packet.stream_index
            if packet.size and change(packet, numbers[index]):
                packet.stream = copies[index]
                output.mux(packet)
            numbers[index] += bool(packet.size)
    return target


def with_text(film: Path, target: Path, codec: str) -> Path:
    """Add two subtitles, at 0.2 and at 1 s."""
    (film.parent / "words.srt").write_text(
        "1\n00:00:00,200 --> 00:00:00,900\nBonjour\n\n2\n00:00:01,000 --> 00:00:01,500\n<i>Adieu</i>\n", "utf-8"
    )
    with av.open(str(film)) as one, av.open(str(film.parent / "words.srt")) as words:
        text = words.streams.subtitles[0]
        spoken = [(packet, packet.decode()) for packet in words.demux(text) if packet.size]
        with av.open(str(target), "w") as output:
            copies = {stream.index: output.add_stream_from_template(stream, opaque=True) for stream in one.streams}
            track: Any = output.add_stream(codec)
            track.codec_context.subtitle_header = text.codec_context.subtitle_header
            track.codec_context.time_base = track.time_base = Fraction(1, 1000)
            track.metadata["language"] = "fra"
            output.start_encoding()
            for packet in one.demux():
                if packet.size:
                    packet.stream = copies[packet.stream_index]
                    output.mux(packet)
            for packet, (subtitle,) in spoken:
                made = track.codec_context.encode_subtitle(
                    av.subtitles.subtitle.SubtitleSet.create(text=subtitle.ass, start=0, end=packet.duration)
                )
                made.stream, made.time_base = track, Fraction(1, 1000)
                made.pts = made.dts = packet.pts
                made.duration = packet.duration
                output.mux(made)
    return target


def sound_codecs(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.codec.canonical_name for stream in container.streams.audio]


@pytest.mark.parametrize("codec", ["adpcm_ms", "pcm_mulaw"])
def test_sound_that_only_the_muxer_knows_to_hold_is_kept_byte_for_byte(tmp_path: Path, codec: str) -> None:
    """Matroska holds these as AVI does; asked whether it can, it says no."""
    source = make_film(
        tmp_path / "a.avi", frames=30, codec="mpeg4", time_base=Fraction(1, 30), sounds=["eng"], sound_codec=codec
    )
    run = run_film(source, tmp_path / "b.mkv")
    assert sound_codecs(tmp_path / "b.mkv") == [codec]
    assert look_at(tmp_path / "b.mkv").sounds[0][0] == look_at(source).sounds[0][0]
    assert run.warnings == []


@pytest.mark.parametrize(
    ("suffix", "codec", "said"),
    [(".webm", "opus", "Opus"), (".mp4", "flac", "FLAC"), (".mov", "pcm_s16le", "PCM")],
)
def test_sound_that_does_not_fit_is_stored_otherwise_and_that_is_said(
    tmp_path: Path, suffix: str, codec: str, said: str
) -> None:
    source = make_film(
        tmp_path / "a.avi", frames=30, codec="mpeg4", time_base=Fraction(1, 30), sounds=["eng"], sound_codec="adpcm_ms"
    )
    run = run_film(source, tmp_path / f"b{suffix}")
    assert sound_codecs(tmp_path / f"b{suffix}") == [codec]
    assert run.warnings == [f"stream 1 (audio, adpcm_ms): stored as {said}, because {suffix} cannot hold it as it is"]
    with av.open(str(tmp_path / f"b{suffix}")) as film:
        samples = sum(frame.samples for frame in film.decode(audio=0)) / film.streams.audio[0].rate
    with av.open(str(source)) as film:
        assert abs(samples - sum(frame.samples for frame in film.decode(audio=0)) / 48000) < 0.03


@pytest.mark.parametrize(
    ("codec", "before", "after", "wanted"),
    [
        ("mov_text", ".mp4", ".mkv", "subrip"),
        ("subrip", ".mkv", ".mp4", "mov_text"),
        ("ass", ".mkv", ".mov", "mov_text"),
        ("ass", ".mkv", ".webm", "webvtt"),
    ],
)
def test_text_becomes_the_containers_own_kind_of_subtitles(
    tmp_path: Path, codec: str, before: str, after: str, wanted: str
) -> None:
    source = with_text(make_film(tmp_path / f"film{before}", frames=60), tmp_path / f"a{before}", codec)
    run_film(source, tmp_path / f"b{after}")
    with av.open(str(tmp_path / f"b{after}")) as result:
        track = result.streams.subtitles[0]
        assert track.codec_context.codec.canonical_name == wanted
        assert track.metadata["language"] == "fra"
        said = [
            (round(float(packet.pts * packet.time_base), 1), subtitle.ass.rpartition(b",")[2])
            for packet in result.demux(track)
            if packet.size
            for subtitle in packet.decode()
        ]
    assert [time for time, _ in said] == [0.2, 1.0]
    assert said[0][1] == b"Bonjour"
    assert b"Adieu" in said[1][1]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_cover_art_stays_a_cover(tmp_path: Path, suffix: str) -> None:
    """It has no time, and once ended a finished film in \"2 of 3 streams were written\"."""
    film, source = make_film(tmp_path / "film.mp4", frames=5), tmp_path / "a.mp4"
    buffer = io.BytesIO()
    Image.fromarray(picture(0)).save(buffer, "jpeg")
    with (
        av.open(str(film)) as one,
        av.open(io.BytesIO(buffer.getvalue()), format="jpeg_pipe") as art,
        av.open(str(source), "w") as output,
    ):
        track = output.add_stream_from_template(one.streams.video[0], opaque=True)
        cover = output.add_stream_from_template(art.streams.video[0], opaque=True)
        cover.disposition = 1024
        for packet in one.demux(video=0):
            if packet.size:
                packet.stream = track
                output.mux(packet)
        for packet in art.demux(video=0):
            if packet.size:
                packet.stream, packet.pts, packet.dts = cover, 0, 0
                output.mux(packet)
    run = run_film(source, tmp_path / f"b{suffix}")
    assert run.facts["streams_dropped"] == []
    with av.open(str(tmp_path / f"b{suffix}")) as result:
        covers = [stream for stream in result.streams.video if stream.disposition & 1024]
        assert [bytes(packet) for packet in result.demux(covers) if packet.size] == [buffer.getvalue()]


def move_block(film: Path, target: Path, stream: int, number: int, milliseconds: int) -> Path:
    """Copy a Matroska film with the time of one block moved: two bytes, three before its data."""
    data = film.read_bytes()
    with av.open(str(film)) as container:
        packets = [bytes(packet) for packet in container.demux(container.streams[stream]) if packet.size]
    place = data.index(packets[number])
    time = int.from_bytes(data[place - 3 : place - 1], "big", signed=True) + milliseconds
    target.write_bytes(data[: place - 3] + time.to_bytes(2, "big", signed=True) + data[place - 1 :])
    return target


def test_sound_whose_times_go_back_is_mended_and_that_is_said(tmp_path: Path) -> None:
    """After all frames were translated, the muxer once said "Invalid argument", and every run ended there."""
    film = make_film(tmp_path / "film.mkv", frames=30, sounds=["eng"], sound_codec="libopus")
    source = move_block(film, tmp_path / "a.mkv", 1, 20, -300)
    run = run_film(source, tmp_path / "b.mkv")
    after = look_at(tmp_path / "b.mkv")
    assert len(after.times) == 30
    digest, times = after.sounds[0]
    assert digest == look_at(film).sounds[0][0]
    steps = [float(b - a) for a, b in itertools.pairwise(times)]
    assert min(steps) > 0.01
    assert max(steps) < 0.05
    assert any("times of stream 1 (audio) are wrong" in warning for warning in run.warnings)


def test_a_cut_without_sound_in_it_has_no_sound_stream(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", frames=60, sounds=["eng"])
    source = rewrite(film, tmp_path / "a.mp4", lambda packet, number: packet.stream_index == 0 or number < 20)
    run = run_film(source, tmp_path / "b.mp4", options=FilmOptions(start_s=1, end_s=1.5))
    assert look_at(tmp_path / "b.mp4").stream_types == ["video"]
    assert run.facts["streams_dropped"] == ["stream 1 (audio, aac, eng): there is nothing of it in this part"]


def test_a_stream_that_cannot_be_written_is_left_out_by_name_and_the_film_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_film(tmp_path / "a.mp4", frames=60, sounds=["eng", "deu"])
    take = sides.Side.take

    def refuse_late(self: Any, packet: Any, cut: Any) -> Any:
        if self.index == 1 and packet.pts * packet.time_base > Fraction(3, 2):
            raise av.error.InvalidDataError(1094995529, "Invalid data found when processing input")
        return take(self, packet, cut)

    monkeypatch.setattr(sides.Side, "take", refuse_late)
    run = run_film(source, tmp_path / "b.mp4")
    after = look_at(tmp_path / "b.mp4")
    assert (len(after.times), after.languages) == (60, ["deu"])
    assert run.facts["streams_dropped"] == [
        "stream 1 (audio, aac, eng): it cannot be written (invalid data found when processing input)"
    ]


def test_what_cannot_be_kept_is_said_before_the_first_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_film(tmp_path / "a.mp4", sounds=["eng", "deu"])
    take = sides.Side.take

    def refuse(self: Any, packet: Any, cut: Any) -> Any:
        if self.index == 2:
            raise av.error.InvalidDataError(1094995529, "Invalid data found when processing input")
        return take(self, packet, cut)

    monkeypatch.setattr(sides.Side, "take", refuse)
    monkeypatch.setattr(sides.Sound, "take", refuse)
    seen_by = []
    translator = FakeTranslator()
    job = translate_film(source, tmp_path / "b.mp4", translator, FilmOptions(), cancel=threading.Event())
    for event in job:
        if isinstance(event, JobWarned):
            seen_by.append((event.message, len(translator.seen)))
    assert seen_by == [("left out: stream 2 (audio, aac, deu): .mp4 cannot hold it", 0)]
    assert look_at(tmp_path / "b.mp4").languages == ["eng"]


def test_a_film_whose_sound_is_lost_says_so_in_capitals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sides, "_candidates", lambda *given: iter(()))
    run = run_film(make_film(tmp_path / "a.mp4", sounds=["eng"]), tmp_path / "b.mp4")
    assert run.warnings[-1].startswith("NO SOUND")


@pytest.mark.parametrize("suffix", [".ts", ".vob"])
def test_joined_parts_with_a_clock_each_play_one_after_the_other(tmp_path: Path, suffix: str) -> None:
    """As after `cat a.ts b.ts`: the second half once fell onto two milliseconds, and nothing could be written."""
    codec = "libx264" if suffix == ".ts" else "mpeg2video"
    part = make_film(
        tmp_path / f"part{suffix}", frames=30, codec=codec, time_base=Fraction(1, 30), sounds=["eng"], sound_codec="mp2"
    )
    source = tmp_path / f"a{suffix}"
    source.write_bytes(part.read_bytes() * 2)
    run = run_film(source, tmp_path / "b.mkv")
    after = look_at(tmp_path / "b.mkv")
    assert run.facts["frames"] == len(after.times) == 60
    assert after.times[0] < Fraction(1, 10)
    for number, time in enumerate(after.times):
        assert abs(time - after.times[0] - Fraction(number, 30)) < Fraction(1, 20)
    assert abs(after.sounds[0][1][-1] - after.times[-1]) < Fraction(1, 3)
    assert any("clock jumps at" in warning for warning in run.warnings)


def test_one_time_far_ahead_does_not_move_the_rest(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", frames=30, options={"bf": "0"}, time_base=Fraction(1, 30))
    run = run_film(move_block(film, tmp_path / "a.mkv", 0, 12, 20_000), tmp_path / "b.mkv")
    after = look_at(tmp_path / "b.mkv").times
    assert len(after) == 30
    assert after[-1] < Fraction(11, 10)
    assert any("some times of the pictures are wrong" in warning for warning in run.warnings)


@pytest.mark.parametrize("suffix", [".ts", ".mp4"])
def test_a_part_of_a_broadcast_begins_at_0_and_does_not_end_too_early(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"a{suffix}"
    if suffix == ".ts":
        make_film(source, times=[1867 * 600 + number * 20 for number in range(30)])
    else:
        make_film(source, frames=30, container_options={"movflags": "frag_keyframe+empty_moov+default_base_moof"})
        data = bytearray(source.read_bytes())
        place = data.index(b"tfdt") + 8  # the fragment's time, 8 bytes
        data[place : place + 8] = (int.from_bytes(data[place : place + 8], "big") + 1867 * 600).to_bytes(8, "big")
        source.write_bytes(data)
    with av.open(str(source)) as container:
        assert (container.start_time or 0) > 10**9
    run = run_film(source, tmp_path / "b.mkv")
    assert look_at(tmp_path / "b.mkv").times[0] < Fraction(1, 10)
    assert run.warnings == []


def test_a_film_that_was_cut_off_is_still_noticed(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mkv", frames=120, options={"g": "10"})
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(PartialFilmError):
        run_film(source, tmp_path / "b.mkv")


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_timecode_that_is_in_the_result_is_not_called_left_out(tmp_path: Path, suffix: str) -> None:
    source = make_film(tmp_path / "a.mov", frames=4, metadata={"timecode": "01:00:00:00"})
    run = run_film(source, tmp_path / f"b{suffix}")
    with av.open(str(tmp_path / f"b{suffix}")) as result:
        facts = {key.lower(): value for key, value in result.streams.video[0].metadata.items()}
    assert facts["timecode"] == "01:00:00:00"
    assert (run.warnings, run.facts["streams_dropped"]) == ([], [])


def test_a_film_named_by_hand_is_tried_whatever_its_suffix(tmp_path: Path) -> None:
    film, raw = make_film(tmp_path / "film.mp4", frames=10), tmp_path / "camera.h264"
    with av.open(str(film)) as one, av.open(str(raw), "w", format="h264") as output:
        track = output.add_stream_from_template(one.streams.video[0], opaque=True)
        for packet in one.demux(video=0):
            if packet.size:
                packet.stream = track
                output.mux(packet)
    text = tmp_path / "notes.xyz"
    text.write_text("no film at all\n" * 50)
    assert [file.path for file in find_files([raw, text], Kind.FILM).files] == [raw, text]
    assert run_film(raw, tmp_path / "b.mkv").facts["frames"] == 10
    with pytest.raises(FilmError):
        run_film(text, tmp_path / "c.mkv")


def test_a_recording_that_was_cut_off_before_its_index_says_so(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mov", frames=10)
    data = source.read_bytes()
    source.write_bytes(data[: data.index(b"moov") - 4])
    with pytest.raises(FilmError, match="the recording was cut off before its index"):
        run_film(source, tmp_path / "b.mov")


def test_packets_without_a_decoding_time_are_no_jump_of_the_clock() -> None:
    """Their times of showing stood among the others' times of decoding; a film that was cut lost its sound's place."""
    track = Track(Fraction(1, 1000), "video")
    for place, (decoding, shown) in enumerate(
        [(None, 101), (61, 61), (101, 141), (None, 341), (141, 261), (221, 221), (261, 301), (341, 501), (381, 381)]
    ):
        track.positions.append(place)
        track.decoding.append(_MISSING if decoding is None else decoding)
        track.shown.append(shown)
        track.lengths.append(40)
    assert not mended(0, {0: track}, starts_anew=False, first_time_us=0).jumps


@pytest.mark.parametrize("size_wh", [(2, 90), (90, 2), (2, 2)])
def test_films_of_a_few_columns_or_lines_are_translated(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    """FFmpeg's filters for interlaced films refuse them, with an exception of its own."""
    source = make_film(tmp_path / "a.mkv", frames=3, size_wh=size_wh, codec="mpeg4")
    assert run_film(source, tmp_path / "b.mkv").facts["frames"] == 3


@pytest.mark.parametrize(
    ("mark", "said"),
    [("A53_CC", "closed captions"), ("STEREO3D", "how this film is 3D"), ("SPHERICAL", "this film is 360°")],
)
def test_what_lies_in_the_pictures_and_is_not_kept_is_named(
    tmp_path: Path, mark: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_side_data", lambda frame: frozenset({mark}))
    run = run_film(make_film(tmp_path / "a.mp4", frames=3), tmp_path / "b.mp4")
    assert [said in warning and "not kept" in warning for warning in run.warnings] == [True]
