"""The encoding fault of Meta's downloads: texts were written to JSON as if each byte of their UTF-8 were a character of Latin-1
("é" stands there as "Ã©", escaped). It is undone field by field, and only where the result is valid UTF-8.
"""


def repaired(text: str) -> str:
    """The text as it was written. What does not carry the fault stays as it is.

    It is applied once to each field: somebody may really have typed "Ã©", and the download then carries the fault over it.
    """
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def tidy(text: str) -> str:
    """A text that the archive can hold: repaired, without NUL and without halves of characters."""
    text = repaired(text)
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # lone surrogates; pairs that were escaped one by one become the character
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
