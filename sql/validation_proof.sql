-- Validation: what is wrong without any wrong row, and what must not read as proof. A disabled trigger, a definition
-- that differs, a collation's version wherever it is used, an error in one of many constraints, nothing to look at. R67
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_cutover;
CREATE EXTENSION IF NOT EXISTS amcheck;
CREATE SCHEMA vp;
SET search_path = vp, public;
\pset format unaligned
\pset tuples_only on
\pset footer off

-- ---- foreign keys that nothing enforces ---------------------------------------------------------------------------------
CREATE TABLE parents (id integer PRIMARY KEY, up integer REFERENCES parents);
CREATE TABLE children (id integer REFERENCES parents);
SELECT migrate_add_check('proof triggers', 'children', 'foreign_keys', '{"relation": "children"}');
SELECT migrate_add_check('proof triggers', 'parents', 'foreign_keys', '{"relation": "parents", "incoming": true}');
SELECT * FROM migrate_validate('proof triggers');
ALTER TABLE children DISABLE TRIGGER ALL;
SELECT * FROM migrate_validate('proof triggers');
ALTER TABLE children ENABLE TRIGGER ALL;
ALTER TABLE parents DISABLE TRIGGER ALL;
SELECT * FROM migrate_validate('proof triggers');
ALTER TABLE parents ENABLE TRIGGER ALL;
DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE children ENABLE REPLICA TRIGGER %I', tgname)
    FROM pg_trigger WHERE tgrelid = 'children'::regclass AND tgfoid = '"RI_FKey_check_ins"'::regproc); END $$;
SELECT * FROM migrate_validate('proof triggers') WHERE check_name = 'children';
DO $$ BEGIN EXECUTE (SELECT string_agg(format('ALTER TABLE children ENABLE ALWAYS TRIGGER %I', tgname), '; ')
    FROM pg_trigger WHERE tgrelid = 'children'::regclass); END $$;
