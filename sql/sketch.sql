-- Scenarios: C1, C2, C4, C5, C6, C7, C8, C14, C16, C27, C28, C29, C30, C34, C37, C38
-- Hashes of rows and their sums: what is the same and what is not, and what a difference says.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_cutover;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE SCHEMA sketch;
SET search_path = sketch, public;
SET timezone = 'UTC';

-- What the sketches of two relations say, and whether EXCEPT ALL says the same of verdict and number of rows.
CREATE FUNCTION differ(a text, b text, columns text, nkey integer = 1, OUT verdict text, OUT rows_a bigint,
    OUT rows_b bigint, OUT complete boolean, OUT keys bigint[], OUT surplus bigint[], OUT agrees boolean)
    LANGUAGE plpgsql AS $$
DECLARE
    truth boolean;
    count_a bigint;
    count_b bigint;
BEGIN
    EXECUTE format('SELECT d.verdict, d.rows_a, d.rows_b, d.complete, d.keys, d.surplus FROM migrate_sketch_diff('
                   '(SELECT migrate_sketch(42, %1$s, %2$s) FROM %3$s), (SELECT migrate_sketch(42, %1$s, %2$s) FROM %4$s)) d',
                   nkey, columns, a, b)
       INTO verdict, rows_a, rows_b, complete, keys, surplus;
    EXECUTE format('SELECT NOT EXISTS (SELECT %1$s FROM %2$s EXCEPT ALL SELECT %1$s FROM %3$s) AND '
                   'NOT EXISTS (SELECT %1$s FROM %3$s EXCEPT ALL SELECT %1$s FROM %2$s), '
                   '(SELECT count(*) FROM %2$s), (SELECT count(*) FROM %3$s)', columns, a, b)
       INTO truth, count_a, count_b;
    agrees := (verdict = 'equal') = truth AND rows_a = count_a AND rows_b = count_b;
END
$$;

-- C1: every row of an even number shifted by the same step. C6, C7: values exchanged between rows and columns.
CREATE TABLE a (id integer PRIMARY KEY, at timestamptz, x text, y text);
INSERT INTO a SELECT g, timestamptz '2026-01-01' + g * interval '1 hour', 'x' || g, 'y' || g FROM generate_series(1, 64) g;
CREATE TABLE b (LIKE a);
INSERT INTO b TABLE a;
SELECT * FROM differ('a', 'b', 'id, at, x, y');
UPDATE b SET at = at + interval '10 minutes';
SELECT verdict, complete, cardinality(keys), keys[1:3] AS first_keys, agrees FROM differ('a', 'b', 'id, at, x, y');
TRUNCATE b;
INSERT INTO b SELECT id, at, CASE id WHEN 5 THEN 'x6' WHEN 6 THEN 'x5' ELSE x END, y FROM a;
SELECT * FROM differ('a', 'b', 'id, at, x, y');
TRUNCATE b;
INSERT INTO b SELECT id, at, CASE WHEN id = 9 THEN y ELSE x END, CASE WHEN id = 9 THEN x ELSE y END FROM a;
SELECT * FROM differ('a', 'b', 'id, at, x, y');
-- The whole rows of two keys, where the key is not part of what is exchanged; a missing and an extra row.
TRUNCATE b;
INSERT INTO b SELECT CASE id WHEN 1 THEN 2 WHEN 2 THEN 1 WHEN 64 THEN -64 ELSE id END, at, x, y FROM a WHERE id <> 30;
SELECT * FROM differ('a', 'b', 'id, at, x, y');

-- C2, C8: rows without a key are counted. Neither pairs nor an even number of repetitions cancel.
CREATE TABLE many (x text, y integer);
CREATE TABLE other (x text, y integer);
INSERT INTO many VALUES ('p', 1), ('q', 2), ('q', 2), ('q', 2), ('r', 3), ('r', 3), ('s', 4), ('s', 4);
INSERT INTO other VALUES ('p', 1), ('p', 1), ('p', 1), ('q', 2), ('r', 3), ('r', 3), ('s', 4), ('s', 4);
SELECT verdict, rows_a, rows_b, complete, cardinality(keys), (SELECT array_agg(s ORDER BY s) FROM unnest(surplus) s) AS surplus, agrees
  FROM differ('many', 'other', 'x, y', 0);
TRUNCATE other;
INSERT INTO other SELECT * FROM many WHERE x <> 'r';
SELECT verdict, rows_a, rows_b, complete, surplus, agrees FROM differ('many', 'other', 'x, y', 0);
INSERT INTO other VALUES ('t', 5), ('t', 5);
SELECT verdict, rows_a, rows_b, complete, (SELECT array_agg(s ORDER BY s) FROM unnest(surplus) s) AS surplus, agrees
  FROM differ('many', 'other', 'x, y', 0);
-- The keys that are named lead to the rows, and the classes are theirs.
SELECT DISTINCT m.x, d.more, key_bucket_is_named
  FROM migrate_sketch_diff((SELECT migrate_sketch(42, 0, x, y) FROM many), (SELECT migrate_sketch(42, 0, x, y) FROM other)) s,
       unnest(s.keys, s.surplus) AS d (key, more),
       (TABLE many UNION TABLE other) AS m (x, y),
       LATERAL (SELECT ('x' || encode(substr(migrate.row_hash(42, m.x, m.y), 9), 'hex'))::bit(64)::bigint) AS n (number),
       LATERAL (SELECT migrate.key_bucket(42, n.number) = ANY (s.buckets)) AS c (key_bucket_is_named)
 WHERE n.number = d.key
 ORDER BY 1;

