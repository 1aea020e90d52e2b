-- Dual-write under valgrind: every path of the trigger, the swap and the way back.
SET client_min_messages = warning;
CREATE TABLE t (id int PRIMARY KEY, v text, big text, n int CHECK (n < 1000));
CREATE INDEX t_v ON t (v);
INSERT INTO t SELECT n, 'v' || n, repeat(md5(n::text), 200), n FROM generate_series(1, 40) n;
CREATE VIEW seen AS SELECT id, v FROM t;
SELECT migrate_table('t', ARRAY['ALTER COLUMN id TYPE bigint', 'RENAME COLUMN v TO w',
    $$ADD COLUMN extra text NOT NULL DEFAULT 'x'$$], cutover => 'manual') AS job \gset
CALL migrate_wait(:job);
INSERT INTO t VALUES (41, 'new', 'short', 1);
UPDATE t SET n = n + 1 WHERE id < 10;
UPDATE t SET id = id + 100 WHERE id < 5;
DELETE FROM t WHERE id = 20;
BEGIN;
SAVEPOINT s;
UPDATE t SET v = 'undone';
ROLLBACK TO s;
INSERT INTO t VALUES (42, 'upsert') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
INSERT INTO t VALUES (42, 'upsert') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
COMMIT;
-- caches made anew, with entries in use before
ALTER TABLE t_new ALTER COLUMN n SET STATISTICS 10;
UPDATE t SET v = 'after' WHERE id = 30;

-- rejected rows, in subtransactions, some inside exception blocks
CREATE TABLE j (id int PRIMARY KEY, v text);
CREATE TABLE j_m (id int PRIMARY KEY, v varchar(5), CHECK (v <> 'bad'));
SELECT migrate_link('j', 'j_m') > 0;
SELECT migrate_sync('j', 'j_m', on_reject => 'record');
INSERT INTO j VALUES (1, 'good'), (2, 'bad'), (3, 'too long');
UPDATE j SET id = id + 10, v = 'bad';
DO $$ BEGIN INSERT INTO j VALUES (50, 'ok'); RAISE 'undo'; EXCEPTION WHEN raise_exception THEN NULL; END $$;
DELETE FROM j WHERE id = 12;
TRUNCATE j;

-- partitions on both sides, and columns that another table fills
CREATE TABLE p (id int, k int, v text, PRIMARY KEY (id, k)) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
CREATE TABLE p_m (v text, k int, id int, note text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE p_m1 PARTITION OF p_m FOR VALUES IN (1, 2, 3);
CREATE TABLE p_m2 (k int NOT NULL, id int NOT NULL, note text, v text);
ALTER TABLE p_m ATTACH PARTITION p_m2 DEFAULT;
CREATE TABLE notes (id int, k int, note text, PRIMARY KEY (id, k));
SELECT migrate_backfill('p', 'p_m') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_link('notes', 'p_m', owner => false) > 0;
SELECT migrate_sync('notes', 'p_m');
INSERT INTO p SELECT n, n, 'p' FROM generate_series(1, 15) n;
INSERT INTO notes VALUES (1, 1, 'one'), (99, 1, 'early');
INSERT INTO p VALUES (99, 1, 'late');
UPDATE p SET k = 12 WHERE id = 2;
DELETE FROM notes WHERE id = 1;
TRUNCATE p1;

-- a cache entry that is made while another one is: its default is computed beforehand, and writes to another source
CREATE TABLE inner_s (id int PRIMARY KEY, v text);
CREATE TABLE inner_m (id bigint PRIMARY KEY, v text);
SELECT migrate_link('inner_s', 'inner_m') > 0;
SELECT migrate_sync('inner_s', 'inner_m');
CREATE SEQUENCE inner_id;
CREATE FUNCTION write_inner() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN INSERT INTO public.inner_s VALUES (nextval('public.inner_id'), 'n'); RETURN 'x'; END $$;
CREATE FUNCTION claims() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.write_inner(); END $$;
CREATE TABLE outer_s (id int PRIMARY KEY, v text);
CREATE TABLE outer_m (id int PRIMARY KEY, v text, w text DEFAULT claims());
SELECT migrate_link('outer_s', 'outer_m') > 0;
SELECT migrate_sync('outer_s', 'outer_m');
\connect -
INSERT INTO outer_s VALUES (1, 'o'), (2, 'o');
INSERT INTO inner_s VALUES (0, 'n');
ALTER TABLE outer_m ALTER COLUMN v SET STATISTICS 10;
UPDATE outer_s SET v = 'p';
SET client_min_messages = warning;

SELECT migrate_cutover('t', 't_new') AS job \gset
CALL migrate_wait(:job);
INSERT INTO t VALUES (500, 'reverse', 'b', 5);
UPDATE t SET w = 'changed' WHERE id = 30;
SELECT migrate_revert('t') AS job \gset
CALL migrate_wait(:job);
DO $$
BEGIN
    IF EXISTS ((SELECT id::bigint, v, big, n FROM t EXCEPT ALL SELECT id, w, big, n FROM t_new)
               UNION ALL (SELECT id, w, big, n FROM t_new EXCEPT ALL SELECT id::bigint, v, big, n FROM t))
    THEN RAISE 't and its mirror differ'; END IF;
    IF EXISTS ((SELECT id::bigint, v FROM inner_s EXCEPT ALL TABLE inner_m)
               UNION ALL (TABLE inner_m EXCEPT ALL SELECT id::bigint, v FROM inner_s))
        OR (SELECT count(*) FROM outer_m WHERE v = 'p') <> 2
    THEN RAISE 'a row of a nested entry went astray'; END IF;
    IF (SELECT v FROM t WHERE id = 30) <> 'changed' THEN RAISE 'a write was lost'; END IF;
    IF (SELECT note FROM p_m WHERE id = 99) <> 'early' THEN RAISE 'a note was lost'; END IF;
END $$;
SELECT migrate_unlink('t', 't_new');
