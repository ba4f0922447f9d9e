"""Who has stolen a writer can name any ref, and any number with an old seed. Other people's posts stay, and what is trusted."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

from rewrite_kit import FERN, HANDLES, MOSS, STRUCTURE, first_run, member, post, roster

from grouparchive.archive.attended import attend
from grouparchive.archive.fold import fold
from grouparchive.archive.forget import forget
from grouparchive.archive.home import WriterHome
from grouparchive.archive.moment import Moment
from grouparchive.archive.writer import Writer
from grouparchive.model.attended import Attended


def test_who_comes_back_after_being_erased_takes_no_post_of_others_along(made: Any) -> None:
    first_run(made)
    forget(made.reader(), "@moss:lane", now=lambda: made.time)
    last = made.reader().commits[-1]
    made.write([member(MOSS, 1), post(MOSS, 6, 1, text="forged under the number of another's post")])
    for moment in (Moment(position={last.writer: last.seq}), Moment(time=last.time), None):
        view = made.view(moment)
        assert "nothing to do with anybody" in [view._post(p.message).message.text for p in view.posts("!a")]
        view.close()


def test_erasing_somebody_keeps_what_was_said_about_posts_that_they_only_claim(made: Any) -> None:
    first_run(made)
    made.write([member(MOSS, 1), post(MOSS, 6, 1, text="forged under the number of another's post")])
    forget(made.reader(), "@moss:lane", now=lambda: made.time)
    view = made.view()
    assert [p.text for p in view.posts("!a") if p.message.ref == "$m6"] == ["still nothing"]
    view.close()


def test_what_the_owner_trusts_is_a_commit_and_not_only_its_number(made: Any) -> None:
    made.write([*STRUCTURE, member(FERN), *roster(0, FERN)])
    older = WriterHome.load(Path(shutil.copytree(made.home.folder, made.folder / "older")))
    made.write([post(FERN, 1)])
    head = made.write([post(FERN, 2)]).head.hex()
    writer_id = made.home.writer_id.hex()
    attend(made.reader(), Attended(trusted={writer_id: 3}, heads={writer_id: head}))
    view = fold([made.reader()], now=10**12)
    assert [one.holds for one in view.people("!g")] == [("consent-unknown",)]
    view.close()
    with sqlite3.connect(made.path) as db:
        db.execute("DELETE FROM commits WHERE seq > 1")
    db.close()
    for _ in range(2):
        made.time += 1000
        with Writer.open(made.path, older, pinned=made.pin, now=made.now) as writer:
            for one in [member(FERN, 1), member(MOSS, 1), *roster(1, FERN, MOSS)]:
                writer.add(one)
            writer.commit()
    view = fold([made.reader()], now=10**12)
    people = {view.members[one.id].native: one.holds for one in view.people("!g")}
    assert "first-seen-after-trust" in people[HANDLES[MOSS]]
    view.close()
