"""The checking page: one file for a phone, which says whether a message is genuine, offline and in all languages that we have;
and the sheet with the key for those who check by command.
"""

import json
from importlib import resources

import msgspec

from grouparchive.cli import page
from grouparchive.cli.page import esc
from grouparchive.cli.qr import drawing
from grouparchive.crypto.invitation import key_words, write_public
from grouparchive.people.words import ENGLISH, check_sentences, languages, name_of

_STYLE = """
main { max-width: 34rem; }
label, .field { display: block; font-weight: 600; margin: 1rem 0 .3rem; }
textarea, input, select, button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--soft);
  border-radius: .6rem; padding: .65rem .8rem; width: 100%; }
textarea { min-height: 10rem; resize: vertical; }
select { width: auto; padding: .35rem .6rem; min-height: 2.75rem; }
.top { display: flex; justify-content: flex-end; }
button { margin: 1.2rem 0 .6rem; background: var(--accent); border-color: var(--accent); color: var(--paper); font-weight: 600;
  min-height: 3rem; cursor: pointer; }
textarea:focus, input:focus, select:focus, button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
#result { border-width: 2px; font-size: 1.1rem; }
#verdict { font-weight: 600; margin: 0; }
#verdict::before { font-weight: 700; margin-right: .5rem; }
.yes { border-color: #2b7a4b; }
.yes #verdict::before { content: "\\2713"; }
.half { border-color: #b97a16; }
.half #verdict::before { content: "?"; }
.no { border-color: #b3362b; }
.no #verdict::before { content: "\\2717"; }
#signed { user-select: all; -webkit-user-select: all; }
.key { font: 600 .95rem/1.7 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
[hidden] { display: none; }
"""


def check_page(public: bytes) -> str:
    """The page for one key, as HTML."""
    script = resources.files("grouparchive.cli").joinpath("pages/check.js").read_text("utf-8")
    words = check_sentences(ENGLISH)
    data = {
        "key": public.hex(),
        "first": ENGLISH,
        "languages": {
            code: {"name": name_of(code), **msgspec.to_builtins(check_sentences(code))} for code in languages()
        },
    }
    # The data is no script, and must not end its own element.
    packed = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return f"""{page.head(words.title, _STYLE, script=script)}
<p id="unable" class="card warn">{esc(words.unable)}</p>
<div id="form" hidden>
<p class="top"><select id="language" aria-label="Language"></select></p>
<h1 data-say="title"></h1>
<p data-say="intro"></p>
<label for="message" data-say="message"></label>
<textarea id="message" autocomplete="off" autocapitalize="off" spellcheck="false"></textarea>
<label for="address" data-say="address"></label>
<input id="address" type="text" autocomplete="off" autocapitalize="off" autocorrect="off" spellcheck="false">
<button id="button" type="button" data-say="button"></button>
<div role="status" aria-live="polite">
<div id="result" class="card" hidden>
<p id="verdict"></p>
<div id="signed-part" hidden><p class="small soft" data-say="link"></p><p><code id="signed"></code></p></div>
</div></div>
<p class="small soft" data-say="words"></p>
<p class="words" translate="no">{esc(" ".join(key_words(public)))}</p>
</div>
<script type="application/json" id="data">{packed}</script>
<script>{script}</script>
{page.foot()}"""


def key_sheet(public: bytes) -> str:
    """The sheet for a co-admin or voucher, as the inside of a section."""
    letters = write_public(public)
    return f"""<h1>To check a message</h1>
<p>Some messages have lines of letters below, from <code>[check:</code> to <code>:check]</code>. By these you can tell whether a
 message is from us. What is on this sheet is no secret, but it must be the right one: take it from a hand that you know.</p>
<ol>
<li>Open the checking page that you were given, on your phone or computer. It needs no network.</li>
<li>Compare the words at its end with these. If they differ, do not use that page.</li>
<li>Paste the whole message, type your own address or number, and press the button.</li>
</ol>
<p class="check">Words of the key:<br><b>{esc(" ".join(key_words(public)))}</b></p>
<div class="beside"><div>
<h2>Without the page</h2>
<p>Save the message as a file and run <code>grouparchive verify-message FILE --key KEY --address YOURS</code>,
 with this key:</p>
<p class="key">{esc(letters)}</p></div>
<div class="qr small-code">{drawing(letters)}</div></div>
<p>When in doubt, do not open links, and ask by voice.</p>
"""
