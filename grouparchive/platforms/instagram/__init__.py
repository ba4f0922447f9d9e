"""Instagram: the download of an account, with its followers, posts and threads. See docs/platforms/instagram.md."""

from grouparchive.platforms.files import FilePlatform
from grouparchive.platforms.instagram.download import InstagramDownload

PLATFORM = FilePlatform("instagram", formats=(InstagramDownload,))
