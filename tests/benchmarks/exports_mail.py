"""A list's mbox file as mail programs and list software write it, of any length: fictional people, replies with
quotations, HTML beside the text in half of the mails, files in 15 of 100.
"""

import base64
import random
import time
from pathlib import Path

LIST = "garden@lists.example.org"
_WORDS = [
    "meeting",
    "garden",
    "seeds",
    "water",
    "tools",
    "Saturday",
    "morning",
    "please",
    "bring",
    "weather",
    "plan",
    "fence",
    "compost",
    "share",
    "question",
    "answer",
    "thanks",
    "everybody",
    "maybe",
    "letter",
    "street",
    "kitchen",
    "light",
    "paper",
    "river",
    "summer",
    "winter",
    "apples",
    "bread",
    "music",
    "evening",
    "open",
    "window",
    "table",
    "könnten",
    "vielleicht",
    "jardín",
    "réunion",
]


def write(path: Path, count: int, seed: int = 1) -> None:
    """An mbox of `count` mails; 50,000 make about 450 MB with 7,460 files."""
    rng = random.Random(seed)
    people = [(f"Person{n} Fern{n % 97}", f"person{n}@example{n % 7}.org") for n in range(min(400, count))]
    bodies = [_body(rng) for _ in range(200)]
    blob = base64.encodebytes(rng.randbytes(96_000))
    with path.open("wb", buffering=1 << 20) as out:
        for number in range(count):
            out.write(_mail(rng, number, people, bodies, blob))


def _body(rng: random.Random) -> str:
    lines = []
    for _ in range(rng.randint(3, 30)):
        lines.append(" ".join(rng.choice(_WORDS) for _ in range(rng.randint(4, 12))).capitalize() + ".")
        if rng.random() < 0.2:
            lines.append("")
    return "\n".join(lines)


def _mail(rng: random.Random, number: int, people: list[tuple[str, str]], bodies: list[str], blob: bytes) -> bytes:
    name, address = rng.choice(people)
    when = 1_262_304_000 + number * 3600 + rng.randint(0, 1800)
    day = time.gmtime(when)
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", day)
    reply = number % 5
    root = number - reply
    subject = f"{'Re: ' if reply else ''}[garden] {_WORDS[root % len(_WORDS)]} {root}"
    text = rng.choice(bodies)
    answered = ""
    if reply:
        other, where = rng.choice(people)
        quoted = "\n".join("> " + line for line in rng.choice(bodies).split("\n")[:12])
        text += f"\n\nOn {date}, {other} <{where}> wrote:\n{quoted}"
        answered = f"In-Reply-To: <m{number - 1}@example.org>\nReferences: " + "".join(
            f"<m{one}@example.org>\n " for one in range(root, number)
        )
        answered = answered.rstrip() + "\n"
    text += f"\n\n-- \n{name}\n"
    head = (
        f"From {address} {time.strftime('%a %b %d %H:%M:%S %Y', day)}\n"
        f"Return-Path: <garden-bounces@lists.example.org>\n"
        "Received: from mx.example.org (mx.example.org [192.0.2.7])\n"
        f"\tby lists.example.org (Postfix) with ESMTPS id {number:X}\n"
        f"\tfor <{LIST}>; {date}\n"
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=2020;\n\th=from:to:subject:date;\n\tb="
        + blob[:300].decode().replace("\n", "\n\t ")
        + f"\nX-Received: by 2002:a05 with SMTP id {number}; {date}\n"
        f"X-Google-Smtp-Source: {blob[:120].decode().replace(chr(10), '')}\n"
        f"From: {name} <{address}>\nTo: {LIST}\nSubject: {subject}\nDate: {date}\n"
        f"Message-ID: <m{number}@example.org>\n{answered}"
        f"X-BeenThere: {LIST}\nX-Mailman-Version: 2.1.39\nPrecedence: list\nList-Id: The garden <garden.lists.example.org>\n"
        f"List-Unsubscribe: <mailto:garden-request@lists.example.org?subject=unsubscribe>\nList-Post: <mailto:{LIST}>\n"
        f"List-Help: <mailto:garden-request@lists.example.org?subject=help>\nMIME-Version: 1.0\n"
    )
    files = number * 7460 // 50_000 != (number + 1) * 7460 // 50_000
    kind = number % 10
    plain = "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n"
    if not files and kind < 5:
        return f"{head}{plain}{text}\n\n".encode()
    mark = f"=_{number:012d}_part"
    if not files and kind == 5:
        page = _page(text)
        return f"{head}Content-Type: text/html; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n{page}\n\n".encode()
    both = (
        f'Content-Type: multipart/alternative; boundary="{mark}a"\n\n--{mark}a\n{plain}{text}\n'
        f"--{mark}a\nContent-Type: text/html; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n{_page(text)}\n--{mark}a--\n"
    )
    if not files:
        return f"{head}{both}\n".encode()
    size = rng.randint(5_000, 62_000)
    start = rng.randrange(0, (len(blob) - size) // 77) * 77
    data = blob[start : start + size // 77 * 77]
    return (
        (
            f'{head}Content-Type: multipart/mixed; boundary="{mark}m"\n\nThis is a message in MIME format.\n--{mark}m\n{both}\n'
            f'--{mark}m\nContent-Type: image/jpeg; name="photo{number}.jpg"\n'
            f'Content-Disposition: attachment; filename="photo{number}.jpg"\nContent-Transfer-Encoding: base64\n\n'
        ).encode()
        + data
        + f"--{mark}m--\n\n".encode()
    )


def _page(text: str) -> str:
    said = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>\n")
    return f'<html><head><style>p {{ margin: 0 }}</style></head><body><div dir="ltr">{said}</div></body></html>'
