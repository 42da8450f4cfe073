-- The application database of an invented retailer: 21 places of business in six countries, a web shop, a marketplace.
-- It is written as such databases are: the names are the retailer's own, states are numbers or German words, tills write
-- local time without a zone, headers carry totals, order lines have no time of their own.

CREATE SCHEMA shop;

CREATE TYPE shop.article_state AS ENUM ('entwurf', 'aktiv', 'auslauf', 'gesperrt');
CREATE TYPE shop.sales_unit AS ENUM ('st', 'kg', 'l', 'm', 'set', 'paar');
CREATE TYPE shop.sales_channel AS ENUM ('filiale', 'webshop', 'app', 'telefon', 'b2b', 'intern');
CREATE TYPE shop.club_level AS ENUM ('basis', 'silber', 'gold');
CREATE TYPE shop.payment_state AS ENUM ('offen', 'ok', 'abgelehnt', 'storniert');
CREATE TYPE shop.voucher_kind AS ENUM ('prozent', 'betrag', 'versandfrei', 'geschenk');
CREATE TYPE shop.opinion_state AS ENUM ('neu', 'sichtbar', 'abgelehnt', 'verborgen');

-- The retailer's clock: the present, unless a session sets shop.clock to replay a day.
CREATE FUNCTION shop.clock() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT coalesce(nullif(current_setting('shop.clock', true), '')::timestamptz, clock_timestamp()) $$;

CREATE TABLE shop.article_groups (
    id          integer PRIMARY KEY,
    parent_id   integer,
    code        varchar(20),
    label       text,
    label_i18n  jsonb,
    blurb       text,
    path        text,
    position    smallint,
    hidden      boolean NOT NULL DEFAULT false
);

CREATE TABLE shop.vendors (
    id            integer PRIMARY KEY,
    vendor_no     varchar(12) NOT NULL,
    trade_name    text,
    legal_name    text,
    contact       text,
    mail          text,
    phone         text,
    street        text,
    town          text,
    province      text,
    zip           varchar(12),
    country       text,
    vat_id        text,
    gln           varchar(20),
    currency      char(3),
    payment_days  smallint,
    delivery_days smallint,
    blocked       boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);

CREATE TABLE shop.sites (
    id          smallint PRIMARY KEY,
    site_no     char(4) NOT NULL,
    name        text NOT NULL,
    kind        char(1) NOT NULL,      -- F store, L warehouse, Z distribution centre, O web shop, T in transit, R returns
    parent_id   smallint,
    gln         varchar(20),
    street      text,
    street2     text,
    town        text,
    province    text,
    zip         varchar(12),
    country     text,
    lat         numeric(9,6),
    lon         numeric(9,6),
    tz          text,
    phone       text,
    mail        text,
    area_sqm    numeric(8,1),
    opened      date,
    closed      date,
    currency    char(3) NOT NULL
);

CREATE TABLE shop.tenders (
    code          varchar(12) PRIMARY KEY,
    label         text NOT NULL,
    kind          smallint NOT NULL,
    provider      text,
    scheme        text,
    fee_percent   numeric(6,3),
    fee_fixed     numeric(12,2),
    fee_currency  char(3),
    online        boolean NOT NULL,
    active        boolean NOT NULL
);

CREATE TABLE shop.articles (
    id                bigint PRIMARY KEY,
    model_id          bigint,
    article_no        text NOT NULL,
    ean               text,
    title             text,
    title_i18n        jsonb,
    variant_label     text,
    group_id          integer,
    extra_group_ids   integer[],
    brand             text,
    vendor_id         integer,
    vendor_article_no text,
    kind              smallint NOT NULL,   -- 1 goods, 2 service, 3 gift card, 4 bundle
    unit              shop.sales_unit NOT NULL,
    price             numeric(12,2),
    purchase_price    numeric(12,4),
    currency          char(3),
    vat_percent       numeric(5,2),
    weight_kg         numeric(8,3),
    properties        jsonb,
    description_html  text,
    state             shop.article_state NOT NULL,
    stock_kept        boolean NOT NULL,
    on_sale_from      date,
    on_sale_until     date,
    voided_at         timestamptz,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
);

