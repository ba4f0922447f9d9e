"""What the invented community is made of: handles, sentences, pictures. Nothing here is about anybody who exists."""

import random
import struct
import zlib

SPACE_NAME = "Thistledown Lane"
SPACE_TOPIC = "Neighbours of the lane, for each other"
ROOMS = (
    # localname, name, topic, share of the posts, only for moderators
    ("commons", "Thistledown Commons", "Everything about the lane. Be kind, ask before you share.", 0.46, False),
    ("seeds", "Seed Drawer", "Swap seeds, cuttings and advice", 0.40, False),
    ("keepers", "Lamp Keepers", "For moderators: who needs help, who needs a rest", 0.14, True),
)

ADMIN = "lamplighter"
HANDLES = (
    "yarrow", "bracken", "teasel", "burdock", "comfrey", "vetch", "campion", "figwort", "harebell", "gorse",
    "mallow", "nettle", "oxlip", "ragwort", "thrift", "woad", "quince", "sedge", "tansy", "sorrel",
    "plover", "siskin", "dunlin", "avocet", "bittern", "curlew", "dotterel", "egret", "fulmar", "gannet",
    "jackdaw", "kestrel", "lapwing", "moorhen", "nightjar", "ouzel", "pipit", "redwing", "sandpiper", "turnstone",
    "wagtail", "whimbrel",
)  # fmt: skip

_OPENINGS = (
    "Does anybody know whether", "Good morning! I noticed that", "A small request:", "For the record,", "Update:",
    "I keep thinking about how", "Thank you all,", "Reminder that", "Question for the patient ones:", "Lovely news,",
    "سلام به همه،", "Bonjour,", "Дорогі сусіди,",
)  # fmt: skip
_SUBJECTS = (
    "the rain barrel by the gate", "the pumpkin bed", "our reading circle", "the lending shelf", "that old pear tree",
    "the compost heap", "the soup evening", "the bicycle shed", "the noticeboard", "the little greenhouse",
    "the bench under the lantern", "the repair table",
)  # fmt: skip
_VERBS = (
    "needs two more hands", "is looking better every week", "was moved again", "will open a little later",
    "could do with new paint", "is free on Thursday", "has been mended", "survived the storm",
    "deserves a proper name", "attracted a family of hedgehogs",
)  # fmt: skip
_ENDINGS = (
    "Who wants to join?", "No hurry.", "I brought tea.", "Pictures later.", "Tell me if that does not suit you.",
    "🌱", "It made my day.", "Ask me in person if you would rather.", "Same time as always?", "",
)  # fmt: skip
_ANSWERS = (
    "Yes, gladly", "I can help on Sunday", "Me too", "Not this week, sorry", "That is wonderful", "Count me in",
    "خیلی ممنون", "I will bring the ladder", "Could somebody lend me a trowel?", "Agreed, and thank you for asking",
)  # fmt: skip
REACTIONS = ("👍", "❤️", "🌻", "🎉", "☕", "👀")


def sentence(dice: random.Random, number: int) -> str:
    """One post. The number makes it unlike every other, so that a comparison notices any mix-up."""
    parts = (dice.choice(_OPENINGS), dice.choice(_SUBJECTS), dice.choice(_VERBS) + ".", dice.choice(_ENDINGS))
    return f"{' '.join(part for part in parts if part)} (note {number})"


def answer(dice: random.Random, number: int) -> str:
    """A short reply."""
    return f"{dice.choice(_ANSWERS)} (note {number})"


def display_name(handle: str) -> str:
    """What people see: `Yarrow of the Lane`."""
    return f"{handle.capitalize()} of the Lane"


def picture(dice: random.Random, side: int = 48) -> bytes:
    """A small square PNG, a coloured pattern that no other call draws."""
    red, green, blue = (dice.randrange(40, 210) for _ in range(3))
    step = dice.randrange(3, 9)
    rows = bytearray()
    for y in range(side):
        rows.append(0)  # no filter
        for x in range(side):
            shade = 30 if (x // step + y // step) % 2 else 0
            speck = dice.randrange(8)
            rows += bytes((red + shade + speck, (green + 2 * y) % 256, (blue + 2 * x) % 256))
    head = struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows), 6)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
