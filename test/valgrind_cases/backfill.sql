-- The main paths: link, shadow, backfill by both methods, with workers, failures, pauses, a throttle, retries.
SET client_min_messages = error;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE source (gone int, id int PRIMARY KEY, tenant text NOT NULL, amount numeric, m mood, big text, doc jsonb,
                     twice int GENERATED ALWAYS AS (length(tenant) * 2) STORED);
ALTER TABLE source DROP COLUMN gone;
INSERT INTO source (id, tenant, amount, m, big, doc)
SELECT n, 't' || n % 7, n / 3.0, 'ok', repeat(md5(n::text), CASE WHEN n % 50 = 0 THEN 300 ELSE 1 END), jsonb_build_object('n', n)
  FROM generate_series(1, 600) n;
CREATE INDEX source_tenant ON source (tenant) WHERE amount > 1;
ALTER TABLE source ADD COLUMN later text DEFAULT 'later';
ANALYZE source;

SELECT migrate_shadow('source', 'shadow', alterations => ARRAY['ALTER COLUMN id TYPE bigint', 'RENAME COLUMN tenant TO customer',
    'ALTER COLUMN amount TYPE bigint USING (amount * 100)::bigint', 'ADD COLUMN region text DEFAULT ''eu''']);
SELECT * FROM migrate_explain('source', 'shadow');
SELECT migrate_backfill('source', 'shadow', batch_size => 50, workers => 2, sync => false,
    throttle => '{"max_rows_per_second": 100000, "query": "SELECT false", "max_lock_waiters": 10, "max_active_backends": 100}') AS job \gset
CALL migrate_wait(:job);

CREATE TABLE same (LIKE source INCLUDING ALL);
SELECT migrate_backfill('source', 'same', sync => false) AS job \gset
CALL migrate_wait(:job);

CREATE TABLE parted (id int, tenant text, amount numeric CHECK (amount < 150), PRIMARY KEY (id, tenant)) PARTITION BY HASH (tenant);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT migrate_backfill('source', 'parted', sync => false, batch_size => 100) AS job \gset
CREATE PROCEDURE until_failed(job bigint) LANGUAGE plpgsql AS $$
BEGIN
    WHILE (SELECT state FROM migrate.progress p WHERE p.job = until_failed.job) <> 'failed' LOOP
        COMMIT;
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;
CALL until_failed(:job);
ALTER TABLE parted DROP CONSTRAINT parted_amount_check;
SELECT migrate_resume(:job);
CALL migrate_wait(:job);

CREATE TABLE by_sql (LIKE source INCLUDING ALL);
SELECT migrate_backfill('source', 'by_sql', method => 'sql', filter => 'tenant <> ''t3''', sync => false) AS job \gset
CALL migrate_wait(:job);

CREATE TABLE held (LIKE source INCLUDING ALL);
SELECT migrate_backfill('source', 'held', sync => false, throttle => '{"max_replication_lag": "5 s"}') AS job \gset
SELECT pg_sleep(1);
SELECT migrate_pause(:job);
SELECT migrate_throttle(:job, '{"ratio": 0.9}');
SELECT migrate_resume(:job);
CALL migrate_wait(:job);
SELECT migrate_unlink('source', 'held');

SELECT job, state, rows_done, bar FROM migrate.progress;
DO $$ BEGIN IF (SELECT count(*) FROM migrate.progress WHERE state = 'succeeded') <> 5 THEN RAISE 'a job did not succeed'; END IF; END $$;
