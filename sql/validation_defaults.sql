-- What fills a column: checks of sequences and of two tables' definitions where the default is not what it seems, the
-- value is beyond the column's type, or a partition has a default of its own.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_cutover;
CREATE SCHEMA vd;
SET search_path = vd, public;

\pset format unaligned
\pset tuples_only on
\pset footer off

-- ---- the value has to fit ---------------------------------------------------------------------------------------------
CREATE SEQUENCE big;
CREATE SEQUENCE "Odd 'name\";
CREATE DOMAIN short AS smallint;
CREATE DOMAIN shorter AS short CHECK (VALUE < 100);
CREATE TABLE fits (a integer DEFAULT nextval('big'), b shorter DEFAULT nextval('"Odd ''name\"'));
SELECT migrate_add_check('fits', 'fits', 'sequences', '{"relation": "fits"}');
SELECT setval('big', 2147483646), setval('"Odd ''name\"', 98);
SELECT status, regexp_split_to_table(details, '; ') FROM migrate_validate('fits');
SELECT nextval('big'), setval('"Odd ''name\"', 99);
SELECT status, regexp_split_to_table(details, '; ') FROM migrate_validate('fits');
-- PostgreSQL says the same.
INSERT INTO fits (b) VALUES (1);
INSERT INTO fits (a) VALUES (1);
SELECT setval('"Odd ''name\"', 40000);
SELECT regexp_split_to_table(details, '; ') FROM migrate_validate('fits');
DROP TABLE fits;
CREATE TABLE fits (id numeric(3, 0) DEFAULT nextval('big'), even numeric(4, -2) DEFAULT nextval('big'), s smallserial);
SELECT setval('big', 998), setval('fits_s_seq', 32767);
SELECT migrate_drop_check('fits', 'fits');
SELECT migrate_add_check('fits', 'fits', 'sequences', '{"relation": "fits"}');
SELECT regexp_split_to_table(details, '; ') FROM migrate_validate('fits');
SELECT nextval('big');
SELECT regexp_split_to_table(details, '; ') FROM migrate_validate('fits');
-- Something else than that it does not fit is no verdict.
CREATE DOMAIN moody AS integer CHECK (1 / (VALUE - 1) > 5 OR VALUE::text::regclass IS NULL);
CREATE SEQUENCE calm START 2;
CREATE TABLE moods (id moody DEFAULT nextval('calm'));
SELECT migrate_add_check('mood', 'moods', 'sequences', '{"relation": "moods"}');
SELECT status, details FROM migrate_validate('mood');

-- ---- a default that makes something else of it ---------------------------------------------------------------------------
CREATE SEQUENCE one;
CREATE TABLE made (negative integer DEFAULT -nextval('one'), shifted integer DEFAULT nextval('one') + 1000,
    late integer DEFAULT nextval('one'::text), truth integer DEFAULT nextval('one')::integer::boolean::integer,
    text text DEFAULT nextval('one'), cast_apart bigint DEFAULT nextval('one')::integer::numeric, own serial,
    bare serial, none integer DEFAULT 5, no_sequence integer DEFAULT nextval('moods'));
ALTER TABLE made ALTER own SET DEFAULT 2 * nextval('made_own_seq'), ALTER bare DROP DEFAULT;
INSERT INTO made VALUES (-5, 1001, 1, 1, 'x', 0, 0, 7, 7, 7);
SELECT migrate_add_check('made', 'made', 'sequences', '{"relation": "made"}');
SELECT status, regexp_split_to_table(details, '; ') FROM migrate_validate('made');

-- ---- partitions ---------------------------------------------------------------------------------------------------------
CREATE SEQUENCE trunk;
CREATE SEQUENCE branch;
CREATE TABLE tree (id integer DEFAULT nextval('trunk'), kind integer) PARTITION BY LIST (kind);
CREATE TABLE tree_1 PARTITION OF tree FOR VALUES IN (1);
CREATE TABLE tree_2 PARTITION OF tree FOR VALUES IN (2) PARTITION BY RANGE (id);
CREATE TABLE tree_2a PARTITION OF tree_2 FOR VALUES FROM (0) TO (1000);
INSERT INTO tree (kind) VALUES (1), (2), (1);
SELECT migrate_add_check('tree', 'tree', 'sequences', '{"relation": "tree"}');
SELECT migrate_add_check('tree', 'one partition', 'sequences', '{"relation": "tree_2a"}');
-- Defaults that partitions were made with say nothing more.
SELECT check_name, status, details FROM migrate_validate('tree');
ALTER TABLE tree_2a ALTER id SET DEFAULT nextval('branch');
SELECT check_name, status, details FROM migrate_validate('tree');
-- In its own rows the value is not taken, whatever the others have.
SELECT setval('branch', 2);
SELECT check_name, status, details FROM migrate_validate('tree');
ALTER TABLE tree_2a ALTER id SET DEFAULT -nextval('trunk');
SELECT check_name, status, details FROM migrate_validate('tree');

-- ---- two tables: a sequence of its own is no default --------------------------------------------------------------------
CREATE TABLE left_side (id serial, n integer GENERATED ALWAYS AS IDENTITY);
CREATE TABLE "Right ""side" (id serial, n integer GENERATED ALWAYS AS IDENTITY);
SELECT migrate_add_check('alike', 'alike', 'schema', '{"source": "left_side", "target": "\"Right \"\"side\""}');
SELECT status, details FROM migrate_validate('alike');
ALTER TABLE "Right ""side" ALTER id DROP DEFAULT;
SELECT status, details FROM migrate_validate('alike');
ALTER TABLE "Right ""side" ALTER id SET DEFAULT 5;
SELECT status, details FROM migrate_validate('alike');
ALTER TABLE "Right ""side" ALTER id SET DEFAULT -nextval('"Right ""side_id_seq"');
SELECT status, details FROM migrate_validate('alike');
ALTER TABLE "Right ""side" ALTER id SET DEFAULT nextval('left_side_id_seq');
SELECT status, details FROM migrate_validate('alike');
ALTER TABLE "Right ""side" ALTER id SET DEFAULT nextval('"Right ""side_id_seq"');
SELECT status, details FROM migrate_validate('alike');

SET client_min_messages = error;
DROP SCHEMA vd CASCADE;
