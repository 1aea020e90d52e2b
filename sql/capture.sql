-- Dual-write: every way to write reaches the target once, whatever else runs in the statement (R03-R10, R13, R15, R19,
-- O3, O4, O12-O16, O64, O66).
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
CREATE SCHEMA capture;
SET search_path = capture, public;
-- What differs between a table and its mirror, by the columns of the mirror.
CREATE FUNCTION differences(source text, target text, mapped text DEFAULT '*') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM ((SELECT %3$s FROM %1$s EXCEPT ALL SELECT %4$s FROM %2$s)
        UNION ALL (SELECT %4$s FROM %2$s EXCEPT ALL SELECT %3$s FROM %1$s)) d',
        source, target, mapped, CASE WHEN mapped = '*' THEN '*' ELSE regexp_replace(mapped, '::\w+', '', 'g') END) INTO n;
    RETURN n;
END $$;
RESET client_min_messages;

CREATE TABLE t (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0);
CREATE TABLE m (id bigint PRIMARY KEY, v text, n int NOT NULL, added text DEFAULT 'default');
SELECT migrate_link('t', 'm') > 0;
SELECT migrate_sync('t', 'm');
CREATE FUNCTION check_t() RETURNS text LANGUAGE sql AS $$
    SELECT format('%s rows, %s differences', (SELECT count(*) FROM m), differences('t', 'm', 'id::bigint, v, n')) $$;

INSERT INTO t SELECT n, 'row ' || n, n FROM generate_series(1, 20) n;
SELECT check_t();

-- R03 key_change, O12: moves, a swap, a cycle, a range, back and forth in one statement
UPDATE t SET id = id + 1000 WHERE id IN (1, 2);
BEGIN;
UPDATE t SET id = -3 WHERE id = 3;
UPDATE t SET id = 3 WHERE id = 4;
UPDATE t SET id = 4 WHERE id = -3;
SELECT id, v FROM m WHERE id IN (3, 4) ORDER BY id;
COMMIT;
UPDATE t SET id = id + 5000 WHERE id BETWEEN 5 AND 10;
UPDATE t SET id = id - 5000 WHERE id BETWEEN 5005 AND 5010;
WITH moved AS (DELETE FROM t WHERE id IN (11, 12) RETURNING *)
INSERT INTO t SELECT id + 100, v || ' moved', n FROM moved WHERE id = 11;
SELECT check_t();
-- columns that only the mirror has stay with their row when its key changes
UPDATE m SET added = 'kept' WHERE id = 13; -- a mirror that its owner made himself has no guard
UPDATE t SET id = 1300 WHERE id = 13;
UPDATE t SET v = 'changed' WHERE id = 1300;
SELECT * FROM m WHERE added = 'kept';

-- R04 upsert_storm, O3, O66: ON CONFLICT and MERGE in all their actions
INSERT INTO t VALUES (14, 'ignored') ON CONFLICT DO NOTHING;
INSERT INTO t VALUES (14, 'upserted'), (140, 'inserted') ON CONFLICT (id) DO UPDATE SET v = excluded.v, n = t.n + 1;
INSERT INTO t VALUES (14, 'unmatched') ON CONFLICT (id) DO UPDATE SET v = excluded.v WHERE t.n < 0;
MERGE INTO t USING (VALUES (15, 'update'), (16, 'delete'), (150, 'insert'), (17, 'nothing')) AS c (id, what) ON c.id = t.id
    WHEN MATCHED AND what = 'update' THEN UPDATE SET v = 'merged', id = t.id + 10000
    WHEN MATCHED AND what = 'delete' THEN DELETE
    WHEN MATCHED THEN DO NOTHING
    WHEN NOT MATCHED THEN INSERT VALUES (c.id, what, 1);
SELECT check_t();

-- R05 nested_trigger_stale: an AFTER trigger that changes the same row again, and others
CREATE FUNCTION nested() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO t VALUES (OLD.id, 'resurrected', OLD.n + 1);
    ELSIF NEW.v = 'nest' THEN
        UPDATE t SET v = 'nested', n = n + 1 WHERE id = NEW.id;
    ELSIF NEW.v = 'nest and go' THEN
        UPDATE t SET v = 'gone', id = -NEW.id WHERE id = NEW.id;
        INSERT INTO t VALUES (NEW.id, 'heir', 1);
    ELSIF NEW.v = 'nest and delete' THEN
        DELETE FROM t WHERE id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER a_first AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION nested();
