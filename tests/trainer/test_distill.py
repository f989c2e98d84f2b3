"""A small generator learns from a teacher: the step has its formulas, results are asked for once, runs go on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
F = torch.nn.functional

from small_models import photo  # noqa: E402
from test_projected import judge_of  # noqa: E402
from test_recipes import CLOSE, arithmetic, build, close, gradients, gradients_of, pictures  # noqa: E402, F401

from cgconv.runtime.errors import Cancelled, ModelError, SettingError, UsageError  # noqa: E402
from cgconv.runtime.events import TeacherAsked, TrainProgressed  # noqa: E402
from cgconv.trainer.arithmetic import Arithmetic  # noqa: E402
from cgconv.trainer.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from cgconv.trainer.choices import Direction, DiscriminatorKind, Precision, RecipeName  # noqa: E402
from cgconv.trainer.config import (  # noqa: E402
    NOWHERE,
    DataConfig,
    EvaluationConfig,
    GeneratorConfig,
    RunConfig,
    TeacherConfig,
    TrainConfig,
)
from cgconv.trainer.data.pairs import Image, open_pairs  # noqa: E402
from cgconv.trainer.judging.metrics import ssim  # noqa: E402
from cgconv.trainer.networks.build import build_generator  # noqa: E402
from cgconv.trainer.networks.compact import multiply_adds_per_pixel  # noqa: E402
from cgconv.trainer.presets import DISTILL, PRESETS  # noqa: E402
from cgconv.trainer.recipes.content import perceived_distance  # noqa: E402
from cgconv.trainer.recipes.losses import structure_loss  # noqa: E402
from cgconv.trainer.recipes.recipe import Moment  # noqa: E402
from cgconv.trainer.recipes.stability import draw_change  # noqa: E402
from cgconv.trainer.teacher import RESULTS, ask_teacher, own_discriminator  # noqa: E402
from cgconv.trainer.train import train  # noqa: E402


def negative(image: Image) -> Image:
    return np.asarray(255 - image, np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for name, count in (("photos", 5), ("wanted", 3)):
        (root / name).mkdir()
        for seed in range(count):
            cv2.imwrite(str(root / name / f"{seed}.png"), photo((64, 80), seed)[0])
    return root


def tiny(data: Path, out: Path, **sections: object) -> TrainConfig:
    config = replace(
        DISTILL,
        generator=replace(DISTILL.generator, blocks=1, width=8),
        loss=replace(DISTILL.loss, jitter=0),
        data=DataConfig(a=data / "photos", preprocess=DISTILL.data.preprocess, crop=64, load=64, batch=2),
        optimizer=replace(DISTILL.optimizer, images=10),
        evaluation=EvaluationConfig(every=0),
        teacher=TeacherConfig(name="negative", sha256="0"),
        run=RunConfig(out=out, device="cpu", precision=Precision.FP32, threads=1, report_every=1, sample_every=0),
    )
    return replace(config, **sections)  # type: ignore[arg-type]


def asked(config: TrainConfig, teacher: Any = negative) -> tuple[list[TeacherAsked], list[tuple[Path, Path]]]:
    events, asking = [], ask_teacher(config, teacher, threading.Event())
    while True:
        try:
            events.append(next(asking))
        except StopIteration as end:
            return events, end.value


# --- the step


def test_structure_is_one_less_the_similarity_that_the_measure_says() -> None:
    a, b = (np.stack([photo((40, 32), seed)[0] for seed in seeds]) for seeds in ((0, 1), (2, 3)))
    made, wanted = (torch.from_numpy(x.transpose(0, 3, 1, 2)).float() / 127.5 - 1 for x in (a, b))
    assert structure_loss(made, wanted).item() == pytest.approx(1 - ssim(a, b), abs=1e-4)
    assert structure_loss(made, made).item() == pytest.approx(0, abs=1e-6)


def test_what_is_perceived_is_compared_by_directions_place_by_place() -> None:
    """LPIPS without weights (arXiv 1801.03924, equation 1): unit vectors of each place, their squared distances."""
    random = torch.Generator().manual_seed(0)
    made, wanted = ([torch.randn(2, c, s, s, generator=random) for c, s in ((4, 3), (6, 2))] for _ in range(2))
    total = 0.0
    for x, y in zip(made, wanted, strict=True):
        for n in range(2):
            for place in np.ndindex(x.shape[2:]):
                u, v = (one[n, :, place[0], place[1]] for one in (x, y))
                total += float(((u / u.norm() - v / v.norm()) ** 2).sum()) / (2 * x.shape[2] * x.shape[3])
    assert perceived_distance(made, wanted).item() == pytest.approx(total, rel=1e-4)
    assert perceived_distance(made, [3 * x for x in made]).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("with_targets", [False, True])
def test_the_step_has_the_losses_and_gradients_of_its_formulas(
    arithmetic: Arithmetic,  # noqa: F811
    data: Path,
    with_targets: bool,
) -> None:
    config = tiny(data, Path("out"))
    weights = replace(config.loss, gan_ab=0.3, l1=5.0, stability=2.0, jitter=4)
    config = replace(
        config,
        loss=weights,
        teacher=replace(config.teacher, structure=1.5, perceived=0.7),
        data=replace(config.data, crop=68, load=68),
    )
    recipe = build(config, arithmetic)
    with torch.no_grad():
        recipe.generators.ab.last[1].weight.mul_(30)
    judge, draws = judge_of(recipe), torch.Generator().manual_seed(0)
    a, taught, others = pictures(68, channels=(3, 3, 3), count=2)  # type: ignore[arg-type]
    losses = recipe.step(a, taught, Moment(0, 0.0, others if with_targets else None))

    fake = recipe.generators.ab(a)
    top, left = torch.randint(5, (2,), generator=draws).tolist()
    shown, shown_taught, shown_reals = (
        x[:, :, top : top + 64, left : left + 64] for x in (fake, taught, others if with_targets else taught)
    )
    reals, fakes = judge(shown_reals), judge(shown.detach())
    of_judge = sum(0.5 * (F.relu(1 - r).mean() + F.relu(1 + f).mean()) for r, f in zip(reals, fakes, strict=True))
    gan = -sum(scores.mean() for scores in judge(shown))
    features = [judge.frozen(x)[:3] for x in (shown, shown_taught)]
    assert [x.shape[2] for x in features[0]] == [16, 8, 4], "strides of 4, 8 and 16"
    change = draw_change(a, draws)
    apart = recipe.generators.ab(change.of_source(a)) - change.of_result(fake)
    terms = {
        "gan_ab": gan,
        "l1": (fake - taught).abs().mean(),
        "structure": structure_loss(fake, taught),
        "perceived": perceived_distance(*features),
        "stability": apart[:, :, 8:-8, 8:-8].abs().mean(),
    }
    weight_of = {"gan_ab": 0.3, "l1": 5.0, "structure": 1.5, "perceived": 0.7, "stability": 2.0}
    objective = sum(weight_of[name] * term for name, term in terms.items())
    terms |= {"objective": objective, "discriminator": of_judge}
    assert {name: float(loss) for name, loss in losses.items()} == {
        name: pytest.approx(float(value.detach()), **CLOSE) for name, value in terms.items()
    }
    assert close(gradients(recipe.generators), gradients_of(objective, recipe.generators))
    assert close(gradients(recipe.networks["discriminator"]), gradients_of(of_judge, judge))


ROWS = {  # weights, and passes of the generator and of the frozen network
    "all": ({}, {}, 2, 3),
    "without adversary": ({"gan_ab": 0.0}, {}, 2, 2),
    "without perception": ({}, {"perceived": 0.0}, 2, 2),
    "distance alone": ({"gan_ab": 0.0, "stability": 0.0}, {"perceived": 0.0, "structure": 0.0}, 1, 0),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_term_without_weight_costs_no_pass(arithmetic: Arithmetic, data: Path, row: str) -> None:  # noqa: F811
    losses_off, teacher_off, generator_passes, frozen_passes = ROWS[row]
    config = tiny(data, Path("out"))
    config = replace(config, loss=replace(config.loss, **losses_off), teacher=replace(config.teacher, **teacher_off))
    recipe, passes = build(config, arithmetic), {"generator": 0, "frozen": 0}

    def count(name: str) -> Any:
        return lambda *_: passes.update({name: passes[name] + 1})

    recipe.generators.ab.register_forward_hook(count("generator"))
    recipe.networks["discriminator"].frozen.register_forward_hook(count("frozen"))
    losses = recipe.step(*pictures(64), Moment(0, 0.0))
    assert passes == {"generator": generator_passes, "frozen": frozen_passes}
    off = {*losses_off, *teacher_off} | ({"discriminator"} if "gan_ab" in losses_off else set())
    every = {"gan_ab", "l1", "structure", "perceived", "stability", "objective", "discriminator"}
    assert losses.keys() == every - off


def test_what_a_compact_generator_costs_is_what_its_convolutions_sum() -> None:
    for config in (replace(DISTILL.generator, width=24), replace(DISTILL.generator, width=16, blocks=2, soften=True)):
        network, total = build_generator(config), 0

        def add(layer: Any, _: Any, made: torch.Tensor) -> None:
            nonlocal total
            total += made[0, 0].numel() * layer.weight.numel()

        for part in network.modules():
            if isinstance(part, torch.nn.Conv2d):
                part.register_forward_hook(add)
        network(torch.zeros(1, 3, 32, 48))
        assert multiply_adds_per_pixel(config) == total / (32 * 48)


def test_a_run_that_distills_has_a_projected_discriminator_and_one_way() -> None:
    with pytest.raises(SettingError, match="projected with recipe distill"):
        replace(DISTILL, discriminator=replace(DISTILL.discriminator, kind=DiscriminatorKind.PATCH))
    with pytest.raises(SettingError, match="a2b with recipe distill"):
        replace(DISTILL, direction=Direction.B2A)
    with pytest.raises(SettingError, match="one at least"):
        replace(
            DISTILL,
            loss=replace(DISTILL.loss, gan_ab=0.0, l1=0.0),
            teacher=TeacherConfig("", "", structure=0.0, perceived=0.0),
        )


# --- the teacher


def test_a_teacher_is_asked_once_for_each_picture(data: Path, tmp_path: Path) -> None:
    config = tiny(data, tmp_path / "run")
    events, taught = asked(config)
    assert (events[-1].pictures_done, events[-1].pictures_total) == (5, 5)
    assert [picture.name for picture, _ in taught] == [f"{seed}.png" for seed in range(5)]
    for picture, result in taught:
        assert result.parent == tmp_path / "run" / RESULTS
        image = cv2.imread(str(picture))
        assert np.array_equal(cv2.imread(str(result)), 255 - image), "of the whole picture, at the size it is seen in"
    assert asked(config, None) == ([], taught), "what is there is not asked for"


def test_a_result_is_never_that_of_another_picture_size_or_teacher(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "0.png").write_bytes((data / "photos" / "0.png").read_bytes())
    config = tiny(tmp_path, tmp_path / "run")
    _, first = asked(config)
    for other in (
        replace(config, data=replace(config.data, load=72)),
        replace(config, teacher=replace(config.teacher, sha256="1")),
    ):
        assert asked(other)[1] != first
    (folder / "0.png").write_bytes((data / "photos" / "1.png").read_bytes())
    with pytest.raises(UsageError, match=r"of .*0\.png is missing; `cgconv distill --resume .*run` makes it again"):
        asked(config, None)
    assert asked(config)[1] != first


def test_a_bad_picture_is_left_out_and_asking_can_be_stopped(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(3):
        (folder / f"{seed}.png").write_bytes((data / "photos" / f"{seed}.png").read_bytes())
    (folder / "1.png").write_bytes(b"none")
    config, cancel = tiny(tmp_path, tmp_path / "run"), threading.Event()

    def once(image: Image) -> Image:
        cancel.set()
        return negative(image)

    with pytest.raises(Cancelled, match="results so far are kept"):
        list(ask_teacher(config, once, cancel))
    assert len(list((tmp_path / "run" / RESULTS).iterdir())) == 1
    asked_for: list[Image] = []
    _, taught = asked(config, lambda image: (asked_for.append(image), negative(image))[1])
    assert [picture.name for picture, _ in taught] == ["0.png", "2.png"]
    assert len(asked_for) == 1
    assert next(record.message for record in caplog.records if "left out" in record.message).count("1.png")
    with pytest.raises(UsageError, match="found no picture in it"):
        asked(replace(config, data=replace(config.data, a=tmp_path / "run" / "nothing")))


# --- runs


def losses_of(out: Path) -> list[dict[str, float]]:
    lines = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [line["losses"] for line in lines if line["event"] == "TrainProgressed"]


def until(events: Iterator[Any], step: int) -> None:
    while not isinstance(event := next(events), TrainProgressed) or event.step < step:
        pass


def test_a_stopped_run_goes_on_to_the_bit_without_its_teacher(data: Path, tmp_path: Path) -> None:
    def config(name: str) -> TrainConfig:
        made = tiny(data, tmp_path / name)
        return replace(made, data=replace(made.data, b=data / "wanted"))

    list(train(config("whole"), threading.Event(), teacher=negative))
    stopped, cancel = config("stopped"), threading.Event()
    events = train(stopped, cancel, teacher=negative)
    until(events, 2)
    cancel.set()
    with pytest.raises(Cancelled, match=r"cgconv distill --resume .*stopped"):
        list(events)
    list(train(stopped, threading.Event(), resume=True))
    assert losses_of(tmp_path / "whole") == losses_of(tmp_path / "stopped")
    ends = [load_checkpoint(tmp_path / name) for name in ("whole", "stopped")]
    for part in ("generators", "discriminator", "average"):
        for name, value in ends[0][part].items():
            assert torch.equal(value, ends[1][part][name]), f"{part}.{name}"


def test_a_run_learns_what_its_teacher_does(data: Path, tmp_path: Path) -> None:
    config = tiny(data, tmp_path / "run")
    config = replace(
        config,
        optimizer=replace(config.optimizer, images=40, learning_rate=0.01),
        loss=replace(config.loss, gan_ab=0.0, stability=0.0),
        teacher=replace(config.teacher, perceived=0.0),
    )
    list(train(config, threading.Event(), teacher=negative))
    distances = [losses["l1"] for losses in losses_of(tmp_path / "run")]
    assert np.mean(distances[-5:]) < 0.6 * np.mean(distances[:5])


def test_pictures_come_with_their_results_and_targets_by_themselves(data: Path, tmp_path: Path) -> None:
    config = tiny(data, tmp_path / "run")
    config = replace(config, data=replace(config.data, b=data / "wanted"))
    for name, value in (("a", 60), ("b", 180)):
        (tmp_path / name).mkdir()
        for index in range(3):
            cv2.imwrite(str(tmp_path / name / f"{index}.png"), photo((64, 80), index)[0] // 4 + value)
    config = replace(config, data=replace(config.data, a=tmp_path / "a", b=tmp_path / "b"))
    pairs = open_pairs(config, taught=asked(config)[1])
    for number in range(0, 6, 2):
        pictures_, results, targets = pairs.batch(number)
        assert torch.allclose(results, -pictures_, atol=0.02), "the same crop of both"
        assert targets.shape == pictures_.shape
        assert targets.min() > pictures_.mean() + 0.5
    without = replace(config, data=replace(config.data, b=NOWHERE))
    assert len(open_pairs(without, taught=asked(without)[1]).batch(0)) == 2


def test_the_discriminator_begins_as_that_of_the_run_that_teaches(data: Path, tmp_path: Path) -> None:
    quick = PRESETS["quick"].config
    teacher = replace(
        quick,
        generator=GeneratorConfig(kind=quick.generator.kind, blocks=1, width=8),
        loss=replace(quick.loss, jitter=0),
        contrast=replace(quick.contrast, patches=8),
        data=DataConfig(a=data / "photos", b=data / "wanted", crop=64, load=64, batch=1),
        optimizer=replace(quick.optimizer, images=2),
        evaluation=EvaluationConfig(every=0),
        run=RunConfig(out=tmp_path / "teacher", device="cpu", precision=Precision.FP32, threads=1, sample_every=0),
    )
    list(train(teacher, threading.Event()))
    weights = own_discriminator(tmp_path / "teacher", Direction.A2B)
    assert weights is not None
    assert own_discriminator(tmp_path / "teacher", Direction.B2A) is None, "it judges the other way alone"
    config = tiny(data, tmp_path / "run")
    config = replace(
        config,
        data=replace(config.data, b=data / "wanted"),
        optimizer=replace(config.optimizer, images=2, discriminator_learning_rate=1e-12),
        teacher=replace(config.teacher, discriminator=str(tmp_path / "teacher")),
    )
    list(train(config, threading.Event(), teacher=negative))
    begun = load_checkpoint(tmp_path / "run")["discriminator"]
    learned = [name for name in weights if "original" in name or name.endswith("bias")]
    assert learned
    assert all(torch.allclose(begun[name], weights[name], atol=1e-6) for name in learned)

    state = load_checkpoint(tmp_path / "teacher")
    state["config"]["recipe"] = str(RecipeName.CYCLEGAN)
    state["discriminators"] = {f"{side}.{name}": value for name, value in weights.items() for side in "ab"}
    state["discriminators"]["b.pixels.0.bias"] = torch.full_like(weights["pixels.0.bias"], 7.0)
    state["generators"] |= {name.replace("ab.", "ba.", 1): value for name, value in state["generators"].items()}
    save_checkpoint(tmp_path / "both" / "checkpoint.pt", state)
    sides = [own_discriminator(tmp_path / "both", one) for one in (Direction.A2B, Direction.B2A)]
    assert [float(side["pixels.0.bias"][0]) == 7.0 for side in sides if side is not None] == [True, False]

    state = load_checkpoint(tmp_path / "teacher")
    del state["discriminator"]["pixels.0.bias"]
    save_checkpoint(tmp_path / "teacher" / "checkpoint.pt", state)
    with pytest.raises(ModelError, match="its discriminator is not of the kind"):
        list(
            train(replace(config, run=replace(config.run, out=tmp_path / "other")), threading.Event(), teacher=negative)
        )
