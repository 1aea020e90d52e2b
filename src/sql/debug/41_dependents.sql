-- What a swap of two linked tables finds, for tests of src/swap (test builds only; see
-- test/t/040_swap_dependents.pl).

-- The pair: names, columns ("=": of the same type, "~": of another one), and the statements that align its columns.
CREATE FUNCTION migrate.debug_pair(live regclass, mirror regclass, retired_name text = NULL) RETURNS text
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_pair' LANGUAGE C VOLATILE PARALLEL UNSAFE;

-- Views, functions and refusals; `deparsed`: with statements, as in the swap.
CREATE FUNCTION migrate.debug_dependents(live regclass, mirror regclass, deparsed boolean) RETURNS text
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_dependents' LANGUAGE C VOLATILE PARALLEL UNSAFE;

REVOKE ALL ON FUNCTION
    migrate.debug_pair(regclass, regclass, text),
    migrate.debug_dependents(regclass, regclass, boolean)
    FROM PUBLIC;
