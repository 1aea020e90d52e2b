-- Scenarios: O54, R56
-- migrate_shadow: what the new table is like, what the alterations mean for the rows, what waits for the
-- end of the copy.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
RESET client_min_messages;
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA shadow;
SET search_path = shadow, public;
CREATE FUNCTION refused(call text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text; hint text; context text;
BEGIN
    EXECUTE call;
    RAISE 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
    RETURN NEXT state || ': ' || message;
    IF detail <> '' THEN RETURN NEXT '  DETAIL: ' || detail; END IF;
    IF hint <> '' THEN RETURN NEXT '  HINT: ' || hint; END IF;
    IF context ~ 'alteration|re-creating' THEN
        RETURN NEXT '  CONTEXT: ' || pg_catalog.substring(context, '(?n)^((?:alteration|re-creating).*)$');
    END IF;
END
$$;
-- Column by column, where the rows of a shadow come from.
CREATE FUNCTION lineage(target regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT pg_catalog.format('%s <- %s', m.value ->> 'column', m.value ->> 'expression')
      FROM migrate.link l, pg_catalog.jsonb_array_elements(l.mapping) WITH ORDINALITY AS m
     WHERE l.target = lineage.target ORDER BY m.ordinality
$$;
CREATE FUNCTION waiting(target regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT pg_catalog.concat_ws(' | ', d.kind, d.name, d.definition, d.index_name, d.constraint_clause,
                                pg_catalog.array_to_string(d.afterwards, '; '), 'after the swap: ' || d.after_name,
                                CASE WHEN d.built_at IS NOT NULL THEN 'built' END)
      FROM migrate.link l JOIN migrate.deferred_object d ON d.link = l.id
     WHERE l.target = waiting.target ORDER BY d.position
$$;

-- The example of the reference.
CREATE TABLE usage_events (id serial PRIMARY KEY, tenant int NOT NULL, amount numeric, note text);
CREATE INDEX usage_events_tenant ON usage_events (tenant);
SELECT migrate_shadow('usage_events', 'usage_events_v2',
    ARRAY['ALTER COLUMN id TYPE bigint', 'ADD COLUMN region text NOT NULL DEFAULT ''eu''', 'RENAME COLUMN amount TO price',
          'DROP COLUMN note']);
\pset tuples_only off
\d usage_events_v2
\pset tuples_only on
SELECT lineage('usage_events_v2');
SELECT waiting('usage_events_v2');
SELECT kind, message, details, inverse FROM migrate.event WHERE target = 'shadow.usage_events_v2' ORDER BY id;
SELECT created_target, sync_refusal, source_key, target_key FROM migrate.link WHERE target = 'usage_events_v2'::regclass;
-- Unlinking leaves the table.
SELECT migrate_unlink('usage_events', 'usage_events_v2');
SELECT count(*) FROM usage_events_v2;

-- Everything that is carried over, and everything that waits.
CREATE TABLE other (id int PRIMARY KEY, code text COLLATE "C" UNIQUE);
CREATE TYPE kind AS ENUM ('x', 'y');
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION shout(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(t)';
CREATE FUNCTION as_text(anyelement) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1::text; END';
CREATE TABLE ord (
    id serial PRIMARY KEY, gone int, other int NOT NULL REFERENCES other ON UPDATE CASCADE ON DELETE SET NULL (other), junk text,
    "Mixed Col" text COLLATE "C" DEFAULT 'q', amount numeric(10, 2) CHECK (amount >= 0), k kind,
    total numeric GENERATED ALWAYS AS (amount * 2) STORED, during int4range,
    ident int GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 3), note varchar(20) DEFAULT 'n', parent int,
    code text COLLATE "C" REFERENCES other (code) MATCH FULL DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT u_note UNIQUE (note, "Mixed Col") DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT ex EXCLUDE USING gist (during WITH &&) WHERE (amount > 1),
    CONSTRAINT no_gone CHECK (gone > 0)
) WITH (fillfactor = 77, autovacuum_enabled = off, toast.autovacuum_vacuum_threshold = 99);
ALTER TABLE ord DROP COLUMN junk;
ALTER TABLE ord ADD CONSTRAINT self FOREIGN KEY (parent) REFERENCES ord NOT VALID;
ALTER TABLE ord ALTER amount SET STATISTICS 333, ALTER amount SET (n_distinct = -0.5), ALTER "Mixed Col" SET STORAGE EXTERNAL,
    ALTER note SET COMPRESSION pglz;
CREATE INDEX i_plain ON ord (amount DESC NULLS LAST, k) INCLUDE (note) WITH (fillfactor = 60) WHERE amount > 5;
CREATE INDEX i_expr ON ord (shout("Mixed Col" || '!'), (amount * 2));
ALTER INDEX i_expr ALTER COLUMN 1 SET STATISTICS 55;
CREATE INDEX i_gone ON ord (gone);
CREATE INDEX i_gone_too ON ord (id) WHERE gone > 1;
CREATE INDEX i_pattern ON ord ("Mixed Col" text_pattern_ops, note varchar_pattern_ops);
CREATE UNIQUE INDEX i_unique ON ord (other, lower(note)) NULLS NOT DISTINCT;
CREATE INDEX i_row ON ord (as_text(ord.*));
CREATE INDEX i_hash ON ord USING hash (code);
CREATE STATISTICS ord_stats ON amount, other FROM ord;
CREATE TRIGGER t_update BEFORE UPDATE OF amount, "Mixed Col" ON ord FOR EACH ROW
    WHEN (old.amount IS DISTINCT FROM new.amount) EXECUTE FUNCTION fire('arg''s');
CREATE CONSTRAINT TRIGGER t_later AFTER INSERT ON ord DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (new.parent > 0) EXECUTE FUNCTION fire();
CREATE TRIGGER t_gone AFTER UPDATE OF gone ON ord EXECUTE FUNCTION fire();
CREATE TRIGGER t_table AFTER UPDATE ON ord REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION fire();
ALTER TABLE ord ENABLE ALWAYS TRIGGER t_update;
ALTER TABLE ord DISABLE TRIGGER t_later;
COMMENT ON TABLE ord IS 'ord''s table';
COMMENT ON COLUMN ord.amount IS 'how much';
COMMENT ON CONSTRAINT ord_pkey ON ord IS 'the key';
COMMENT ON CONSTRAINT u_note ON ord IS 'unique';
COMMENT ON CONSTRAINT self ON ord IS 'itself';
COMMENT ON INDEX i_expr IS 'an expression';
COMMENT ON TRIGGER t_update ON ord IS 'a trigger';
SELECT migrate_shadow('ord', '"Ord New"', ARRAY[
    'ALTER COLUMN id TYPE bigint',
    'RENAME COLUMN amount TO price',
    'DROP COLUMN gone',
    'RENAME "Mixed Col" TO mixed',
    'ALTER COLUMN note DROP DEFAULT, ALTER COLUMN note TYPE int USING length(note) + length(mixed), ALTER code TYPE varchar(50) COLLATE "C" USING note || price',
    'ADD COLUMN region text NOT NULL DEFAULT ''eu''',
    'ADD UNIQUE (region, id)',
    'ADD CONSTRAINT fresh CHECK (price < 1000)',
    'DROP CONSTRAINT ord_amount_check',
    'SET (fillfactor = 90)']);
\pset tuples_only off
\d+ "Ord New"
\pset tuples_only on
SELECT obj_description('"Ord New"'::regclass), attoptions::text ~ 'n_distinct=-0.5', s.seqstart, s.seqincrement
  FROM pg_attribute, pg_sequence s WHERE attrelid = '"Ord New"'::regclass AND attname = 'price'
   AND s.seqrelid = pg_get_serial_sequence('"Ord New"', 'ident')::regclass;
SELECT lineage('"Ord New"');
SELECT waiting('"Ord New"');
-- It can all be built.
SET client_min_messages = warning;
SELECT CASE WHEN d.kind = 'foreign_key' OR d.kind = 'constraint' AND d.index_name IS NULL
            THEN format('ALTER TABLE "Ord New" ADD CONSTRAINT %I %s', d.name, d.definition) ELSE d.definition END,
       'ALTER TABLE "Ord New" ADD CONSTRAINT ' || quote_ident(d.name) || ' ' || d.constraint_clause, a.*
  FROM migrate.link l JOIN migrate.deferred_object d ON d.link = l.id
  LEFT JOIN LATERAL (SELECT d.afterwards[1], d.afterwards[2]) a ON true
 WHERE l.target = '"Ord New"'::regclass AND d.built_at IS NULL
 ORDER BY array_position(ARRAY['index', 'constraint', 'foreign_key', 'trigger'], d.kind), d.position \gexec
RESET client_min_messages;
\pset tuples_only off
\d "Ord New"
\pset tuples_only on
SELECT migrate_unlink('ord', '"Ord New"');

-- Renames, swaps of names, and columns that are dropped and added again.
CREATE TABLE names (id int PRIMARY KEY, a int, b text, c int);
SELECT migrate_shadow('names', 'names_1', ARRAY['RENAME a TO x', 'RENAME b TO a', 'RENAME x TO b', 'DROP c', 'ADD c int']);
SELECT lineage('names_1');
SELECT migrate_shadow('names', 'names_2', ARRAY['RENAME a TO was_a', 'ADD a bigint'], '{"a": "a * 2", "b": "''b'' || c"}', 'c > 0');
SELECT lineage('names_2');
SELECT columns, filter, source_filter FROM migrate.link WHERE target = 'names_2'::regclass;
-- What columns says goes before USING.
SELECT migrate_shadow('names', 'names_3', ARRAY['ALTER b TYPE int USING length(b)'], '{"b": "a + c"}');
SELECT lineage('names_3');
-- A column that becomes generated, and one that no longer is.
CREATE TABLE gen (id int PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a + 1) STORED);
SELECT migrate_shadow('gen', 'gen_1', ARRAY['ALTER g DROP EXPRESSION', 'ADD h int GENERATED ALWAYS AS (a + g) STORED']);
SELECT lineage('gen_1');

-- Keys: another primary key; a unique index where there is no primary key; an invalid one does not count.
SELECT migrate_shadow('names', 'names_4', ARRAY['ADD tenant int NOT NULL DEFAULT 1', 'ADD PRIMARY KEY (tenant, id)'], '{"tenant": "c"}');
SELECT waiting('names_4');
SELECT source_key, target_key FROM migrate.link WHERE target = 'names_4'::regclass;
\pset tuples_only off
\d names_4
\pset tuples_only on
CREATE TABLE uniq (id int NOT NULL, a int, b int NOT NULL);
CREATE UNIQUE INDEX uniq_b_id ON uniq (b, id) INCLUDE (a);
SELECT migrate_shadow('uniq', 'uniq_new', ARRAY['RENAME b TO bb', 'ADD UNIQUE (id, a)']);
SELECT source_key, target_key FROM migrate.link WHERE target = 'uniq_new'::regclass;
SELECT waiting('uniq_new');
\pset tuples_only off
\d uniq_new
\pset tuples_only on

-- Names: schemas, quotes, 63 bytes.
CREATE SCHEMA shadow_other;
SELECT migrate_shadow('names', 'shadow_other.names');
SELECT migrate_shadow('names', '"Odd "".Name"');
CREATE TABLE abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_abcdefgh1 (id int CONSTRAINT abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_abcdefghi PRIMARY KEY, größenordnung int);
CREATE INDEX ON abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_abcdefgh1 (größenordnung);
SELECT migrate_shadow('abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_abcdefgh1', 'abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_abcdefgh2');
SELECT waiting('abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_abcdefgh2');
-- A name that is taken.
CREATE TABLE taken_i (i int);
CREATE TABLE take (id int PRIMARY KEY);
CREATE INDEX take_i ON take (id);
SELECT migrate_shadow('take', 'taken');
SELECT waiting('taken');

-- Refused: the source, the name.
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE VIEW view AS SELECT 1 AS id;
CREATE TABLE nokey (id int);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
SELECT refused($$SELECT migrate_shadow('parted', 'x')$$);
SELECT refused($$SELECT migrate_shadow('view', 'x')$$);
SELECT refused($$SELECT migrate_shadow('unlogged', 'x')$$);
SELECT refused($$SELECT migrate_shadow('nokey', 'x')$$);
SELECT refused($$SELECT migrate_shadow('names', 'gen')$$);
SELECT refused($$SELECT migrate_shadow('names', 'view')$$);
SELECT refused($$SELECT migrate_shadow('names', 'nowhere.x')$$);
SELECT refused($$SELECT migrate_shadow('names', 'a.b.c')$$);
SELECT refused($$SELECT migrate_shadow('names', 'a b')$$);
SELECT refused($$SELECT migrate_shadow('names', '')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x; DROP TABLE names')$$);
SELECT refused($$SELECT migrate_shadow('names', NULL)$$);

-- Refused: alterations, each with its number.
SELECT refused($$SELECT migrate_shadow('names', 'x', '{RENAME TO y}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{OWNER TO postgres}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{SET SCHEMA public}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{SET TABLESPACE pg_default}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{ENABLE ROW LEVEL SECURITY}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{INHERIT names}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{DISABLE TRIGGER ALL}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{SET UNLOGGED}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{ADD d int,"ADD e int; DROP TABLE names"}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{""}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{NULL}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{ADD d int,ADD e nosuchtype}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{ADD d int,ALTER nope TYPE int}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{ALTER b TYPE int}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{ALTER b TYPE int USING length(nope)}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{ALTER b TYPE int USING random()}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{ALTER a TYPE bigint,ALTER a TYPE text}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{ALTER a TYPE bigint,ALTER b TYPE int USING a::int}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{ADD d int,ALTER b TYPE int USING d}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{ADD d text NOT NULL}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{DROP id}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{}', '{"nope": "1"}')$$);
SELECT refused($$SELECT migrate_shadow('names', 'x', '{RENAME a TO z}', '{"a": "1"}')$$);
SELECT to_regclass('x');

-- Indexes that do not fit a new type: left out and said, unless they guard the data.
CREATE TABLE fits (id int PRIMARY KEY, a text, b text);
CREATE INDEX fits_lower ON fits (lower(a));
CREATE INDEX fits_gin ON fits USING gin (to_tsvector('simple', a));
SELECT migrate_shadow('fits', 'fits_1', '{ALTER a TYPE bytea USING a::bytea}');
CREATE UNIQUE INDEX fits_unique ON fits (lower(b));
SELECT refused($$SELECT migrate_shadow('fits', 'fits_2', '{ALTER b TYPE bytea USING b::bytea}')$$);

-- The shadow belongs to the source's owner, whoever of that role calls; the caller needs CREATE.
CREATE ROLE regress_shadow_owner;
CREATE ROLE regress_shadow_member;
GRANT regress_shadow_owner TO regress_shadow_member;
SELECT migrate_grant('regress_shadow_member');
GRANT USAGE, CREATE ON SCHEMA shadow TO regress_shadow_owner;
CREATE TABLE owned (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, secret text);
ALTER TABLE owned OWNER TO regress_shadow_owner;
CREATE INDEX ON owned (secret);
GRANT SELECT ON owned TO PUBLIC;
SET ROLE regress_shadow_member;
SELECT migrate_shadow('owned', 'owned_v2', '{ALTER id TYPE bigint}');
SELECT pg_get_userbyid(relowner), relacl FROM pg_class WHERE oid = 'owned_v2'::regclass;
SELECT refused($$SELECT migrate_shadow('owned', 'shadow_other.owned')$$);
SELECT kind, actor FROM migrate.event WHERE target = 'shadow.owned_v2' ORDER BY id;
RESET ROLE;
-- What the owner attached to the table runs as the owner, although a superuser calls.
CREATE FUNCTION who(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RAISE NOTICE 'run as %', current_user; RETURN $1; END $$;
ALTER FUNCTION who OWNER TO regress_shadow_owner;
SET client_min_messages = warning;
ALTER TABLE owned ADD CHECK (id > who(0));
CREATE INDEX ON owned ((length(secret) + who(1)));
RESET client_min_messages;
SELECT migrate_shadow('owned', 'owned_v3', '{ALTER id TYPE bigint}');
SELECT pg_get_userbyid(relowner), relacl FROM pg_class WHERE oid = 'owned_v3'::regclass;

\set VERBOSITY terse
SET client_min_messages = warning;
SELECT migrate_grant('regress_shadow_member', 'none');
DROP SCHEMA shadow, shadow_other CASCADE;
DROP ROLE regress_shadow_owner, regress_shadow_member;
