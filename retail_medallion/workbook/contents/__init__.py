"""The sheets of the workbook and what stands in them."""
