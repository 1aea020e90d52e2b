-- Keeping a target in step with its source: on, off, and how it stands.
CREATE FUNCTION @extschema@.migrate_sync(source regclass, target regclass, on_reject text = 'suspend') RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_sync' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_sync(regclass, regclass, text) IS
    'mirror every write to the source into the target from now on; locks the source against writes until the transaction ends; on_reject: fail, suspend or record';

CREATE FUNCTION @extschema@.migrate_unsync(source regclass, target regclass) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_unsync' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_unsync(regclass, regclass) IS
    'stop mirroring writes; the target keeps its rows and goes stale';

CREATE FUNCTION migrate.capture() RETURNS trigger
    AS 'MODULE_PATHNAME', 'pg_cutover_capture' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION migrate.capture() IS 'trigger function: mirrors a row into the target of the link that its argument names';

CREATE FUNCTION migrate.capture_truncate() RETURNS trigger
    AS 'MODULE_PATHNAME', 'pg_cutover_capture_truncate' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION migrate.capture_truncate() IS 'trigger function: mirrors TRUNCATE into the target of the link that its argument names';

CREATE FUNCTION migrate.guard() RETURNS trigger
    AS 'MODULE_PATHNAME', 'pg_cutover_guard' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION migrate.guard() IS 'trigger function: rejects direct writes to a table that is kept in step with another one';

CREATE FUNCTION migrate.capture_problems(link bigint) RETURNS text
    AS 'MODULE_PATHNAME', 'pg_cutover_capture_problems' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION migrate.capture_problems(bigint) IS
    'what has happened to a link that is kept in step so that its target can no longer be trusted; NULL: nothing';

CREATE VIEW migrate.link_status WITH (security_barrier) AS
SELECT c.link,
       l.source,
       l.target,
       CASE WHEN p.problems IS NOT NULL THEN 'broken'
            WHEN c.complete_at IS NOT NULL THEN 'complete'
            ELSE 'incomplete' END AS state,
       c.policy AS on_reject,
       c.boundary,
       c.installed_at,
       c.complete_at,
       p.problems AS broken,
       c.broken_at,
       (SELECT pg_catalog.count(*) FROM migrate.rejected_row r WHERE r.link = c.link) AS rejected_rows,
       l.migration,
       (SELECT k.name FROM migrate.known_table k WHERE k.relation = l.source) AS source_name,
       (SELECT k.name FROM migrate.known_table k WHERE k.relation = l.target) AS target_name
  FROM migrate.capture c
  JOIN migrate.link l ON l.id = c.link
 CROSS JOIN LATERAL (SELECT migrate.capture_problems(c.link) AS problems) p
 WHERE EXISTS (SELECT FROM pg_catalog.pg_class t
                WHERE t.oid IN (l.source, l.target) AND pg_catalog.pg_has_role(t.relowner, 'USAGE'))
    OR pg_catalog.pg_has_role(l.created_by, 'USAGE')
    OR pg_catalog.pg_has_role('pg_monitor', 'USAGE')
 ORDER BY c.link;
COMMENT ON VIEW migrate.link_status IS
    'one row a link that is kept in step: incomplete until everything is copied, then complete, or broken and why';
COMMENT ON COLUMN migrate.link_status.link IS 'id of the link';
COMMENT ON COLUMN migrate.link_status.source IS 'rows flow from here; after a swap the new table is the source';
COMMENT ON COLUMN migrate.link_status.target IS 'rows flow to here';
COMMENT ON COLUMN migrate.link_status.state IS 'incomplete: rows are still to be copied; complete: the target is exact; broken: it cannot be trusted any more';
COMMENT ON COLUMN migrate.link_status.on_reject IS 'what happens to a write whose row the target does not take: fail, suspend or record';
COMMENT ON COLUMN migrate.link_status.boundary IS 'transactions from this id on wrote with the trigger in place';
COMMENT ON COLUMN migrate.link_status.installed_at IS 'when dual-write was turned on';
COMMENT ON COLUMN migrate.link_status.complete_at IS 'when everything was copied';
COMMENT ON COLUMN migrate.link_status.broken IS 'why the target cannot be trusted any more; NULL: it can';
COMMENT ON COLUMN migrate.link_status.broken_at IS 'when a job noted it; NULL while only this view has seen it';
COMMENT ON COLUMN migrate.link_status.rejected_rows IS 'writes that succeeded although the target did not take the row';
COMMENT ON COLUMN migrate.link_status.migration IS 'name of the migration that the link belongs to';
COMMENT ON COLUMN migrate.link_status.source_name IS 'qualified name of the source; of a table that was dropped the one it had';
COMMENT ON COLUMN migrate.link_status.target_name IS 'qualified name of the target; of a table that was dropped the one it had';
