"""Facebook: what people can save of their groups, since there is no interface any more. See docs/platforms/facebook.md."""

from grouparchive.platforms.facebook.capture import FacebookCapture
from grouparchive.platforms.facebook.download import FacebookDownload
from grouparchive.platforms.facebook.saved import FacebookPage
from grouparchive.platforms.facebook.table import FacebookMembersTable
from grouparchive.platforms.files import FilePlatform

PLATFORM = FilePlatform("facebook", formats=(FacebookMembersTable, FacebookCapture, FacebookDownload, FacebookPage))
