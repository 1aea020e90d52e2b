-- Validating a migration: its checks, running them now or by pg_cron, and comparing the times of two queries.
CREATE FUNCTION @extschema@.migrate_add_check(migration text, name text, kind text, spec jsonb = '{}') RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_add_check' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_add_check(text, text, text, jsonb) IS
    'give a migration a check that migrate_validate runs; everything its spec names is looked at now';

CREATE FUNCTION @extschema@.migrate_drop_check(migration text, name text) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_drop_check' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_drop_check(text, text) IS
    'take a check off a migration; what it found stays in migrate.validation';

CREATE FUNCTION @extschema@.migrate_validate(migration text)
    RETURNS TABLE (check_name text, status text, details text)
    AS 'MODULE_PATHNAME', 'pg_cutover_validate' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_validate(text) IS
    'run every check of a migration under one snapshot and record what they found: PASS, FAIL or INCONCLUSIVE';

CREATE FUNCTION @extschema@.migrate_compare_queries(old_query text, new_query text,
    tolerance double precision = 0.10, pairs integer = 15)
    RETURNS TABLE (verdict text, ratio double precision, low double precision, high double precision,
        old_ms double precision, new_ms double precision, detail text)
    AS 'MODULE_PATHNAME', 'pg_cutover_compare_queries' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_compare_queries(text, text, double precision, integer) IS
    'time two read-only queries in turns: is the new one slower than the old one by more than the tolerance';

CREATE FUNCTION @extschema@.migrate_schedule(migration text, schedule text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'pg_cutover_schedule' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_schedule(text, text) IS
    'let pg_cron run migrate_validate; returns the id of its job in cron.job';

CREATE FUNCTION @extschema@.migrate_unschedule(migration text) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_unschedule' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_unschedule(text) IS
    'undo the caller''s migrate_schedule';

CREATE VIEW migrate.validation WITH (security_barrier) AS
SELECT r.run, r.migration, r.check_name, r.kind, r.status, CASE WHEN m.is_member THEN r.details END AS details,
       r.started_at, r.duration_ms, r.run_by
  FROM migrate.validation_result r
 CROSS JOIN LATERAL (
       SELECT EXISTS (SELECT FROM pg_catalog.pg_roles o
                       WHERE o.rolname IN (r.run_by, r.created_by) AND pg_catalog.pg_has_role(o.oid, 'USAGE'))
                  AS is_member) m
 WHERE m.is_member OR pg_catalog.pg_has_role('pg_monitor', 'USAGE')
 ORDER BY r.id;
COMMENT ON VIEW migrate.validation IS
    'what every run of migrate_validate found: one row a check, the oldest first';
COMMENT ON COLUMN migrate.validation.run IS 'the same number for all checks of a run';
COMMENT ON COLUMN migrate.validation.migration IS 'name of the migration';
COMMENT ON COLUMN migrate.validation.check_name IS 'name of the check';
COMMENT ON COLUMN migrate.validation.kind IS 'what the check looks at: row_count, checksum, foreign_keys, ...';
COMMENT ON COLUMN migrate.validation.status IS 'PASS, FAIL or INCONCLUSIVE';
COMMENT ON COLUMN migrate.validation.details IS 'numbers, names, samples; the error where a check failed by itself; NULL for pg_monitor alone, as it may quote values of rows';
COMMENT ON COLUMN migrate.validation.started_at IS 'when the check began';
COMMENT ON COLUMN migrate.validation.duration_ms IS 'how long it took';
COMMENT ON COLUMN migrate.validation.run_by IS 'the role that called migrate_validate';
