"""Groups of the `retail-medallion` command that are too large for one file."""
