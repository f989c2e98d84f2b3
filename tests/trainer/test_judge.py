"""A run is judged while it trains, on pictures it never sees; and afterwards by `cgconv evaluate` and `cgconv test`."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from small_models import identity_model, with_card

from cgconv.cli.evaluate import open_chosen_features
from cgconv.cli.main import main
from cgconv.runtime.events import Evaluated
from cgconv.runtime.models.model_file import write_model

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from test_evaluate import mean_of_picture  # noqa: E402

from cgconv.trainer.checkpoint import checkpoint_config, load_checkpoint  # noqa: E402
from cgconv.trainer.choices import FeatureRange  # noqa: E402
from cgconv.trainer.config import (  # noqa: E402
    DataConfig,
    DiscriminatorConfig,
    EvaluationConfig,
    GeneratorConfig,
    OptimizerConfig,
    Precision,
    Preprocess,
    RecipeName,
    RunConfig,
    TrainConfig,
)
from cgconv.trainer.data.pairs import Source, open_pairs  # noqa: E402
from cgconv.trainer.judging.features import content, kid, see  # noqa: E402
from cgconv.trainer.judging.judge import Judge  # noqa: E402
from cgconv.trainer.networks.build import Generators  # noqa: E402
from cgconv.trainer.reports.comparison import compare_model, compare_run  # noqa: E402
from cgconv.trainer.reports.run_report import read_metrics  # noqa: E402
from cgconv.trainer.train import train  # noqa: E402
from cgconv.trainer.trained_run import load_run  # noqa: E402


def paint(folder: Path, count: int, *, seed: int, color: tuple[int, int, int], size_wh: tuple[int, int]) -> None:
    """Write smooth pictures around a color (BGR)."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        low = random.uniform(-50, 50, (6, 6, 3)).astype(np.float32)
        image = cv2.resize(low, size_wh, interpolation=cv2.INTER_CUBIC) + np.array(color)
        cv2.imwrite(str(folder / f"{number}.png"), np.clip(image, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    paint(root / "trainA", 44, seed=0, color=(60, 60, 170), size_wh=(64, 64))
    paint(root / "trainB", 40, seed=1, color=(170, 60, 60), size_wh=(64, 64))
    paint(root / "testA", 5, seed=2, color=(60, 60, 170), size_wh=(90, 66))
    paint(root / "testB", 4, seed=3, color=(170, 60, 60), size_wh=(66, 70))
    return root


def tiny(data: Path, out: Path, **changes: Any) -> TrainConfig:
    return replace(
        TrainConfig(
            generator=GeneratorConfig(blocks=1, width=4),
            discriminator=DiscriminatorConfig(layers=1, width=4),
            data=DataConfig(a=data / "trainA", b=data / "trainB", preprocess=Preprocess.CROP, load=0, crop=32),
            optimizer=OptimizerConfig(images=6),
            evaluation=EvaluationConfig(every=4, held_out=4),
            run=RunConfig(
                out=out,
                name_a="red",
                name_b="blue",
                device="cpu",
                precision=Precision.FP32,
                threads=1,
                report_every=2,
                sample_every=4,
                checkpoint_every=4,
            ),
        ),
        **changes,
    )


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    out = tmp_path_factory.mktemp("runs") / "tiny"
    return out, list(train(tiny(data, out), threading.Event()))


def test_a_run_is_evaluated_every_so_many_images_and_at_its_end(run: tuple[Path, list[Any]]) -> None:
    out, events = run
    evaluated = [event for event in events if isinstance(event, Evaluated)]
    assert [event.images_seen for event in evaluated] == [4, 6]
    metrics = evaluated[-1].metrics
    for name in ("average.ab.kid", "raw.ba.kid", "inputs.ab.kid", "average.ab.cycle", "raw.ab.checkerboard", "score"):
        assert np.isfinite(metrics[name])
    assert metrics["average.ab.kid"] != metrics["raw.ab.kid"]
    assert "4 pictures of a and 4 of b, 64×64, held out of the training folders" in evaluated[-1].protocol
    lines = [line for line in read_metrics(out) if line["event"] == "Evaluated"]
    assert lines[-1]["metrics"] == metrics


def held_out_by_hand(folder: Path, count: int) -> np.ndarray:
    """Read the pictures whose names without their endings have the smallest SHA-256, in the order of their names."""
    chosen = sorted(folder.iterdir(), key=lambda path: hashlib.sha256(path.stem.encode()).digest())[:count]
    return np.stack([cv2.imread(str(path))[..., ::-1] for path in sorted(chosen)])


def by_hand(network: torch.nn.Module, images: np.ndarray) -> np.ndarray:
    """Translate uint8 N×H×W×C one by one, without anything of the judge's."""
    with torch.no_grad():
        fakes = [network(torch.from_numpy(image / 127.5 - 1).float().permute(2, 0, 1)[None])[0] for image in images]
    return np.stack([((fake.permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8) for fake in fakes])


def generators_of(state: dict[str, Any]) -> dict[str, Generators]:
    """Return the raw and the averaged weights of a checkpoint."""
    found = {}
    for weights, name in (("raw", "generators"), ("average", "average")):
        found[weights] = Generators(checkpoint_config(state)).eval()
        found[weights].load_state_dict(state[name], strict=False)
    return found


def test_raw_and_averaged_measures_are_those_of_the_checkpoints_weights(
    run: tuple[Path, list[Any]], data: Path
) -> None:
    """Exchanged, every measure would still be there, finite, and the two apart."""
    out, events = run
    metrics = [event for event in events if isinstance(event, Evaluated)][-1].metrics
    held = {domain: held_out_by_hand(data / f"train{domain.upper()}", 4) for domain in "ab"}
    for weights, generators in generators_of(load_checkpoint(out)).items():
        for way, there, back in (("ab", generators.ab, generators.ba), ("ba", generators.ba, generators.ab)):
            real, target = (held[domain] for domain in way)
            fake = by_hand(there, real)
            cycled = by_hand(back, fake)
            wanted = {
                "content": content(see(fake)[1], see(real)[1]),
                "kid": kid(see(fake)[0], see(target)[0])[0],
                "change": np.abs(fake.astype(int) - real).mean(),
                "cycle": np.abs(cycled.astype(int) - real).mean(),
            }
            found = {name: metrics[f"{weights}.{way}.{name}"] for name in wanted}
            assert found == pytest.approx(wanted, rel=1e-3), f"{weights}.{way}"
    apart = abs(metrics["average.ab.change"] / metrics["raw.ab.change"] - 1)
    assert apart > 1e-3, "or the two could be exchanged"


def test_where_b_is_gray_its_pictures_are_luma_and_a_becomes_gray(data: Path, tmp_path: Path) -> None:
    config = tiny(data, tmp_path, optimizer=OptimizerConfig(images=1))
    config = replace(config, generator=replace(config.generator, channels_out=1))
    assert [batch.shape for batch in open_pairs(config).batch(0)] == [(1, 3, 32, 32), (1, 1, 32, 32)]
    (metrics,) = (event.metrics for event in train(config, threading.Event()) if isinstance(event, Evaluated))
    real_a, real_b = (held_out_by_hand(data / folder, 4) for folder in ("trainA", "trainB"))
    luma = np.rint(real_b @ (0.299, 0.587, 0.114)).astype(np.uint8)[..., None]
    generators = generators_of(load_checkpoint(tmp_path))["raw"]
    fake_b, fake_a = by_hand(generators.ab, real_a), by_hand(generators.ba, luma)
    assert (fake_b.shape, fake_a.shape) == ((4, 64, 64, 1), (4, 64, 64, 3))
    wanted = {
        "raw.ab.change": np.abs(fake_b.astype(int) - real_a).mean(),
        "raw.ba.change": np.abs(fake_a.astype(int) - luma).mean(),
        "raw.ab.kid": kid(see(fake_b.repeat(3, -1))[0], see(luma.repeat(3, -1))[0])[0],
        "inputs.ab.kid": kid(see(real_a)[0], see(luma.repeat(3, -1))[0])[0],
    }
    assert {name: metrics[name] for name in wanted} == pytest.approx(wanted, rel=1e-3)


def test_the_best_state_is_a_checkpoint_of_its_own(run: tuple[Path, list[Any]]) -> None:
    out, events = run
    scores = {event.images_seen: event.metrics["score"] for event in events if isinstance(event, Evaluated)}
    (kept,) = json.loads((out / "best.json").read_text())["kept"]
    assert kept["score"] == min(scores.values())
    assert [path.name for path in out.glob("best-*.pt")] == [kept["file"]]
    state = load_checkpoint(out / kept["file"])
    assert state["images_seen"] == kept["images_seen"]
    assert state["colors"]["a"]["mean"][0] > state["colors"]["b"]["mean"][0]


def test_the_page_and_tensorboard_show_the_evaluations(run: tuple[Path, list[Any]]) -> None:
    out, events = run
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "red → blue, averaged weights" in page
    assert "held out of the training folders" in page
    assert page.count('<img src="data:image/jpeg') == 2
    board = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accumulator = board.EventAccumulator(str(out / "tensorboard"))
    accumulator.Reload()
    (*_, last) = accumulator.Scalars("evaluation/average/ab/kid")
    wanted = [event for event in events if isinstance(event, Evaluated)][-1].metrics["average.ab.kid"]
    assert (last.step, last.value) == (6, pytest.approx(wanted, rel=1e-5))
    assert len(accumulator.Scalars("losses/cycle_a")) >= 3
    assert len(accumulator.Images("samples")) == 2


def names(sources: list[Source]) -> set[str]:
    return {source.path.name for source in sources}


def test_scores_by_other_features_are_not_compared(data: Path, tmp_path: Path) -> None:
    """A distance of about 1 by one network would have stayed the best state for ever beside another's hundreds."""
    write_best = {"kept": [{"file": "best-00000004.pt", "score": 0.9, "images_seen": 4}]}
    (tmp_path / "best.json").write_text(json.dumps(write_best))
    (tmp_path / "best-00000004.pt").touch()
    config = tiny(data, tmp_path)
    by_distance = Judge(config, open_pairs(config))
    features = mean_of_picture(tmp_path / "means.onnx", shape=["n", 3, "h", "w"])
    config = replace(config, evaluation=replace(config.evaluation, features=str(features)))
    by_kid = Judge(config, open_pairs(config))
    by_kid.load_state(by_kid.state())
    assert not by_kid.best.wants(250.0, 8), "the same features go on"
    by_kid.load_state(by_distance.state())
    assert by_kid.best.wants(250.0, 8)


def test_what_is_held_out_is_never_trained_on(data: Path, tmp_path: Path) -> None:
    pairs = open_pairs(tiny(data, tmp_path))
    assert pairs.held is not None
    for trained, held, count in zip(pairs.domains, pairs.held, (44, 40), strict=True):
        assert len(held) == 4
        assert len(trained) == count - 4
        assert not names(trained.sources) & names(held.sources)
    assert pairs.epoch_images == 40
    assert names(open_pairs(tiny(data, tmp_path)).held[0].sources) == names(pairs.held[0].sources)  # type: ignore[index]

    off = open_pairs(tiny(data, tmp_path, evaluation=EvaluationConfig(every=0)))
    assert [len(domain) for domain in off.domains] == [44, 40]


def test_pairs_are_held_out_together(data: Path, tmp_path: Path) -> None:
    pairs = open_pairs(tiny(data, tmp_path, recipe=RecipeName.PIX2PIX))
    assert pairs.held is not None
    a, b = pairs.held
    assert [source.path.name for source in a.sources] == [source.path.name for source in b.sources]
    assert len(a) == 4


def test_evaluating_changes_nothing_in_the_training(data: Path, tmp_path: Path) -> None:
    """Weights are swapped, put into eval mode, and torch's random state is used by KID: all must be as before."""
    ends = []
    for name, every in (("often", 2), ("never", 10**6)):
        config = tiny(data, tmp_path / name, evaluation=EvaluationConfig(every=every, held_out=4, keep_best=0))
        list(train(replace(config, generator=replace(config.generator, dropout=True)), threading.Event()))
        ends.append(load_checkpoint(tmp_path / name)["generators"])
        assert not list((tmp_path / name).glob("best*")), "--keep-best 0"
    for name, value in ends[0].items():
        assert torch.equal(value, ends[1][name]), name


def test_evaluate_prints_one_table_for_runs_and_models(
    run: tuple[Path, list[Any]], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run[0]), "--data", str(data), "--direction", "b2a"]) == 0
    of_run = capsys.readouterr().out
    assert of_run.splitlines()[0].startswith("5 pictures of a and 4 of b, 64×64, the test pictures of")
    assert "b → a" in of_run
    assert "a → b" not in of_run
    for row in ("not translated", "color transfer (Reinhard)", "averaged weights", "raw weights"):
        assert f"\n| {row} | " in of_run
    assert of_run.strip().splitlines()[-1].startswith("| other real pictures | ")

    model = tmp_path / "same.onnx"
    write_model(with_card(identity_model(), name="same"), model)
    assert main(["evaluate", str(model), "--data", str(data)]) == 2
    assert "--direction a2b" in capsys.readouterr().err
    assert main(["evaluate", str(model), "--data", str(data), "--direction", "b2a", "--json"]) == 0
    measures = json.loads(capsys.readouterr().out)["measures"]["ba"]
    assert measures["same"]["change"] == 0
    assert measures["same"]["kid"] == measures["not translated"]["kid"]
    header = next(line for line in of_run.splitlines() if line.startswith("| pictures"))
    assert "| content |" in header


def test_a_run_that_is_loaded_tells_averaged_from_raw_weights(run: tuple[Path, list[Any]], data: Path) -> None:
    real, generators = held_out_by_hand(data / "trainA", 4), generators_of(load_checkpoint(run[0]))
    for name, weights in (("averaged weights", "average"), ("raw weights", "raw")):
        found = load_run(run[0]).weights[name].ab(real).astype(int)  # type: ignore[misc]
        assert (found != by_hand(generators[weights].ab, real)).mean() < 1e-3, name
    assert (found != by_hand(generators["average"].ab, real)).mean() > 0.1, "or the two could be exchanged"


def test_as_many_best_states_are_kept_as_asked_for(data: Path, tmp_path: Path) -> None:
    config = tiny(data, tmp_path, evaluation=EvaluationConfig(every=2, held_out=4, keep_best=2))
    events = list(train(config, threading.Event()))
    scores = {e.images_seen: e.metrics["score"] for e in events if isinstance(e, Evaluated)}
    assert list(scores) == [2, 4, 6]
    best = sorted(scores, key=scores.__getitem__)[:2]
    assert {path.name for path in tmp_path.glob("best-*")} == {f"best-{seen:08d}.pt" for seen in best}
    assert [one["images_seen"] for one in json.loads((tmp_path / "best.json").read_text())["kept"]] == best


def test_features_get_the_range_of_values_that_was_asked_for(data: Path, tmp_path: Path) -> None:
    """Means of channels say by their size what the network was given."""
    features = str(mean_of_picture(tmp_path / "means.onnx", shape=["n", 3, "h", "w"]))
    flat = np.full((4, 64, 64, 3), (255, 51, 0), np.uint8)
    for values, wanted in ((FeatureRange.BYTES, (255, 51, 0)), (FeatureRange.UNIT, (1, 0.2, 0))):
        asked = EvaluationConfig(every=4, held_out=4, features=features, feature_range=values)
        config = tiny(data, tmp_path, evaluation=asked)
        evaluation = Judge(config, open_pairs(config)).evaluation
        assert evaluation is not None
        assert evaluation.features is not None
        of_evaluate = open_chosen_features(Path(features), str(values))
        assert of_evaluate is not None
        for extract in (evaluation.features.extract, of_evaluate.extract):
            assert extract(flat)[0] == pytest.approx(wanted, abs=1e-3)


def test_the_floor_is_taken_at_the_scale_of_the_test_pictures(data: Path, tmp_path: Path) -> None:
    """Test pictures came down to the run's crop, the training pictures beside them did not."""
    for folder in ("A", "B"):
        paint(tmp_path / f"test{folder}", 4, seed=7, color=(90, 90, 90), size_wh=(200, 200))
        shutil.copytree(tmp_path / f"test{folder}", tmp_path / f"train{folder}")
    config = tiny(data, tmp_path / "run", evaluation=EvaluationConfig(every=0), optimizer=OptimizerConfig(images=1))
    list(
        train(
            replace(config, data=replace(config.data, preprocess=Preprocess.SHORT_SIDE_AND_CROP, load=72)),
            threading.Event(),
        )
    )
    run, model = (
        compare_run(tmp_path / "run", tmp_path, direction="a2b", paired=False, count=None, features=None),
        compare_model(lambda x: x, "x", tmp_path, direction="a2b", paired=False, count=None, features=None),
    )
    paths = sorted((tmp_path / "testB").iterdir())
    for comparison, side_px in ((run, 64), (model, 200)):  # a crop of 32 is too small for measures
        assert f"{side_px}×{side_px}" in comparison.protocol
        images = np.stack(
            [
                cv2.resize(cv2.imread(str(path))[..., ::-1], (side_px, side_px), interpolation=cv2.INTER_AREA)
                for path in paths
            ]
        )
        wanted = kid(see(images)[0], see(images)[0])[0]
        assert comparison.measures["ab"]["other real pictures"]["kid"] == pytest.approx(wanted, abs=0.5), (
            "the same pictures"
        )


def test_a_page_does_not_lie_among_the_files_of_a_run(
    run: tuple[Path, list[Any]], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name for path in run[0].iterdir()}
    assert main(["test", str(run[0]), "--data", str(data), "--out", str(run[0])]) == 2
    assert "holds other files already" in capsys.readouterr().err
    assert {path.name for path in run[0].iterdir()} == before


def test_a_test_of_too_few_pictures_says_so(
    run: tuple[Path, list[Any]], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test", str(run[0]), "--data", str(data), "--count", "2", "--out", str(tmp_path / "page")]) == 0
    assert "no measures of 2 and 2 pictures: they take 4 of each kind" in capsys.readouterr().out


def test_the_test_page_shows_all_pictures_in_their_shape(
    run: tuple[Path, list[Any]], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test", str(run[0]), "--data", str(data)]) == 0
    shown = capsys.readouterr()
    assert "| translated | " in shown.out
    folder = run[0] / "test-00000006"
    page = (folder / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'src="([^"]+)"', page)
    assert len(links) == (5 + 4) * 3
    for link in links:
        assert (folder / link.replace("%20", " ")).is_file()
    for what in ("real a", "fake b", "back a"):
        assert cv2.imread(str(folder / "images" / f"3 {what}.png")).shape == (66, 90, 3), "odd sizes are kept"
    assert cv2.imread(str(folder / "images" / "3-2 real b.png")) is None
    assert cv2.imread(str(folder / "images" / "3 real b.png")).shape == (70, 66, 3)
    assert "after 6 images" in page
    measures = json.loads((folder / "metrics.json").read_text())["measures"]
    assert measures["ab"]["translated"]["cycle"] > 0


def test_a_data_set_without_test_pictures_is_one_line(
    run: tuple[Path, list[Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["evaluate", str(run[0])], ["test", str(run[0])]):
        assert main([*command, "--data", str(tmp_path)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "found neither testA and testB" in line
    assert main(["test", str(tmp_path), "--data", str(tmp_path)]) == 2
    assert "no such checkpoint" in capsys.readouterr().err
