-- migrate_table from start to end, the verdict about the way back, retirement and purge, unlink in every state.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
DROP SCHEMA IF EXISTS tables CASCADE;
CREATE SCHEMA tables;
SET search_path = tables, public;
CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES customer, total numeric(10, 2) NOT NULL DEFAULT 0, note text);
CREATE INDEX orders_customer ON orders (customer);
CREATE TABLE item (id int PRIMARY KEY, order_id int REFERENCES orders ON DELETE CASCADE);
CREATE VIEW totals AS SELECT customer, sum(total) AS total FROM orders GROUP BY customer;
INSERT INTO customer SELECT n, 'customer ' || n FROM generate_series(1, 10) n;
INSERT INTO orders (customer, total) SELECT 1 + n % 10, n FROM generate_series(1, 500) n;
INSERT INTO item SELECT n, n FROM generate_series(1, 50) n;

-- what cannot be done is said before anything is made
SELECT migrate_table('orders', '{}', cutover => 'later');
SELECT migrate_table('orders', '{}', workers => 0);
SELECT migrate_table('orders', '{ALTER COLUMN nonsense TYPE bigint}');
SELECT migrate_table('orders', '{ALTER COLUMN total TYPE integer}');
SELECT migrate_table('orders', '{DROP COLUMN total}');
SELECT count(*) FROM pg_class WHERE relname LIKE 'orders%new%';

-- one call
SELECT migrate_table('orders', ARRAY['ALTER COLUMN id TYPE bigint', 'RENAME COLUMN note TO remark',
    'ADD COLUMN region text NOT NULL DEFAULT ''eu''', 'DROP CONSTRAINT IF EXISTS nothing']) AS job \gset
CALL migrate_wait(:job);
SELECT kind, state, phase, rows_done FROM migrate.progress;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0;
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'orders'::regclass ORDER BY 1;
SELECT conrelid::regclass, conname, confrelid::regclass, convalidated FROM pg_constraint
 WHERE contype = 'f' AND (conrelid = 'orders'::regclass OR confrelid = 'orders'::regclass) ORDER BY 2;
SELECT count(*), sum(total) FROM totals;
-- goes on where it stood
INSERT INTO orders (customer, total, remark) VALUES (1, 9.99, 'new') RETURNING id, region;
UPDATE orders SET total = 0 WHERE id = 1;
DELETE FROM orders WHERE id = 2;
SELECT id, total, note FROM orders_old WHERE id IN (1, 2, 501) ORDER BY id;
SELECT current, previous, lossless, reason FROM migrate.revert_verdict;
INSERT INTO orders_old (customer) VALUES (1);
-- not twice at a time
SELECT migrate_table('orders', ARRAY['ALTER COLUMN total TYPE numeric(14, 2)']);

-- R40, O57: a row that the old table cannot take, noted; the way back is barred until it is mended
SELECT migrate_revert('orders') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_cutover('orders', 'orders_new', on_reject => 'record') AS job \gset
CALL migrate_wait(:job);
INSERT INTO orders (id, customer, remark) VALUES (3000000000, 1, 'beyond int');
UPDATE orders SET id = 4000000000 WHERE id = 60;
UPDATE orders SET total = 7 WHERE id = 7;
SELECT current, previous, lossless, reason, rejected_rows, rejected_keys FROM migrate.revert_verdict;
SELECT migrate_revert('orders') AS job \gset
CALL migrate_wait(:job);
UPDATE orders SET id = 60000 WHERE id = 4000000000;
UPDATE orders SET id = 600 WHERE id = 3000000000;
SELECT migrate_cancel(:job);
SELECT migrate_revert('orders') AS job \gset
CALL migrate_wait(:job);
SELECT id, total, note FROM orders WHERE id IN (7, 60, 600, 60000) ORDER BY id;
SELECT count(*) FROM (SELECT id::bigint, customer, total, note FROM orders EXCEPT ALL
                      SELECT id, customer, total, remark FROM orders_new) d;