CREATE TABLE shop.clients (
    id                bigint PRIMARY KEY,
    public_id         uuid NOT NULL,
    client_no         text,
    kind              smallint NOT NULL,   -- 1 person, 2 business
    given_name        text,
    family_name       text,
    company           text,
    mail              text,
    phone             text,
    born              date,
    sex               char(1),
    locale            varchar(10),
    address           jsonb,
    newsletter        boolean,
    newsletter_since  timestamptz,
    signed_up         timestamp,           -- local time
    segment           varchar(10),
    club_level        shop.club_level,
    favourite_site_id smallint,
    guest             boolean NOT NULL DEFAULT false,
    locked            boolean NOT NULL DEFAULT false,
    merged_into       bigint,
    voided_at         timestamptz,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
);

CREATE TABLE shop.vouchers (
    id                  integer PRIMARY KEY,
    code                text,
    campaign            text,
    remark              text,
    kind                shop.voucher_kind NOT NULL,
    value               numeric(12,2),
    currency            char(3),
    scope               smallint NOT NULL,   -- 1 order, 2 items, 3 freight
    min_basket          numeric(12,2),
    max_rebate          numeric(12,2),
    valid_from          timestamptz,
    valid_to            timestamptz,
    max_uses            integer,
    max_uses_per_client integer,
    uses                integer NOT NULL DEFAULT 0,
    stackable           boolean NOT NULL DEFAULT false,
    client_id           bigint,
    state               smallint NOT NULL,   -- 0 planned, 1 running, 2 over, 3 withdrawn
    updated_at          timestamptz NOT NULL
);

CREATE TABLE shop.orders (
    id               bigint PRIMARY KEY,
    order_no         text NOT NULL,
    kind             smallint NOT NULL,    -- 1 sale, 2 return, 3 exchange
    return_of        bigint,
    channel          shop.sales_channel NOT NULL,
    status           smallint NOT NULL,    -- 10 new, 20 confirmed, 30 in work, 40 done, 80 returned, 85 partly returned, 90 cancelled
    pay_status       smallint,
    client_id        bigint,
    site_id          smallint,
    placed_at        timestamptz NOT NULL,
    completed_at     timestamptz,
    cancelled_at     timestamptz,
    currency         char(3),
    goods_total      numeric(12,2) NOT NULL,
    rebate_total     numeric(12,2) NOT NULL DEFAULT 0,
    freight          numeric(12,2) NOT NULL DEFAULT 0,
    fees             numeric(12,2) NOT NULL DEFAULT 0,
    vat_total        numeric(12,2) NOT NULL DEFAULT 0,   -- contained in the prices
    grand_total      numeric(12,2) NOT NULL,
    surcharges       jsonb,
    voucher_ids      integer[],
    basket_id        uuid,
    clerk            text,
    training         boolean NOT NULL DEFAULT false,
    voided_at        timestamptz,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    lines_touched_at timestamptz NOT NULL  -- any insert, update or delete of a line
);

CREATE TABLE shop.order_lines (
    id             bigint PRIMARY KEY,
    order_id       bigint NOT NULL,
    pos            smallint NOT NULL,
    kind           char(1) NOT NULL,       -- W goods, D service, G gift card
    article_id     bigint,
    article_no     text,
    label          text,
    qty            numeric(10,3) NOT NULL, -- negative: taken back
    unit_price     numeric(12,2) NOT NULL,
    unit_cost      numeric(12,4),
    gross          numeric(12,2) NOT NULL, -- signed as qty
    rebate         numeric(12,2) NOT NULL DEFAULT 0,
    vat_percent    numeric(5,2) NOT NULL,
    vat            numeric(12,2) NOT NULL, -- signed as qty, contained in the price
    voucher_id     integer,
    origin_line_id bigint,
    stock_site_id  smallint,
    reason         text
);

CREATE TABLE shop.payments (
    id            uuid PRIMARY KEY,
    order_id      bigint,
    parent_id     uuid,
    kind          smallint NOT NULL,       -- 1 payment, 2 reservation, 3 capture, 4 refund, 5 void, 6 chargeback
    state         shop.payment_state NOT NULL,
    tender_code   varchar(12),
    client_id     bigint,
    site_id       smallint,
    amount        numeric(12,2),           -- refunds and chargebacks are negative
    currency      char(3),
    fee           numeric(12,4),
    change_given  numeric(12,2) NOT NULL DEFAULT 0,
    booked_at     timestamp,               -- local time
    settled_at    timestamptz,
    gateway_ref   text,
    account_hint  text,
    instalments   smallint,
    decline_code  text,
    recorded_at   timestamptz NOT NULL
);

CREATE TABLE shop.market_orders (
    id          text PRIMARY KEY,
    portal      text NOT NULL,
    doc         jsonb NOT NULL,            -- the portal's order document, amounts in minor units
    received_at timestamptz NOT NULL,
    voided_at   timestamptz,
    updated_at  timestamptz NOT NULL
);

