-- What users look at. Everybody sees the jobs of roles they belong to; pg_monitor sees all.
CREATE FUNCTION migrate.progress_bar(percent double precision, width integer = 20) RETURNS text
    AS 'MODULE_PATHNAME', 'pg_cutover_progress_bar' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION migrate.progress_bar(double precision, integer) IS
    'a text bar for a percentage; NULL means unknown';

CREATE FUNCTION migrate.job_has_worker(job bigint) RETURNS boolean
    AS 'MODULE_PATHNAME', 'pg_cutover_job_has_worker' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION migrate.job_has_worker(bigint) IS 'true while a worker holds the job''s lock';

CREATE FUNCTION migrate.scan_progress(pid integer, OUT rows_source bigint, OUT rows_read bigint,
    OUT rows_expected bigint, OUT seconds double precision) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'pg_cutover_scan_progress' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 1;
COMMENT ON FUNCTION migrate.scan_progress(integer) IS
    'how far a process is that compares two tables under one snapshot: rows of both, parallel workers included; no row where it does not';

CREATE VIEW migrate.progress WITH (security_barrier) AS
SELECT j.id AS job,
       j.kind,
       j.source,
       j.target,
       j.state,
       j.phase,
       coalesce(s.rows_source, c.rows_written, 0) AS rows_done,
       CASE WHEN j.state = 'succeeded' THEN coalesce(c.rows_written, 0)
            WHEN j.rows_total IS NOT NULL
            THEN greatest(j.rows_total, s.rows_source, c.rows_written, 0) END AS rows_total,
       p.percent,
       -- Of the source, as all other numbers of rows.
       CASE WHEN s.seconds > 0 THEN s.rows_read / s.seconds / 2
            WHEN j.state = 'running' THEN c.rows_per_second
            WHEN c.busy_ms > 0 THEN c.rows_written / (c.busy_ms / 1000.0) END AS rows_per_second,
       CASE WHEN j.state = 'running' AND s.seconds IS NULL AND j.phase IN ('copy', 'compare')
             AND p.percent > 0 AND c.rows_per_second > 0
            THEN pg_catalog.make_interval(secs => least(1e9,
                 coalesce(c.rows_written, 0) * (100.0 - p.percent) / p.percent / c.rows_per_second))
            WHEN s.rows_read > 0 AND p.percent > 0
            THEN pg_catalog.make_interval(secs => least(1e9, s.seconds * (100.0 - p.percent) / p.percent)) END AS eta,
       CASE WHEN j.state IN ('queued', 'running', 'paused')
            THEN coalesce(c.throttled_by, j.waiting_for,
                 CASE WHEN j.state = 'paused' OR migrate.job_has_worker(j.id) THEN NULL
                      WHEN pg_catalog.current_setting('pg_cutover.start_jobs', true) = 'off'
                      THEN 'pg_cutover.start_jobs is off'
                      WHEN j.state = 'running' THEN 'no worker: SELECT migrate_recover() starts one'
                      ELSE 'no worker yet' END) END AS throttled_by,
       j.workers,
       j.started_at,
       j.finished_at,
       coalesce(j.finished_at, pg_catalog.clock_timestamp()) - j.started_at AS elapsed,
       j.error_message AS error,
       -- A swap is no matter of rows: what can be said of it is its phase.
       CASE WHEN p.percent IS NULL AND j.kind IN ('cutover', 'revert')
            THEN '[' || pg_catalog.repeat('.', 20) || '] ' || j.phase
            ELSE migrate.progress_bar(p.percent) END AS bar,
       j.migration,
       coalesce(c.rows_read, 0) AS rows_read,
       coalesce(c.rows_taken_back, 0) AS rows_taken_back,
       (SELECT pg_catalog.count(*) FROM migrate.job_deferred_row d WHERE d.job = j.id) AS rows_deferred,
       coalesce(c.bytes_written, 0) AS bytes_written,
       coalesce(c.wal_bytes, 0) AS wal_bytes,
       coalesce(c.batches, 0) AS batches,
       c.pids,
       j.error_detail,
       j.error_hint,
       (SELECT k.name FROM migrate.known_table k WHERE k.relation = j.source) AS source_name,
       (SELECT k.name FROM migrate.known_table k WHERE k.relation = j.target) AS target_name
  FROM migrate.job j
  LEFT JOIN LATERAL (
       SELECT pg_catalog.sum(k.rows_written)::bigint AS rows_written,
              pg_catalog.sum(k.rows_read)::bigint AS rows_read,
              pg_catalog.sum(k.rows_taken_back)::bigint AS rows_taken_back,
              pg_catalog.sum(k.bytes_written)::bigint AS bytes_written,
              pg_catalog.sum(k.wal_bytes)::bigint AS wal_bytes,
              pg_catalog.sum(k.batches)::bigint AS batches,
              pg_catalog.max(k.busy_ms) AS busy_ms,
              pg_catalog.sum(k.rows_per_second) FILTER (WHERE k.pid IS NOT NULL) AS rows_per_second,
              pg_catalog.string_agg(DISTINCT k.throttled_by, '; ') AS throttled_by,
              pg_catalog.array_agg(k.pid ORDER BY k.worker) FILTER (WHERE k.pid IS NOT NULL) AS pids,
              pg_catalog.sum((SELECT pg_catalog.sum(pg_catalog.upper(r) - pg_catalog.lower(r))
                                FROM pg_catalog.unnest(k.done) AS r)) AS units_done
         FROM migrate.job_cursor k
        WHERE k.job = j.id) c ON true
  LEFT JOIN LATERAL migrate.scan_progress(CASE WHEN j.state = 'running' THEN c.pids[1] END) AS s ON true
  CROSS JOIN LATERAL (
       SELECT CASE WHEN j.state = 'succeeded' THEN 100.0
                   WHEN s.rows_read >= 0 THEN CASE WHEN s.rows_expected > 0
                        THEN least(99.9, 100.0 * s.rows_read / s.rows_expected) END
                   WHEN j.units_total > 0 THEN least(99.9, 100.0 * coalesce(c.units_done, 0) / j.units_total)
                   WHEN j.units_total = 0 THEN 99.9
                   WHEN j.rows_total > 0 THEN least(99.9, 100.0 * coalesce(c.rows_read, 0) / j.rows_total)
              END::double precision AS percent) p
 WHERE pg_catalog.pg_has_role(j.effective_role, 'USAGE')
    OR pg_catalog.pg_has_role(j.login_role, 'USAGE')
    OR pg_catalog.pg_has_role('pg_monitor', 'USAGE')
 ORDER BY j.id DESC;
