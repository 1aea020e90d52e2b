-- Scenarios: R10, R14, O60
-- Turning dual-write on and off: what is created, what is refused, and that nothing is left behind.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
RESET client_min_messages;
CREATE SCHEMA sync;
SET search_path = sync, public;

CREATE VIEW triggers AS
SELECT t.tgrelid::regclass AS relation, regexp_replace(t.tgname, '[0-9]+', 'N') AS trigger, t.tgenabled AS enabled,
       p.proname AS calls, t.tgtype & 1 = 1 AS for_each_row, t.tgtype & 2 = 2 AS before
  FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
 WHERE NOT t.tgisinternal ORDER BY t.tgrelid::regclass::text COLLATE "C", t.tgname;
CREATE VIEW options AS
SELECT c.relname, c.reloptions, t.reloptions AS toast FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
 WHERE c.relnamespace = 'sync'::regnamespace AND c.relkind = 'r' AND (c.reloptions IS NOT NULL OR t.reloptions IS NOT NULL)
 ORDER BY 1;
CREATE VIEW status AS
SELECT source, target, state, on_reject, broken, rejected_rows FROM migrate.link_status;

-- On: a shadow gets a guard, and VACUUM does not cut it while writers need it. Always: for replicas too (R10).
CREATE TABLE "Odd ""name""" (id int PRIMARY KEY, v text);
INSERT INTO "Odd ""name""" SELECT n, 'v' || n FROM generate_series(1, 3000) n;
SELECT migrate_shadow('"Odd ""name"""', 'odd_v2', ARRAY['ALTER COLUMN id TYPE bigint']);
ALTER TABLE odd_v2 SET (vacuum_truncate = true, fillfactor = 80);
SELECT migrate_sync('"Odd ""name"""', 'odd_v2');
TABLE triggers;
TABLE options;
TABLE status;
\set VERBOSITY default
INSERT INTO odd_v2 VALUES (1, 'direct');
TRUNCATE odd_v2;
UPDATE "Odd ""name""" SET v = 'changed' WHERE id <= 3;
DELETE FROM "Odd ""name""" WHERE id = 2;
TABLE odd_v2 ORDER BY id;

-- Again: nothing changes, the boundary least of all.
SELECT boundary, installed_at FROM migrate.capture \gset
SELECT migrate_sync('"Odd ""name"""', 'odd_v2');
SELECT count(*) FROM migrate.capture WHERE boundary = :'boundary' AND installed_at = :'installed_at' AND policy = 'suspend';

-- With another on_reject it is refused, and goes on as it was.
SELECT migrate_sync('"Odd ""name"""', 'odd_v2', 'fail');
SELECT count(*) FROM migrate.capture WHERE boundary = :'boundary' AND installed_at = :'installed_at' AND policy = 'suspend';

-- What was on before the copy is what the copy begins from.
SELECT migrate_backfill('"Odd ""name"""', 'odd_v2') AS job \gset
SET client_min_messages = warning;
CALL migrate_wait(:job);
RESET client_min_messages;
SELECT j.boundary::text = :'boundary' AS same_boundary, p.state, p.phase FROM migrate.job j JOIN migrate.progress p ON p.job = j.id WHERE j.id = :job;
TABLE status;
SELECT count(*) AS differences FROM ((SELECT id, v FROM "Odd ""name""" EXCEPT TABLE odd_v2) UNION ALL (TABLE odd_v2 EXCEPT SELECT id, v FROM "Odd ""name""")) d;

-- Beside it a copy that knows nothing of dual-write is refused.
SELECT migrate_backfill('"Odd ""name"""', 'odd_v2', sync => false);

-- Off, and on again: not before the target is empty.
SELECT migrate_unsync('"Odd ""name"""', 'odd_v2');
TABLE triggers;
TABLE options;
SELECT migrate_unsync('"Odd ""name"""', 'odd_v2');
SELECT migrate_sync('"Odd ""name"""', 'odd_v2');
TRUNCATE odd_v2;
SELECT migrate_sync('"Odd ""name"""', 'odd_v2', 'record');
SELECT kind, message FROM migrate.event WHERE kind = 'sync' ORDER BY id;
SET client_min_messages = warning;
SELECT migrate_unlink('"Odd ""name"""', 'odd_v2');
RESET client_min_messages;
TABLE triggers;
TABLE options;
SELECT count(*) AS left_behind FROM migrate.capture, migrate.capture_part;

