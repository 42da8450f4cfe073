-- A chain of Polish delicatessens. Its tills write one journal of text columns, whatever happened; all master data is in
-- one table of text columns too; whoever the company deals with, to buy or to sell, is a party.

CREATE SCHEMA pos;

-- GRP groups, ART articles, SKL shops and stores, PLT tenders. What t1 to t9 hold depends on the kind.
CREATE TABLE pos.master (
    kind text NOT NULL,
    code text NOT NULL,
    t1 text, t2 text, t3 text, t4 text, t5 text, t6 text, t7 text, t8 text, t9 text,
    PRIMARY KEY (kind, code)
);

CREATE TABLE pos.party (
    no      text PRIMARY KEY,
    roles   text NOT NULL,     -- K buys from us, D sells to us, KD both
    form    text NOT NULL,     -- O person, F company
    name    text,
    given   text,
    nip     text,              -- tax number
    mail    text,
    phone   text,
    street  text,
    town    text,
    zip     text,
    card    text,              -- loyalty card
    terms   text,              -- days to pay
    joined  text,              -- YYYYMMDD
    left_on text               -- YYYYMMDD: no longer wanted, kept for the books
);

-- H receipt, L line, P payment, V receipt voided, B points, M goods moved. What c1 to c8 hold depends on the kind.
-- Tills write local time, and numbers with a comma. A receipt that was transmitted badly is transmitted again: the import
-- deletes its rows and writes them anew.
CREATE TABLE pos.journal (
    seq       bigint PRIMARY KEY,
    rec       text NOT NULL,
    site      text NOT NULL,
    doc       text NOT NULL,
    line      text NOT NULL,
    booked    text NOT NULL,   -- YYYYMMDDHHMMSS
    c1 text, c2 text, c3 text, c4 text, c5 text, c6 text, c7 text, c8 text,
    loaded_at timestamptz NOT NULL
);
CREATE INDEX ON pos.journal (rec, loaded_at);
CREATE INDEX ON pos.journal (doc, rec);
