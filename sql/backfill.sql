-- Backfill from start to end: what is copied, and what the target has afterwards.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
CREATE SCHEMA backfill;
SET search_path = backfill, public;

-- Waits for the job, compares the two queries both ways, and says how it went.
CREATE PROCEDURE check_copy(job bigint, expected text, got text) LANGUAGE plpgsql AS $$
DECLARE
    differences bigint;
    verdict text;
BEGIN
    EXECUTE format('SELECT count(*) FROM (((%1$s) EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL (%1$s))) d', expected, got)
       INTO differences;
    SELECT format('job %s, %s rows, %s percent, %s differences', state, rows_done, percent, differences)
      INTO verdict FROM migrate.progress p WHERE p.job = check_copy.job;
    RAISE WARNING '%', verdict;
END
$$;

CREATE TABLE events (
    id bigint PRIMARY KEY,
    tenant text NOT NULL,
    amount numeric,
    payload jsonb,
    at timestamptz DEFAULT '2026-01-01'
);
INSERT INTO events SELECT n, 'tenant ' || n % 17, n / 7.0, jsonb_build_object('n', n) FROM generate_series(1, 50000) n;
DELETE FROM events WHERE id % 10 = 3;
UPDATE events SET amount = -amount WHERE id % 5 = 1;
CREATE INDEX events_tenant ON events (tenant);
ANALYZE events;

-- The same shape; the indexes of an empty target are built after the rows, under their own names.
CREATE TABLE events_v2 (LIKE events INCLUDING ALL);
CREATE UNIQUE INDEX events_v2_payload ON events_v2 ((payload ->> 'n')) WHERE amount > 0;
ALTER TABLE events_v2 ADD CONSTRAINT positive_id UNIQUE (id, tenant);
COMMENT ON INDEX events_v2_payload IS 'kept';
SELECT migrate_backfill('events', 'events_v2', sync => false) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'TABLE events', 'TABLE events_v2');
SELECT indexrelid::regclass AS index, indisunique, indisvalid, obj_description(indexrelid) AS comment
  FROM pg_index WHERE indrelid = 'events_v2'::regclass ORDER BY indexrelid::regclass::text;
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'events_v2'::regclass ORDER BY 1;
-- It was analysed and its visibility map is set.
SELECT reltuples, relallvisible = relpages AS all_visible FROM pg_class WHERE oid = 'events_v2'::regclass;

