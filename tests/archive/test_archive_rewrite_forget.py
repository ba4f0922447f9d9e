"""`forget`: gone from every object, gone from every reading, also when they come back; and nobody else loses anything."""

import shutil
from typing import Any

import pytest
from rewrite_kit import (
    DAY,
    FERN,
    HANDLES,
    MOSS,
    NAMES,
    REED,
    assert_gone,
    everything,
    first_run,
    member,
    post,
    roster,
    stored,
    who,
)

from grouparchive.archive.attended import attend, read_attended
from grouparchive.archive.fold import fold
from grouparchive.archive.forget import forget
from grouparchive.archive.moment import Moment
from grouparchive.archive.reader import Archive
from grouparchive.archive.search import search
from grouparchive.archive.suppressed import Hidden
from grouparchive.archive.union import make_twins, overlay
from grouparchive.archive.verify import verify, verify_deep
from grouparchive.errors import UsageError, WrongSecret
from grouparchive.model.attended import Attended
from grouparchive.model.records import NOBODY, Edit, Fact, Member, Message, Reaction, Roster

THEIRS = [HANDLES[MOSS], NAMES[MOSS], who(MOSS), who(MOSS, 1), "heather", "moss@lane", "face of moss", "mxc://moss"]


def back(made: Any, run: int = 1) -> None:
    """A backup after the erasure: Moss is still in the group, and has written again."""
    made.write(
        [
            member(MOSS, run),
            member(FERN, run),
            *roster(run, MOSS, FERN, REED, bans=()),
            member(REED, run),
            post(MOSS, 20 + run, run, text="heather once more"),
            post(FERN, 30 + run, run, text=f"welcome {{member:{who(MOSS, run)}}}", mentions=(who(MOSS, run),)),
        ]
    )


def assert_nowhere(view: Any, readers: list[Any]) -> None:
    posts = list(view.posts("!a"))
    assert all(one.message.author != who(MOSS) for one in posts)
    shown = "\n".join(
        map(
            repr,
            [
                view.groups(),
                view.members,
                view.people("!g"),
                view.bans("!g"),
                view.settings("!a"),
                list(view.timeline("!a")),
                posts,
                view.gaps(),
            ],
        )
    )
    for word in THEIRS:
        assert word not in shown, word
    assert view.attachment("mxc://moss") is None
    assert view.attachment("mxc://face/1", "roster") is None
    assert view.message("!a", "$m1") is None
    hidden = Hidden(readers)
    hits = [hit for reader in readers for _, hit in search(reader, ["heather"], hidden=hidden)]
    assert hits == []
    for reader in readers:
        for _, hit in search(reader, ["e"], hidden=hidden):
            assert not any(word in repr(hit) for word in THEIRS)


def test_nothing_of_them_is_left_in_any_object_and_their_bytes_are_in_no_byte_of_the_file(made: Any) -> None:
    first_run(made)
    before = stored(made.path)
    held = everything(made.reader())
    assert [word for word in THEIRS if word.encode() not in held] == [who(MOSS, 1)]
    report = forget(made.reader(), HANDLES[MOSS], home=made.home)
    assert verify(made.path, pinned=made.pin).ok
    reader = made.reader()
    data = everything(reader)
    assert [word for word in THEIRS if word.encode() in data] == []
    assert assert_gone(made.path, before) == 5  # posts, people, the note, a file, a face
    assert verify_deep(reader).ok
    assert dict(report.records) == {
        "member": 1, "membership": 1, "fact": 1, "message": 1, "edit": 1, "reaction": 2, "vote": 1,
    }  # fmt: skip
    assert (report.files, report.named, report.known) == (2, 1, False)
    assert not list(made.folder.glob("*.rewrite*"))
    assert_nowhere(made.view(), [reader])


