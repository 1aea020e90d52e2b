-- Jobs as SQL sees them: arguments, states, throttle documents, privileges. What jobs do is in test/t/01*.pl.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_cutover;
CREATE SCHEMA jobs;
SET search_path = jobs, public;

-- Runs a statement that fails and says how; job numbers differ from run to run.
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text; hint text; query text;
BEGIN
    EXECUTE statement;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN regexp_replace(SQLSTATE || ': ' || SQLERRM || coalesce(E'\n  detail: ' || nullif(detail, ''), '')
                          || coalesce(E'\n  hint: ' || nullif(hint, ''), ''),
                          '(job |migrate_[a-z]+\()\d+', '\1N', 'g');
END $$;

-- unknown and missing jobs
SELECT call, attempt('SELECT ' || call)
  FROM unnest(ARRAY['migrate_pause(-1)', 'migrate_resume(-1)', 'migrate_cancel(-1)', 'migrate_throttle(-1, ''{}'')']) call;
SELECT migrate_pause(NULL), migrate_resume(NULL), migrate_cancel(NULL), migrate_throttle(NULL, '{}');
SELECT migrate_recover() >= 0 AS recovered;
CALL migrate_wait(-1);
CALL migrate_wait(NULL);
BEGIN;
CALL migrate_wait(-1);
ROLLBACK;
DO $$ BEGIN CALL migrate_wait(-1); EXCEPTION WHEN undefined_object THEN RAISE; END $$;
SELECT migrate.job_has_worker(-1), migrate.job_has_worker(NULL);

-- the bar
SELECT percent, migrate.progress_bar(percent) FROM unnest(ARRAY[NULL, -1, 0, 0.04, 41, 99.99, 100, 250]::float8[]) percent;
SELECT migrate.progress_bar(50, 4), migrate.progress_bar(50, NULL), migrate.progress_bar('NaN', 4);
SELECT attempt('SELECT migrate.progress_bar(50, 0)');
SELECT attempt('SELECT migrate.progress_bar(50, 201)');

-- settings
SELECT name, setting, unit, context FROM pg_settings
 WHERE name IN ('pg_cutover.launcher', 'pg_cutover.launcher_naptime', 'pg_cutover.lock_timeout', 'pg_cutover.start_jobs')
 ORDER BY name;
SET pg_cutover.nonsense = 1;

-- A job that never starts: its transaction does not commit.
CREATE TABLE source (id int PRIMARY KEY, v text);
CREATE TABLE target (LIKE source INCLUDING ALL);
BEGIN;
SELECT migrate_backfill('source', 'target', sync => false) AS job \gset
SELECT kind, source, target, state, phase, rows_done, percent, throttled_by, workers, started_at, finished_at, error, bar, pids
  FROM migrate.progress WHERE job = :job;
SELECT login_role = current_user::regrole AND effective_role = current_user::regrole AS roles, throttle FROM migrate.job WHERE id = :job;
SELECT regexp_replace(message, '\d+', 'N'), regexp_replace(inverse, '\d+', 'N') AS inverse, actor = current_user AS by_me
  FROM migrate.event WHERE job = :job;

-- states
SELECT attempt(format('SELECT migrate_resume(%s)', :job));
SELECT migrate_pause(:job);
SELECT attempt(format('SELECT migrate_pause(%s)', :job));
SELECT attempt($$ SELECT migrate_backfill('source', 'target', sync => false) $$);
SELECT migrate_resume(:job);
SELECT migrate_cancel(:job);
SELECT attempt(format('SELECT %s(%s)', f, :job)) FROM unnest(ARRAY['migrate_pause', 'migrate_resume', 'migrate_cancel']) f;
SELECT attempt(format('SELECT migrate_throttle(%s, %L)', :job, '{}'));
SELECT state FROM migrate.progress WHERE job = :job;
SELECT migrate_backfill('source', 'target', sync => false) AS job \gset

-- throttle: every key, accepted
SELECT migrate_throttle(:job, document::jsonb) IS NOT NULL AS accepted, document FROM unnest(ARRAY[
    '{}',
    '{"max_replication_lag": "5 s"}',
    '{"max_replication_lag": "00:00:05"}',
    '{"max_replication_lag": "16 MB"}',
    '{"max_replication_lag": 16777216}',
    '{"max_slot_lag": "1GB", "max_archive_backlog": 10, "max_active_backends": 8, "max_lock_waiters": 0}',
    '{"max_rows_per_second": 1000.5, "max_wal_bytes_per_second": "4 MB", "target_batch_ms": 10, "ratio": 0.5}',
    '{"max_rows_per_second": "1000", "ratio": 1}',
    '{"window": "22:00-06:00"}',
    '{"query": null, "ratio": null}',
    '{"query": "true"}',
    '{"query": "SELECT count(*) > 3 FROM source"}',
    '{"query": "WITH s AS (SELECT 1 AS n) SELECT n > 3 FROM s"}',
    '{"query": "(SELECT count(*) FROM source) > 3 -- many"}']) document;
SELECT throttle FROM migrate.job WHERE id = :job;

