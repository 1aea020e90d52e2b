-- Cutover and revert: what is refused in the call, and what a swap leaves behind (O30, O55, R37, R38).
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;

CREATE TABLE customer (id int PRIMARY KEY);
INSERT INTO customer SELECT generate_series(1, 9);
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customer ON DELETE CASCADE,
    parent int REFERENCES orders, price numeric(10, 2), note text);
INSERT INTO orders SELECT n, 1 + n % 9, nullif(n / 2, 0), n, 'note ' || n FROM generate_series(1, 100) n;
CREATE TABLE item (id int PRIMARY KEY, orders int CONSTRAINT item_of REFERENCES orders (id) ON DELETE SET NULL DEFERRABLE);
COMMENT ON CONSTRAINT item_of ON item IS 'the order';
INSERT INTO item SELECT n, n FROM generate_series(1, 100) n;
CREATE TABLE part (id int, orders int CONSTRAINT part_of REFERENCES orders) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (100);
INSERT INTO part SELECT n, n FROM generate_series(1, 99) n;

-- Refused: what the call can know.
SELECT migrate_cutover('orders', 'item');
SELECT migrate_shadow('orders', 'orders_new', ARRAY['ALTER COLUMN id TYPE bigint', 'RENAME COLUMN note TO remark']);
SELECT migrate_cutover('orders', 'orders_new');
SELECT migrate_backfill('orders', 'orders_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_cutover('orders', 'orders_new', lock_timeout => '0');
SELECT migrate_cutover('orders', 'orders_new', attempts => 0);
SELECT migrate_cutover('orders', 'orders_new', on_reject => 'suspend');
SELECT migrate_cutover('orders', 'orders_new', retire_as => 'item');
SELECT migrate_cutover('orders', 'orders_new', terminate_blockers_after => '-1 s');
SELECT migrate_revert('orders');

-- The swap: foreign keys follow in both directions, validated.
CREATE VIEW foreign_keys AS
SELECT conrelid::regclass AS "table", conname AS name, pg_get_constraintdef(oid) AS definition, convalidated AS validated,
       obj_description(oid, 'pg_constraint') AS comment
  FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND connamespace = 'public'::regnamespace
 ORDER BY conrelid::regclass::text COLLATE "C", conname;
SELECT * FROM foreign_keys;
SELECT migrate_cutover('orders', 'orders_new') AS job \gset
CALL migrate_wait(:job);
SELECT * FROM foreign_keys;
SELECT source, target, dormant FROM migrate.link ORDER BY id;
SELECT live, mirror, mirror_name, ended_at IS NULL AS stands FROM migrate.swap;
SELECT kind, message, inverse FROM migrate.event_log
 WHERE kind = 'cutover' AND message NOT LIKE '%locked for%' ORDER BY id;
SELECT migrate_cutover('orders_old', 'orders');
SELECT migrate_revert('orders_old');
-- Writes go to the new table and, mirrored, to the old one, which takes none of its own.
UPDATE orders SET remark = 'new' WHERE id = 1;
SELECT note FROM orders_old WHERE id = 1;
DELETE FROM orders_old;

-- And back.
SELECT migrate_revert('orders') AS job \gset
CALL migrate_wait(:job);
SELECT * FROM foreign_keys;
SELECT source, target, dormant FROM migrate.link ORDER BY id;
SELECT note FROM orders WHERE id = 1;
UPDATE orders SET note = 'newer' WHERE id = 1;
SELECT remark FROM orders_new WHERE id = 1;

-- Once more, under a name of choice and without a way back.
SELECT migrate_cutover('orders', 'orders_new', retire_as => 'orders_2025', reverse_sync => false) AS job \gset
CALL migrate_wait(:job);
SELECT * FROM foreign_keys;
SELECT live, mirror, reverse_link, ended_at IS NULL AS stands FROM migrate.swap ORDER BY id;
SELECT migrate_revert('orders');

-- A mapping without an inverse needs one, or no way back.
CREATE TABLE plan (id int PRIMARY KEY, price numeric(10, 2));
INSERT INTO plan VALUES (1, 1.50);
CREATE TABLE plan_new (id int PRIMARY KEY, cents bigint);
SELECT migrate_link('plan', 'plan_new', columns => '{"cents": "(price * 100)::bigint"}') IS NOT NULL AS linked;
SELECT migrate_backfill('plan', 'plan_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_cutover('plan', 'plan_new');
SELECT migrate_cutover('plan', 'plan_new', reverse_columns => '{"price": "cents / 100.0"}') AS job \gset
CALL migrate_wait(:job);
INSERT INTO plan VALUES (2, 250);
SELECT * FROM plan_old ORDER BY id;

-- Dual-write back was ended: the error says how it begins again, and what that costs.
CREATE TABLE trip (id int PRIMARY KEY, note text, legacy text DEFAULT 'by default');
INSERT INTO trip VALUES (1, 'before', 'of its own');
SELECT migrate_table('trip', ARRAY['ALTER COLUMN id TYPE bigint', 'DROP COLUMN legacy']) AS job \gset
CALL migrate_wait(:job);
SELECT migrate_unsync('trip', 'trip_old');
INSERT INTO trip VALUES (2, 'missed');
SELECT migrate_revert('trip');
TRUNCATE trip_old;
SELECT migrate_revert('trip');
SELECT migrate_backfill('trip', 'trip_old', sync => true) AS job \gset
CALL migrate_wait(:job);
SELECT migrate_revert('trip') AS job \gset
CALL migrate_wait(:job);
SELECT * FROM trip ORDER BY id;

-- A foreign key that nothing in the new table could satisfy is refused by name.
CREATE TABLE tag (id int PRIMARY KEY, code text UNIQUE);
CREATE TABLE tagged (code text CONSTRAINT tagged_code REFERENCES tag (code));
CREATE TABLE tag_new (id int PRIMARY KEY, code text);
SELECT migrate_backfill('tag', 'tag_new') AS job \gset
CALL migrate_wait(:job);
SELECT migrate_cutover('tag', 'tag_new');

DROP VIEW foreign_keys;
DROP TABLE trip, trip_new, tagged, tag, tag_new, plan, plan_old, item, part, orders, orders_2025, customer CASCADE;
DROP EXTENSION pg_cutover CASCADE;
