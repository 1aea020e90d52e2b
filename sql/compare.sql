-- Scenarios: C1, C2, C3, C4, C5, C6, C7, C8, C12, C13, C16, C32, C33, C37, C38, C39, C43, C45
-- Comparing two tables: what is found, how it is named, and what is refused.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
CREATE SCHEMA compare;
SET search_path = compare, public;
CREATE VIEW verdict AS
SELECT source, target, verdict, rows_source AS rows_s, rows_target AS rows_t, missing, extra, changed,
       representation_only AS rep, method
  FROM migrate.comparison ORDER BY job DESC LIMIT 1;
CREATE VIEW differences AS
SELECT key, kind, columns, source_row, target_row, times FROM migrate.difference
 WHERE job = (SELECT max(job) FROM migrate.comparison)
 ORDER BY kind, key, source_row::text, target_row::text;

-- By name, without a link: every kind of difference at once, and nothing else.
CREATE TABLE a (id int PRIMARY KEY, v text, n numeric, at timestamptz);
INSERT INTO a SELECT g, 'v' || g, g + 0.5, timestamptz '2026-01-01' + g * interval '1 min' FROM generate_series(1, 5000) g;
CREATE TABLE b (at timestamptz, n numeric, gone int, v text, id bigint PRIMARY KEY);
ALTER TABLE b DROP COLUMN gone;
INSERT INTO b (id, v, n, at) SELECT id, v, n, at FROM a;
SELECT migrate_compare('a', 'b') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
TABLE differences;
SELECT columns FROM migrate.comparison WHERE job = :job;
DELETE FROM b WHERE id = 17;
INSERT INTO b (id, v) VALUES (0, 'below'), (-9000000000, 'far below'), (6000, 'above');
UPDATE b SET v = NULL WHERE id = 20;
UPDATE b SET v = '' WHERE id = 21;
UPDATE b SET n = 40.50 WHERE id = 40;
UPDATE b SET at = at + interval '10 min' WHERE id IN (50, 51);
UPDATE b SET v = CASE id WHEN 60 THEN 'v61' ELSE 'v60' END WHERE id IN (60, 61);
SELECT migrate_compare('a', 'b') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
TABLE differences;

-- The same range by range.
SELECT migrate_compare('a', 'b', 'rolling', '{"target_batch_ms": 1}') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT count(*), count(*) FILTER (WHERE kind = 'changed') AS changed FROM differences;
SELECT batches > 3 AS several_ranges FROM migrate.progress WHERE job = :job;

-- Empty sides.
CREATE TABLE empty (LIKE b INCLUDING ALL);
SELECT migrate_compare('empty', 'b') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT migrate_compare('b', 'empty', 'rolling') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;

-- Two columns of one type exchanged; a value over the border of two columns.
CREATE TABLE pair_a (id int, part text, x text, y text, PRIMARY KEY (part, id));
CREATE TABLE pair_b (y text, x text, id int, part text, PRIMARY KEY (id, part));
INSERT INTO pair_a VALUES (1, 'a', 'x0', 'y'), (2, 'a', 'left', 'right'), (1, '1', 's', 't'), (11, '', 's', 't');
INSERT INTO pair_b (id, part, x, y) VALUES (1, 'a', 'x', '0y'), (2, 'a', 'right', 'left'), (1, '1', 's', 't'), (11, '', 's', 't');
SELECT migrate_compare('pair_a', 'pair_b') AS job \gset
CALL migrate_wait(:job);
TABLE differences;

-- Without a key rows are counted.
CREATE TABLE heap_a (v text, j json);
CREATE TABLE heap_b (v text, j json);
INSERT INTO heap_a VALUES ('once', '{}'), ('1 to 3', '1'), ('2 to 4', NULL), ('2 to 4', NULL), ('same', '[]'), ('same', '[]');
INSERT INTO heap_b VALUES ('1 to 3', '1'), ('1 to 3', '1'), ('1 to 3', '1'), ('2 to 4', NULL), ('2 to 4', NULL), ('2 to 4', NULL),
    ('2 to 4', NULL), ('same', '[]'), ('same', '[]');
SELECT migrate_compare('heap_a', 'heap_b') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
TABLE differences;

-- A link's mapping and filter decide what the target is to hold.
CREATE TABLE orders (id int PRIMARY KEY, state text, cents int, note text);
INSERT INTO orders SELECT g, CASE WHEN g % 4 = 0 THEN 'gone' ELSE 'new' END, g * 100, NULL FROM generate_series(1, 2000) g;
CREATE TABLE orders_v2 (order_id bigint PRIMARY KEY, amount numeric(12,2), remark text, extra int DEFAULT 7);
SELECT migrate_backfill('orders', 'orders_v2', columns => '{"order_id": "id", "amount": "cents / 100.0", "remark": "note"}',
    filter => $$state <> 'gone'$$) AS job \gset
