"""Vouchers: planned before trade begins, written when it is over and their uses are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from retail_medallion.demo.amounts import money
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.untidy import text
from retail_medallion.demo.world import Spell, Voucher

PLANNED, RUNNING, OVER, WITHDRAWN = 0, 1, 2, 3
_SCOPES = {"prozent": 2, "betrag": 1, "versandfrei": 3, "geschenk": 1}


@dataclass(frozen=True)
class _Plan:
    """A voucher as it is thought out; value in cents, or hundredths of a percent."""

    number: int
    kind: str
    value: int
    state: int
    client: int | None
    first: datetime
    last: datetime

    @property
    def accepted(self) -> bool:
        return self.state == RUNNING and self.client is None and self.kind in {"prozent", "betrag"}


class Vouchers:
    """The vouchers of a history.

    Args:
        spell: The time of the history; those the tills accept are valid all the time.
        seed: Chooses one of all possible histories.
        count: How many there are.
        clients: Number of clients; some vouchers belong to one of them.
    """

    def __init__(self, spell: Spell, seed: int, count: int, clients: int) -> None:
        self._dice = Dice(seed, "vouchers")
        self._plans = [self._plan(spell, number, clients) for number in range(1, count + 1)]
        self._uses: Counter[int] = Counter()
        self._last: dict[int, datetime] = {}

    def _plan(self, spell: Spell, number: int, clients: int) -> _Plan:
        dice = self._dice
        kind = dice.pick(("prozent", "prozent", "prozent", "betrag", "betrag", "versandfrei", "geschenk"))
        value = {"prozent": dice.pick((5, 10, 15, 20)) * 100, "betrag": dice.pick((500, 1000))}.get(kind, 0)
        state = dice.pick((RUNNING, RUNNING, RUNNING, RUNNING, OVER, WITHDRAWN, PLANNED))
        first = spell.start - timedelta(days=dice.between(1, 60))
        last = spell.end + timedelta(days=dice.between(30, 200))
        if state == OVER:
            last = first + timedelta(days=dice.between(0, 20))
        elif state == PLANNED:
            first, last = spell.end + timedelta(days=20), last + timedelta(days=20)
        client = dice.between(1, clients) if dice.chance(150) else None
        return _Plan(number, kind, value, state, client, first, last)

    @property
    def accepted(self) -> list[Voucher]:
        """Those the tills accept."""
        return [
            Voucher(
                plan.number,
                plan.value // 100 if plan.kind == "prozent" else 0,
                0 if plan.kind == "prozent" else plan.value,
            )
            for plan in self._plans
            if plan.accepted
        ]

    def used(self, vouchers: Iterable[Voucher], at: datetime) -> None:
        """Count the vouchers of an order."""
        for voucher in vouchers:
            self._uses[voucher.id] += 1
            self._last[voucher.id] = max(at, self._last.get(voucher.id, at))

    def write(self, rows: Rows, planter: Planter, spell: Spell) -> None:
        """Write all of them."""
        for plan in self._plans:
            self._write(rows, planter, spell, plan)

    def _write(self, rows: Rows, planter: Planter, spell: Spell, plan: _Plan) -> None:
        dice, number, uses = self._dice, plan.number, self._uses[plan.number]
        made = min(plan.first, spell.start) - timedelta(days=1)
        changed = self._last.get(number, made)
        limit = dice.pick((None, (uses // 100 + 1) * 100, (uses // 1000 + 1) * 1000))
        value, last, scope = plan.value, plan.last, _SCOPES[plan.kind]
        if uses > 1 and planter.strikes("overused", made, number):
            limit = uses - 1
        elif uses and planter.strikes("miscounted", made, number):
            uses += 3
        elif not uses and plan.kind == "prozent" and planter.strikes("above_100_percent", changed, number):
            value = 15_000
        elif not uses and planter.strikes("over_before_it_begins", changed, number):
            last = plan.first - timedelta(days=9)
        elif not uses and planter.strikes("unknown_scope", changed, number):
            scope = 9
        rows.add(
            "vouchers",
            id=number,
            code=f"{dice.pick(('Sommer', 'DANKE', 'willkommen '))}{number:03d}",
            campaign=dice.pick(("Frühling", " Treue ", "n/a", None)),
            remark=text(dice, "nicht mit anderen Aktionen kombinierbar") if dice.chance(300) else None,
            kind=plan.kind,
            value=money(value) if value else None,
            currency="EUR" if plan.kind == "betrag" else None,
            scope=scope,
            min_basket=money(dice.pick((0, 2500, 5000))),
            max_rebate=money(5000) if plan.kind == "prozent" and dice.chance(300) else None,
            valid_from=plan.first,
            valid_to=last,
            max_uses=limit,
            max_uses_per_client=dice.pick((None, 1, 5)) if not uses else None,
            uses=uses,
            stackable=dice.chance(200),
            client_id=plan.client,
            state=plan.state,
            updated_at=changed,
        )