-- Mapping, filter, another type of key, batches of a given size.
CREATE TABLE big_spenders (tenant text NOT NULL, event text PRIMARY KEY, cents bigint NOT NULL, copied_by text DEFAULT 'us');
SELECT migrate_backfill('events', 'big_spenders', columns => '{"event": "''e'' || source.id", "cents": "round(amount * 100)"}',
    filter => 'amount > 100 AND tenant <> ''tenant 3''', batch_size => 100, sync => false) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'SELECT tenant, ''e'' || id, round(amount * 100)::bigint, ''us'' FROM events
    WHERE amount > 100 AND tenant <> ''tenant 3''', 'TABLE big_spenders');
SELECT rows_done < rows_total OR rows_done = rows_total AS known, batches > 1 AS several FROM migrate.progress WHERE job = :job;

-- Two workers, a composite key, and rows that fill only some of the blocks.
CREATE TABLE pairs (a int, b text, c text, PRIMARY KEY (a, b));
INSERT INTO pairs SELECT n % 100, 'b' || n, repeat('x', n % 300) FROM generate_series(1, 30000) n;
DELETE FROM pairs WHERE a BETWEEN 10 AND 60;
CREATE TABLE pairs_v2 (LIKE pairs INCLUDING ALL);
SELECT migrate_backfill('pairs', 'pairs_v2', workers => 3, batch_size => 500, sync => false) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'TABLE pairs', 'TABLE pairs_v2');

-- Keys of other types.
CREATE TABLE by_uuid (k uuid PRIMARY KEY, v int);
INSERT INTO by_uuid SELECT md5(n::text)::uuid, n FROM generate_series(1, 5000) n;
CREATE TABLE by_uuid_v2 (LIKE by_uuid INCLUDING ALL);
SELECT migrate_backfill('by_uuid', 'by_uuid_v2', sync => false) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'TABLE by_uuid', 'TABLE by_uuid_v2');
CREATE TABLE by_numeric (k numeric PRIMARY KEY, v int);
INSERT INTO by_numeric VALUES ('NaN', 1), ('Infinity', 2), ('-Infinity', 3), (1e100, 4), (1e-100, 5), (0, 6), (1.50, 7);
CREATE TABLE by_numeric_v2 (LIKE by_numeric INCLUDING ALL);
SELECT migrate_backfill('by_numeric', 'by_numeric_v2', sync => false) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'SELECT k::text, v FROM by_numeric', 'SELECT k::text, v FROM by_numeric_v2');

-- An empty table, and a table of empty blocks.
CREATE TABLE nothing (id int PRIMARY KEY);
CREATE TABLE nothing_v2 (LIKE nothing INCLUDING ALL);
SELECT migrate_backfill('nothing', 'nothing_v2', sync => false) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'TABLE nothing', 'TABLE nothing_v2');

-- Partitioned on either side and on both, with partitions of another column order.
CREATE TABLE parted (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parted_eu PARTITION OF parted FOR VALUES IN ('eu');
CREATE TABLE parted_us (v text, region text NOT NULL, dropped int, id int NOT NULL);
ALTER TABLE parted_us DROP COLUMN dropped;
ALTER TABLE parted ATTACH PARTITION parted_us FOR VALUES IN ('us');
CREATE TABLE parted_rest PARTITION OF parted DEFAULT PARTITION BY RANGE (id);
CREATE TABLE parted_rest_low PARTITION OF parted_rest FOR VALUES FROM (MINVALUE) TO (10000);
CREATE TABLE parted_rest_high PARTITION OF parted_rest DEFAULT;
INSERT INTO parted SELECT n, (ARRAY['eu', 'us', 'ap', 'sa'])[1 + n % 4], 'v' || n FROM generate_series(1, 20000) n;
CREATE TABLE flat (LIKE parted INCLUDING ALL);
SELECT migrate_backfill('parted', 'flat', workers => 2, sync => false) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'TABLE parted', 'TABLE flat');
CREATE TABLE ranged (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY RANGE (id);
CREATE TABLE ranged_1 PARTITION OF ranged FOR VALUES FROM (0) TO (5000);
CREATE TABLE ranged_2 (v text, id int NOT NULL, region text NOT NULL);
ALTER TABLE ranged ATTACH PARTITION ranged_2 FOR VALUES FROM (5000) TO (50000);
CREATE INDEX ranged_v ON ranged (v);
SELECT migrate_backfill('flat', 'ranged', sync => false) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'TABLE flat', 'TABLE ranged');
TRUNCATE ranged;
SELECT migrate_backfill('parted', 'ranged', sync => false) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'TABLE parted', 'TABLE ranged');

-- A target that has rows keeps its indexes; only new keys come in.
CREATE TABLE halves (id bigint PRIMARY KEY, tenant text);
CREATE INDEX halves_tenant ON halves (tenant);
INSERT INTO halves SELECT -n, 'before' FROM generate_series(1, 10) n;
SELECT migrate_backfill('events', 'halves', filter => 'id <= 1000', sync => false) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'SELECT id, tenant FROM events WHERE id <= 1000 UNION ALL SELECT -n, ''before'' FROM generate_series(1, 10) n', 'TABLE halves');

-- Foreign keys of an empty target are taken off and validated again.
CREATE TABLE tenants (tenant text PRIMARY KEY);
INSERT INTO tenants SELECT DISTINCT tenant FROM events;
CREATE TABLE referring (id bigint PRIMARY KEY, tenant text NOT NULL REFERENCES tenants);
SELECT migrate_backfill('events', 'referring', sync => false) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'SELECT id, tenant FROM events', 'TABLE referring');
SELECT conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'referring'::regclass AND contype = 'f';

-- The sql method: a target with a trigger, a view, a mapping with a subquery.
CREATE TABLE audited (id bigint PRIMARY KEY, tenant text, seen int);
CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.seen := 1; RETURN NEW; END';
CREATE TRIGGER mark BEFORE INSERT ON audited FOR EACH ROW EXECUTE FUNCTION mark();
SELECT migrate_backfill('events', 'audited', sync => false, batch_size => 2000) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'SELECT id, tenant, 1 FROM events', 'TABLE audited');
CREATE VIEW recent AS SELECT id, tenant FROM events WHERE id > 40000;
CREATE TABLE recent_copy (id bigint PRIMARY KEY, tenant text);
SELECT migrate_backfill('recent', 'recent_copy', sync => false) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'TABLE recent', 'TABLE recent_copy');
CREATE TABLE numbered (a int, b text, tenants bigint, PRIMARY KEY (a, b));
SELECT migrate_backfill('pairs', 'numbered', columns => '{"tenants": "(SELECT count(*) FROM backfill.tenants t WHERE t.tenant >= source.b)"}',
    sync => false) AS job \gset
CALL migrate_wait(:job);
CALL check_copy(:job, 'SELECT a, b, (SELECT count(*) FROM tenants t WHERE t.tenant >= p.b) FROM pairs p', 'TABLE numbered');

-- What is asked for wrongly is refused before anything changes.
CREATE TABLE refused (LIKE events INCLUDING ALL);
\set VERBOSITY default
SELECT migrate_backfill('events', 'refused', sync => false, batch_size => 0);
SELECT migrate_backfill('events', 'refused', sync => false, batch_delay => '-1 s');
SELECT migrate_backfill('events', 'refused', sync => false, workers => 0);
SELECT migrate_backfill('events', 'refused', sync => false, workers => 65);
SELECT migrate_backfill('events', 'refused', sync => false, method => 'fast');
SELECT migrate_backfill('events', 'audited', sync => false, method => 'direct');
SELECT migrate_backfill(NULL, 'refused', sync => false);
SELECT migrate_backfill('events', 'refused', sync => false, throttle => '{"max_lag": 1}');
SELECT count(*) FROM migrate.link WHERE target = 'refused'::regclass;

RESET search_path;
DROP SCHEMA backfill CASCADE;
