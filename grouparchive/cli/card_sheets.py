"""Cards to print, of the size of business cards, ten on a page. They do not say what they are for: a number, a code, a line."""

from collections.abc import Iterable, Sequence

from grouparchive.cli.page import esc
from grouparchive.people.cards import Card
from grouparchive.people.words import card_line

_ON_A_PAGE = 10

CARD_STYLE = """
.cards { display: grid; grid-template-columns: repeat(auto-fill, 85mm); gap: 0; justify-content: center; }
.one { width: 85mm; height: 53mm; padding: 6mm 7mm; border: 1px dashed #999; display: flex; flex-direction: column;
  justify-content: space-between; break-inside: avoid; }
.one p { margin: 0; line-height: 1.35; font-size: .85rem; }
.one .number { text-align: right; color: #666; font-size: .75rem; }
.one .code { font: 600 1.5rem/1.2 ui-monospace, Menlo, Consolas, monospace; letter-spacing: .06em; text-align: center; }
.one .call { border-bottom: 1px solid #666; padding-bottom: .15rem; color: #666; font-size: .75rem; height: 1.6rem; }
@media screen and (max-width: 32rem) { .cards { grid-template-columns: 1fr; } .one { width: 100%; } }
"""


def card_sheets(cards: Iterable[Card], language: str) -> list[str]:
    """The cards as the insides of sections, a page each."""
    keep = esc(card_line(language))
    drawn = [_card(card, keep) for card in cards]
    pages = (drawn[start : start + _ON_A_PAGE] for start in range(0, len(drawn), _ON_A_PAGE))
    return [_sheet(one) for one in pages]


def _sheet(drawn: Sequence[str]) -> str:
    return f'<div class="cards">\n{"".join(drawn)}</div>\n'


def _card(card: Card, keep: str) -> str:
    return (
        f'<div class="one"><p class="number">{card.number}</p><p class="code">{esc(card.code)}</p>'
        f'<p>{keep}</p><p class="call">&#9742;</p></div>\n'
    )
