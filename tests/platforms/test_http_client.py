"""The one HTTP client: what is retried, what never is, and what an error may say."""

import gzip
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate

import httpx
import pytest

from grouparchive.errors import InDoubt, NotFound, PlatformError, Refused, UsageError
from grouparchive.platforms import registry
from grouparchive.platforms.http import ATTEMPTS, HttpClient, answer_of, check_origin

Step = httpx.Response | Exception | Callable[[], httpx.Response]
SECRET = "syt_very_secret"


class Server:
    """Plays answers in order; the last one for ever. Counts what arrived."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.seen: list[httpx.Request] = []
        self.bodies: list[bytes] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        self.bodies.append(request.read())
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return step() if callable(step) else step

    def client(self) -> HttpClient:
        return HttpClient(
            "https://example.org",
            headers={"Authorization": f"Bearer {SECRET}"},
            transport=httpx.MockTransport(self),
            sleep=self.waits.append,
        )


def fresh(status: int, **kwargs: object) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(status, **kwargs)  # type: ignore[arg-type]


OK = fresh(200, json={"ok": True})
BROKEN = httpx.ReadError("broken")
UNREACHABLE = httpx.ConnectError("no route")


@pytest.mark.parametrize("step", [BROKEN, UNREACHABLE, fresh(500)(), fresh(502)(), fresh(429)()])
def test_reads_are_tried_again(step: Step) -> None:
    server = Server(step, OK())
    assert server.client().get("/x", dict) == {"ok": True}
    assert len(server.seen) == 2


@pytest.mark.parametrize("step", [BROKEN, fresh(500)(), fresh(503)()])
def test_idempotent_writes_are_tried_again(step: Step) -> None:
    server = Server(step, OK())
    assert server.client().send("PUT", "/x", dict, json={"a": 1}, idempotent=True) == {"ok": True}
    assert server.bodies == [b'{"a":1}'] * 2


@pytest.mark.parametrize("step", [BROKEN, httpx.ReadTimeout("slow"), fresh(500)(), fresh(408)()])
def test_other_writes_of_unknown_fate_are_in_doubt_and_never_repeated(step: Step) -> None:
    server = Server(step, OK())
    with pytest.raises(InDoubt):
        server.client().send("POST", "/x", dict)
    assert len(server.seen) == 1


@pytest.mark.parametrize("step", [UNREACHABLE, fresh(429)(), httpx.ConnectTimeout("slow")])
def test_other_writes_are_repeated_when_they_were_rejected_before_any_work(step: Step) -> None:
    server = Server(step, OK())
    assert server.client().send("POST", "/x", dict) == {"ok": True}
    assert len(server.seen) == 2


def test_an_idempotent_write_that_never_gets_an_answer_is_in_doubt() -> None:
    server = Server(BROKEN)
    with pytest.raises(InDoubt):
        server.client().send("PUT", "/x", dict, idempotent=True)
    assert len(server.seen) == ATTEMPTS


def test_a_write_that_never_arrived_is_not_in_doubt() -> None:
    server = Server(UNREACHABLE)
    with pytest.raises(PlatformError) as caught:
        server.client().send("POST", "/x", dict)
    assert not isinstance(caught.value, InDoubt)


def test_a_refusal_after_an_attempt_of_unknown_fate_is_in_doubt() -> None:
    server = Server(BROKEN, fresh(403)())
    with pytest.raises(InDoubt):
        server.client().send("PUT", "/x", dict, idempotent=True)


def test_an_unreadable_answer_to_a_write_is_in_doubt() -> None:
    with pytest.raises(InDoubt):
        Server(fresh(200, content=b"<html>")()).client().send("POST", "/x", dict)


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (fresh(429, headers={"Retry-After": "7"})(), 7.0),
        (fresh(429, json={"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2500})(), 2.5),
        (lambda: httpx.Response(429, headers={"Retry-After": formatdate(time.time() + 20, usegmt=True)}), 20.0),
    ],
)
def test_the_server_s_wish_to_wait_is_honoured(answer: Step, asked: float) -> None:
    server = Server(answer, OK())
    server.client().get("/x", dict)
    assert asked - 1.5 < server.waits[0] < asked + 1


def test_waits_do_not_use_up_the_attempts() -> None:
    server = Server(*[fresh(429, headers={"Retry-After": "1"})() for _ in range(ATTEMPTS * 3)], OK())
    assert server.client().send("POST", "/x", dict) == {"ok": True}


def test_too_long_a_wait_is_left_for_another_run() -> None:
    server = Server(fresh(429, headers={"Retry-After": "7200"})())
    with pytest.raises(PlatformError) as caught:
        server.client().get("/x", dict)
    assert server.waits == []
    assert "120 minutes" in caught.value.hint


@pytest.mark.parametrize("value", ["soon", "-5", "inf", "nan", "1" * 5000])
def test_a_nonsense_wait_is_ignored(value: str) -> None:
    server = Server(fresh(429, headers={"Retry-After": value})(), OK())
    server.client().get("/x", dict)
    assert server.waits[0] < 60


@pytest.mark.parametrize(
    ("status", "error"), [(401, Refused), (403, Refused), (404, NotFound), (400, Refused), (302, PlatformError)]
)
def test_a_no_is_no(status: int, error: type[PlatformError]) -> None:
    server = Server(
        fresh(
            status, json={"errcode": "M_X", "error": "@canary:example.org"}, headers={"Location": "https://evil.test/"}
        )()
    )
    with pytest.raises(error) as caught:
        server.client().get("/x", dict)
    assert len(server.seen) == 1
    assert answer_of(caught.value).status == status
    assert answer_of(caught.value).code == "M_X"
    everything = f"{caught.value!r} {caught.value} {caught.value.hint} {caught.value.__cause__!r}"
    assert "canary" not in everything
    assert SECRET not in everything


def test_an_error_code_that_is_no_code_is_dropped() -> None:
    with pytest.raises(Refused) as caught:
        Server(fresh(403, json={"errcode": "@canary:example.org did it"})()).client().get("/x", dict)
    assert answer_of(caught.value).code == ""


class Plain(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield b"no gzip"


def test_answers_are_bounded_also_when_compressed() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    server = Server(fresh(200, content=bomb, headers={"Content-Encoding": "gzip"})())
    with pytest.raises(PlatformError, match="larger"):
        server.client().request("GET", "/x", limit=1_000_000)


def test_broken_compression_is_a_broken_connection() -> None:
    server = Server(lambda: httpx.Response(200, stream=Plain(), headers={"Content-Encoding": "gzip"}))
    with pytest.raises(PlatformError):
        server.client().get("/x", dict)


def test_deep_nesting_is_an_answer_that_cannot_be_understood() -> None:
    with pytest.raises(PlatformError, match="understood"):
        Server(fresh(200, content=b"[" * 100_000)()).client().get("/x", list)


def test_a_stream_is_retried_before_its_first_byte_and_bounded_after() -> None:
    server = Server(fresh(500)(), fresh(200, content=b"x" * 100)())
    assert b"".join(server.client().stream("/x")) == b"x" * 100
    with pytest.raises(PlatformError, match="larger"):
        list(Server(fresh(200, content=b"x" * 100)()).client().stream("/x", limit=99))


class Tearing(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield b"x" * 10
        raise httpx.ReadError("gone")


def test_a_stream_that_breaks_is_an_error_and_never_a_short_file() -> None:
    server = Server(httpx.Response(200, stream=Tearing()))
    with pytest.raises(PlatformError, match="broke"):
        list(server.client().stream("/x"))


def test_a_body_from_a_callable_is_sent_whole_at_each_attempt() -> None:
    server = Server(fresh(500)(), OK())
    server.client().request("POST", "/x", content=lambda: iter([b"ab", b"cd"]), idempotent=True)
    assert server.bodies == [b"abcd", b"abcd"]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "ftp://example.org",
        "example.org",
        "",
        "https://",
        "https://u:p@example.org",
        "https://a/?b=c",
    ],
)
def test_origins_that_would_leak_or_mean_nothing_are_refused(url: str) -> None:
    with pytest.raises(UsageError):
        check_origin(url)


@pytest.mark.parametrize(
    "url", ["https://example.org/", "http://127.0.0.1:8008", "http://localhost:1", "http://[::1]:5"]
)
def test_good_origins(url: str) -> None:
    assert check_origin(url) == url.rstrip("/")


def test_the_client_does_not_show_its_credential() -> None:
    assert SECRET not in repr(Server(OK()).client())


def test_the_registry_knows_its_platforms_and_says_so() -> None:
    assert "matrix" in registry.names()
    assert registry.load("matrix").name == "matrix"
    with pytest.raises(UsageError) as caught:
        registry.load("carrier-pigeon")
    assert "matrix" in caught.value.hint