def test_everybody_else_keeps_what_is_theirs(made: Any) -> None:
    first_run(made)
    made.write([post(FERN, 12)])
    before = stored(made.path)
    forget(made.reader(), HANDLES[MOSS])
    after = stored(made.path)
    same = before.keys() & after.keys()
    assert all(before[oid] == after[oid] for oid in same)
    untouched = {e.oid for c in made.reader().commits if c.seq in {0, 2} for e in c.objects}
    assert untouched <= same
    view = made.view()
    texts = [one.text for one in view.posts("!a")]
    assert texts == [
        f"thanks {{member:{NOBODY}}}",
        "as moss canary said",
        "words 4",
        "words 5",
        "still nothing",
        "words 12",
    ]
    posts = {one.message.ref: one for one in view.posts("!a")}
    assert posts["$m2"].message.mentions == (NOBODY,)
    assert posts["$m2"].message.html == f"<b>{{member:{NOBODY}}}</b>"
    assert posts["$m4"].message.data == f'{{"target":"{NOBODY}"}}'
    assert [one.key for one in posts["$m2"].reactions] == ["z"]
    assert view.settings("!a")[0].value == f'{{"users":{{"{NOBODY}":100,"{who(FERN)}":50}}}}'
    assert [one.id for one in view.people("!g")] == [who(FERN)]
    assert [(ban.member, ban.by) for ban in view.bans("!g")] == [(who(REED), NOBODY)]
    for ref in ("mxc://both", "mxc://same", "mxc://group"):
        attachment = view.attachment(ref)
        assert attachment
        assert len(b"".join(view.blob(attachment.blob))) == attachment.size
    assert view.attachment("mxc://face/2", "roster")
    records = [record for _, record in made.reader().records("roster")]
    assert [(one.members, one.bans) for one in records if isinstance(one, Roster)] == [(1, 1)]
    assert [one.value for one in records if isinstance(one, Fact)] == [NOBODY]
    assert [gap.scope for gap in view.gaps()] == [NOBODY]
    notes = [note for _, note in made.reader().commit_records()]
    assert notes[1].counts == {"messages": 6}
    assert notes[1].cursors == {"s": {"!g": {"at": "1"}}}
    assert [gap.scope for gap in notes[1].gaps] == [NOBODY]


def test_a_commit_keeps_an_object_of_each_kind_when_all_in_it_was_theirs(made: Any) -> None:
    made.write([member(MOSS), post(MOSS, 1)])
    forget(made.reader(), HANDLES[MOSS])
    kinds = [sorted(entry.kind for entry in commit.objects) for commit in made.reader().commits]
    assert kinds == [["record", "roster", "segment"]] * 2
    assert [r for _, r in made.reader().records("content") if isinstance(r, Message)] == []


def test_the_trace_names_nobody_and_is_sealed(made: Any) -> None:
    first_run(made)
    forget(made.reader(), HANDLES[MOSS])
    reader = made.reader()
    kinds = [one.statement.type for one in reader.archive.statements.signed]
    assert sorted(kinds) == ["attended", "rewrite"]
    [(_, said)] = list(read_attended(reader))
    assert said == Attended(forgotten=said.forgotten)
    assert len(said.forgotten) == 1
    assert said.forgotten[0].key.encode() not in made.path.read_bytes()


def test_each_trace_has_a_key_of_its_own(made: Any) -> None:
    """Else one table of tags, made once, would do for the traces of all archives that ever become open."""
    first_run(made)
    for person in (MOSS, FERN):
        forget(made.reader(), HANDLES[person])
    keys = {mark.key for _, said in read_attended(made.reader()) for mark in said.forgotten}
    assert len(keys) == 2
    assert all(len(set(bytes.fromhex(key))) > 10 for key in keys)


