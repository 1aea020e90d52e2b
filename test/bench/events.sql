-- The table of the benchmarks: what a metering pipeline writes.
CREATE EXTENSION pg_cutover;
SELECT setseed(0.5);
CREATE TABLE source (
    id          bigint PRIMARY KEY,
    event       uuid NOT NULL,
    tenant      text NOT NULL,
    amount      numeric NOT NULL,
    occurred_at timestamptz NOT NULL,
    attributes  jsonb NOT NULL
);
INSERT INTO source
SELECT n, gen_random_uuid(), 'tenant-' || (random() * 5000)::int, round((random() * 1000)::numeric, 4),
       timestamptz '2026-01-01' + n * interval '1 second', jsonb_build_object('plan', n % 7, 'ok', n % 3 = 0)
  FROM generate_series(1, :rows) AS n;
CREATE INDEX source_tenant ON source (tenant, occurred_at);
VACUUM ANALYZE source;
