-- Scenarios: C43
-- Repairs: keys in every form, what else a write would do, what is refused and how it is said.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
CREATE SCHEMA repair;
SET search_path = repair, public;
CREATE EXTENSION IF NOT EXISTS citext SCHEMA public;
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;
-- What the last repair did; what the last comparison found.
CREATE VIEW done AS
SELECT key, action, before, after, error FROM migrate.repair
 WHERE job = (SELECT max(id) FROM migrate.job WHERE kind = 'repair') ORDER BY key;
CREATE VIEW verdict AS
SELECT verdict, missing, extra, changed, representation_only FROM migrate.comparison ORDER BY job DESC LIMIT 1;

-- A key that is equal but written differently, alone and beside another difference.
CREATE TABLE k (n numeric, c citext, f float8, i interval, v int, PRIMARY KEY (n, c, f, i));
CREATE TABLE k_new (n numeric, c citext, f float8, i interval, v int, PRIMARY KEY (n, c, f, i));
INSERT INTO k VALUES (1.00, 'a', 0, '30 days', 1), (2, 'B', 0, '1 mon', 1), (3, 'c', 0, '1 mon', 1),
                     (4, 'd', '-0', '1 h', 1);
SELECT migrate_link('k', 'k_new') \gset
INSERT INTO k_new VALUES (1.0, 'a', 0, '30 days', 1), (2, 'b', 0, '1 mon', 9), (3, 'c', 0, '30 days', 1),
                         (4, 'd', 0, '1 h', 1);
SELECT migrate_compare('k', 'k_new') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT migrate_repair(:job, dry_run => false) AS repair \gset
CALL migrate_wait(:repair);
TABLE done;
SELECT migrate_compare('k', 'k_new') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;

-- A computed key: the source's index serves it. Keys that no row of the source can have, or that only look like one's.
CREATE TABLE computed (id int, u uuid, v int, PRIMARY KEY (id, u));
CREATE TABLE computed_new (id text, u varchar, v int, PRIMARY KEY (id, u));
CREATE TABLE numbered (id bigint PRIMARY KEY, v int);
CREATE TABLE numbered_new (id numeric PRIMARY KEY, v int);
INSERT INTO computed SELECT g, md5(abs(g)::text)::uuid, g FROM generate_series(-5, 300) g;
INSERT INTO numbered SELECT g, g FROM generate_series(-5, 300) g;
SELECT migrate_link('computed', 'computed_new', columns => '{"id": "id::text", "u": "u::text"}') \gset
SELECT migrate_link('numbered', 'numbered_new') \gset
INSERT INTO computed_new SELECT id::text, u::text, v FROM computed WHERE id > 0;
INSERT INTO computed_new SELECT id, md5('1')::uuid::text, 0
  FROM unnest(ARRAY['abc', '007', '99999999999999999999', '9999999999', '', '+1', ' 1', '1e0', '1.0', '-0', E'1\n',
                    '-1000']) id;
INSERT INTO computed_new SELECT 1, u, 0 FROM unnest('{x,"",c4ca4238-a0b9-2382-0dcc-509a6f75849B}'::text[]) u;
UPDATE computed_new SET v = -v WHERE id::text ~ '^1[0-9]$';
INSERT INTO numbered_new SELECT id, v FROM numbered WHERE id > 0;
INSERT INTO numbered_new VALUES (1.5, 0), ('NaN', 0), ('Infinity', 0), ('-Infinity', 0), (1e30, 0),
                                (9223372036854775808, 0);
UPDATE numbered_new SET id = 100.00 WHERE id = 100;
UPDATE numbered_new SET v = -v WHERE id BETWEEN 10 AND 19;
SELECT migrate_compare('computed', 'computed_new') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT migrate_repair(:job, dry_run => false) AS repair \gset
CALL migrate_wait(:repair);
SELECT action, error, count(*) FROM done GROUP BY 1, 2 ORDER BY 1, 2;
SELECT migrate_compare('computed', 'computed_new') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT migrate_compare('numbered', 'numbered_new') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT migrate_repair(:job, dry_run => false) AS repair \gset
CALL migrate_wait(:repair);
SELECT action, error, count(*) FROM done GROUP BY 1, 2 ORDER BY 1, 2;
SELECT migrate_compare('numbered', 'numbered_new') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;

