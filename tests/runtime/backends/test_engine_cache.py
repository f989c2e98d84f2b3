"""Engines are executable code: only what this user's cgconv stored, whole, for this machine, is handed out again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cgconv.runtime.backends.engines.cache import EngineCache, EngineKey, StoredEngine
from cgconv.runtime.backends.engines.shapes import (
    Profile,
    described,
    for_any_size,
    for_one_size,
    parse_batch,
    parse_sizes,
)
from cgconv.runtime.errors import Cancelled, OutputError, UsageError

KEY = EngineKey(graph="ab" * 32, precision="fp16", tensorrt="11.4.0.106", gpu="Fake 9000, sm_90", driver="580.65")
HD = for_one_size((720, 1280), (1, 1))
ENGINE = bytes(range(256)) * 40
posix_only = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows keeps others out by access lists")


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "cache" / "engines", tmp_path / "data" / "seal.secret")


def again(cache: EngineCache) -> EngineCache:
    """Return the same cache as another process sees it."""
    return EngineCache(cache.folder, cache._secret_file)


def stored(cache: EngineCache, engine: bytes = ENGINE, key: EngineKey = KEY, decibels: float = 51.23) -> StoredEngine:
    return cache.store(key, HD, engine, model="monet", decibels=decibels, level=3, build_s=41.5)


def handed_out(cache: EngineCache, key: EngineKey = KEY, shape: tuple[int, int, int] = (1, 720, 1280)) -> bytes | None:
    for entry in again(cache).find(key, shape):
        data = again(cache).read(entry)
        if data is not None:
            return data
    return None


def test_an_engine_comes_back_as_it_was_stored_with_all_its_facts(cache: EngineCache) -> None:
    stored(cache)
    assert handed_out(cache) == ENGINE
    (entry,) = again(cache).engines()
    assert (entry.model, entry.size, entry.engine_bytes, entry.decibels) == ("monet", "1280×720", len(ENGINE), 51.23)
    assert entry.key == KEY
    assert (entry.level, entry.build_s, entry.problem) == (3, 41.5, None)
    assert again(cache).total_bytes() > len(ENGINE)


@pytest.mark.parametrize("fact", ["graph", "precision", "tensorrt", "gpu", "driver"])
def test_an_engine_for_anything_else_is_not_handed_out(cache: EngineCache, fact: str) -> None:
    stored(cache)
    other = replace(KEY, **{fact: "another"})
    assert handed_out(cache, other) is None
    assert again(cache).get(other, HD) is None
    assert other.name(HD) != KEY.name(HD)


def test_only_shapes_within_the_profiles_are_served(cache: EngineCache) -> None:
    cache.store(KEY, for_one_size((720, 1280), (1, 8)), ENGINE, model="m", decibels=50, level=3, build_s=1)
    for shape, fits in [((1, 720, 1280), 1), ((8, 720, 1280), 1), ((9, 720, 1280), 0), ((1, 1280, 720), 0)]:
        assert len(again(cache).find(KEY, shape)) == fits, shape


def test_an_engine_for_one_size_goes_before_one_for_many(cache: EngineCache) -> None:
    many = for_any_size((1, 720, 1280), smallest_px=8, multiple_px=4)
    cache.store(KEY, many, b"many", model="m", decibels=50, level=3, build_s=1)
    assert handed_out(cache) == b"many"
    stored(cache, b"one")
    assert handed_out(cache) == b"one"
    assert handed_out(cache, shape=(1, 600, 600)) == b"many"


DAMAGE = {
    "a changed byte": lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
    "half of it": lambda data: data[: len(data) // 2],
    "one byte more": lambda data: data + b"\0",
    "nothing": lambda data: b"",
    "another engine": lambda data: b"\x90" * len(data),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_changed_or_truncated_engine_is_not_handed_out(cache: EngineCache, kind: str) -> None:
    entry = stored(cache)
    entry.path.write_bytes(DAMAGE[kind](ENGINE))
    assert handed_out(cache) is None
    stored(cache)  # built again
    assert handed_out(cache) == ENGINE


@pytest.mark.parametrize("kind", [*DAMAGE, "no JSON", "a list"])
def test_a_damaged_sidecar_means_that_the_engine_is_not_handed_out(cache: EngineCache, kind: str) -> None:
    sidecar = stored(cache).path.with_suffix(".json")
    data = sidecar.read_bytes()
    bad = {"no JSON": b"{", "a list": b"[1, 2]", "another engine": b"\x90\xff", "a changed byte": data[:99] + b"x"}
    sidecar.write_bytes(bad[kind] if kind in bad else DAMAGE[kind](data))
    assert handed_out(cache) is None
    (entry,) = again(cache).engines()
    assert entry.problem is not None
    stored(cache)
    assert handed_out(cache) == ENGINE


@pytest.mark.parametrize(
    ("field", "value"),
    [("engine_sha256", None), ("decibels", 99.0), ("level", 5), ("made", "2030-01-01T00:00:00+00:00"), ("model", "x")],
)
def test_no_fact_of_a_sidecar_can_be_changed(cache: EngineCache, field: str, value: object) -> None:
    # the hash alone would not do: whoever changes the engine writes its new hash beside it
    import hashlib

    entry = stored(cache)
    sidecar = entry.path.with_suffix(".json")
    values = json.loads(sidecar.read_text())
    evil = b"\x90" * len(ENGINE)
    if field == "engine_sha256":
        entry.path.write_bytes(evil)
        value = hashlib.sha256(evil).hexdigest()
    values[field] = value
    sidecar.write_text(json.dumps(values))
    assert handed_out(cache) is None


def test_an_engine_brought_from_another_machine_with_its_sidecar_is_not_handed_out(
    cache: EngineCache, tmp_path: Path
) -> None:
    # same graphics card, same driver, same TensorRT, somebody else's engine: unpacked into the folder
    theirs = EngineCache(tmp_path / "theirs", tmp_path / "their.secret")
    stored(theirs)
    stored(cache)
    cache.clear()
    for file in theirs.folder.iterdir():
        shutil.copy(file, cache.folder)
    assert handed_out(theirs) == ENGINE
    assert handed_out(cache) is None


def test_a_sidecar_of_one_engine_does_not_vouch_for_another(cache: EngineCache) -> None:
    first = stored(cache)
    other = replace(KEY, precision="fp32")
    second = stored(cache, b"other", other)
    for suffix in (".engine", ".json"):
        shutil.copy(first.path.with_suffix(suffix), second.path.with_suffix(suffix))
    assert handed_out(cache, other) is None
    assert handed_out(cache) == ENGINE


def test_a_lost_secret_voids_all_seals(cache: EngineCache) -> None:
    stored(cache)
    cache._secret_file.unlink()
    assert handed_out(cache) is None
    stored(again(cache))
    assert handed_out(cache) == ENGINE


# --- who can get at it


@posix_only
def test_only_the_user_can_read_and_write_what_is_stored(cache: EngineCache) -> None:
    before = os.umask(0)  # the most careless there is
    try:
        entry = stored(cache)
    finally:
        os.umask(before)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    for path in (*cache.folder.iterdir(), cache._secret_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert handed_out(cache) == ENGINE
    assert entry.problem is None


@posix_only
@pytest.mark.parametrize("mode", [0o750, 0o707, 0o777])
def test_nothing_is_read_from_a_folder_that_others_can_get_at(cache: EngineCache, mode: int) -> None:
    stored(cache)
    cache.folder.chmod(mode)
    assert handed_out(cache) is None
    stored(again(cache))  # storing closes the folder first
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert handed_out(cache) == ENGINE


@posix_only
@pytest.mark.parametrize("name", ["engine", "json"])
def test_a_file_that_others_could_write_is_not_used(cache: EngineCache, name: str) -> None:
    stored(cache).path.with_suffix(f".{name}").chmod(0o666)
    assert handed_out(cache) is None


@posix_only
def test_a_secret_that_others_could_read_is_made_anew(cache: EngineCache) -> None:
    stored(cache)
    old = cache._secret_file.read_bytes()
    cache._secret_file.chmod(0o644)
    assert handed_out(cache) is None
    stored(again(cache))
    assert cache._secret_file.read_bytes() != old
    assert handed_out(cache) == ENGINE


@posix_only
def test_a_link_is_not_followed(cache: EngineCache, tmp_path: Path) -> None:
    entry = stored(cache)
    elsewhere = tmp_path / "elsewhere.engine"
    entry.path.rename(elsewhere)
    entry.path.symlink_to(elsewhere)
    assert handed_out(cache) is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_another_users_folder_is_not_used(cache: EngineCache) -> None:
    stored(cache)
    os.chown(cache.folder, 12345, 12345)
    assert handed_out(cache) is None
    with pytest.raises(OutputError, match="belongs to another user"):
        stored(again(cache))


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        stored(EngineCache(tmp_path / "file" / "engines", tmp_path / "secret"))


# --- being stopped, and several at once


def test_a_process_that_dies_between_engine_and_sidecar_leaves_nothing_that_is_used(
    cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(cache, b"the old one")

    def die(self: EngineCache, name: str, values: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(EngineCache, "_write_sidecar", die)
    with pytest.raises(KeyboardInterrupt):
        stored(again(cache), b"the new one")
    assert handed_out(cache) is None


def test_a_refusal_is_remembered_but_runs_nothing(cache: EngineCache) -> None:
    stored(cache)
    stored(cache, b"", decibels=31.0)
    assert handed_out(cache) is None
    entry = again(cache).get(KEY, HD)
    assert entry is not None
    assert (entry.engine_bytes, entry.decibels) == (0, 31.0)
    assert not entry.path.exists()


CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from test_engine_cache import HD, KEY
from cgconv.runtime.backends.engines.cache import EngineCache
cache = EngineCache(Path(sys.argv[1]), Path(sys.argv[2]))
with cache.lock(KEY, HD, is_cancelled=lambda: False, waiting=lambda s: None):
    print("locked", flush=True)
    if sys.argv[3] == "stay":
        time.sleep(1000)
"""


