"""Work on mapping files before the first run: drafts, checks against the database, coverage and previews.

What belongs here: everything that looks at a source, or at one of its rows, for the sake of its mapping file. What does
not: the file itself and what it may say (mapping), and loading anything (bronze, silver).
"""
