"""The demo retailers: application databases made of invented rows, the same for the same seed and dates."""

SOURCES = ("demo", "demo_journal", "demo_documents")
"""Their source codes, in the order in which they are shown."""
