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
       r.representation_only, r.method, r.snapshot_ms, r.started_at, r.finished_at, r.columns, r.reason,
       (SELECT k.name FROM migrate.known_table k WHERE k.relation = r.source) AS source_name,
       (SELECT k.name FROM migrate.known_table k WHERE k.relation = r.target) AS target_name
  FROM migrate.comparison_result r
  JOIN migrate.job j ON j.id = r.job
 WHERE pg_catalog.pg_has_role(j.effective_role, 'USAGE')
    OR pg_catalog.pg_has_role(j.login_role, 'USAGE')
    OR pg_catalog.pg_has_role('pg_monitor', 'USAGE')
 ORDER BY r.job DESC;
COMMENT ON VIEW migrate.comparison IS 'one row a comparison, newest first: the verdict, and how many rows differ in which way';
COMMENT ON COLUMN migrate.comparison.job IS 'id of the job, which may be a cutover: its phase verify compares too';
COMMENT ON COLUMN migrate.comparison.source IS 'what the rows should be';
COMMENT ON COLUMN migrate.comparison.target IS 'what was compared with it';
COMMENT ON COLUMN migrate.comparison.verdict IS 'equal, different or inconclusive; NULL while it runs, and where it was cancelled or failed';
COMMENT ON COLUMN migrate.comparison.rows_source IS 'rows of the source that were compared';
COMMENT ON COLUMN migrate.comparison.rows_target IS 'rows of the target that were compared';
COMMENT ON COLUMN migrate.comparison.missing IS 'rows that only the source has';
COMMENT ON COLUMN migrate.comparison.extra IS 'rows that only the target has';
COMMENT ON COLUMN migrate.comparison.changed IS 'rows that differ in a value';
COMMENT ON COLUMN migrate.comparison.representation_only IS 'rows that differ only in how a value is written: 1.0 and 1.00, for one';
COMMENT ON COLUMN migrate.comparison.method IS 'snapshot or rolling';
COMMENT ON COLUMN migrate.comparison.snapshot_ms IS 'how long the longest snapshot was held';
COMMENT ON COLUMN migrate.comparison.started_at IS 'when it began';
COMMENT ON COLUMN migrate.comparison.finished_at IS 'when it ended';
COMMENT ON COLUMN migrate.comparison.columns IS 'the target''s columns that were compared';
COMMENT ON COLUMN migrate.comparison.reason IS 'why it is inconclusive, or its numbers are not complete; or that so many rows differ that a repair is not the way';
COMMENT ON COLUMN migrate.comparison.source_name IS 'qualified name of the source; of a table that was dropped the one it had';
COMMENT ON COLUMN migrate.comparison.target_name IS 'qualified name of the target; of a table that was dropped the one it had';

-- Rows of users' tables: for those alone who may act as the role that read them.
CREATE VIEW migrate.difference WITH (security_barrier) AS
SELECT d.job, d.key, d.kind, d.columns, d.source_row, d.target_row, d.repaired_at, d.times
  FROM migrate.difference_row d
  JOIN migrate.job j ON j.id = d.job
 WHERE pg_catalog.pg_has_role(j.effective_role, 'USAGE')
 ORDER BY d.job DESC, d.id;
COMMENT ON VIEW migrate.difference IS 'the rows that comparisons found to differ: up to 10,000 each';
COMMENT ON COLUMN migrate.difference.job IS 'the comparison that found the row';
COMMENT ON COLUMN migrate.difference.key IS 'by the target''s column names; NULL in tables without a key';
COMMENT ON COLUMN migrate.difference.kind IS 'missing, extra, changed or representation';
COMMENT ON COLUMN migrate.difference.columns IS 'those that differ';
COMMENT ON COLUMN migrate.difference.source_row IS 'what the source says; NULL where it has no such row or the row is longer than 2 kB';
COMMENT ON COLUMN migrate.difference.target_row IS 'what the target has; NULL where it has no such row or the row is longer than 2 kB';
COMMENT ON COLUMN migrate.difference.repaired_at IS 'when migrate_repair made it equal';
COMMENT ON COLUMN migrate.difference.times IS 'how many such rows one side has more; above 1 only in tables without a key';

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
COMMENT ON COLUMN migrate.repair.job IS 'id of the repair';
COMMENT ON COLUMN migrate.repair.comparison IS 'the comparison that listed the row';
COMMENT ON COLUMN migrate.repair.key IS 'the row''s key, by the target''s column names';
COMMENT ON COLUMN migrate.repair.action IS 'write, delete, none: it was equal by then, or failed: see error';
COMMENT ON COLUMN migrate.repair.dry_run IS 'true: it says what would have been done';
COMMENT ON COLUMN migrate.repair.before IS 'the target''s row as it was; NULL: there was none, or it is longer than 2 kB';
COMMENT ON COLUMN migrate.repair.after IS 'the target''s row as it is now, or would be; NULL: there is none, or it is longer than 2 kB';
COMMENT ON COLUMN migrate.repair.error IS 'why the row could not be written';
COMMENT ON COLUMN migrate.repair.at IS 'when the row was looked at';
