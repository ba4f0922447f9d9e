"""The whole story on a real homeserver: a community backed up, destroyed, rebuilt and quietly invited back.

The admin's part is played through the command line itself, as separate processes with their own profile; the members and the
attacker act through the homeserver's ordinary client interface. The tests run the same story on a smaller community.
"""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from grouparchive.demo import scan, table, words
from grouparchive.demo.community import Account, Community, Size
from grouparchive.demo.homeserver import Homeserver
from grouparchive.demo.screen import Screen
from grouparchive.errors import GroupArchiveError

ARCHIVE = "lane.archive"
PLAN = "lane.plan"
PASSPHRASE = "correct lantern kettle hedgehog thistle barrow plum seven"  # noqa: S105 - of an invented archive
_CLIENT = "/_matrix/client/v3"
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


class Story:
    """One run. The parts are called in order; each gives what the tests look at.

    Args:
        server: a running homeserver.
        community: not yet seeded.
        folder: an empty folder: the admin's computer.
        screen: where to tell it.
        absent: how many members never answer.
    """

    def __init__(
        self, server: Homeserver, community: Community, folder: Path, screen: Screen, *, absent: int = 3
    ) -> None:
        self.server = server
        self.community = community
        self.folder = folder
        self.screen = screen
        self.absent = absent
        self.before: dict[str, table.RoomSeen] = {}
        self.moment = ""
        self.digest = ""
        self.space = ""  # the rebuilt one
        self.rooms: list[str] = []

    def tell(self) -> None:
        """All of it."""
        self.seed()
        self.set_up()
        self.back_up()
        self.live_on()
        self.attack()
        self.plan()
        self.apply()
        self.invite()
        self.arrive()
        self.reveal()
        self.compare()

    # --- before the attack ---

    def seed(self) -> None:
        """The community comes to life."""
        size, screen = self.community.size, self.screen
        screen.heading("A community")
        screen.text(
            f"A homeserver of our own starts on this machine, and an invented community on it: the Space "
            f"“{words.SPACE_NAME}” with {len(words.ROOMS)} rooms, one of them only for moderators, {size.members} members, "
            f"{size.posts} posts over a year with pictures, threads, edits, reactions and pins, {size.bans} people banned."
        )
        self.community.seed()
        screen.fact(f"It lives at {self.server.url}, for as long as this takes.")

    def set_up(self) -> None:
        """The admin makes an archive and names the source."""
        screen = self.screen
        screen.heading("The admin sets up the backup, once")
        screen.text(
            "The archive is made with a passphrase and a recovery file. Both then leave this computer; here they wait "
            "in the folder “drawer”. The token is one that the admin's own account has."
        )
        drawer = self.folder / "drawer"
        drawer.mkdir(mode=0o700)
        self._write("drawer/passphrase.txt", PASSPHRASE)
        self._write("drawer/token.txt", self.community.admin.token)
        self.run(
            "init", ARCHIVE, "--passphrase-file", "drawer/passphrase.txt", "--recovery-file", "drawer/recovery.txt"
        )
        self.run("source", "add", "lane", "matrix", f"origin={self.server.url}", "token-file=drawer/token.txt")

    def back_up(self) -> None:
        """The first backup, and what a thief of this computer would find."""
        self.screen.heading("The first backup asks for no secret")
        self.run("backup", "lane")
        self.scan()

    def scan(self) -> None:
        """Everything on the backup machine, looked through for the members and what they wrote."""
        planted = [
            text
            for account in (*self.community.members, *self.community.banned)
            for text in (account.user, account.name)
        ]
        hits, size = scan.found(self.machine(), [*planted, "(note ", words.SPACE_TOPIC])
        if hits:
            raise GroupArchiveError(f"{len(hits)} planted texts can be read on the backup machine")
        self.screen.fact(
            f"Write-only: in all {size / 1e6:.1f} MB that lie on this computer now (archive, profile, state), none of "
            f"{len(planted)} handles and names can be read, and not one post."
        )

    def machine(self) -> list[Path]:
        """What a thief of the backup machine gets: everything but the drawer."""
        return [path for path in self.folder.iterdir() if path.name != "drawer"]

    def live_on(self) -> None:
        """More posts, a second backup: only what is new."""
        self.screen.heading("Life goes on; the next backup takes only what is new")
        self.community.live_on()
        self.screen.text(f"{self.community.size.later_posts} more posts.")
        self.run("backup", "lane")
        self.before = table.look(self.server, self.community.admin.token, self.community.space)
        time.sleep(1.1)  # the moment is told in whole seconds
        self.moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    # --- the attack ---

    def attack(self) -> None:
        """Somebody has taken over the admin's account; a scheduled backup runs meanwhile; then all is deleted."""
        screen = self.screen
        screen.heading(f"The attack, after {self.moment}")
        members, posts = self.community.attack()
        screen.text(
            f"Somebody has the admin's account: {members} members are thrown out, {posts} posts deleted, the rooms' topics "
            f"and pins wiped. The scheduled backup runs in the middle of it."
        )
        self.run("backup", "lane")
        self.community.destroy()
        screen.text("Then the Space and all rooms are deleted at the server. The next scheduled backup finds nothing.")
        self.run("backup", "lane", ok=(3, 20))
        screen.fact(
            "A deletion at the platform deletes nothing from the archive; it is recorded as a gap (exit code 3)."
        )

    # --- the way back ---

    def plan(self) -> None:
        """Unlock, and plan as of before the attack."""
        screen = self.screen
        screen.heading("The way back: open the archive, plan as of before the attack")
        screen.text(
            "The passphrase comes out of the drawer. The server's owner lends an application service, so that posts can "
            "bear their original times; nobody is impersonated: stand-in names are invented."
        )
        self._write("drawer/service.txt", self.server.as_token)
        origin = f"origin={self.server.url}"
        self.run(
            "source", "add", "home", "matrix", origin, "token-file=drawer/token.txt", "as-token-file=drawer/service.txt"
        )
        made = self.unlocked(
            "plan", words.SPACE_NAME, "--to", "home", "--as-of", self.moment,
            "--content", "all", "--authors", "ghost", "-o", PLAN,
        )  # fmt: skip
        shown = self.unlocked("show", PLAN)
        digests = set(_DIGEST.findall(made) + _DIGEST.findall(shown))
        if len(digests) != 1:
            raise GroupArchiveError("the plan's digest was not told")
        self.digest = digests.pop()

    def apply(self, *options: str) -> None:
        """Do what was reviewed."""
        self.screen.heading("Apply exactly what was reviewed; nobody is contacted")
        self.unlocked("apply", PLAN, "--expect", self.digest, *options)

    def invite(self) -> None:
        """The human decision, recorded; then one invitation for each."""
        self.screen.heading("Invite: everyone is on hold until a person decides")
        self.unlocked("invite", "prepare", PLAN, "--release", "all")
        self.unlocked("invite", "send", PLAN, "--at-once")

    def arrive(self) -> None:
        """What the invited see, and that they come by their own decision."""
        screen, guests = self.screen, self.community.guests
        screen.heading("What the invited see, and how they come back")
        invites = self._each(self._invites, guests)
        if any(len(found) != 1 for found in invites):
            raise GroupArchiveError("a member has not exactly one invitation")
        self.space = next(iter(invites[0]))
        names = [words.SPACE_NAME, words.SPACE_TOPIC, *(text for room in words.ROOMS for text in room[1:3])]
        told = sum(name in str(found) for found in invites for name in names)
        label = next(event["content"]["name"] for event in invites[0][self.space] if event["type"] == "m.room.name")
        screen.fact(
            f"{len(guests)} members have one invitation each, to “{label}”; nobody was joined without their own doing."
        )
        if told:
            raise GroupArchiveError("an invitation tells a name of the group")
        screen.fact("No invitation holds the name or topic of the group or of any room.")
        coming = guests[: len(guests) - self.absent]
        self._each(lambda account: self._join(account, [self.space]), coming)
        self.rooms = self._below(coming[0].token)
        joined = sum(self._each(lambda account: self._join(account, self.rooms), coming))
        screen.fact(f"{len(coming)} of them accept, by their own client, and enter {joined} times into open rooms.")
        self.unlocked("invite", "send", PLAN, "--at-once")
        inner = [account for account in coming if account.level >= 50]
        more = self._each(self._invites, inner)
        places = {place for found in more for place in found}
        self._each(lambda both: self._join(both[0], list(both[1])), list(zip(inner, more, strict=True)))
        self.rooms += places
        screen.fact(f"The private room invites {sum(map(len, more))} moderators, now that they are back.")
        unread = sum(self._each(self._unread, coming))
        if unread:
            raise GroupArchiveError("the replay left unread notifications")
        screen.fact("Unread notifications from the replayed year: 0.")
        self.unlocked("invite", "status", PLAN)

    def reveal(self) -> None:
        """Names, topics, pictures and roles come back."""
        self.screen.heading("People are back: reveal the name, give the roles back")
        self.unlocked("apply", PLAN, "--reveal", "--expect", self.digest)

    def compare(self) -> list[table.Row]:
        """Before and after, by the homeserver's own answers."""
        screen = self.screen
        screen.heading("Before and after")
        after = table.look(self.server, self.community.admin.token, self.space)
        away = frozenset(account.user for account in self.community.guests[len(self.community.guests) - self.absent :])
        rows = table.compare(self.before, after, absent=away)
        screen.table(rows)
        wrong = sum(row.unexplained for row in rows)
        screen.blank()
        if wrong:
            raise GroupArchiveError(f"{wrong} differences that nothing explains")
        screen.fact(
            "0 unexplained differences. Compared by plain client calls, sharing no code with backup or restore."
        )
        self.unlocked("report", PLAN)
        return rows

    # --- small things ---

    def run(self, *arguments: str, ok: tuple[int, ...] = (0,), shown: bool = True, quiet: bool = False) -> str:
        """One command of ours, in a process of its own; what it wrote on stdout.

        Raises:
            GroupArchiveError: its exit code is another one.
        """
        if not quiet:
            self.screen.command(shlex.join(["grouparchive", *arguments]))
        done = subprocess.run(  # noqa: S603 - our own command line
            [sys.executable, "-m", "grouparchive", "--no-input", *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in ok:
            self.screen.answer(done.stdout + done.stderr)
            raise GroupArchiveError(f"the command ended with code {done.returncode}")
        if shown and not quiet:
            self.screen.answer(done.stdout + done.stderr)
        return done.stdout

    def unlocked(self, *arguments: str, ok: tuple[int, ...] = (0,), shown: bool = True) -> str:
        """One command that opens the archive."""
        return self.run(*arguments, "--passphrase-file", "drawer/passphrase.txt", ok=ok, shown=shown)

    def environment(self) -> dict[str, str]:
        """Two settings in place of two options on each line, and a temp folder of its own, which is scanned too."""
        temp = self.folder / "temp"
        temp.mkdir(exist_ok=True)
        here = {"GROUPARCHIVE_ARCHIVE": ARCHIVE, "GROUPARCHIVE_PROFILE": "profile", "TMPDIR": str(temp)}
        return {**os.environ, **here, "HOME": str(self.folder), "NO_COLOR": "1"}

    def _write(self, name: str, text: str) -> None:
        handle = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text + "\n")

    def _invites(self, account: Account) -> dict[str, list[dict[str, Any]]]:
        """Pending invitations as the member's client gets them: room -> the stripped state."""
        answer = self.server.call("GET", f"{_CLIENT}/sync", account.token, params={"timeout": 0})
        invited = answer.get("rooms", {}).get("invite", {})
        return {room: found["invite_state"]["events"] for room, found in invited.items()}

    def _unread(self, account: Account) -> int:
        little = '{"room":{"timeline":{"limit":1},"state":{"lazy_load_members":true}}}'
        answer = self.server.call("GET", f"{_CLIENT}/sync", account.token, params={"timeout": 0, "filter": little})
        rooms = answer.get("rooms", {}).get("join", {})
        ours = (found for room, found in rooms.items() if room in {self.space, *self.rooms})
        return sum(found.get("unread_notifications", {}).get("notification_count", 0) for found in ours)

    def _join(self, account: Account, places: list[str]) -> int:
        for place in places:
            self.server.call("POST", f"{_CLIENT}/join/{quote(place)}", account.token, {})
        return len(places)

    def _below(self, token: str) -> list[str]:
        """The rooms of the rebuilt Space that a member may enter, as the member finds out: by trying each."""
        state: Any = self.server.call("GET", f"{_CLIENT}/rooms/{quote(self.space)}/state", token)
        children = [event["state_key"] for event in state if event["type"] == "m.space.child"]
        entered = []
        for room in children:
            with contextlib.suppress(GroupArchiveError):  # a private one refuses whom it did not invite
                self.server.call("POST", f"{_CLIENT}/join/{quote(room)}", token, {})
                entered.append(room)
        return entered

    def _each(self, act: Any, items: list[Any]) -> list[Any]:
        with ThreadPoolExecutor(6) as pool:
            return list(pool.map(act, items))  # an error or Ctrl-C cancels what has not begun


def run(*, size: Size | None = None, screen: Screen | None = None) -> None:
    """Tell the whole story. Leaves the archive behind to play with, and no process.

    Raises:
        GroupArchiveError: something did not come out as it must.
    """
    screen = screen or Screen()
    folder = Path(tempfile.mkdtemp(prefix="grouparchive-demo-"))
    screen.text(
        "grouparchive, the whole story in about a minute. Everything happens on this machine, with invented people, in "
        f"{folder}"
    )
    start = time.monotonic()
    try:
        with Homeserver() as server:
            Story(server, Community(server, size), folder, screen).tell()
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except GroupArchiveError:
        screen.text(f"That should not have happened. What there is lies in {folder}")
        raise
    screen.heading(f"Done in {time.monotonic() - start:.0f} seconds; the homeserver is stopped")
    program = "grouparchive" if shutil.which("grouparchive") else str(Path(sys.executable).with_name("grouparchive"))
    way_in = "--passphrase-file drawer/passphrase.txt"
    screen.text("Where to look next. The archive is still there, and opens without any server:")
    screen.listing(
        [
            (f"cd {folder}; export GROUPARCHIVE_PROFILE=profile GROUPARCHIVE_ARCHIVE={ARCHIVE}", ""),
            (f"{program} search hedgehogs {way_in}", "search it"),
            (f"{program} export '{words.SPACE_NAME}' --format html -o site {way_in}", "read it as a small site"),
            (f"{program} verify", "check its chain and every byte, without a secret"),
            (f"rm -r {folder}", "remove all of it"),
        ]
    )
    screen.text("docs/FORMAT.md says what is in the file, docs/THREATS.md what it does not protect against.")