CALL migrate_wait(:job);
UPDATE orders SET state = 'gone' WHERE id = 1;
UPDATE orders SET cents = 1 WHERE id = 2;
SELECT migrate_compare('orders', 'orders_v2') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT columns FROM migrate.comparison WHERE job = :job;
-- What dual-write does not see.
SET pg_cutover.lock_timeout = '1 s';
SELECT migrate_unsync('orders', 'orders_v2');
INSERT INTO orders VALUES (9001, 'new', 5, 'late');
DELETE FROM orders WHERE id = 3;
UPDATE orders_v2 SET amount = amount + 1 WHERE order_id = 5;
SELECT migrate_compare('orders', 'orders_v2') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
TABLE differences;

-- Repaired: first looked at, then done, then compared again.
SELECT migrate_repair(:job) AS repair \gset
CALL migrate_wait(:repair);
SELECT key, action, dry_run, before, after, error FROM migrate.repair WHERE job = :repair ORDER BY key;
SELECT count(*) FROM orders_v2 WHERE order_id IN (3, 9001);
SELECT migrate_repair(:job, dry_run => false) AS repair \gset
CALL migrate_wait(:repair);
SELECT key, action, dry_run, before, after, error FROM migrate.repair WHERE job = :repair ORDER BY key;
SELECT key, repaired_at IS NOT NULL AS repaired FROM migrate.difference WHERE job = :job ORDER BY key;
SELECT migrate_compare('orders', 'orders_v2') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT message FROM migrate.event WHERE kind IN ('comparison', 'repair') ORDER BY id DESC LIMIT 3;

-- A row that another constraint refuses is left alone; the others are done.
CREATE UNIQUE INDEX ON orders_v2 (remark);
UPDATE orders SET note = 'late' WHERE id = 6;
UPDATE orders SET note = 'fine' WHERE id = 7;
SELECT migrate_compare('orders', 'orders_v2') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_repair(:job, dry_run => false) AS repair \gset
CALL migrate_wait(:repair);
SELECT key, action, after, error FROM migrate.repair WHERE job = :repair ORDER BY key;
SELECT rows_done, rows_total FROM migrate.progress WHERE job = :repair;

-- Writes that would do more than mend the row.
CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER own BEFORE UPDATE ON orders_v2 FOR EACH ROW EXECUTE FUNCTION fires();
CREATE TABLE lines (order_id bigint REFERENCES orders_v2 ON DELETE CASCADE);
SELECT migrate_repair(:job);
DROP TABLE lines;
DROP TRIGGER own ON orders_v2;

-- More differences than are listed: the numbers are true, and say so.
CREATE TABLE many_a AS SELECT g AS id, g AS v FROM generate_series(1, 30000) g;
ALTER TABLE many_a ADD PRIMARY KEY (id);
CREATE TABLE many_b AS SELECT id, CASE WHEN id % 2 = 0 THEN v ELSE -v END AS v FROM many_a WHERE id % 10 <> 0;
ALTER TABLE many_b ADD PRIMARY KEY (id);
SELECT migrate_compare('many_a', 'many_b') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT count(*) FROM migrate.difference WHERE job = :job;

-- More columns than a function takes arguments.
SELECT format('CREATE TABLE wide_a (id int PRIMARY KEY, %s)', string_agg(format('c%s int', g), ', ')) FROM generate_series(1, 1500) g \gexec
CREATE TABLE wide_b (LIKE wide_a INCLUDING ALL);
INSERT INTO wide_a (id, c1, c777, c1500) SELECT g, g, g, g FROM generate_series(1, 20) g;
INSERT INTO wide_b SELECT * FROM wide_a;
UPDATE wide_b SET c777 = 0 WHERE id = 3;
UPDATE wide_b SET c1500 = NULL WHERE id = 4;
SELECT migrate_compare('wide_a', 'wide_b') AS job \gset
CALL migrate_wait(:job);
SELECT key, kind, columns FROM differences;

