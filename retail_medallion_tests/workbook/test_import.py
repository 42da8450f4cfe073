"""Taking a workbook back: edits in place, three sides, and what is refused with its cell."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest

from retail_medallion.mapping import load_mapping
from retail_medallion.workbook.contents import names
from retail_medallion.workbook.importing import write
from retail_medallion.workbook.inputs import Facts
from retail_medallion.workbook.sheets import META
from retail_medallion_tests.workbook.books import (
    CUSTOMERS,
    MAPPING,
    SALES,
    Shop,
    place,
    put,
    saved_by_another_program,
    shop,
)


@pytest.fixture
def acme(tmp_path: Path) -> Shop:
    return shop(tmp_path)


def taken_back(acme: Shop, *cells: tuple[str, str, str, object]) -> str:
    result = acme.plan(put(acme.book(), *cells))
    assert [str(remark) for remark in result.remarks] == []
    write(result)
    load_mapping(acme.file)
    return acme.file.read_bytes().decode()


def refused(acme: Shop, content: bytes) -> list[str]:
    before = acme.file.read_bytes()
    result = acme.plan(content)
    assert result.remarks
    assert result.after == {}
    assert acme.file.read_bytes() == before
    return [str(remark) for remark in result.remarks]


def changed_lines(text: str) -> list[tuple[str, str]]:
    old, new = MAPPING.splitlines(), text.splitlines()
    assert len(old) == len(new)
    return [(before.strip(), after.strip()) for before, after in zip(old, new, strict=True) if before != after]


def test_a_workbook_nobody_changed_changes_nothing(acme: Shop) -> None:
    result = acme.plan(acme.book())
    assert (result.edits, result.remarks, result.after) == ([], [], {})


def test_a_workbook_saved_by_another_program_changes_nothing(acme: Shop) -> None:
    result = acme.plan(saved_by_another_program(acme.book(), lambda _: None))
    assert (result.edits, result.remarks, result.after) == ([], [], {})


def test_an_expression_is_replaced_in_its_quotes_and_every_comment_stays(acme: Shop) -> None:
    text = taken_back(acme, (SALES, "subtotal_amount", "expression", "total - tax_total"))
    assert changed_lines(text) == [("subtotal_amount: 'total - tax'", "subtotal_amount: 'total - tax_total'")]


def test_settings_are_added_to_a_bare_expression(acme: Shop) -> None:
    text = taken_back(
        acme, (SALES, "customer_id", "notes", 'the "client"'), (SALES, "customer_id", "status", "reviewed")
    )
    assert changed_lines(text) == [
        ("customer_id: client_id", 'customer_id: {expr: "client_id", status: reviewed, note: "the \\"client\\""}')
    ] or changed_lines(text) == [
        ("customer_id: client_id", 'customer_id: {expr: "client_id", note: "the \\"client\\"", status: reviewed}')
    ]


def test_settings_are_changed_added_and_taken_out_one_by_one(acme: Shop) -> None:
    text = taken_back(
        acme,
        (SALES, "status", "owner", "team:shop"),
        (SALES, "sale_type", "default", None),
        (SALES, "sale_type", "code map", "kind"),
        (SALES, "total_amount", "status", "approved"),
        (SALES, "total_amount", "notes", "payable"),
        (SALES, "total_amount", "owner", "ann@acme.example"),
    )
    assert 'status: {expr: "state", code: state, owner: "team:shop"}   # reviewed by the shop' in text
    assert "sale_type: {expr: kind, code: kind}\n" in text
    assert (
        'expr: "total"   # gross\n          note: "payable"\n          status: approved\n          owner: "ann@acme'
        in text
    )


def test_a_mapping_is_added_and_another_taken_out(acme: Shop) -> None:
    text = taken_back(
        acme,
        (SALES, "tax_amount", "expression", "tax"),
        (SALES, "sale_number", "expression", "number"),
        (SALES, "customer_id", "expression", None),
        (CUSTOMERS, "company_name", "constant", '"1"'),
        (CUSTOMERS, "city", "expression", None),
    )
    assert "client_id" not in text
    assert '        sale_number: "number"\n        tax_amount: "tax"\n\n  # People and companies' in text
    assert 'columns: {full_name: "name", email: mail, company_name: {const: "1"}}  # one line' in text


def test_an_expression_gives_way_to_a_constant(acme: Shop) -> None:
    text = taken_back(
        acme,
        (SALES, "currency_code", "constant", None),
        (SALES, "currency_code", "expression", "ccy"),
        (CUSTOMERS, "city", "expression", None),
        (CUSTOMERS, "city", "constant", "Ulm"),
    )
    assert "currency_code: {note: 'the shop sells in euros', expr: \"ccy\"}" in text
    assert 'city: {const: "Ulm"}' in text


def test_the_expression_of_a_key_is_replaced(acme: Shop) -> None:
    assert 'key: {sale_id: "key(id, branch)"}' in taken_back(acme, (SALES, "sale_id", "expression", "key(id, branch)"))


def test_code_maps_take_other_new_and_no_values(tmp_path: Path) -> None:
    acme = shop(tmp_path, MAPPING.replace(', "*": unknown', ""))
    facts = {"acme": Facts(code_values={("state", "30"): 7, ("kind", "X"): 1})}

    def change(book: openpyxl.Workbook) -> None:
        sheet = book[names.CODE_MAPS]
        for value, canonical in (("20", "confirmed"), ("30", "completed"), ("R", None), ("X", "exchange")):
            sheet[place(sheet, "canonical value", source_value=value)] = canonical

    result = acme.plan(saved_by_another_program(acme.book(facts), change))
    assert [str(remark) for remark in result.remarks] == []
    write(result)
    text = acme.file.read_text(encoding="utf-8")
    assert 'state: {"10": pending, "20": confirmed, "30": "completed"}   # from the manual' in text
    assert '    S: sale\n    # returns have a letter of their own\n    X: "exchange"\nentities:' in text


def test_windows_line_ends_and_a_byte_order_mark_stay(tmp_path: Path) -> None:
    windows = shop(tmp_path, b"\xef\xbb\xbf" + MAPPING.replace("\n", "\r\n").encode())
    assert windows.plan(windows.book()).edits == []
    text = taken_back(windows, (SALES, "tax_amount", "expression", "tax"), (SALES, "sold_at", "expression", "sold"))
    assert text.startswith("\ufeff# The retailer")
    assert text.count("\n") == text.count("\r\n") == MAPPING.count("\n") + 1


def test_taking_the_same_workbook_back_twice_changes_nothing_more(acme: Shop) -> None:
    content = put(acme.book(), (SALES, "subtotal_amount", "expression", "total - 1"))
    write(acme.plan(content))
    again = acme.plan(content)
    assert (again.edits, again.remarks, again.after) == ([], [], {})


def test_both_sides_change_different_cells(acme: Shop) -> None:
    content = put(acme.book(), (SALES, "status", "expression", "state_code"))
    acme.file.write_text(MAPPING.replace('"placed_at"', '"ordered_at"').replace("# gross", "# net"), encoding="utf-8")
    write(acme.plan(content))
    text = acme.file.read_text(encoding="utf-8")
    assert '"ordered_at"' in text
    assert "# net" in text
    assert 'status: {expr: "state_code", code: state}' in text


def test_both_sides_change_one_cell_in_the_same_way(acme: Shop) -> None:
    content = put(acme.book(), (SALES, "sold_at", "expression", "ordered_at"))
    acme.file.write_text(MAPPING.replace('"placed_at"', '"ordered_at"'), encoding="utf-8")
    result = acme.plan(content)
    assert (result.edits, result.remarks) == ([], [])


def test_both_sides_change_one_cell_differently(acme: Shop) -> None:
    content = put(
        acme.book(), (SALES, "sold_at", "expression", "ordered_at"), (SALES, "status", "expression", "state_code")
    )
    acme.file.write_text(MAPPING.replace('"placed_at"', '"made_at"'), encoding="utf-8")
    (remark,) = refused(acme, content)
    assert remark.startswith(f"{SALES}!M")
    assert "conflict: 'expression' is 'ordered_at' here and 'made_at' in the mapping file" in remark


def test_a_row_that_left_the_file_is_a_conflict_only_where_it_was_changed(acme: Shop) -> None:
    book = acme.book()
    acme.file.write_text(MAPPING[: MAPPING.index("  # People")], encoding="utf-8")
    assert acme.plan(book).remarks == []
    (remark,) = refused(acme, put(book, (CUSTOMERS, "city", "notes", "home")))
    assert "no longer in the mapping file" in remark


@pytest.mark.parametrize(
    ("title", "value", "expected"),
    [
        ("expression", "total +", "does not parse"),
        ("expression", "sum(total)", "aggregate"),
        ("expression", "(select 1)", "subquery"),
        ("expression", "now()", "now"),
        ("code map", "stat", "Did you mean 'state'?"),
        ("status", "done", "status"),
        ("constant", "x", "either `expr` or `const`"),
        ("expression", None, "either `expr` or `const`"),
        ("target type", "text", "cannot be changed here"),
        ("meaning", None, "cannot be changed here"),
        ("map_id", "acme/sales/orders/else", "what names it was changed"),
        ("notes", "=1+1", "formula"),
        ("notes", "a\u202eb", "U+202E"),
        ("notes", 5, "holds a number"),
        ("notes", True, "holds a truth value"),
        ("notes", "x" * 32_767, "may be cut"),
    ],
)
def test_what_cannot_be_taken_back_is_refused_with_its_cell(
    acme: Shop, title: str, value: object, expected: str
) -> None:
    remarks = refused(acme, put(acme.book(), (SALES, "total_amount", title, value)))
    assert all(remark.startswith(f"{SALES}!") or "rows were removed" in remark for remark in remarks)
    assert any(expected in remark for remark in remarks), remarks


@pytest.mark.parametrize("cleared", [(), ((CUSTOMERS, "city", "code map", None),)], ids=["beside", "instead of"])
def test_a_problem_worded_as_one_the_file_had_elsewhere_is_refused_with_its_cell(
    tmp_path: Path, cleared: tuple[tuple[str, str, str, object], ...]
) -> None:
    troubled = shop(tmp_path, MAPPING.replace('city: "town"', 'city: {expr: "town", code: towns}'))
    book = troubled.book()
    (remark,) = refused(troubled, put(book, (CUSTOMERS, "full_name", "code map", "towns"), *cleared))
    cell = place(openpyxl.load_workbook(io.BytesIO(book))[CUSTOMERS], "code map", target_column="full_name")
    assert remark.startswith(f"{CUSTOMERS}!{cell}: problem: There is no code map 'towns'")


def test_a_problem_the_file_had_stays_its_own_when_lines_move(tmp_path: Path) -> None:
    troubled = shop(tmp_path, MAPPING.replace('city: "town"', 'city: {expr: "town", code: towns}'))
    text = taken_back(
        troubled, (SALES, "tax_amount", "expression", "tax"), (CUSTOMERS, "city", "notes", "the one they live in")
    )
    assert 'city: {expr: "town", code: towns, note: "the one they live in"}' in text


def test_a_word_that_is_not_canonical_is_refused_with_its_cell(acme: Shop) -> None:
    def change(book: openpyxl.Workbook) -> None:
        sheet = book[names.CODE_MAPS]
        sheet[place(sheet, "canonical value", source_value="20")] = "complete"

    (remark,) = refused(acme, saved_by_another_program(acme.book(), change))
    assert remark.startswith(f"{names.CODE_MAPS}!E5: problem: 'complete' is no canonical value")
    assert "Did you mean 'completed'?" in remark


def test_sheets_rows_and_headers_stay_as_they_were(acme: Shop) -> None:
    def remarks(change) -> str:
        return "\n".join(refused(acme, saved_by_another_program(acme.book(), change)))

    assert "the sheet was added" in remarks(lambda book: book.create_sheet("mine"))
    assert "the sheet was removed" in remarks(lambda book: book.remove(book[SALES]))
    assert "rows were removed" in remarks(lambda book: book[SALES].delete_rows(6))
    assert "the row was added" in remarks(lambda book: book[SALES].append(["acme/sales/orders/mine"]))
    assert f"{SALES}!B3" in remarks(lambda book: book[SALES].delete_cols(2))
    assert f"{SALES}!AC9" in remarks(lambda book: book[SALES].__setitem__("AC9", "beside"))


def test_a_book_of_another_origin_is_refused(acme: Shop) -> None:
    with pytest.raises(Exception, match="not written by the export"):
        acme.plan(saved_by_another_program(acme.book(), lambda book: book.remove(book[META])))


def test_an_alias_is_refused_instead_of_changed_in_two_places(tmp_path: Path) -> None:
    text = MAPPING.replace('city: "town"', 'city: &town "town", region_code: *town')
    assert text != MAPPING
    aliased = shop(tmp_path, text)
    remarks = refused(aliased, put(aliased.book(), (CUSTOMERS, "region_code", "expression", "region")))
    assert "cannot be changed in place" in remarks[0]


def test_a_text_too_long_for_a_cell_stays_in_the_file(tmp_path: Path) -> None:
    long = shop(tmp_path, MAPPING.replace("the shop sells in euros", "euros " * 6_000))
    assert long.plan(long.book()).edits == []
    text = taken_back(long, (SALES, "currency_code", "constant", "CHF"))
    assert "const: CHF, note: 'euros euros" in text
    assert "cannot be changed here" in refused(long, put(long.book(), (SALES, "currency_code", "notes", "francs")))[0]