def child(cache: EngineCache, mode: str) -> subprocess.Popen[str]:
    arguments = [cache.folder, cache._secret_file, mode, Path(__file__).parent]
    command = [sys.executable, "-c", CHILD, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_killed_process_does_not_keep_its_lock(cache: EngineCache) -> None:
    holder = child(cache, "stay")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    waited: list[float] = []

    def kill_after_a_look(seconds: float) -> None:
        if not waited:
            holder.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        waited.append(seconds)

    with cache.lock(KEY, HD, is_cancelled=lambda: False, waiting=kill_after_a_look):
        assert waited, "the other process had the lock"
    holder.wait()
    assert not list(cache.folder.glob("*.lock")), "no litter"


def test_waiting_for_a_lock_can_be_cancelled(cache: EngineCache) -> None:
    free = lambda: False  # noqa: E731
    with cache.lock(KEY, HD, is_cancelled=free, waiting=lambda s: None):
        other = again(cache)
        asked = iter([False, False, True])
        with (
            pytest.raises(Cancelled),
            other.lock(KEY, HD, is_cancelled=lambda: next(asked), waiting=lambda s: None),
        ):
            pass
        fp32 = replace(KEY, precision="fp32")
        with other.lock(fp32, HD, is_cancelled=free, waiting=lambda s: pytest.fail("another engine's lock is free")):
            pass


def test_many_threads_never_hold_one_lock_together(cache: EngineCache) -> None:
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(5):
            with again(cache).lock(KEY, HD, is_cancelled=lambda: False, waiting=lambda s: None):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.001)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1


