"""cgconv distill: one command from a model to a smaller one, with a table; and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import onnx
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from small_models import GraphBuilder, identity_model, photo, small_resnet, with_card  # noqa: E402

from cgconv.cli.main import main  # noqa: E402
from cgconv.cli.train_options import SETTINGS, TEACHER  # noqa: E402
from cgconv.runtime.models.card import read_card  # noqa: E402
from cgconv.trainer.checkpoint import checkpoint_config, load_checkpoint, save_checkpoint  # noqa: E402
from cgconv.trainer.choices import Preprocess  # noqa: E402
from cgconv.trainer.config import TrainConfig  # noqa: E402
from cgconv.trainer.networks.compact import multiply_adds_per_pixel  # noqa: E402
from cgconv.trainer.presets import DISTILL  # noqa: E402
from cgconv.trainer.run import Run  # noqa: E402

SMALL = [
    *("--blocks", "1", "--load", "64", "--crop", "64", "--jitter", "0", "--images", "2", "--device", "cpu"),
    *("--threads", "1", "--precision", "fp32", "--sample-every", "0", "--report-every", "1"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for name, first in (("photos", 0), ("paintings", 9)):
        (root / name).mkdir()
        for seed in range(first, first + 5):
            cv2.imwrite(str(root / name / f"{seed}.png"), photo((64, 80), seed)[0])
    onnx.save(small_resnet(), root / "large.onnx")
    return root


@pytest.fixture(autouse=True)
def _without_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CGCONV_TRIAL", "no")  # the models are this file's own


def test_one_command_makes_a_smaller_model_and_a_table(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small"
    folders = ["--data", str(data / "photos"), "--targets", str(data / "paintings")]
    assert main(["distill", str(data / "large.onnx"), *folders, "--out", str(out), *SMALL]) == 0
    said = capfd.readouterr()
    table = [line.split("|")[1:-1] for line in said.out.splitlines()]
    headings = [cell.strip() for cell in table[0]]
    assert headings == ["pictures", "KID", "±", "content", "PSNR", "SSIM", "billion products", "ms a picture"]
    rows = {row[0].strip(): dict(zip(headings, map(str.strip, row), strict=True)) for row in table[2:]}
    assert list(rows) == ["not translated", "large (teacher)", "small (student)"]
    teacher, student = rows["large (teacher)"], rows["small (student)"]
    assert float(student["billion products"]) > 0
    assert all(float(student[name]) == float(student[name]) for name in ("KID", "content", "PSNR", "SSIM"))
    assert teacher["PSNR"] == ""
    assert "5 pictures of" in said.err
    assert "which the student has learned from" in said.err
    assert f"KID × 1000 to 5 pictures of {data / 'paintings'}" in said.err
    assert "the teacher translates 5/5 pictures" in said.err
    assert "cgconv export" not in said.err, "that is done"
    assert said.out in (out / "comparison.md").read_text()

    config = checkpoint_config(load_checkpoint(out))
    assert (config.teacher.name, config.run.name_a, config.run.name_b) == ("large", "picture", "large")
    assert config.data.b == data / "paintings"
    card = read_card(out / "small.onnx")
    assert card is not None
    assert (card.direction, card.source["recipe"], card.data) == ("picture → large", "distill", "results of large")
    cv2.imwrite(str(tmp_path / "new.png"), photo((50, 70), 20)[0])
    assert (
        main(
            [
                "images",
                str(tmp_path / "new.png"),
                "--model",
                str(out / "small.onnx"),
                "--out",
                str(tmp_path / "made.png"),
            ]
        )
        == 0
    )
    assert cv2.imread(str(tmp_path / "made.png")).shape == (50, 70, 3)

    assert main(["distill", str(data / "large.onnx"), *folders, "--out", str(out), *SMALL]) == 2
    assert f"holds a run already; continue it with --resume {out}" in capfd.readouterr().err
    longer = ["--images", "4", "--l1", "50", "--perceived", "0"]
    assert main(["distill", "--resume", str(out), *longer, "--json"]) == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert events[-1]["event"] == "StudentCompared"
    assert events[-1]["measures"]["small (student)"].keys() >= {"kid", "psnr", "milliseconds"}
    assert [event["images_seen"] for event in events if event["event"] == "TrainFinished"] == [4]
    assert not any(event["event"] == "TeacherAsked" for event in events), "its results are kept"
    assert main(["train", "--resume", str(out), "--images", "6"]) == 0, "the teacher is not needed any more"
    assert load_checkpoint(out)["images_seen"] == 6

    assert main(["distill", "--resume", str(out), "--width", "8"]) == 2
    assert "--width: cannot be changed with --resume" in capfd.readouterr().err
    onnx.save(small_resnet(seed=1), out / "teacher.onnx")
    assert main(["distill", "--resume", str(out)]) == 1
    assert "is not the teacher that this run began with" in capfd.readouterr().err
    (out / "teacher.onnx").unlink()
    assert main(["distill", "--resume", str(out)]) == 2
    assert "the teacher is missing" in capfd.readouterr().err


def save_run(out: Path, config: TrainConfig) -> Path:
    """Write a run that has not begun: its first weights."""
    from cgconv.trainer.arithmetic import open_arithmetic
    from cgconv.trainer.data.pairs import open_pairs

    config = replace(config, run=replace(config.run, out=out, device="cpu"))
    run = Run(config, open_arithmetic("cpu", config.run.precision), open_pairs(config))
    save_checkpoint(out / "checkpoint.pt", {**run.state(), "held_out": None})
    return out


def test_a_run_teaches_by_itself_on_its_own_pictures(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = TrainConfig()
    config = replace(
        config,
        generator=replace(config.generator, blocks=1, width=8),
        data=replace(config.data, a=data / "photos", b=data / "paintings", crop=64, load=64),
        run=replace(config.run, name_a="photo", name_b="painting"),
    )
    run = save_run(tmp_path / "both", config)
    more = ["--out", str(tmp_path / "small"), *SMALL]
    assert main(["distill", str(run), *more]) == 2
    assert "learned both ways; name the one that teaches" in capfd.readouterr().err
    assert not (tmp_path / "small").exists()
    assert main(["distill", str(run), "--direction", "b2a", *more]) == 0
    assert "(student)" in capfd.readouterr().out
    found = checkpoint_config(load_checkpoint(tmp_path / "small"))
    assert (found.data.a, found.data.b) == (data / "paintings", data / "photos")
    assert (found.run.name_a, found.run.name_b, found.teacher.name) == ("painting", "photo", "both")
    assert main(["distill", "--resume", str(run)]) == 2
    assert "a run of cyclegan; continue it with cgconv train --resume" in capfd.readouterr().err


def test_a_student_has_a_fifth_of_the_work_and_the_size_that_its_teacher_takes(data: Path, tmp_path: Path) -> None:
    from cgconv.exporter.distilling import begin

    def begun(model: onnx.ModelProto, name: str, *, chooses_width: bool = True) -> TrainConfig:
        onnx.save(model, tmp_path / f"{name}.onnx")
        base = replace(DISTILL, run=replace(DISTILL.run, out=tmp_path / name, device="cpu", threads=1))
        config, teacher = begin(
            base,
            tmp_path / f"{name}.onnx",
            pictures=data / "photos",
            targets=None,
            direction=None,
            chooses_width=chooses_width,
        )
        teacher.close()
        return config

    wide = small_resnet(width=32, blocks=2)
    ends, halvings, blocks = 2 * 49 * 3 * 32, 9 * 32 * 64 / 4 + 9 * 64 * 128 / 16, 4 * 9 * 128 * 128 / 16
    cost = ends + halvings + blocks + 9 * 128 * 64 / 4 + 9 * 64 * 32
    chosen = begun(wide, "wide").generator
    assert (
        multiply_adds_per_pixel(chosen) <= cost / 5 < multiply_adds_per_pixel(replace(chosen, width=chosen.width + 8))
    )
    assert begun(wide, "free", chooses_width=False).generator.width == DISTILL.generator.width
    fixed = begun(with_card(identity_model([1, 3, 96, 120]), fixed_size_hw=(96, 120)), "fixed")
    assert fixed.generator.width == 32, "nothing is known of its cost"
    assert (fixed.data.preprocess, fixed.data.load, fixed.data.crop) == (Preprocess.RESIZE_AND_CROP, 96, 96)
    named = begun(with_card(identity_model(), direction="dog → cat"), "named")
    assert (named.run.name_a, named.run.name_b, named.data.load) == ("dog", "cat", 256)


def test_what_cannot_teach_is_one_sentence(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    net = GraphBuilder()
    doubling = with_card(net.model(net.upsample("input")), scale=2)
    onnx.save(doubling, tmp_path / "doubling.onnx")
    photos, out = str(data / "photos"), ["--out", str(tmp_path / "run")]
    for arguments, code, sentence in (
        ([], 2, "name the model or run that teaches, or --resume"),
        (["monet", "--resume", "x"], 2, "name the model or run that teaches, or --resume"),
        (["monet", *out], 2, "name the pictures to learn from: --data PICTURES"),
        (["nobody", "--data", photos, *out], 2, "no model is named 'nobody'"),
        (["monet", "--data", str(tmp_path / "none"), *out], 2, "none: no such folder"),
        (["monet", "--data", photos, "--targets", str(tmp_path / "none"), *out], 2, "none: no such folder"),
        (["monet", "--data", photos, "--targets", photos, *out], 2, "name two separate folders"),
        (["monet", "--data", photos, "--out", f"{photos}/run"], 2, "whose pictures are trained on"),
        (["monet", "--data", photos, "--direction", "a2b", *out], 2, "--direction a2b works only with runs"),
        (["monet", "--data", photos, "--width", "12", *out], 2, "--width: found 12, expected a multiple of 8"),
        (["monet", "--data", photos, "--crop", "64", *out], 2, "--crop: found 64, expected 80 or more"),
        ([str(tmp_path / "doubling.onnx"), "--data", photos, *out], 2, "makes pictures 2 times as large"),
    ):
        assert main(["distill", *arguments]) == code, arguments
        said = capfd.readouterr().err
        assert sentence in said
        assert len(said.splitlines()) == 1
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_its_help_shows_the_defaults_that_it_has(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["distill", "--help-all"]) == 0
    said = " ".join(capfd.readouterr().out.split())
    for shown in ("--images N", "--l1 X", "--structure X", "--stability X", "--learning-rate X"):
        option = shown.split()[0]
        path = next(one.path for one in (*SETTINGS, *TEACHER) if one.option == option)
        section, _, name = path.partition(".")
        assert f"[default: {getattr(getattr(DISTILL, section), name):g}]" in said.split(shown)[1][:250], option
