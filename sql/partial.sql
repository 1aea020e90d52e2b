-- Links that fill columns of rows that another link owns (owner => false): the copy of what is there, writes to every
-- source in any order, and what is refused.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
CREATE SCHEMA partial;
SET search_path = partial, public;

CREATE TABLE orders (id int PRIMARY KEY, customer text);
CREATE TABLE notes (order_id int PRIMARY KEY, note text, hidden boolean NOT NULL DEFAULT false);
CREATE TABLE scores (region text, id int, score int, PRIMARY KEY (id));
CREATE TABLE wide (id int PRIMARY KEY, customer text, note text DEFAULT 'no note', score numeric(6,1));
INSERT INTO orders SELECT n, 'customer ' || n FROM generate_series(1, 3000) n;
INSERT INTO notes SELECT n, CASE WHEN n % 100 <> 0 THEN 'note ' || n END, n % 7 = 0 FROM generate_series(2, 4000, 2) n;
INSERT INTO scores SELECT 'r', n, n FROM generate_series(3, 6000, 3) n;
ANALYZE orders, notes, scores;

-- what the target should be, and how it differs from that.
CREATE VIEW joined AS
SELECT o.id, o.customer, CASE WHEN n.order_id IS NULL THEN 'no note' ELSE n.note END AS note, s.score / 2.0 AS score
  FROM orders o
  LEFT JOIN notes n ON n.order_id = o.id AND NOT n.hidden
  LEFT JOIN scores s ON s.id = o.id;
CREATE FUNCTION check_wide() RETURNS text LANGUAGE sql AS $$
    SELECT format('%s rows, %s notes, %s scores, %s differences', count(*), count(*) FILTER (WHERE note LIKE 'note%'),
                  count(score), (SELECT count(*) FROM ((TABLE joined EXCEPT ALL TABLE wide)
                                                       UNION ALL (TABLE wide EXCEPT ALL TABLE joined)) d))
      FROM wide $$;
CREATE VIEW state AS SELECT source, target, state, broken FROM migrate.link_status ORDER BY link;

-- The rows come first: whoever owns them is to be kept in step and complete.
SELECT migrate_link('notes', 'wide', '{"id": "order_id"}', filter => 'NOT hidden', owner => false) AS notes \gset
SELECT migrate_sync('notes', 'wide');
SELECT migrate_backfill('notes', 'wide');
SELECT migrate_link('orders', 'wide') AS orders \gset
SELECT migrate_backfill('notes', 'wide');
SELECT migrate_sync('orders', 'wide');
SELECT migrate_sync('notes', 'wide');
SELECT migrate_backfill('orders', 'wide') AS job \gset
CALL migrate_wait(:job);
TABLE state;

-- The first: existing rows are filled, a row without an owner's is dropped.
SELECT migrate_backfill('notes', 'wide', method => 'direct');
SELECT detail FROM migrate_explain('notes', 'wide') WHERE step = 'method';
SELECT migrate_backfill('notes', 'wide', workers => 2) AS job \gset
CALL migrate_wait(:job);
SELECT state, rows_done, error FROM migrate.progress WHERE job = :job;
-- The second, in several batches.
SELECT migrate_link('scores', 'wide', '{"score": "score / 2.0"}', owner => false) AS scores \gset
SELECT migrate_backfill('scores', 'wide', batch_size => 100) AS job \gset
CALL migrate_wait(:job);
SELECT state, rows_done, batches >= 20 AS several FROM migrate.progress WHERE job = :job;
TABLE state;
SELECT check_wide();

