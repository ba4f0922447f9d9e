"""Who is who in mails, and how they are called in stored texts: there people are member ids, never addresses.

Mail programs put addresses and names into what they quote and forward. Those of people who stand in the headers of this
export become ids wherever they stand in a text; on lines that programs write (who wrote what they quote, the headers of
what they forward) also those of strangers, with the name beside them. What people type otherwise stays.
"""

import re
from bisect import bisect
from collections.abc import Mapping
from typing import Final

import msgspec

from grouparchive.model.ports import Identify
from grouparchive.model.records import MemberId
from grouparchive.platforms.files import Names
from grouparchive.platforms.mail.addresses import address

_LOCAL: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u00a1-\uffff]"
_RUNS = re.compile(_LOCAL + "+")
_AFTER = re.compile(r"[A-Za-z0-9\u00a1-\uffff-]{1,63}(?:\.[A-Za-z0-9\u00a1-\uffff-]{1,63}){1,8}")
_TRIMMED = "'*_`.=/~{|}+-#"
_VERB: Final = (
    r"wrote|writes|schrieb|a écrit|escribió|ha scritto|escreveu|skrev|schreef|napisał(?:\(a\)|a)?|написала?|написал\(а\)"
    r"|пишет|пише|kirjoitti|yazdı|şunu yazdı|napsal\(a\)|napsala?|írta|a scris|έγραψε|כתב|كتب|写道|のメール|님이 작성|yazıb"
)
_WROTE = re.compile(rf"\b(?:{_VERB})\b", re.IGNORECASE)
_WROTE_THIS = re.compile(rf"(?:{_VERB})\s*[:：]", re.IGNORECASE)
_HEADER_LINE = re.compile(
    r"^[>\s*_]{0,40}(?:From|To|Cc|Bcc|Reply-To|Sender|Von|An|Kopie|De|À|A|Para|Da|Till|Från|Fra|Til|Van|Aan|Od|Do|От|Кому"
    r"|Kimden|Kime|Lähettäjä|Vastaanottaja|发件人|收件人|差出人|宛先|Final-Recipient|Original-Recipient"
    r"|X-Failed-Recipients|Kimdən|Kimə)\s{0,2}\*{0,2}\s?[:：]",
    re.IGNORECASE,
)
_NAME_END = re.compile(r"[^\d,:;<>()\[\]\"\n]{1,60}\Z")
_CLOCK = re.compile(r"^\s*(?:[AaPp]\.?\s?[Mm]\.?|Uhr|UTC|GMT)?\s*")
_SAID = re.compile(rf"\s*\b(?:{_VERB})\b\s*|[,:\n]", re.IGNORECASE)
_BRACKETS = {"<": ">", "[": "]", "(": ")"}
_QUOTES = frozenset({'"', "'"})
_LONGEST_LINE: Final = 2000  # letters of a line that are judged
_LAST_WORDS: Final = 120  # letters after the verb of a line that says who wrote what follows
_MOST: Final = 20_000  # addresses looked at in one text


class _Line(msgspec.Struct, gc=False):
    """A line of a text, from `begin` to `end`. `by_program`: a mail program wrote it; `wraps`: should an address end it,
    the next line says that this is who wrote.
    """

    begin: int = 0
    end: int = -1
    by_program: bool = False
    wraps: bool = False


