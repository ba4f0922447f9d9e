"""The one HTTP client, and the only place that retries. Platforms build their calls on it and never loop on errors.

What it promises: reads and idempotent writes are tried again after network errors, 5xx and 429; any other write only when
the server rejected it before working on it; a write whose fate is unknown is `InDoubt`. Answers are bounded in size,
redirects are never followed (a credential goes to its own host only), and no error text quotes what a server said.
"""

import ipaddress
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import httpx
import msgspec
import tenacity

from grouparchive import __version__
from grouparchive.errors import InDoubt, NotFound, PlatformError, Refused, UsageError
from grouparchive.model.codec import UNREADABLE

T = TypeVar("T")
Params: TypeAlias = Mapping[str, str | int]
Content: TypeAlias = bytes | Callable[[], Iterator[bytes]]
"""A request's body; a callable is asked again for each attempt."""

MAX_ANSWER = 256 * 1024 * 1024
"""Largest answer read into memory, in bytes."""
MAX_FILE = 8 * 1024**3
"""Largest file streamed, in bytes."""
PIECE = 256 * 1024
ATTEMPTS = 6
"""Tries of one request, waits demanded by the server not counted."""
LONGEST_WAIT = 15 * 60.0
"""Seconds that one 429 may make us wait. What asks for more is left for another run."""
PATIENCE = 60 * 60.0
"""Seconds that one request may take with all its waits."""
_MAX_ERROR = 64 * 1024
_ELSEWHERE = "the server sends us elsewhere, and we do not follow"
_CODE = re.compile(r"[A-Za-z0-9_.]{1,100}")


class Answer(Exception):  # noqa: N818 - never raised alone: the cause of a Refused, NotFound, ...
    """What the server said, for code that must tell one no from another: the HTTP status and the platform's error code."""

    def __init__(self, status: int, code: str = "") -> None:
        super().__init__(f"HTTP {status} {code}".rstrip())
        self.status = status
        self.code = code


def answer_of(error: BaseException) -> Answer:
    """The server's answer behind an error of this module; status 0 when there was none."""
    cause = error.__cause__
    return cause if isinstance(cause, Answer) else Answer(0)


class _Failed(Exception):  # noqa: N818 - internal signal between one attempt and the retry loop
    """One attempt failed. `done`: it may have been done all the same. `wait`: seconds the server asks for, -1 unknown."""

    def __init__(self, answer: Answer, *, done: bool, wait: float = -1.0) -> None:
        super().__init__(str(answer))
        self.answer = answer
        self.done = done
        self.wait = wait


class Sleep(Protocol):
    """How to wait; tests put their own here."""

    def __call__(self, seconds: float, /) -> None:
        """Wait."""
        ...


def check_origin(url: str) -> str:
    """The origin of a platform as we store it: https (plain http on this machine only), no credentials, path or query.

    Raises:
        UsageError: it is none.
    """
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise UsageError("this is no address of a server", hint="It looks like https://example.org") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo or parsed.query or parsed.fragment:
        raise UsageError("this is no address of a server", hint="It looks like https://example.org")
    if parsed.scheme == "http" and not _is_loopback(parsed.host):
        raise UsageError("the server's address must begin with https://, or everybody on the way reads along")
    return str(parsed).rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def ahead(call: Callable[[], T]) -> Callable[[], T]:
    """Start a request in the background; the result waits for it. Who loses interest (Ctrl-C) need not wait for its end."""
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result() -> T:
        thread.join()
        if failed:
            raise failed[0]
        return done[0]

    return result


