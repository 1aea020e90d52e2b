-- Scenarios: C9
-- The mutation sweep: whatever type a column has, one value that changes in it is noticed, and is the only thing noticed.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_cutover;
CREATE SCHEMA sweep;
SET search_path = sweep, public;
SET timezone = 'UTC';

-- sample: two near values of every type; columns: a column for each type and one for arrays of it.
\getenv abs_srcdir PG_ABS_SRCDIR
\set every_type :abs_srcdir '/sql/include/every_type.sql'
\set ECHO errors
\i :every_type
\set ECHO all

-- Every type that a column can have is there. Those without an input have no literals: their values come from the server
-- below, but for three that only indexes hold.
CREATE TABLE without_input (type regtype PRIMARY KEY);
INSERT INTO without_input VALUES ('pg_node_tree'), ('pg_ndistinct'), ('pg_dependencies'), ('pg_mcv_list'),
    ('gtsvector'), ('pg_brin_bloom_summary'), ('pg_brin_minmax_multi_summary');
SELECT t.oid::regtype AS missing FROM pg_type t
 WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm', 'e', 'd') AND t.typcategory <> 'A'
   AND t.oid NOT IN (SELECT type FROM sample UNION SELECT type FROM without_input)
UNION
SELECT t.oid::regtype FROM pg_type t WHERE t.typnamespace = 'sweep'::regnamespace AND t.typtype <> 'c' AND t.typelem = 0 AND t.oid NOT IN (SELECT type FROM sample)
ORDER BY 1;
CREATE FUNCTION has_input(type regtype) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT %L::%s', '', type);
    RETURN true;
EXCEPTION
    WHEN feature_not_supported THEN
        RETURN false;
END
$$;
SELECT type AS has_input_after_all FROM without_input WHERE has_input(type) ORDER BY 1;

-- One wide table of three rows.
\set ECHO errors
SELECT format('CREATE TABLE old (id bigint, %s)', string_agg(format('%I %s', name, type), ', ' ORDER BY n)) FROM columns \gexec
SELECT format('INSERT INTO old VALUES (1, %s), (2, %1$s), (3, %1$s)', string_agg(format('%L', a), ', ' ORDER BY n)) FROM columns \gexec
\set ECHO all
CREATE TABLE new (LIKE old);
-- The columns as arguments: the key, and anonymous records of 90 columns.
CREATE VIEW arguments AS
SELECT string_agg(part, ', ' ORDER BY part_number) AS list
  FROM (SELECT (n - 1) / 90 AS part_number, format('ROW(%s)', string_agg(quote_ident(name), ', ' ORDER BY n)) AS part FROM columns GROUP BY 1) p;

-- One value of one column changes in row 2; or becomes NULL; then another one does.
CREATE FUNCTION sweep() RETURNS TABLE (problem text) LANGUAGE plpgsql AS $$
DECLARE
    one record;
    change text;
    arguments text := (SELECT list FROM arguments);
    found record;
BEGIN
    FOR one IN SELECT * FROM columns ORDER BY n LOOP
        FOREACH change IN ARRAY ARRAY[one.b, NULL] LOOP
            TRUNCATE new;
            INSERT INTO new TABLE old;
            EXECUTE format('UPDATE new SET %I = %L WHERE id = 2', one.name, change);
            EXECUTE format('SELECT d.verdict, d.complete, d.keys FROM migrate_sketch_diff((SELECT migrate_sketch(-1, 1, id, %1$s) FROM old), '
                           '(SELECT migrate_sketch(-1, 1, id, %1$s) FROM new)) d', arguments) INTO found;
            IF (found.verdict, found.complete, found.keys) IS DISTINCT FROM ('different', true, '{2}'::bigint[]) THEN
                problem := format('%s %s to %s: %s', one.type, one.a, coalesce(change, 'NULL'), found);
                RETURN NEXT;
            END IF;
            -- As a column of its own, through the checksum.
            IF (SELECT checksum FROM migrate_checksum('old', ARRAY[one.name])) = (SELECT checksum FROM migrate_checksum('new', ARRAY[one.name])) THEN
                problem := format('%s %s to %s: same checksum', one.type, one.a, coalesce(change, 'NULL'));
                RETURN NEXT;
            END IF;
            EXECUTE format('UPDATE new SET %I = old.%1$I FROM old WHERE old.id = 2 AND new.id = 2', one.name);
            EXECUTE format('SELECT d.verdict FROM migrate_sketch_diff((SELECT migrate_sketch(-1, 1, id, %1$s) FROM old), '
                           '(SELECT migrate_sketch(-1, 1, id, %1$s) FROM new)) d', arguments) INTO found;
            IF found.verdict <> 'equal' THEN
                problem := format('%s and back: %s', one.type, found);
                RETURN NEXT;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
SELECT * FROM sweep();
SELECT count(*) > 150 AS columns FROM columns;

-- Values of the types without an input, from the server's own tables.
CREATE TABLE measured AS SELECT g % 10 AS a, g % 10 AS b, g AS c FROM generate_series(1, 1000) g;
CREATE STATISTICS measured_a (ndistinct, dependencies, mcv) ON a, b FROM measured;
CREATE STATISTICS measured_b (ndistinct, dependencies, mcv) ON a, c FROM measured;
CREATE VIEW v1 AS SELECT 1 AS one;
CREATE VIEW v2 AS SELECT 2 AS one;
ANALYZE measured;
SELECT count(*), count(DISTINCT migrate.row_hash(1, d.stxdndistinct)) AS ndistinct, count(DISTINCT migrate.row_hash(1, d.stxddependencies)) AS dependencies,
       count(DISTINCT migrate.row_hash(1, d.stxdmcv)) AS mcv
  FROM pg_statistic_ext s JOIN pg_statistic_ext_data d ON d.stxoid = s.oid WHERE s.stxnamespace = 'sweep'::regnamespace;
SELECT count(DISTINCT migrate.row_hash(1, ev_action)) AS node_trees FROM pg_rewrite WHERE ev_class IN ('v1'::regclass, 'v2'::regclass);

SET client_min_messages = error;
DROP SCHEMA sweep CASCADE;
