"""A live look at a mail account: in, and out again. Nothing is sent."""

from grouparchive.errors import Refused
from grouparchive.model.ports import Check, Source
from grouparchive.platforms.smtp import addresses
from grouparchive.platforms.smtp.account import account_of
from grouparchive.platforms.smtp.answers import AccountShut
from grouparchive.platforms.smtp.session import Patience, Session


def check(source: Source, *, patience: Patience | None = None) -> Check:
    """What a thief could do with this account's password.

    Raises:
        UsageError: a setting is missing or malformed.
        Refused: the server does not let the account in, or cannot be trusted.
        Flood: it objects to us.
        PlatformError: it cannot be reached.
    """
    account = account_of(source)
    shut: AccountShut | None = None
    try:
        Session(account, patience or Patience()).close()
    except AccountShut as error:
        shut = error
    if shut is not None:
        refused = Refused(shut.message, hint=shut.hint)
        refused.__cause__ = shut.__cause__
        raise refused
    warnings = ["Use an account that exists for this alone, and an app password: it can be revoked by itself."]
    login = addresses.parse(account.user)
    if login is not None and login.wire.lower() != account.sender.wire.lower():
        warnings.append(
            "The account logs in with another address than from=... . Providers may refuse that, or mark such mail as spam."
        )
    if not account.unsubscribe:
        warnings.append("There is no unsubscribe=...: people can only say never again by answering.")
    return Check(
        origin=account.origin,
        ok=True,
        can=(
            "send mail in your name, to anybody, from this account's address",
            "with many providers, read and delete all mail of the account by the same password, and by that get into others",
        ),
        warnings=tuple(warnings),
    )
