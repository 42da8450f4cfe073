"""Measures the package against plain COPY and against the naive script."""
