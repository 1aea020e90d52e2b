-- A job that only counts, for tests of the runtime.
CREATE FUNCTION migrate.debug_job(steps integer, step_ms integer, fail_at integer = NULL, workers integer = 1,
    throttle jsonb = '{}', target regclass = NULL, sql text = NULL, source regclass = NULL) RETURNS bigint
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_job' LANGUAGE C VOLATILE PARALLEL UNSAFE;
