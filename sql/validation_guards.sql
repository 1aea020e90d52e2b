-- Guards around what a check and two compared queries run: what PostgreSQL's read-only transactions let through is
-- refused and rolled back, what another session cannot look at is not accepted, and who reads the details.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_cutover;
CREATE SCHEMA vg;
SET search_path = vg, public;
CREATE TABLE rows (id integer PRIMARY KEY, secret text);
INSERT INTO rows VALUES (1, '111-22-3333'), (2, '5');
CREATE TEMP TABLE notes (note text);

\pset format unaligned
\pset tuples_only on
\pset footer off

-- ---- nothing is written ---------------------------------------------------------------------------------------------
-- Of large objects PostgreSQL 16 says so itself, 15 does not: either way it is the same SQLSTATE.
CREATE FUNCTION makes_object() RETURNS boolean LANGUAGE sql AS 'SELECT lo_create(7771) > 0';
CREATE FUNCTION hides_it() RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN BEGIN PERFORM lo_create(7772); EXCEPTION WHEN division_by_zero THEN NULL; END; RETURN true; END $$;
CREATE FUNCTION takes_it_back() RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN BEGIN INSERT INTO pg_temp.notes VALUES ('x'); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END; RETURN true; END $$;
CREATE FUNCTION makes_note() RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO pg_temp.notes VALUES ('x'); RETURN true; END $$;
CREATE FUNCTION object_when_planned() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS
$$ BEGIN PERFORM lo_create(7773); RETURN true; END $$;
SELECT migrate_add_check('written', name, 'query', jsonb_build_object('query', format('vg.%I()', name)))
  FROM unnest('{makes_object,hides_it,takes_it_back,makes_note}'::text[]) AS name;
-- It has a transaction id, and has written nothing.
SELECT migrate_add_check('written', 'asks', 'query', '{"query": "txid_current() > 0"}');
SELECT migrate_add_check('written', 'reads', 'query', '{"query": "(SELECT count(*) FROM rows) >= 2"}');
SELECT check_name, status, substring(details FROM 'SQLSTATE \w+') FROM migrate_validate('written');
SELECT details FROM migrate_validate('written') WHERE check_name = 'makes_note';
-- In a transaction that has written, and goes on to.
BEGIN;
INSERT INTO rows VALUES (3, '6');
SELECT check_name, status, substring(details FROM 'SQLSTATE \w+') FROM migrate_validate('written');
INSERT INTO rows VALUES (4, '7');
COMMIT;
SELECT count(*), (SELECT count(*) FROM notes), (SELECT count(*) FROM pg_largeobject_metadata WHERE oid BETWEEN 7771 AND 7773)
  FROM rows;
-- PostgreSQL calls an IMMUTABLE function when it plans.
\set VERBOSITY sqlstate
SELECT migrate_add_check('written', 'planned', 'query', '{"query": "vg.object_when_planned()"}');
SELECT migrate_add_check('written', 'planned', 'row_count', '{"relation": "rows", "rows": 1, "filter": "vg.object_when_planned()"}');
SELECT verdict FROM migrate_compare_queries('SELECT 1', 'SELECT vg.object_when_planned()', 1e6, 8);
SELECT verdict FROM migrate_compare_queries('SELECT lo_create(0)', 'SELECT 1', 1e6, 8);
SELECT verdict FROM migrate_compare_queries('SELECT 1', 'SELECT vg.takes_it_back()', 1e6, 8);
\set VERBOSITY default
SELECT verdict FROM migrate_compare_queries('SELECT 1', 'SELECT vg.makes_note()', 1e6, 8);
BEGIN;
INSERT INTO rows VALUES (5, '8');
SELECT verdict FROM migrate_compare_queries('SELECT txid_current()', 'SELECT 1 FROM notes RIGHT JOIN (SELECT 1) one ON true', 1e6, 8);
COMMIT;
SELECT count(*), (SELECT count(*) FROM notes), (SELECT count(*) FROM pg_largeobject_metadata WHERE oid BETWEEN 7771 AND 7773) FROM rows;

-- ---- rows are not locked, wherever the query says so --------------------------------------------------------------------
CREATE VIEW locked AS SELECT * FROM rows FOR UPDATE;
SELECT migrate_add_check('g', 'c', 'query', '{"query": "(SELECT count(*) FROM (SELECT * FROM rows FOR UPDATE) r) = 1"}');
SELECT migrate_add_check('g', 'c', 'query', '{"query": "WITH r AS (SELECT * FROM rows FOR SHARE) SELECT count(*) = 1 FROM r"}');
SELECT migrate_add_check('g', 'c', 'query', '{"query": "SELECT id = (SELECT max(id) FROM (SELECT id FROM rows FOR KEY SHARE) r) FROM rows"}');
SELECT migrate_add_check('g', 'c', 'query_performance', '{"old_query": "SELECT 1", "new_query": "SELECT * FROM locked"}');

