-- Comparing two tables in the background.
CREATE FUNCTION @extschema@.migrate_compare(source regclass, target regclass, mode text = 'auto',
    throttle jsonb = '{}', migration text = NULL) RETURNS bigint
    AS 'MODULE_PATHNAME', 'pg_cutover_compare' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_compare(regclass, regclass, text, jsonb, text) IS
    'find out whether two tables hold the same rows, and which differ; returns the job''s id';

CREATE FUNCTION migrate.equal_values(a "any", b "any") RETURNS boolean
    AS 'MODULE_PATHNAME', 'pg_cutover_equal_values' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION migrate.equal_values("any", "any") IS
    'whether two values are equal as their type''s default operator class has it, or where it has none, are written alike; NULL equals NULL';

-- The same as migrate_sketch, where every role finds it: see 90_grants.sql.
CREATE AGGREGATE migrate.sketch(seed bigint, nkey integer, VARIADIC "any") (
    SFUNC = migrate.sketch_add, STYPE = bytea, SSPACE = 417824, COMBINEFUNC = migrate.sketch_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE migrate.sketch(bigint, integer, VARIADIC "any") IS 'migrate_sketch, for comparisons in workers';

CREATE VIEW migrate.comparison WITH (security_barrier) AS
SELECT r.job, r.source, r.target, r.verdict, r.rows_source, r.rows_target, r.missing, r.extra, r.changed,
       r.representation_only, r.method, r.snapshot_ms, r.started_at, r.finished_at, r.columns, r.reason
  FROM migrate.comparison_result r
  JOIN migrate.job j ON j.id = r.job
 WHERE pg_catalog.pg_has_role(j.effective_role, 'USAGE')
    OR pg_catalog.pg_has_role(j.login_role, 'USAGE')
    OR pg_catalog.pg_has_role('pg_monitor', 'USAGE')
 ORDER BY r.job DESC;
COMMENT ON VIEW migrate.comparison IS 'one row a comparison, newest first: the verdict, and how many rows differ in which way';

-- Rows of users' tables: for those alone who may act as the role that read them.
CREATE VIEW migrate.difference WITH (security_barrier) AS
SELECT d.job, d.key, d.kind, d.columns, d.source_row, d.target_row, d.repaired_at, d.times
  FROM migrate.difference_row d
  JOIN migrate.job j ON j.id = d.job
 WHERE pg_catalog.pg_has_role(j.effective_role, 'USAGE')
 ORDER BY d.job DESC, d.id;
COMMENT ON VIEW migrate.difference IS 'the rows that comparisons found to differ: up to 10,000 each';

CREATE FUNCTION @extschema@.migrate_repair(comparison bigint, dry_run boolean = true) RETURNS bigint
    AS 'MODULE_PATHNAME', 'pg_cutover_repair' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_repair(bigint, boolean) IS
    'make the rows that a comparison listed what the source says; a dry run says what it would do; returns the job''s id';

CREATE VIEW migrate.repair WITH (security_barrier) AS
SELECT l.job, l.comparison, l.key, l.action, l.dry_run, l.before, l.after, l.error, l.at
  FROM migrate.repair_log l
  JOIN migrate.job j ON j.id = l.job
 WHERE pg_catalog.pg_has_role(j.effective_role, 'USAGE')
 ORDER BY l.job DESC, l.id;
COMMENT ON VIEW migrate.repair IS 'what repairs did to each row, or would have done';
