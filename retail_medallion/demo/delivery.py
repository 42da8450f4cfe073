"""How goods reach their buyers: parcels, couriers, collection in a store; on their way, arrived, lost or sent back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from retail_medallion.demo.amounts import decimal, money
from retail_medallion.demo.dice import Dice
from retail_medallion.demo.faults import Planter
from retail_medallion.demo.lines import Line
from retail_medallion.demo.tables import Rows
from retail_medallion.demo.vocabulary import CARRIERS, PROVINCES
from retail_medallion.demo.world import WAREHOUSE, Client, Numbers

PARCEL, COURIER, COLLECTED = 1, 2, 3
PLANNED, PICKED, PACKED, ON_ITS_WAY, DELIVERED, FAILED, SENT_BACK, CANCELLED = 10, 20, 30, 40, 50, 60, 70, 80


@dataclass(frozen=True, slots=True)
class Journey:
    """When an order's goods are where.

    Attributes:
        placed: The order is placed.
        shipped: The goods leave.
        arrived: The goods arrive.
        cancelled: The order is cancelled, if it is.
    """

    placed: datetime
    shipped: datetime
    arrived: datetime
    cancelled: datetime | None = None


class Delivery:
    """Writes parcels.

    Args:
        rows: Where they are written.
        numbers: Their ids.
        planter: Spoils some; None spoils none.
        end: Nothing recorded from then on exists yet.
    """

    def __init__(self, rows: Rows, numbers: Numbers, planter: Planter | None, end: datetime) -> None:
        self._rows, self._numbers, self._planter, self._end = rows, numbers, planter, end

    def sent(self, dice: Dice, order: int, client: Client, lines: Sequence[Line], journey: Journey) -> None:
        """Write the parcels of an order as they stand when the history ends."""
        if journey.cancelled and dice.chance(400):
            return  # nobody had planned a parcel yet
        if len(lines) > 1 and dice.chance(70):
            place = dice.between(1, len(lines) - 1)
            parts = [lines[:place], lines[place:]]
        else:
            parts = [lines]
        for part in parts:
            kind = COLLECTED if dice.chance(120) else COURIER if len(part) == 1 and dice.chance(120) else PARCEL
            self._write(dice, kind, part, journey, client=client, order=order)

    def sent_for_portal(self, dice: Dice, portal_order: str, lines: Sequence[Line], journey: Journey) -> None:
        """Write the parcel of a portal's order."""
        self._write(dice, PARCEL, lines, journey, portal_order=portal_order)

    def _write(
        self,
        dice: Dice,
        kind: int,
        lines: Sequence[Line],
        journey: Journey,
        *,
        client: Client | None = None,
        order: int | None = None,
        portal_order: str | None = None,
    ) -> None:
        number, end = self._numbers.take("parcels"), self._end
        shipped = journey.shipped
        packed = shipped - timedelta(minutes=dice.between(10, 100))
        picked = packed - timedelta(minutes=dice.between(10, 100))
        turned = shipped + timedelta(days=dice.between(7, 12)) if kind == PARCEL and dice.chance(25) else None
        steps = [
            (PLANNED, "created_at", journey.placed),
            *((PICKED, "picked_at", picked), (PACKED, "packed_at", packed), (ON_ITS_WAY, "shipped_at", shipped)),
        ]
        if journey.cancelled:
            steps = [*steps[:1], (CANCELLED, "cancelled_at", journey.cancelled)]
        elif turned:
            tried = shipped + timedelta(days=3)
            steps += [(FAILED, "", tried), (SENT_BACK, "returned_at", turned)]
        else:
            steps.append((DELIVERED, "delivered_at", journey.arrived))
        done = [step for step in steps if step[2] < end]
        state, _, changed = done[-1]
        times: dict[str, object] = {column: at for _, column, at in done if column}
        gone = state in {ON_ITS_WAY, DELIVERED, FAILED, SENT_BACK}
        # The town may be written untidily; its province is then left out.
        province = PROVINCES.get(client.town) if client else None
        row: dict[str, object] = {
            "order_id": order,
            "portal_order": portal_order,
            "line_id": lines[0].id if kind == COURIER else None,
            "kind": kind,
            "state": state,
            "site_id": lines[0].stock_site or WAREHOUSE,
            "carrier": None if kind == COLLECTED else dice.pick(CARRIERS),
            "service": dice.pick(("standard", "EXPRESS", None)),
            "tracking": dice.digits(12) if gone and kind == PARCEL else None,
            "units": decimal(sum(line.quantity for line in lines), 3),
            "contents": None
            if kind == COURIER or not order
            else [{"line": line.id, "qty": decimal(line.quantity, 3)} for line in lines],
            "country": client.country if client else "DE",
            "province": dice.pick(province) if province and dice.chance(600) else None,
            "zip": client.zip if client else None,
            "cost": money(dice.between(250, 790)),
            "currency": "EUR",
            "attempts": dice.between(2, 3) if state in {FAILED, SENT_BACK} else int(state == DELIVERED),
            "promised_at": journey.placed + timedelta(days=4),
            "updated_at": changed,
            **times,
        }
        self._rows.add("parcels", id=number, **row | self._spoiled(dice, number, state, changed, packed))
        following = number + 1
        if self._planter and self._planter.strikes("for_no_order", changed, following):
            row |= {"order_id": None, "portal_order": None, "line_id": None}
            self._rows.add("parcels", id=self._numbers.take("parcels"), **row)

    def _spoiled(  # noqa: PLR0911 - one way out per fault
        self, dice: Dice, number: int, state: int, changed: datetime, packed: datetime
    ) -> dict[str, object]:
        """What is wrong with the parcel on purpose."""
        planter = self._planter
        if not planter:
            return {}
        if planter.strikes("empty_parcel", changed, number):
            return {"units": "0"}
        if planter.strikes("contents_in_words", changed, number):
            return {"contents": {"text": "siehe Lieferschein"}}
        if planter.strikes("not_promised", changed, number):
            return {"promised_at": None}
        if planter.strikes("too_many_attempts", changed, number):
            return {"attempts": 99}
        if planter.strikes("unknown_province", changed, number):
            return {"province": dice.pick(("Mittelerde", "XX", "??"))}
        if state == DELIVERED:
            if planter.strikes("arrived_sometime", changed, number):
                return {"delivered_at": None}
            if planter.strikes("sent_before_packed", changed, number):
                return {"shipped_at": packed - timedelta(hours=9)}
        return {}
