-- Scenarios: O65
-- What a mapping is stored as: every name qualified, every column as source.column, nothing of the
-- session that gave it.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
RESET client_min_messages;
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA mapping;
SET search_path = mapping, public;
-- Links two tables, shows what is stored, and takes the link away again.
CREATE FUNCTION stored(source regclass, target regclass, columns jsonb = '{}', filter text = NULL, key text[] = NULL)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    found record;
    part record;
BEGIN
    PERFORM migrate_link(source, target, columns, filter, key);
    SELECT * INTO found FROM migrate.link l WHERE l.source = stored.source AND l.target = stored.target;
    FOR part IN SELECT * FROM pg_catalog.jsonb_array_elements(found.mapping) LOOP
        RETURN NEXT pg_catalog.format('%s <- %s', part.value ->> 'column', part.value ->> 'expression');
    END LOOP;
    RETURN NEXT 'key ' || found.target_key::text || ' <- ' || found.source_key::text;
    IF found.source_filter IS NOT NULL THEN RETURN NEXT 'filter ' || found.source_filter; END IF;
    PERFORM migrate_unlink(source, target);
END
$$;

-- By name, by expression, by default; casts on assignment; source columns left out.
CREATE TABLE s (id int PRIMARY KEY, name text, price numeric(10, 2), at timestamptz, gone text);
CREATE TABLE d (id bigint PRIMARY KEY, name varchar(100) NOT NULL, cents bigint, at timestamptz,
                region text NOT NULL DEFAULT 'eu', twice bigint GENERATED ALWAYS AS (cents * 2) STORED,
                n int GENERATED ALWAYS AS IDENTITY, dropped int);
ALTER TABLE d DROP COLUMN dropped;
SELECT stored('s', 'd', '{"cents": "(price * 100)::bigint", "name": "coalesce(name, ''?'')"}', 'id > 0');
SELECT details FROM migrate.event WHERE kind = 'link' AND source = 'mapping.s' ORDER BY id DESC LIMIT 1;
-- Numbers and booleans of the JSON document are expressions too; stable functions are allowed.
SELECT stored('s', 'd', '{"cents": 100, "name": "to_char(at, ''YYYY'')", "region": "source.name || now()::text", "n": "1"}');
-- Comments and line breaks stay outside.
SELECT stored('s', 'd', '{"cents": "1 -- one\n + 2 /* two */", "name": "''--''"}');

-- Names: bare or qualified, quoted, mixed case, 63 bytes, not ASCII, keywords, and a column called source.
CREATE TABLE "Mixed ""Source""" (
    "Id" int PRIMARY KEY, "select" int, source int, "größe 大" text,
    abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_abcdefghi text);
CREATE TABLE "Mixed.Target" (
    "Id" int PRIMARY KEY, "select" int, source int, "größe 大" text, copy int,
    abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_abcdefghi text);
SELECT stored('"Mixed ""Source"""', '"Mixed.Target"', '{"copy": "source + source.source + \"select\"", "größe 大": "upper(source.\"größe 大\")"}');

-- Types: domains, enums, composites, arrays, ranges, whole rows.
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE newmood AS ENUM ('ok', 'sad', 'glad');
CREATE TYPE pair AS (x int, y text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE types_s (id int PRIMARY KEY, m mood, p pair, arr int[], r int4range, big positive, j jsonb);
CREATE TABLE types_d (id positive PRIMARY KEY, m newmood, p pair, arr bigint[], r int4range, big int, j jsonb,
                      y text, first int, whole types_s, doc jsonb);
SELECT stored('types_s', 'types_d', '{"m": "m::text::newmood", "y": "(p).y || (source.p).y", "first": "arr[1]",
    "whole": "source", "doc": "to_jsonb(source)", "j": "j -> ''a''", "p": "row((p).x + 1, ''new'')::pair"}',
    'm <> ''sad'' AND r && ''[1,5)'' AND big IN (1, 2) AND source IS NOT NULL');
SELECT stored('types_s', 'types_d', '{"m": "''glad''", "whole": "NULL", "doc": "to_jsonb(source.*)", "y": "source.*::text"}');

-- Subqueries are for the sql method.
SELECT stored('s', 'd', '{"cents": "(SELECT count(*) FROM types_s t WHERE t.id = source.id)", "name": "''x''"}');

-- Settings of the session do not get in: constants are written out.
SET DateStyle = 'German, DMY';
SET IntervalStyle = 'sql_standard';
SET TimeZone = 'Asia/Tokyo';
SET extra_float_digits = -15;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET quote_all_identifiers = on;
SET transform_null_equals = on;
SELECT stored('s', 'd', '{"name": "''a\\\\\\\\b'' || (at + ''1-2'')::text || 0.1::float8", "cents": "0"}',
    'at < ''2.1.2026 10:00'' AND at >= DATE ''1.2.2025'' AND name = NULL');
RESET DateStyle; RESET IntervalStyle; RESET TimeZone; RESET extra_float_digits;
RESET standard_conforming_strings; RESET escape_string_warning; RESET quote_all_identifiers; RESET transform_null_equals;

