"""Cards below messages: previews of links and what bots say. Kept as data, and as text where there is no other."""

from collections.abc import Sequence
from typing import Any, Final

from grouparchive.platforms.discord.fields import Embed
from grouparchive.platforms.discord.people import People, is_path

_MOST_FIELDS: Final = 50
_MOST_PICTURES: Final = 20
_LONGEST: Final = 8192


def told(embeds: Sequence[Embed], people: People) -> list[dict[str, Any]]:
    """Embeds as data, without what is empty."""
    return [_one(embed, people) for embed in embeds[:_MOST_FIELDS]]


def readable(embeds: list[dict[str, Any]]) -> str:
    """The same as a text."""
    lines = []
    for embed in embeds:
        lines += [embed.get(name, "") for name in ("author", "title", "description")]
        lines += [": ".join(filter(None, pair)) for pair in embed.get("fields", ())]
        lines += [embed.get(name, "") for name in ("footer", "url")]
    return "\n".join(filter(None, lines))


def _one(embed: Embed, people: People) -> dict[str, Any]:
    def clean(text: str | None) -> str:
        return people.clean((text or "")[:_LONGEST])

    pictures = [embed.image, *embed.images, embed.video]
    addresses = [(one.canonicalUrl or one.url or "")[:2000] for one in pictures[:_MOST_PICTURES] if one]
    found: dict[str, Any] = {
        "title": clean(embed.title),
        "url": clean(embed.url)[:2000],
        "description": clean(embed.description),
        "author": people.named(clean(embed.author.name if embed.author else "")),
        "fields": [(clean(one.name), clean(one.value)) for one in embed.fields[:_MOST_FIELDS]],
        "footer": people.named(clean(embed.footer.text if embed.footer else "")),
        "pictures": [one for one in dict.fromkeys(addresses) if one and not is_path(one)],
    }
    return {name: value for name, value in found.items() if value}