-- and refused
\pset format unaligned
SELECT document, attempt(format('SELECT migrate_throttle(%s, %L)', :job, document)) FROM unnest(ARRAY[
    '[]',
    '1',
    '{"max_lag": 1}',
    '{"max_replication_lag": "soon"}',
    '{"max_replication_lag": "-5 s"}',
    '{"max_replication_lag": 0}',
    '{"max_slot_lag": "much"}',
    '{"max_archive_backlog": -1}',
    '{"max_archive_backlog": 1.5}',
    '{"max_active_backends": "few"}',
    '{"max_lock_waiters": true}',
    '{"max_rows_per_second": 0}',
    '{"max_rows_per_second": [1]}',
    '{"max_wal_bytes_per_second": "-1 MB"}',
    '{"target_batch_ms": 0}',
    '{"target_batch_ms": 1e9}',
    '{"ratio": 0}',
    '{"ratio": 1.5}',
    '{"window": "22:00"}',
    '{"window": "22:00-22:00"}',
    '{"query": ""}',
    '{"query": "  "}',
    '{"query": "SELECT 1"}',
    '{"query": "SELECT true, false"}',
    '{"query": "SELECT true; SELECT false"}',
    '{"query": "true) , (false"}',
    '{"query": "DELETE FROM source"}',
    '{"query": "SELECT true FROM source FOR UPDATE"}',
    '{"query": "WITH d AS (DELETE FROM source RETURNING true) SELECT * FROM d"}',
    '{"query": "SELECT true INTO elsewhere"}',
    '{"query": "SELECT count(*) > 1 FROM nowhere"}',
    '{"query": "no_column > 1"}',
    '{"query": "SELEC true"}',
    '{"query": "1 >"}',
    '{"query": "1 / 0 = 1 AND $1"}']) document;
\pset format aligned
-- with the position
SELECT migrate_throttle(:job, '{"query": "SELECT count(*) > 1 FROM nowhere"}');
ROLLBACK;
SELECT count(*) FROM migrate.progress WHERE target = 'jobs.target'::regclass;
SELECT attempt($$ SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"max_lag": 1}') $$);

-- privileges: nothing is public
CREATE ROLE regress_jobs_stranger;
CREATE ROLE regress_jobs_monitor;
CREATE ROLE regress_jobs_operator LOGIN;
SELECT migrate_grant('regress_jobs_monitor', 'monitor');
SELECT migrate_grant('regress_jobs_operator');
GRANT USAGE ON SCHEMA jobs TO regress_jobs_stranger, regress_jobs_monitor, regress_jobs_operator;
CREATE FUNCTION attempt_as(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    PERFORM set_config('role', role, true);
    result := jobs.attempt(statement);
    PERFORM set_config('role', 'none', true);
    RETURN split_part(result, E'\n', 1);
END $$;
BEGIN;
SELECT migrate_backfill('source', 'target', sync => false) AS job \gset
SELECT role, call, attempt_as('regress_jobs_' || role, replace(call, 'JOB', :'job'))
  FROM unnest(ARRAY['stranger', 'monitor', 'operator']) WITH ORDINALITY r(role, r),
       unnest(ARRAY['SELECT migrate_pause(JOB)', 'SELECT migrate_resume(JOB)', 'SELECT migrate_cancel(JOB)',
                    'SELECT migrate_throttle(JOB, ''{}'')', 'SELECT migrate_recover()', 'CALL migrate_wait(JOB)',
                    'SELECT FROM migrate.progress', 'SELECT FROM migrate.event', 'SELECT migrate.progress_bar(1)',
                    'SELECT migrate.job_has_worker(JOB)', 'SELECT FROM migrate.job', 'SELECT FROM migrate.event_log',
                    'INSERT INTO migrate.job_cursor DEFAULT VALUES']) WITH ORDINALITY c(call, c)
 ORDER BY r, c;
-- who sees it
SET LOCAL ROLE regress_jobs_operator;
SELECT count(*) FROM migrate.progress WHERE job = :job;
RESET ROLE;
GRANT pg_monitor TO regress_jobs_monitor;
SET LOCAL ROLE regress_jobs_monitor;
SELECT count(*) FROM migrate.progress WHERE job = :job;
SELECT count(*) > 0 FROM migrate.event WHERE job = :job;
ROLLBACK;

-- a superuser's job on tables of a role that cannot run it
CREATE ROLE regress_jobs_nologin;
ALTER TABLE source OWNER TO regress_jobs_nologin;
ALTER TABLE target OWNER TO regress_jobs_nologin;
SELECT attempt($$ SELECT migrate_backfill('source', 'target', sync => false) $$);
ALTER TABLE target OWNER TO regress_jobs_operator;
SELECT attempt($$ SELECT migrate_backfill('source', 'target', sync => false) $$);
ALTER TABLE target OWNER TO CURRENT_USER;
SELECT regexp_replace(attempt($$ SELECT migrate_backfill('source', 'target', sync => false) $$), current_user, 'SUPERUSER', 'g');

DROP SCHEMA jobs CASCADE;
SELECT migrate_grant('regress_jobs_monitor', 'none'), migrate_grant('regress_jobs_operator', 'none');
DROP ROLE regress_jobs_stranger, regress_jobs_monitor, regress_jobs_operator, regress_jobs_nologin;
