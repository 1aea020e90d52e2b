-- What a swap of two linked tables would run for one family of dependents (views, functions, foreign_keys, refusals,
-- properties, sequences, names) or all of them: parts refusal, carried, lock (OIDs), before, after, later, and rename
-- (OIDs by pairs: of the table that is live after the swap, of the other one). Either direction of the link will do.
-- With deparsed => false nothing is locked, and families that print definitions have no statements.
CREATE FUNCTION migrate.debug_swap_steps(live regclass, mirror regclass, family text = 'all', deparsed boolean = true)
    RETURNS TABLE (part text, "position" integer, statement text)
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_swap_steps' LANGUAGE C VOLATILE PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION migrate.debug_swap_steps(regclass, regclass, text, boolean) FROM PUBLIC;
