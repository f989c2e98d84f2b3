"""Run cgconv as `python -m cgconv.cli`."""

from .start import start

start()
