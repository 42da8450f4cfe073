"""What of a key may be shown to people who may not see personal data: some sources name their guests by e-mail."""

from __future__ import annotations

from retail_medallion.model import Entity
from retail_medallion.silver.quarantine import HIDDEN
from retail_medallion.silver.redaction import SUBJECT
from retail_medallion.silver.standardisers.contacts import mask_contacts


def shown_key(entity: Entity, key: str | None) -> str | None:
    """The key without contact data.

    E-mail addresses never are shown. Digits alone are how most sources number their rows, so what looks like a phone
    number is hidden only with a plus, or where the rows of the entity are people.
    """
    if key is None or not ("@" in key or "+" in key or entity.entity == SUBJECT):
        return key
    masked = mask_contacts(key)
    return HIDDEN if "@" in masked else masked