-- Partitions, inheritance, views.
CREATE TABLE parts (id bigint, v text, n numeric, at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (2000);
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
ALTER TABLE parts ADD PRIMARY KEY (id);
INSERT INTO parts SELECT * FROM a;
SELECT migrate_compare('a', 'parts') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
CREATE TABLE child () INHERITS (a);
INSERT INTO child VALUES (7000, 'of the child');
SELECT migrate_compare('a', 'parts') AS job \gset
CALL migrate_wait(:job);
TABLE differences;
CREATE VIEW as_view AS SELECT * FROM ONLY a;
SELECT migrate_compare('as_view', 'parts') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;

-- A value that would be cut to fit is another value; two collations; keys that are NULL on one side.
CREATE TABLE long_a (id int PRIMARY KEY, v text COLLATE "C");
CREATE TABLE long_b (id int PRIMARY KEY, v varchar(3) COLLATE "POSIX");
INSERT INTO long_a VALUES (1, 'abc'), (2, 'b');
INSERT INTO long_b VALUES (1, 'abc'), (2, 'B');
SELECT migrate_compare('long_a', 'long_b') AS job \gset
CALL migrate_wait(:job);
SELECT key, kind, columns FROM differences;
INSERT INTO long_a VALUES (3, 'abcdef');
INSERT INTO long_b VALUES (3, 'abc');
SELECT migrate_compare('long_a', 'long_b') AS job \gset
CALL migrate_wait(:job);
SELECT key, kind, columns FROM differences;
-- an assignment of a link refuses what is too long, also where a domain, an array or a field of a row has the length; blanks at the end do not count
CREATE DOMAIN short AS varchar(3);
CREATE DOMAIN shorts AS short[];
CREATE DOMAIN nibble AS bit(4);
CREATE TYPE holder AS (code varchar(3), n int);
CREATE TABLE cut_a (id int PRIMARY KEY, v text, l text[], b bit(8));
CREATE TABLE cut_b (id int PRIMARY KEY, v short, b nibble, l varchar(3)[], m short[], k shorts, h holder, c char(3)[], e varchar(3)[]);
INSERT INTO cut_a VALUES (1, 'abc  ', '{{abc,"ab  "},{NULL,""}}', '11110000'), (2, NULL, NULL, NULL), (3, '', '{}', '11110000');
SELECT migrate_link('cut_a', 'cut_b', '{"b": "''1111''::varbit", "m": "l", "k": "l", "h": "row(v, id)", "c": "l", "e": "''{abc}''"}') > 0 AS linked;
INSERT INTO cut_b SELECT id, v::short, B'1111', l::varchar(3)[], l::short[], l::shorts, row(v, id)::holder, l::char(3)[], '{abc}' FROM cut_a;
SELECT migrate_compare('cut_a', 'cut_b') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT migrate_unlink('cut_a', 'cut_b');
UPDATE cut_a SET v = 'abcd', l = '{{abc},{abcd}}';
CREATE TABLE cut (name text, type text, mapping text, job bigint);
INSERT INTO cut VALUES ('v', 'short', 'v'), ('b', 'nibble', 'b'), ('l', 'varchar(3)[]', 'l'), ('m', 'short[]', 'l'), ('k', 'shorts', 'l'),
    ('h', 'holder', 'row(v, id)'), ('c', 'char(3)[]', 'l');
DO $do$
DECLARE
    one cut;
BEGIN
    FOR one IN SELECT * FROM cut LOOP
        EXECUTE format('CREATE TABLE only_%1$s (id int PRIMARY KEY, %1$s %2$s); INSERT INTO only_%1$s SELECT id, (%3$s)::%2$s FROM cut_a',
                       one.name, one.type, one.mapping);
        PERFORM migrate_link('cut_a', ('only_' || one.name)::regclass, jsonb_build_object(one.name, one.mapping));
    END LOOP;
END
$do$;
UPDATE cut SET job = migrate_compare('cut_a', ('only_' || name)::regclass);
\set VERBOSITY terse
SELECT format('CALL migrate_wait(%s)', job) FROM cut ORDER BY job \gexec
\set VERBOSITY default
SELECT name, verdict FROM cut JOIN migrate.comparison USING (job) ORDER BY name;
CREATE TABLE null_a (id int, v text);
CREATE TABLE null_b (id int PRIMARY KEY, v text);
INSERT INTO null_a VALUES (1, 'x'), (NULL, 'y');
INSERT INTO null_b VALUES (1, 'x');
SELECT migrate_compare('null_a', 'null_b') AS job \gset
CALL migrate_wait(:job);
TABLE differences;

-- A key that is there twice on one side only: a row with an equal on the other side is no difference, whatever the hashes.
CREATE TABLE twice (id int, v text, j json);
CREATE TABLE once (id int PRIMARY KEY, v text, j json);
INSERT INTO twice VALUES (1, 'a', '{}'), (1, 'b', '{}'), (2, 'x', '1'), (2, 'y', '1'), (3, 'p', '[]');
INSERT INTO once VALUES (1, 'a', '{}'), (2, 'z', '1'), (3, 'p', '[ ]');
SELECT migrate_compare('twice', 'once') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_compare('twice', 'once') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_compare('twice', 'once') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_compare('once', 'twice') AS job \gset
CALL migrate_wait(:job);
SELECT source, missing, extra, changed, representation_only FROM migrate.comparison
 WHERE 'once'::regclass IN (source, target) ORDER BY job;
-- Keys of another width, and beyond it.
CREATE TABLE narrow (id smallint PRIMARY KEY, v int);
CREATE TABLE broad (id bigint PRIMARY KEY, v int);
INSERT INTO narrow SELECT g, g FROM generate_series(-32768, 32767, 7) g;
INSERT INTO broad SELECT * FROM narrow;
INSERT INTO broad VALUES (32768, 1), (-9000000000, 1), (9000000000, 1);
UPDATE broad SET v = 0 WHERE id = -32768;
DELETE FROM broad WHERE id = -32761;
SELECT migrate_compare('narrow', 'broad') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT key, kind FROM differences;
SELECT migrate_compare('narrow', 'broad', 'rolling') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
-- A type without an equality: what is written alike is equal.
CREATE TABLE json_a (id int PRIMARY KEY, n numeric, j json);
CREATE TABLE json_b (LIKE json_a INCLUDING ALL);
INSERT INTO json_a VALUES (1, 1.0, '{}'), (2, 2, '{}');
INSERT INTO json_b VALUES (1, 1.00, '{}'), (2, 2, '{ }');
SELECT migrate_compare('json_a', 'json_b') AS job \gset
CALL migrate_wait(:job);
SELECT key, kind, columns FROM differences;

-- Ranges do not depend on how the session quotes names.
SET quote_all_identifiers = on;
CREATE TABLE quoted (id int PRIMARY KEY, v int);
CREATE TABLE quoted_new (id bigint PRIMARY KEY, v int);
SELECT migrate_link('quoted', 'quoted_new') IS NOT NULL AS linked;
SELECT migrate_compare('quoted', 'quoted_new', 'rolling') AS job \gset
RESET quote_all_identifiers;
CALL migrate_wait(:job);
TABLE verdict;

-- Refusals.
\set VERBOSITY default
SELECT migrate_compare('a', 'b', 'thorough');
SELECT migrate_compare('a', 'a');
SELECT migrate_compare('a', 'orders');
SELECT migrate_compare('heap_a', 'heap_b', 'rolling');
SELECT migrate_compare('as_view', 'parts', 'rolling');
CREATE TABLE by_id (id int PRIMARY KEY, tenant int NOT NULL);
CREATE TABLE by_tenant (id int, tenant int, PRIMARY KEY (tenant, id));
SELECT migrate_link('by_id', 'by_tenant') IS NOT NULL AS linked;
SELECT migrate_compare('by_id', 'by_tenant', 'rolling');
CREATE INDEX ON by_id (tenant, id);
SELECT migrate_compare('by_id', 'by_tenant', 'rolling') AS job \gset
SET client_min_messages = warning;
CALL migrate_wait(:job);
CREATE TEMPORARY TABLE here (LIKE a);
SELECT migrate_compare('a', 'here');
CREATE SEQUENCE numbers;
SELECT migrate_compare('numbers', 'b');
SELECT migrate_repair(424242);
SELECT max(job) AS job FROM migrate.comparison WHERE source = 'as_view'::regclass \gset
SELECT migrate_repair(:job);
CREATE ROLE compare_reader LOGIN;
SELECT migrate_grant('compare_reader');
GRANT USAGE ON SCHEMA compare TO compare_reader;
GRANT SELECT ON a TO compare_reader;
SET ROLE compare_reader;
SELECT migrate_compare('a', 'b');
RESET ROLE;
GRANT SELECT ON b TO compare_reader;
SET ROLE compare_reader;
SELECT migrate_compare('a', 'b');
RESET ROLE;
ALTER TABLE b OWNER TO compare_reader;
ALTER TABLE a ENABLE ROW LEVEL SECURITY;
SET ROLE compare_reader;
SELECT migrate_compare('a', 'b');
SELECT count(*) FROM migrate.difference;
RESET ROLE;
ALTER TABLE a DISABLE ROW LEVEL SECURITY;

DROP EXTENSION pg_cutover CASCADE;
DROP SCHEMA compare CASCADE;
DROP OWNED BY compare_reader;
DROP ROLE compare_reader;
