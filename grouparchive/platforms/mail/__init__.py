"""Mail: what people keep of mailing lists, Google Groups and Gmail labels. People are mail addresses, so all share one
platform.
"""

from grouparchive.platforms.files import FilePlatform
from grouparchive.platforms.mail.googlegroup import GoogleGroup
from grouparchive.platforms.mail.mailbox import MailBox

__all__ = ["PLATFORM", "GoogleGroup", "MailBox"]

PLATFORM = FilePlatform("mail", formats=(GoogleGroup, MailBox))
