"""The sandbox keeps the contracts of all platforms, and a few promises of its own."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from connector_contract import ConnectorContract
from messenger_contract import MessengerContract
from sandbox_stages import HANDLES, SandboxConnectorStage, SandboxMessengerStage, SandboxTargetStage
from target_contract import TargetContract

from grouparchive.errors import NotFound, PlatformError, Refused, UsageError
from grouparchive.model.ports import PersonalMessage, Source
from grouparchive.model.records import Message
from grouparchive.platforms import registry
from grouparchive.platforms.sandbox.connector import SandboxConnector
from grouparchive.platforms.sandbox.messenger import SandboxMessenger
from grouparchive.platforms.sandbox.world import KEEPER, World


class TestSandboxConnector(ConnectorContract):
    stage = SandboxConnectorStage

    @pytest.fixture
    def connector_stage(self, tmp_path: Path) -> Iterator[SandboxConnectorStage]:
        with closing(SandboxConnectorStage(tmp_path)) as stage:
            yield stage


class TestSandboxTarget(TargetContract):
    @pytest.fixture
    def target_stage(self, tmp_path: Path) -> Iterator[SandboxTargetStage]:
        with closing(SandboxTargetStage(tmp_path)) as stage:
            yield stage


class TestSandboxMessenger(MessengerContract):
    @pytest.fixture
    def messenger_stage(self, tmp_path: Path) -> Iterator[SandboxMessengerStage]:
        with closing(SandboxMessengerStage(tmp_path)) as stage:
            yield stage


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path / "world")) as made:
        yield made


def test_it_is_found_by_name(world: World, tmp_path: Path) -> None:
    platform = registry.load("sandbox")
    source = Source(name="lane", platform="sandbox", options={"file": str(tmp_path / "world")})
    first = platform.check(source)
    assert first.ok
    assert first.warnings
    world.create_group("Lantern lane")
    assert not platform.check(source).warnings
    assert platform.check(source).origin == first.origin == world.origin
    connector = platform.connector(source, lambda *_: "0" * 32)
    assert len(list(connector.groups())) == 1
    connector.close()
    message = Message(channel="c", ref="r", time=1, text="hello")
    assert platform.opener([], lambda *_: "0" * 32)(message) is message
    with pytest.raises(UsageError):
        platform.keys(b"", "")


def test_a_source_without_a_file_is_refused() -> None:
    with pytest.raises(UsageError):
        registry.load("sandbox").check(Source(name="lane", platform="sandbox"))


def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear all, this is no database at all" * 50)
    with pytest.raises(PlatformError):
        World(tmp_path / "letter")


def test_who_may_come_in(world: World) -> None:
    ada, ben = HANDLES["ada"], HANDLES["ben"]
    group = world.create_group("Lane")
    room = world.create_channel(group, "Kitchen")
    with pytest.raises(Refused):
        world.join(group, ada)
    world.person(ada)
    world.invite(group, ada)
    world.join(group, ada)
    with pytest.raises(Refused):
        world.join(room, ada)
    world.configure(room, "m.room.join_rules", '{"join_rule":"restricted"}')
    world.join(room, ada)
    with pytest.raises(Refused):
        world.join(room, ben)
    world.configure(room, "m.room.join_rules", '{"join_rule":"public"}')
    world.join(room, ben)
    world.ban(room, ben)
    with pytest.raises(Refused):
        world.join(room, ben, force=True)


def test_posts_are_unread_for_who_is_there(world: World) -> None:
    ada, ben = HANDLES["ada"], HANDLES["ben"]
    group = world.create_group("Lane")
    world.join(group, ada, force=True)
    world.post(group, KEEPER, "one")
    world.join(group, ben, force=True)
    world.post(group, KEEPER, "two")
    assert world.sync_of(ada).unread == {group: 2}
    assert world.sync_of(ben).unread == {group: 1}
    with pytest.raises(Refused):
        world.post(group, HANDLES["cyd"], "let me in")


def test_a_deleted_group_leaves_nothing_to_read(world: World, tmp_path: Path) -> None:
    group = world.create_group("Lane")
    world.post(group, KEEPER, "one")
    world.delete_group(group)
    connector = SandboxConnector(tmp_path / "world", lambda *_: "0" * 32)
    assert list(connector.groups()) == []
    with pytest.raises(NotFound):
        list(connector.pages(group, {}))
    connector.close()


def test_a_warning_is_delivered_once(world: World, tmp_path: Path) -> None:
    world.person(HANDLES["ada"])
    messenger = SandboxMessenger(tmp_path / "world")
    message = PersonalMessage(key="k", recipient=HANDLES["ada"], kind="message", text="do not answer")
    assert messenger.find(message) is None
    assert messenger.send(message).status == "done"
    assert messenger.send(message).status == "already"
    messenger.close()
    assert world.sync_of(HANDLES["ada"]).inbox == ["do not answer"]