CREATE TRIGGER "~~last" AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION nested();
ALTER TABLE t DISABLE TRIGGER "~~last";
UPDATE t SET v = 'nest' WHERE id IN (17, 18);
INSERT INTO t VALUES (170, 'nest'), (171, 'nest and go'), (172, 'nest and delete');
DELETE FROM t WHERE id = 19;
SELECT check_t();
ALTER TABLE t DISABLE TRIGGER a_first;
ALTER TABLE t ENABLE TRIGGER "~~last";
UPDATE t SET v = 'nest' WHERE id IN (17, 18, 20);
INSERT INTO t VALUES (180, 'nest'), (181, 'nest and go'), (182, 'nest and delete');
DELETE FROM t WHERE id = 140;
SELECT check_t();
DROP TRIGGER a_first ON t;
DROP TRIGGER "~~last" ON t;

-- R06 before_trigger_mutates: BEFORE triggers that change the row, or drop the write
CREATE FUNCTION before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.v = 'never' THEN RETURN NULL; END IF;
    NEW.v := NEW.v || '!';
    RETURN NEW;
END $$;
CREATE TRIGGER before BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION before();
INSERT INTO t VALUES (200, 'never'), (201, 'shout');
UPDATE t SET v = 'never' WHERE id = 17;
UPDATE t SET v = 'loud' WHERE id = 18;
DROP TRIGGER before ON t;
SELECT check_t();

-- R15 savepoint_rollback, O64: more than 64 subtransactions, some rolled back
DO $$
BEGIN
    FOR i IN 1..150 LOOP
        BEGIN
            INSERT INTO t VALUES (3000 + i, 'sub');
            UPDATE t SET n = n + 1 WHERE id = 17;
            IF i % 3 = 0 THEN RAISE 'undo'; END IF;
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
    END LOOP;
END $$;
BEGIN;
UPDATE t SET v = 'one' WHERE id = 17;
SAVEPOINT s;
DELETE FROM t WHERE id = 17;
INSERT INTO t VALUES (17, 'two');
ROLLBACK TO s;
UPDATE t SET n = -1 WHERE id = 17;
SAVEPOINT s;
DELETE FROM t WHERE id = 18;
ROLLBACK TO s;
COMMIT;
BEGIN;
DELETE FROM t;
ROLLBACK;
SELECT check_t();

-- O13 NULLs, O13b awkward values
UPDATE t SET v = NULL WHERE id = 17;
INSERT INTO t VALUES (400, E'back\\slash "quote" ''tick'' \t tab'), (401, ''), (402, NULL), (403, 'ünïcödé');
SELECT check_t();

-- R10 replica_role: what a subscription or a restore writes
SET session_replication_role = replica;
INSERT INTO t VALUES (410, 'replicated');
UPDATE t SET v = 'replicated' WHERE id = 401;
RESET session_replication_role;
SELECT check_t();

-- R08 copy_and_freeze
COPY t FROM stdin;
500	copied	1
501	copied	2
\.
BEGIN;
TRUNCATE t;
COPY t FROM stdin WITH (FREEZE);
1	frozen	1
2	frozen	2
\.
COMMIT;
SELECT check_t();

-- R07 truncate, O15
BEGIN;
TRUNCATE t;
SELECT check_t();
INSERT INTO t VALUES (1, 'after');
ROLLBACK;
SELECT check_t();
TRUNCATE t;
INSERT INTO t VALUES (1, 'after');
SELECT check_t();

-- R16 two_phase without its crash; a cursor that updates
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM t FOR UPDATE;
FETCH c;
UPDATE t SET v = 'current of' WHERE CURRENT OF c;
COMMIT;
SELECT check_t();

-- R09 fk_cascade
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent VALUES (1), (2), (3);
CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE,
    q int REFERENCES parent ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE child_m (id int PRIMARY KEY, p int, q int);
SELECT migrate_link('child', 'child_m') > 0;
SELECT migrate_sync('child', 'child_m');
INSERT INTO child VALUES (1, 1, 2), (2, 2, 1), (3, 3, 3);
UPDATE parent SET id = 4 WHERE id = 3;
DELETE FROM parent WHERE id = 1;
TABLE child_m ORDER BY id;
SELECT differences('child', 'child_m');

