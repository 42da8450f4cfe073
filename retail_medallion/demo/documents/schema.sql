-- A surf shop of Sydney that sells on the web in four currencies and keeps everything as JSON documents. Times are local
-- and carry no zone, amounts are whole minor units, keys are UUIDs; what is removed is marked, or is gone.

CREATE SCHEMA app;

CREATE TABLE app.settings (
    id uuid PRIMARY KEY, doc jsonb NOT NULL, created_at timestamp NOT NULL, updated_at timestamp NOT NULL,
    deleted_at timestamp
);
CREATE TABLE app.categories (LIKE app.settings INCLUDING ALL);
CREATE TABLE app.places     (LIKE app.settings INCLUDING ALL);
CREATE TABLE app.products   (LIKE app.settings INCLUDING ALL);
CREATE TABLE app.customers  (LIKE app.settings INCLUDING ALL);
CREATE TABLE app.promotions (LIKE app.settings INCLUDING ALL);
CREATE TABLE app.orders     (LIKE app.settings INCLUDING ALL);
CREATE TABLE app.reviews    (LIKE app.settings INCLUDING ALL);

CREATE INDEX ON app.products   ((updated_at AT TIME ZONE 'Australia/Sydney'));
CREATE INDEX ON app.customers  ((updated_at AT TIME ZONE 'Australia/Sydney'));
CREATE INDEX ON app.promotions ((updated_at AT TIME ZONE 'Australia/Sydney'));
CREATE INDEX ON app.orders     ((updated_at AT TIME ZONE 'Australia/Sydney'));
CREATE INDEX ON app.reviews    ((updated_at AT TIME ZONE 'Australia/Sydney'));
