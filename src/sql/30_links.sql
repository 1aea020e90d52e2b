-- Links and shadow tables.
CREATE FUNCTION @extschema@.migrate_link(source regclass, target regclass, columns jsonb = '{}', filter text = NULL,
    key text[] = NULL, owner boolean = true, migration text = NULL) RETURNS bigint
    AS 'MODULE_PATHNAME', 'pg_cutover_link' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_link(regclass, regclass, jsonb, text, text[], boolean, text) IS
    'link a source table to a target table with its column mapping, filter and key; returns the link''s id';

CREATE FUNCTION @extschema@.migrate_unlink(source regclass, target regclass) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_unlink' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_unlink(regclass, regclass) IS
    'remove a link; gives the target back the indexes and constraints that a copy had taken off it';

CREATE FUNCTION @extschema@.migrate_shadow(source regclass, target text, alterations text[] = '{}',
    columns jsonb = '{}', filter text = NULL, migration text = NULL) RETURNS regclass
    AS 'MODULE_PATHNAME', 'pg_cutover_shadow' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_shadow(regclass, text, text[], jsonb, text, text) IS
    'create a table like the source, alter it, keep its key index, remember the rest for after the copy, link the two';
