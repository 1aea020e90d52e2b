-- Links as such: made, found again, removed, recorded.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
RESET client_min_messages;
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA links;
SET search_path = links, public;
CREATE TABLE s (id int PRIMARY KEY, a int, b text);
CREATE TABLE d (id bigint PRIMARY KEY, a int, b text, extra text DEFAULT 'x');
CREATE TABLE d2 (LIKE d INCLUDING ALL);

-- A link vanishes with the transaction that made it.
BEGIN;
SELECT migrate_link('s', 'd') > 0;
ROLLBACK;
SELECT count(*) FROM migrate.link WHERE source = 's'::regclass;

-- What is kept is what was given; a migration is made by its first link.
SELECT migrate_link('s', 'd', '{"b": "upper(b)"}', 'a > 1', '{id}', migration => 'links: one') > 0;
SELECT migrate_link('s', 'd2', migration => 'links: one') > 0;
SELECT source, target, columns, filter, target_key, owner, sync_refusal, created_target, migration,
       created_by = current_user::regrole FROM migrate.link WHERE source = 's'::regclass ORDER BY id;
SELECT name, description FROM migrate.migration WHERE name ~ '^links';
SELECT kind, migration, source, target, message, details, inverse, actor = current_user
  FROM migrate.event WHERE source = 'links.s' ORDER BY id;
-- Others see neither links nor events of a role they do not belong to.
CREATE ROLE regress_links;
SELECT migrate_grant('regress_links');
GRANT ALL ON SCHEMA links TO regress_links;
SET ROLE regress_links;
SELECT count(*) FROM migrate.event;
SELECT count(*) FROM migrate.link;
SELECT migrate_unlink('s', 'd');
CREATE TABLE own_s (id int PRIMARY KEY);
CREATE TABLE own_d (id int PRIMARY KEY);
SELECT migrate_link('own_s', 'own_d') > 0;
SELECT source, target, actor FROM migrate.event;
SELECT migrate_unlink('own_s', 'own_d');
RESET ROLE;

-- The recorded inverse of a removal makes the same link again.
SELECT migrate_unlink('s', 'd');
SELECT inverse FROM migrate.event WHERE source = 'links.s' AND kind = 'unlink' ORDER BY id DESC LIMIT 1 \gset
SELECT :'inverse';
SET search_path = public;
:inverse \g /dev/null
SET search_path = links, public;
SELECT columns, filter, target_key, migration FROM migrate.link WHERE target = 'd'::regclass;
SELECT migrate_unlink('s', 'd');
SELECT migrate_unlink('s', 'd2');

-- What a copy took off the target comes back when the link goes.
CREATE INDEX d_a ON d (a);
SELECT migrate_link('s', 'd') AS link \gset
INSERT INTO migrate.deferred_object (link, position, kind, name, definition, index_name, constraint_clause, afterwards, from_target)
VALUES (:link, 1, 'index', 'd_b', 'CREATE INDEX d_b ON links.d USING btree (b)', NULL, NULL,
        ARRAY['COMMENT ON INDEX links.d_b IS ''kept''', 'ALTER TABLE links.d CLUSTER ON d_b'], true),
       (:link, 2, 'constraint', 'd_u', 'CREATE UNIQUE INDEX d_u ON links.d USING btree (a, b)', 'd_u',
        'UNIQUE USING INDEX d_u DEFERRABLE', '{}', true),
       (:link, 3, 'foreign_key', 'd_f', 'FOREIGN KEY (a) REFERENCES links.s(id) ON DELETE CASCADE', NULL, NULL, '{}', true),
       (:link, 4, 'index', 'd_a', 'CREATE INDEX d_a ON links.d USING btree (a)', NULL, NULL, '{}', true),
       (:link, 5, 'index', 'd_not', 'CREATE INDEX d_not ON links.d USING btree (a)', NULL, NULL, '{}', false);
SELECT migrate_unlink('s', 'd');
SELECT pg_get_indexdef(indexrelid), indisclustered, obj_description(indexrelid)
  FROM pg_index WHERE indrelid = 'd'::regclass ORDER BY 1;
SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint WHERE conrelid = 'd'::regclass ORDER BY 1;

-- Not while a job works on it.
BEGIN;
SELECT migrate_backfill('s', 'd', sync => false) AS job;
SELECT migrate_unlink('s', 'd');
ROLLBACK;

-- migrate_backfill makes the link where there is none, takes the one that is there, and minds a difference.
BEGIN;
SELECT migrate_link('s', 'd', '{"b": "upper(b)"}', 'a > 1') AS link \gset
SAVEPOINT s;
SELECT migrate_backfill('s', 'd', sync => false) AS job \gset
SELECT link = :link FROM migrate.job WHERE id = :job;
ROLLBACK TO s;
SELECT migrate_backfill('s', 'd', '{"b":"upper(b)"}', 'a > 1', '{id}', sync => false) AS job \gset
SELECT link = :link FROM migrate.job WHERE id = :job;
ROLLBACK TO s;
SELECT migrate_backfill('s', 'd', '{"b": "lower(b)"}', sync => false);
ROLLBACK TO s;
SELECT migrate_backfill('s', 'd', filter => 'a > 2', sync => false);
ROLLBACK TO s;
SELECT migrate_backfill('s', 'd', key => '{a}', sync => false);
ROLLBACK;

-- What can be copied but not kept in step is remembered as such.
CREATE VIEW v AS SELECT * FROM s;
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child () INHERITS (parent);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (9);
DO $$
DECLARE
    view_or_table regclass;
    link migrate.link;
BEGIN
    FOREACH view_or_table IN ARRAY ARRAY['v', 'parent', 'child', 'unlogged', 'part']::regclass[] LOOP
        BEGIN
            PERFORM migrate_backfill(view_or_table, 'd', sync => false);
            SELECT * INTO link FROM migrate.link l WHERE l.source = view_or_table;
            RAISE EXCEPTION USING MESSAGE = pg_catalog.format('%s: %s, key %s', view_or_table, link.sync_refusal, link.source_key),
                ERRCODE = 'YY000';
        EXCEPTION WHEN SQLSTATE 'YY000' THEN
            RAISE NOTICE '%', SQLERRM;
        END;
    END LOOP;
END
$$;

-- A link whose tables are gone can still be removed, by the numbers they had.
SELECT migrate_link('s', 'd2') > 0;
SELECT 'd2'::regclass::oid AS gone \gset
DROP TABLE d2;
SELECT migrate_unlink('s', :gone::regclass);
SELECT count(*) FROM migrate.link WHERE source = 's'::regclass;

\set VERBOSITY terse
SET client_min_messages = warning;
SELECT migrate_grant('regress_links', 'none');
DROP SCHEMA links CASCADE;
DELETE FROM migrate.migration WHERE name ~ '^links';
DROP ROLE regress_links;
