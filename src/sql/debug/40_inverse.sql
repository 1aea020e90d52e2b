-- The way back that is found for a link, or what stands in it.
CREATE FUNCTION migrate.debug_inverse(source regclass, target regclass, columns jsonb = NULL, OUT what text,
    OUT name text, OUT detail text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_inverse' LANGUAGE C VOLATILE PARALLEL UNSAFE;
