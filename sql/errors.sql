-- Scenarios: O6, O7, O11, O29, R29, R43
-- What stops a copy: each failure names the row, the table and the server's own message, keeps what was
-- copied, and goes on after the cause is mended.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
CREATE SCHEMA errors;
SET search_path = errors, public;

CREATE PROCEDURE settle(job bigint) LANGUAGE plpgsql AS $$
BEGIN
    WHILE (SELECT state IN ('queued', 'running') FROM migrate.progress p WHERE p.job = settle.job) LOOP
        COMMIT;
        PERFORM pg_sleep(0.02);
    END LOOP;
END
$$;
CREATE VIEW outcome AS
SELECT job, state, replace(phase, 'deferred', 'copy') AS phase, error,
       regexp_replace(error_detail, '\(parity\)=\(\d+\)', '(parity)=(N)') AS error_detail, regexp_replace(error_hint, '\d+', 'N') AS error_hint,
       (SELECT error_sqlstate FROM migrate.job j WHERE j.id = p.job) AS sqlstate
  FROM migrate.progress p;
\set outcome 'SELECT state, phase, sqlstate, error, error_detail, error_hint FROM outcome WHERE job = :job'

CREATE TABLE source (id int PRIMARY KEY, code text, amount int, word text);
INSERT INTO source SELECT n, 'c' || n, n, 'w' || n FROM generate_series(1, 3000) n;
ANALYZE source;

-- A NULL for a key column.
UPDATE source SET code = NULL WHERE id = 1234;
CREATE TABLE null_key (code text PRIMARY KEY, id int);
SELECT migrate_backfill('source', 'null_key', batch_size => 100, sync => false) AS job \gset
CALL settle(:job);
:outcome \gx
SELECT count(*) BETWEEN 100 AND 2999 AS some_kept, (SELECT rows_done FROM migrate.progress WHERE job = :job) = count(*) AS counted FROM null_key;
UPDATE source SET code = 'c1234' WHERE id = 1234;
SELECT migrate_resume(:job);
CALL migrate_wait(:job);
SELECT state, rows_done, (SELECT count(*) FROM null_key) AS rows FROM migrate.progress WHERE job = :job;

-- A key that the target has already.
CREATE TABLE duplicate (id bigint PRIMARY KEY, code text);
INSERT INTO duplicate VALUES (2500, 'somebody else''s');
SELECT migrate_backfill('source', 'duplicate', batch_size => 100, sync => false) AS job \gset
CALL settle(:job);
:outcome \gx
DELETE FROM duplicate WHERE code LIKE 'somebody%';
SELECT migrate_resume(:job);
CALL migrate_wait(:job);
SELECT state, rows_done, (SELECT count(*) FROM duplicate) AS rows FROM migrate.progress WHERE job = :job;

-- Two source rows for one key of the target.
CREATE TABLE collapsed (bucket int PRIMARY KEY, code text);
SELECT migrate_backfill('source', 'collapsed', columns => '{"bucket": "id / 2000"}', sync => false) AS job \gset
CALL settle(:job);
SELECT state, sqlstate, error FROM outcome WHERE job = :job \gx

-- A NULL in the key of a view, which has no constraint of its own.
CREATE VIEW with_null AS SELECT nullif(id, 1234) AS id, code FROM source;
CREATE TABLE from_view (id int PRIMARY KEY, code text);
SELECT migrate_backfill('with_null', 'from_view', sync => false) AS job \gset
CALL settle(:job);
:outcome \gx

-- A deferrable constraint of a target that keeps its indexes.
CREATE TABLE late_check (id int PRIMARY KEY, amount int UNIQUE DEFERRABLE);
INSERT INTO late_check VALUES (-1, 77);
SELECT migrate_backfill('source', 'late_check', method => 'direct', sync => false) AS job \gset
CALL settle(:job);
:outcome \gx

-- Empty blocks at the end of the source that VACUUM cuts off while it is copied.
CREATE TABLE shrinking (id int PRIMARY KEY, filler text);
INSERT INTO shrinking SELECT n, repeat('x', 500) FROM generate_series(1, 6000) n;
DELETE FROM shrinking WHERE id > 1000;
CREATE TABLE shrunk (LIKE shrinking INCLUDING ALL);
SELECT migrate_backfill('shrinking', 'shrunk', batch_size => 100, throttle => '{"max_rows_per_second": 1000}', sync => false) AS job \gset
SELECT pg_sleep(0.3);
VACUUM shrinking;
SELECT pg_relation_size('shrinking') < 800000 AS cut_off;
SELECT migrate_throttle(:job, '{}');
CALL settle(:job);
SELECT state, error, rows_done FROM migrate.progress WHERE job = :job;

-- A check of the target.
CREATE TABLE checked (id int PRIMARY KEY, amount int CONSTRAINT small CHECK (amount < 2900), word text NOT NULL);
SELECT migrate_backfill('source', 'checked', batch_size => 100, sync => false) AS job \gset
CALL settle(:job);
:outcome \gx
ALTER TABLE checked DROP CONSTRAINT small;
SELECT migrate_resume(:job);
CALL migrate_wait(:job);
SELECT state, rows_done, (SELECT count(*) FROM checked) AS rows FROM migrate.progress WHERE job = :job;