COMMENT ON VIEW migrate.progress IS 'one row a job, newest first: state, phase, rate, time left, and why it waits';
COMMENT ON COLUMN migrate.progress.job IS 'id of the job';
COMMENT ON COLUMN migrate.progress.kind IS 'named after the function that makes such jobs; verify: compares a pair that waits for its cutover';
COMMENT ON COLUMN migrate.progress.source IS 'the table that rows come from, or the first of two that are compared';
COMMENT ON COLUMN migrate.progress.target IS 'the table that rows go to, or the second of two that are compared';
COMMENT ON COLUMN migrate.progress.state IS 'queued, running, paused, succeeded, failed or cancelled';
COMMENT ON COLUMN migrate.progress.phase IS 'the step it is at; a resumed job goes on with it';
COMMENT ON COLUMN migrate.progress.rows_done IS 'target rows written and kept; of a comparison: source rows read; of a repair: rows written or deleted, or that would be';
COMMENT ON COLUMN migrate.progress.rows_total IS 'estimate from the source''s statistics, at least rows_done; NULL where there are none; exact once the job has succeeded';
COMMENT ON COLUMN migrate.progress.percent IS 'how far it is: of source blocks, or of rows; NULL: unknown';
COMMENT ON COLUMN migrate.progress.rows_per_second IS 'running: of late; ended: rows over the time spent in batches';
COMMENT ON COLUMN migrate.progress.eta IS 'time left for the rows at the current rate; NULL: unknown, or past the rows';
COMMENT ON COLUMN migrate.progress.throttled_by IS 'why an unfinished job waits; NULL: it works';
COMMENT ON COLUMN migrate.progress.workers IS 'how many workers were asked for';
COMMENT ON COLUMN migrate.progress.started_at IS 'of the first start';
COMMENT ON COLUMN migrate.progress.finished_at IS 'of the last end';
COMMENT ON COLUMN migrate.progress.elapsed IS 'between the first start and the last end, or until now; pauses included';
COMMENT ON COLUMN migrate.progress.error IS 'what a failed job failed with';
COMMENT ON COLUMN migrate.progress.bar IS 'percent as a bar; of a swap the phase';
COMMENT ON COLUMN migrate.progress.migration IS 'name of the migration that the job belongs to';
COMMENT ON COLUMN migrate.progress.rows_read IS 'source rows that passed the filter';
COMMENT ON COLUMN migrate.progress.rows_taken_back IS 'rows that somebody changed while they were copied; copied again where still due';
COMMENT ON COLUMN migrate.progress.rows_deferred IS 'rows that are looked at again in phase deferred';
COMMENT ON COLUMN migrate.progress.bytes_written IS 'size of the rows written by the direct method';
COMMENT ON COLUMN migrate.progress.wal_bytes IS 'WAL written by the workers';
COMMENT ON COLUMN migrate.progress.batches IS 'committed batches';
COMMENT ON COLUMN migrate.progress.pids IS 'process ids of the workers at work';
COMMENT ON COLUMN migrate.progress.error_detail IS 'the facts of the error';
COMMENT ON COLUMN migrate.progress.error_hint IS 'what to do about the error';
COMMENT ON COLUMN migrate.progress.source_name IS 'qualified name of the source; of a table that was dropped the one it had';
COMMENT ON COLUMN migrate.progress.target_name IS 'qualified name of the target; of a table that was dropped the one it had';

