"""The doctor really runs a model on each backend, and says why not where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cgconv.cli.main import main
from cgconv.runtime import doctor
from cgconv.runtime.backends import eight_bits
from cgconv.runtime.models import store


def test_some_backend_runs_and_auto_is_one_of_those() -> None:
    found = doctor.examine()
    assert found.can_run
    assert found.chosen is not None
    running = {(trial.backend, trial.device, trial.precision) for trial in found.trials if trial.problem is None}
    assert (found.chosen.backend, found.chosen.device, found.chosen.precision) in running
    assert found.packages["av"]


def test_a_device_that_is_not_there_says_why() -> None:
    trial = doctor.try_backend("openvino", "gpu:7", "auto")
    assert trial.problem
    assert "GPU" in trial.problem.upper()


def test_where_nothing_runs_the_exit_code_is_3(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "TRIALS", (("openvino", "gpu:7", "auto"),))
    monkeypatch.setattr(doctor, "_chosen", lambda: None)
    assert main(["doctor"]) == 3
    assert "auto finds no backend that works" in capfd.readouterr().out


def test_json_is_all_that_standard_output_gets(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["can_run"] is True
    assert {"cgconv", "python", "trials", "chosen", "models_folder", "extras", "encoders"} <= set(found)


def test_a_missing_extra_comes_with_its_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "EXTRAS", {"train": ("torch", "surely_not_installed")})
    assert [extra.install for extra in doctor._extras()] == ["pip install 'cgconv[train]'"]


def test_a_damaged_model_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    damaged = store.models_folder() / "damaged-for-doctor.onnx"
    damaged.parent.mkdir(parents=True, exist_ok=True)
    damaged.write_bytes(b"no model")
    try:
        assert main(["doctor"]) == 0
    finally:
        damaged.unlink()
    assert f"not usable: {Path(damaged)}" in capfd.readouterr().out


def test_eight_bits_are_tried_without_measuring_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eight_bits, "check_int8", lambda *given, **named: pytest.fail("a model was measured"))
    trial = doctor.try_backend("openvino", "cpu", "int8")
    assert (trial.problem, trial.precision) == (None, "int8")
    assert ("openvino", "cpu", "int8") in doctor.TRIALS
