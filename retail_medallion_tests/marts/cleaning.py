"""The little cleaning the marts depend on, as docs/cleaning.md words it."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid

_INVISIBLE = re.compile(r"[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_NOTHING = {"", "null", "n/a", "-", "\\n"}
_ADDRESS = re.compile(r"[a-z0-9_+.-]{1,64}@[a-z0-9.-]+\.[a-z-]{2,}")


def text(value: str | None) -> str | None:
    """One blank for any whitespace, nothing invisible, composed; words for nothing are nothing."""
    if value is None:
        return None
    spaced = _INVISIBLE.sub("", re.sub(r"\s", " ", unicodedata.normalize("NFC", value)))
    clean = re.sub(" +", " ", spaced).strip()
    return None if clean.lower() in _NOTHING else clean


def code(value: str | None) -> str | None:
    """A text in capitals."""
    clean = text(value)
    return None if clean is None else clean.upper()


def address(value: str | None) -> str | None:
    """An e-mail address in lower case, its domain in ASCII; None for what is none."""
    local, _, domain = (text(value) or "").lower().partition("@")
    clean = f"{local}@{domain.encode('idna').decode()}" if domain else ""
    return clean if _ADDRESS.fullmatch(clean) and ".." not in clean else None


def person_key(tenant: str, mail: str | None) -> uuid.UUID | None:
    """The person behind an e-mail address, the same in all sources of the tenant."""
    clean = address(mail)
    return uuid.UUID(bytes=hashlib.sha256(f"{tenant}\x1f{clean}".encode()).digest()[:16]) if clean else None