-- A name means what it meant to the caller, whatever the search_path is later.
CREATE SCHEMA mapping_evil;
CREATE FUNCTION mapping_evil.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''evil''';
CREATE FUNCTION mapping_evil.add(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 0';
CREATE OPERATOR mapping_evil.+ (LEFTARG = int, RIGHTARG = int, FUNCTION = mapping_evil.add);
CREATE DOMAIN mapping_evil.text AS pg_catalog.text;
SELECT stored('s', 'd', '{"name": "lower(name)", "cents": "id + 1"}');
SET search_path = mapping_evil, mapping, public, pg_catalog;
SELECT stored('s', 'd', '{"name": "lower(name)", "cents": "id + 1", "region": "id::text"}');
SELECT stored('s', 'd', '{"name": "pg_catalog.lower(name)", "cents": "id OPERATOR(pg_catalog.+) 1"}');
SET search_path = mapping, public;

-- So does what a function in language SQL names in its body, or it is refused: a job would not find it. Where it is
-- called by another one it is found if that is inlined; in other languages, if it is computed when the link is planned.
CREATE FUNCTION initial(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left(t, 1)';
CREATE FUNCTION unqualified(t text) RETURNS text LANGUAGE sql STABLE AS 'SELECT initial(t)';
CREATE FUNCTION not_inlined(t text) RETURNS text LANGUAGE sql STABLE STRICT AS 'SELECT initial(coalesce(t, ''x''))';
CREATE FUNCTION indirect(t text) RETURNS text LANGUAGE sql STABLE AS 'SELECT mapping.unqualified(t)';
CREATE FUNCTION polymorphic(t anyelement) RETURNS text LANGUAGE sql STABLE AS 'SELECT initial(t::text)';
CREATE FUNCTION computed(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN initial(t); END';
CREATE FUNCTION of_a_table(t text) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM s WHERE name = t';
CREATE FUNCTION its_own_path(t text) RETURNS text LANGUAGE sql STABLE SET search_path FROM CURRENT AS 'SELECT initial(t)';
CREATE FUNCTION standard(t text) RETURNS text LANGUAGE sql STABLE RETURN initial(t);
CREATE FUNCTION qualified(t text) RETURNS text LANGUAGE sql STABLE AS 'SELECT mapping.initial(t)';
SELECT stored('s', 'd', '{"name": "unqualified(name)"}');
SELECT stored('s', 'd', '{"name": "upper(not_inlined(name))"}');
SELECT stored('s', 'd', '{"name": "indirect(name)"}');
SELECT stored('s', 'd', '{"name": "polymorphic(name)"}');
SELECT stored('s', 'd', '{"name": "computed(''c'') || name"}');
SELECT stored('s', 'd', '{"name": "(SELECT of_a_table(name))"}');
SELECT stored('s', 'd', filter => 'unqualified(name) = ''a''');
SELECT stored('s', 'd', '{"name": "its_own_path(name) || standard(name) || qualified(name)"}');

-- Keys: the primary key, a unique index when it is asked for or when the primary key has no source.
CREATE TABLE keys_s (a int NOT NULL, b text NOT NULL, c uuid NOT NULL, n numeric NOT NULL, PRIMARY KEY (b, a), UNIQUE (c));
CREATE TABLE keys_d (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a bigint NOT NULL, b text NOT NULL, c text NOT NULL,
                     n int NOT NULL, UNIQUE (a, b), UNIQUE (c), UNIQUE (n), UNIQUE (b, a, c) INCLUDE (n));
SELECT stored('keys_s', 'keys_d', '{"id": "a"}');
SELECT stored('keys_s', 'keys_d', key => '{b,a}');
SELECT stored('keys_s', 'keys_d');
SELECT stored('keys_s', 'keys_d', key => '{c}');
SELECT stored('keys_s', 'keys_d', key => '{c,b,a}');
-- Not known to keep different keys different: accepted, and said.
CREATE TABLE key_trim_s (b text PRIMARY KEY);
CREATE TABLE key_trim (b text PRIMARY KEY);
SELECT stored('keys_s', 'keys_d', key => '{n}');
SELECT stored('keys_s', 'keys_d', '{"c": "left(c::text, 8)"}', key => '{c}');
SELECT stored('keys_s', 'keys_d', '{"c": "lower(b)"}', key => '{c}');
-- nor is syntax of its own a conversion, though it has one argument and keeps the type
SELECT stored('key_trim_s', 'key_trim', '{"b": "trim(b)"}');
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE key_text (b varchar(20) PRIMARY KEY);
CREATE TABLE key_longer (b varchar(30) PRIMARY KEY);
CREATE TABLE key_shorter (b varchar(10) PRIMARY KEY);
CREATE TABLE key_nocase (b text COLLATE nocase PRIMARY KEY);
SELECT stored('key_text', 'key_longer');
SELECT stored('key_text', 'key_shorter');
SELECT stored('key_text', 'key_nocase');

-- Partitioned tables on both sides; the target's key has the partition key in it.
CREATE TABLE parted_s (id int PRIMARY KEY, at date NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE parted_s1 PARTITION OF parted_s FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id);
CREATE TABLE parted_s11 PARTITION OF parted_s1 FOR VALUES FROM (0) TO (5);
CREATE TABLE parted_d (id bigint, at date, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
SELECT stored('parted_s', 'parted_d');

-- Partial links fill some columns of rows that others own: nothing else needs a source.
SELECT migrate_link('keys_s', 'd', '{"id": "a", "name": "b"}', owner => false) > 0;
SELECT migrate_unlink('keys_s', 'd');

SET client_min_messages = warning;
DROP SCHEMA mapping, mapping_evil CASCADE;