def test_secrets_made_at_the_same_time_are_one(cache: EngineCache) -> None:
    caches = [again(cache) for _ in range(8)]
    threads = [threading.Thread(target=stored, args=(one,)) for one in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one._secret(create=False) for one in caches}) == 1
    assert handed_out(cache) == ENGINE


# --- timings, listing, clearing


def test_timings_are_sealed_like_engines(cache: EngineCache) -> None:
    assert cache.read_timing(KEY) == b""
    cache.store_timing(KEY, b"timings")
    assert again(cache).read_timing(KEY) == b"timings"
    assert again(cache).read_timing(replace(KEY, graph="other", precision="fp32")) == b"timings"
    assert again(cache).read_timing(replace(KEY, driver="other")) == b""
    (file,) = cache.folder.glob("*.timing")
    file.write_bytes(b"evil")
    assert again(cache).read_timing(KEY) == b""
    assert again(cache).engines() == []  # no engine


def test_clearing_removes_everything_of_ours_and_nothing_else(cache: EngineCache) -> None:
    stored(cache)
    cache.store_timing(KEY, b"timings")
    (cache.folder / ".cgconv-0123.part").write_bytes(b"left by a killed process")
    (cache.folder / "notes.txt").write_text("mine")
    engines, freed = again(cache).clear()
    assert engines == 1
    assert freed > len(ENGINE)
    assert [path.name for path in cache.folder.iterdir()] == ["notes.txt"]
    assert EngineCache(cache.folder / "nowhere").clear() == (0, 0)


