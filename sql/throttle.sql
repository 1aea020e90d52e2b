-- Throttle: what is understood, what is refused, and that a job holds for the reason it gives.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
CREATE SCHEMA throttle;
SET search_path = throttle, public;

CREATE TABLE source (id int PRIMARY KEY, v text);
INSERT INTO source SELECT n, 'v' || n FROM generate_series(1, 20000) n;
ANALYZE source;
CREATE TABLE target (LIKE source INCLUDING ALL);
CREATE TABLE switch (held boolean);
INSERT INTO switch VALUES (true);

-- Polls until the condition on the job's progress is true; says what was seen last if it never is.
CREATE PROCEDURE until(job bigint, condition text) LANGUAGE plpgsql AS $$
DECLARE
    reached boolean;
    seen text;
BEGIN
    FOR i IN 1..1500 LOOP
        EXECUTE format('SELECT %s, p::text FROM migrate.progress p WHERE job = $1', condition) INTO reached, seen USING job;
        IF reached THEN RETURN; END IF;
        COMMIT;
        PERFORM pg_sleep(0.02);
    END LOOP;
    RAISE WARNING 'not reached: %, last seen: %', condition, seen;
END
$$;

-- Refused when it is given, not an hour later.
SELECT migrate_backfill('source', 'target', sync => false, throttle => t)
  FROM unnest('{"[]"}'::jsonb[]) t;
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"max_lag": "5 s"}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"max_replication_lag": "soon"}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"max_replication_lag": "-5 s"}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"max_replication_lag": 5}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"max_slot_lag": "many"}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"max_archive_backlog": -1}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"max_active_backends": "x"}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"max_rows_per_second": 0}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"target_batch_ms": 0}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"ratio": 1.5}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"window": "22:00-22:00"}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"window": "late"}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"query": "SELECT held FROM no_such_table"}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"query": "SELECT 1"}');
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"query": "DELETE FROM throttle.switch RETURNING true"}');
SELECT count(*) AS jobs FROM migrate.job WHERE target = 'target'::regclass;

-- The query: true holds, false lets go, NULL and an error hold and say so.
SELECT migrate_backfill('source', 'target', sync => false, batch_size => 500,
    throttle => '{"query": "SELECT held FROM throttle.switch"}') AS job \gset
CALL until(:job, 'throttled_by LIKE ''%:%'' AND state = ''running''');
SELECT state, throttled_by FROM migrate.progress WHERE job = :job;
-- A job that waits has no transaction and no snapshot.
SELECT backend_xmin IS NULL AS no_snapshot, xact_start IS NULL AS no_transaction
  FROM pg_stat_activity WHERE pid = (SELECT pids[1] FROM migrate.progress WHERE job = :job);
UPDATE switch SET held = NULL;
CALL until(:job, 'throttled_by LIKE ''%cannot be measured%''');
SELECT throttled_by FROM migrate.progress WHERE job = :job;
ALTER TABLE switch RENAME COLUMN held TO was_held;
CALL until(:job, 'throttled_by LIKE ''%does not exist%''');
SELECT throttled_by FROM migrate.progress WHERE job = :job;
-- Retuned while it runs: a rate instead.
SELECT migrate_throttle(:job, '{"max_rows_per_second": 4000}');
CALL until(:job, 'rows_done > 0');
SELECT throttled_by IS NULL OR throttled_by LIKE '%max_rows_per_second%' AS paced FROM migrate.progress WHERE job = :job;
SELECT migrate_throttle(:job, '{"no_such_key": 1}');
SELECT migrate_throttle(:job, '{}');
CALL migrate_wait(:job);
SELECT state, rows_done, throttled_by FROM migrate.progress WHERE job = :job;
SELECT migrate_throttle(:job, '{}');

-- Nobody to measure: no standby here. Fail closed.
TRUNCATE target;
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"max_replication_lag": "5 s"}') AS job \gset
CALL until(:job, 'throttled_by LIKE ''%:%'' AND state = ''running''');
SELECT state, throttled_by FROM migrate.progress WHERE job = :job;
-- Outside the window.
SELECT migrate_throttle(:job, jsonb_build_object('window',
    to_char(now() AT TIME ZONE 'UTC' + interval '5 hours', 'HH24:00') || '-' || to_char(now() AT TIME ZONE 'UTC' + interval '6 hours', 'HH24:00')));
CALL until(:job, 'throttled_by LIKE ''window:%''');
SELECT regexp_replace(throttled_by, '\d\d:\d\d', 'HH:MM', 'g') AS throttled_by FROM migrate.progress WHERE job = :job;
-- Signals that are measured and clear.
SELECT migrate_throttle(:job, '{"max_slot_lag": "1TB", "max_archive_backlog": 1000, "max_active_backends": 1000,
    "max_lock_waiters": 1000, "max_wal_bytes_per_second": "1GB", "ratio": 0.9, "target_batch_ms": 10}');
CALL migrate_wait(:job);
SELECT state, rows_done FROM migrate.progress WHERE job = :job;

-- Pause holds at once, resume goes on, cancel ends.
TRUNCATE target;
SELECT migrate_backfill('source', 'target', sync => false, batch_size => 100, throttle => '{"max_rows_per_second": 2000}') AS job \gset
CALL until(:job, 'rows_done > 0');
SELECT migrate_pause(:job);
SELECT state FROM migrate.progress WHERE job = :job;
SELECT migrate_pause(:job);
SELECT migrate_throttle(:job, '{}');
SELECT migrate_resume(:job);
CALL migrate_wait(:job);
SELECT state, rows_done, (SELECT count(*) FROM target) AS rows FROM migrate.progress WHERE job = :job;
SELECT migrate_resume(:job);
SELECT migrate_cancel(:job);
TRUNCATE target;
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"max_replication_lag": "5 s"}') AS job \gset
CALL until(:job, 'throttled_by LIKE ''%:%'' AND state = ''running''');
SELECT migrate_cancel(:job);
SELECT state FROM migrate.progress WHERE job = :job;

RESET search_path;
DROP SCHEMA throttle CASCADE;
