-- What a migration of a table would meet, before anything is changed.
CREATE FUNCTION @extschema@.migrate_preflight(source regclass, target regclass = NULL)
    RETURNS TABLE (check_name text, status text, details text, hint text)
    AS 'MODULE_PATHNAME', 'pg_cutover_preflight' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.migrate_preflight(regclass, regclass) IS
    'what stands in the way of migrating a table: space, workers, lag, transactions, definitions, dependents; changes nothing';
