-- A table changed in one call, and what becomes of the old one.
CREATE FUNCTION @extschema@.migrate_table(relation regclass, alterations text[], columns jsonb = '{}', filter text = NULL,
    cutover text = 'auto', workers integer = 1, throttle jsonb = '{}', migration text = NULL) RETURNS bigint
    AS 'MODULE_PATHNAME', 'pg_cutover_table' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_table(regclass, text[], jsonb, text, text, integer, jsonb, text) IS
    'change a table while it is used: shadow, dual-write, copy, indexes, verification and, with cutover => auto, the swap; returns the job''s id';

CREATE FUNCTION @extschema@.migrate_retire(retired regclass, retain interval = '90 days') RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_retire' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_retire(regclass, interval) IS
    'give up the way back: stop keeping the replaced table in step and archive it until a date';

CREATE FUNCTION @extschema@.migrate_purge(dry_run boolean = true)
    RETURNS TABLE (object text, safe_after timestamptz, dropped boolean)
    AS 'MODULE_PATHNAME', 'pg_cutover_purge' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_purge(boolean) IS
    'list archived tables and, with dry_run => false, drop those whose date has come';

CREATE VIEW migrate.revert_verdict WITH (security_barrier) AS
SELECT s.live AS current,
       s.mirror AS previous,
       p.in_step AND p.problems IS NULL AND r.rows = 0 AS lossless,
       CASE WHEN NOT p.in_step THEN 'the previous table is not kept in step'
            WHEN p.problems IS NOT NULL THEN p.problems
            WHEN r.rows > 0 THEN pg_catalog.format('%s rejected %s', s.mirror,
                 CASE r.rows WHEN 1 THEN 'a row' ELSE r.rows || ' rows' END) END AS reason,
       r.rows AS rejected_rows,
       r.keys AS rejected_keys,
       r.messages AS rejected_because,
       s.swapped_at,
       (SELECT k.name FROM migrate.known_table k WHERE k.relation = s.live) AS current_name,
       (SELECT k.name FROM migrate.known_table k WHERE k.relation = s.mirror) AS previous_name
  FROM migrate.swap s
 CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM migrate.capture c WHERE c.link = s.reverse_link) AS in_step,
                            migrate.capture_problems(s.reverse_link) AS problems) p
 CROSS JOIN LATERAL (
       SELECT (SELECT pg_catalog.count(*) FROM migrate.rejected_row k WHERE k.link = s.reverse_link) AS rows,
              pg_catalog.array_agg(j.key_text) AS keys,
              pg_catalog.array_agg(j.message) AS messages
         FROM (SELECT '(' || pg_catalog.array_to_string(k.key, ', ') || ')' AS key_text, k.message
                 FROM migrate.rejected_row k WHERE k.link = s.reverse_link ORDER BY k.id LIMIT 100) j) r
 WHERE s.ended_at IS NULL AND s.retired_at IS NULL
   AND (EXISTS (SELECT FROM pg_catalog.pg_class t
                 WHERE t.oid = s.live AND pg_catalog.pg_has_role(t.relowner, 'USAGE'))
        OR pg_catalog.pg_has_role('pg_monitor', 'USAGE'))
 ORDER BY s.id;
COMMENT ON VIEW migrate.revert_verdict IS
    'one row a table that took another one''s place: whether migrate_revert would lose nothing, and if not, which rows prevent it';
COMMENT ON COLUMN migrate.revert_verdict.current IS 'the table in use';
COMMENT ON COLUMN migrate.revert_verdict.previous IS 'the table that was in use before';
COMMENT ON COLUMN migrate.revert_verdict.lossless IS 'migrate_revert would lose nothing';
COMMENT ON COLUMN migrate.revert_verdict.reason IS 'why it would lose something; NULL: it would not';
COMMENT ON COLUMN migrate.revert_verdict.rejected_rows IS 'writes of which the previous table did not take the row';
COMMENT ON COLUMN migrate.revert_verdict.rejected_keys IS 'their keys, at most 100';
COMMENT ON COLUMN migrate.revert_verdict.rejected_because IS 'their errors, in the order of the keys';
COMMENT ON COLUMN migrate.revert_verdict.swapped_at IS 'when the tables changed places';
COMMENT ON COLUMN migrate.revert_verdict.current_name IS 'qualified name of the table in use; of a table that was dropped the one it had';
COMMENT ON COLUMN migrate.revert_verdict.previous_name IS 'qualified name of the previous table; of a table that was dropped the one it had';
