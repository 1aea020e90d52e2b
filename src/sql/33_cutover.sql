-- Swapping a table with its mirror, and swapping back.
CREATE FUNCTION @extschema@.migrate_cutover(source regclass, target regclass, lock_timeout interval = '200 ms',
    attempts integer = 30, verify boolean = true, reverse_sync boolean = true, retire_as name = NULL,
    migration text = NULL, reverse_columns jsonb = '{}', on_reject text = 'fail',
    terminate_blockers_after interval = NULL) RETURNS bigint
    AS 'MODULE_PATHNAME', 'pg_cutover_cutover' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_cutover(regclass, regclass, interval, integer, boolean, boolean, name, text,
    jsonb, text, interval) IS
    'let the target take the place of the source it is kept in step with, in one short transaction; returns the job''s id';

CREATE FUNCTION @extschema@.migrate_revert(current regclass, lock_timeout interval = '200 ms', attempts integer = 30,
    verify boolean = true, terminate_blockers_after interval = NULL) RETURNS bigint
    AS 'MODULE_PATHNAME', 'pg_cutover_revert' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_revert(regclass, interval, integer, boolean, interval) IS
    'swap back, with every write made since the cutover; returns the job''s id';
