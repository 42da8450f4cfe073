"""Revisions written by hand, one file each; Alembic orders them by `down_revision`."""
