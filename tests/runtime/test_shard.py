"""Shards: which part this is, and that the parts together are the whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from cgconv.cli.main import main
from cgconv.runtime.doctor import unchanging_model
from cgconv.runtime.errors import UsageError
from cgconv.runtime.find import FoundFile, Kind
from cgconv.runtime.jobs import BatchOptions, plan_jobs
from cgconv.runtime.shard import Shard, read_shard
from cgconv.runtime.watch import SETTLED_S, Watched


def slurm(task: int, first: int, last: int, count: int, step: int = 1) -> dict[str, str]:
    ends = {"ID": task, "MIN": first, "MAX": last, "COUNT": count, "STEP": step}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in ends.items()}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(40):
        path = tmp_path / "photos" / f"day {number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((3, 4, 3), number, np.uint8)).save(path)
    return tmp_path / "photos"


def planned(folder: Path, shard: Shard | None, **options: str) -> list[Path]:
    wanted = BatchOptions(kind=Kind.PICTURE, model_name="same", shard=shard, **options)  # type: ignore[arg-type]
    return [job.output for job in plan_jobs([folder], wanted)]


@pytest.mark.parametrize(
    ("variables", "part"),
    [
        (slurm(0, 0, 7, 8), (1, 8)),
        (slurm(7, 0, 7, 8), (8, 8)),
        (slurm(1, 1, 8, 8), (1, 8)),
        (slurm(8, 1, 8, 8), (8, 8)),
        (slurm(10, 10, 30, 3, step=10), (1, 3)),
        (slurm(30, 10, 30, 3, step=10), (3, 3)),
        (slurm(5, 5, 5, 1), (1, 1)),
        ({"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "4"}, (1, 4)),
        ({"JOB_COMPLETION_INDEX": "3", "JOB_COMPLETIONS": "4"}, (4, 4)),
    ],
)
def test_arrays_and_jobs_say_which_part_this_is(variables: dict[str, str], part: tuple[int, int]) -> None:
    shard = read_shard(None, variables)
    assert shard is not None
    assert (shard.number, shard.of) == part


def test_what_is_asked_for_goes_before_what_the_variables_say() -> None:
    assert read_shard("2/3", slurm(0, 0, 7, 8)) == Shard(2, 3)
    assert read_shard(None, {}) is None


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"SLURM_ARRAY_TASK_ID": "3"}, "SLURM_ARRAY_TASK_MIN is not set"),
        ({**slurm(3, 0, 7, 8), "SLURM_ARRAY_TASK_COUNT": ""}, "SLURM_ARRAY_TASK_COUNT is '', not a number"),
        (slurm(1, 1, 7, 3), "have gaps"),  # --array=1,4,7, of which Slurm says no more than of 1,3,7
        (slurm(9, 1, 8, 8), "shard 9 of 8"),
        ({"JOB_COMPLETION_INDEX": "3"}, "JOB_COMPLETIONS is not set"),
        ({"JOB_COMPLETION_INDEX": "4", "JOB_COMPLETIONS": "4"}, "shard 5 of 4"),
    ],
)
def test_half_of_what_is_needed_is_refused_and_not_guessed(variables: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as refused:
        read_shard(None, variables)
    assert "--shard 1/1 takes all" in str(refused.value)


@pytest.mark.parametrize("given", ["0/4", "5/4", "1", "1/0", "a/b", "1/4/2", "-1/4", "٣/٤"])
def test_parts_are_counted_from_one(given: str) -> None:
    with pytest.raises(UsageError, match="as 1/4 to 4/4"):
        read_shard(given, {})


def test_the_parts_together_are_the_whole_and_no_file_is_in_two(photos: Path) -> None:
    parts = [planned(photos, Shard(number, 4)) for number in range(1, 5)]
    assert sorted(path for part in parts for path in part) == sorted(planned(photos, None))
    assert all(4 <= len(part) <= 16 for part in parts)


def test_a_part_is_the_same_on_every_machine_and_whatever_else_is_there(photos: Path) -> None:
    before = planned(photos, Shard(2, 4))
    assert [path.stem for path in before] == ["9", "39", "1", "16", "31", "23", "29", "35"]
    Image.fromarray(np.zeros((3, 4, 3), np.uint8)).save(photos / "new.png")
    assert set(before) <= set(planned(photos, Shard(2, 4)))
    spellings = (Path("x/ä b.jpg"), Path("x/a\u0308 b.jpg"), Path("X/Ä B.PNG"))
    for root in (Path("/mnt/share"), Path("D:/share")):
        taken = [[Shard(k, 7).takes(FoundFile(root / path, root)) for k in range(1, 8)] for path in spellings]
        assert taken == [[False, False, False, False, False, False, True]] * 3


def test_names_are_settled_for_all_parts_alike(photos: Path) -> None:
    for path in list(photos.rglob("*.png")):
        Image.open(path).save(path.with_suffix(".jpg"))
    parts = [planned(photos, Shard(number, 3), file_format="png") for number in range(1, 4)]
    outputs = [path for part in parts for path in part]
    assert len(set(outputs)) == len(outputs) == 80


def test_a_variable_divides_no_files_that_are_named_themselves(photos: Path) -> None:
    files = sorted(photos.rglob("*.png"))
    options = BatchOptions(kind=Kind.PICTURE, model_name="same", shard=read_shard(None, slurm(1, 1, 8, 8)))
    jobs = plan_jobs(files, options)
    assert len(jobs) == 40
    assert "are not divided unless --shard says so" in jobs.notes[0]


def test_a_watched_folder_is_divided_too(photos: Path) -> None:
    counts = []
    for number in (1, 2):
        watched = Watched([photos], BatchOptions(kind=Kind.PICTURE, model_name="same", shard=Shard(number, 2)))
        watched.look(0)
        counts.append(len(watched.look(SETTLED_S)))
    assert sum(counts) == 40
    assert min(counts) > 8


def test_parts_say_what_they_do_and_keep_reports_of_their_own(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "same.onnx"
    onnx.save(unchanging_model()[0], model)
    options = ["--model", str(model), "--report", str(tmp_path / "r.json"), "--page", str(tmp_path / "p.html")]
    for task in (0, 1):
        for name, value in slurm(task, 0, 1, 2).items():
            monkeypatch.setenv(name, value)
        assert main(["images", str(photos), *options]) == 0
        assert f"shard {task + 1} of 2 (from SLURM_ARRAY_TASK_ID; --shard 1/1 takes all)" in capfd.readouterr().err
    reports = [json.loads((tmp_path / f"r.{part}-of-2.json").read_text(encoding="utf-8")) for part in (1, 2)]
    assert sum(report["totals"]["done"] for report in reports) == 40
    assert (tmp_path / "p.2-of-2.html").is_file()
    assert len(list((tmp_path / "photos-same").rglob("*.png"))) == 40


def test_a_part_with_nothing_to_do_is_no_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.zeros((3, 4, 3), np.uint8)).save(tmp_path / "photos" / "a.png")
    codes = [
        main(["images", str(tmp_path / "photos"), "--model", "monet", "--shard", f"{part}/2", "--dry-run"])
        for part in (1, 2)
    ]
    assert codes == [0, 0]
    assert capfd.readouterr().out.count("→") == 1
