"""Where the checkout and these tests lie, for tests that read a file or start a process of their own."""

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