-- Writes that would do more than mend the row: a key of another column that cascades updates, rules.
CREATE TABLE s (id int PRIMARY KEY, u int, v int);
CREATE TABLE t (id int PRIMARY KEY, u int UNIQUE, v int);
INSERT INTO s VALUES (1, 10, 1);
SELECT migrate_link('s', 't') \gset
INSERT INTO t VALUES (1, 11, 1), (2, 2, 2);
CREATE TABLE child (u int REFERENCES t (u) ON UPDATE CASCADE);
CREATE TABLE harmless (u int REFERENCES t (u) ON UPDATE RESTRICT, id int REFERENCES t);
INSERT INTO child VALUES (11);
CREATE RULE deleted AS ON DELETE TO t DO ALSO INSERT INTO child VALUES (NULL);
CREATE RULE updated AS ON UPDATE TO t DO INSTEAD NOTHING;
CREATE RULE off AS ON INSERT TO t DO INSTEAD NOTHING;
ALTER TABLE t DISABLE RULE off;
SELECT migrate_compare('s', 't') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_repair(:job, dry_run => false);
DROP TABLE child CASCADE;
SELECT migrate_repair(:job, dry_run => false);
TABLE t;
DROP RULE updated ON t;
SELECT migrate_repair(:job, dry_run => false) AS repair \gset
CALL migrate_wait(:repair);
TABLE done;