-- ---- what another session does not see, and what proves nothing --------------------------------------------------------
CREATE TEMP VIEW shown AS SELECT * FROM rows;
CREATE FUNCTION refused(kind text, spec jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
BEGIN
    PERFORM migrate_add_check('g', 'c', kind, spec);
    RETURN 'accepted';
EXCEPTION WHEN wrong_object_type THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN regexp_replace(message || ': ' || detail, 'pg_temp_\d+', 'pg_temp_N');
END $$;
SELECT refused('row_count', '{"relation": "notes", "rows": 0}');
SELECT refused('row_count', '{"source": "rows", "target": "shown"}');
SELECT refused('query', '{"query": "(SELECT count(*) FROM notes) = 0"}');
SELECT refused('query', '{"query": "(SELECT count(*) FROM rows WHERE secret IN (SELECT note FROM notes)) = 0"}');
SELECT refused('query', '{"query": "(SELECT count(*) FROM shown) = 5"}');
SELECT refused('query_performance', '{"old_query": "SELECT 1", "new_query": "SELECT count(*) FROM shown"}');
-- A number that is no table's, and a table that is named and not read.
SELECT refused('query', '{"query": "7771::oid > 0 AND ''rows''::regclass > 0::oid"}');
SELECT migrate_drop_check('g', 'c');
SELECT migrate_add_check('g', 'c', 'schema', '{"old": "vg", "new": "vg"}');
SELECT migrate_add_check('g', 'c', 'schema', '{"old": "vg", "new": "\"vg\""}');
-- For this session alone there is nothing against them.
SELECT verdict FROM migrate_compare_queries('SELECT * FROM shown', 'SELECT * FROM shown, (SELECT count(*) FROM notes) AS n', 1e6, 8);
-- Another number of rows is another question, however the times are.
SELECT verdict, high < 1, substring(detail FROM 'rows differ[^;]*')
  FROM migrate_compare_queries('SELECT pg_sleep(0.001) FROM generate_series(1, 5)', 'SELECT 1', 0.1, 8);
SELECT verdict, low > 1.1, substring(detail FROM 'rows differ[^;]*')
  FROM migrate_compare_queries('SELECT 1', 'SELECT pg_sleep(0.001) FROM generate_series(1, 5)', 0.1, 8);
SELECT migrate_add_check('fewer', 'rows', 'query_performance',
    '{"old_query": "SELECT * FROM rows", "new_query": "SELECT * FROM rows WHERE id = 1", "tolerance": 100000, "pairs": 8}');
SELECT status, substring(details FROM 'rows differ[^;]*') FROM migrate_validate('fewer');

-- ---- details ------------------------------------------------------------------------------------------------------------
CREATE ROLE vg_owner;
CREATE ROLE vg_member IN ROLE vg_owner;
CREATE ROLE vg_monitor IN ROLE pg_monitor;
CREATE ROLE vg_other;
SELECT migrate_grant(role) FROM unnest('{vg_owner,vg_member,vg_other}'::regrole[]) role;
SELECT migrate_grant('vg_monitor', 'monitor');
GRANT USAGE ON SCHEMA vg TO vg_owner, vg_member, vg_other;
ALTER TABLE rows OWNER TO vg_owner;
SET ROLE vg_owner;
SELECT migrate_add_check('owned', 'number', 'query', '{"query": "(SELECT sum(secret::integer) FROM rows) = 0"}');
SELECT migrate_add_check('owned', 'count', 'row_count', '{"relation": "rows", "rows": 5}');
SELECT status FROM migrate_validate('owned');
SET ROLE vg_monitor;
SELECT check_name, status, details IS NULL, started_at <= clock_timestamp(), duration_ms >= 0, run_by
  FROM migrate.validation WHERE migration = 'owned';
SET ROLE vg_member;
SELECT check_name, details FROM migrate.validation WHERE migration = 'owned';
SET ROLE vg_other;
SELECT count(*) FROM migrate.validation WHERE migration = 'owned';
-- Nor does he learn what checks there are.
SELECT migrate_drop_check('owned', 'nothing');
SELECT migrate_drop_check('owned', 'number');
SELECT migrate_drop_check('nowhere', 'number');
-- One that he has added he takes off, although he is not a member of the migration's role any more.
RESET ROLE;
GRANT vg_owner TO vg_other;
SET ROLE vg_other;
SELECT migrate_add_check('owned', 'his', 'query', '{"query": "true"}');
RESET ROLE;
REVOKE vg_owner FROM vg_other;
SET ROLE vg_other;
SELECT migrate_drop_check('owned', 'his');
SET ROLE vg_member;
SELECT migrate_drop_check('owned', 'nothing');
RESET ROLE;
-- Values of any length do not fill the history.
CREATE TABLE long (id integer PRIMARY KEY, value text);
INSERT INTO long SELECT n, repeat('ä' || n, 100000) FROM generate_series(1, 5) n;
ALTER TABLE long ADD CONSTRAINT short CHECK (length(value) < 10) NOT VALID;
SELECT migrate_add_check('long', 'values', 'constraints', '{"relation": "long", "key": ["value"]}');
SELECT migrate_add_check('long', 'error', 'query', '{"query": "(SELECT sum(value::integer) FROM long) = 0"}');
SELECT check_name, status, octet_length(details) BETWEEN 500 AND 10100, right(details, 24) FROM migrate_validate('long');
SELECT max(octet_length(details)) < 10100 FROM migrate.validation WHERE migration = 'long';

-- ---- a cancellation, real or pretended, ends the run ---------------------------------------------------------------------
CREATE FUNCTION pretends() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE query_canceled; END $$;
SELECT migrate_add_check('cancelled', 'first', 'query', '{"query": "true"}');
SELECT migrate_add_check('cancelled', 'pretends', 'query', '{"query": "vg.pretends()"}');
\set SHOW_CONTEXT never
SELECT * FROM migrate_validate('cancelled');
SELECT count(*) FROM migrate.validation WHERE migration = 'cancelled';

SET client_min_messages = error;
DROP SCHEMA vg CASCADE;
DROP OWNED BY vg_owner, vg_member, vg_monitor, vg_other;
DROP ROLE vg_owner, vg_member, vg_monitor, vg_other;
