import re
import time

import pytest

from grouparchive.platforms.slack.markup import Markup

FERN = f"{1:032x}"


def naming(native: str) -> str:
    return {"U0FERN": FERN}.get(native, f"{sum(native.encode()):032x}")


def markup() -> Markup:
    return Markup(naming, {"C0GENERAL": "general", "G0TRIO": "Group conversation"})


def shown(text: str) -> tuple[str, str]:
    plain, html, _ = markup().both(text)
    return plain.replace(f"{{member:{FERN}}}", "[Fern]"), html.replace(f"{{member:{FERN}}}", "[Fern]")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("plain", "plain"),
        ("<@U0FERN> and <@U0FERN|fern>", "[Fern] and [Fern]"),
        ("<@not an id> <@>", "@somebody <@>"),
        ("<#C0GENERAL> <#C0GENERAL|old-name> <#C0GONE|gone> <#C0GONE|> <#G0TRIO|mpdm-fern--moss-1>",
         "#general #general #gone #channel #Group conversation"),
        ("<!here> <!channel> <!everyone> <!subteam^S1|@editors> <!subteam^S1>", "@here @channel @everyone @editors @group"),
        ("<!date^1772323200^{date_short}|March 1> <!date^1772323200^{date}>", "March 1 2026-03-01 00:00 UTC"),
        ("<!date^99999999999999^{date}>", "@date"),
        ("&lt;b&gt; &amp;amp; &quot;", "<b> &amp; &quot;"),
        ("<https://example.org/?a=1&amp;b=2>", "https://example.org/?a=1&b=2"),
        ("<https://example.org|example.org> <https://example.org|here>", "https://example.org here (https://example.org)"),
        ("<mailto:fern@garden.example|fern@garden.example> <tel:+31205550101|+31 20 555>",
         "fern@garden.example +31 20 555 (tel:+31205550101)"),
        ("1 < 2 > 1", "1 < 2 > 1"),
        (":tulip: \u200d\u2067x", ":tulip: \u200d\u2067x"),
    ],
)  # fmt: skip
def test_plain_text(text: str, plain: str) -> None:
    assert shown(text)[0] == plain


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", ""), ("snake_case_name and 2*3*4 and ~", ""), ("<@U0FERN> hi", ""), ("a * b * c", ""),
        ("*bold* _it_ ~no~", "<strong>bold</strong> <em>it</em> <del>no</del>"),
        ("*_both_*", "<strong><em>both</em></strong>"),
        ("*<@U0FERN> wins*", "<strong>[Fern] wins</strong>"),
        ("`a *b* <@U0FERN>`", "<code>a *b* [Fern]</code>"),
        ("x\n```\nif a &lt; b:\n  *go*\n```", "x<br><pre><code>if a &lt; b:\n  *go*</code></pre>"),
        ("&gt; one\n&gt; two\nthree", "<blockquote>one<br>two</blockquote>three"),
        ("&gt;&gt;&gt; all\nof it", "<blockquote>all<br>of it</blockquote>"),
        ("<https://example.org|a page>", '<a href="https://example.org">a page</a>'),
        ("<https://example.org/?a=1&amp;b=%22|x> *y*", '<a href="https://example.org/?a=1&amp;b=%22">x</a> <strong>y</strong>'),
        ("<javascript:alert(1)|click> *me*", "click (javascript:alert(1)) <strong>me</strong>"),
        ("*<script>alert(1)</script>*", None),
        ('<https://x.example/"onload="y|z>', None),
        ("\x010\x02 `a` \x017\x02", "0 <code>a</code> 7"),
        ("`a\x01b`", "<code>ab</code>"),
    ],
)  # fmt: skip
def test_html(text: str, html: str | None) -> None:
    found = shown(text)[1]
    if html is not None:
        assert found == html
    assert not re.search(r"<(?!/?(?:strong|em|del|code|pre|blockquote|br|a)\b)", found)
    assert not re.search(r"<a (?!href=\"(?:https?|mailto)[^\"]*\">)", found)


def test_addresses_at_slack_name_nobody() -> None:
    text = "<https://garden.slack.com/files/U0FERN/F0A/a.png|a> https://garden.slack.com/team/U0FERN `slack.com/team/U0FERN`"
    for found in shown(text):
        assert "U0FERN" not in found
    assert "U0FERN" not in markup().bare(text)


def test_states_name_nobody() -> None:
    assert (
        markup().bare("<@U0FERN> &amp; <#C0GENERAL> <https://example.org|x>")
        == "@somebody & #general x (https://example.org)"
    )


@pytest.mark.parametrize(
    "piece", ["*a", "`", "```", "<", "<@", "<a|", "&gt;", "_", "*a *", "\n&gt;", "<!date^1^", "~x", "*" * 50 + " "]
)
def test_long_hostile_texts_take_no_longer_than_their_length(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    start = time.process_time()
    markup().both(text)
    assert time.process_time() - start < 2
