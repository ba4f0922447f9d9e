"""Slack: workspaces from their export files."""

from grouparchive.platforms.files import FilePlatform
from grouparchive.platforms.slack.connector import SlackExport

PLATFORM = FilePlatform("slack", formats=(SlackExport,))
