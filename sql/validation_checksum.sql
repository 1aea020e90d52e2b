-- The checks checksum and schema, which stand on migrate_sketch, migrate_checksum and migrate_schema_diff.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_cutover;
CREATE SCHEMA vc;
SET search_path = vc, public;
\pset format unaligned
\pset tuples_only on

-- ---- linked tables are compared through their mapping -------------------------------------------------------------
CREATE TABLE events (id integer PRIMARY KEY, name varchar(10), code char(4), flags bit(3), price numeric(10, 4), at timestamptz,
    tags text[], extra jsonb, region text NOT NULL);
INSERT INTO events SELECT n, 'event ' || n, 'c' || n % 7, B'101', n + 0.1234, '2026-01-01'::timestamptz + n * interval '1 minute',
       ARRAY['a', n::text], jsonb_build_object('n', n), CASE WHEN n % 10 = 0 THEN 'us' ELSE 'eu' END
  FROM generate_series(1, 500) n;
CREATE TABLE events_new (region text NOT NULL, id bigint PRIMARY KEY, title varchar(10), code char(6), flags bit varying(5),
    cents bigint, price numeric(10, 2), at timestamptz(0), tags text[], extra jsonb);
SELECT migrate_link('events', 'events_new', filter => 'region = ''eu''',
    columns => '{"title": "name", "cents": "(price * 100)::bigint"}') > 0;
INSERT INTO events_new SELECT region, id, name, code, flags, (price * 100)::bigint, price, at, tags, extra FROM events WHERE region = 'eu';
SELECT migrate_add_check('vc', 'same', 'checksum', '{"source": "events", "target": "events_new"}');
SELECT migrate_add_check('vc', 'as many', 'row_count', '{"source": "events", "target": "events_new"}');
SELECT migrate_add_check('vc', 'two columns', 'checksum', '{"source": "events", "target": "events_new", "columns": ["id", "name"], "target_columns": ["id", "title"]}');
SELECT migrate_add_check('vc', 'a part', 'checksum', '{"source": "events", "target": "events_new", "columns": ["id"], "filter": "id < 10", "target_filter": "id < 10"}');
SELECT check_name, status, regexp_replace(details, '[0-9a-f]{32}', 'C', 'g') FROM migrate_validate('vc');
-- Each of these is a difference, and the count sees those that change the number of rows.
CREATE PROCEDURE shows(change text) LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE change;
    SELECT string_agg(check_name || ' ' || status, ', ') INTO found FROM migrate_validate('vc');
    RAISE WARNING '%: %', change, found;
    ROLLBACK;
END $$;
\set VERBOSITY terse
CALL shows('UPDATE events_new SET title = left(title, 3) WHERE id = 5');
CALL shows('UPDATE events_new SET code = ''x'' WHERE id = 5');
CALL shows('UPDATE events_new SET flags = B''10'' WHERE id = 5');
CALL shows('UPDATE events_new SET cents = cents + 1 WHERE id = 5');
CALL shows('UPDATE events_new SET price = NULL WHERE id = 5');
CALL shows('UPDATE events_new SET at = at + interval ''1 s'' WHERE id = 5');
CALL shows('UPDATE events_new SET tags = ''{}'' WHERE id = 5');
CALL shows('UPDATE events_new SET extra = ''null'' WHERE id = 5');
CALL shows('UPDATE events_new SET title = n.title FROM events_new n WHERE n.id = 13 - events_new.id AND events_new.id IN (6, 7)');
CALL shows('UPDATE events_new SET id = 1000 WHERE id = 5');
CALL shows('DELETE FROM events_new WHERE id = 5');
CALL shows('INSERT INTO events_new SELECT (events_new).region, 1000 FROM events_new WHERE id = 5');
CALL shows('DELETE FROM events_new');
-- This one is none.
CALL shows('DELETE FROM events; DELETE FROM events_new');
\set VERBOSITY default

