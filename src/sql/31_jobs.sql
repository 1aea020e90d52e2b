-- Moving data, and control of jobs.
CREATE FUNCTION @extschema@.migrate_backfill(source regclass, target regclass, columns jsonb = '{}',
    filter text = NULL, key text[] = NULL, batch_size integer = NULL, batch_delay interval = NULL, workers integer = 1,
    throttle jsonb = '{}', sync boolean = true, method text = 'auto', migration text = NULL) RETURNS bigint
    AS 'MODULE_PATHNAME', 'pg_cutover_backfill' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_backfill(regclass, regclass, jsonb, text, text[], integer, interval, integer,
    jsonb, boolean, text, text) IS
    'copy the source''s rows into the target in the background, throttled and resumable; returns the job''s id';

CREATE FUNCTION @extschema@.migrate_explain(source regclass, target regclass, OUT step text, OUT detail text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'pg_cutover_explain' LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_explain(regclass, regclass) IS
    'say how a backfill would be done: method and why, batches, disk space, locks of each phase; changes nothing';

CREATE FUNCTION @extschema@.migrate_pause(job bigint) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_pause' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_pause(bigint) IS
    'stop a job after its current batch; it keeps what it has done';

CREATE FUNCTION @extschema@.migrate_resume(job bigint) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_resume' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_resume(bigint) IS 'let a paused or failed job go on where it stood';

CREATE FUNCTION @extschema@.migrate_cancel(job bigint) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_cancel' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_cancel(bigint) IS
    'end a job for good; rows already copied stay in the target';

CREATE FUNCTION @extschema@.migrate_throttle(job bigint, throttle jsonb) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_throttle' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_throttle(bigint, jsonb) IS
    'replace a job''s throttle; takes effect with its next batch';

CREATE FUNCTION @extschema@.migrate_recover() RETURNS integer
    AS 'MODULE_PATHNAME', 'pg_cutover_recover' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_recover() IS
    'start workers for the jobs of this database that should run and have none, as after a restart; returns how many';

CREATE PROCEDURE @extschema@.migrate_wait(job bigint, timeout interval = NULL)
    AS 'MODULE_PATHNAME', 'pg_cutover_wait' LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.migrate_wait(bigint, interval) IS
    'wait until a job has ended, with progress as notices and no snapshot held; raises the job''s own error if it failed';
