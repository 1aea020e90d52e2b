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