-- It is undone with its transaction.
CREATE TABLE plain (id int PRIMARY KEY, v text UNIQUE);
CREATE TABLE plain_v2 (LIKE plain INCLUDING ALL);
SELECT migrate_link('plain', 'plain_v2') > 0 AS linked;
BEGIN;
SELECT migrate_sync('plain', 'plain_v2');
INSERT INTO plain VALUES (1, 'mine');
ROLLBACK;
TABLE triggers;
TABLE status;

-- A partitioned source: every leaf has what it needs, and a TRUNCATE of its own.
CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (100) TO (300) PARTITION BY RANGE (id);
CREATE TABLE parted_2a PARTITION OF parted_2 FOR VALUES FROM (100) TO (200);
CREATE TABLE merged (LIKE parted INCLUDING ALL) PARTITION BY HASH (id);
CREATE TABLE merged_0 PARTITION OF merged FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE merged_1 PARTITION OF merged FOR VALUES WITH (MODULUS 2, REMAINDER 1) WITH (vacuum_truncate = false);
SELECT migrate_link('parted', 'merged') > 0 AS linked;
SELECT migrate_sync('parted', 'merged');
TABLE triggers;
TABLE options;

-- Several sources of one target: the second may come to the rows of the first; the options are the last one's to restore.
CREATE TABLE more (id int PRIMARY KEY, v text);
INSERT INTO parted VALUES (1, 'p');
SELECT migrate_link('more', 'merged') > 0 AS linked;
SELECT migrate_sync('more', 'merged');
SELECT migrate_unsync('parted', 'merged');
TABLE options;
SELECT migrate_unsync('more', 'merged');
TABLE options;
TABLE triggers;

-- Refused: what cannot be mirrored exactly.
SELECT migrate_sync('plain', 'merged');
SELECT migrate_sync('plain', 'plain_v2', 'ignore');
SELECT migrate_sync('plain', 'plain_v2', NULL);
SELECT migrate_unsync('plain', 'plain_v2');

ALTER TABLE plain_v2 ADD EXCLUDE (id WITH =);
SELECT migrate_sync('plain', 'plain_v2');
SELECT migrate_backfill('plain', 'plain_v2');
ALTER TABLE plain_v2 DROP CONSTRAINT plain_v2_id_excl;

CREATE TABLE lookup (v text PRIMARY KEY);
ALTER TABLE plain_v2 ADD FOREIGN KEY (v) REFERENCES lookup;
SELECT migrate_sync('plain', 'plain_v2');
ALTER TABLE plain_v2 DROP CONSTRAINT plain_v2_v_fkey;
CREATE TABLE referring (id int REFERENCES plain_v2);
SELECT migrate_sync('plain', 'plain_v2');
DROP TABLE referring;

CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER theirs BEFORE INSERT ON plain_v2 FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT migrate_sync('plain', 'plain_v2');
DROP TRIGGER theirs ON plain_v2;
CREATE RULE theirs AS ON INSERT TO plain_v2 DO ALSO NOTHING;
SELECT migrate_sync('plain', 'plain_v2');
DROP RULE theirs ON plain_v2;

INSERT INTO plain_v2 VALUES (7, 'its own');
SELECT migrate_sync('plain', 'plain_v2');
SELECT migrate_backfill('plain', 'plain_v2');
TRUNCATE plain_v2;

CREATE TABLE folded (v text PRIMARY KEY, id int);
SET client_min_messages = error;
SELECT migrate_link('plain', 'folded', columns => '{"v": "lower(v)"}') > 0 AS linked;
RESET client_min_messages;
SELECT migrate_sync('plain', 'folded');
SELECT migrate_backfill('plain', 'folded');

CREATE TABLE looked_up (id int PRIMARY KEY, v text);
SELECT migrate_link('plain', 'looked_up', columns => '{"v": "(SELECT min(l.v) FROM sync.lookup l)"}') > 0 AS linked;
SELECT migrate_sync('plain', 'looked_up');

