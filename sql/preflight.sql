-- What a migration would meet: every check in more than one state, as far as one session can bring it about; the rest,
-- which needs other sessions, a restart or a standby, is in test/t/052_preflight.pl (O23).
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
CREATE ROLE preflight_owner LOGIN;
CREATE ROLE preflight_other LOGIN;
CREATE SCHEMA preflight AUTHORIZATION preflight_owner;
GRANT ALL ON SCHEMA preflight TO preflight_other;
SELECT migrate_grant('preflight_owner');
SET search_path = preflight, public;
-- Each call would watch the writes for two seconds otherwise.
SELECT FROM pg_stat_reset();
\pset format unaligned
\pset tuples_only on
-- One check, or several, of a table.
CREATE FUNCTION ask(source regclass, checks text, target regclass = NULL) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', check_name, status, details, hint) FROM migrate_preflight(source, target)
     WHERE check_name = ANY (string_to_array(checks, ' '))
$$;
-- Sizes and times of the machine are not for an expectation.
CREATE FUNCTION shape(source regclass, checks text, target regclass = NULL) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(line, '[0-9][0-9.,]*( (bytes|kB|MB|GB|TB|ms|s|min|h|d)\y)?( [0-9]+ (s|min|h)\y)?', 'N', 'g')
      FROM ask(source, checks, target) line
$$;
SET ROLE preflight_owner;
CREATE TABLE plain (id integer PRIMARY KEY, v text);
INSERT INTO plain SELECT n, 'v' || n FROM generate_series(1, 1000) n;
RESET ROLE;

-- Every check answers, once but for the dependents, with a status that is known.
SELECT check_name, count(*) FROM migrate_preflight('plain') WITH ORDINALITY GROUP BY check_name ORDER BY min(ordinality);
SELECT DISTINCT status FROM migrate_preflight('plain') WHERE status NOT IN ('ok', 'warning', 'refused', 'unknown');
-- What is not ok has a hint or says what is not known.
SELECT check_name, status FROM migrate_preflight('plain') WHERE status IN ('warning', 'refused') AND hint IS NULL;