-- O4, R19 toast_unchanged: what a write leaves alone out of line is not stored again
CREATE TABLE wide (id int PRIMARY KEY, n int, big text, other text);
CREATE TABLE wide_m (other text, id bigint PRIMARY KEY, big text, n int);
ALTER TABLE wide ALTER big SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL;
ALTER TABLE wide_m ALTER big SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL;
SELECT migrate_link('wide', 'wide_m') > 0;
SELECT migrate_sync('wide', 'wide_m');
INSERT INTO wide SELECT n, n, repeat('b' || n, 3000), repeat('o' || n, 3000) FROM generate_series(1, 3) n;
CREATE FUNCTION toast_of(t regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    EXECUTE format('SELECT count(DISTINCT chunk_id) FROM %s', (SELECT reltoastrelid::regclass FROM pg_class WHERE oid = t)) INTO n;
    RETURN n;
END $$;
SELECT toast_of('wide_m');
CREATE TEMP TABLE before_update AS SELECT pg_relation_size(reltoastrelid) AS size FROM pg_class WHERE oid = 'wide_m'::regclass;
UPDATE wide SET n = n + 1;
UPDATE wide SET n = n + 1;
SELECT pg_relation_size(reltoastrelid) = size AND size > 0 AS toast_untouched FROM pg_class, before_update WHERE oid = 'wide_m'::regclass;
-- twice in one transaction: the mirror may hold an earlier form by then, and the value is taken from the source
BEGIN;
UPDATE wide SET big = 'in between', n = 0 WHERE id = 1;
UPDATE wide SET n = n + 1 WHERE id = 1;
COMMIT;
UPDATE wide SET big = repeat('B', 9000) WHERE id = 1;
UPDATE wide SET other = 'short' WHERE id = 2;
BEGIN;
UPDATE wide SET other = repeat('O', 9000) WHERE id = 3;
UPDATE wide SET n = 0 WHERE id = 3;
COMMIT;
UPDATE wide SET id = 30 WHERE id = 3;
SELECT differences('wide', 'wide_m', 'id::bigint, n, big, other');

-- R13 partition_row_move, O66: leaves written to directly, rows that change their partition
CREATE TABLE p (id int, k int, v text, PRIMARY KEY (id, k)) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
CREATE TABLE p2 (v text, k int NOT NULL, gone int, id int NOT NULL);
ALTER TABLE p2 DROP COLUMN gone;
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (100) TO (200);
CREATE TABLE p_m (v text, k int, id bigint, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE p_m1 PARTITION OF p_m FOR VALUES IN (1, 2, 3);
CREATE TABLE p_m2 (k int NOT NULL, id bigint NOT NULL, v text);
ALTER TABLE p_m ATTACH PARTITION p_m2 DEFAULT;
SELECT migrate_link('p', 'p_m') > 0;
SELECT migrate_sync('p', 'p_m');
INSERT INTO p SELECT n, n % 3 + 1 + 100 * (n % 2), 'p' || n FROM generate_series(1, 12) n;
INSERT INTO p2 VALUES ('leaf', 150, 99);
UPDATE p SET k = k + 100 WHERE k < 3;
UPDATE p SET k = 2 WHERE id = 99;
UPDATE p2 SET v = v || '!';
DELETE FROM p WHERE id = 5;
MERGE INTO p USING (VALUES (6)) c (id) ON c.id = p.id WHEN MATCHED THEN UPDATE SET k = 199;
SELECT differences('p', 'p_m', 'id::bigint, k, v'), count(*) FROM p_m;
TRUNCATE p1;
SELECT differences('p', 'p_m', 'id::bigint, k, v'), count(*) > 0 FROM p_m;
TRUNCATE p;
SELECT count(*) FROM p_m;

-- Filters: rows that enter, leave and stay out
CREATE TABLE f (id int PRIMARY KEY, state text, amount text);
CREATE TABLE f_m (id int PRIMARY KEY, state text, amount int);
SELECT migrate_link('f', 'f_m', columns => '{"amount": "amount::int"}', filter => $$state <> 'draft'$$) > 0;
SELECT migrate_sync('f', 'f_m');
INSERT INTO f VALUES (1, 'draft', 'not a number'), (2, 'open', '2'), (3, 'open', '3'), (4, 'draft', '4');
UPDATE f SET state = 'open' WHERE id = 4;
UPDATE f SET state = 'draft', amount = 'none' WHERE id = 2;
UPDATE f SET amount = 'still none' WHERE id = 1;
UPDATE f SET id = 5, state = 'draft' WHERE id = 3;
DELETE FROM f WHERE id = 1;
UPDATE f SET id = 6, state = 'open', amount = '6' WHERE id = 5;
TABLE f_m ORDER BY id;

-- Several links on one source, several sources into one target
CREATE TABLE a (id int PRIMARY KEY, v text);
CREATE TABLE b (id int PRIMARY KEY, v text);
CREATE TABLE both_m (origin text, id int, v text, PRIMARY KEY (origin, id));
CREATE TABLE a_m (id int PRIMARY KEY, v text);
SELECT migrate_link('a', 'both_m', columns => $${"origin": "'a'::text"}$$) > 0 AS a, migrate_link('a', 'a_m') > 0 AS a_alone,
       migrate_link('b', 'both_m', columns => $${"origin": "'b'::text"}$$) > 0 AS b;
SELECT migrate_sync('a', 'both_m'), migrate_sync('a', 'a_m'), migrate_sync('b', 'both_m');
INSERT INTO a VALUES (1, 'a1'), (2, 'a2');
INSERT INTO b VALUES (1, 'b1'), (2, 'b2');
UPDATE a SET v = 'A1' WHERE id = 1;
DELETE FROM b WHERE id = 2;
SELECT origin, id, v FROM both_m ORDER BY 1, 2;
-- only its own rows go with a source
TRUNCATE a;
SELECT origin, id, v FROM both_m ORDER BY 1, 2;
TABLE a_m;

-- Rights: the writer needs none on the mirror, and does not get any
SET client_min_messages = warning;
DROP ROLE IF EXISTS capture_writer, capture_owner;
CREATE ROLE capture_writer;
CREATE ROLE capture_owner;
RESET client_min_messages;
CREATE TABLE r (id int PRIMARY KEY, v text, who text);
CREATE TABLE r_m (id int PRIMARY KEY, v text, who text);
CREATE FUNCTION whoami(text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_user || ', ' || current_setting('search_path') $$;
GRANT USAGE ON SCHEMA capture TO capture_writer, capture_owner;
ALTER TABLE r_m OWNER TO capture_owner;
ALTER TABLE r_m ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT migrate_link('r', 'r_m', columns => '{"who": "whoami(v)"}') > 0;
SELECT migrate_sync('r', 'r_m');
GRANT SELECT, INSERT, UPDATE, DELETE ON r TO capture_writer;
SET ROLE capture_writer;
INSERT INTO r VALUES (1, 'mine');
UPDATE r SET v = 'still mine';
TABLE r_m;
RESET ROLE;
TABLE r_m;

-- R29 target_constraint_fail: rows that the mirror rejects (design: the policy of the link)
CREATE TABLE j (id int PRIMARY KEY, v text);
CREATE TABLE j_m (id int PRIMARY KEY, v varchar(5), CHECK (v <> 'bad'));
SELECT migrate_link('j', 'j_m') > 0;
SELECT migrate_sync('j', 'j_m', on_reject => 'fail');
INSERT INTO j VALUES (1, 'good');
INSERT INTO j VALUES (2, 'bad');
SELECT migrate_unsync('j', 'j_m');
TRUNCATE j, j_m;
SELECT migrate_sync('j', 'j_m', on_reject => 'record');
INSERT INTO j VALUES (1, 'good'), (2, 'bad'), (3, 'too long'), (4, 'fine');
UPDATE j SET v = 'bad' WHERE id = 1;
UPDATE j SET v = 'other' WHERE id = 4;
TABLE j_m ORDER BY id;
SELECT key, sqlstate, message FROM migrate.rejected_row ORDER BY id;
SELECT migrate_unsync('j', 'j_m');
TRUNCATE j, j_m;
SELECT migrate_sync('j', 'j_m');
INSERT INTO j VALUES (1, 'good');
BEGIN;
INSERT INTO j VALUES (2, 'bad');
ROLLBACK;
INSERT INTO j VALUES (3, 'fine');
INSERT INTO j VALUES (4, 'bad'), (5, 'late');
INSERT INTO j VALUES (6, 'lost');
TABLE j_m ORDER BY id;
SELECT key, sqlstate FROM migrate.rejected_row ORDER BY id;

-- O7: a unique constraint that only the mirror has, and duplicates that arrive: nobody's row is lost, and it is said
CREATE TABLE q (id int PRIMARY KEY, v text);
CREATE TABLE q_m (id int PRIMARY KEY, v text UNIQUE);
SELECT migrate_link('q', 'q_m') > 0;
SELECT migrate_sync('q', 'q_m');
INSERT INTO q VALUES (1, 'once'), (2, 'twice');
INSERT INTO q VALUES (3, 'twice');
INSERT INTO q VALUES (4, 'after');
SELECT count(*) FROM q;
TABLE q_m ORDER BY id;
SELECT state, broken FROM migrate.link_status WHERE target = 'q_m'::regclass;
SELECT migrate_unlink('q', 'q_m');

-- O48: whatever is dropped by hand, the application goes on
DROP TABLE j_m;
INSERT INTO j VALUES (7, 'alone');
DELETE FROM migrate.capture;
INSERT INTO t VALUES (900, 'nobody looks');
DELETE FROM migrate.link;
INSERT INTO t VALUES (901, 'nobody looks');

SET client_min_messages = warning;
DROP SCHEMA capture CASCADE;
DROP ROLE capture_writer, capture_owner;
