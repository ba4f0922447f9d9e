"""Telegram, by what Telegram Desktop exports: `export` finds the chats, `messages` reads them."""

from grouparchive.platforms.files import FilePlatform
from grouparchive.platforms.telegram.export import TelegramExport, TelegramPages

PLATFORM = FilePlatform("telegram", formats=(TelegramExport, TelegramPages))
