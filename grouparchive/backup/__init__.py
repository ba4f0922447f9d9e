"""From a connector into an archive, write-only: no secret, no platform, no format. What a run knows of people goes with it."""

from grouparchive.backup.identities import Identities
from grouparchive.backup.media import MEDIA_TRIES
from grouparchive.backup.run import PENDING_MEDIA, Progress, Summary, run_backup, run_import, stage_mark

__all__ = [
    "MEDIA_TRIES",
    "PENDING_MEDIA",
    "Identities",
    "Progress",
    "Summary",
    "run_backup",
    "run_import",
    "stage_mark",
]