-- What an assignment refuses to cut off is a difference where it has been cut off; blanks that pad are none.
CREATE TABLE cut (id integer PRIMARY KEY, t text, c text, b bit varying);
CREATE TABLE cut_new (id integer PRIMARY KEY, t varchar(3), c char(5), b bit(2));
INSERT INTO cut VALUES (1, 'abc', 'abc', B'10');
INSERT INTO cut_new VALUES (1, 'abc', 'abc', B'10');
SELECT migrate_link('cut', 'cut_new') > 0;
SELECT migrate_add_check('cut', 'cut', 'checksum', '{"source": "cut", "target": "cut_new"}');
SELECT * FROM migrate_validate('cut');
UPDATE cut SET t = 'abcdef';
SELECT * FROM migrate_validate('cut');
UPDATE cut SET t = 'abc', c = 'abcdef';
UPDATE cut_new SET c = 'abcde';
SELECT * FROM migrate_validate('cut');
UPDATE cut SET c = 'abcde', b = B'101';
SELECT * FROM migrate_validate('cut');
UPDATE cut SET b = B'10';
SELECT * FROM migrate_validate('cut');

-- ---- a table as it was ----------------------------------------------------------------------------------------------
SELECT migrate_add_check('was', 'events', 'checksum', jsonb_build_object('relation', 'events', 'checksum', checksum))
  FROM migrate_checksum('events');
SELECT check_name, status, regexp_replace(details, '[0-9a-f]{32}', 'C', 'g') FROM migrate_validate('was');
UPDATE events SET extra = '{}' WHERE id = 77;
SELECT check_name, status, regexp_replace(details, '[0-9a-f]{32}', 'C', 'g') FROM migrate_validate('was');

-- ---- the check says what migrate_compare says ----------------------------------------------------------------------
-- An assignment takes off blanks that do not fit, and so does a copy.
CREATE TABLE blanks (id integer PRIMARY KEY, t text, c text);
CREATE TABLE blanks_new (id integer PRIMARY KEY, t varchar(3), c char(5));
INSERT INTO blanks VALUES (1, 'abc   ', 'ab  '), (2, 'a ', 'abcde    ');
SELECT migrate_link('blanks', 'blanks_new') > 0;
INSERT INTO blanks_new SELECT * FROM blanks;
SELECT migrate_compare('blanks', 'blanks_new') AS job \gset
CALL migrate_wait(:job);
SELECT verdict FROM migrate.comparison WHERE job = :job;
SELECT migrate_add_check('blanks', 'blanks', 'checksum', '{"source": "blanks", "target": "blanks_new"}');
SELECT * FROM migrate_validate('blanks');
UPDATE blanks_new SET t = 'a' WHERE id = 2;
SELECT * FROM migrate_validate('blanks');

-- A row that the mapping fails for has no equal in the target. A filter that fails says nothing of the rows.
CREATE TABLE parts (id integer PRIMARY KEY, n integer);
CREATE TABLE parts_new (id integer PRIMARY KEY, share integer CHECK (share > 0));
INSERT INTO parts VALUES (1, 1), (2, 2);
SELECT migrate_link('parts', 'parts_new', columns => '{"share": "100 / n"}') > 0;
INSERT INTO parts_new VALUES (1, 100), (2, 50);
SELECT migrate_add_check('parts', 'all', 'checksum', '{"source": "parts", "target": "parts_new"}');
SELECT migrate_add_check('parts', 'some', 'checksum', '{"source": "parts", "target": "parts_new", "filter": "10 / (n - 2) IS NOT NULL"}');
SELECT * FROM migrate_validate('parts');
INSERT INTO parts VALUES (3, 0);
SELECT * FROM migrate_validate('parts');
UPDATE parts SET n = 4;
SELECT * FROM migrate_validate('parts');

