"""How much a server takes from outside, and how long it keeps it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What nobody may go beyond; docs/serve.md says why these."""

    upload_bytes: int = 500_000_000  # of one file
    megapixels: float = 50.0  # of a picture, or of a film's frame
    film_s: float = 600.0
    jobs: int = 100  # that wait or run
    uploads: int = 1000  # that are kept
    looks: int = 100  # samples and previews that are being made, or waited for
    disk_bytes: int = 10_000_000_000  # uploads and results together
    keep_s: float = 24 * 3600.0  # after which uploads and ended jobs are deleted
    silence_s: float = 900.0  # after which a worker that says nothing is taken for stuck
    stall_s: float = 60.0  # after which an upload that does not go on is broken off
    attempts: int = 2  # of a job whose worker died, before it is taken for what killed it

    @property
    def max_pixels(self) -> int:
        """The megapixels, as ConvertOptions counts them."""
        return int(self.megapixels * 1e6)
