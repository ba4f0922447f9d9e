"""Codes to scan: as a drawing for pages, and out of signs for a terminal."""

import io

import segno

_LONG = 400


def drawing(text: str) -> str:
    """A code as an SVG element. Long ones leave out what mends scratches: their squares would be too small for a phone."""
    level = "m" if len(text) < _LONG else "l"
    return str(segno.make(text, error=level, micro=False).svg_inline(border=4, omitsize=True))


def signs(text: str) -> str:
    """A code as lines of half blocks, for a dark terminal."""
    out = io.StringIO()
    segno.make(text, error="m", micro=False).terminal(out, compact=True, border=2)
    return out.getvalue().rstrip("\n")
