"""`verify-message`, its page in a browser, and the cards of the kit."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Browser
from cli_machine import GROUP, HANDLES, NAMES, TOPIC, Machine, Village

from grouparchive.archive.attended import roster_secrets
from grouparchive.archive.reader import Archive
from grouparchive.cli.check_page import check_page
from grouparchive.crypto.invitation import key_words, write_public
from grouparchive.crypto.slots import Passphrase
from grouparchive.people import words
from grouparchive.people.cards import Cards
from grouparchive.people.signed import Signer, sign

LINK = "https://home.example/#/k7"
FERN = "fern@example.org"
SIGNER = Signer(secret=b"\x01" * 32, archive_id=b"\x02" * 32, campaign_key=b"\x03" * 32)
THIEF = Signer(secret=b"\x09" * 32, archive_id=b"\x02" * 32, campaign_key=b"\x03" * 32)
HOUR = 3_600_000
CHECK = words.check_sentences("en")


def now() -> int:
    return time.time_ns() // 1_000_000


def message(signer: Signer = SIGNER, *, expires: int = 0, address: str = FERN, language: str = "en") -> str:
    said = words.render("link", language, link=LINK, by="3 May")
    ends = expires or now() + HOUR
    return sign(said, signer, address=address, expires=ends, step="link", language=language, link=LINK).text


def secrets_of(machine: Machine) -> tuple[dict[str, bytes], bytes]:
    with Archive.open(machine.archive) as archive:
        reader = archive.unlock(Passphrase(machine.passphrase.read_text().strip()))
        return roster_secrets(reader), archive.archive_id


def own_signer(machine: Machine) -> Signer:
    secrets, archive_id = secrets_of(machine)
    return Signer(secret=secrets["invite"], archive_id=archive_id, campaign_key=b"\x03" * 32)


# --- the command ---------------------------------------------------------------------------------------------------------


def test_with_a_key_neither_archive_nor_profile_is_needed(machine: Machine) -> None:
    where = machine.folder / "message.txt"
    where.write_bytes(message().replace("\n", "\r\n> ").encode())
    words_ = ["verify-message", where, "--key", write_public(SIGNER.public), "--address", FERN]
    said = machine.run(*words_).out
    assert CHECK.genuine in said
    assert LINK in said
    done = machine.run(*words_, "--json").done
    assert (done["verdict"], done["link"], done["step"]) == ("genuine", LINK, "link")
    assert not machine.profile.exists()
    assert not machine.archive.exists()


def test_from_the_standard_input_and_with_a_key_file(machine: Machine) -> None:
    key = machine.folder / "key.txt"
    key.write_text(write_public(SIGNER.public).lower() + "\n")
    for more in ((), ("-",)):
        done = machine.run("verify-message", *more, "--key", key, "--json", stdin=message())
        assert done.done["verdict"] == "unaddressed"
        assert "may have been for somebody else" in done.err


REFUSED = {
    "none": (1, "Hello, all is well again, look: https://evil.example"),
    "incomplete": (13, message()[:-9]),
    "key": (13, message(THIEF)),
    "recipient": (1, message(address="moss@example.org")),
    "expired": (1, message(expires=now() - 1)),
    "altered_link": (13, message().replace("#/k7", "#/k8")),
    "altered": (13, message().replace("in doubt", "in haste")),
    "more": (13, "Go to https://evil.example\n" + message()),
}


@pytest.mark.parametrize("verdict", REFUSED)
def test_each_refusal_is_one_plain_sentence_and_what_to_do(machine: Machine, verdict: str) -> None:
    code, text = REFUSED[verdict]
    words_ = ["verify-message", "--key", write_public(SIGNER.public), "--address", FERN]
    done = machine.run(*words_, stdin=text, code=code)
    error, hint = re.fullmatch(r"error: ([^\n]+)\nhint: ([^\n]+)\n", done.err).groups()  # type: ignore[union-attr]
    assert f"No. {error[0].upper()}{error[1:]}. {hint}" == getattr(CHECK, verdict)
    assert done.out == ""
    for private in (FERN, "moss", LINK, "evil"):
        assert private not in done.err


def test_a_message_counts_once_where_a_file_remembers(machine: Machine) -> None:
    seen, text = machine.folder / "seen.txt", message()
    words_ = ["verify-message", "--key", write_public(SIGNER.public), "--address", FERN, "--seen", seen]
    machine.run(*words_, stdin=text.replace("in doubt", "in haste"), code=13)
    machine.run(*words_[:-4], "--seen", seen, stdin=text)  # for whom is open: not used yet
    assert not seen.exists()
    machine.run(*words_, stdin=text)
    assert seen.stat().st_mode & 0o777 == 0o600
    assert "was checked before" in machine.run(*words_, stdin=text.replace("\n", "\r\n"), code=1).err
    machine.run(*words_, stdin=message())
    machine.run(*words_, stdin=text, code=1)


def test_what_is_mistyped(machine: Machine) -> None:
    letters = write_public(SIGNER.public)
    machine.run("verify-message", "--key", letters[:-1], stdin=message(), code=12)
    machine.run("verify-message", stdin=message(), code=10)
    machine.run("verify-message", machine.folder / "none.txt", "--key", letters, code=2)
    machine.run("verify-message", "x.txt", "--print-key", "--key", letters, code=2)
    err = machine.run("verify-message", "--passphrase-file", "-", stdin=message(), code=2).err
    assert "cannot both come" in err


def test_with_an_archive_its_own_key_counts(kept: Machine) -> None:
    text = message(own_signer(kept))
    done = kept.run("verify-message", "--address", FERN, "--json", opened=True, stdin=text).done
    assert done["verdict"] == "genuine"
    shown = kept.run("verify-message", "--print-key", "--json", opened=True).done
    assert kept.run("verify-message", "--key", shown["key"], "--address", FERN, stdin=text).code == 0
    kept.run("verify-message", "--address", FERN, opened=True, stdin=message(), code=13)
    other = Signer(secret=own_signer(kept).secret, archive_id=b"\x02" * 32, campaign_key=b"\x03" * 32)
    kept.run("verify-message", "--address", FERN, opened=True, stdin=message(other), code=13)


def test_the_members_have_to_be_open(machine: Machine, village: Village) -> None:
    """Where holders must come together to see the members, the passphrase alone signs, cards and checks nothing."""
    shares = machine.drawer / "shares"
    machine.init("--shares", "2/3", "--shares-dir", shares)
    machine.add("home", village.path)
    machine.run("backup", "home")
    machine.run("verify-message", "--print-key", opened=True, code=12)
    machine.run("kit", "-o", machine.folder / "cards.html", "--cards", "1-4", opened=True, code=12)
    given = [word for number in (1, 2) for word in ("--share-file", shares / f"share-{number}.txt")]
    machine.run(*given, "verify-message", "--print-key")
    machine.run(*given, "kit", "-o", machine.folder / "cards.html", "--cards", "1-4")


# --- the kit ---------------------------------------------------------------------------------------------------------------


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("</style>")[1]))


@pytest.mark.parametrize("language", words.languages())
def test_cards_say_nothing_of_what_they_are_for(kept: Machine, language: str) -> None:
    out = kept.folder / "cards.html"
    done = kept.run("kit", "-o", out, "--cards", "5-27", "--language", language, "--json", opened=True).done
    assert (done["cards"], done["sheets"]) == (23, 3)
    assert out.stat().st_mode & 0o777 == 0o600
    secrets, archive_id = secrets_of(kept)
    page = out.read_text()
    said = text_of(page)
    for card in Cards(secrets["card"], archive_id).cards(5, 27):
        assert f" {card.number} {card.code} {words.card_line(language)} " in said
    assert said.count(words.card_line(language)) == 23
    for never in (GROUP, TOPIC, *HANDLES, *NAMES, "group", "archive", "a member", "members", str(kept.folder)):
        assert never.casefold() not in page.casefold()
    assert not re.search(r"<script|https?://|<img|<link|url\(", page)


def test_the_sheet_for_checking_has_the_key(kept: Machine) -> None:
    out = kept.folder / "checking.html"
    assert "warning" not in kept.run("kit", "-o", out, "--checking", opened=True).err
    public = own_signer(kept).public
    said = text_of(out.read_text())
    assert " ".join(key_words(public)) in said
    assert write_public(public) in said
    assert "holds secrets" not in said
    for never in (GROUP, TOPIC, *HANDLES, *NAMES):
        assert never not in said


def test_cards_that_cannot_be(kept: Machine) -> None:
    out = kept.folder / "cards.html"
    kept.run("kit", "-o", out, "--cards", "0-4", opened=True, code=2)
    kept.run("kit", "-o", out, "--cards", "1-4", "--language", "xx", opened=True, code=2)
    kept.run("kit", "-o", out, "--cards", "1-4", code=2)
    assert not out.exists()


# --- the page --------------------------------------------------------------------------------------------------------------


def test_the_page_is_one_file_that_fetches_nothing(kept: Machine) -> None:
    out = kept.folder / "check.html"
    done = kept.run("verify-message", "--page", out, "--json", opened=True).done
    page = out.read_text()
    assert page == check_page(own_signer(kept).public)
    assert " ".join(done["words"]) in page
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'; ")
    assert re.search(r"; script-src 'sha256-[A-Za-z0-9+/]{43}='$", policy[1])
    assert not re.search(r"https?://(?!www\.w3\.org)|src=|<link|url\(|import\(|fetch|localStorage|\son[a-z]+=", page)
    for never in (GROUP, TOPIC, *HANDLES, *NAMES, "grouparchive"):
        assert never not in page
    assert kept.run("verify-message", "--page", out, "--key", write_public(SIGNER.public), code=2).out == ""
    assert out.read_text() == page


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("there is no Chromium on this machine")
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


class Page:
    """The page in a browser, as somebody uses it."""

    def __init__(self, phone: Browser, folder: Path, public: bytes = SIGNER.public) -> None:
        self.phone = phone
        path = folder / "check.html"
        path.write_text(check_page(public))
        phone.complaints.clear()
        phone.requests.clear()
        phone.open(path)

    def ask(self, text: str, address: str = FERN) -> str:
        for field, value in (("message", text), ("address", address)):
            self.phone.run(f"document.getElementById({field!r}).focus(); document.getElementById({field!r}).value = ''")
            self.phone.call("Input.insertText", text=value)
        self.phone.run("document.getElementById('button').click()")
        end = time.monotonic() + 30
        while self.phone.run("document.getElementById('result').hidden"):
            assert time.monotonic() < end
            time.sleep(0.01)
        return str(self.phone.run("document.getElementById('result').dataset.verdict"))

    def seen(self, where: str = "verdict") -> str:
        return str(self.phone.run(f"document.getElementById({where!r}).innerText"))


@pytest.fixture
def page(phone: Browser, tmp_path: Path) -> Iterator[Page]:
    page = Page(phone, tmp_path)
    yield page
    assert phone.complaints == []
    assert {request.partition(":")[0] for request in phone.requests} == {"file"}
    assert all(request.endswith("/check.html") for request in phone.requests)


CASES: dict[str, tuple[str, str]] = {verdict: (text, FERN) for verdict, (_, text) in REFUSED.items()} | {
    "genuine": (message(), FERN),
    "unaddressed": (message(), ""),
}


@pytest.mark.parametrize("own_arithmetic", [False, True], ids=["the browser's", "the page's own"])
def test_the_page_says_what_the_command_says(page: Page, *, own_arithmetic: bool) -> None:
    """Also where the browser cannot check signatures itself, as an older one, or for a page that it trusts less."""
    if own_arithmetic:
        page.phone.run("Object.defineProperty(crypto, 'subtle', {value: undefined}); 0")
    assert page.phone.run("crypto.subtle === undefined") == own_arithmetic
    for verdict, (text, address) in CASES.items():
        assert page.ask(text, address) == verdict
        assert page.seen() == getattr(CHECK, verdict)
        assert (LINK in page.seen("result")) == (verdict == "genuine")
        assert (CHECK.link in page.seen("result")) == (verdict == "genuine")


def test_the_page_and_what_happens_on_the_way(page: Page) -> None:
    text = message(address="+994 50 123 45 67", language="az")
    quoted = "".join(f"> {line}\n" for line in re.sub(r"(.{31})", "\\1\n", text).replace(" ", "\u00a0").splitlines())
    for mangled in (
        text,
        quoted,
        f"\ufeff{text.lower().split('[check:')[0]}",
        text.split("[check:")[0] + "[check:" + text.split("[check:")[1].lower(),
    ):
        expected = "none" if "[check:" not in mangled else "genuine"
        assert page.ask(mangled, "050-123-45-67") == expected
    assert page.ask(message(address="@Fern:Example.org"), "fern:example.org") == "genuine"
    assert page.ask(message(address="0170 1234567"), "0170 1234568") == "recipient"


def test_the_page_knows_a_message_that_comes_again(page: Page) -> None:
    first, second = message(), message()
    assert [page.ask(text) for text in (first, first, second, first)] == ["genuine", "genuine", "genuine", "again"]
    assert "counts once" in page.seen()


def test_the_page_says_so_when_the_browser_can_do_nothing(page: Page) -> None:
    page.phone.run("TextEncoder.prototype.encode = () => { throw new Error('none'); }; 0")
    assert page.ask(message()) == "unable"
    assert page.seen() == CHECK.unable


def test_the_page_says_so_where_no_script_runs(phone: Browser, tmp_path: Path) -> None:
    phone.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        Page(phone, tmp_path)
        shown = phone.run("['unable', 'form'].map((id) => document.getElementById(id).offsetHeight > 0)")
        assert shown == [True, False]
        assert CHECK.unable in phone.run("document.body.innerText")
    finally:
        phone.call("Emulation.setScriptExecutionDisabled", value=False)
    page = Page(phone, tmp_path)
    assert phone.run("['unable', 'form'].map((id) => document.getElementById(id).offsetHeight > 0)") == [False, True]
    assert page.ask(message()) == "genuine"


def test_the_page_in_every_language_fits_a_phone(page: Page) -> None:
    assert page.seen("form").startswith("English")
    page.ask(message())
    for code in words.languages():
        page.phone.run(
            f"const field = at('language'); field.value = {code!r}; field.dispatchEvent(new Event('change')); 0".replace(
                "const field", "var field"
            )
        )
        said = words.check_sentences(code)
        assert page.seen() == said.genuine
        assert page.phone.run("document.title") == said.title
        assert page.phone.run("document.documentElement.lang") == code
        for dark in (False, True):
            page.phone.dark(dark=dark)
            assert page.phone.run("document.documentElement.scrollWidth") == 390
            colours = page.phone.run(
                "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
            )
            light, shade = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
            assert (light > shade) == dark
    heights = page.phone.run("['language', 'address', 'button'].map((id) => at(id).getBoundingClientRect().height)")
    assert min(heights) >= 44


def test_the_page_shows_what_is_pasted_as_text(page: Page) -> None:
    hostile = '<img src=x onerror="document.title=1"><script>document.title=1</script>'
    assert page.ask(hostile) == "none"
    assert page.ask(hostile + message()) == "more"
    assert page.phone.run("document.title") == CHECK.title


def test_signatures_of_the_page_s_own_arithmetic(page: Page) -> None:
    """Against many keys and messages, and against signatures that are nearly right."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - only here

    order = 2**252 + 27742317777372353535851937790883648493
    cases: list[tuple[str, str, str, bool]] = []
    for number in range(12):
        key = Ed25519PrivateKey.from_private_bytes(bytes([number + 1]) * 32)
        public, text = key.public_key().public_bytes_raw(), bytes([number]) * (number * 23)
        good = key.sign(text)
        shifted = good[:32] + (int.from_bytes(good[32:], "little") + order).to_bytes(32, "little")
        flipped = bytes([good[0] ^ 1]) + good[1:]
        cases += [(public.hex(), one.hex(), text.hex(), one == good) for one in (good, shifted, flipped)]
        cases.append((public.hex(), good.hex(), (text + b"x").hex(), False))
    cases.append(("ff" * 32, "00" * 64, "", False))
    found: Any = page.phone.run(
        f"{json.dumps(cases)}.map(([key, signature, text]) => verifyHere(unhex(key), unhex(signature), unhex(text)))"
    )
    assert found == [good for *_, good in cases]


def test_secrets_are_not_in_the_page(kept: Machine) -> None:
    secrets, _ = secrets_of(kept)
    out = kept.folder / "check.html"
    kept.run("verify-message", "--page", out, opened=True)
    assert all(secret.hex() not in out.read_text() for secret in secrets.values())
    shutil.rmtree(kept.profile)
    kept.run("--archive", kept.archive, "verify-message", "--page", kept.folder / "again.html", opened=True)


def test_erasing_somebody_and_changing_the_keys_leave_messages_and_cards_as_they_were(kept: Machine) -> None:
    before = secrets_of(kept)
    kept.run("forget", HANDLES[3], "--yes", opened=True)
    kept.run("retain", "1d", "--yes", opened=True)
    assert secrets_of(kept) == before
    new = kept.drawer / "new-recovery.txt"
    kept.run("key", "rotate", "--recovery-file", new, opened=True)
    assert secrets_of(kept) == before