-- Sources that can be copied once only (R14: rows of children).
CREATE TABLE parent (id int PRIMARY KEY, v text);
CREATE TABLE child () INHERITS (parent);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, v text);
CREATE VIEW a_view AS SELECT * FROM plain;
CREATE TABLE copied (id int PRIMARY KEY, v text);
SELECT migrate_backfill('parent', 'copied');
SELECT migrate_backfill('unlogged', 'copied');
SELECT migrate_backfill('a_view', 'copied');

-- A mapping that no longer fits would meet the application.
ALTER TABLE plain RENAME COLUMN v TO w;
SELECT migrate_sync('plain', 'plain_v2');
ALTER TABLE plain RENAME COLUMN w TO v;
ALTER TABLE plain_v2 DROP CONSTRAINT plain_v2_pkey;
SELECT migrate_sync('plain', 'plain_v2');
ALTER TABLE plain_v2 ADD PRIMARY KEY (id);

-- A dormant link does nothing, and does not stand in the way of one in the other direction.
UPDATE migrate.link SET dormant = true WHERE source = 'plain'::regclass AND target = 'plain_v2'::regclass;
SELECT migrate_sync('plain', 'plain_v2');
SELECT migrate_link('plain_v2', 'plain') > 0 AS linked;
SELECT migrate_unlink('plain_v2', 'plain');
UPDATE migrate.link SET dormant = false WHERE source = 'plain'::regclass AND target = 'plain_v2'::regclass;
SELECT migrate_link('plain_v2', 'plain');

-- A copy with dual-write builds indexes and unique constraints; foreign keys and triggers wait for the swap.
CREATE TABLE orders (id int PRIMARY KEY, v text NOT NULL REFERENCES lookup, code int UNIQUE);
CREATE INDEX orders_v ON orders (v);
CREATE TRIGGER theirs AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION nothing();
INSERT INTO lookup VALUES ('a'), ('b');
INSERT INTO orders SELECT n, CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END, n FROM generate_series(1, 2000) n;
SELECT migrate_shadow('orders', 'orders_v2');
SELECT migrate_backfill('orders', 'orders_v2') AS job \gset
SET client_min_messages = warning;
CALL migrate_wait(:job);
RESET client_min_messages;
SELECT d.kind, d.name, d.built_at IS NOT NULL AS built FROM migrate.deferred_object d
  JOIN migrate.link l ON l.id = d.link WHERE l.target = 'orders_v2'::regclass ORDER BY 1, 2;
TABLE status;
INSERT INTO orders VALUES (5000, 'a', 5000);
UPDATE orders SET code = -code WHERE id < 10;
SELECT count(*) AS differences FROM ((TABLE orders EXCEPT TABLE orders_v2) UNION ALL (TABLE orders_v2 EXCEPT TABLE orders)) d;

-- The sql method passes the guard, and locks the rows that it copies.
SELECT migrate_unsync('orders', 'orders_v2');
TRUNCATE orders_v2;
SELECT migrate_backfill('orders', 'orders_v2', method => 'sql') AS job \gset
SET client_min_messages = warning;
CALL migrate_wait(:job);
RESET client_min_messages;
SELECT p.state, j.options ->> 'method' AS method FROM migrate.progress p JOIN migrate.job j ON j.id = p.job WHERE j.id = :job;
SELECT count(*) AS differences FROM ((TABLE orders EXCEPT TABLE orders_v2) UNION ALL (TABLE orders_v2 EXCEPT TABLE orders)) d;
INSERT INTO orders_v2 VALUES (9999, 'a', 9999);

-- Dropped tables: nothing that is left can be in the way of unlinking.
DROP TABLE orders_v2;
INSERT INTO orders VALUES (5001, 'b', 5001);
SELECT state, broken FROM status;
SET client_min_messages = warning;
SELECT migrate_unlink('orders', (SELECT target FROM migrate.link WHERE source = 'orders'::regclass));
RESET client_min_messages;
SELECT * FROM triggers WHERE calls <> 'nothing';

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA sync CASCADE;
