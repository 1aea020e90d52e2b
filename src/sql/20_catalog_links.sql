-- Migrations and links: what is moved where, and how a row of the source becomes a row of the target.
CREATE TABLE migrate.migration (
    name        text PRIMARY KEY CHECK (name <> ''),
    description text,
    created_by  regrole NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE migrate.migration IS 'named plans that group links, jobs, checks and gates';

CREATE TABLE migrate.link (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source         regclass NOT NULL,
    target         regclass NOT NULL,
    columns        jsonb NOT NULL,
    filter         text,
    mapping        jsonb NOT NULL,
    source_filter  text,
    target_key     text[] NOT NULL,
    source_key     text[] NOT NULL,
    source_columns text[] NOT NULL,
    owner          boolean NOT NULL,
    sync_refusal   text,
    keys_injective boolean NOT NULL,
    created_target boolean NOT NULL,
    dormant        boolean NOT NULL DEFAULT false,
    migration      text REFERENCES migrate.migration (name) ON UPDATE CASCADE ON DELETE SET NULL,
    created_by     regrole NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    UNIQUE (source, target),
    CHECK (source <> target)
);
COMMENT ON TABLE migrate.link IS 'pairs of source and target with their mapping: the unit of sync, backfill, compare and cutover';
COMMENT ON COLUMN migrate.link.columns IS 'the mapping as the user gave it: target column to expression over the source row';
COMMENT ON COLUMN migrate.link.filter IS 'the filter as the user gave it';
COMMENT ON COLUMN migrate.link.mapping IS 'every mapped target column with its expression, as [{"column": ..., "expression": ...}], with all names qualified so that it means the same under any search_path';
COMMENT ON COLUMN migrate.link.source_filter IS 'the filter with all names qualified';
COMMENT ON COLUMN migrate.link.target_key IS 'target columns that identify a row';
COMMENT ON COLUMN migrate.link.source_key IS 'source columns that identify a row; empty for sources that are copied once and have no key of their own';
COMMENT ON COLUMN migrate.link.source_columns IS 'the source''s columns with type, collation, NOT NULL, generated and identity as they were when the link was made: a source that was altered since is not copied';
COMMENT ON COLUMN migrate.link.owner IS 'false: the link fills some columns of rows that another link owns';
COMMENT ON COLUMN migrate.link.sync_refusal IS 'why this source can be copied but not kept in step; NULL where it can';
COMMENT ON COLUMN migrate.link.keys_injective IS 'different source keys are known to give different target keys';
COMMENT ON COLUMN migrate.link.dormant IS 'true while the tables are swapped and the link of the other direction is at work';
COMMENT ON COLUMN migrate.link.created_target IS 'true where migrate_shadow created the target';

CREATE TABLE migrate.table_name (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation regclass NOT NULL,
    name     text NOT NULL
);
CREATE INDEX table_name_relation ON migrate.table_name (relation, id);
COMMENT ON TABLE migrate.table_name IS 'what tables of links and jobs were called; of each table the row with the highest id counts, and it is all that is left of one that was dropped';

CREATE VIEW migrate.known_table WITH (security_barrier) AS
SELECT n.relation,
       coalesce((SELECT pg_catalog.format('%I.%I', s.nspname, c.relname)
                   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
                  WHERE c.oid = n.relation), n.name || ' (dropped)') AS name
  FROM migrate.table_name n
 WHERE n.id = (SELECT pg_catalog.max(m.id) FROM migrate.table_name m WHERE m.relation = n.relation);
COMMENT ON VIEW migrate.known_table IS 'tables of links and jobs by the names they have, or had';
COMMENT ON COLUMN migrate.known_table.relation IS 'the table';
COMMENT ON COLUMN migrate.known_table.name IS 'qualified; (dropped) follows where it is gone';

CREATE TABLE migrate.deferred_object (
    link              bigint NOT NULL REFERENCES migrate.link (id) ON DELETE CASCADE,
    position          integer NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('index', 'constraint', 'foreign_key', 'trigger')),
    name              text NOT NULL,
    definition        text NOT NULL,
    index_name        text,
    constraint_clause text,
    afterwards        text[] NOT NULL DEFAULT '{}',
    after_name        text,
    from_target       boolean NOT NULL,
    built_at          timestamptz,
    PRIMARY KEY (link, position)
);
COMMENT ON TABLE migrate.deferred_object IS 'indexes, constraints and triggers that a target gets after the copy';
COMMENT ON COLUMN migrate.deferred_object.kind IS 'index: plain index; constraint: unique, primary key or exclusion constraint; foreign_key: added NOT VALID, then validated; trigger: created last';
COMMENT ON COLUMN migrate.deferred_object.definition IS 'index and trigger: the CREATE statement, without CONCURRENTLY; constraint with an index_name: the CREATE UNIQUE INDEX statement of that index; other constraint and foreign_key: what follows ADD CONSTRAINT name, ending with NOT VALID only where the constraint is to stay so';
COMMENT ON COLUMN migrate.deferred_object.index_name IS 'constraint: the index that is built first and then becomes the constraint''s; NULL for an exclusion constraint';
COMMENT ON COLUMN migrate.deferred_object.constraint_clause IS 'constraint with an index_name: what follows ADD CONSTRAINT name, as UNIQUE USING INDEX i DEFERRABLE';
COMMENT ON COLUMN migrate.deferred_object.afterwards IS 'statements to run once the object exists: comments, statistics targets, the cluster mark, a trigger''s firing state';
COMMENT ON COLUMN migrate.deferred_object.after_name IS 'shadow: the name the object takes at the swap; NULL: it keeps its own';
COMMENT ON COLUMN migrate.deferred_object.from_target IS 'true: the object was on the target when the copy began and was taken off it for the time of the copy';
COMMENT ON COLUMN migrate.deferred_object.built_at IS 'NULL while the object is still to be built';

CREATE TABLE migrate.source_object (
    link       bigint NOT NULL REFERENCES migrate.link (id) ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('index', 'constraint', 'foreign key', 'trigger', 'statistics object')),
    name       text NOT NULL,
    definition text NOT NULL,
    PRIMARY KEY (link, kind, name)
);
COMMENT ON TABLE migrate.source_object IS 'what hung on the source when migrate_shadow looked at it, or when a swap made the link back: anything else was made since, and the other table may lack it';
COMMENT ON COLUMN migrate.source_object.kind IS 'constraint: of any kind but foreign keys';
COMMENT ON COLUMN migrate.source_object.definition IS 'to be compared only: without the names of the table and, but for triggers, of the object';