CREATE VIEW migrate.event WITH (security_barrier) AS
SELECT e.id, e.at, e.actor, e.kind, e.migration, e.link, e.job, e.source, e.target, e.message, e.details, e.inverse
  FROM migrate.event_log e
 WHERE pg_catalog.pg_has_role('pg_monitor', 'USAGE')
    OR EXISTS (SELECT FROM pg_catalog.pg_roles r
                WHERE r.rolname = e.actor AND pg_catalog.pg_has_role(r.oid, 'USAGE'))
 ORDER BY e.id;
COMMENT ON VIEW migrate.event IS
    'append-only audit log: who did what to which tables, when, and the call that undoes it';
COMMENT ON COLUMN migrate.event.id IS 'events are numbered as they were written';
COMMENT ON COLUMN migrate.event.at IS 'when it was done';
COMMENT ON COLUMN migrate.event.actor IS 'the role that did it';
COMMENT ON COLUMN migrate.event.kind IS 'what it is about: link, sync, job, phase, cutover, ...';
COMMENT ON COLUMN migrate.event.migration IS 'name of the migration that it belongs to';
COMMENT ON COLUMN migrate.event.link IS 'id of the link that it belongs to';
COMMENT ON COLUMN migrate.event.job IS 'id of the job that it belongs to';
COMMENT ON COLUMN migrate.event.source IS 'qualified name of the source at that time';
COMMENT ON COLUMN migrate.event.target IS 'qualified name of the target at that time';
COMMENT ON COLUMN migrate.event.message IS 'what was done, in words';
COMMENT ON COLUMN migrate.event.details IS 'what else is known';
COMMENT ON COLUMN migrate.event.inverse IS 'the call that undoes it, where there is one';