-- Writes afterwards: the owner's row first, the other's first, one statement for both
INSERT INTO orders VALUES (10001, 'new');
INSERT INTO notes VALUES (10001, 'note after');
INSERT INTO notes VALUES (10002, 'note before');
INSERT INTO scores VALUES ('r', 10002, 8), ('r', 10003, 9);
INSERT INTO orders VALUES (10002, 'new'), (10003, 'new');
WITH noted AS (INSERT INTO notes VALUES (10004, 'note with') RETURNING order_id)
INSERT INTO orders SELECT order_id, 'new' FROM noted;
SELECT * FROM wide WHERE id > 10000 ORDER BY id;
BEGIN;
INSERT INTO orders VALUES (10005, 'never');
INSERT INTO notes VALUES (10005, 'note that stays');
SAVEPOINT s;
UPDATE notes SET note = 'never' WHERE order_id = 10001;
DELETE FROM scores WHERE id = 10002;
ROLLBACK TO s;
DELETE FROM orders WHERE id = 10005;
COMMIT;
SELECT check_wide();
INSERT INTO orders VALUES (10005, 'at last');
-- keys that change on either side, and on both
UPDATE notes SET order_id = 10003 WHERE order_id = 10004;
UPDATE orders SET id = 10006 WHERE id = 10001;
SELECT * FROM wide WHERE id > 10000 ORDER BY id;
UPDATE notes SET order_id = 10006 WHERE order_id = 10001;
UPDATE scores SET id = id + 20000 WHERE id BETWEEN 30 AND 60;
UPDATE orders SET id = id + 20000 WHERE id BETWEEN 30 AND 50;
BEGIN;
UPDATE notes SET order_id = -1 WHERE order_id = 10;
UPDATE notes SET order_id = 10 WHERE order_id = 12;
UPDATE notes SET order_id = 12 WHERE order_id = -1;
COMMIT;
SELECT * FROM wide WHERE id IN (10, 12) ORDER BY id;
SELECT check_wide();
-- deletes and what comes back
DELETE FROM notes WHERE order_id IN (10002, 10, 16);
DELETE FROM orders WHERE id IN (10002, 20);
INSERT INTO orders VALUES (20, 'back');
INSERT INTO notes VALUES (16, 'note again');
SELECT * FROM wide WHERE id IN (10, 16, 20) ORDER BY id;
-- in and out of the filter, and a NULL that is the source's own
UPDATE notes SET hidden = NOT hidden WHERE order_id BETWEEN 100 AND 200;
UPDATE notes SET note = NULL WHERE order_id = 202;
UPDATE orders SET customer = upper(customer) WHERE id % 50 = 0;
SELECT check_wide();
-- TRUNCATE
BEGIN;
TRUNCATE scores;
SELECT check_wide();
ROLLBACK;
SELECT check_wide();

-- No copy of the rows while their columns come from elsewhere.
SELECT migrate_backfill('orders', 'wide');
SELECT migrate_unsync('orders', 'wide');
SELECT migrate_sync('orders', 'wide');
SELECT migrate_backfill('orders', 'wide', sync => false);
-- Nothing is left.
SELECT migrate_unlink('notes', 'wide');
SELECT migrate_unlink('scores', 'wide');
SELECT migrate_unlink('orders', 'wide');
SELECT tgrelid::regclass, tgname FROM pg_trigger
 WHERE NOT tgisinternal AND tgrelid IN ('orders'::regclass, 'notes'::regclass, 'scores'::regclass, 'wide'::regclass);
SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'partial'::regnamespace AND reloptions IS NOT NULL;
SELECT count(*) AS left_behind FROM migrate.capture, migrate.capture_part;

-- Once, without dual-write: into a table of any content; from a view, by an expression.
TRUNCATE wide;
INSERT INTO wide SELECT id, customer FROM orders;
SELECT migrate_link('notes', 'wide', '{"id": "order_id"}', filter => 'NOT hidden', owner => false) > 0 AS linked;
SELECT migrate_backfill('notes', 'wide', sync => false) AS job \gset
CALL migrate_wait(:job);
SELECT state, rows_done, error FROM migrate.progress WHERE job = :job;
-- without the right to lock the source's rows they are read as they are
SELECT migrate_link('scores', 'wide', '{"score": "score / 2.0"}', owner => false) > 0 AS linked;
CREATE ROLE partial_owner;
GRANT ALL ON SCHEMA partial TO partial_owner;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA public TO partial_owner;
ALTER TABLE scores OWNER TO partial_owner;
ALTER TABLE wide OWNER TO partial_owner;
REVOKE UPDATE ON scores FROM partial_owner;
SET ROLE partial_owner;
SELECT migrate_backfill('scores', 'wide', sync => false, batch_size => 500) AS job \gset
CALL migrate_wait(:job);
RESET ROLE;
SELECT state, rows_done, error FROM migrate.progress WHERE job = :job;
SELECT check_wide();

