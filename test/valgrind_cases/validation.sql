-- Every kind of check that needs nothing but this folder, with errors on the way out of subtransactions, and two queries
-- compared, both ended and raised.
SET client_min_messages = warning;
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TABLE parents (id integer PRIMARY KEY, code text UNIQUE);
CREATE TABLE children (id serial PRIMARY KEY, parent integer REFERENCES parents, n positive, CHECK (n < 100));
CREATE TABLE children_new (LIKE children INCLUDING ALL);
INSERT INTO parents SELECT i, 'c' || i FROM generate_series(1, 20) i;
INSERT INTO children (parent, n) SELECT i, i FROM generate_series(1, 20) i;
INSERT INTO children_new SELECT * FROM children;
SET session_replication_role = replica;
INSERT INTO children (parent, n) VALUES (99, 5);
RESET session_replication_role;
SELECT migrate_add_check('m', 'count', 'row_count', '{"source": "children", "target": "children_new", "filter": "n > 1"}');
SELECT migrate_add_check('m', 'orphans', 'foreign_keys', '{"relation": "children"}');
SELECT migrate_add_check('m', 'constraints', 'constraints', '{"relation": "children"}');
SELECT migrate_add_check('m', 'indexes', 'indexes', '{"source": "children", "target": "children_new"}');
SELECT migrate_add_check('m', 'sequences', 'sequences', '{"relation": "children"}');
SELECT migrate_add_check('m', 'schema', 'schema', '{"source": "children", "target": "children_new"}');
SELECT migrate_add_check('m', 'query', 'query', '{"query": "(SELECT count(*) FROM children) = 21"}');
SELECT migrate_add_check('m', 'error', 'query', '{"query": "(SELECT 1 / (count(*) - 21) FROM children) = 1"}');
SELECT migrate_add_check('m', 'speed', 'query_performance',
    '{"old_query": "SELECT * FROM children", "new_query": "SELECT * FROM children_new", "tolerance": 1000, "pairs": 8}');
SELECT * FROM migrate_validate('m');
DROP TABLE children_new CASCADE;
SELECT * FROM migrate_validate('m');
SELECT migrate_drop_check('m', 'speed');
SELECT verdict FROM migrate_compare_queries('SELECT 1', 'SELECT 2', 1000, 8);
DO $$
BEGIN
    PERFORM migrate_compare_queries('SELECT 1', 'SELECT 1 / (SELECT count(*) - 21 FROM children)', 1000, 8);
EXCEPTION WHEN division_by_zero THEN
    NULL;
END $$;
DO $$
BEGIN
    PERFORM migrate_add_check('m', 'wrong', 'query', '{"query": "SELECT nothing FROM children"}');
EXCEPTION WHEN undefined_column THEN
    NULL;
END $$;
