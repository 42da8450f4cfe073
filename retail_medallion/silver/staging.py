"""One SELECT per block: from mapped values to cleaned, checked and hashed rows.

The SELECT is a pile of nested ones, each adding columns to the one below. Names with a colon are columns in the making
(`m:` as mapped, `t: in: .. v:` steps of a cleaning, `f:` and `r:` outcomes of checks), names without are canonical.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from retail_medallion.mapping import Block
from retail_medallion.model import CanonicalModel, Entity
from retail_medallion.model.canonical import TECHNICAL_COLUMNS, Column, Standardiser
from retail_medallion.silver import rules
from retail_medallion.silver.pile import Pile, any_of, select
from retail_medallion.silver.rules import Fired
from retail_medallion.silver.staged_rows import StagedRows, duckdb_type, strict_value
from retail_medallion.silver.standardisers import Check, Cleaning, Fetched, RowSettings, standardise, texts, times
from retail_medallion.silver.standardisers.base import PARTITION_DAY, PARTITION_END, Severity, literal, quoted
from retail_medallion.silver.standardisers.standards import ROW_COUNTRY

_TECHNICAL_CLEANING: Mapping[str, Standardiser] = {
    "is_deleted": "boolean",
    "deleted_at": "timestamp",
    "source_created_at": "timestamp",
    "source_updated_at": "timestamp",
}


@dataclass
class BlockSelect:
    """Builds the SELECT of one block.

    Args:
        model: The canonical model.
        entity: The entity the block feeds.
        block: The block.
        index: Its position among the entity's blocks.
        select: The compiled SELECT of its mapped values.
        types: DuckDB types of the mapped values.
        settings: What holds for all partitions of the source.
    """

    model: CanonicalModel
    entity: Entity
    block: Block
    index: int
    select: str
    types: Mapping[str, str]
    settings: RowSettings
    _fired: list[Fired] = field(default_factory=list)
    _failing: dict[str, list[str]] = field(default_factory=dict)
    _givers: dict[str, str] = field(default_factory=dict)

    def sql(self) -> str:
        """The SELECT; its columns are `staged_columns`."""
        op = "D" if self.block.tombstone else "P" if self.block.extract.mode == "keys" else "U"
        pile = Pile(self._mapped())
        columns = self._columns()
        cleanings = {column.name: self._cleaning(column) for column in columns}
        self._clean(pile, cleanings)
        self._judge_values(pile, columns, cleanings)
        if op == "U":
            self._complete(pile, cleanings)
            self._judge_bounds(pile)
            self._pair_currencies(pile)
        self._judge_row(pile, state=op == "U")
        default = self._is_deleted() if op == "U" else literal(op == "D")
        pile.replace({"is_deleted": f"coalesce({quoted('is_deleted')}, {default})"})
        return StagedRows(self.entity, self.index, op, self.types, self._fired).over(pile.sql)

    def _is_deleted(self) -> str:
        """Whether the source dates a deletion of the row.

        A row read again later may have been deleted long after its day. Such a time is too late to be kept, but it had
        passed when the row was read: the row is gone.
        """
        if "deleted_at" not in self.types:
            return "false"
        never, moment = quoted("never:deleted_at"), quoted("u:deleted_at")
        return f"deleted_at IS NOT NULL OR coalesce(NOT {never} AND {moment} <= ingested_at, false)"

    def _mapped(self) -> str:
        mapped = ", ".join(f"{quoted(name)} AS {quoted(f'm:{name}')}" for name in self.types)
        key = quoted(f"m:{self.entity.key}")
        key_again = "" if self.entity.key in self.types else f", source_key AS {key}"
        # Functions in place of literals, so that one statement does for every day.
        day = f"partition_day(bronze_row) AS {PARTITION_DAY}, partition_end(bronze_row) AS {PARTITION_END}"
        fixed = f"bronze_row, {day}, ingested_at, source_key, failed, unmapped, unmapped_strict, strict_values"
        return select(f"{fixed}{', ' + mapped if mapped else ''}{key_again}", self.select)

    def _columns(self) -> list[Column]:
        technical = [
            Column(name=name, type=type_, standardise=_TECHNICAL_CLEANING.get(name, "json"), meaning=name)
            for name, type_ in TECHNICAL_COLUMNS.items()
        ]
        return [*self.entity, *technical]

    def _fetched(self, column: Column) -> Fetched | None:
        if column.name == self.entity.key and column.name not in self.types:
            type_: str | None = "VARCHAR"
        else:
            type_ = self.types.get(column.name)
        if type_ is None:
            return None
        mapping = self.block.columns.get(column.name)
        return Fetched(
            column=column,
            sql=quoted(f"m:{column.name}"),
            type=type_,
            settings=self.settings,
            codes=self.model.codes.get(column.codes, ()) if column.codes else (),
            timezone=mapping.timezone if mapping else None,
            null_values=mapping.null_values if mapping else (),
            **({"rating_scale": (scale.lowest, scale.highest)} if mapping and (scale := mapping.rating_scale) else {}),
        )

    def _cleaning(self, column: Column) -> Cleaning | None:
        if column.standardise == "identity" and not self.block.only_keys:
            return texts.identity(Fetched(column, "NULL", "NULL", self.settings))
        fetched = self._fetched(column)
        if fetched is None:
            return None
        return texts.json_as_is(fetched) if column.name == "extras" else standardise(fetched)

    def _clean(self, pile: Pile, cleanings: Mapping[str, Cleaning | None]) -> None:
        def stack(chosen: dict[str, Cleaning]) -> None:
            for level in range(max((len(cleaning.steps) for cleaning in chosen.values()), default=0)):
                pile.add(
                    {
                        f"{step}:{name}": expression
                        for name, cleaning in chosen.items()
                        if level < len(cleaning.steps)
                        for step, expression in cleaning.steps[level].items()
                    }
                )

        known = {name: cleaning for name, cleaning in cleanings.items() if cleaning is not None}
        stack({name: cleaning for name, cleaning in known.items() if not cleaning.needs_country})
        pile.add({name: "NULL" for name in ("v:email",) if known.get("email") is None})
        # A row names one country: its own, or the one something goes to.
        stated = next((c.name for c in self.entity if c.standardise == "country" and c.name in known), None)
        country = f"{quoted(f'v:{stated}')}, " if stated else ""
        pile.add({ROW_COUNTRY.strip('"'): f"coalesce({country}{literal(self.settings.country)})"})
        stack({name: cleaning for name, cleaning in known.items() if cleaning.needs_country})

    def _judge_values(self, pile: Pile, columns: Sequence[Column], cleanings: Mapping[str, Cleaning | None]) -> None:
        """Add the outcomes of the cleaning's checks, and the columns themselves, NULL where their value fails."""
        outcomes: dict[str, str] = {}
        for column in columns:
            cleaning = cleanings[column.name]
            checks = list(cleaning.checks) if cleaning else []
            for number, check in enumerate(checks):
                flag = f"f:{column.name}:{number}"
                self._fire(flag, check.rule, column.name, check.message, self._severity(check, column, flag))
                outcomes[flag] = f"coalesce({check.when}, false)"
            for flag, check in self._mapping_checks(column):
                self._fire(flag, check.rule, column.name, check.message, self._severity(check, column, flag))
                outcomes[flag] = check.when
        pile.add(outcomes)
        pile.add({column.name: self._kept(column, cleanings[column.name]) for column in columns})
        guarded = [column for column in self.entity if column.card_guard and cleanings[column.name]]
        for column in guarded:
            self._fire(f"f:{column.name}:card", "G11", column.name, "holds a payment card number", "reject")
        digits = "'[0-9]([ .-]?[0-9]){11}'"
        pile.add(
            {
                f"f:{c.name}:card": f"coalesce(CASE WHEN regexp_matches({value}, {digits})"
                f" THEN holds_card_number({value}) END, false)"
                for c in guarded
                for value in [self._guarded_value(c)]
            }
        )

    def _guarded_value(self, column: Column) -> str:
        """The value, or the one a strict code map refused, which is kept among the reasons."""
        mapping = self.block.columns.get(column.name)
        if mapping is None or mapping.code is None:
            return quoted(column.name)
        return f"coalesce({quoted(column.name)}, {strict_value(column.name)})"

    def _severity(self, check: Check, column: Column, flag: str) -> str:
        """What a check does to the row; the flags of those that take the value away are remembered."""
        if check.severity != "warn":
            self._failing.setdefault(column.name, []).append(flag)
        return check.severity if check.severity != "by_need" else "reject" if column.required else "warn"

    def _mapping_checks(self, column: Column) -> Iterator[tuple[str, Check]]:
        """What the mapping itself found wrong: casts that failed, values its code map lacks."""
        name = literal(column.name)
        if column.name in self.types or column.name == self.entity.key:
            listed = f"len(failed) > 0 AND list_contains(failed, {name})"
            yield f"f:{column.name}:cast", Check("G02", listed, f"cannot be read as {column.type}")
        mapping = self.block.columns.get(column.name)
        if mapping is not None and mapping.code is not None:
            for kind in ("unmapped", "unmapped_strict"):
                severity: Severity = "warn" if column.standardise == "enum" else "by_need"
                if kind == "unmapped_strict":
                    severity = "reject"
                listed = f"len({kind}) > 0 AND list_contains({kind}, {name})"
                yield f"f:{column.name}:{kind}", Check("G03", listed, "is not in the code map", severity)

    def _fire(self, flag: str, rule: str, column: str, message: str, severity: str) -> None:
        self._fired.append(Fired(flag, rule, column, message, "reject" if severity == "reject" else "warn", ""))

    def _kept(self, column: Column, cleaning: Cleaning | None) -> str:
        wanted = duckdb_type(column.type)
        if cleaning is None:
            return f"CAST(NULL AS {wanted})"
        failed = any_of(self._failing.get(column.name, ()))
        return f"CAST(CASE WHEN NOT ({failed}) THEN {quoted(f'v:{column.name}')} END AS {wanted})"

    def _complete(self, pile: Pile, cleanings: Mapping[str, Cleaning | None]) -> None:
        """Give missing values their defaults, then what the row's other values say, in the order of the model."""
        constants = {c.name: value for c in self.entity if (value := self._constant(c)) is not None}
        pile.replace({name: self._unless_failed(name, value) for name, value in constants.items()})
        self._set_signs(pile)
        for name, cleaning in cleanings.items():
            gives = {n: value for n, value in (cleaning.gives if cleaning else {}).items() if n in self.entity.columns}
            self._givers |= dict.fromkeys(gives, name)
            for given, value in gives.items():
                wanted = duckdb_type(self.entity.columns[given].type)
                pile.replace({given: self._unless_failed(given, f"TRY_CAST({value} AS {wanted})")})
        reported = {rule.column for rule in self.entity.rules if rule.filled}
        for column in self.entity:
            if column.name in reported:
                pile.add({rules.was_missing(column.name): f"{quoted(column.name)} IS NULL"})
            derived = None
            if column.when_missing is not None:
                derived = rules.bound(column.when_missing, self.settings)
            elif column.of is not None:
                derived = times.local_date(quoted(column.of), self.settings.timezone, self.settings.day_cutoff)
            if derived is not None:
                value = f"TRY_CAST({derived} AS {duckdb_type(column.type)})"
                pile.replace({column.name: self._unless_failed(column.name, value)})

    def _set_signs(self, pile: Pile) -> None:
        signed = {column.name: found for column in self.entity if (found := rules.signed(column)) is not None}
        for name in signed:
            rule, message = f"{self.entity.entity}.{name}_sign", "came with the sign of the other direction"
            self._fire(f"f:{name}:sign", rule, name, message, "warn")
        pile.add({f"f:{name}:sign": f"coalesce({wrong}, false)" for name, (_, wrong) in signed.items()})
        pile.replace({name: value for name, (value, _) in signed.items()})

    def _constant(self, column: Column) -> str | None:
        value: bool | int | str | None = column.default
        if column.source_default is not None:
            value = getattr(self.settings, column.source_default)
        if value is None or (column.standardise == "currency" and column.name in self.types):
            return None
        return f"CAST({literal(value)} AS {duckdb_type(column.type)})"

    def _unless_failed(self, name: str, otherwise: str) -> str:
        failed = any_of(self._failing.get(name, ()))
        return f"CASE WHEN {failed} THEN {quoted(name)} ELSE coalesce({quoted(name)}, {otherwise}) END"

    def _judge_bounds(self, pile: Pile) -> None:
        outcomes: dict[str, str] = {}
        for column in self.entity:
            if (bounds := rules.outside_bounds(column, self.entity)) is None:
                continue
            flag = f"f:{column.name}:bounds"
            outcomes[flag] = f"coalesce({bounds[0]}, false)"
            self._fire(flag, "G13", column.name, bounds[1], "reject" if column.required else "warn")
            self._failing.setdefault(column.name, []).append(flag)
        pile.add(outcomes)
        optional = [c.name for c in self.entity if not c.required and f"f:{c.name}:bounds" in outcomes]
        pile.replace({n: f"CASE WHEN NOT {quoted(f'f:{n}:bounds')} THEN {quoted(n)} END" for n in optional})

    def _pair_currencies(self, pile: Pile) -> None:
        """G10: an amount without a currency takes the source's; one whose currency cannot be read is refused."""
        paired = {c.currency for c in self.entity if c.currency}
        paired |= {c.name for c in self.entity if c.standardise == "currency" and c.source_default}
        for name in sorted(paired):
            column = self.entity.columns[name]
            amounts = [c for c in self.entity if c.currency == name]
            present = " OR ".join(f"({quoted(c.name)} IS NOT NULL AND {c.amount_when or 'true'})" for c in amounts)
            failed = any_of(self._failing.get(name, ()))
            missing = f"{quoted(name)} IS NULL AND ({present})"
            given, refused = f"r:currency:{name}", f"r:no_currency:{name}"
            outcomes = {given: f"{missing} AND NOT ({failed})"} if name in self.types else {}
            if not column.required:
                outcomes[refused] = f"{missing} AND ({failed})"
                self._fire(refused, "G10", name, "cannot be read, and the row has amounts", "reject")
            if name in self.types:
                self._fire(given, "G10", name, "is missing; the source's currency was taken", "warn")
            pile.add(outcomes)
            wanted = f"{missing} OR {literal(column.required)}"
            taken = f"CASE WHEN ({wanted}) AND NOT ({failed}) THEN {literal(self.settings.currency)} END"
            pile.replace({name: f"coalesce({quoted(name)}, {taken})"})

    def _judge_row(self, pile: Pile, *, state: bool) -> None:
        required = [c for c in self.entity if c.required and (state or c.name == self.entity.key)]
        fired = [
            Fired(
                f"r:missing:{c.name}",
                "G01",
                c.name,
                "is missing",
                "reject",
                f"{quoted(c.name)} IS NULL AND NOT ({self._excused(c)})",
            )
            for c in required
        ]
        if state:
            fired += [*rules.order_checks(self.entity), *rules.model_checks(self.entity, self.settings)]
        pile.add({f.flag: f"coalesce({f.when}, false)" for f in fired})
        self._fired += fired
        for rule in self.entity.rules if state else ():
            unless = f"NOT {quoted(rules.flag_of(rule))}"
            pile.replace({name: f"CASE WHEN {unless} THEN {quoted(name)} END" for name in rule.clears})
        refusing = [f.flag for f in self._fired if f.severity == "reject"]
        warning = [f.flag for f in self._fired if f.severity == "warn"]
        pile.add({"r:reject": any_of(refusing), "r:warn": any_of(warning)})

    def _excused(self, column: Column) -> str:
        """Condition under which something else already says why a value is missing.

        Its own flags; for a computed one, whatever refuses the row; for one that a required value gives, that value.
        """
        flags = self._failing.get(column.name, [])
        if column.when_missing is not None:
            flags = [f.flag for f in self._fired if f.severity == "reject"]
        giver = self._givers.get(column.name) or column.of
        return any_of(flags) + (f" OR {quoted(giver)} IS NULL" if giver else "")
