"""Pictures and a page made from the marts, for people who do not write SQL."""
