"""The frame of the HTML pages that we write: one file each, nothing fetched from anywhere, legible on a phone and in the dark.
No script runs but one of ours, named by its digest. Everything that comes from an archive passes through `esc`.
"""

import base64
import hashlib
import html

_STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #fff; --ink: #23261f; --soft: #646a5e; --line: #e2e0d8;
  --accent: #2f6b5b; --warn: #8a4b12; --warn-paper: #fdf3e3; }
@media (prefers-color-scheme: dark) { :root { --paper: #171916; --card: #1f221e; --ink: #e6e7e1; --soft: #9ba195;
  --line: #33372f; --accent: #7fc4ae; --warn: #f0bd7c; --warn-paper: #2b2318; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
p { margin: .5rem 0; }
a { color: var(--accent); }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1rem; margin: .7rem 0;
  overflow-wrap: anywhere; }
.warn { background: var(--warn-paper); border-color: transparent; color: var(--warn); }
ul, ol { padding-left: 1.3rem; margin: .4rem 0; }
li { margin: .25rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { text-align: left; padding: .45rem .7rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; font-size: .85rem; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: .9em ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.words { font-size: 1.2rem; font-weight: 600; letter-spacing: .01em; }
nav { display: flex; flex-wrap: wrap; gap: .4rem 1rem; margin: 1rem 0; }
.post { border-top: 1px solid var(--line); padding: .8rem 0; overflow-wrap: anywhere; }
.post:target { background: var(--card); outline: 2px solid var(--accent); outline-offset: .3rem; border-radius: .3rem; }
.post header { display: flex; flex-wrap: wrap; gap: .1rem .6rem; align-items: baseline; }
.who { font-weight: 600; }
.text { white-space: pre-wrap; margin: .2rem 0 0; }
.quote { border-left: 3px solid var(--line); padding-left: .7rem; color: var(--soft); font-size: .9rem; margin: .3rem 0; }
.reactions span { display: inline-block; border: 1px solid var(--line); border-radius: 1rem; padding: 0 .55rem;
  margin: .35rem .3rem 0 0; font-size: .9rem; }
.thread { margin-left: 1.2rem; }
img { max-width: 100%; height: auto; border-radius: .4rem; margin: .4rem 0; display: block; }
details { margin: .3rem 0; }
summary { cursor: pointer; color: var(--soft); }
@media print { body { background: #fff; color: #000; } main { max-width: none; padding: 0; } nav { display: none; } }
"""

# Nothing may be fetched, run, framed or sent; pictures come only from the folder beside the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' file:; base-uri 'none'; form-action 'none'"


def esc(text: str) -> str:
    """Untrusted text as HTML, in element content and in quoted attributes. Marks that reverse the text are taken out."""
    return html.escape("".join(sign for sign in text if sign not in _HIDDEN), quote=True)


_HIDDEN = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x00\ufeff")


def head(title: str, style: str = "", *, script: str = "") -> str:
    """A page up to its content. `style` is CSS for this page alone, `script` the only one that may run in it."""
    policy = _POLICY
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
        policy += f"; script-src 'sha256-{digest}'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="robots" content="noindex">\n'
        f"<title>{esc(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n<main>\n"
    )


def foot() -> str:
    """The end of a page."""
    return "</main>\n</body>\n</html>\n"


def table(titles: list[str], rows: list[list[str | int]]) -> str:
    """A table; numbers are set to the right."""
    lines = ['<div class="scroll"><table>\n<tr>', *(f"<th>{esc(title)}</th>" for title in titles), "</tr>\n"]
    for row in rows:
        cells = (
            f'<td class="n">{cell:,}</td>' if isinstance(cell, int) else f'<td dir="auto">{esc(cell)}</td>'
            for cell in row
        )
        lines.append(f"<tr>{''.join(cells)}</tr>\n")
    return "".join([*lines, "</table></div>\n"])
