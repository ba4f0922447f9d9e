"""A live, read-only look at a Matrix credential: whose power it is, in counts and plain sentences. Names nobody."""

import httpx

from grouparchive.errors import NotFound, Refused
from grouparchive.model.ports import Check, Source
from grouparchive.platforms.matrix.api import Json, MatrixApi, client, seg
from grouparchive.platforms.matrix.connector import MatrixConnector


def check(source: Source, *, transport: httpx.BaseTransport | None = None) -> Check:
    """What a thief could do with this source's tokens.

    Raises:
        UsageError: the origin or the token is missing or malformed.
        Refused: the token is revoked.
        PlatformError: the server cannot be reached.
    """
    connector = MatrixConnector(source, lambda *_: "0" * 32, transport=transport)
    try:
        joined, spaces, rooms = connector.administered()
        owner = connector.api.whoami().user_id
        server_admin = _is_server_admin(connector.api, owner)
    finally:
        connector.close()
    can = [
        f"read everything in {_many(joined, 'room')} that is not end-to-end encrypted, also the lists of members",
        "write, and leave rooms, in the name of the account",
    ]
    if spaces or rooms:
        can.append(
            f"in {_many(spaces, 'Space')} and {_many(rooms, 'room')}: delete posts, remove and ban members, change names, "
            "settings and who may do what; that is how a group is destroyed"
        )
    can.append("not read end-to-end encrypted messages: their keys are not in this credential")
    warnings = []
    if not (spaces or rooms):
        warnings.append("This account administers no Space and no room: there is nothing to back up.")
    if server_admin:
        can.append("administer the whole server: delete any room with its history, take over any account")
        warnings.append("This is a server administrator's token. Use an account that only administers the group.")
    as_token = source.secrets.get("as-token", "").strip()
    if as_token:
        _check_service(connector.origin, as_token, transport)
        can.append("make stand-in accounts on the server and post as them with any date (application service)")
    return Check(origin=connector.origin, ok=bool(spaces or rooms), can=tuple(can), warnings=tuple(warnings))


def _is_server_admin(api: MatrixApi, user: str) -> bool:
    """Synapse answers this question only to its administrators; elsewhere the path does not exist."""
    try:
        return api.http.get(f"/_synapse/admin/v1/users/{seg(user)}/admin", Json).get("admin") is True
    except (Refused, NotFound):
        return False


def _check_service(origin: str, token: str, transport: httpx.BaseTransport | None) -> None:
    with MatrixApi(client(origin, token, transport)) as api:
        try:
            api.whoami()
        except Refused as error:
            raise Refused("the server does not accept the application service's token") from error.__cause__


def _many(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"
