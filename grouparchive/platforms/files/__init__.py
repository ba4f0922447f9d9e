"""Export files: how they are opened safely, and the base of the connectors that read them."""

from grouparchive.platforms.files.box import Box
from grouparchive.platforms.files.connector import Choices, FileConnector, Sightings, in_pages
from grouparchive.platforms.files.names import Names
from grouparchive.platforms.files.platform import FilePlatform, due_days
from grouparchive.platforms.files.zips import open_box

__all__ = ["Box", "Choices", "FileConnector", "FilePlatform", "Names", "Sightings", "due_days", "in_pages", "open_box"]