-- A column that no UPDATE can set.
CREATE TABLE numbers (id int PRIMARY KEY, n int, v int);
CREATE TABLE numbers_new (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, v int);
INSERT INTO numbers VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3);
SELECT migrate_link('numbers', 'numbers_new') \gset
INSERT INTO numbers_new OVERRIDING SYSTEM VALUE VALUES (1, 7, 8), (2, 2, 9);
SELECT migrate_compare('numbers', 'numbers_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_repair(:job, dry_run => false) AS repair \gset
CALL migrate_wait(:repair);
TABLE done;
ALTER TABLE repair.numbers_new ALTER COLUMN n SET GENERATED BY DEFAULT;
SELECT migrate_repair(:job, dry_run => false) AS repair \gset
CALL migrate_wait(:repair);
TABLE done;

-- The source has a key of the target twice.
CREATE TABLE twice (id int PRIMARY KEY, k int, v int);
CREATE TABLE twice_new (k int PRIMARY KEY, v int);
INSERT INTO twice VALUES (1, 1, 1), (2, 1, 2), (3, 2, 3);
SELECT migrate_link('twice', 'twice_new') \gset
SELECT migrate_compare('twice', 'twice_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_repair(:job, dry_run => false) AS repair \gset
CALL migrate_wait(:repair);
TABLE done;

-- Keys that do not come back from jsonb are refused in the call.
CREATE DOMAIN numbers_list AS int[];
CREATE TYPE pair AS (a int, b int);
SELECT format('CREATE TABLE %1$I (id %2$s PRIMARY KEY, v int); CREATE TABLE %3$I (id %2$s PRIMARY KEY, v int)',
              'of_' || name, type, 'of_' || name || '_new') AS statement
  FROM (VALUES ('array', 'int[]'), ('domain', 'numbers_list'), ('row', 'pair'), ('jsonb', 'jsonb'),
               ('hstore', 'hstore')) AS types (name, type) \gexec
\set VERBOSITY terse
SELECT migrate_link('of_array', 'of_array_new') \gset
SELECT migrate_compare('of_array', 'of_array_new') AS job \gset
CALL migrate_wait(:job);
\set VERBOSITY default
SELECT migrate_repair(:job);
\set VERBOSITY terse
SELECT migrate_link('of_domain', 'of_domain_new') \gset
SELECT migrate_compare('of_domain', 'of_domain_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_repair(:job);
SELECT migrate_link('of_row', 'of_row_new') \gset
SELECT migrate_compare('of_row', 'of_row_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_repair(:job);
SELECT migrate_link('of_jsonb', 'of_jsonb_new') \gset
SELECT migrate_compare('of_jsonb', 'of_jsonb_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_repair(:job);
SELECT migrate_link('of_hstore', 'of_hstore_new') \gset
SELECT migrate_compare('of_hstore', 'of_hstore_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_repair(:job);
\set VERBOSITY default

-- Sources whose rows cannot be locked: refused, before a row that only the target has is deleted. A plain view's can.
CREATE TABLE base (id int PRIMARY KEY, v int);
INSERT INTO base VALUES (1, 1);
CREATE MATERIALIZED VIEW stored AS SELECT * FROM base;
CREATE VIEW grouped AS SELECT id, sum(v)::int AS v FROM base GROUP BY id;
CREATE VIEW plain AS SELECT * FROM base;
CREATE TABLE stored_new (LIKE base INCLUDING ALL);
CREATE TABLE grouped_new (LIKE base INCLUDING ALL);
CREATE TABLE plain_new (LIKE base INCLUDING ALL);
SELECT migrate_backfill('stored', 'stored_new', sync => false) AS job \gset
CALL migrate_wait(:job);
SELECT migrate_backfill('grouped', 'grouped_new', sync => false) AS job \gset
CALL migrate_wait(:job);
SELECT migrate_backfill('plain', 'plain_new', sync => false) AS job \gset
CALL migrate_wait(:job);
INSERT INTO stored_new VALUES (2, 2);
INSERT INTO grouped_new VALUES (2, 2);
INSERT INTO plain_new VALUES (2, 2);
UPDATE base SET v = 3;
SELECT migrate_compare('stored', 'stored_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_repair(:job, dry_run => false);
SELECT migrate_compare('grouped', 'grouped_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_repair(:job, dry_run => false);
SELECT migrate_compare('plain', 'plain_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_repair(:job, dry_run => false) AS repair \gset
CALL migrate_wait(:repair);
TABLE done;

-- Whatever a role has for session_replication_role, its jobs do not write past foreign keys and triggers.
CREATE ROLE repair_replica LOGIN;
ALTER ROLE repair_replica SET session_replication_role = replica;
GRANT ALL ON SCHEMA repair TO repair_replica;
SELECT migrate_grant('repair_replica');
\c - repair_replica
SET client_min_messages = warning;
SET search_path = repair, public;
SHOW session_replication_role;
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent VALUES (1);
CREATE TABLE orders (id int PRIMARY KEY, parent int);
INSERT INTO orders VALUES (1, 1), (2, 77);
CREATE TABLE orders_new (id int PRIMARY KEY, parent int REFERENCES parent);
SELECT migrate_link('orders', 'orders_new') \gset
INSERT INTO orders_new VALUES (3, 1);
SELECT migrate_compare('orders', 'orders_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_repair(:job, dry_run => false) AS repair \gset
CALL migrate_wait(:repair);
SELECT key, action, after, error FROM migrate.repair WHERE job = :repair ORDER BY key;
CREATE TABLE copied (id int PRIMARY KEY, parent int REFERENCES parent);
INSERT INTO copied VALUES (3, 1);
SELECT migrate_backfill('orders', 'copied', sync => false) AS job \gset
\set VERBOSITY terse
CALL migrate_wait(:job);
\set VERBOSITY default
TABLE copied;
\c - postgres
SET client_min_messages = warning;
SET search_path = repair, public;

-- A value that the target does not take fails a comparison, which says where to look.
CREATE TABLE wide (id int PRIMARY KEY, v bigint);
CREATE TABLE narrow (id int PRIMARY KEY, v int);
SELECT migrate_link('wide', 'narrow') AS link \gset
SELECT migrate_sync('wide', 'narrow', on_reject => 'record') \gset
SELECT migrate_backfill('wide', 'narrow') AS job \gset
CALL migrate_wait(:job);
INSERT INTO wide VALUES (1, 1), (2, 3000000000);
SELECT migrate_compare('wide', 'narrow') AS job \gset
\set VERBOSITY terse
CALL migrate_wait(:job);
SELECT error_sqlstate, error_message, error_detail, replace(error_hint, 'link = ' || :link, 'link = N') AS hint
  FROM migrate.job WHERE id = :job;
SELECT key, message FROM migrate.rejected_row;
-- One that no writer brought.
CREATE TABLE plain_wide (id int PRIMARY KEY, v bigint);
CREATE TABLE plain_narrow (id int PRIMARY KEY, v int);
INSERT INTO plain_wide VALUES (2, 3000000000);
SELECT migrate_link('plain_wide', 'plain_narrow') > 0 AS linked;
SELECT migrate_compare('plain_wide', 'plain_narrow') AS job \gset
CALL migrate_wait(:job);
SELECT error_sqlstate, error_message, error_detail, error_hint FROM migrate.job WHERE id = :job;

\set VERBOSITY default

-- ---- rows that no jsonb can hold --------------------------------------------------------------------------
CREATE TABLE odd (id int PRIMARY KEY, j json);
CREATE TABLE odd_new (id int PRIMARY KEY, j json);
INSERT INTO odd VALUES (1, '{"a":"\u0000"}'), (2, '{"x":1e1000000}');
INSERT INTO odd_new VALUES (1, '{"a":"b"}'), (2, '{"x":1e2000000}');
SELECT migrate_link('odd', 'odd_new') > 0 AS linked;
SELECT migrate_compare('odd', 'odd_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_repair(:job, dry_run => false) AS job \gset
CALL migrate_wait(:job);
SELECT key, action, before, after, error FROM migrate.repair WHERE job = :job ORDER BY key;
SELECT id, j FROM odd_new ORDER BY id;

DROP EXTENSION pg_cutover CASCADE;
DROP SCHEMA repair CASCADE;
DROP OWNED BY repair_replica;
DROP ROLE repair_replica;
DROP EXTENSION citext;
