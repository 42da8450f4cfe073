"""The mapping workbook: mapping files as an .xlsx file for people, and their changes back into the files."""
