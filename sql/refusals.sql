-- Scenarios: O5, O22, R14, R22
-- What migrate_link refuses: each with its own SQLSTATE, reason and way out.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
RESET client_min_messages;
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA refusals;
SET search_path = refusals, public;
CREATE FUNCTION refused(call text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text; hint text; context text;
BEGIN
    EXECUTE call;
    RAISE 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
    RETURN NEXT state || ': ' || message;
    IF detail <> '' THEN RETURN NEXT '  DETAIL: ' || detail; END IF;
    IF hint <> '' THEN RETURN NEXT '  HINT: ' || hint; END IF;
    IF context !~ '^(SQL statement|PL/pgSQL)' THEN
        RETURN NEXT '  CONTEXT: ' || pg_catalog.split_part(context, E'\n', 1);
    END IF;
END
$$;

CREATE TABLE s (id int PRIMARY KEY, a int, t text, ts timestamptz, "source" int, v varchar(10));
CREATE TABLE d (id bigint PRIMARY KEY, a int, t text, g int GENERATED ALWAYS AS (a * 2) STORED, n numeric(4, 2));

-- Columns.
SELECT refused($$SELECT migrate_link('s', 'd', '{"nope": "a"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "nope"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "source.nope"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "s.a"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"g": "a"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "t"}')$$);
-- the cast it names is one that leaves it to the assignment to refuse what is too long
CREATE DOMAIN four_bits AS bit(4);
CREATE TABLE bits (id int PRIMARY KEY, b bit(4), v varbit(4), d four_bits, l four_bits[]);
SELECT refused($$SELECT migrate_link('s', 'bits', '{"b": "t"}')$$);
SELECT refused($$SELECT migrate_link('s', 'bits', '{"v": "t"}')$$);
SELECT refused($$SELECT migrate_link('s', 'bits', '{"v": "NULL", "d": "t"}')$$);
SELECT refused($$SELECT migrate_link('s', 'bits', '{"v": "NULL", "l": "t"}')$$);
SELECT refused($$SELECT migrate_link('s', 'bits', '{"v": "NULL", "b": "a"}')$$);
DROP TABLE bits;
DROP DOMAIN four_bits;
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": null}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '["a"]')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "''x''"}')$$);
-- PostgreSQL's own error keeps its position, in the expression.
SELECT migrate_link('s', 'd', '{"a": "a + nope"}');
SELECT migrate_link('s', 'd', '{"a": "a +"}');
SELECT migrate_link('s', 'd', filter => 'a > nope');

-- One lone expression.
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": ""}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "*"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "a, a"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "a AS b"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "a b"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "a FROM s"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "a WHERE a > 0"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "a ORDER BY 1"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "a LIMIT 1"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "a; DROP TABLE s"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "a) FROM s; --"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', filter => 'true ORDER BY 1')$$);