-- A filter of the spec leaves out further rows than that of the link, in the target by the target's columns.
SELECT migrate_add_check('filters', 'rows', 'checksum', '{"source": "events", "target": "events_new", "filter": "id <= 20", "target_filter": "source.id <= 20 AND title IS NOT NULL"}');
SELECT migrate_add_check('filters', 'columns', 'checksum', '{"source": "events", "target": "events_new", "columns": ["id", "tags"], "filter": "id <= 20", "target_filter": "id <= 20"}');
SELECT migrate_add_check('filters', 'count', 'row_count', '{"source": "events", "target": "events_new", "filter": "id <= 20", "target_filter": "id <= (SELECT max(target.id) FROM events AS target WHERE target.id <= 20)"}');
SELECT * FROM migrate_validate('filters');
DELETE FROM events_new WHERE id = 13;
SELECT check_name, status FROM migrate_validate('filters');

-- After a swap with a filter the old table keeps rows that the new one never had.
CREATE TABLE kept (id integer PRIMARY KEY, n integer, region text NOT NULL);
INSERT INTO kept SELECT n, n, CASE WHEN n % 10 = 0 THEN 'us' ELSE 'eu' END FROM generate_series(1, 100) n;
CREATE TABLE kept_new (id bigint PRIMARY KEY, n bigint, region text NOT NULL);
SELECT migrate_link('kept', 'kept_new', filter => 'region = ''eu''') > 0;
SELECT migrate_backfill('kept', 'kept_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_cutover('kept', 'kept_new') AS job \gset
CALL migrate_wait(:job);
SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM kept_old);
SELECT migrate_add_check('kept', 'rows', 'checksum', '{"source": "kept", "target": "kept_old"}');
SELECT migrate_add_check('kept', 'columns', 'checksum', '{"source": "kept", "target": "kept_old", "columns": ["n", "id"]}');
SELECT migrate_add_check('kept', 'count', 'row_count', '{"source": "kept", "target": "kept_old"}');
SELECT * FROM migrate_validate('kept');
-- They see what is wrong all the same.
CREATE PROCEDURE shows_kept(change text) LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE 'ALTER TABLE kept_old DISABLE TRIGGER ALL';
    EXECUTE change;
    SELECT string_agg(check_name || ' ' || status, ', ') INTO found FROM migrate_validate('kept');
    RAISE WARNING '%: %', change, found;
    ROLLBACK;
END $$;
\set VERBOSITY terse
CALL shows_kept('UPDATE kept_old SET n = 0 WHERE id = 5');
CALL shows_kept('UPDATE kept_old SET n = 0 WHERE id = 10');
CALL shows_kept('DELETE FROM kept_old WHERE id = 5');
\set VERBOSITY default

-- A link that fills only some columns is about rows that are on both sides.
CREATE TABLE names (id integer PRIMARY KEY, name text);
CREATE TABLE remarks (id integer PRIMARY KEY, remark text);
CREATE TABLE named (id integer PRIMARY KEY, name text, remark text);
INSERT INTO names SELECT n, 'name ' || n FROM generate_series(1, 3) n;
INSERT INTO remarks SELECT n, 'remark ' || n FROM generate_series(2, 4) n;
INSERT INTO named VALUES (1, 'name 1', NULL), (2, 'name 2', 'remark 2'), (3, 'name 3', 'remark 3');
SELECT migrate_link('names', 'named') > 0, migrate_link('remarks', 'named', owner => false) > 0;
SELECT migrate_add_check('partial', 'names', 'checksum', '{"source": "names", "target": "named"}');
SELECT migrate_add_check('partial', 'remarks', 'checksum', '{"source": "remarks", "target": "named"}');
SELECT migrate_add_check('partial', 'count', 'row_count', '{"source": "remarks", "target": "named"}');
SELECT * FROM migrate_validate('partial');
UPDATE named SET remark = 'another' WHERE id = 3;
SELECT check_name, status FROM migrate_validate('partial');

-- Rows of inheritance children belong to their parent, as in a SELECT.
CREATE TABLE parent (id integer);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE both_of_them (id integer);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (2);
INSERT INTO both_of_them VALUES (1), (2);
SELECT migrate_add_check('parent', 'one', 'row_count', '{"relation": "parent", "rows": 2}');
SELECT migrate_add_check('parent', 'two', 'row_count', '{"source": "parent", "target": "both_of_them"}');
SELECT migrate_add_check('parent', 'rows', 'checksum', '{"source": "parent", "target": "both_of_them"}');
SELECT * FROM migrate_validate('parent');