def test_who_comes_back_stays_hidden_and_the_next_forget_takes_them_out_again_without_another_trace(made: Any) -> None:
    first_run(made)
    forget(made.reader(), HANDLES[MOSS])
    back(made)
    view = made.view()
    assert_nowhere(view, [made.reader()])
    assert [one.id for one in view.people("!g")] == [who(FERN), who(REED)]
    assert view.counts()["members"] == 2
    assert view.counts()["messages"] == 6
    assert [one.text for one in view.posts("!a")][-1] == f"welcome {{member:{NOBODY}}}"
    assert HANDLES[MOSS].encode() in everything(made.reader())
    report = forget(made.reader(), HANDLES[MOSS], home=made.home)
    assert report.records["message"] == 1
    reader = made.reader()
    assert not any(word.encode() in everything(reader) for word in THEIRS)
    assert sum(len(said.forgotten) for _, said in read_attended(reader)) == 1
    again = made.path.read_bytes()
    assert forget(made.reader(), HANDLES[MOSS]).known
    assert made.path.read_bytes() == again


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("laid_over", [True, False])
def test_an_older_copy_brings_nobody_back(made: Any, *, newest_first: bool, laid_over: bool) -> None:
    first_run(made)
    copy = made.folder / "older.archive"
    shutil.copy(made.path, copy)
    forget(made.reader(), HANDLES[MOSS])
    back(made)
    archives = [Archive.open(path) for path in ((made.path, copy) if newest_first else (copy, made.path))]
    made.opened += archives
    if laid_over:
        overlay(archives)
    readers = [archive.unlock(made.key) for archive in archives]
    make_twins(readers)
    view = fold(readers)
    assert_nowhere(view, readers)
    assert [one.message.ref for one in view.posts("!a")] == ["$m2", "$m3", "$m4", "$m5", "$m6", "$m31"]
    assert view.damage() == []


def test_who_was_merged_by_the_owner_goes_as_one_person(made: Any) -> None:
    made.write([member(MOSS), member(FERN), member(REED), post(MOSS, 1), post(FERN, 2), post(REED, 3)])
    ids = {one: f"{one:032x}" for one in (MOSS, FERN)}
    people = tuple(Member(id=ids[one], platform="p", origin="o", native=HANDLES[one]) for one in ids)
    attend(
        made.reader(),
        Attended(
            members=people,
            facts=(
                Fact(member=ids[FERN], field="same-as", value=ids[MOSS]),
                Fact(member=ids[FERN], field="consent", key="keep", value="no"),
            ),
        ),
    )
    forget(made.reader(), who(MOSS))
    assert [one.message.ref for one in made.view().posts("!a")] == ["$m3"]
    reader = made.reader()
    said = [one for _, one in read_attended(reader)]
    assert said[0] == Attended()
    assert len(said[1].forgotten) == 2
    assert not any(HANDLES[one].encode() in everything(reader) for one in (MOSS, FERN))


def test_what_only_machines_call_the_same_is_not_taken_along(made: Any) -> None:
    made.write([member(MOSS), member(FERN), Fact(member=who(FERN), field="same-as", value=who(MOSS)), post(FERN, 2)])
    forget(made.reader(), HANDLES[MOSS])
    assert [one.message.ref for one in made.view().posts("!a")] == ["$m2"]


def test_a_deletion_by_them_still_hides_what_it_deleted(made: Any) -> None:
    first_run(made)
    made.write([post(FERN, 9, text="deleted by moss")])
    forget(made.reader(), HANDLES[MOSS])
    assert made.view().message("!a", "$m9") is None


def test_a_file_of_theirs_is_stored_again_when_somebody_else_posts_it(made: Any) -> None:
    first_run(made)
    forget(made.reader(), HANDLES[MOSS], home=made.home)
    with made.writer() as writer:
        assert writer.fresh_media("mxc://moss")
        assert not writer.fresh_media("mxc://both")
    made.write([member(REED, 5), post(REED, 15, 5)])
    assert verify(made.path).ok


def test_encrypted_messages_of_others_that_mention_them_are_opened_and_cleared(made: Any) -> None:
    def locked(person: int, number: int, inside: str) -> Message:
        return post(person, number, type="encrypted", text="", data=f'{{"ciphertext":"{inside}"}}')

    def opener(message: Message) -> Any:
        words = message.data[15:-2]
        if words == "shut":
            return message
        return post(
            FERN, int(message.ref[2:]), author=message.author, text=words.replace("MOSS", f"{{member:{who(MOSS)}}}")
        )

    made.write(
        [
            member(MOSS),
            member(FERN),
            locked(FERN, 1, "hello MOSS"),
            locked(FERN, 2, "hello"),
            locked(MOSS, 3, "mine"),
            locked(FERN, 4, "shut"),
        ]
    )
    forget(made.reader(), HANDLES[MOSS], open_message=opener)
    found = {r.ref: r for _, r in made.reader().records("content") if isinstance(r, Message)}
    assert set(found) == {"$m1", "$m2", "$m4"}
    assert (found["$m1"].type, found["$m1"].text) == ("text", f"hello {{member:{NOBODY}}}")
    assert found["$m2"].type == found["$m4"].type == "encrypted"


