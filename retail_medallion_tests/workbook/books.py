"""Small mappings, their workbooks, and changes to them as another program would make them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

from retail_medallion.model import CanonicalModel, load_model
from retail_medallion.workbook.contents.book import editable_sheets
from retail_medallion.workbook.exporting import gather
from retail_medallion.workbook.importing import Import, plan
from retail_medallion.workbook.inputs import Facts, Inputs
from retail_medallion.workbook.sheets import FIRST_ROW
from retail_medallion.workbook.write import write_workbook

MODEL = load_model()


def small_model(*entities: str) -> CanonicalModel:
    """The canonical model with some of its entities only."""
    kept = {name: MODEL.entities[name] for name in entities}
    lists = {column.codes for entity in kept.values() for column in entity if column.codes}
    return CanonicalModel(kept, {name: MODEL.codes[name] for name in MODEL.codes if name in lists}, MODEL.version)


MAPPING = """\
# The retailer's orders, as of spring.
mapping: v1
source: {code: acme, tenant: acme, owner: data@acme.example, timezone: UTC, currency: EUR, country: DE, language: de}
codes:
  state: {"10": pending, "20": completed, "*": unknown}   # from the manual
  kind:
    S: sale
    # returns have a letter of their own
    R: return
entities:
  sales:
    - block: orders
      extract: {table: shop.orders, mode: changed, key: [id], watermark: updated_at}
      key: {sale_id: "id"}
      columns:   # as agreed
        status: {expr: "state", code: state}   # reviewed by the shop
        sale_type: {expr: kind, code: kind, default: sale}
        sold_at: "placed_at"
        currency_code: {const: EUR, note: 'the shop sells in euros'}
        total_amount:
          expr: "total"   # gross
          note: >-
            payable,
            after discounts
          status: draft
        subtotal_amount: 'total - tax'
        customer_id: client_id

  # People and companies share a table.
  customers:
    - block: people
      extract: {table: shop.people, mode: snapshot, key: [id]}
      key: {customer_id: "id"}
      columns: {full_name: "name", email: mail, city: "town"}  # one line
"""

SMALL = small_model("customers", "sales")
CUSTOMERS, SALES = "10 Map customers", "11 Map sales"


@dataclass(frozen=True)
class Shop:
    """A folder with one mapping file."""

    file: Path
    model: CanonicalModel = SMALL

    @property
    def inputs(self) -> Inputs:
        """What the folder says now."""
        return gather([self.file], self.model, with_history=False)

    def book(self, facts: Mapping[str, Facts] | None = None) -> bytes:
        """A workbook of the sheets that may be changed."""
        return write_workbook(editable_sheets(gather([self.file], self.model, facts, with_history=False)))

    def plan(self, content: bytes) -> Import:
        """What taking a workbook back would do."""
        return plan(content, self.inputs)


def shop(folder: Path, text: str | bytes = MAPPING, model: CanonicalModel | None = None) -> Shop:
    """Write a mapping file."""
    file = folder / "acme.yml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Shop(file, model or SMALL)


def saved_by_another_program(content: bytes, change: Callable[[openpyxl.Workbook], None]) -> bytes:
    """Open, change and save a workbook with a library that is not the one it was written with."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    change(book)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def place(sheet: Worksheet, title: str, **row: str) -> str:
    """The cell of a column in the row that has these values, such as B7."""
    titles = [cell.value for cell in sheet[FIRST_ROW - 1]]
    for cells in sheet.iter_rows(min_row=FIRST_ROW):
        if all(cells[titles.index(name.replace("_", " "))].value == value for name, value in row.items()):
            return str(cells[titles.index(title)].coordinate)
    raise LookupError(row)


def put(content: bytes, *cells: tuple[str, str, str, object]) -> bytes:
    """Save a workbook with other values in the rows of some target columns: sheet, column, title and value."""

    def change(book: openpyxl.Workbook) -> None:
        for sheet, column, title, value in cells:
            book[sheet][place(book[sheet], title, target_column=column)] = value

    return saved_by_another_program(content, change)
