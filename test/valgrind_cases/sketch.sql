-- Images of every kind of value, in every form that it is stored in; sketches filled, added in parallel and compared;
-- plans whose composite types and enum labels change while they live; a value that has no image.
SET client_min_messages = error;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TYPE pair AS (n integer, t text, m mood);
CREATE TYPE span AS RANGE (subtype = text);
CREATE DOMAIN pairs AS pair[];
CREATE TABLE every (
  id integer PRIMARY KEY, c1 boolean, c2 "char", c3 smallint, c4 bigint, c5 oid, c6 real, c7 float8, c8 numeric, c9 text, c10 name,
  c11 char(9), c12 bytea, c13 jsonb, c14 xml, c15 uuid, c16 date, c17 timetz, c18 timestamptz, c19 interval, c20 varbit, c21 inet,
  c22 macaddr, c23 point, c24 path, c25 polygon, c26 circle, c27 tsvector, c28 tsquery, c29 int2vector, c30 aclitem, c31 regclass,
  c32 int4range, c33 numrange, c34 nummultirange, c35 mood, c36 pair, c37 pairs, c38 span, c39 span_multirange, c40 integer[],
  c41 text[], c42 mood[], c43 numeric[], c44 float8[], c45 xid8, c46 tid, c47 jsonpath, c48 pg_snapshot);
INSERT INTO every
SELECT g, true, 'a', g, g, g, 'NaN', 'NaN', g * 1.50, repeat('text', g * g * 10), 'name', 'blank', decode(repeat('00ff', g * 100), 'hex'),
       jsonb_build_object('a', repeat('x', g * 500), 'n', g), '<a/>', md5(g::text)::uuid, 'today', '12:00+01', now(), '1 day', '101', '::1/64',
       '08:00:2b:01:02:03', '(1,NaN)', '((0,0),(1,1))', '((0,0),(1,1),(2,0))', '<(0,0),1>', 'a:1 b', 'a & b', '1 2',
       'pg_monitor=r/pg_monitor', 'pg_class', '[1,5]', '(,2.5]', '{[1.0,2),[3,4)}', 'happy', ROW(g, 'x', 'sad')::pair,
       ARRAY[ROW(g, repeat('y', g * 100), 'happy')::pair, NULL, ROW(NULL, NULL, NULL)::pair], '[a,b)', '{[a,b),[c,d]}', ARRAY[1, NULL, g],
       ARRAY[repeat('z', g * 300), NULL], '{sad,NULL}', ARRAY[1.50, 'NaN'], ARRAY['NaN'::float8, g], '7', '(1,2)', '$.a', '10:20:10'
  FROM generate_series(1, 40) g;
CREATE TABLE large (id integer PRIMARY KEY, t text, e text);
ALTER TABLE large ALTER e SET STORAGE EXTERNAL;
INSERT INTO large SELECT g, repeat('large', 2000 * g), repeat('large', 850000 * g) FROM generate_series(1, 2) g;

SELECT migrate_sketch(1, 1, id, every) AS s FROM every \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT 1 / (migrate_sketch(1, 1, id, every) = :'s')::integer FROM every;
SELECT d.verdict FROM migrate_sketch_diff((SELECT migrate_sketch(1, 1, id, every) FROM every), (SELECT migrate_sketch(1, 1, id, every) FROM every WHERE id <> 7)) d;
SELECT count(*) FROM (SELECT migrate_sketch(1, 0, c36, c40) FROM every GROUP BY id % 3) groups;
SELECT id, migrate_sketch(1, 2, c9, c8, c13) OVER (ORDER BY id) IS NULL FROM every WHERE id < 3;
SELECT d.complete, cardinality(d.keys) FROM migrate_sketch_diff((SELECT migrate_sketch(1, 0, g) FROM generate_series(1, 300) g), NULL) d;
SELECT count(DISTINCT migrate.row_hash(1, id, t, e)) + count(DISTINCT migrate.key_number(1, t)) FROM large;
SELECT checksum IS NULL FROM migrate_checksum('every', filter => 'id > 3');
SELECT checksum IS NULL FROM migrate_checksum('every', '{c8,c36}');

-- One call site while the definitions change.
DO $$
DECLARE
  one pair;
  mark bytea;
BEGIN
  FOR i IN 1 .. 6 LOOP
    IF i = 3 THEN ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'; END IF;
    IF i = 5 THEN ALTER TYPE mood RENAME VALUE 'blue' TO 'sad'; END IF;
    FOR one IN SELECT (c36).* FROM every WHERE id < 4 LOOP
      mark := migrate.row_hash(1, one, one.m);
    END LOOP;
  END LOOP;
END
$$;
CREATE TABLE shape (id integer, t text);
INSERT INTO shape VALUES (1, 'a');
CREATE FUNCTION mark() RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
  one record;
  mark bytea;
BEGIN
  FOR i IN 1 .. 4 LOOP
    IF i = 3 THEN
      ALTER TABLE shape ADD COLUMN later numeric DEFAULT 1.5;
    END IF;
    FOR one IN EXECUTE 'SELECT s AS whole, ROW(s.id, s.t) AS part FROM shape s' LOOP
      mark := migrate.row_hash(1, one.whole, one.part, one);
    END LOOP;
  END LOOP;
  RETURN mark;
END
$$;
SELECT mark() IS NULL;

CREATE TYPE odd;
CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal STABLE STRICT AS 'textin';
CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal STABLE STRICT AS 'textout';
CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, LIKE = text);
DO $$
BEGIN
  PERFORM migrate.row_hash(1, 'x'::odd);
  RAISE 'was not refused';
EXCEPTION
  WHEN feature_not_supported THEN NULL;
END
$$;
DO $$
BEGIN
  PERFORM migrate_sketch_diff('\x00', NULL);
  RAISE 'was not refused';
EXCEPTION
  WHEN invalid_parameter_value THEN NULL;
END
$$;