-- Pairs of values, or of lists of values, and whether they are to be the same.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE feeling AS ENUM ('happy', 'ok', 'sad');
CREATE TYPE pair AS (n integer, t text);
CREATE TYPE couple AS (t text, n integer);
CREATE TYPE former AS (gone date, n integer, t text);
ALTER TYPE former DROP ATTRIBUTE gone;
CREATE TYPE span AS RANGE (subtype = numeric);
CREATE TYPE stretch AS RANGE (subtype = numeric);
CREATE TYPE holder AS (m mood, p pair[]);
CREATE TYPE keeper AS (m feeling, p couple[]);
CREATE DOMAIN amount AS numeric CHECK (value > 0);
CREATE DOMAIN amounts AS amount[];
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
-- Arrays whose stored form keeps a null bitmap that nothing needs.
CREATE FUNCTION leftover(n integer) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
    made integer[] := ARRAY[1, NULL, 3];
BEGIN
    made[2] := n;
    RETURN made;
END
$$;
CREATE TABLE pairs (n serial, same boolean, a text, b text);
INSERT INTO pairs (same, a, b) VALUES
    -- C5
    (false, $$NULL::text$$, $$''::text$$), (false, $$NULL::text$$, $$'NULL'::text$$), (false, $$''::text$$, $$'NULL'::text$$),
    (false, $$NULL::integer$$, $$0$$), (false, $$NULL::integer, 1$$, $$1, NULL::integer$$), (false, $$'<null>'::text$$, $$NULL::text$$),
    (false, $$1, NULL::integer$$, $$1$$), (false, $$NULL::integer[]$$, $$'{}'::integer[]$$),
    (false, $$'{NULL}'::integer[]$$, $$'{}'::integer[]$$), (false, $$'{NULL}'::text[]$$, $$'{"NULL"}'::text[]$$),
    (false, $$NULL::pair$$, $$ROW(NULL, NULL)::pair$$), (true, $$NULL::text$$, $$NULL::integer$$),
    -- C4
    (false, $$'x0'::text, 'y'::text$$, $$'x'::text, '0y'::text$$), (false, $$'a|b'::text, 'c'::text$$, $$'a'::text, 'b|c'::text$$),
    (false, $$'ab'::text, ''::text$$, $$''::text, 'ab'::text$$), (false, $$1, 11$$, $$11, 1$$),
    (false, $$'{a,b}'::text[]$$, $$'{"a,b"}'::text[]$$), (false, $$'{ab,c}'::text[]$$, $$'{a,bc}'::text[]$$),
    (false, $$'{{1,2},{3,4}}'::integer[]$$, $$'{1,2,3,4}'::integer[]$$), (false, $$'{1,2}'::integer[], '{3}'::integer[]$$, $$'{1}'::integer[], '{2,3}'::integer[]$$),
    (false, $$ROW('a'::text, 'bc'::text)$$, $$ROW('ab'::text, 'c'::text)$$),
    (false, $$ROW(1, 2), 3$$, $$1, ROW(2, 3)$$), (false, $$'a'::"char", 'b'::"char"$$, $$'b'::"char", 'a'::"char"$$),
    -- Floating point
    (false, $$0::float8$$, $$'-0'::float8$$), (false, $$0::float4$$, $$'-0'::float4$$),
    (true, $$'NaN'::float8$$, $$'Infinity'::float8 * 0$$), (true, $$'NaN'::float8$$, $$- 'NaN'::float8$$),
    (true, $$'NaN'::float4$$, $$- 'NaN'::float4$$), (true, $$'{NaN}'::float8[]$$, $$ARRAY['Infinity'::float8 * 0]$$),
    (true, $$point('NaN', 1)$$, $$point('Infinity'::float8 * 0, 1)$$), (false, $$point(0, 1)$$, $$point('-0', 1)$$),
    (false, $$0.1::float4::float8$$, $$0.1::float8$$), (false, $$1.1::float8$$, $$1.1000000000000003::float8$$),
    (true, $$ROW('NaN'::float4)$$, $$ROW(- 'NaN'::float4)$$),
    -- Numbers
    (false, $$1.0$$, $$1.00$$), (true, $$1::numeric(10,2)$$, $$1.00$$), (false, $$'NaN'::numeric$$, $$'Infinity'::numeric$$),
    (true, $$1e3::numeric$$, $$1000::numeric$$), (false, $$numrange(1.0, 2)$$, $$numrange(1.00, 2)$$),
    (true, $$7::smallint$$, $$7::bigint$$), (true, $$'-7'::integer$$, $$'-7'::bigint$$), (true, $$'{1,-2,NULL}'::smallint[]$$, $$'{1,-2,NULL}'::bigint[]$$),
    (true, $$4294967295::oid$$, $$4294967295::bigint$$), (false, $$9007199254740993::bigint$$, $$9007199254740992::bigint$$),
    -- C29
    (true, $$21290200$$, $$2.12902e+07::float8::bigint$$), (true, $$21290200::numeric$$, $$2.12902e+07::numeric$$),
    -- C28
    (true, $$'12:00:00.5'::time$$, $$'12:00:00.500'::time(3)$$), (false, $$'12:00:00.5006'::time$$, $$'12:00:00.5006'::time(3)$$),
    (false, $$'2026-01-01 00:00:00.123456'::timestamp$$, $$'2026-01-01 00:00:00.123'::timestamp$$),
    (true, $$'838:59:59.9996'::interval(3)$$, $$'839:00:00'::interval$$), (false, $$0.1::float4$$, $$0.1000001::float4$$),
    -- Times
    (true, $$'2026-01-01 00:00+00'::timestamptz$$, $$'2026-01-01 02:00+02'::timestamptz$$),
    (false, $$'12:00+00'::timetz$$, $$'14:00+02'::timetz$$), (false, $$'1 day'::interval$$, $$'24 hours'::interval$$),
    (false, $$'30 days'::interval$$, $$'1 month'::interval$$),
    -- Text
    (true, $$'a'::char(5)$$, $$'a'::char(8)$$), (false, $$' a'::char(5)$$, $$'a'::char(5)$$), (false, $$'a '::text$$, $$'a'::text$$),
    (false, $$U&'\00E9'::text$$, $$U&'e\0301'::text$$), (false, $$'a'::text COLLATE blind$$, $$'A'::text COLLATE blind$$),
    (true, $$'a'::name$$, $$'a'::text$$), (true, $$'a'::varchar(9)$$, $$'a'::text$$), (true, $$'a'$$, $$'a'::text$$),
    (true, $$'ok'::mood$$, $$'ok'::feeling$$), (false, $$'ok'::mood$$, $$'sad'::mood$$), (true, $$'{ok,sad}'::mood[]$$, $$'{ok,sad}'::feeling[]$$),
    (false, $$'a'::citext$$, $$'A'::citext$$), (true, $$'a'::citext$$, $$'a'::text$$),
    -- Documents
    (true, $$'{"b":1, "a":2}'::jsonb$$, $$'{"a":2,"b":0,"b":1}'::jsonb$$), (false, $$'{"a":1.0}'::jsonb$$, $$'{"a":1.00}'::jsonb$$),
    (false, $$'{"b":1, "a":2}'::json$$, $$'{"a":2, "b":1}'::json$$), (false, $$'null'::jsonb$$, $$NULL::jsonb$$),
    (true, $$'a=>1, b=>2'::hstore$$, $$'b=>2, a=>1'::hstore$$), (false, $$'a=>1'::hstore$$, $$'a=>NULL'::hstore$$),
    (true, $$'{"a":1,"b":[2]}'::jsonb - 'a'$$, $$'{"b":[2]}'::jsonb$$), (true, $$'a b'::tsvector$$, $$'b a'::tsvector$$),
    -- Arrays
    (false, $$'[2:3]={1,2}'::integer[]$$, $$'{1,2}'::integer[]$$), (true, $$leftover(2)$$, $$ARRAY[1, 2, 3]$$),
    (false, $$leftover(2)$$, $$leftover(4)$$), (false, $$leftover(2)$$, $$leftover(NULL)$$),
    (true, $$(ARRAY[1, 2, NULL])[1:2]$$, $$ARRAY[1, 2]$$), (true, $$(ARRAY['a', NULL])[1:1]$$, $$ARRAY['a'::text]$$),
    (false, $$ARRAY[1, NULL, 2]$$, $$ARRAY[1, 2, NULL]$$), (true, $$'1 2'::int2vector$$, $$'[0:1]={1,2}'::integer[]$$),
    (true, $$array_append(ARRAY[1, NULL], 3)$$, $$ARRAY[1, NULL, 3]$$), (true, $$'{1.50,NULL}'::amounts$$, $$'{1.50,NULL}'::numeric[]$$),
    -- Composites, ranges, domains of different types
    (true, $$ROW(1, 'x')::pair$$, $$ROW('x', 1)::couple$$), (true, $$ROW(1, 'x')::pair$$, $$ROW(1, 'x')::former$$),
    (false, $$ROW(1, 'x')::pair$$, $$ROW(2, 'x')::pair$$), (true, $$ROW(1, 'x'::text)$$, $$ROW(1, 'x')::pair$$),
    (true, $$ROW('ok', ARRAY[ROW(1, 'x')::pair, NULL])::holder$$, $$ROW('ok', ARRAY[ROW('x', 1)::couple, NULL])::keeper$$),
    (true, $$ARRAY[ROW(1, 2), ROW('a'::text), ROW(3, 4)]$$, $$ARRAY[ROW(1::bigint, 2), ROW('a'::name), ROW(3, 4::bigint)]$$),
    (false, $$ARRAY[ROW(1, 2), ROW('a'::text)]$$, $$ARRAY[ROW(1, 2), ROW('b'::text)]$$),
    (true, $$span(1, 2)$$, $$stretch(1, 2)$$), (true, $$span(1, 2)$$, $$numrange(1, 2)$$), (false, $$span(1, 2, '[]')$$, $$span(1, 2)$$),
    (false, $$span(NULL, 2)$$, $$span(0, 2)$$), (false, $$'empty'::numrange$$, $$'(,)'::numrange$$), (true, $$'[1,5]'::int4range$$, $$'[1,6)'::int8range$$),
    (true, $$span_multirange(span(1, 2), span(3, 4))$$, $$stretch_multirange(stretch(3, 4), stretch(1, 2))$$),
    (false, $$nummultirange(numrange(1, 2))$$, $$nummultirange(numrange(1, 2), numrange(3, 4))$$), (false, $$'{}'::nummultirange$$, $$'{(,)}'::nummultirange$$),
    (true, $$1.50::amount$$, $$1.50::numeric$$),
    -- Geometry, whose equality compares areas or lengths
    (false, $$'(0,0,1,4)'::box$$, $$'(0,0,2,2)'::box$$), (false, $$'<(0,0),1>'::circle$$, $$'<(5,5),1>'::circle$$),
    (false, $$'[(0,0),(1,1)]'::path$$, $$'((0,0),(1,1))'::path$$), (false, $$'((0,0),(1,1),(2,0))'::polygon$$, $$'((0,0),(2,0),(1,1))'::polygon$$),
    -- Bits and addresses
    (false, $$B'1'$$, $$B'10'$$), (false, $$''::varbit$$, $$B'0'::varbit$$), (false, $$'10.0.0.1/8'::inet$$, $$'10.0.0.1/16'::inet$$),
    (true, $$'10.0.0.0/8'::cidr$$, $$'10.0.0.0/8'::inet$$), (true, $$'\x00ff'::bytea$$, $$decode('00ff', 'hex')$$);