def test_clearing_leaves_the_lock_of_a_build_that_is_under_way(cache: EngineCache) -> None:
    with cache.lock(KEY, HD, is_cancelled=lambda: False, waiting=lambda s: None):
        again(cache).clear()
        assert len(list(cache.folder.glob("*.lock"))) == 1


def test_an_engine_without_a_sidecar_is_listed_with_the_reason(cache: EngineCache) -> None:
    path = stored(cache).path
    path.with_suffix(".json").unlink()
    (entry,) = again(cache).engines()
    assert entry.engine_bytes == len(ENGINE)
    assert "built again" in str(entry.problem)
    assert handed_out(cache) is None


# --- shapes


def test_single_images_have_a_profile_of_their_own() -> None:
    one = (1, 8, 16)
    assert for_one_size((8, 16), (1, 1)) == (Profile(one, one, one),)
    assert for_one_size((8, 16), (1, 4)) == (Profile(one, one, one), Profile(one, (4, 8, 16), (4, 8, 16)))
    assert for_one_size((8, 16), (2, 4)) == (Profile((2, 8, 16), (4, 8, 16), (4, 8, 16)),)


@pytest.mark.parametrize("size_hw", [(8, 8), (513, 512), (720, 1280), (1080, 1920), (2049, 3000), (5000, 70)])
def test_an_engine_for_many_sizes_covers_the_one_that_asked(size_hw: tuple[int, int]) -> None:
    (profile,) = for_any_size((2, *size_hw), smallest_px=12, multiple_px=12)
    assert profile.covers((2, max(size_hw[0], 12), max(size_hw[1], 12)))
    assert profile.smallest == (1, 12, 12)
    assert profile == for_any_size((2, *reversed(size_hw)), smallest_px=12, multiple_px=12)[0]


def test_profiles_in_words() -> None:
    assert described(for_one_size((720, 1280), (1, 1))) == "1280×720"
    assert described(for_one_size((720, 1280), (1, 8))) == "1280×720, batch 1–8"
    assert described(for_one_size((720, 1280), (4, 4))) == "1280×720, batch 4"
    assert described(for_any_size((1, 720, 1280), smallest_px=8, multiple_px=4)) == "8×8 to 2048×2048"


def test_sizes_and_batches_are_read_as_people_write_them() -> None:
    assert parse_sizes("1280x720, 1920X1080,1280×720") == [(720, 1280), (1080, 1920)]
    assert parse_batch("4") == (4, 4)
    assert parse_batch("1-8") == (1, 8)
    for text in ("", "1280", "1280x", "0x5", "axb", "1280x720;4x4", "99999x9"):
        with pytest.raises(UsageError, match="--sizes"):
            parse_sizes(text)
    for text in ("", "0", "8-1", "1-", "1-1000", "two"):
        with pytest.raises(UsageError, match="--batch"):
            parse_batch(text)