class People:
    """Gives people their ids, and finds them in texts.

    Args:
        identify: as for all connectors.
        known: address -> name of everyone in the headers.
        lists: addresses that are nobody's.
    """

    def __init__(self, identify: Identify, known: Mapping[str, str], lists: frozenset[str]) -> None:
        self._identify = identify
        self._known = known
        self._lists = lists
        self._ids: dict[tuple[str, str], MemberId] = {}
        self._tokens: dict[str, str] = {}
        self._named: dict[str, str] | None = None
        self._called: Names | None = None
        self._line = _Line()

    def member(self, native: str, name: str = "") -> MemberId:
        """A person's id."""
        key = (native, name)
        found = self._ids.get(key)
        if found is None:
            found = self._ids[key] = self._identify(native, name or self._known.get(native, ""), "")
        return found

    def clean(self, text: str, *, everyone: bool = False) -> str:
        """A text with ids in place of people; `everyone`: a program wrote it, so every address in it is meant."""
        spans = self.spans(text, everyone=everyone)
        if not spans:
            return text
        out: list[str] = []
        at = 0
        for start, end, token in spans:
            out += (text[at:start], token)
            at = end
        return "".join((*out, text[at:]))

    def file(self, name: str) -> str:
        """The name of a file, with ids in place of people: of their addresses, and of their names alone."""
        if self._called is None:
            self._called = Names()
            for native, called in self._known.items():
                if len(called) > 2:
                    self._called.learn(called, self.member(native))
        return self._called.hidden(self.clean(name, everyone=True) if "@" in name else name)

    def spans(self, text: str, *, everyone: bool = False) -> list[tuple[int, int, str]]:
        """What is to be replaced in a text, in order: from, to, by what."""
        found: list[tuple[int, int, str]] = []
        self._line = _Line()
        if "@" in text:
            self._addresses(text, found, everyone=everyone)
        if ":\n" in text:
            self._attributions(text, found)
        return found

    # --- addresses ---

    def _addresses(self, text: str, found: list[tuple[int, int, str]], *, everyone: bool) -> None:
        at = text.find("@")
        last = 0
        for _ in range(_MOST):
            if at < 0:
                return
            # Most stand as "Name <address>".
            opened = text.rfind("<", max(at - 64, last), at)
            closed = text.find(">", at, at + 255) if opened >= 0 else -1
            if closed >= 0:
                native = text[opened + 1 : closed].lower()
                name = self._known.get(native)
                if name and native not in self._lists and text.endswith(name + " ", last, opened):
                    begin = opened - len(name) - 1
                    if text[begin - 1 : begin] not in _QUOTES:
                        found.append((begin, closed + 1, self._tokens.get(native) or self._token(native)))
                        last = closed + 1
                        at = text.find("@", last)
                        continue
            after = _AFTER.match(text, at + 1)
            runs = _RUNS.findall(text, max(at - 64, last), at) if after else None
            if after and runs and text.endswith(runs[-1], last, at):
                span = self._address(text, at - len(runs[-1]), after.end(), last, everyone=everyone)
                if span:
                    found.append(span)
                    last = span[1]
                    at = last - 1
            at = text.find("@", at + 1)

    def _token(self, native: str) -> str:
        token = self._tokens[native] = f"{{member:{self.member(native)}}}"
        return token

    def _address(self, text: str, start: int, end: int, last: int, *, everyone: bool) -> tuple[int, int, str] | None:
        native = text[start:end].lower()
        name = self._known.get(native)
        if name is None:
            written = text[start:end]
            whole = written.strip(_TRIMMED)
            start += written.find(whole)
            end = start + len(whole)
            native = address(whole)
            name = self._known.get(native)
        if not native or native in self._lists:
            return None
        if name is None and not everyone and not self._by_program(text, start, end):
            return None
        token = self._tokens.get(native) or self._token(native)
        begin = start - 7 if text[max(start - 7, last) : start].lower() == "mailto:" else start
        closing = _BRACKETS.get(text[begin - 1 : begin]) if begin > last else None
        if not closing or text[end : end + 1] != closing:
            return begin, end, token
        begin, end = begin - 1, end + 1
        if (
            name
            and text.endswith(name + " ", last, begin)
            and text[begin - len(name) - 2 : begin - len(name) - 1] not in _QUOTES
        ):
            return begin - len(name) - 1, end, token
        return self._shown(text, begin, last, native, (start, end)), end, token

    def _shown(self, text: str, begin: int, last: int, native: str, where: tuple[int, int]) -> int:
        """Where the name begins that stands before a bracketed address; `begin` where there is none to take away."""
        before = text[max(begin - 120, last) : begin]
        bare = before.rstrip(" \t\n>*\"'")
        offset = begin - len(before)
        name = self._known.get(native, "")
        for one in (name, ", ".join(reversed(name.rsplit(" ", 1)))):
            if one and bare.endswith(one):
                start = offset + len(bare) - len(one)
                return start - 1 if start > last and text[start - 1] in "\"'" and before != bare else start
        if not self._by_program(text, *where):
            return begin
        if before.rstrip().endswith('"'):
            quote = before.rstrip()[:-1].rfind('"')
            if quote >= 0 and "\n" not in before[quote:].rstrip():
                return offset + quote
        tail = _NAME_END.search(bare)
        if not tail:
            return begin
        taken = _CLOCK.sub("", tail[0], count=1)
        parts = _SAID.split(taken)
        taken = parts[-1] if parts else taken
        return offset + len(bare) - len(taken) if taken.strip() else begin

    def _by_program(self, text: str, start: int, end: int) -> bool:
        """Does an address stand on a line that mail programs write? Addresses are asked for in order: each line is judged
        once, however many stand on it.
        """
        if not self._line.begin <= start < self._line.end:
            self._line = _judged(text, start, end)
        return self._line.by_program or (self._line.wraps and text[end : end + 1] == ">")

    # --- names alone ---

    def _attributions(self, text: str, found: list[tuple[int, int, str]]) -> None:
        """Names without an address on the line above a quotation: "On Monday, Fern Moss wrote:"."""
        more: list[tuple[int, int, str]] = []
        done = [end for _, end, _ in found]
        at = text.find(":\n")
        while at >= 0:
            rest = text[at + 2 : at + 4]
            if rest.startswith(">") or rest in {"\n>", "> "}:
                begin = max(text.rfind("\n", max(at - 300, 0), at) + 1, at - 300)
                line = text[begin:at]
                spoken = bisect(done, begin)
                if not (spoken < len(done) and done[spoken] <= at) and _attributes(line + ":"):
                    more += self._names(line, begin)
            at = text.find(":\n", at + 1)
        if more:
            found += more
            found.sort()

    def _names(self, line: str, begin: int) -> list[tuple[int, int, str]]:
        if self._named is None:
            self._named = {name: native for native, name in reversed(tuple(self._known.items())) if name}
        at = 0
        out = []
        for cut in (*_SAID.finditer(line), None):
            piece = line[at : cut.start() if cut else len(line)]
            name = piece.strip("> \t\"'*")
            native = self._named.get(name)
            if native:
                start = begin + at + piece.find(name)
                out.append((start, start + len(name), f"{{member:{self.member(native)}}}"))
            at = cut.end() if cut else at
        return out


def _judged(text: str, start: int, end: int) -> _Line:
    """The line around a place."""
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    stop, whole = (len(text), False) if stop < 0 else (stop, True)
    head, tail = text[begin : min(stop, begin + _LONGEST_LINE)], text[max(begin, stop - _LONGEST_LINE) : stop]
    told = bool(_HEADER_LINE.match(head)) or _attributes(tail)
    if not told and whole and tail.rstrip().endswith(":"):
        told = text[stop + 1 : stop + 2] in {">", "\n"}
    following = text[stop + 1 : stop + 121].partition("\n")[0].lstrip("> ") if whole else ""
    return _Line(begin, stop, told, bool(_WROTE.match(following) or _WROTE_THIS.match(following)))


def _attributes(line: str) -> bool:
    """Does a line say who wrote what follows? Its last words do, or a verb with a colon anywhere in it."""
    last = len(line.rstrip(" \t").removesuffix(":")) - _LAST_WORDS
    if any(found.end() >= last for found in _WROTE.finditer(line, max(last - 20, 0))):
        return True
    return bool(_WROTE_THIS.search(line))