DO $$
DECLARE
    pair record;
    outcome boolean;
BEGIN
    FOR pair IN SELECT * FROM pairs ORDER BY n LOOP
        EXECUTE format('SELECT migrate.row_hash(7, %s) = migrate.row_hash(7, %s)', pair.a, pair.b) INTO STRICT outcome;
        IF outcome IS DISTINCT FROM pair.same THEN
            RAISE WARNING '% and %: expected %, found %', pair.a, pair.b, pair.same, outcome;
        END IF;
    END LOOP;
END
$$;
SELECT same, count(*) FROM pairs GROUP BY same ORDER BY same;
-- The same in another transaction, under other settings, with other plans.
SET timezone = 'Asia/Kolkata';
SET extra_float_digits = -10;
DO $$
DECLARE
    pair record;
    before bytea;
    outcome boolean;
BEGIN
    FOR pair IN SELECT * FROM pairs ORDER BY n LOOP
        EXECUTE format('SELECT migrate_sketch(7, 0, %s) = migrate_sketch(7, 0, %s)', pair.a, pair.b) INTO STRICT outcome;
        IF outcome IS DISTINCT FROM pair.same THEN
            RAISE WARNING 'sketches of % and %: expected %, found %', pair.a, pair.b, pair.same, outcome;
        END IF;
    END LOOP;
