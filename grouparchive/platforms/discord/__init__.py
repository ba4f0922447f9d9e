"""Discord, by the JSON files of DiscordChatExporter: `export` finds the channels, `messages` reads them."""

from grouparchive.platforms.discord.export import DiscordExport, DiscordPages
from grouparchive.platforms.files import FilePlatform

PLATFORM = FilePlatform("discord", formats=(DiscordExport, DiscordPages))