-- A shadow with its guard; a text key that has another collation; both sides of it awkward to quote.
CREATE TABLE "the ""Owner""" ("Key" text COLLATE "C" PRIMARY KEY, v int);
CREATE TABLE "the ""Rest""" ("Its key" text COLLATE "POSIX" PRIMARY KEY, "A ""b""" varchar(7));
INSERT INTO "the ""Owner""" VALUES ('a', 1), ('B', 2), ('c', 3);
INSERT INTO "the ""Rest""" VALUES ('a', 'a'), ('c', 'umlaut'), ('z', NULL);
SELECT migrate_shadow('"the ""Owner"""', 'whole', ARRAY['ADD COLUMN "A ""b""" varchar(6) DEFAULT ''none''']);
SELECT migrate_backfill('"the ""Owner"""', 'whole') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_link('"the ""Rest"""', 'whole', '{"Key": "\"Its key\""}', owner => false) > 0 AS linked;
SELECT migrate_backfill('"the ""Rest"""', 'whole') AS job \gset
CALL migrate_wait(:job);
SELECT state, rows_done, error FROM migrate.progress WHERE job = :job;
SELECT * FROM whole ORDER BY v;
UPDATE whole SET v = 0;

-- What cannot be kept in step.
CREATE TABLE base (id int PRIMARY KEY, code varchar(9) NOT NULL UNIQUE, v int, w int, UNIQUE (id, code));
CREATE TABLE copy (LIKE base INCLUDING ALL);
SELECT migrate_backfill('base', 'copy') AS job \gset
CALL migrate_wait(:job);
CREATE TABLE r_big (id bigint PRIMARY KEY, w int);
SELECT migrate_link('r_big', 'copy', '{"id": "id::int"}', owner => false) > 0 AS linked;
SELECT migrate_sync('r_big', 'copy');
CREATE TABLE r_half (id int PRIMARY KEY, code varchar(9) NOT NULL, w int);
SELECT migrate_link('r_half', 'copy', key => '{id,code}', owner => false) > 0 AS linked;
SELECT migrate_sync('r_half', 'copy');
CREATE TABLE r_parts (id int PRIMARY KEY, w int) PARTITION BY RANGE (id);
CREATE TABLE r_part PARTITION OF r_parts DEFAULT;
SELECT migrate_link('r_parts', 'copy', owner => false) > 0 AS linked;
SELECT migrate_sync('r_parts', 'copy');
SELECT migrate_backfill('r_parts', 'copy');
CREATE TABLE r_nothing (id int PRIMARY KEY);
SELECT migrate_link('r_nothing', 'copy', owner => false) > 0 AS linked;
SELECT migrate_sync('r_nothing', 'copy');
-- an owner that is not to be trusted any more
ALTER TABLE base DISABLE TRIGGER USER;
CREATE TABLE r_fine (id int PRIMARY KEY, w int);
SELECT migrate_link('r_fine', 'copy', owner => false) > 0 AS linked;
SELECT migrate_sync('r_fine', 'copy');

-- A key that is too long for the target's is nobody's: it is not cut to the key of another row.
CREATE DOMAIN short_code AS varchar(3);
CREATE TABLE coded (code varchar(3) PRIMARY KEY, note text);
CREATE TABLE coded_by_domain (code short_code PRIMARY KEY, note text);
INSERT INTO coded VALUES ('abc', 'own');
INSERT INTO coded_by_domain VALUES ('abc', 'own');
CREATE TABLE code_notes (code text PRIMARY KEY, note text);
INSERT INTO code_notes VALUES ('abcd', 'of abcd');
\set VERBOSITY terse
SELECT migrate_link('code_notes', 'coded', owner => false) > 0 AS linked;
SELECT migrate_backfill('code_notes', 'coded', sync => false) AS job \gset
CALL migrate_wait(:job);
SELECT migrate_link('code_notes', 'coded_by_domain', owner => false) > 0 AS linked;
SELECT migrate_backfill('code_notes', 'coded_by_domain', sync => false) AS job \gset
CALL migrate_wait(:job);
\set VERBOSITY default
SELECT * FROM coded UNION ALL SELECT * FROM coded_by_domain;

RESET search_path;
DROP SCHEMA partial CASCADE;
DROP EXTENSION pg_cutover;
DROP ROLE partial_owner;