-- ---- values of different types may have one image ------------------------------------------------------------------
CREATE TABLE amounts (id integer PRIMARY KEY, amount money);
CREATE TABLE amounts_new (id bigint PRIMARY KEY, amount bigint);
INSERT INTO amounts VALUES (1, 1::money);
INSERT INTO amounts_new VALUES (1, 100);
SELECT migrate_add_check('types', 'c', 'checksum', '{"source": "amounts", "target": "amounts_new"}');
SELECT migrate_add_check('types', 'c', 'checksum', '{"source": "amounts", "target": "amounts_new", "columns": ["id", "amount"]}');
SELECT migrate_add_check('types', 'ids', 'checksum', '{"source": "amounts", "target": "amounts_new", "columns": ["id"]}');
SELECT migrate_add_check('types', 'wide', 'checksum', '{"source": "amounts", "target": "events"}');
SELECT * FROM migrate_validate('types');
-- They are looked at again when the check runs.
CREATE TABLE moments (at timestamp);
CREATE TABLE moments_new (at timestamp);
INSERT INTO moments VALUES ('2026-01-01 00:00');
INSERT INTO moments_new TABLE moments;
SELECT migrate_add_check('moments', 'c', 'checksum', '{"source": "moments", "target": "moments_new"}');
SELECT status FROM migrate_validate('moments');
BEGIN;
SET LOCAL timezone = 'UTC';
ALTER TABLE moments_new ALTER at TYPE timestamptz;
SELECT * FROM migrate_validate('moments');
ROLLBACK;
ALTER TABLE moments_new ADD one integer DEFAULT 1;
SELECT * FROM migrate_validate('moments');
-- Linked tables are compared as the target's types.
SELECT migrate_link('amounts', 'amounts_new', columns => '{"amount": "amount::numeric::bigint"}') > 0;
SELECT migrate_add_check('amounts', 'c', 'checksum', '{"source": "amounts", "target": "amounts_new"}');
SELECT status FROM migrate_validate('amounts');
UPDATE amounts_new SET amount = 1;
SELECT status FROM migrate_validate('amounts');

