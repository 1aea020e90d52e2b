-- Functions that fail in every way at the boundary between C++ and the server (test builds only; see
-- test/t/001_boundary.pl). A kind of failure is postgres, error, exception, bad_alloc, invalid_input, int or none.

-- C++ objects alive in this session: 0, whatever happened.
CREATE FUNCTION migrate.debug_boundary_live() RETURNS bigint
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_boundary_live' LANGUAGE C VOLATILE STRICT;

-- Fails so often under a wrapper of src/pg ("own": inside the wrapper); says what was left behind.
CREATE FUNCTION migrate.debug_boundary_wrapper(wrapper text, kind text, iterations integer) RETURNS text
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_boundary_wrapper' LANGUAGE C VOLATILE STRICT;

CREATE FUNCTION migrate.debug_boundary_throw(kind text) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_boundary_throw' LANGUAGE C VOLATILE STRICT;

-- A row trigger; its argument is the kind.
CREATE FUNCTION migrate.debug_boundary_trigger() RETURNS trigger
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_boundary_trigger' LANGUAGE C VOLATILE STRICT;

-- Fails once, at the end of this transaction: before_commit, after_commit, abort.
CREATE FUNCTION migrate.debug_boundary_at_end(moment text, kind text) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_boundary_at_end' LANGUAGE C VOLATILE STRICT;

-- Fails when a memory context goes, while `outer_kind` is on its way past it.
CREATE FUNCTION migrate.debug_boundary_at_reset(kind text, outer_kind text) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_boundary_at_reset' LANGUAGE C VOLATILE STRICT;

-- Fails when this session ends.
CREATE FUNCTION migrate.debug_boundary_at_exit(kind text) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_boundary_at_exit' LANGUAGE C VOLATILE STRICT;

-- C++ that calls SQL that calls C++ ..., and a failure at the bottom: passed on, or taken and thrown again.
CREATE FUNCTION migrate.debug_boundary_nested(depth integer, kind text) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_boundary_nested' LANGUAGE C VOLATILE STRICT;
CREATE FUNCTION migrate.debug_boundary_relay(depth integer, kind text) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_boundary_relay' LANGUAGE C VOLATILE STRICT;

-- A worker that fails in so many transactions, then out of its main function.
CREATE FUNCTION migrate.debug_boundary_worker(kind text, iterations integer) RETURNS void
    AS 'MODULE_PATHNAME', 'pg_cutover_debug_boundary_worker' LANGUAGE C VOLATILE STRICT;

REVOKE ALL ON FUNCTION
    migrate.debug_boundary_live(),
    migrate.debug_boundary_wrapper(text, text, integer),
    migrate.debug_boundary_throw(text),
    migrate.debug_boundary_trigger(),
    migrate.debug_boundary_at_end(text, text),
    migrate.debug_boundary_at_reset(text, text),
    migrate.debug_boundary_at_exit(text),
    migrate.debug_boundary_nested(integer, text),
    migrate.debug_boundary_relay(integer, text),
    migrate.debug_boundary_worker(text, integer)
    FROM PUBLIC;