CREATE TABLE shop.stock_moves (
    id            bigint PRIMARY KEY,
    article_id    bigint,
    site_id       smallint NOT NULL,
    other_site_id smallint,                -- where a transfer goes: one row states both ends
    reason        char(2) NOT NULL,        -- AB opening, WE receipt, VK sale, RT return, LR back to the vendor, UM transfer, IN count, BR write-off, KO correction
    qty           numeric(12,3) NOT NULL,  -- signed, as seen from site_id; the level counted for AB and IN
    cost          numeric(12,4),
    currency      char(3),
    moved_at      timestamp NOT NULL,      -- local time
    doc_type      varchar(10),             -- BON, PORTAL, BEST, UML, INV, MAN
    doc_no        text,
    order_id      bigint,
    vendor_id     integer,
    lot           text,
    expires       date,
    note          text,
    recorded_at   timestamptz NOT NULL
);

CREATE TABLE shop.club_ledger (
    id          bigint PRIMARY KEY,
    client_id   bigint,
    account_no  text,
    programme   varchar(10) NOT NULL,
    kind        char(1) NOT NULL,          -- A opening, E earned, B bonus, R redeemed, X expired, S goods returned, K corrected
    points      numeric(10,2),
    balance     numeric(12,2),
    value       numeric(12,2),
    currency    char(3),
    order_id    bigint,
    site_id     smallint,
    booked_at   timestamptz NOT NULL,
    expires_at  timestamptz,
    note        text,
    recorded_at timestamptz NOT NULL
);

CREATE TABLE shop.baskets (
    id            uuid PRIMARY KEY,
    client_id     bigint,
    session_token text,
    channel       shop.sales_channel NOT NULL,
    device        text,
    state         smallint NOT NULL,       -- 1 open, 2 at the checkout, 3 ordered, 4 dropped
    currency      char(3),
    goods_total   numeric(12,2),
    rebate_total  numeric(12,2),
    total         numeric(12,2),
    voucher_ids   integer[],
    opened_at     timestamptz NOT NULL,
    touched_at    timestamptz NOT NULL,
    checkout_at   timestamptz,
    ordered_at    timestamptz,
    dropped_at    timestamptz,
    order_id      bigint,
    utm           jsonb,
    updated_at    timestamptz NOT NULL
);

CREATE TABLE shop.basket_lines (
    id         bigint PRIMARY KEY,
    basket_id  uuid NOT NULL,
    article_id bigint,
    article_no text,
    qty        numeric(10,3) NOT NULL,
    price      numeric(12,2),
    rebate     numeric(12,2) NOT NULL DEFAULT 0,
    added_at   timestamptz NOT NULL,
    removed_at timestamptz,
    parked     boolean NOT NULL DEFAULT false
);

CREATE TABLE shop.parcels (
    id           bigint PRIMARY KEY,
    order_id     bigint,
    portal_order text,
    line_id      bigint,                   -- a courier takes one line at a time
    kind         smallint NOT NULL,        -- 1 parcel, 2 courier, 3 collected in a store
    state        smallint NOT NULL,        -- 10 planned, 20 picked, 30 packed, 40 on its way, 50 delivered, 60 failed, 70 sent back, 80 cancelled
    site_id      smallint,
    carrier      text,
    service      text,
    tracking     text,
    units        numeric(10,3),
    contents     jsonb,
    country      text,
    province     text,
    zip          varchar(12),
    cost         numeric(12,2),
    currency     char(3),
    attempts     smallint NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL,
    promised_at  timestamptz,
    picked_at    timestamptz,
    packed_at    timestamptz,
    shipped_at   timestamptz,
    delivered_at timestamptz,
    cancelled_at timestamptz,
    returned_at  timestamptz,
    updated_at   timestamptz NOT NULL
);

CREATE TABLE shop.opinions (
    id           uuid PRIMARY KEY,
    article_id   bigint,
    model_id     bigint,
    client_id    bigint,
    order_id     bigint,
    line_id      bigint,
    stars        smallint,
    stars_max    smallint NOT NULL,
    headline     text,
    body         text,
    locale       varchar(10),
    verified     boolean,
    state        shop.opinion_state NOT NULL,
    up           integer NOT NULL DEFAULT 0,
    down         integer NOT NULL DEFAULT 0,
    written_at   timestamp NOT NULL,       -- local time
    published_at timestamptz,
    answered_at  timestamptz,
    updated_at   timestamptz NOT NULL
);