END
$$;
RESET timezone;
RESET extra_float_digits;

-- A label that was renamed between two rows of one call.
CREATE FUNCTION rename(label text, other text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TYPE mood RENAME VALUE %L TO %L', label, other);
    RETURN other;
END
$$;
SELECT migrate.row_hash(7, m) = migrate.row_hash(7, t) AS follows
  FROM (SELECT 'happy'::mood AS m, CASE g WHEN 1 THEN 'happy' ELSE rename('happy', 'glad') END AS t
          FROM generate_series(1, 2) g OFFSET 0) rows;

-- An attribute that was added between them.
CREATE TYPE growing AS (a integer);
CREATE FUNCTION grown(n integer) RETURNS growing LANGUAGE plpgsql AS $$
DECLARE
    row record;
BEGIN
    IF n = 2 THEN
        ALTER TYPE growing ADD ATTRIBUTE b integer;
    END IF;
    EXECUTE format('SELECT s.x FROM (SELECT ROW(%s)::growing AS x) s', CASE n WHEN 1 THEN '7' ELSE '7, 8' END) INTO row;
    RETURN row.x;
END
$$;
SELECT migrate.row_hash(7, grown(g)) = migrate.row_hash(7, CASE g WHEN 1 THEN ROW(7) ELSE ROW(7, 8) END) AS follows FROM generate_series(1, 2) g;

-- C34 in small. Stored forms: inline, compressed by either method, out of line; and small enough to have a short header.
CREATE TABLE forms (id integer PRIMARY KEY, plain text, external text, pglz text COMPRESSION pglz, lz4 text COMPRESSION lz4,
                    binary_data bytea, document jsonb, list integer[], list_external text[]);
ALTER TABLE forms ALTER plain SET STORAGE PLAIN, ALTER external SET STORAGE EXTERNAL, ALTER binary_data SET STORAGE EXTERNAL,
      ALTER list_external SET STORAGE EXTERNAL;
CREATE FUNCTION long(n integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT repeat('abcdefgh', n) $$;
INSERT INTO forms SELECT id, CASE WHEN id < 3 THEN long(n) END, long(n), long(n), long(n), decode(long(n), 'escape'),
       jsonb_build_object('a', long(n), 'n', id), array_fill(id, ARRAY[n + 1]), array_fill(long(1), ARRAY[n + 1])
  FROM (VALUES (1, 1), (2, 300), (3, 2000), (4, 60000), (5, 1100000)) v (id, n);
SELECT pg_column_compression(pglz) AS pglz, pg_column_compression(lz4) AS lz4, pg_column_size(external) = octet_length(external) AS external
  FROM forms WHERE id = 4;
SELECT id, count(DISTINCT h) AS hashes FROM forms, LATERAL (VALUES (migrate.row_hash(7, coalesce(plain, external))),
       (migrate.row_hash(7, external)), (migrate.row_hash(7, pglz)), (migrate.row_hash(7, lz4)), (migrate.row_hash(7, external || '')),
       (migrate.row_hash(7, binary_data)), (migrate.row_hash(7, long(octet_length(external) / 8)))) v (h)
 GROUP BY id ORDER BY id;
SELECT bool_and(migrate.row_hash(7, document) = migrate.row_hash(7, jsonb_build_object('n', id, 'a', external))) AS documents,
       bool_and(migrate.row_hash(7, list) = migrate.row_hash(7, array_fill(id, ARRAY[cardinality(list)]))) AS lists,
       bool_and(migrate.row_hash(7, list_external) = migrate.row_hash(7, array_fill(long(1), ARRAY[cardinality(list)]))) AS long_lists
  FROM forms;
-- What differs in the last byte only, on both sides of each buffer's size.
SELECT n, migrate.row_hash(7, repeat('a', n)) = migrate.row_hash(7, repeat('a', n - 1) || 'b') AS same
  FROM unnest(ARRAY[1, 240, 241, 8185, 8186, 8187, 8192, 8193, 16384, 4194304, 4194305]) n;

-- Dropped, added and reordered columns, generated ones.
CREATE TABLE straight (id integer PRIMARY KEY, n integer, t text, doubled integer GENERATED ALWAYS AS (n * 2) STORED);
CREATE TABLE bent (t text, gone text, id integer PRIMARY KEY, n integer);
INSERT INTO straight SELECT g, 5, 'x' || g FROM generate_series(1, 20) g;
INSERT INTO bent (id, t, gone) SELECT g, 'x' || g, 'gone' FROM generate_series(1, 20) g;
ALTER TABLE bent DROP COLUMN gone, DROP COLUMN n;
ALTER TABLE bent ADD COLUMN n integer DEFAULT 5, ADD COLUMN doubled integer NOT NULL DEFAULT 10;
SELECT * FROM differ('straight', 'bent', 'id, n, t, doubled');
SELECT (SELECT checksum FROM migrate_checksum('straight')) = (SELECT checksum FROM migrate_checksum('bent')) AS same_checksum;
-- As rows: by name, whatever the order and what is gone; old rows take the default of a column added later.
SELECT count(*) AS same_rows FROM straight s JOIN bent b USING (id) WHERE migrate.row_hash(7, s) = migrate.row_hash(7, b);
SELECT count(*) AS other_order FROM straight s JOIN bent b USING (id)
 WHERE migrate.row_hash(7, ROW(s.*)) = migrate.row_hash(7, ROW(b.*));
-- A prepared statement goes with the type.
PREPARE whole AS SELECT migrate.row_hash(7, b) = migrate.row_hash(7, s) AS same FROM bent b JOIN straight s USING (id) WHERE id = 1;
EXECUTE whole;
ALTER TABLE bent ADD COLUMN later text DEFAULT 'later';
EXECUTE whole;
ALTER TABLE bent DROP COLUMN later;
EXECUTE whole;
UPDATE straight SET n = 6 WHERE id = 3;
SELECT verdict, keys, agrees FROM differ('straight', 'bent', 'id, n, t, doubled');
SELECT array_agg(s.id) AS other_rows FROM straight s JOIN bent b USING (id) WHERE migrate.row_hash(7, s) <> migrate.row_hash(7, b);

-- C14: keys of every kind; a changed, a missing and an extra one are named, and nothing else.
CREATE TABLE keyed (k_small smallint, k_int integer, k_big bigint, k_oid oid, k_num numeric, k_text text, k_uuid uuid,
                    k_time timestamptz, k_bytes bytea, k_enum mood, k_maybe integer, k_float float8, v text);
INSERT INTO keyed SELECT g - 50, g * 1000000 - 50000000, (g - 50) * 9007199254740993, 4294967295 - g, (g - 50) * 123456789012345678.90,
       chr(g + 30) || E'\'"\\\t' || chr(8000 + g), md5(g::text)::uuid, timestamptz '1970-01-01' + (g - 50) * interval '90 years 1 us',
       decode(lpad(to_hex(g), 4, '0'), 'hex'), (ARRAY['sad', 'ok']::mood[])[g % 2 + 1], nullif(g, 17), (g - 50) / 3.0, 'v' || g
  FROM generate_series(1, 100) g;
CREATE TABLE keyed_other AS SELECT * FROM keyed WHERE v <> 'v5';
UPDATE keyed_other SET v = 'changed' WHERE v IN ('v1', 'v17', 'v99');
INSERT INTO keyed_other SELECT 32767, 2147483647, 9223372036854775807, 0, 1e100, 'extra', '00000000-0000-0000-0000-000000000000', 'infinity',
       '', 'sad', -1, 'Infinity', 'extra';
CREATE FUNCTION named(key text, nkey integer = 1, OUT verdict text, OUT complete boolean, OUT keys bigint, OUT right_keys boolean)
    LANGUAGE plpgsql AS $$
DECLARE
    named bigint[];
    wanted bigint[];
BEGIN
    EXECUTE format('SELECT d.verdict, d.complete, d.keys FROM migrate_sketch_diff((SELECT migrate_sketch(-3, %1$s, %2$s, v) FROM keyed), '
                   '(SELECT migrate_sketch(-3, %1$s, %2$s, v) FROM keyed_other)) d', nkey, key)
       INTO verdict, complete, named;
    EXECUTE format('SELECT array_agg(DISTINCT n ORDER BY n) FROM (SELECT migrate.key_number(-3, %1$s) FROM ((TABLE keyed EXCEPT TABLE keyed_other) '
                   'UNION (TABLE keyed_other EXCEPT TABLE keyed)) d) k (n)', key)
       INTO wanted;
    keys := cardinality(named);
    right_keys := named @> wanted AND wanted @> named;
END
$$;
SELECT key, n.* FROM unnest('{k_small,k_int,k_big,k_oid,k_num,k_text,k_uuid,k_time,k_bytes,k_maybe,k_float}'::text[]) key, named(key) n;
SELECT key, n.* FROM unnest('{"k_enum, k_small","k_text, k_time","k_num, k_uuid","k_int, k_big"}'::text[]) key, named(key, 2) n;
-- An integer is its own number, whatever its width; order and boundaries of a composite key count.
SELECT migrate.key_number(1, -5::smallint), migrate.key_number(2, -5), migrate.key_number(3, -5::bigint), migrate.key_number(1, 4294967295::oid);
SELECT migrate.key_number(1, 1, 11) = migrate.key_number(1, 11, 1) AS same, migrate.key_number(1, 'a'::text) = migrate.key_number(2, 'a'::text) AS other_seed,
       migrate.key_number(1, NULL::integer) = migrate.key_number(1, 0) AS null_is_zero;
SELECT count(DISTINCT migrate.key_bucket(1, g)) > 950 AS spread, min(migrate.key_bucket(1, g)) >= 0 AND max(migrate.key_bucket(1, g)) < 1024 AS in_range
  FROM generate_series(1, 10000) g;

-- In parallel, in parts, in another order: the same bytes.
CREATE TABLE big AS SELECT g AS id, g % 100 AS n, 'text ' || g AS t, g * 1.5 AS m FROM generate_series(1, 20000) g;
SELECT migrate_sketch(9, 1, id, n, t, m) AS serial FROM big \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT migrate_sketch(9, 1, id, n, t, m) FROM big;
SELECT migrate_sketch(9, 1, id, n, t, m) = :'serial' AS same FROM big;
-- Records that only a worker has seen.
SELECT migrate_sketch(9, 0, ROW(id, t), ROW(m)) AS records FROM big \gset
SET max_parallel_workers_per_gather = 0;
SELECT migrate_sketch(9, 0, ROW(id, t), ROW(m)) = :'records' AS same FROM big;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
SELECT migrate_sketch(9, 1, id, n, t, m ORDER BY id DESC) = :'serial' AS same FROM big;
SELECT count(*), bool_and(verdict = 'equal') AS equal
  FROM (SELECT n % 3 AS part, migrate_sketch(9, 1, id, n, t, m) AS s FROM big GROUP BY 1) a
  JOIN (SELECT n % 3 AS part, migrate_sketch(9, 1, id, n, t, m) AS s FROM big GROUP BY 1) b USING (part), migrate_sketch_diff(a.s, b.s);
-- As a window the sum grows, and each row sees its own.
SELECT id, rows_a FROM (SELECT id, migrate_sketch(9, 1, id, n) OVER (ORDER BY id) AS s FROM big WHERE id <= 3) w, migrate_sketch_diff(s, NULL) ORDER BY id;
-- A frame that moves begins anew; grouping sets keep several sums at once.
SELECT array_agg(rows_a ORDER BY id) AS frames
  FROM (SELECT id, migrate_sketch(9, 1, id, n) OVER (ORDER BY id ROWS 1 PRECEDING) AS s FROM big WHERE id <= 5) w, migrate_sketch_diff(s, NULL);
SELECT count(*) AS sets, sum(rows_a) AS "rows"
  FROM (SELECT migrate_sketch(9, 1, id, n) AS s FROM big WHERE id <= 30 GROUP BY CUBE (id % 3, id % 5)) g, migrate_sketch_diff(s, NULL);
-- Stored and read again.
CREATE TABLE kept AS SELECT migrate_sketch(9, 1, id, n, t, m) AS s FROM big;
SELECT verdict, rows_a, rows_b FROM kept, migrate_sketch_diff(s, (SELECT migrate_sketch(9, 1, id, n, t, m) FROM big));
-- Too many to name: said, with the classes that are dirty.
SELECT verdict, complete, cardinality(buckets) > 900 AS dirty FROM kept, migrate_sketch_diff(s, (SELECT migrate_sketch(9, 1, id, n + 1, t, m) FROM big));

-- No rows.
SELECT migrate_sketch(1, 1, 1) IS NULL AS nothing FROM big WHERE false;
SELECT * FROM migrate_sketch_diff(NULL, NULL);
SELECT verdict, rows_a, rows_b, complete, keys FROM migrate_sketch_diff(NULL, (SELECT migrate_sketch(1, 1, id, n) FROM big WHERE id < 4));
SELECT verdict, rows_a, rows_b, complete, surplus FROM migrate_sketch_diff((SELECT migrate_sketch(1, 0, n) FROM big WHERE n = 4 AND id < 400), NULL);

-- C16: 1,600 columns, in groups of anonymous records; the last one counts.
\set ECHO errors
SELECT format('CREATE TABLE wide (%s)', string_agg(format('c%s smallint', g), ', ')) FROM generate_series(1, 1600) g \gexec
SELECT format('INSERT INTO wide VALUES (%s)', string_agg((g % 7)::text, ', ')) FROM generate_series(1, 1600) g \gexec
\set ECHO all
CREATE TABLE wide_other AS TABLE wide;
SELECT (SELECT checksum FROM migrate_checksum('wide')) = (SELECT checksum FROM migrate_checksum('wide_other')) AS same;
UPDATE wide_other SET c1600 = 99;
SELECT (SELECT checksum FROM migrate_checksum('wide')) = (SELECT checksum FROM migrate_checksum('wide_other')) AS same;
SELECT string_agg(part, ', ') AS groups FROM (SELECT format('ROW(%s)', string_agg('c' || g, ', ' ORDER BY g)) AS part
                                                FROM generate_series(1, 1600) g GROUP BY (g - 1) / 90 ORDER BY (g - 1) / 90) p \gset
SELECT verdict, rows_a, complete FROM migrate_sketch_diff((SELECT migrate_sketch(1, 0, :groups) FROM wide), (SELECT migrate_sketch(1, 0, :groups) FROM wide_other));
-- An anonymous record has positions, whatever the names in it.
SELECT verdict FROM migrate_sketch_diff((SELECT migrate_sketch(1, 0, ROW(t, n)) FROM straight),
                                        (SELECT migrate_sketch(1, 0, w) FROM (SELECT t AS z, n AS a FROM straight OFFSET 0) w));

-- C30: neither settings of the session nor those of the database enter.
CREATE TABLE world (id integer PRIMARY KEY, a timestamptz, b date, c interval, d float8, e float4, f bytea, g money, h text, i regclass, j regtype,
                    k xml, l timestamp[], m pair, n tstzrange, o regproc, p numeric, q timetz);
INSERT INTO world VALUES (1, '2026-03-04 05:06:07.891', '2026-03-04', '1 mon -3 days 04:05:06.7', pi(), 1.1, '\x00ff41', 12.34::numeric::money, 'Grüße €',
    'pairs', 'pair', '<a>é</a>', '{2026-03-04 05:06:07}', ROW(1, 'é'), '[2026-03-04 00:00+02,)', 'leftover', 1234.50, '01:02:03+04');
SELECT migrate_sketch(5, 1, w.id, w) AS sketch FROM world w \gset
SELECT migrate.row_hash(5, w) AS hash, migrate.key_number(5, a, h, d) AS number FROM world w \gset
SELECT (SELECT checksum FROM migrate_checksum('world')) AS checksum \gset
SET timezone = 'America/St_Johns';
SET datestyle = 'German, DMY';
SET intervalstyle = 'iso_8601';
SET extra_float_digits = -15;
SET bytea_output = 'escape';
SET lc_monetary = 'C';
SET lc_numeric = 'C';
SET client_encoding = 'LATIN9';
SET xmlbinary = 'hex';
SET xmloption = 'document';
SET search_path = pg_catalog;
SELECT public.migrate_sketch(5, 1, w.id, w) = :'sketch' AS sketch FROM sketch.world w;
SELECT migrate.row_hash(5, w) = :'hash' AS hash, migrate.key_number(5, a, h, d) = :number AS number,
       (SELECT checksum FROM public.migrate_checksum('sketch.world')) = :'checksum' AS checksum
  FROM sketch.world w;
RESET ALL;
SET client_min_messages = warning;
SET search_path = sketch, public;

-- Checksums: every kind of relation, columns, filters.
CREATE VIEW straight_view AS SELECT t, doubled, n, id FROM straight;
CREATE MATERIALIZED VIEW straight_stored AS TABLE straight_view;
CREATE TABLE straight_parts (id integer, n integer, t text, doubled integer) PARTITION BY RANGE (id);
CREATE TABLE straight_low PARTITION OF straight_parts FOR VALUES FROM (0) TO (10);
CREATE TABLE straight_high (doubled integer, t text, n integer, id integer);
ALTER TABLE straight_parts ATTACH PARTITION straight_high FOR VALUES FROM (10) TO (100);
INSERT INTO straight_parts (id, n, t, doubled) SELECT id, n, t, doubled FROM straight ORDER BY random();
SELECT count(DISTINCT checksum) AS checksums, count(*) AS relations, min("rows"), max("rows")
  FROM unnest('{straight,straight_view,straight_stored,straight_parts}'::regclass[]) r, migrate_checksum(r);
SELECT * FROM migrate_checksum('straight');
SELECT "rows", length(checksum) FROM migrate_checksum('straight', filter => 'n = 6 OR source.id IN (SELECT 1)');
SELECT * FROM migrate_checksum('straight', filter => 'false');
SELECT (SELECT checksum FROM migrate_checksum('straight', '{id,t}')) = (SELECT checksum FROM migrate_checksum('straight', '{t,id}')) AS order_does_not_count,
       (SELECT checksum FROM migrate_checksum('straight', '{doubled,id,n,t}')) = (SELECT checksum FROM migrate_checksum('straight')) AS all_columns;
SELECT * FROM migrate_checksum('straight', '{id,nothing}');
SELECT * FROM migrate_checksum('straight', '{id,id}');
SELECT * FROM migrate_checksum('straight', '{id,NULL}');
SELECT * FROM migrate_checksum('straight', '{}');
SELECT * FROM migrate_checksum('straight_pkey');
SELECT * FROM migrate_checksum('pair');
SELECT * FROM migrate_checksum(NULL);
SELECT * FROM migrate_checksum('straight', filter => 'n');
SELECT * FROM migrate_checksum('straight', filter => 'n = 1; DROP TABLE straight');
SELECT * FROM migrate_checksum('straight', filter => 'n = 1 OR nothing');
SELECT * FROM migrate_checksum('straight', filter => 'random() < 0.5');
SELECT * FROM migrate_checksum('straight', filter => 'count(*) = 1');
SELECT * FROM migrate_checksum('straight', filter => 'true) OR (true');

-- C37, C38: what row security hides is an error and no smaller sum; SELECT is needed and enough.
CREATE ROLE regress_sketch_reader;
GRANT USAGE ON SCHEMA sketch TO regress_sketch_reader;
SELECT migrate_grant('regress_sketch_reader');
CREATE TABLE guarded (id integer, who text);
INSERT INTO guarded VALUES (1, 'regress_sketch_reader'), (2, 'somebody');
SET ROLE regress_sketch_reader;
SELECT * FROM migrate_checksum('guarded');
SELECT * FROM migrate_checksum('guarded', filter => 'EXISTS (SELECT FROM keyed)');
RESET ROLE;
GRANT SELECT ON guarded TO regress_sketch_reader;
SET ROLE regress_sketch_reader;
SELECT "rows" FROM migrate_checksum('guarded');
-- What a hostile search path offers is not taken.
RESET ROLE;
CREATE SCHEMA trap;
GRANT USAGE ON SCHEMA trap TO regress_sketch_reader;
CREATE FUNCTION trap.migrate_sketch(bigint, integer, integer, text) RETURNS bytea LANGUAGE sql AS $$ SELECT 'trap'::bytea $$;
CREATE TABLE trap.guarded (id integer, who text);
SET ROLE regress_sketch_reader;
SET search_path = trap, pg_catalog, public;
SELECT "rows" FROM migrate_checksum('sketch.guarded');
SET search_path = sketch, public;
RESET ROLE;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON guarded USING (who = current_user);
SELECT "rows" FROM migrate_checksum('guarded');
SET ROLE regress_sketch_reader;
SELECT count(*) FROM guarded;
SELECT * FROM migrate_checksum('guarded');
SHOW row_security;
RESET ROLE;
SELECT migrate_grant('regress_sketch_reader', 'none');
SET ROLE regress_sketch_reader;
SELECT * FROM migrate_checksum('guarded');
RESET ROLE;

-- What is refused.
SELECT migrate_sketch(NULL, 1, id) FROM a;
SELECT migrate_sketch(1, NULL, id) FROM a;
SELECT migrate_sketch(1, -1, id) FROM a;
SELECT migrate_sketch(1, 3, id, x) FROM a;
SELECT migrate_sketch(id, 1, id) FROM a;
SELECT migrate_sketch(1, id % 2, id) FROM a;
SELECT migrate_sketch(1, 1, VARIADIC ARRAY[1, 2]) FROM a;
SELECT migrate.row_hash(NULL, 1);
SELECT migrate.row_hash(1, VARIADIC ARRAY[1]);
SELECT migrate.sketch_add(NULL, 1, 1, 1);
SELECT migrate.sketch_combine('', '');
SELECT * FROM migrate_sketch_diff('\x00', NULL);
SELECT * FROM migrate_sketch_diff((SELECT migrate_sketch(1, 1, id) FROM a), (SELECT substr(migrate_sketch(1, 1, id), 2) || '\x00' FROM a));
SELECT * FROM migrate_sketch_diff((SELECT migrate_sketch(1, 1, id) FROM a), (SELECT migrate_sketch(2, 1, id) FROM a));
SELECT * FROM migrate_sketch_diff((SELECT migrate_sketch(1, 1, id) FROM a), (SELECT migrate_sketch(1, 1, x) FROM a));
SELECT * FROM migrate_sketch_diff((SELECT migrate_sketch(1, 0, id) FROM a), (SELECT migrate_sketch(1, 0, id, x) FROM a));
CREATE AGGREGATE wrong (bigint, integer, integer) (SFUNC = migrate.sketch_add, STYPE = bytea, INITCOND = 'nothing');
-- A type without an image: neither equal bytes nor an immutable form.
CREATE TYPE odd;
CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal STABLE STRICT AS 'textin';
CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal STABLE STRICT AS 'textout';
CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, LIKE = text);
SELECT migrate.row_hash(1, 'x'::odd);
SELECT migrate.row_hash(1, ARRAY['x'::odd]);
SELECT migrate.row_hash(1, 'x'::odd::text) = migrate.row_hash(1, 'x'::text) AS cast_to_text;

SET client_min_messages = error;
DROP OWNED BY regress_sketch_reader;
DROP ROLE regress_sketch_reader;
DROP SCHEMA sketch, trap CASCADE;
DROP EXTENSION citext, hstore CASCADE;