SELECT * FROM migrate_validate('proof triggers') WHERE check_name = 'children';
-- Partitions on both sides. A partitioned table's own trigger counts where rows that move between its partitions are
-- referred to, and not where its rows refer.
CREATE TABLE numbers (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE numbers_1 PARTITION OF numbers FOR VALUES FROM (0) TO (10);
CREATE TABLE numbers_2 PARTITION OF numbers FOR VALUES FROM (10) TO (20);
CREATE TABLE texts (id integer, number integer REFERENCES numbers) PARTITION BY RANGE (id);
CREATE TABLE texts_1 PARTITION OF texts FOR VALUES FROM (0) TO (10);
CREATE TABLE texts_2 PARTITION OF texts FOR VALUES FROM (10) TO (20);
INSERT INTO numbers VALUES (1);
INSERT INTO texts VALUES (1, 1);
SELECT migrate_add_check('proof parts', name, 'foreign_keys', format('{"relation": "%s"}', name)::jsonb)
  FROM unnest('{texts,texts_1}'::text[]) AS name;
SELECT migrate_add_check('proof parts', name, 'foreign_keys', format('{"relation": "%s", "incoming": true}', name)::jsonb)
  FROM unnest('{numbers,numbers_1}'::text[]) AS name;
ALTER TABLE ONLY texts DISABLE TRIGGER ALL;
SELECT * FROM migrate_validate('proof parts');
INSERT INTO texts VALUES (1, 2);
ALTER TABLE texts_2 DISABLE TRIGGER ALL;
SELECT * FROM migrate_validate('proof parts');
ALTER TABLE texts ENABLE TRIGGER ALL;
ALTER TABLE numbers_2 DISABLE TRIGGER ALL;
SELECT * FROM migrate_validate('proof parts') WHERE check_name <> 'texts';
ALTER TABLE numbers ENABLE TRIGGER ALL;
ALTER TABLE ONLY numbers DISABLE TRIGGER ALL;
SELECT * FROM migrate_validate('proof parts') WHERE check_name = 'texts';
BEGIN;
UPDATE numbers SET id = 11;
SELECT * FROM migrate_validate('proof parts');
ROLLBACK;
ALTER TABLE numbers ENABLE TRIGGER ALL;

-- ---- an orphan that refers into a partition's range -----------------------------------------------------------------------
SET session_replication_role = replica;
INSERT INTO texts VALUES (2, 5);
RESET session_replication_role;
SELECT * FROM migrate_validate('proof parts');
DELETE FROM texts WHERE id = 2;

-- ---- foreign keys between tables of two owners ------------------------------------------------------------------------------
CREATE ROLE vp_alice;
CREATE ROLE vp_bob;
GRANT USAGE, CREATE ON SCHEMA vp TO vp_alice, vp_bob;
CREATE SCHEMA vp_hidden;
GRANT CREATE ON SCHEMA vp_hidden TO vp_alice;
CREATE TABLE vp_hidden.alices (id integer PRIMARY KEY);
CREATE TABLE own_parents (id integer PRIMARY KEY);
CREATE TABLE bobs (id integer REFERENCES vp_hidden.alices, own integer CONSTRAINT own REFERENCES own_parents);
ALTER TABLE vp_hidden.alices OWNER TO vp_alice;
ALTER TABLE bobs OWNER TO vp_bob;
ALTER TABLE own_parents OWNER TO vp_bob;
SELECT migrate_add_check('proof owners', 'bobs', 'foreign_keys', '{"relation": "bobs"}');
SELECT * FROM migrate_validate('proof owners');
-- What cannot be read hides nothing of the others.
SET session_replication_role = replica;
INSERT INTO bobs VALUES (NULL, 5);
RESET session_replication_role;
SELECT * FROM migrate_validate('proof owners');
DELETE FROM bobs;
GRANT USAGE ON SCHEMA vp_hidden TO vp_bob;
GRANT SELECT ON vp_hidden.alices TO vp_bob;
SELECT * FROM migrate_validate('proof owners');

-- ---- indexes that differ in what CREATE INDEX does not say ------------------------------------------------------------------
CREATE TABLE at_once (id integer PRIMARY KEY, n integer UNIQUE DEFERRABLE, during int4range,
    EXCLUDE USING gist (during WITH &&));
CREATE TABLE deferred (id integer, n integer UNIQUE DEFERRABLE INITIALLY DEFERRED, during int4range,
    PRIMARY KEY (id) DEFERRABLE, EXCLUDE USING gist (during WITH =));
SELECT migrate_add_check('proof alike', 'two', 'indexes', '{"source": "at_once", "target": "deferred"}');
SELECT * FROM migrate_validate('proof alike');
DROP TABLE deferred;
CREATE TABLE deferred (LIKE at_once INCLUDING ALL);
SELECT migrate_add_check('proof alike', 'same', 'indexes', '{"source": "at_once", "target": "deferred"}');
SELECT check_name, status FROM migrate_validate('proof alike') WHERE check_name = 'same';
ALTER TABLE deferred DROP CONSTRAINT deferred_n_key, ADD CONSTRAINT deferred_n_key UNIQUE (n) DEFERRABLE,
    DROP CONSTRAINT deferred_during_excl, ADD EXCLUDE USING gist (during WITH &&);
SELECT * FROM migrate_validate('proof alike') WHERE check_name = 'same';

-- ---- collations, wherever an order comes from -------------------------------------------------------------------------------
CREATE COLLATION old (provider = icu, locale = 'de');
CREATE COLLATION old_folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE words AS RANGE (subtype = text, collation = old);
CREATE DOMAIN some_words AS words;
CREATE TYPE pair AS (word text COLLATE old, n integer);
CREATE TABLE sorted (of_range words UNIQUE, of_ranges some_words[], of_multirange words_multirange, of_pair pair,
    plain text COLLATE "C", old_text text COLLATE old, n integer);
CREATE INDEX in_array ON sorted (of_ranges);
CREATE INDEX in_multirange ON sorted (of_multirange);
CREATE INDEX in_composite ON sorted (of_pair);
CREATE INDEX in_expression ON sorted ((lower(plain COLLATE old) = 'x'));
CREATE INDEX in_predicate ON sorted (n) WHERE plain < 'm' COLLATE old;
CREATE INDEX of_column ON sorted (n) WHERE old_text < 'm';
CREATE INDEX not_by_it ON sorted (old_text COLLATE "C");
CREATE INDEX only_included ON sorted (n) INCLUDE (old_text);
CREATE INDEX another_predicate ON sorted (plain) WHERE n > 5;
CREATE TABLE by_column (word text COLLATE old) PARTITION BY RANGE (word);
CREATE TABLE by_expression (word text) PARTITION BY RANGE ((word COLLATE old));
CREATE TABLE by_equal_bytes (word text COLLATE old, n integer) PARTITION BY LIST (word);
CREATE TABLE by_hash (word text COLLATE old_folded) PARTITION BY HASH (word);
CREATE INDEX ON by_equal_bytes (n);
SELECT migrate_add_check('proof collations', name, 'indexes', format('{"relation": "%s"}', name)::jsonb)
  FROM unnest('{sorted,by_column,by_expression,by_equal_bytes,by_hash}'::text[]) AS name;
SELECT check_name, status FROM migrate_validate('proof collations');
UPDATE pg_collation SET collversion = '1.old' WHERE collname IN ('old', 'old_folded');
SET client_min_messages = error;
SELECT check_name, status, line FROM migrate_validate('proof collations'),
       regexp_split_to_table(regexp_replace(details, 'has version \S+ now', 'has version V now', 'g'), '; ') AS line;
SET client_min_messages = warning;

-- ---- unique indexes over constants, and over what raises ----------------------------------------------------------------------
CREATE TABLE settings (id integer);
CREATE UNIQUE INDEX one_row ON settings ((true));
CREATE UNIQUE INDEX numbered ON settings (id, (2));
CREATE UNIQUE INDEX position ON settings ((3));
INSERT INTO settings VALUES (1);
SELECT migrate_add_check('proof constants', 'settings', 'constraints', '{"relation": "settings"}');
SELECT * FROM migrate_validate('proof constants');
DROP INDEX one_row, position;
INSERT INTO settings VALUES (2), (3);
CREATE INDEX one_row ON settings ((true));
CREATE INDEX position ON settings ((3));
UPDATE pg_index SET indisunique = true WHERE indexrelid IN ('one_row'::regclass, 'position'::regclass);
SELECT * FROM migrate_validate('proof constants');
-- A key is worked out for the rows of the index only, however dear its predicate is.
CREATE FUNCTION invertible(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 1000 AS $$ BEGIN RETURN $1 <> 0; END $$;
CREATE TABLE divisors (n integer);
CREATE UNIQUE INDEX ON divisors ((100 / n)) WHERE invertible(n);
INSERT INTO divisors VALUES (0), (1);
SELECT migrate_add_check('proof divisors', 'divisors', 'constraints', '{"relation": "divisors"}');
SELECT * FROM migrate_validate('proof divisors');
CREATE FUNCTION raises(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1; END $$;
CREATE UNIQUE INDEX computed ON settings (raises(id));
CREATE OR REPLACE FUNCTION raises(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN IF $1 = 2 THEN RAISE 'bad value %', $1; END IF; RETURN $1; END $$;
SELECT * FROM migrate_validate('proof constants');
DROP INDEX one_row, position;
SELECT * FROM migrate_validate('proof constants');

-- ---- constraints that raise, among many ----------------------------------------------------------------------------------------
CREATE TABLE readings (a integer CONSTRAINT calls CHECK (raises(a) > 0), b integer NOT NULL,
    c integer CONSTRAINT "calls too" CHECK (raises(c) IS DISTINCT FROM 7));
INSERT INTO readings VALUES (1, -1, 1);
ALTER TABLE readings ADD CONSTRAINT positive CHECK (b > 0) NOT VALID;
SELECT migrate_add_check('proof errors', 'readings', 'constraints', '{"relation": "readings"}');
SELECT * FROM migrate_validate('proof errors');
ALTER TABLE readings DROP CONSTRAINT positive, DROP CONSTRAINT calls, DROP CONSTRAINT "calls too";
UPDATE readings SET a = 2, c = 2;
ALTER TABLE readings ADD CONSTRAINT calls CHECK (raises(a) > 0) NOT VALID,
    ADD CONSTRAINT "calls too" CHECK (raises(c) IS DISTINCT FROM 7) NOT VALID;
SELECT * FROM migrate_validate('proof errors');
ALTER TABLE readings ADD CONSTRAINT positive CHECK (b > 0) NOT VALID;
SELECT * FROM migrate_validate('proof errors');
-- What no single constraint is to blame for is said once.
ALTER TABLE readings OWNER TO vp_alice;
ALTER TABLE readings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT * FROM migrate_validate('proof errors');
-- PostgreSQL's limit of entries of a target list is 1664.
DO $$ BEGIN
    EXECUTE (SELECT 'CREATE DOMAIN wide_integer AS integer ' ||
                    string_agg(format('CONSTRAINT above_%s CHECK (VALUE > %1$s)', n), ' ')
               FROM generate_series(1, 90) AS n);
    EXECUTE (SELECT 'CREATE TABLE wide (' || string_agg(format('c%s wide_integer', n), ', ') || ')'
               FROM generate_series(1, 20) AS n);
END $$;
INSERT INTO wide (c20) VALUES (91);
SELECT migrate_add_check('proof errors', 'wide', 'constraints', '{"relation": "wide"}');
SELECT * FROM migrate_validate('proof errors') WHERE check_name = 'wide';
ALTER DOMAIN wide_integer DROP CONSTRAINT above_77;
UPDATE wide SET c1 = 91;
ALTER DOMAIN wide_integer ADD CONSTRAINT above_77 CHECK (VALUE > 77 AND VALUE <> 91) NOT VALID;
ALTER DOMAIN wide_integer ADD CONSTRAINT raises CHECK (raises(VALUE - 89) > 0) NOT VALID;
SELECT status, line FROM migrate_validate('proof errors'), regexp_split_to_table(details, '; ') AS line
 WHERE check_name = 'wide';

-- ---- catalogs are read by their indexes, once for all partitions, and nothing is compiled ---------------------------------------
CREATE TABLE parted (id integer PRIMARY KEY, n integer CHECK (n > 0)) PARTITION BY RANGE (id);
DO $$ BEGIN EXECUTE (
    SELECT string_agg(format('CREATE TABLE parted_%s PARTITION OF parted FOR VALUES FROM (%1$s) TO (%s)', n, n + 1), '; ')
      FROM generate_series(1, 10) AS n); END $$;
INSERT INTO parted SELECT n, n FROM generate_series(1, 10) AS n;
SELECT migrate_add_check('proof scans', 'parted', 'constraints', '{"relation": "parted"}');
BEGIN;
SELECT seq_scan AS before FROM pg_stat_xact_sys_tables WHERE relid = 'pg_attribute'::regclass \gset
SELECT * FROM migrate_validate('proof scans');
SELECT seq_scan - :before FROM pg_stat_xact_sys_tables WHERE relid = 'pg_attribute'::regclass;
COMMIT;
CREATE FUNCTION compiles(integer) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN RAISE 'jit is %', current_setting('jit'); END $$;
CREATE TABLE compiled (id integer);
INSERT INTO compiled VALUES (1);
ALTER TABLE compiled ADD CONSTRAINT compiled CHECK (compiles(id)) NOT VALID;
SELECT migrate_add_check('proof scans', 'jit', 'constraints', '{"relation": "compiled"}');
SET jit = on;
SELECT * FROM migrate_validate('proof scans') WHERE check_name = 'jit';
RESET jit;

-- ---- nothing to look at is no success -------------------------------------------------------------------------------------------
CREATE TABLE bare (n integer);
CREATE TABLE bare_too (n integer);
SELECT migrate_add_check('proof bare', kind, kind, '{"relation": "bare"}')
  FROM unnest('{foreign_keys,constraints,indexes}'::text[]) AS kind;
SELECT migrate_add_check('proof bare', 'incoming', 'foreign_keys', '{"relation": "bare", "incoming": true}');
SELECT migrate_add_check('proof bare', 'two', 'indexes', '{"source": "bare", "target": "bare_too"}');
SELECT * FROM migrate_validate('proof bare');

-- ---- the indexes of TOAST ---------------------------------------------------------------------------------------------------------
CREATE TABLE long_texts (id integer PRIMARY KEY, long_text text);
ALTER TABLE long_texts ALTER long_text SET STORAGE EXTERNAL;
INSERT INTO long_texts VALUES (1, repeat('x', 10000));
CREATE TABLE no_texts (id integer PRIMARY KEY, long_text text);
CREATE VIEW toast_index AS SELECT c.relname AS of_table, i.indexrelid AS id
  FROM pg_class c JOIN pg_index i ON i.indrelid = c.reltoastrelid WHERE c.relnamespace = 'vp'::regnamespace;
SELECT migrate_add_check('proof toast', 'long texts', 'indexes', '{"relation": "long_texts"}');
SELECT * FROM migrate_validate('proof toast');
BEGIN;
-- Another index in its place, which has none of the entries.
UPDATE pg_class SET relfilenode = pg_relation_filenode((SELECT id FROM toast_index WHERE of_table = 'no_texts'))
 WHERE oid = (SELECT id FROM toast_index WHERE of_table = 'long_texts');
SELECT status, regexp_replace(details, '^heap tuple.*lacks matching index tuple within index "pg_toast_\d+_index"', 'lacks')
  FROM migrate_validate('proof toast');
ROLLBACK;
BEGIN;
UPDATE pg_index SET indisvalid = false WHERE indexrelid = (SELECT id FROM toast_index WHERE of_table = 'long_texts');
SELECT status, regexp_replace(details, 'pg_toast_\d+', 'pg_toast_N') FROM migrate_validate('proof toast');
ROLLBACK;

SET client_min_messages = error;
DROP EXTENSION amcheck;
DROP SCHEMA vp, vp_hidden CASCADE;
DROP OWNED BY vp_alice, vp_bob;
DROP ROLE vp_alice, vp_bob;
