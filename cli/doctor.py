"""cgconv doctor: say what is installed, what runs here, and why the rest does not."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cgconv.runtime.events import counted

from .options import debug_option, json_option
from .progress import printable

if TYPE_CHECKING:
    from cgconv.runtime.doctor import Examination


@click.command(epilog="Try: cgconv doctor", short_help="Show what is installed and what works here.")
@json_option
@debug_option
def doctor(as_json: bool) -> int:
    """Show what is installed, which backends can run a model here, and why others cannot.

    The exit code is 3 if no backend works.
    """
    from cgconv.runtime.doctor import examine

    if as_json:
        from cgconv.runtime.protocol import reserved_stdout, write_line

        with reserved_stdout() as stream:
            found = examine()
            write_line(stream, {**asdict(found), "can_run": found.can_run})
    else:
        found = examine()
        for line in described(found):
            click.echo(printable(line))
    return 0 if found.can_run else 3


def described(found: Examination) -> list[str]:
    """Return the examination in lines for people."""
    lines = [
        f"cgconv {found.cgconv} · Python {found.python}",
        f"{found.system} · {found.processor}, {counted(found.cores, 'core')}",
        f"processor features: {', '.join(found.processor_features) or 'not known'}",
        "NVIDIA GPUs: " + (str(found.gpus) if found.gpus else "none found"),
        "packages: " + ", ".join(f"{name} {version}" for name, version in found.packages.items()),
        "",
        "backends",
    ]
    for trial in found.trials:
        name = f"{trial.backend} {trial.device} {trial.precision}"
        if trial.problem is None:
            lines.append(f"  yes  {name:24} {trial.provider}, opened and ran in {trial.seconds:.2f} s")
        else:
            lines.append(f"  no   {name:24} {trial.problem}")
    if found.chosen is not None:
        chosen = found.chosen
        lines.append(f"auto chooses {chosen.backend} on {chosen.device}; the precision depends on the model")
        lines.append(f"int8: {found.eight_bits}; auto uses it for models that it suits, which is measured once")
    else:
        lines.append("auto finds no backend that works")
    lines += ["", f"models: {', '.join(found.models) or 'none yet'}", f"model folder: {found.models_folder}"]
    lines += [f"  not usable: {problem}" for problem in found.problems]
    lines += ["", "extras"]
    lines += [f"  {extra.name}: {'installed' if extra.install is None else extra.install}" for extra in found.extras]
    lines += ["", "hardware encoders for films"]
    for encoder in found.encoders:
        lines.append(f"  {'yes' if encoder.opens else 'no '}  {encoder.name:20} {encoder.problem or ''}".rstrip())
    if not found.encoders:
        lines.append("  none in this PyAV; the processor encodes films")
    return lines