class HttpClient:
    """Calls one server. Thread-safe.

    Args:
        base_url: the origin; plain http only for this machine.
        headers: sent with every request, credentials too. They never show in errors or reprs.
        transport: in place of the network, for tests and fault injection.
        sleep: how to wait between attempts.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        origin = check_origin(base_url)
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=origin,
            headers={
                "User-Agent": f"grouparchive/{__version__}",
                "Accept-Encoding": "gzip, deflate",
                **(headers or {}),
            },
            transport=transport,
            timeout=httpx.Timeout(120.0, connect=30.0),
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=32),
            follow_redirects=False,
            # A proxy may be set for the network; this machine is reached without it.
            trust_env=not _is_loopback(httpx.URL(origin).host),
        )

    def __repr__(self) -> str:
        """Without headers: they hold the credential."""
        return f"HttpClient({str(self._http.base_url)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def get(self, path: str, into: type[T], *, params: Params | None = None, limit: int = MAX_ANSWER) -> T:
        """Read something; the JSON answer as `into`.

        Raises:
            NotFound, Refused, PlatformError: see the module; also when the answer is no such JSON or is too large.
        """
        return _decode(self.request("GET", path, params=params, limit=limit), into)

    def send(
        self,
        method: str,
        path: str,
        into: type[T],
        *,
        json: Any = None,
        params: Params | None = None,
        idempotent: bool = False,
    ) -> T:
        """Write something; the JSON answer as `into`.

        Raises:
            InDoubt: it may have been done.
            NotFound, Refused: it was not done and never will be.
            PlatformError: it was not done; later perhaps.
        """
        body = msgspec.json.encode({} if json is None else json)
        answer = self.request(
            method,
            path,
            params=params,
            content=body,
            headers={"Content-Type": "application/json"},
            idempotent=idempotent,
        )
        try:
            return _decode(answer, into)
        except PlatformError as error:  # the server took it, and we cannot read what came of it
            raise InDoubt(error.message) from error

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = False,
        limit: int = MAX_ANSWER,
    ) -> bytes:
        """One request with all its retries; the answer's body.

        Raises:
            as `get` and `send`.
        """

        def once() -> bytes:
            with self._open(method, path, params, content, headers, safe=safe) as response:
                return b"".join(_pieces(response, limit))

        read = method in {"GET", "HEAD"}
        safe = read or idempotent
        return self._retry(once, read=read)

    def stream(self, path: str, *, params: Params | None = None, limit: int = MAX_FILE) -> Iterator[bytes]:
        """A file's bytes in pieces. Retried until the first byte comes; after that a break is a `PlatformError`.

        Raises:
            NotFound, Refused, PlatformError: it cannot be had, or is larger than `limit`.
        """
        opened: list[tuple[Any, httpx.Response]] = []

        def once() -> None:
            context = self._open("GET", path, params, None, None, safe=True)
            opened.append((context, context.__enter__()))

        self._retry(once, read=True)
        context, response = opened[-1]
        try:
            yield from _pieces(response, limit)
        except (httpx.TransportError, httpx.DecodingError, _Failed) as error:
            raise PlatformError("the connection broke while a file was coming in") from error
        finally:
            context.__exit__(None, None, None)

    @contextmanager
    def _open(
        self,
        method: str,
        path: str,
        params: Params | None,
        content: Content | None,
        headers: Mapping[str, str] | None,
        *,
        safe: bool,
    ) -> Iterator[httpx.Response]:
        """One attempt, up to a good status line.

        Raises:
            _Failed: worth another attempt.
            NotFound, Refused, PlatformError, InDoubt: not worth one.
        """
        body = content() if callable(content) else content
        try:
            with self._http.stream(method, path, params=params, content=body, headers=headers) as response:
                _check_encoding(response, method)
                status = response.status_code
                if status < HTTPStatus.MULTIPLE_CHOICES:
                    yield response
                    return
                _raise(response, method, safe=safe)
        except httpx.InvalidURL as error:
            raise PlatformError(_ELSEWHERE) from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _Failed(Answer(0), done=False) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            if safe:
                raise _Failed(Answer(0), done=True) from error
            raise InDoubt("the connection broke before the server answered: it may have been done") from error

    def _retry(self, once: Callable[[], T], *, read: bool) -> T:
        """Run attempts until one is good.

        Raises:
            as `get` and `send`.
        """
        doubt = False
        hard = 0  # attempts that failed by themselves, not by a server's wish that we wait

        def stop(state: tenacity.RetryCallState) -> bool:
            waited = (state.seconds_since_start or 0.0) >= PATIENCE
            error = state.outcome.exception() if state.outcome else None
            too_long = isinstance(error, _Failed) and error.wait > LONGEST_WAIT
            return waited or too_long or hard >= ATTEMPTS

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            backoff = tenacity.wait_random_exponential(multiplier=0.25, max=30)(state)
            asked = error.wait if isinstance(error, _Failed) else -1.0
            return asked + 0.05 if asked >= 0 else backoff

        def attempt() -> T:
            nonlocal doubt, hard
            try:
                return once()
            except _Failed as failed:
                doubt = doubt or failed.done
                hard += failed.wait < 0
                raise

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Failed), stop=stop, wait=wait, sleep=self._sleep, reraise=True
        )
        try:
            return retrying(attempt)
        except _Failed as failed:
            if doubt and not read:
                raise InDoubt("the server did not answer properly: it may have been done") from failed.answer
            raise _tired(failed) from failed.answer
        except (Refused, NotFound) as refused:
            if doubt and not read:  # an earlier attempt may have been done, and be the reason for this refusal
                raise InDoubt("the server refused after an attempt of unknown fate") from refused.__cause__
            raise


def _check_encoding(response: httpx.Response, method: str) -> None:
    """Packed once at most, in a way that unpacks to 1,000 times its size at most: our bounds are checked piece by piece.

    Raises:
        PlatformError: packed twice, or otherwise.
        InDoubt: the same, as the answer to a write.
    """
    if response.headers.get("Content-Encoding", "").strip().lower() not in {"", "identity", "gzip", "deflate"}:
        error = PlatformError if method in {"GET", "HEAD"} else InDoubt
        raise error("the server packs its answers in a way that we do not unpack")


def _raise(response: httpx.Response, method: str, *, safe: bool) -> None:
    status = response.status_code
    code, asked = _explain(response)
    answer = Answer(status, code)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise _Failed(answer, done=False, wait=asked)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        if safe:
            raise _Failed(answer, done=True)
        raise InDoubt("the server failed while it worked on this: it may have been done") from answer
    if status < HTTPStatus.BAD_REQUEST:
        raise PlatformError(_ELSEWHERE) from answer
    if status == HTTPStatus.NOT_FOUND:
        raise NotFound("the server says that there is no such thing, or not for this account") from answer
    if status == HTTPStatus.UNAUTHORIZED:
        raise Refused("the server does not accept this access (any more)") from answer
    if status == HTTPStatus.FORBIDDEN:
        raise Refused("the server says that this account may not do that") from answer
    raise Refused(f"the server refused a request ({method}, status {status})") from answer


def _explain(response: httpx.Response) -> tuple[str, float]:
    """The platform's error code (Matrix: `errcode`; others: `error`), and the seconds it asks us to wait (-1 unknown)."""
    try:
        found = msgspec.json.decode(b"".join(_pieces(response, _MAX_ERROR)))
    except (*UNREADABLE, PlatformError):
        found = None
    body: dict[str, Any] = found if isinstance(found, dict) else {}
    code = next((c for c in (body.get("errcode"), body.get("error")) if isinstance(c, str) and _CODE.fullmatch(c)), "")
    wait = _retry_after(response.headers.get("Retry-After", ""))
    millis = body.get("retry_after_ms")
    if isinstance(millis, int | float) and 0 <= millis < LONGEST_WAIT * 10_000:
        wait = max(wait, millis / 1000)
    return code, wait


def _retry_after(value: str) -> float:
    """Retry-After in seconds (a number or a date), -1 when missing or unreadable."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value.strip()):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return -1.0


def _tired(failed: _Failed) -> PlatformError:
    status = failed.answer.status
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        minutes = round(failed.wait / 60) if failed.wait > 0 else 0
        hint = f"Run this again in {minutes} minutes." if minutes else "Run this again in a few minutes."
        return PlatformError("the server says that we ask too much at once", hint=hint)
    if status:
        return PlatformError(f"the server has trouble (status {status}) and did not recover while we waited")
    return PlatformError("the server cannot be reached")


def _pieces(response: httpx.Response, limit: int) -> Iterator[bytes]:
    """The body in pieces, never more than `limit` bytes after decompression.

    Raises:
        PlatformError: there is more.
    """
    total = 0
    for piece in response.iter_bytes(PIECE):
        total += len(piece)
        if total > limit:
            raise PlatformError("the server's answer is larger than anything we expect")
        yield piece


def _decode(data: bytes, into: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=into)
    except UNREADABLE as error:
        raise PlatformError("the server's answer cannot be understood: is this the right address?") from error
