"""What another day does to baskets, parcels, opinions and vouchers that are there already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, whatever psycopg2 calls it


@dataclass(frozen=True)
class WebChanges:
    """What happened.

    Attributes:
        basket_lines_removed: Lines of earlier baskets that were deleted.
        baskets_emptied: Baskets that lost their last line.
        baskets_ordered: Baskets of earlier days that became an order today.
        parcels_moved: Parcels that left or arrived.
        opinions_published: Opinions that everybody can read now.
        vouchers_used: Vouchers whose counter went up.
        vouchers_withdrawn: Vouchers that tills no longer accept.
    """

    basket_lines_removed: tuple[int, ...]
    baskets_emptied: tuple[str, ...]
    baskets_ordered: tuple[str, ...]
    parcels_moved: tuple[int, ...]
    opinions_published: tuple[str, ...]
    vouchers_used: tuple[int, ...]
    vouchers_withdrawn: tuple[int, ...]


# Nothing of a basket tells of a line that went, except that the shop notes when the basket was touched.
_LINES_TO_REMOVE = """
    SELECT (array_agg(l.id ORDER BY l.id))[1], b.id::text, count(*) = 1
    FROM (SELECT id FROM shop.baskets WHERE state IN (1, 2) AND updated_at < %(start)s
        ORDER BY md5(id::text || %(start)s::text) LIMIT %(many)s) b
    JOIN shop.basket_lines l ON l.basket_id = b.id AND l.removed_at IS NULL AND NOT l.parked
        AND l.article_id IS NOT NULL
    GROUP BY b.id ORDER BY 1"""
_ADD_UP_BASKETS = """
    UPDATE shop.baskets b SET touched_at = shop.clock(), goods_total = s.goods, rebate_total = s.rebate,
        total = s.goods - s.rebate, voucher_ids = NULL
    FROM (SELECT k.id, coalesce(sum(round(l.qty * l.price, 2)), 0) AS goods, coalesce(sum(l.rebate), 0) AS rebate
        FROM unnest(%(baskets)s::uuid[]) k(id) LEFT JOIN shop.basket_lines l
            ON l.basket_id = k.id AND l.removed_at IS NULL AND NOT l.parked GROUP BY k.id) s
    WHERE s.id = b.id"""
# An order of today that names no basket was filled in one of the days before, by the same client or by nobody known.
_ORDER_BASKETS = """
    WITH late AS (
        SELECT o.id AS order_id, o.placed_at, row_number() OVER (ORDER BY o.id) AS place FROM shop.orders o
        WHERE o.created_at >= %(start)s AND o.channel IN ('webshop', 'app') AND o.basket_id IS NULL AND o.kind = 1
        ORDER BY o.id LIMIT %(many)s),
    waiting AS (
        SELECT id, row_number() OVER (ORDER BY md5(id::text)) AS place FROM shop.baskets
        WHERE state IN (1, 2) AND updated_at < %(start)s AND client_id IS NULL)
    UPDATE shop.baskets b SET state = 3, order_id = l.order_id, checkout_at = l.placed_at, ordered_at = l.placed_at,
        touched_at = l.placed_at, updated_at = greatest(l.placed_at, %(start)s)
    FROM late l JOIN waiting w USING (place) WHERE b.id = w.id RETURNING b.id::text, b.order_id"""
_MOVE_PARCELS = """
    UPDATE shop.parcels SET state = CASE WHEN state = 40 THEN 50 ELSE 40 END,
        attempts = CASE WHEN state = 40 THEN 1 ELSE attempts END,
        delivered_at = CASE WHEN state = 40 THEN shop.clock() END,
        picked_at = coalesce(picked_at, shop.clock() - interval '2 hours'),
        packed_at = coalesce(packed_at, shop.clock() - interval '1 hour'),
        shipped_at = coalesce(shipped_at, shop.clock())
    WHERE id IN (SELECT id FROM shop.parcels WHERE state IN (10, 20, 30, 40) AND updated_at < %(start)s
        AND created_at >= %(start)s - interval '6 days' ORDER BY id LIMIT %(many)s) RETURNING id"""
_PUBLISH = """
    UPDATE shop.opinions SET state = 'sichtbar', published_at = shop.clock() WHERE id IN (
        SELECT id FROM shop.opinions WHERE state = 'neu' AND updated_at < %(start)s ORDER BY id LIMIT %(many)s)
    RETURNING id::text"""
_COUNT_VOUCHERS = """
    UPDATE shop.vouchers v SET uses = v.uses + n.times,
        max_uses = CASE WHEN v.max_uses < v.uses + n.times THEN v.max_uses * 2 ELSE v.max_uses END
    FROM (SELECT used AS id, count(*) AS times FROM shop.orders, unnest(voucher_ids) used
        WHERE created_at >= %(start)s AND channel <> 'intern' AND status <> 90 AND NOT training AND voided_at IS NULL
        GROUP BY 1) n WHERE n.id = v.id RETURNING v.id"""

_WITHDRAW = """
    UPDATE shop.vouchers SET state = 3 WHERE id = (
        SELECT id FROM shop.vouchers WHERE state = 1 AND uses = 0 AND kind = 'versandfrei' ORDER BY id LIMIT 1)
    RETURNING id"""


def change_web(cursor: Cursor, start: datetime, scale: int) -> WebChanges:
    """Let baskets, parcels, opinions and vouchers go on for a day, after its orders were written.

    Args:
        cursor: In the transaction of the day.
        start: Start of the UTC day.
        scale: Amount of data in thousandths.
    """

    def at(hour: int) -> None:
        cursor.execute("SELECT set_config('shop.clock', %s, true)", ((start + timedelta(hours=hour)).isoformat(),))

    def done(query: str, per_thousand: int = 0) -> list[tuple[object, ...]]:
        cursor.execute(query, {"start": start, "many": max(per_thousand * scale // 1000, 2)})
        return cursor.fetchall()

    at(12)
    lines = done(_LINES_TO_REMOVE, 12)
    cursor.execute("DELETE FROM shop.basket_lines WHERE id = ANY(%s)", ([line for line, *_ in lines],))
    cursor.execute(_ADD_UP_BASKETS, {"baskets": [basket for _, basket, _ in lines]})
    at(13)
    ordered = done(_ORDER_BASKETS, 5)
    cursor.execute(
        "UPDATE shop.orders o SET basket_id = b.id, updated_at = o.updated_at"
        " FROM shop.baskets b WHERE b.order_id = o.id AND b.id = ANY(%s::uuid[])",
        ([basket for basket, _ in ordered],),
    )
    at(16)
    moved = done(_MOVE_PARCELS, 60)
    at(17)
    published = done(_PUBLISH, 20)
    at(23)
    used, withdrawn = done(_COUNT_VOUCHERS), done(_WITHDRAW)
    return WebChanges(
        basket_lines_removed=tuple(sorted(int(str(line)) for line, *_ in lines)),
        baskets_emptied=tuple(sorted(str(basket) for _, basket, last in lines if last)),
        baskets_ordered=tuple(sorted(str(basket) for basket, _ in ordered)),
        parcels_moved=tuple(sorted(int(str(parcel)) for (parcel,) in moved)),
        opinions_published=tuple(sorted(str(opinion) for (opinion,) in published)),
        vouchers_used=tuple(sorted(int(str(voucher)) for (voucher,) in used)),
        vouchers_withdrawn=tuple(int(str(voucher)) for (voucher,) in withdrawn),
    )
