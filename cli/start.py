"""Start the cgconv command as a process of its own, which Ctrl-C ends at whatever moment it comes, and how often."""

from __future__ import annotations

import logging
import os
import signal
import sys
from types import FrameType


def start() -> None:
    """Run one command and end the process with its exit code.

    A second Ctrl-C, while what the first one broke off is taken down, ends the process at once; after a first one
    nothing more is taken down than the command itself does: threads of libraries still compute then.
    """
    interrupted = False
    logging.captureWarnings(True)  # to the log: what libraries warn their programmers of helps no user

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:
            os._exit(130)
        interrupted = True
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else the shell keeps it off
        signal.signal(signal.SIGINT, on_interrupt)
    try:
        from .main import main

        code = main()
    except KeyboardInterrupt:  # in the import, or in the last words
        code = 130
    if interrupted:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(code)
    sys.exit(code)