-- Pairs of types, and a value of each. Those of one shape pass, the others are refused.
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TYPE temper AS ENUM ('high');
CREATE DOMAIN whole AS integer;
CREATE TYPE pair AS (a integer, b text);
CREATE TYPE pair_2 AS (b varchar(5), a bigint);
CREATE TYPE pair_3 AS (a money, b text);
CREATE TYPE pair_4 AS (a integer, c text);
CREATE FUNCTION one_shape(left_type text, left_value text, right_type text, right_value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format('CREATE TABLE l (v %s); INSERT INTO l VALUES (%L)', left_type, left_value);
    EXECUTE format('CREATE TABLE r (v %s); INSERT INTO r VALUES (%L)', right_type, right_value);
    BEGIN
        PERFORM migrate_add_check('shapes', 'shape', 'checksum', '{"source": "l", "target": "r"}');
        SELECT status INTO found FROM migrate_validate('shapes');
        PERFORM migrate_drop_check('shapes', 'shape');
    EXCEPTION WHEN datatype_mismatch THEN
        found := 'refused';
    END;
    DROP TABLE l, r;
    RETURN found;
END $$;
SELECT a, b, one_shape(a, value, b, coalesce(other, value)), one_shape(b, coalesce(other, value), a, value) FROM (VALUES
    ('smallint', 'bigint', '-7', NULL), ('integer', 'oid', '7', NULL), ('whole', 'bigint', '7', NULL), ('oid', 'bigint', '4294967295', NULL),
    ('regtype', 'oid', 'int4', '23'), ('text', 'varchar(9)', 'é', NULL), ('text', 'char(9)', 'é', NULL),
    ('name', 'text', 'n', NULL), ('mood', 'text', 'high', NULL), ('mood', 'temper', 'high', NULL),
    ('bit(3)', 'varbit', '101', NULL), ('cidr', 'inet', '10.0.0.0/8', NULL), ('numeric(9, 2)', 'numeric', '1.50', NULL),
    ('timestamptz(0)', 'timestamptz', '2026-01-01', NULL), ('integer[]', 'bigint[]', '{1,NULL,-3}', NULL), ('text[]', 'varchar(3)[]', '{a,b}', NULL),
    ('int4range', 'int8range', '[1,5)', NULL), ('int4multirange', 'int8multirange', '{[1,5),[7,)}', NULL), ('pair', 'pair_2', '(1,a)', '(a,1)'),
    ('pair[]', 'pair_2[]', '{"(1,a)"}', '{"(a,1)"}'),
    ('money', 'bigint', '1.00', '100'), ('money[]', 'bigint[]', '{1.00}', '{100}'), ('timestamp', 'timestamptz', '2026-01-01', NULL),
    ('tsrange', 'tstzrange', '[2026-01-01,)', NULL), ('tsmultirange', 'tstzmultirange', '{[2026-01-01,)}', NULL), ('timestamptz', 'bigint', '2000-01-01 00:00:00Z', '0'),
    ('xid', 'date', '1', '2000-01-02'), ('time', 'bigint', '00:00:01', '1000000'), ('pg_lsn', 'bigint', '0/1', '1'), ('xid8', 'bigint', '1', NULL),
    ('boolean', '"char"', 't', E'\\001'), ('bytea', 'text', 'a', NULL), ('json', 'text', '1', NULL), ('xml', 'text', '<a/>', NULL), ('json', 'jsonb', '1', NULL), ('real', 'float8', '1', NULL),
    ('integer', 'numeric', '1', NULL), ('integer', 'integer[]', '1', '{1}'), ('regclass', 'regproc', '0', '0'), ('regclass', 'bigint', '0', '0'),
    ('pair', 'pair_3', '(1,a)', '(0.01,a)'), ('pair', 'pair_4', '(1,a)', NULL)) AS pairs (a, b, value, other);

-- ---- wide tables: a checksum is kept, and has to stay what it is ---------------------------------------------------
\set ECHO errors
SELECT format('CREATE TABLE wide_%s (%s)', columns, string_agg(format('c%s smallint DEFAULT %s', g, g % 7), ', '))
  FROM unnest(ARRAY[90, 91, 200]) columns, generate_series(1, columns) g GROUP BY columns \gexec
\set ECHO all
INSERT INTO wide_90 DEFAULT VALUES;
INSERT INTO wide_91 DEFAULT VALUES;
INSERT INTO wide_200 DEFAULT VALUES;
SELECT relation, checksum FROM unnest('{wide_90,wide_91,wide_200}'::regclass[]) relation, migrate_checksum(relation);
CREATE TABLE wide_201 AS TABLE wide_200;
SELECT migrate_add_check('wide', 'w', 'checksum', '{"source": "wide_200", "target": "wide_201"}');
SELECT status FROM migrate_validate('wide');
UPDATE wide_201 SET c200 = 1;
SELECT status FROM migrate_validate('wide');

-- ---- two schemas ----------------------------------------------------------------------------------------------------
CREATE SCHEMA vc_old;
CREATE SCHEMA vc_new;
CREATE TABLE vc_old.t (id integer PRIMARY KEY, n integer);
CREATE TABLE vc_new.t (id integer PRIMARY KEY, n integer);
SELECT migrate_add_check('schemas', 'the same', 'schema', '{"old": "vc_old", "new": "vc_new"}');
SELECT * FROM migrate_validate('schemas');
ALTER TABLE vc_new.t ALTER n TYPE bigint;
CREATE TABLE vc_old.gone ();
SELECT * FROM migrate_validate('schemas');

SET client_min_messages = error;
DROP SCHEMA vc, vc_old, vc_new CASCADE;