-- A value that the mapping cannot turn into the target's type, by either method.
UPDATE source SET word = 'not a number' WHERE id = 777;
CREATE TABLE numbers (id int PRIMARY KEY, n int);
SELECT migrate_backfill('source', 'numbers', columns => '{"n": "replace(word, ''w'', '''')::int"}', sync => false) AS job \gset
CALL settle(:job);
:outcome \gx
CREATE TABLE numbers_sql (LIKE numbers INCLUDING ALL);
SELECT migrate_backfill('source', 'numbers_sql', columns => '{"n": "replace(word, ''w'', '''')::int"}', method => 'sql', sync => false) AS job \gset
CALL settle(:job);
:outcome \gx
SELECT count(*) AS kept FROM numbers_sql;
UPDATE source SET word = 'w777' WHERE id = 777;
SELECT migrate_resume(:job);
CALL migrate_wait(:job);
SELECT state, rows_done, (SELECT count(*) FROM numbers_sql) AS rows FROM migrate.progress WHERE job = :job;

-- A value too long for its column, a row without a partition, an index row too large.
CREATE TABLE short (id int PRIMARY KEY, code varchar(4));
SELECT migrate_backfill('source', 'short', sync => false) AS job \gset
CALL settle(:job);
:outcome \gx
CREATE TABLE parted (id int PRIMARY KEY, code text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (2001);
SELECT migrate_backfill('source', 'parted', batch_size => 100, sync => false) AS job \gset
CALL settle(:job);
:outcome \gx
-- Without its link a failed job cannot go on: it ends with it.
SELECT migrate_unlink('source', 'parted');
SELECT state FROM migrate.progress WHERE job = :job;

-- A unique index that is built after the rows.
CREATE TABLE twice (id int PRIMARY KEY, code text, parity int);
CREATE UNIQUE INDEX twice_parity ON twice (parity);
SELECT migrate_backfill('source', 'twice', columns => '{"parity": "id % 2500"}', sync => false) AS job \gset
CALL settle(:job);
:outcome \gx
SELECT count(*) AS rows, count(DISTINCT parity) AS distinct_values FROM twice;
SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 'twice'::regclass ORDER BY indexrelid::regclass::text;
DELETE FROM twice WHERE id > 2500;
SELECT migrate_resume(:job);
CALL migrate_wait(:job);
SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 'twice'::regclass ORDER BY indexrelid::regclass::text;

-- A foreign key that the rows violate.
CREATE TABLE codes (code text PRIMARY KEY);
INSERT INTO codes SELECT code FROM source WHERE id <> 42;
CREATE TABLE referring (id int PRIMARY KEY, code text CONSTRAINT known REFERENCES codes);
SELECT migrate_backfill('source', 'referring', sync => false) AS job \gset
CALL settle(:job);
:outcome \gx
INSERT INTO codes VALUES ('c42');
SELECT migrate_resume(:job);
CALL migrate_wait(:job);
SELECT conname, convalidated FROM pg_constraint WHERE conrelid = 'referring'::regclass AND contype = 'f';

-- A table that is altered, rewritten, truncated or dropped under the job stops it; nothing is copied on a
-- stale definition. The job is held by its throttle meanwhile.
CREATE TABLE moving (LIKE source INCLUDING ALL);
SELECT migrate_backfill('source', 'moving', batch_size => 100, throttle => '{"max_rows_per_second": 1000}', sync => false) AS job \gset
SELECT pg_sleep(0.5);
ALTER TABLE source ADD COLUMN late int;
CALL settle(:job);
:outcome \gx
ALTER TABLE source DROP COLUMN late;
SELECT migrate_cancel(:job);
TRUNCATE moving;
SELECT migrate_backfill('source', 'moving', batch_size => 100, throttle => '{"max_rows_per_second": 1000}', sync => false) AS job \gset
SELECT pg_sleep(0.5);
TRUNCATE moving;
CALL settle(:job);
:outcome \gx
SELECT migrate_cancel(:job);
CREATE TABLE moved (LIKE source INCLUDING ALL);
SELECT migrate_backfill('source', 'moved', batch_size => 100, throttle => '{"max_rows_per_second": 1000}', sync => false) AS job \gset
SELECT pg_sleep(0.5);
VACUUM FULL source;
CALL settle(:job);
:outcome \gx
SELECT migrate_cancel(:job);
CREATE TABLE dropped (LIKE source INCLUDING ALL);
SELECT migrate_backfill('source', 'dropped', batch_size => 100, throttle => '{"max_rows_per_second": 1000}', sync => false) AS job \gset
SELECT pg_sleep(0.5);
DROP TABLE dropped;
CALL settle(:job);
:outcome \gx

RESET search_path;
DROP SCHEMA errors CASCADE;