def test_a_hidden_persons_post_is_not_found_through_an_edit_without_an_author(made: Any) -> None:
    first_run(made)
    forget(made.reader(), HANDLES[MOSS])
    back(made)
    made.write([Edit(channel="!a", ref="$e9", target="$m21", time=40 * DAY, text="heather, edited")])
    assert_nowhere(made.view(), [made.reader()])


def test_nobody_can_come_to_stand_for_those_who_were_erased(made: Any) -> None:
    first_run(made)
    forget(made.reader(), HANDLES[MOSS])
    made.write([Member(id=NOBODY, platform="p", origin="o", native="@reed:lane", name="Reed")])
    view = made.view()
    assert view.canonical(NOBODY) == NOBODY
    assert NOBODY not in view.members


def test_who_has_stolen_a_writer_cannot_have_somebody_else_erased_or_hidden(made: Any) -> None:
    first_run(made)
    made.write([Member(id=who(FERN), platform="p", origin="o", native=HANDLES[MOSS])])
    forget(made.reader(), HANDLES[MOSS])
    assert HANDLES[MOSS].encode() not in everything(made.reader())
    kept = ["$m2", "$m3", "$m4", "$m5", "$m6"]
    assert [one.message.ref for one in made.view().posts("!a")] == kept
    made.write([Member(id=who(FERN), platform="p", origin="o", native=HANDLES[MOSS])])
    assert [one.message.ref for one in made.view().posts("!a")] == kept
    hidden = Hidden([made.reader()])
    assert len(list(search(made.reader(), ["nothing"], hidden=hidden))) == 2


def test_a_copy_forged_in_the_name_of_somebody_erased_hides_no_post(made: Any) -> None:
    first_run(made)
    forget(made.reader(), HANDLES[MOSS])
    kept = ["$m2", "$m3", "$m4", "$m5", "$m6"]
    before = made.time + 500
    made.write(
        [
            member(MOSS, 9),
            *(post(MOSS, number, run=9, version=9, text="heather") for number in range(2, 7)),
            Reaction(channel="!a", ref="$m6", target="$m2", time=70 * DAY, author=who(MOSS, 9), key="x"),
        ]
    )
    for moment in (None, Moment(time=before), Moment(time=80 * DAY)):
        assert [one.message.ref for one in made.view(moment).posts("!a")] == kept
        assert_nowhere(made.view(moment), [made.reader()])


def test_a_copy_forged_in_the_name_of_whoever_is_erased_takes_nothing_of_others_along(made: Any) -> None:
    first_run(made)
    made.write([member(MOSS, 9), post(MOSS, 6, run=9, version=0), post(MOSS, 2, run=9, version=0)])
    forget(made.reader(), HANDLES[MOSS])
    kinds = Message | Edit | Reaction
    left = {record.ref for _, record in made.reader().records("content") if isinstance(record, kinds)}
    assert {"$m2", "$m6", "$e2", "$r3"} <= left
    assert not {"$m1", "$e1", "$r1", "$r2"} & left
    shown = {one.message.ref: one for one in made.view().posts("!a")}
    assert shown["$m6"].text == "still nothing"
    assert [one.key for one in shown["$m2"].reactions] == ["z"]


def test_who_is_not_there_or_not_the_only_one_is_told(made: Any) -> None:
    first_run(made)
    before = made.path.read_bytes()
    with pytest.raises(UsageError, match="nobody"):
        forget(made.reader(), "@nobody:lane")
    made.write([Member(id=who(9), platform="q", origin="o", native=HANDLES[MOSS])])
    with pytest.raises(UsageError, match="several"):
        forget(made.reader(), HANDLES[MOSS])
    forget(made.reader(), who(9))
    assert made.path.read_bytes() != before
    assert made.view().message("!a", "$m1")


def test_with_the_roster_shut_nobody_can_be_erased(made: Any) -> None:
    first_run(made)
    reader = made.reader()
    del reader._keys["roster"]
    with pytest.raises(WrongSecret, match="roster"):
        forget(reader, HANDLES[MOSS])
    assert not list(made.folder.glob("*.rewrite*"))