-- the reverse stream stopped by hand: the verdict says so
SELECT migrate_cutover('orders', 'orders_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_unsync('orders', 'orders_old');
SELECT lossless, reason FROM migrate.revert_verdict;
SELECT migrate_revert('orders');

-- DDL on the live table does not stop its writers
SELECT migrate_unlink('orders_old', 'orders');
SELECT count(*) FROM migrate.link;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '%pg_cutover%';
DROP TABLE orders_old;
SELECT migrate_table('orders', ARRAY['ALTER COLUMN total TYPE numeric(14, 2)']) AS job \gset
CALL migrate_wait(:job);
ALTER TABLE orders DROP COLUMN remark;
INSERT INTO orders (customer, total) VALUES (2, 5);
SELECT lossless, reason FROM migrate.revert_verdict;

-- retirement and purge
SELECT migrate_retire('orders');
SELECT migrate_retire('orders_old', '-1 day');
SELECT migrate_retire('orders_old', '30 days');
SELECT regexp_replace(relname, '\d{8}', 'DATE') AS name, regexp_replace(obj_description(oid), '\d{4}-\d\d-\d\d', 'DATE', 'g') AS comment
  FROM pg_class WHERE relname LIKE 'orders_archived%';
SELECT regexp_replace(object, '\d{8}', 'DATE') AS object, safe_after > now() + interval '29 days' AS later, dropped FROM migrate_purge();
SELECT regexp_replace(object, '\d{8}', 'DATE') AS object, dropped FROM migrate_purge(dry_run => false);
UPDATE migrate.swap SET safe_after = now() WHERE ended_at IS NULL;
SELECT regexp_replace(object, '\d{8}', 'DATE') AS object, dropped FROM migrate_purge();
SELECT regexp_replace(object, '\d{8}', 'DATE') AS object, dropped FROM migrate_purge(dry_run => false);
SELECT * FROM migrate_purge();
SELECT count(*) FROM pg_class WHERE relname LIKE 'orders_archived%';
INSERT INTO orders (customer, total) VALUES (2, 5);

-- manual: kept in step until migrate_cutover
SELECT migrate_table('customer', '{ALTER COLUMN id TYPE bigint}', cutover => 'manual', workers => 2) AS job \gset
CALL migrate_wait(:job);
UPDATE customer SET name = 'changed' WHERE id = 1;
SELECT state FROM migrate.link_status;
SELECT name FROM customer_new WHERE id = 1;
SELECT migrate_cutover('customer', 'customer_new', retire_as => 'customer_2025') AS job \gset
CALL migrate_wait(:job);
SELECT conname, confrelid::regclass, convalidated FROM pg_constraint WHERE conrelid = 'orders'::regclass AND contype = 'f';
SELECT migrate_unlink('customer', 'customer_2025');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '%pg_cutover%';
SELECT count(*) FROM migrate.link;

-- Names that a type has are taken, since a table's row type is called like the table.
CREATE TABLE label (id int PRIMARY KEY);
CREATE TYPE label_new AS ENUM ('a');
CREATE DOMAIN label_old AS text;
SELECT migrate_table('label', '{ALTER COLUMN id TYPE bigint}') AS job \gset
CALL migrate_wait(:job);
SELECT live, mirror, mirror_name FROM migrate.swap WHERE live = 'label'::regclass;
-- today and tomorrow: midnight may come before the next statement
DO $$ BEGIN
    EXECUTE format('CREATE TYPE label_archived_%s AS (x int)', to_char(now(), 'YYYYMMDD'));
    EXECUTE format('CREATE TYPE label_archived_%s AS (x int)', to_char(now() + interval '1 day', 'YYYYMMDD'));
END $$;
SELECT migrate_retire('label_old2');
SELECT regexp_replace(relname, '\d{8}', 'DATE') AS name FROM pg_class WHERE relname LIKE 'label_archived%' AND relkind = 'r';

-- O34: the old table's own triggers stay, and do not fire for what is mirrored; O15: TRUNCATE reaches it, O17: what was
-- deleted or truncated does not come back
CREATE TABLE event (id int PRIMARY KEY, v text);
CREATE TABLE audit (at text, op text);
CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tables.audit VALUES (TG_TABLE_NAME, TG_OP);
    RETURN NULL;
END $$;
CREATE TRIGGER audited AFTER INSERT OR UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION audited();
CREATE TRIGGER audited_truncate AFTER TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION audited();
INSERT INTO event SELECT n, 'v' FROM generate_series(1, 5) n;
SELECT migrate_table('event', '{ALTER COLUMN id TYPE bigint}') AS job \gset
CALL migrate_wait(:job);
TRUNCATE audit;
INSERT INTO event VALUES (6, 'new');
UPDATE event SET v = 'changed' WHERE id = 1;
DELETE FROM event WHERE id = 2;
SELECT * FROM audit ORDER BY op;
SELECT * FROM event_old ORDER BY id;
TRUNCATE event;
INSERT INTO event VALUES (7, 'after');
SELECT at, op, count(*) FROM audit GROUP BY 1, 2 ORDER BY 2;
TABLE event_old;
SELECT migrate_revert('event') AS job \gset
CALL migrate_wait(:job);
TABLE event;
SELECT migrate_unlink('event', 'event_new');
-- A foreign key that could not be validated is still meant to be valid, whichever way the tables are swapped then.
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
CREATE TABLE toy (child int REFERENCES child);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (1, 1), (2, 1);
SET session_replication_role = replica;
INSERT INTO toy VALUES (99);
RESET session_replication_role;
SELECT migrate_table('child', ARRAY['ADD COLUMN x int']) AS job \gset
CALL migrate_wait(:job);
SELECT conname, convalidated FROM pg_constraint WHERE conname IN ('child_parent_fkey', 'toy_child_fkey') ORDER BY conname;
SELECT migrate_revert('child') AS revert \gset
CALL migrate_wait(:revert);
DELETE FROM toy;
SELECT migrate_resume(:revert);
CALL migrate_wait(:revert);
SELECT conname, convalidated FROM pg_constraint WHERE conname IN ('child_parent_fkey', 'toy_child_fkey') ORDER BY conname;
SELECT migrate_cutover('child', 'child_new') AS job \gset
CALL migrate_wait(:job);
SELECT conname, convalidated FROM pg_constraint WHERE conname IN ('child_parent_fkey', 'toy_child_fkey') ORDER BY conname;
-- A table that was migrated before, and is kept in step with its old one: the next shadow does not get our triggers.
CREATE TABLE again (id int PRIMARY KEY, v text);
CREATE TRIGGER audited AFTER INSERT ON again FOR EACH ROW EXECUTE FUNCTION audited();
INSERT INTO again VALUES (1, 'a');
SELECT migrate_table('again', ARRAY['ADD COLUMN x int']) AS job \gset
CALL migrate_wait(:job);
SELECT migrate_table('again', ARRAY['ADD COLUMN y int'], cutover => 'manual') AS job \gset
CALL migrate_wait(:job);
SELECT name FROM migrate.deferred_object WHERE name LIKE '%pg\_cutover%';
SELECT status, regexp_replace(details, '\d+', 'N') AS details FROM migrate_preflight('again', 'again_new') WHERE check_name = 'link';
SELECT migrate_retire('again_old');
SELECT migrate_cutover('again', 'again_new') AS job \gset
CALL migrate_wait(:job);
INSERT INTO again (id, v) VALUES (2, 'b');
SELECT tgrelid::regclass AS "table", regexp_replace(tgname, '\d+', 'N') AS trigger, count(*) FROM pg_trigger
 WHERE tgrelid IN ('again'::regclass, 'again_old'::regclass) AND NOT tgisinternal GROUP BY 1, 2 ORDER BY 1, 2;
SELECT migrate_unlink('again', 'again_old');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'again'::regclass AND NOT tgisinternal;
DROP SCHEMA tables CASCADE;
RESET client_min_messages;