-- Kinds of expressions.
CREATE FUNCTION hidden(x int DEFAULT (random() * 10)::int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x';
CREATE FUNCTION ambiguous(x bigint, y int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION ambiguous(x int, y bigint) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2';
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "(random() * 10)::int"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"t": "clock_timestamp()::text"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "hidden()"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "(SELECT (random() * x.a)::int FROM s x LIMIT 1)"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "generate_series(1, a)"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "1 + generate_series(1, a)"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "max(a)"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "(SELECT max(source.a))"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "row_number() OVER ()"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "$1"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "DEFAULT"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"t": "ctid::text"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "source.tableoid::int"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "(SELECT x.a FROM s x FOR UPDATE LIMIT 1)"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "ambiguous(1, 2)"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', '{"a": "nofunc(id)"}')$$);
SELECT refused($$SELECT migrate_link('s', 'd', filter => 'a')$$);
SELECT refused($$SELECT migrate_link('s', 'd', filter => 'a > random()')$$);
SELECT refused($$SELECT migrate_link('s', 'd', filter => 'max(a) > 0')$$);
SELECT refused($$SELECT migrate_link('s', 'd', filter => 'generate_series(1, 2) > 0')$$);

-- Types of columns that map by name; columns without a source.
CREATE TABLE d_type (id int PRIMARY KEY, a int, t int);
CREATE TABLE d_need (id int PRIMARY KEY, a int, need text NOT NULL);
SELECT refused($$SELECT migrate_link('s', 'd_type')$$);
SELECT refused($$SELECT migrate_link('s', 'd_need')$$);

-- Keys.
CREATE TABLE nokey (id int, a int);
CREATE TABLE nullkey (id int UNIQUE, a int);
CREATE TABLE partialkey (id int NOT NULL, a int);
CREATE UNIQUE INDEX ON partialkey (id) WHERE a > 0;
CREATE TABLE exprkey (id int NOT NULL, a int);
CREATE UNIQUE INDEX ON exprkey (abs(id));
CREATE TABLE laterkey (id int PRIMARY KEY DEFERRABLE, a int);
CREATE TABLE twokeys (id int PRIMARY KEY, a int NOT NULL UNIQUE, own int GENERATED ALWAYS AS IDENTITY NOT NULL UNIQUE);
SELECT refused($$SELECT migrate_link('s', 'nokey')$$);
SELECT refused($$SELECT migrate_link('nokey', 'd')$$);
SELECT refused($$SELECT migrate_link('s', 'nullkey')$$);
SELECT refused($$SELECT migrate_link('nullkey', 'd')$$);
SELECT refused($$SELECT migrate_link('s', 'partialkey')$$);
SELECT refused($$SELECT migrate_link('s', 'exprkey')$$);
SELECT refused($$SELECT migrate_link('s', 'laterkey')$$);
SELECT refused($$SELECT migrate_link('laterkey', 'd')$$);
SELECT refused($$SELECT migrate_link('s', 'twokeys', key => '{id,a}')$$);
SELECT refused($$SELECT migrate_link('s', 'twokeys', key => '{nope}')$$);
SELECT refused($$SELECT migrate_link('s', 'twokeys', key => '{NULL}')$$);
SELECT refused($$SELECT migrate_link('s', 'twokeys', key => '{}')$$);
SELECT refused($$SELECT migrate_link('s', 'twokeys', key => '{own}')$$);

-- Relations.
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, a int);
CREATE TEMP TABLE temporary (id int PRIMARY KEY, a int);
CREATE VIEW view AS SELECT id, a FROM s;
CREATE MATERIALIZED VIEW matview AS SELECT id, a FROM s;
CREATE TYPE composite AS (id int, a int);
CREATE SEQUENCE sequence;
CREATE FOREIGN DATA WRAPPER refusals_wrapper;
CREATE SERVER refusals_server FOREIGN DATA WRAPPER refusals_wrapper;
CREATE FOREIGN TABLE remote (id int, a int) SERVER refusals_server;
CREATE TABLE parent (id int PRIMARY KEY, a int);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
CREATE TABLE parted (id int PRIMARY KEY, a int) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE TABLE parted_remote (id int, a int) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE part_remote PARTITION OF parted_remote FOR VALUES FROM (0) TO (100) SERVER refusals_server;
SELECT refused($$SELECT migrate_link('s', 's')$$);
SELECT refused($$SELECT migrate_link(NULL, 's')$$);
SELECT refused($$SELECT migrate_link('unlogged', 'd')$$);
SELECT refused($$SELECT migrate_link('s', 'unlogged')$$);
SELECT regexp_replace(refused($$SELECT migrate_link('temporary', 'd')$$), 'pg_temp_\d+', 'pg_temp');
SELECT regexp_replace(refused($$SELECT migrate_link('s', 'temporary')$$), 'pg_temp_\d+', 'pg_temp');
SELECT refused($$SELECT migrate_link('view', 'd')$$);
SELECT refused($$SELECT migrate_link('s', 'view')$$);
SELECT refused($$SELECT migrate_link('matview', 'd')$$);
SELECT refused($$SELECT migrate_link('s', 'matview')$$);
SELECT refused($$SELECT migrate_link('remote', 'd')$$);
SELECT refused($$SELECT migrate_link('s', 'remote')$$);
SELECT refused($$SELECT migrate_link('sequence', 'd')$$);
SELECT refused($$SELECT migrate_link('s', 'sequence')$$);
SELECT refused($$SELECT migrate_link('s_pkey', 'd')$$);
SELECT refused($$SELECT migrate_link('composite', 'd')$$);
SELECT refused($$SELECT migrate_link('parent', 'd')$$);
SELECT refused($$SELECT migrate_link('s', 'parent')$$);
SELECT refused($$SELECT migrate_link('child', 'd')$$);
SELECT refused($$SELECT migrate_link('s', 'child')$$);
SELECT refused($$SELECT migrate_link('part', 'd')$$);
SELECT refused($$SELECT migrate_link('s', 'part')$$);
SELECT refused($$SELECT migrate_link('parted_remote', 'd')$$);
SELECT refused($$SELECT migrate_link('s', 'parted_remote')$$);
SELECT refused($$SELECT migrate_link('pg_class', 'd')$$);
SELECT refused($$SELECT migrate_link('s', 'pg_class')$$);
SELECT refused($$SELECT migrate_link('s', 'migrate.job')$$);
SELECT refused($$SELECT migrate_link(1::regclass, 'd')$$);

-- A link that is there already, and its reverse.
BEGIN;
SELECT migrate_link('s', 'd') > 0;
SELECT refused($$SELECT migrate_link('s', 'd')$$);
SELECT refused($$SELECT migrate_link('d', 's')$$);
ROLLBACK;
SELECT refused($$SELECT migrate_unlink('s', 'd')$$);

-- Owners, and row security that applies to them.
CREATE ROLE regress_refusals_owner;
CREATE ROLE regress_refusals_other;
SELECT migrate_grant('regress_refusals_owner');
SELECT migrate_grant('regress_refusals_other');
GRANT ALL ON SCHEMA refusals TO regress_refusals_owner, regress_refusals_other;
CREATE TABLE s2 (id int PRIMARY KEY, a int);
CREATE TABLE d2 (id int PRIMARY KEY, a int);
ALTER TABLE s2 OWNER TO regress_refusals_owner;
ALTER TABLE d2 OWNER TO regress_refusals_owner;
GRANT ALL ON s2, d2 TO regress_refusals_other;
SET ROLE regress_refusals_other;
SELECT refused($$SELECT migrate_link('s2', 'd2')$$);
SELECT refused($$SELECT migrate_shadow('s2', 's3')$$);
RESET ROLE;
ALTER TABLE d2 OWNER TO regress_refusals_other;
SET ROLE regress_refusals_owner;
SELECT refused($$SELECT migrate_link('s2', 'd2')$$);
RESET ROLE;
ALTER TABLE d2 OWNER TO regress_refusals_owner;
ALTER TABLE s2 ENABLE ROW LEVEL SECURITY;
SET ROLE regress_refusals_owner;
BEGIN;
SELECT migrate_link('s2', 'd2') > 0;
SELECT migrate_unlink('s2', 'd2');
ROLLBACK;
ALTER TABLE s2 FORCE ROW LEVEL SECURITY;
SELECT refused($$SELECT migrate_link('s2', 'd2')$$);
ALTER TABLE s2 NO FORCE ROW LEVEL SECURITY;
ALTER TABLE d2 ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT refused($$SELECT migrate_link('s2', 'd2')$$);
RESET ROLE;

-- Nothing was left behind.
SELECT count(*) FROM migrate.link WHERE source::text ~ 'refusals' OR source IN ('s', 's2');
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA refusals CASCADE;
DROP FOREIGN DATA WRAPPER refusals_wrapper CASCADE;
SELECT migrate_grant('regress_refusals_owner', 'none');
SELECT migrate_grant('regress_refusals_other', 'none');
DROP ROLE regress_refusals_owner, regress_refusals_other;
