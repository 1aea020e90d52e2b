-- Comparing: rows hashed and summed, so that two tables are compared in one scan of each.
CREATE FUNCTION migrate.sketch_add(state bytea, seed bigint, nkey integer, VARIADIC "any") RETURNS bytea
    AS 'MODULE_PATHNAME', 'pg_cutover_sketch_add' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION migrate.sketch_add(bytea, bigint, integer, VARIADIC "any") IS
    'adds a row to the state of migrate_sketch';

CREATE FUNCTION migrate.sketch_combine(state bytea, more bytea) RETURNS bytea
    AS 'MODULE_PATHNAME', 'pg_cutover_sketch_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION migrate.sketch_combine(bytea, bytea) IS 'adds one state of migrate_sketch to another';

-- SSPACE is the size of a state, for the planner's choice between hashing and sorting of groups.
CREATE AGGREGATE @extschema@.migrate_sketch(seed bigint, nkey integer, VARIADIC "any") (
    SFUNC = migrate.sketch_add, STYPE = bytea, SSPACE = 417824, COMBINEFUNC = migrate.sketch_combine, PARALLEL = SAFE);
COMMENT ON AGGREGATE @extschema@.migrate_sketch(bigint, integer, VARIADIC "any") IS
    'sketch of a set of rows, to be compared with migrate_sketch_diff; the first nkey columns are the key, 0: there is none';

CREATE FUNCTION @extschema@.migrate_sketch_diff(a bytea, b bytea, OUT verdict text, OUT rows_a bigint,
    OUT rows_b bigint, OUT complete boolean, OUT keys bigint[], OUT surplus bigint[], OUT buckets integer[])
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'pg_cutover_sketch_diff' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.migrate_sketch_diff(bytea, bytea) IS
    'compare two sketches: equal or different, and the keys that differ as migrate.key_number gives them; NULL is a sketch of no rows';

CREATE FUNCTION migrate.row_hash(seed bigint, VARIADIC "any") RETURNS bytea
    AS 'MODULE_PATHNAME', 'pg_cutover_row_hash' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION migrate.row_hash(bigint, VARIADIC "any") IS
    'hash of a row as migrate_sketch sums it; its last eight bytes are the key of a row without one';

CREATE FUNCTION migrate.key_number(seed bigint, VARIADIC "any") RETURNS bigint
    AS 'MODULE_PATHNAME', 'pg_cutover_key_number' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION migrate.key_number(bigint, VARIADIC "any") IS
    'number that migrate_sketch knows a key by: an integer itself, a hash of anything else';

CREATE FUNCTION migrate.key_bucket(seed bigint, VARIADIC "any") RETURNS integer
    AS 'MODULE_PATHNAME', 'pg_cutover_key_bucket' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION migrate.key_bucket(bigint, VARIADIC "any") IS
    'class of keys, 0 to 1023, in which migrate_sketch counts a key';

CREATE FUNCTION @extschema@.migrate_checksum(relation regclass, columns text[] = NULL, filter text = NULL,
    OUT "rows" bigint, OUT checksum text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'pg_cutover_checksum' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.migrate_checksum(regclass, text[], text) IS
    'rows and checksum of a relation: the same for the same data, whatever the order of its rows and columns';
