"""Tables of awkward values, at least a dozen for every standardiser."""
