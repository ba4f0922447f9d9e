"""grouparchive: an encrypted backup of a community group, and the quiet way back after it was deleted.

`model` is the vocabulary; `crypto` knows bytes; `archive` is the sealed SQLite file; `platforms` is the outside
world; `people` is roster and campaign; `restore` plans and applies; `cli` is the thin top. Imports point down only.
"""

__version__ = "0.1.0"
