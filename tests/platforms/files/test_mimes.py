"""Kinds of files are told by our own table, so that every machine makes the same records."""

from pathlib import Path

import pytest

import grouparchive.platforms
from grouparchive.platforms.files.mimes import ending_of, mime_of, type_of


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("a.JPG", "image/jpeg"), ("b.c.opus", "audio/ogg"), ("a.webp", "image/webp"), ("mp4", ""), (".png", ""), ("a.", ""),
        ("", ""), ("a.unheard", ""), ("notes.tar.gz", "application/gzip"),
    ],
)  # fmt: skip
def test_the_kind_of_a_file_is_told_by_its_ending(name: str, mime: str) -> None:
    assert mime_of(name) == mime


def test_a_kind_has_one_usual_ending_which_names_it_again() -> None:
    assert (ending_of("image/jpeg"), ending_of("Text/Plain"), ending_of("x/y")) == (".jpg", ".txt", "")
    for name in ("a.ogg", "a.mp4", "a.eml", "a.ics", "a.p7s", "a.asc", "a.zip", "a.html"):
        assert f"a{ending_of(mime_of(name))}" == name


def test_a_post_is_of_the_type_of_all_its_files() -> None:
    assert type_of() == "text"
    assert type_of("image/png", "image/gif") == "image"
    assert type_of("image/png", "video/mp4") == type_of("text/plain") == type_of("") == "file"


def test_no_importer_asks_the_machine() -> None:
    """`mimetypes` reads the files of the machine that it runs on."""
    paths = Path(grouparchive.platforms.__file__).parent.rglob("*.py")
    assert not [path.name for path in paths if "mimetypes" in path.read_text()]
