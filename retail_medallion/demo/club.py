"""The club's ledger: points earned, redeemed, given, taken back and lapsed, with a balance that adds up.

Orders are made out of the order in which they arrive, and a balance is a matter of time. So what happens is noted
first, and the ledger is written at the end, client by client along time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from retail_medallion.demo.amounts import decimal, money
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.payments import Payer
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.world import Numbers

OPENING, EARNED, BONUS, REDEEMED, LAPSED, TAKEN_BACK, CORRECTED = "A", "E", "B", "R", "X", "S", "K"
_VOUCHER = 500
_WORTH_LAPSING = 200
_MOMENT = timedelta(microseconds=1)


class _Deed(NamedTuple):
    """Something that earns points, or takes them back."""

    at: datetime
    client: int
    points: int
    order: int
    site: int


class _Entry(NamedTuple):
    """One entry of the ledger before its balance is known. Points in whole numbers."""

    at: datetime
    client: int
    kind: str
    points: int
    order: int | None
    site: int | None
    note: str | None


class Club:
    """Writes the ledger.

    Args:
        end: Nothing recorded from then on exists yet.
        start: When the ledger is opened, with what members had before; None where it goes on.
        balances: Points by client.
    """

    def __init__(self, end: datetime, start: datetime | None = None, balances: Mapping[int, int] | None = None) -> None:
        self._end, self._start = end, start
        self._balances: dict[int, int] = dict(balances or {})
        self._deeds: dict[int, list[_Deed]] = defaultdict(list)

    def note(self, payer: Payer, total: int, at: datetime) -> None:
        """Note an order of a member: one point per full unit of money."""
        client = payer.client
        if client is None or not client.member or at >= self._end or abs(total) < 100:  # noqa: PLR2004 - cents of one unit
            return
        points = abs(total) // 100 * (1 if total > 0 else -1)
        self._deeds[client.id].append(_Deed(at, client.id, points, payer.order, payer.site.id))

    def write(self, rows: Rows, numbers: Numbers, planter: Planter | None, seed: int) -> None:
        """Write the ledger of everything noted, in the order of time."""
        entries = [
            entry
            for client in sorted(self._deeds)
            for entry in self._of_client(client, Dice(seed, "club", client, self._end))
        ]
        entries.sort(key=lambda entry: (entry.at, entry.client))
        for entry in entries:
            self._write(rows, numbers, planter, entry)

    def _of_client(self, client: int, dice: Dice) -> Iterator[_Entry]:
        balance = self._balances.get(client, 0)
        if self._start and dice.chance(250):
            balance = dice.between(40, 900)
            yield _Entry(self._start, client, OPENING, balance, None, None, "Übertrag")
        for deed in sorted(self._deeds[client]):
            at = deed.at
            # Points that are spent already cannot be taken back.
            points = max(deed.points, -max(balance, 0))
            if not points:
                continue
            balance += points
            yield _Entry(at, client, EARNED if points > 0 else TAKEN_BACK, points, deed.order, deed.site, None)
            what = dice.below(1000)
            if balance > _VOUCHER and what < 100:  # noqa: PLR2004 - one time in ten
                balance -= _VOUCHER
                yield _Entry(at + _MOMENT, client, REDEEMED, -_VOUCHER, deed.order, deed.site, None)
            elif what > 960:  # noqa: PLR2004 - one time in twenty-five
                balance += 50
                reason = dice.pick(("Geburtstag", " Aktion  Sommer", "n/a"))
                yield _Entry(at + _MOMENT, client, BONUS, 50, None, None, reason)
            elif what > 945 and balance > _WORTH_LAPSING:  # noqa: PLR2004
                lapsed = balance // 4
                balance -= lapsed
                yield _Entry(at + _MOMENT, client, LAPSED, -lapsed, None, None, "24 Monate")
            elif what > 938:  # noqa: PLR2004
                balance += 10
                yield _Entry(at + _MOMENT, client, CORRECTED, 10, None, deed.site, "Kulanz")

    def _write(self, rows: Rows, numbers: Numbers, planter: Planter | None, entry: _Entry) -> None:
        number = numbers.take("club_ledger")
        kind, points, at = entry.kind, entry.points, entry.at
        before = self._balances.get(entry.client, 0)
        expires = at + timedelta(days=730) if kind in {EARNED, BONUS} else None
        stated_kind, stated, off = kind, points, 0
        if planter:
            if kind == REDEEMED and planter.strikes("overdrawn", at, number):
                points = stated = -before - 250
            elif kind == BONUS and planter.strikes("negative_bonus", at, number):
                stated = -points
            elif kind == EARNED and planter.strikes("lapsed_when_earned", at, number):
                expires = at - timedelta(days=1)
            elif kind == EARNED and planter.strikes("unknown_entry", at, number):
                stated_kind = "Z"
            elif kind == EARNED and planter.strikes("wrong_balance", at, number):
                off = 10
        self._balances[entry.client] = before + points
        row: dict[str, object] = {
            "client_id": entry.client,
            "account_no": f"LC{entry.client:09d}",
            "programme": "LINDE",
            "kind": stated_kind,
            "points": decimal(stated * 100, 2),
            "balance": decimal((before + points + off) * 100, 2),
            "value": money(-points) if kind == REDEEMED else None,
            "currency": "EUR" if kind == REDEEMED else None,
            "order_id": entry.order,
            "site_id": entry.site,
            "booked_at": at,
            "expires_at": expires,
            "note": entry.note,
            "recorded_at": at,
        }
        rows.add("club_ledger", id=number, **row)
        if not planter:
            return
        following = numbers.next["club_ledger"]
        if planter.strikes("points_of_nobody", at, following):
            row |= {"client_id": None, "account_no": " ", "balance": None}
            rows.add("club_ledger", id=numbers.take("club_ledger"), **row)
        elif planter.strikes("no_points", at, following):
            rows.add("club_ledger", id=numbers.take("club_ledger"), **row | {"points": None, "balance": None})
