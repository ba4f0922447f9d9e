"""WhatsApp, which gives its users a text: `chat` reads it, `style` and `words` know its phones and languages."""

from grouparchive.platforms.files import FilePlatform
from grouparchive.platforms.whatsapp.chat import WhatsAppChat

PLATFORM = FilePlatform("whatsapp", formats=(WhatsAppChat,))
