"""WhatsApp, which gives its users a text: `chat` reads it, `style` and `words` know its phones and languages. `database` reads
what the phone itself keeps, and its encrypted backup.
"""

from grouparchive.platforms.files import FilePlatform
from grouparchive.platforms.whatsapp.chat import WhatsAppChat
from grouparchive.platforms.whatsapp.database import WhatsAppBackup, WhatsAppDatabase

PLATFORM = FilePlatform("whatsapp", formats=(WhatsAppBackup, WhatsAppDatabase, WhatsAppChat))