-- ---- the source ----------------------------------------------------------------------------------------------------------
SELECT ask('plain', 'source source_key invalid_indexes row_security triggers publications foreign_keys');
-- No key; a key that cannot be used; another one than the primary key.
CREATE TABLE keyless (id integer, v text);
SELECT ask('keyless', 'source source_key');
ALTER TABLE keyless ADD UNIQUE (id);
SELECT ask('keyless', 'source_key');
ALTER TABLE keyless ALTER COLUMN id SET NOT NULL;
SELECT ask('keyless', 'source_key');
-- What can be copied once only, and what cannot at all.
CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY);
CREATE VIEW seen AS SELECT * FROM plain;
CREATE TEMP TABLE passing (id integer PRIMARY KEY);
CREATE SEQUENCE counter;
SELECT ask('unlogged', 'source source_key');
SELECT ask('seen', 'source source_key');
-- What is not in our files is of no known size.
CREATE FOREIGN DATA WRAPPER preflight_far;
CREATE SERVER preflight_far FOREIGN DATA WRAPPER preflight_far;
CREATE FOREIGN TABLE abroad (id integer, v text) SERVER preflight_far;
SELECT shape('seen', 'table_size growth duration disk_space wal_space');
SELECT shape('abroad', 'source source_key table_size growth duration disk_space wal_space');
SELECT regexp_replace(line, 'pg_temp_[0-9]+', 'pg_temp') FROM ask('passing', 'source') line;
SELECT ask('counter', 'source');
SELECT ask('pg_class', 'source');
-- Partitions.
CREATE TABLE parts (id integer PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
SELECT shape('parts', 'source source_key table_size wraparound disk_space');
SELECT ask('parts_1', 'source');
CREATE TABLE mixed (id integer, v text) PARTITION BY LIST (id);
CREATE TABLE mixed_here PARTITION OF mixed FOR VALUES IN (1);
SELECT shape('mixed', 'duration');
CREATE FOREIGN TABLE mixed_abroad PARTITION OF mixed FOR VALUES IN (2) SERVER preflight_far;
SELECT shape('mixed', 'duration');
-- An index that failed to be built.
INSERT INTO parts VALUES (1, 'same'), (2, 'same');
INSERT INTO plain VALUES (2001, 'same'), (2002, 'same');
CREATE UNIQUE INDEX CONCURRENTLY plain_v ON plain (v);
SELECT ask('plain', 'invalid_indexes');
CREATE UNIQUE INDEX CONCURRENTLY parts_1_v ON parts_1 (v);
SELECT ask('parts', 'invalid_indexes');
DROP INDEX plain_v;
SELECT ask('plain', 'invalid_indexes');

-- ---- row security: who is subject to it ----------------------------------------------------------------------------------
CREATE POLICY own ON plain USING (v <> 'secret');
SELECT ask('plain', 'row_security');
ALTER TABLE plain ENABLE ROW LEVEL SECURITY;
SELECT ask('plain', 'row_security');
SET ROLE preflight_owner;
SELECT ask('plain', 'row_security');
ALTER TABLE plain FORCE ROW LEVEL SECURITY;
SELECT ask('plain', 'row_security source');
RESET ROLE;
SELECT ask('plain', 'row_security');
ALTER TABLE plain NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON plain;

-- ---- triggers ------------------------------------------------------------------------------------------------------------
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER first_one AFTER UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER "~z last" AFTER UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER a_before BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER a_statement AFTER UPDATE ON plain EXECUTE FUNCTION nothing();
SELECT ask('plain', 'triggers');
ALTER TABLE plain DISABLE TRIGGER first_one;
SELECT ask('plain', 'triggers');
ALTER TABLE plain ENABLE REPLICA TRIGGER first_one;
SELECT ask('plain', 'triggers');
DROP TRIGGER first_one ON plain;
DROP TRIGGER "~z last" ON plain;
DROP TRIGGER a_before ON plain;
DROP TRIGGER a_statement ON plain;

-- ---- foreign keys, publications ------------------------------------------------------------------------------------------
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child (plain integer REFERENCES plain);
ALTER TABLE plain ADD CONSTRAINT up FOREIGN KEY (id) REFERENCES parent NOT VALID;
SELECT ask('plain', 'foreign_keys');
ALTER TABLE plain DROP CONSTRAINT up;
SELECT ask('plain', 'foreign_keys');
CREATE PUBLICATION preflight_one FOR TABLE plain;
SELECT ask('plain', 'publications');
-- Triggers of the server that check nothing, of either table of a foreign key, and of a key.
ALTER TABLE child DISABLE TRIGGER ALL;
SELECT ask('child', 'foreign_keys triggers');
SELECT ask('plain', 'foreign_keys triggers');
ALTER TABLE child ENABLE TRIGGER ALL;
ALTER TABLE plain DISABLE TRIGGER ALL;
SELECT ask('child', 'foreign_keys triggers');
SELECT ask('plain', 'foreign_keys triggers');
ALTER TABLE plain ENABLE TRIGGER ALL;
SELECT ask('plain', 'foreign_keys triggers');
CREATE TABLE later (id integer PRIMARY KEY, v text UNIQUE DEFERRABLE);
SELECT ask('later', 'foreign_keys triggers');
ALTER TABLE later DISABLE TRIGGER ALL;
SELECT ask('later', 'foreign_keys triggers');
CREATE TRIGGER of_users AFTER UPDATE ON later FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT ask('later', 'triggers');
ALTER TABLE later DISABLE TRIGGER of_users;
SELECT ask('later', 'triggers');
-- One partition alone; of many, some are named.
CREATE TABLE strict (id integer REFERENCES later) PARTITION BY LIST (id);
SELECT format('CREATE TABLE strict_%1$s PARTITION OF strict FOR VALUES IN (%1$s)', n) FROM generate_series(1, 6) n \gexec
ALTER TABLE strict_1 DISABLE TRIGGER ALL;
SELECT ask('strict', 'foreign_keys');
ALTER TABLE strict DISABLE TRIGGER ALL;
SELECT ask('strict', 'foreign_keys');
CREATE PUBLICATION preflight_all FOR ALL TABLES;
SELECT ask('plain', 'publications');
SELECT ask('keyless', 'publications');
DROP PUBLICATION preflight_all;
CREATE PUBLICATION preflight_schema FOR TABLES IN SCHEMA preflight;
SELECT ask('keyless', 'publications');
DROP PUBLICATION preflight_one, preflight_schema;

-- ---- size, speed, space ----------------------------------------------------------------------------------------------------
SELECT shape('plain', 'table_size disk_space wal_space duration');
ANALYZE plain;
SELECT shape('plain', 'table_size');
-- What copies of this database have done is what is reckoned with; here 2 MB in 2 s.
INSERT INTO migrate.job (kind, options, throttle, workers, login_role, effective_role, home, state)
VALUES ('backfill', '{}', '{}', 1, 'postgres', 'postgres', 'elsewhere', 'succeeded');
INSERT INTO migrate.job_cursor (job, worker, bytes_written, busy_ms) SELECT max(id), 0, 2097152, 500 FROM migrate.job;
SELECT shape('plain', 'duration');
UPDATE migrate.job_cursor SET busy_ms = 2000;
SELECT regexp_replace(ask, '.* at ', '') FROM ask('plain', 'duration');
-- At a speed at which it takes days.
UPDATE migrate.job_cursor SET bytes_written = 1, busy_ms = 2000;
SELECT shape('plain', 'duration');
DELETE FROM migrate.job;

-- ---- settings --------------------------------------------------------------------------------------------------------------
SELECT ask('plain', 'start_jobs lock_timeout autovacuum');
SELECT regexp_replace(ask, '[0-9]+[^,]*, ', 'N, ') FROM ask('plain', 'server');
SET pg_cutover.lock_timeout = '10 s';
SET default_transaction_read_only = on;
SELECT ask('plain', 'lock_timeout');
SELECT regexp_replace(ask, '[0-9]+[^,]*, ', 'N, ') FROM ask('plain', 'server');
RESET default_transaction_read_only;
RESET pg_cutover.lock_timeout;
ALTER TABLE plain SET (autovacuum_enabled = off);
SELECT ask('plain', 'autovacuum');
ALTER TABLE plain RESET (autovacuum_enabled);
SET track_counts = off;
SELECT ask('plain', 'autovacuum');
RESET track_counts;
-- Whose rights a job would have.
SELECT ask('plain', 'job_role');
ALTER ROLE preflight_owner NOLOGIN;
SELECT ask('plain', 'job_role');
ALTER ROLE preflight_owner LOGIN;

-- ---- what hangs on it: the same as migrate_explain says -----------------------------------------------------------------
DROP VIEW seen;
DROP TABLE child;
SELECT ask('plain', 'dependents');
CREATE VIEW seen AS SELECT id, v FROM plain;
CREATE VIEW seen_twice AS SELECT a.id, b.v FROM plain a JOIN plain b USING (id) GROUP BY a.id, b.v;
CREATE MATERIALIZED VIEW kept AS SELECT count(*) FROM plain;
CREATE TABLE child (plain integer REFERENCES plain);
ALTER VIEW seen OWNER TO preflight_owner;
ALTER VIEW seen_twice OWNER TO preflight_owner;
ALTER TABLE child OWNER TO preflight_owner;
CREATE FUNCTION whole(plain) RETURNS text LANGUAGE sql RETURN ($1).v;
CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM plain; END;
SELECT ask('plain', 'dependents');
-- What cannot change places at all.
SELECT ask('parts_1', 'dependents');
SELECT ask('unlogged', 'dependents');
SELECT ask('counter', 'dependents');
-- With a target: the link that is there or would be made, and what it would take along.
CREATE TABLE alike (LIKE plain INCLUDING ALL);
ALTER TABLE alike OWNER TO preflight_owner;
SELECT ask('plain', 'link dependents', 'alike');
DROP FUNCTION whole, counted;
DROP MATERIALIZED VIEW kept;
SELECT ask('plain', 'link dependents', 'alike');
SELECT migrate_link('plain', 'alike') > 0;
SELECT regexp_replace(ask, '[0-9]+', 'N') FROM ask('plain', 'link', 'alike');
SELECT detail FROM migrate_explain('plain', 'alike') WHERE step LIKE 'swap:%';
-- Found while tables are open: nothing of it is left open.
ALTER TABLE alike DROP CONSTRAINT alike_pkey;
SELECT regexp_replace(ask, '[0-9]+', 'N') FROM ask('plain', 'link', 'alike');
ALTER TABLE alike ADD PRIMARY KEY (id);
SELECT migrate_unlink('plain', 'alike');
-- Not of a kind that fits.
CREATE TABLE unlike (id integer PRIMARY KEY, w text NOT NULL);
SELECT ask('plain', 'link dependents', 'unlike');
CREATE TABLE guarded (LIKE plain INCLUDING ALL, EXCLUDE USING btree (v WITH =));
ALTER TABLE guarded OWNER TO preflight_owner;
SELECT ask('plain', 'link', 'guarded');
CREATE SCHEMA preflight_far AUTHORIZATION preflight_owner;
CREATE TABLE preflight_far.plain (LIKE plain INCLUDING ALL);
SELECT ask('plain', 'dependents', 'preflight_far.plain');
SELECT ask('unlogged', 'link dependents', 'alike');

-- ---- who may ask, and what it leaves behind --------------------------------------------------------------------------------
SET ROLE preflight_owner;
SELECT count(*) > 20 FROM migrate_preflight('plain');
SELECT count(*) > 20 FROM migrate_preflight('plain', 'alike');
-- Others' sessions are not for everybody; there is none in this database while the tests run alone.
SELECT * FROM migrate_preflight('keyless');
SELECT * FROM migrate_preflight('plain', 'keyless');
RESET ROLE;
SET ROLE preflight_other;
SELECT * FROM migrate_preflight('plain');
RESET ROLE;
SELECT * FROM migrate_preflight(NULL);
SELECT * FROM migrate_preflight('nowhere');
SELECT * FROM migrate_preflight(0::regclass);
-- It changes nothing, takes no lock that others would notice, and works where nothing may be written.
BEGIN READ ONLY;
SELECT count(*) > 20 FROM migrate_preflight('plain', 'alike');
SELECT DISTINCT l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
 WHERE l.pid = pg_backend_pid() AND c.relnamespace = 'preflight'::regnamespace ORDER BY 1;
COMMIT;
SELECT count(*) FROM migrate.event;
SELECT count(*) FROM migrate.link;
SHOW search_path;

DROP SCHEMA preflight, preflight_far CASCADE;
DROP FOREIGN DATA WRAPPER preflight_far CASCADE;
SELECT migrate_grant('preflight_owner', 'none');
REVOKE ALL ON SCHEMA public FROM preflight_owner;
DROP ROLE preflight_owner, preflight_other;
