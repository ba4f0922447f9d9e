"""A real Synapse on loopback, for the demonstration and the tests. It lives in a throwaway folder and dies with us.

Synapse runs as a child process that ends itself as soon as its standard input closes, so that not even `kill -9` of this
process leaves it behind.
"""

import base64
import contextlib
import hashlib
import hmac
import importlib.util
import json
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from grouparchive.errors import GroupArchiveError, UsageError

SERVER_NAME = "demo.test"
START_SECONDS = 60.0

_KEEP = b"keep"
# Runs Synapse in this very process, with a thread that ends it once our side of its standard input is gone, and that
# removes its folder unless we said to keep it: after a kill -9 of ours nobody else would.
_GUARD = """
import os, runpy, shutil, sys, threading
folder = os.path.dirname(sys.argv[1])
def watch():
    said = b""
    while more := os.read(0, 4096):
        said += more
    if said != b"keep":
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)
threading.Thread(target=watch, daemon=True).start()
sys.argv = ["synapse", "-c", sys.argv[1]]
runpy.run_module("synapse.app.homeserver", run_name="__main__")
"""


_PURGES = 4


class Homeserver:
    """A running Synapse; use it as a context manager.

    It knows two application services: one whose users begin with `ga_` (what a group's own server would give to
    grouparchive: `as_token`), and one for seeding that may act as anybody (`seed_token`).

    Args:
        folder: where its files go, a folder of its own inside. None: a place in memory where there is one, else temporary.

    Raises:
        UsageError: Synapse is not installed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if importlib.util.find_spec("synapse") is None:
            raise UsageError(
                "this needs a homeserver, and none is installed",
                hint='Install it with: pip install "grouparchive[demo]"',
            )
        shm = Path("/dev/shm")  # noqa: S108 - in memory Synapse is twice as fast; mkdtemp keeps the folder ours
        base = folder or (shm if os.access(shm, os.W_OK) else None)
        self.folder = Path(tempfile.mkdtemp(prefix="grouparchive-synapse-", dir=base))
        self.server_name = SERVER_NAME
        self.as_token = secrets.token_urlsafe(24)
        self.seed_token = secrets.token_urlsafe(24)
        self.url = ""
        self.admin_token = ""
        self._shared_secret = secrets.token_urlsafe(24)
        self._process: subprocess.Popen[bytes] | None = None
        self._http: httpx.Client | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The server's process id; 0 when it does not run."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            GroupArchiveError: it does not come up.
        """
        try:
            for attempt in range(3):  # the free port may be taken by somebody else before Synapse has it
                try:
                    self._launch(_free_port())
                    break
                except GroupArchiveError:
                    if attempt == 2:
                        raise
                    self._end_process(_KEEP)
            self.admin_token = self.register("server-admin", admin=True)
            for token, localpart in ((self.as_token, "ga_service"), (self.seed_token, "seed-service")):
                body = {"type": "m.login.application_service", "username": localpart, "inhibit_login": True}
                self.call("POST", "/_matrix/client/v3/register", token, body)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server and remove its files. May be called twice."""
        if self._http:
            self._http.close()
            self._http = None
        self._end_process()
        shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self) -> None:
        """End it and start it again on the same port with the same data."""
        self._end_process(_KEEP)
        self._launch(int(self.url.rsplit(":", 1)[1]))

    def settle(self) -> None:
        """After seeding thousands of posts: let SQLite count its tables, as PostgreSQL does by itself, and start again.

        Without it SQLite finds the edits of a page by walking all posts: a room of 10,000 is read 20 times slower.
        """
        self._end_process(_KEEP)
        with contextlib.closing(sqlite3.connect(self.folder / "homeserver.db")) as database:
            database.execute("ANALYZE")
            database.commit()
        self._launch(int(self.url.rsplit(":", 1)[1]))

    def register(self, localpart: str, *, admin: bool = False, password: str = "") -> str:
        """Make an account and give its access token.

        Raises:
            GroupArchiveError: it cannot be made.
        """
        path = "/_synapse/admin/v1/register"
        nonce = self.call("GET", path)["nonce"]
        password = password or secrets.token_urlsafe(12)
        signed = "\0".join((nonce, localpart, password, "admin" if admin else "notadmin"))
        mac = hmac.new(self._shared_secret.encode(), signed.encode(), hashlib.sha1).hexdigest()  # as Synapse defines it
        body = {"nonce": nonce, "username": localpart, "password": password, "admin": admin, "mac": mac}
        return str(self.call("POST", path, body=body)["access_token"])

    def user_id(self, localpart: str) -> str:
        """The full handle of a local account."""
        return f"@{localpart}:{self.server_name}"

    def call(
        self, method: str, path: str, token: str = "", body: Any = None, params: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """One plain call, for seeding and for acting as a member. `body` is JSON, or bytes to upload.

        Raises:
            GroupArchiveError: the server did not answer with 200.
        """
        if self._http is None:
            self._http = httpx.Client(timeout=60.0, trust_env=False)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        content: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = self._http.request(method, self.url + path, headers=headers, params=params, **content)
        if answer.status_code != httpx.codes.OK:
            raise GroupArchiveError(f"the homeserver answered {answer.status_code} to {method}: {answer.text[:200]}")
        found: dict[str, Any] = answer.json()
        return found

    def download(self, path: str, token: str) -> bytes:
        """The bytes behind a media path.

        Raises:
            GroupArchiveError: the server did not answer with 200.
        """
        if self._http is None:
            self._http = httpx.Client(timeout=60.0, trust_env=False)
        answer = self._http.get(self.url + path, headers={"Authorization": f"Bearer {token}"})
        if answer.status_code != httpx.codes.OK:
            raise GroupArchiveError(f"the homeserver answered {answer.status_code} to a download")
        return answer.content

    def delete_room(self, room: str) -> None:
        """Purge a room through the server's admin interface, as an attacker who owns the server's admin account would.

        Raises:
            GroupArchiveError: it cannot be purged.
        """
        path = f"/_synapse/admin/v1/rooms/{quote(room, safe='')}"
        for left in reversed(
            range(_PURGES)
        ):  # seen: 500 while the server is still busy with the room; it can be repeated
            try:
                self.call("DELETE", path, self.admin_token, {"purge": True, "force_purge": True, "block": False})
            except GroupArchiveError:
                if not left:
                    raise
                time.sleep(1)
            else:
                return

    def _launch(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        config = self._write_config(port)
        log = os.open(self.folder / "console.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter with our own files
                [sys.executable, "-c", _GUARD, str(config)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C at the terminal is for us: we stop it in order
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        finally:
            os.close(log)
        deadline = time.monotonic() + START_SECONDS
        with httpx.Client(timeout=5.0, trust_env=False) as http:
            while time.monotonic() < deadline and self._process.poll() is None:
                with contextlib.suppress(httpx.TransportError):
                    if http.get(f"{self.url}/health").status_code == httpx.codes.OK:
                        return
                time.sleep(0.05)
        raise GroupArchiveError("the homeserver did not start", hint="Run this again; its log is lost with its folder.")

    def _end_process(self, say: bytes = b"") -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin:
            with contextlib.suppress(OSError):
                process.stdin.write(say)
                process.stdin.close()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _write_config(self, port: int) -> Path:
        key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        if not (self.folder / "signing.key").exists():
            _write(self.folder / "signing.key", f"ed25519 a_demo {key}\n")
        services = []
        # Nobody else may make accounts that begin with ga_: then Synapse computes no notifications for stand-ins.
        for name, token, sender, regex, only in (
            ("restore", self.as_token, "ga_service", f"@ga_.*:{SERVER_NAME}", True),
            ("seeding", self.seed_token, "seed-service", f"@.*:{SERVER_NAME}", False),
        ):
            service = {
                "id": name,
                "url": None,
                "as_token": token,
                "hs_token": secrets.token_urlsafe(24),
                "sender_localpart": sender,
                "rate_limited": False,
                "namespaces": {"users": [{"exclusive": only, "regex": regex}], "aliases": [], "rooms": []},
            }
            path = self.folder / f"service-{name}.json"
            _write(path, json.dumps(service))  # JSON is YAML
            services.append(str(path))
        config = self.folder / "homeserver.yaml"
        _write(config, json.dumps(self._config(port, services)))
        return config

    def _config(self, port: int, services: list[str]) -> dict[str, Any]:
        fast = {"per_second": 100_000, "burst_count": 100_000}
        log = self.folder / "log.yaml"
        _write(log, json.dumps({"version": 1, "root": {"level": "ERROR"}, "disable_existing_loggers": False}))
        return {
            "server_name": SERVER_NAME,
            "public_baseurl": self.url,
            "pid_file": str(self.folder / "homeserver.pid"),
            "listeners": [
                {
                    "port": port,
                    "bind_addresses": ["127.0.0.1"],
                    "type": "http",
                    "resources": [{"names": ["client", "media"], "compress": False}],
                }
            ],
            "database": {"name": "sqlite3", "args": {"database": str(self.folder / "homeserver.db")}},
            "media_store_path": str(self.folder / "media"),
            "signing_key_path": str(self.folder / "signing.key"),
            "log_config": str(log),
            "registration_shared_secret": self._shared_secret,
            "macaroon_secret_key": secrets.token_urlsafe(24),
            "form_secret": secrets.token_urlsafe(24),
            "report_stats": False,
            "stats": {"enabled": False},  # counting costs time with every event, and only /hierarchy would need it
            "gc_thresholds": [100_000, 20, 20],  # short-lived, and small: memory matters less than speed here
            "suppress_key_server_warning": True,
            "trusted_key_servers": [],
            "federation_domain_whitelist": [],
            "bcrypt_rounds": 4,
            "presence": {"enabled": False},
            "user_directory": {"enabled": False, "search_all_users": False},
            "url_preview_enabled": False,
            "enable_registration": False,
            "caches": {"sync_response_cache_duration": "0s"},
            "app_service_config_files": services,
            "rc_message": fast,
            "rc_registration": fast,
            "rc_login": {"address": fast, "account": fast, "failed_attempts": fast},
            "rc_joins": {"local": fast, "remote": fast},
            "rc_joins_per_room": fast,
            "rc_invites": {"per_room": fast, "per_user": fast, "per_issuer": fast},
            "rc_room_creation": fast,
            "rc_admin_redaction": fast,
            "rc_media_create": fast,
            "rc_reports": fast,
        }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
