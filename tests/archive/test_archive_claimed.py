"""Who has stolen a writer can name any ref and say that somebody who was erased wrote it. Other people's posts stay."""

from typing import Any

from rewrite_kit import MOSS, first_run, member, post

from grouparchive.archive.forget import forget
from grouparchive.archive.moment import Moment


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
