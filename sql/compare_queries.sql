-- Comparing the times of two queries: verdicts that no noise can turn over, what is refused, and that nothing is written.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_cutover;
SET extra_float_digits = 0;

CREATE TABLE cq (id integer PRIMARY KEY, n integer);
INSERT INTO cq SELECT n, n % 7 FROM generate_series(1, 1000) n;
ANALYZE cq;

-- The same query is within any tolerance that is large enough; one that waits ten milliseconds is not within ten percent.
SELECT verdict, ratio > 0 AS ratio, low <= ratio AND ratio <= high AS ordered, old_ms > 0 AND new_ms > 0 AS timed,
       regexp_replace(detail, 'run: old \d+, new \d+', 'run: N, N') AS detail
  FROM migrate_compare_queries('SELECT * FROM cq', 'SELECT * FROM cq', 1000);
SELECT verdict, ratio > 1.1 AS slower, low > 1.1 AS surely, new_ms >= 10 AS waits,
       regexp_replace(detail, 'run: old \d+, new \d+', 'run: N, N') AS detail
  FROM migrate_compare_queries('SELECT pg_sleep(0)', 'SELECT pg_sleep(0.01)', pairs => 8);
SELECT verdict, ratio < 1 AS faster FROM migrate_compare_queries('SELECT pg_sleep(0.01)', 'SELECT pg_sleep(0)', 0, 8);
-- It is the whole result that is timed, not its first row.
SELECT verdict FROM migrate_compare_queries('SELECT id FROM cq LIMIT 100', 'SELECT pg_sleep(0.0001) FROM cq LIMIT 100', pairs => 8);

-- What the two do differently. Where that is the number of rows, their times prove nothing.
SELECT verdict, regexp_replace(detail, 'run: old \d+, new \d+', 'run: N, N') AS detail
  FROM migrate_compare_queries('SELECT * FROM cq ORDER BY n', 'SELECT * FROM cq WHERE id = 5', 1000, 8);
SELECT verdict, regexp_replace(detail, 'run: old \d+, new \d+', 'run: N, N') AS detail
  FROM migrate_compare_queries('VALUES (1), (2)', 'WITH a AS (SELECT 1) SELECT * FROM a, a b', 1000, 8);
-- Buffers are those of one run, not of all.
SELECT (regexp_match(detail, 'run: old (\d+)'))[1]::int BETWEEN relpages AND 2 * relpages AS all_pages,
       (regexp_match(detail, 'run: old \d+, new (\d+)'))[1]::int < relpages AS no_page
  FROM migrate_compare_queries('SELECT * FROM cq', 'SELECT 1', 1e6, 8), pg_class WHERE relname = 'cq';

-- With an interval on both sides of the limit it goes on, up to four times as many pairs: of each pair the old query and
-- the new one are the slow one in turn.
CREATE SEQUENCE cq_turn;
CREATE FUNCTION cq_turns() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('cq.turn', (coalesce(nullif(current_setting('cq.turn', true), '')::int, 0) + 1)::text, false);
    PERFORM pg_sleep(CASE WHEN current_setting('cq.turn')::int % 2 = 0 THEN 0.005 ELSE 0 END);
    RETURN true;
END $$;
SELECT verdict, low < 0.9 AND high > 1.1 AS undecided,
       regexp_replace(detail, 'run: old \d+, new \d+', 'run: N, N') AS detail
  FROM migrate_compare_queries('SELECT cq_turns()', 'SELECT cq_turns()', pairs => 8);

-- Only one query each, and only one that reads.
\set SHOW_CONTEXT never
SELECT * FROM migrate_compare_queries('', 'SELECT 1');
SELECT * FROM migrate_compare_queries('SELECT 1', 'SELECT 1; SELECT 2');
SELECT * FROM migrate_compare_queries('SELECT 1', 'SELEC 1');
SELECT * FROM migrate_compare_queries('SELECT 1', 'SELECT 1 FROM cq WHERE m = 1');
SELECT * FROM migrate_compare_queries('SELECT 1', 'SELECT $1');
SELECT * FROM migrate_compare_queries('DELETE FROM cq', 'SELECT 1');
SELECT * FROM migrate_compare_queries('SELECT 1', 'WITH gone AS (DELETE FROM cq RETURNING *) SELECT * FROM gone');
SELECT * FROM migrate_compare_queries('SELECT 1', 'SELECT * FROM cq FOR UPDATE');
SELECT * FROM migrate_compare_queries('SELECT 1', 'SELECT * FROM (SELECT * FROM cq FOR SHARE) c');
SELECT * FROM migrate_compare_queries('SELECT 1', 'SELECT 1 INTO elsewhere');
SELECT * FROM migrate_compare_queries('SELECT 1', 'EXPLAIN ANALYZE DELETE FROM cq');
SELECT * FROM migrate_compare_queries('SELECT 1', 'COPY cq TO STDOUT');
SELECT * FROM migrate_compare_queries('SELECT 1', 'SELECT nextval(''cq_turn'')');
SELECT * FROM migrate_compare_queries('SELECT 1', 'SELECT set_config(''transaction_read_only'', ''off'', true)');
SELECT * FROM migrate_compare_queries(NULL, 'SELECT 1');
SELECT * FROM migrate_compare_queries('SELECT 1', 'SELECT 1', -0.1);
SELECT * FROM migrate_compare_queries('SELECT 1', 'SELECT 1', 'NaN');
SELECT * FROM migrate_compare_queries('SELECT 1', 'SELECT 1', pairs => 7);
SELECT * FROM migrate_compare_queries('SELECT 1', 'SELECT 1', pairs => 1001);
SELECT count(*), (SELECT is_called FROM cq_turn) FROM cq;
SHOW transaction_read_only;
-- statement_timeout ends it.
SET statement_timeout = '200ms';
SELECT * FROM migrate_compare_queries('SELECT pg_sleep(0.05)', 'SELECT pg_sleep(0.05)');
RESET statement_timeout;
-- In a transaction that writes before and after.
BEGIN;
INSERT INTO cq VALUES (1001, 1);
SELECT verdict, regexp_replace(detail, ';.*', '') FROM migrate_compare_queries('SELECT * FROM cq', 'SELECT * FROM cq WHERE id > 0', 1000, 8);
INSERT INTO cq VALUES (1002, 1);
COMMIT;
SELECT count(*) FROM cq;

DROP TABLE cq;
DROP SEQUENCE cq_turn;
DROP FUNCTION cq_turns();
