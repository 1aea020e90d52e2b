-- Two schemas side by side: what is the same is not reported, and each single difference is.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
CREATE ROLE diff_owner;
CREATE ROLE diff_reader;
CREATE ROLE diff_stranger;
CREATE SCHEMA diff_common;
CREATE TABLE diff_common.country (code text PRIMARY KEY);

-- One of everything, in the schema it is told. Names are unqualified and refer to each other.
CREATE FUNCTION fill(schema text) RETURNS void LANGUAGE plpgsql AS $fill$
BEGIN
    EXECUTE format('CREATE SCHEMA %I', schema);
    PERFORM set_config('search_path', format('%I, diff_common', schema), true);
    CREATE TYPE state AS ENUM ('new', 'paid', 'sent');
    CREATE TYPE span AS RANGE (subtype = date);
    CREATE TYPE point3 AS (x integer, y integer, z numeric(5, 2));
    CREATE DOMAIN cents AS bigint DEFAULT 0 NOT NULL CHECK (VALUE >= 0);
    CREATE SEQUENCE ticket AS integer START 100 INCREMENT 5 MAXVALUE 9000 CYCLE;
    -- pg_catalog has a type of this name: PostgreSQL writes ours with its schema.
    CREATE DOMAIN path AS text;
    CREATE FUNCTION rate(amount integer DEFAULT 1) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN amount * 1.5;
    CREATE TABLE customer (
        id   integer GENERATED ALWAYS AS IDENTITY (START 10) PRIMARY KEY,
        name text COLLATE "C" NOT NULL,
        home text REFERENCES country,
        spot point3,
        file path
    );
    CREATE TABLE orders (
        id       serial,
        customer integer NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
        state    state NOT NULL DEFAULT 'new',
        price    cents,
        fee      numeric GENERATED ALWAYS AS (rate(3)) STORED,
        period   span,
        note     text,
        CHECK (price < 1000000), CHECK (note <> 'schema.x'), PRIMARY KEY (id, state)
    ) PARTITION BY LIST (state);
    CREATE TABLE orders_new PARTITION OF orders FOR VALUES IN ('new');
    CREATE TABLE orders_rest PARTITION OF orders DEFAULT WITH (fillfactor = 70);
    CREATE INDEX ON orders (customer) WHERE price > 0;
    CREATE INDEX customer_by_name ON customer (lower(name));
    CREATE STATISTICS customer_pair (ndistinct) ON home, name FROM customer;
    CREATE UNLOGGED TABLE visit (at timestamptz, what text);
    ALTER TABLE visit ALTER COLUMN what SET STORAGE EXTERNAL;
    CREATE TABLE visit_child () INHERITS (visit);
    CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        'BEGIN NEW.note := OLD.note; RETURN NEW; END';
    EXECUTE format($$ALTER FUNCTION note_change() SET search_path = %I, pg_temp$$, schema);
    CREATE TRIGGER keep_note BEFORE UPDATE ON orders FOR EACH ROW WHEN (OLD.note IS NOT NULL)
        EXECUTE FUNCTION note_change();
    EXECUTE format('CREATE FUNCTION total() RETURNS bigint LANGUAGE sql STABLE AS
        $$ SELECT sum(price) FROM %1$I.orders WHERE note <> ''%2$s'' $$', schema, 'plain');
    CREATE PROCEDURE tidy(INOUT days integer = 30) LANGUAGE plpgsql AS 'BEGIN DELETE FROM visit; END';
    CREATE FUNCTION add_up(a numeric, b cents) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN a + b;
    CREATE AGGREGATE cents_sum(cents) (SFUNC = add_up, STYPE = numeric, INITCOND = '0');
    CREATE VIEW open_orders WITH (security_barrier) AS
        SELECT o.id, c.name, total() AS total FROM orders o JOIN customer c ON c.id = o.customer WHERE o.state = 'new';
    CREATE MATERIALIZED VIEW by_state AS SELECT state, cents_sum(price) AS price FROM orders GROUP BY state;
    CREATE UNIQUE INDEX ON by_state (state);
    CREATE RULE no_delete AS ON DELETE TO visit DO INSTEAD NOTHING;
    ALTER TABLE customer ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own_home ON customer FOR SELECT TO diff_reader USING (home = (SELECT max(code) FROM country));
    CREATE OPERATOR <+> (LEFTARG = numeric, RIGHTARG = cents, FUNCTION = add_up);
    GRANT USAGE ON SCHEMA diff_common TO diff_reader;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO diff_reader', schema);
    GRANT SELECT, INSERT ON orders TO diff_reader;
    GRANT SELECT (name) ON customer TO diff_reader WITH GRANT OPTION;
    GRANT USAGE ON SEQUENCE ticket TO diff_reader;
    REVOKE EXECUTE ON FUNCTION total() FROM PUBLIC;
    COMMENT ON TABLE orders IS 'what was bought';
    COMMENT ON COLUMN orders.note IS 'by the customer';
    COMMENT ON FUNCTION total() IS 'of all';
    COMMENT ON CONSTRAINT orders_pkey ON orders IS 'the key';
END
$fill$;
-- Read by people: what differs, one line each.
CREATE FUNCTION differences(old text, new text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', kind, object, difference, coalesce(replace(old_definition, E'\n', ' '), '-'),
                     coalesce(replace(new_definition, E'\n', ' '), '-'))
      FROM public.migrate_schema_diff(old::regnamespace, new::regnamespace)
$$;

SELECT fill('before');
SELECT fill('After All');
-- The same objects: no row, in either direction, under any search_path, for names that need quotes.
SELECT count(*) FROM migrate_schema_diff('before', '"After All"');
SELECT count(*) FROM migrate_schema_diff('"After All"', 'before');
SET search_path = before, public;
SELECT count(*) FROM migrate_schema_diff('before', '"After All"');
SET search_path = "After All", before, public;
SELECT count(*) FROM migrate_schema_diff('before', '"After All"');
SHOW search_path;
RESET search_path;
-- Schemas that are called as the rows of a trigger are.
SELECT fill('old');
SELECT fill('new');
SELECT * FROM differences('old', 'new');
CREATE OR REPLACE FUNCTION new.note_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = new, pg_temp AS
    'BEGIN OLD.note := OLD.note; RETURN NEW; END';
SELECT * FROM differences('old', 'new');
DROP SCHEMA old, new CASCADE;
-- It looked at something: all of it is extra in a schema that is empty.
CREATE SCHEMA empty;
GRANT USAGE ON SCHEMA empty TO diff_reader;
SELECT difference, kind, count(*) FROM migrate_schema_diff('empty', 'before') GROUP BY 1, 2 ORDER BY 1, kind COLLATE "C";
SELECT kind, object, difference, old_definition FROM migrate_schema_diff('before', 'empty')
 WHERE kind IN ('table', 'type', 'sequence', 'view', 'procedure') ORDER BY kind COLLATE "C", object COLLATE "C";

-- ---- no differences: what other tools report --------------------------------------------------------------------------
-- Names of constraints, indexes and statistics.
ALTER TABLE "After All".orders RENAME CONSTRAINT orders_price_check TO dear;
ALTER TABLE "After All".customer RENAME CONSTRAINT customer_pkey TO customer_key;
ALTER INDEX "After All".customer_by_name RENAME TO customer_lower_idx;
ALTER STATISTICS "After All".customer_pair RENAME TO customer_stats;
-- Two with one definition, and one of them under another name.
ALTER TABLE before.customer ADD CONSTRAINT a CHECK (id > 0), ADD CONSTRAINT b CHECK (id > 0);
ALTER TABLE "After All".customer ADD CONSTRAINT b CHECK (id > 0), ADD CONSTRAINT c CHECK (id > 0);
-- The order in which grants were made, and the place that a dropped column leaves.
GRANT INSERT ON before.visit TO diff_reader, diff_stranger;
GRANT INSERT ON "After All".visit TO diff_stranger, diff_reader;
ALTER TABLE before.visit ADD COLUMN gone integer;
ALTER TABLE before.visit DROP COLUMN gone;
-- Default privileges that are written out.
GRANT ALL ON "After All".by_state TO CURRENT_USER;
SELECT * FROM differences('before', '"After All"');
-- One of them too many: that one is extra, whatever it is called.
ALTER TABLE "After All".customer ADD CONSTRAINT a2 CHECK (id > 0);
SELECT * FROM differences('before', '"After All"');
ALTER TABLE "After All".customer DROP CONSTRAINT a2;

-- ---- each difference, alone ---------------------------------------------------------------------------------------------
-- One statement, what is reported, and back.
CREATE TABLE single (number integer GENERATED ALWAYS AS IDENTITY, statement text);
INSERT INTO single (statement) VALUES
    ('ALTER TABLE visit SET LOGGED'),
    ('ALTER TABLE orders_rest SET (fillfactor = 80)'),
    ('ALTER TABLE customer SET (toast.autovacuum_enabled = off)'),
    ('ALTER TABLE orders DETACH PARTITION orders_new'),
    ('ALTER TABLE visit_child NO INHERIT visit'),
    ('ALTER TABLE customer REPLICA IDENTITY FULL'),
    ('ALTER TABLE customer FORCE ROW LEVEL SECURITY'),
    ('ALTER TABLE customer OWNER TO diff_owner'),
    ('ALTER TABLE customer CLUSTER ON customer_lower_idx'),
    ('ALTER TABLE visit ADD COLUMN extra integer DEFAULT 7'),
    ('ALTER TABLE visit_child ADD COLUMN own integer'),
    ('ALTER TABLE visit ALTER COLUMN what TYPE varchar(20)'),
    ('ALTER TABLE visit ALTER COLUMN at TYPE timestamptz(3)'),
    ('ALTER TABLE customer DROP COLUMN name CASCADE, ADD COLUMN name text NOT NULL'),
    ('ALTER TABLE customer ALTER COLUMN name DROP NOT NULL'),
    ('ALTER TABLE orders ALTER COLUMN state SET DEFAULT ''paid'''),
    ('ALTER TABLE orders ALTER COLUMN id DROP DEFAULT'),
    ('ALTER TABLE customer ALTER COLUMN id SET GENERATED BY DEFAULT'),
    ('ALTER TABLE customer ALTER COLUMN id SET MAXVALUE 500'),
    ('ALTER TABLE orders ALTER COLUMN fee DROP EXPRESSION'),
    ('ALTER TABLE visit ALTER COLUMN what SET STORAGE MAIN'),
    ('ALTER TABLE visit ALTER COLUMN what SET COMPRESSION pglz'),
    ('ALTER TABLE visit ALTER COLUMN what SET STATISTICS 500'),
    ('ALTER TABLE visit ALTER COLUMN what SET (n_distinct = 5)'),
    ('ALTER TABLE orders DROP CONSTRAINT dear'),
    ('ALTER TABLE orders DROP CONSTRAINT dear, ADD CONSTRAINT dear CHECK (price < 5)'),
    ('ALTER TABLE customer DROP CONSTRAINT customer_home_fkey'),
    ('ALTER TABLE customer DROP CONSTRAINT customer_home_fkey,
        ADD CONSTRAINT customer_home_fkey FOREIGN KEY (home) REFERENCES country NOT VALID'),
    ('CREATE INDEX again ON customer (name)'),
    ('DROP INDEX customer_lower_idx'),
    ('ALTER INDEX customer_key SET (fillfactor = 50)'),
    ('DROP INDEX orders_customer_idx; CREATE INDEX orders_customer_idx ON ONLY orders (customer) WHERE price > 0'),
    ('ALTER TABLE orders DISABLE TRIGGER keep_note'),
    ('DROP TRIGGER keep_note ON orders'),
    ('CREATE OR REPLACE TRIGGER keep_note BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION note_change()'),
    ('ALTER TABLE visit DISABLE RULE no_delete'),
    ('CREATE OR REPLACE RULE no_delete AS ON DELETE TO visit DO ALSO NOTHING'),
    ('ALTER POLICY own_home ON customer TO PUBLIC'),
    ('ALTER POLICY own_home ON customer USING (home = ''x'')'),
    ('DROP POLICY own_home ON customer; CREATE POLICY own_home ON customer AS RESTRICTIVE TO diff_reader WITH CHECK (true)'),
    ('ALTER TABLE customer DISABLE ROW LEVEL SECURITY'),
    ('GRANT DELETE ON orders TO diff_reader'),
    ('REVOKE ALL ON orders FROM diff_reader'),
    ('GRANT SELECT (name) ON customer TO diff_stranger'),
    ('REVOKE GRANT OPTION FOR SELECT (name) ON customer FROM diff_reader'),
    ('GRANT SELECT ON SEQUENCE ticket TO diff_reader'),
    ('GRANT EXECUTE ON FUNCTION total() TO PUBLIC'),
    ('GRANT CREATE ON SCHEMA "After All" TO diff_reader'),
    ('ALTER SCHEMA "After All" OWNER TO diff_owner'),
    ('ALTER FUNCTION total() IMMUTABLE'),
    ('ALTER FUNCTION total() SECURITY DEFINER STRICT PARALLEL SAFE COST 5'),
    ('ALTER FUNCTION total() OWNER TO diff_owner'),
    ('ALTER FUNCTION total() SET work_mem = ''8MB'''),
    ('ALTER FUNCTION note_change() SET search_path = before, pg_temp'),
    -- It still reads the other schema: not the same although the text is.
    ('CREATE OR REPLACE FUNCTION total() RETURNS bigint LANGUAGE sql STABLE AS
        $$ SELECT sum(price) FROM before.orders WHERE note <> ''plain'' $$'),
    ('CREATE FUNCTION total(integer) RETURNS bigint LANGUAGE sql RETURN 1'),
    ('CREATE OR REPLACE FUNCTION rate(amount integer DEFAULT 2) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN amount * 1.5'),
    ('CREATE OR REPLACE PROCEDURE tidy(INOUT days integer = 30) LANGUAGE plpgsql AS ''BEGIN TRUNCATE visit; END'''),
    ('CREATE OR REPLACE AGGREGATE cents_sum(cents) (SFUNC = add_up, STYPE = numeric, INITCOND = ''1'')'),
    ('ALTER SEQUENCE ticket AS bigint NO CYCLE'),
    ('ALTER SEQUENCE ticket INCREMENT 1 START 200 MINVALUE 50 MAXVALUE 99999'),
    ('ALTER SEQUENCE ticket OWNED BY customer.id'),
    ('CREATE OR REPLACE VIEW open_orders AS SELECT o.id, c.name, total() AS total FROM orders o
        JOIN customer c ON c.id = o.customer WHERE o.state = ''paid'''),
    -- The view reads the other schema's table.
    ('CREATE OR REPLACE VIEW open_orders WITH (security_barrier) AS SELECT o.id, c.name, total() AS total
        FROM orders o JOIN before.customer c ON c.id = o.customer WHERE o.state = ''new'''),
    ('ALTER VIEW open_orders RESET (security_barrier)'),
    ('DROP VIEW open_orders; CREATE TABLE open_orders (id integer, name text, total bigint)'),
    ('REFRESH MATERIALIZED VIEW by_state WITH NO DATA'),
    ('ALTER TYPE state ADD VALUE ''lost'' BEFORE ''sent'''),
    ('ALTER TYPE state RENAME VALUE ''sent'' TO ''gone'''),
    ('ALTER DOMAIN cents DROP NOT NULL'),
    ('ALTER DOMAIN cents DROP DEFAULT'),
    ('ALTER DOMAIN cents ADD CHECK (VALUE < 100)'),
    ('ALTER TABLE customer DROP COLUMN spot; ALTER TYPE point3 ALTER ATTRIBUTE z TYPE numeric(6, 2)'),
    ('ALTER TYPE point3 ADD ATTRIBUTE t integer CASCADE'),
    ('DROP OPERATOR <+> (numeric, cents)'),
    ('ALTER STATISTICS customer_stats SET STATISTICS 10'),
    ('DROP STATISTICS customer_stats'),
    ('COMMENT ON TABLE orders IS NULL'),
    ('COMMENT ON COLUMN orders.note IS ''of ours'''),
    ('COMMENT ON CONSTRAINT orders_pkey ON orders IS ''another'''),
    ('COMMENT ON SCHEMA "After All" IS ''new'''),
    ('CREATE TABLE lone (id integer PRIMARY KEY CHECK (id > 0), v text); GRANT SELECT ON lone TO diff_reader'),
    ('DROP TABLE visit CASCADE');
DO $$
DECLARE
    change record;
    line text;
    lines integer;
BEGIN
    FOR change IN SELECT * FROM single ORDER BY number LOOP
        RAISE WARNING '%', change.statement;
        lines := 0;
        BEGIN
            PERFORM set_config('search_path', '"After All", diff_common, pg_catalog', true);
            EXECUTE change.statement;
            PERFORM set_config('search_path', 'public', true);
            FOR line IN SELECT * FROM differences('before', '"After All"') LOOP
                RAISE WARNING '    %', line;
                lines := lines + 1;
            END LOOP;
            RAISE EXCEPTION 'back' USING ERRCODE = 'ZZ001';
        EXCEPTION WHEN SQLSTATE 'ZZ001' THEN NULL;
        END;
        IF lines = 0 THEN
            RAISE WARNING '    NOTHING WAS REPORTED';
        END IF;
    END LOOP;
END
$$;
SELECT count(*) AS left_over FROM migrate_schema_diff('before', '"After All"');

-- Columns in another order are one row, as are constraints and defaults that stay the same.
CREATE SCHEMA one;
CREATE SCHEMA two;
CREATE TABLE one.t (a integer PRIMARY KEY, b text DEFAULT 'x', c integer CHECK (c > 0), "d,e" text);
CREATE TABLE two.t (c integer CHECK (c > 0), "d,e" text, a integer PRIMARY KEY, b text DEFAULT 'x');
SELECT * FROM differences('one', 'two');
-- A column that one lacks does not move the others.
ALTER TABLE two.t ADD COLUMN f integer;
CREATE TABLE one.u (a integer, gone integer, b integer);
CREATE TABLE two.u (a integer, b integer);
SELECT * FROM differences('one', 'two');
DROP TABLE one.t, two.t, one.u, two.u;

-- An object of another kind with the name of a table hides nothing of the table.
CREATE TABLE one.orders (id integer, a integer);
CREATE TABLE two.orders (a text, id integer);
CREATE TEXT SEARCH DICTIONARY one.orders (TEMPLATE = simple);
SELECT * FROM differences('one', 'two');
CREATE TEXT SEARCH DICTIONARY two.orders (TEMPLATE = simple);
CREATE COLLATION two.orders FROM "C";
SELECT * FROM differences('one', 'two');
DROP TABLE one.orders, two.orders;
DROP TEXT SEARCH DICTIONARY one.orders;
DROP TEXT SEARCH DICTIONARY two.orders;
DROP COLLATION two.orders;

-- What is hidden behind a table, an index, a constraint; and kinds of their own. Some are called as catalogs are, which
-- PostgreSQL then writes with their schema.
CREATE FUNCTION fill_hidden(schema text) RETURNS void LANGUAGE plpgsql AS $fill$
BEGIN
    PERFORM set_config('search_path', schema, true);
    CREATE TABLE parent (id integer PRIMARY KEY);
    CREATE TABLE child (id integer REFERENCES parent, at integer UNIQUE DEFERRABLE);
    CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY, v text);
    CREATE INDEX numbered_idx ON numbered (lower(v), (id + 1));
    EXECUTE format('CREATE TABLE %I.pg_class (x integer, y integer)', schema);
    EXECUTE format('CREATE STATISTICS hidden ON x, y FROM %I.pg_class', schema);
    EXECUTE format('CREATE DOMAIN %I.path AS text', schema);
    EXECUTE format('CREATE FUNCTION takes(%I.path) RETURNS integer LANGUAGE sql RETURN 1', schema);
    CREATE FUNCTION same(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN int4eq($1, $2);
    EXECUTE format('CREATE OPERATOR %I.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = same)', schema);
    CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = same);
    CREATE COLLATION words (LOCALE = 'C');
    CREATE TYPE reach AS RANGE (SUBTYPE = integer, MULTIRANGE_TYPE_NAME = reaches);
    CREATE TEXT SEARCH DICTIONARY stems (TEMPLATE = simple);
    CREATE TEXT SEARCH CONFIGURATION texts (PARSER = default);
    ALTER TEXT SEARCH CONFIGURATION texts ADD MAPPING FOR asciiword, word WITH stems, simple;
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE diff_owner IN SCHEMA %I GRANT SELECT ON TABLES TO diff_reader', schema);
END
$fill$;
SELECT fill_hidden('one');
SELECT fill_hidden('two');
SELECT * FROM differences('one', 'two');
TRUNCATE single;
INSERT INTO single (statement) VALUES
    ('ALTER TABLE child DISABLE TRIGGER ALL'),
    ('ALTER TABLE parent DISABLE TRIGGER ALL'),
    ('UPDATE pg_index SET indisvalid = false, indisready = false WHERE indexrelid = ''numbered_idx''::regclass'),
    ('ALTER INDEX numbered_idx ALTER COLUMN 2 SET STATISTICS 500'),
    ('COMMENT ON INDEX parent_pkey IS ''of the key'''),
    ('ALTER TABLE numbered SET UNLOGGED'),
    ('ALTER SEQUENCE numbered_id_seq SET UNLOGGED'),
    ('GRANT USAGE ON SEQUENCE numbered_id_seq TO diff_reader WITH GRANT OPTION'),
    ('REVOKE ALL ON SEQUENCE numbered_id_seq FROM CURRENT_USER'),
    ('ALTER TYPE reaches RENAME TO stretches'),
    ('ALTER DEFAULT PRIVILEGES FOR ROLE diff_owner IN SCHEMA two GRANT INSERT ON TABLES TO diff_reader'),
    ('ALTER DEFAULT PRIVILEGES FOR ROLE diff_owner IN SCHEMA two GRANT EXECUTE ON FUNCTIONS TO diff_reader'),
    ('CREATE PUBLICATION diff_rows FOR TABLE numbered (id) WHERE (id > 0), parent'),
    ('CREATE PUBLICATION diff_all FOR TABLES IN SCHEMA two'),
    ('DROP COLLATION words; CREATE COLLATION words (LC_COLLATE = ''C'', LC_CTYPE = ''POSIX'')'),
    ('ALTER OPERATOR === (integer, integer) SET (RESTRICT = eqsel, JOIN = eqjoinsel)'),
    ('DROP OPERATOR === (integer, integer); CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = same,
        COMMUTATOR = ===, NEGATOR = !==, HASHES, MERGES)'),
    ('ALTER TEXT SEARCH DICTIONARY stems (accept = false)'),
    ('ALTER TEXT SEARCH CONFIGURATION texts ALTER MAPPING FOR word WITH simple'),
    ('ALTER TEXT SEARCH CONFIGURATION texts DROP MAPPING FOR asciiword');
DO $$
DECLARE
    change record;
    line text;
BEGIN
    FOR change IN SELECT * FROM single ORDER BY number LOOP
        RAISE WARNING '%', change.statement;
        BEGIN
            PERFORM set_config('search_path', 'two', true);
            EXECUTE change.statement;
            PERFORM set_config('search_path', 'public', true);
            FOR line IN SELECT * FROM differences('one', 'two') LOOP
                RAISE WARNING '    %', line;
            END LOOP;
            RAISE EXCEPTION 'back' USING ERRCODE = 'ZZ001';
        EXCEPTION WHEN SQLSTATE 'ZZ001' THEN NULL;
        END;
    END LOOP;
END
$$;
-- Locales of ICU, where the server is built with it.
SELECT count(*) > 0 AS icu FROM pg_collation WHERE collprovider = 'i' \gset
\if :icu
CREATE COLLATION one.icu_words (PROVIDER = icu, LOCALE = 'und');
CREATE COLLATION two.icu_words (PROVIDER = icu, LOCALE = 'de', DETERMINISTIC = false);
SELECT count(*) = 2 AS seen FROM migrate_schema_diff('one', 'two')
 WHERE (difference, old_definition, new_definition) IN
       (('locale', 'und', 'de'), ('deterministic', 'deterministic', 'nondeterministic'));
DROP COLLATION one.icu_words;
DROP COLLATION two.icu_words;
\else
SELECT true AS seen;
\endif
SELECT count(*) FROM migrate_schema_diff('one', 'two');
DROP SCHEMA one, two CASCADE;
CREATE SCHEMA one;
CREATE SCHEMA two;

-- Definitions of what is in other schemas are not printed: here is one that cannot be.
BEGIN;
CREATE SCHEMA third;
CREATE TABLE third.t (id integer CONSTRAINT unprintable CHECK (id > 0));
UPDATE pg_constraint SET conbin = NULL WHERE conname = 'unprintable';
SELECT count(*) FROM migrate_schema_diff('one', 'two');
ROLLBACK;
-- The time grows with the number of objects and not with its square, although no statistics know of the new ones.
BEGIN;
CREATE FUNCTION tables(schema text, number integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE SCHEMA %I', schema);
    EXECUTE format('CREATE TABLE %I.t (id integer PRIMARY KEY CHECK (id > 0), v text) PARTITION BY LIST (id)', schema);
    FOR n IN 1 .. number LOOP
        EXECUTE format('CREATE TABLE %1$I.t%2$s PARTITION OF %1$I.t FOR VALUES IN (%2$s)', schema, n);
    END LOOP;
END $$;
CREATE FUNCTION seconds(schema text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    start timestamptz;
    best float8;
BEGIN
    FOR attempt IN 1 .. 2 LOOP
        start := clock_timestamp();
        PERFORM count(*) FROM migrate.schema_contents(schema::regnamespace);
        PERFORM count(*) FROM migrate.schema_objects(schema::regnamespace);
        best := least(best, extract(epoch FROM clock_timestamp() - start));
    END LOOP;
    RETURN best;
END $$;
SET LOCAL statement_timeout = '60s';
SELECT tables('few', 50), tables('many', 500);
SELECT seconds('many') < 20 * seconds('few') AS grows_with_their_number;
ROLLBACK;

-- Objects of an extension are the extension's. Nobody's operators or functions get in, whoever owns the schema.
CREATE SCHEMA hostile AUTHORIZATION diff_stranger;
GRANT ALL ON SCHEMA public TO diff_stranger;
SELECT migrate_grant('diff_stranger');
SET ROLE diff_stranger;
CREATE FUNCTION hostile.trap(name, text) RETURNS boolean LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''trapped as %'', current_user; END';
CREATE FUNCTION hostile.trap(oid, oid) RETURNS boolean LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''trapped as %'', current_user; END';
CREATE FUNCTION hostile.trap(oid, regclass) RETURNS boolean LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''trapped as %'', current_user; END';
CREATE FUNCTION hostile.trap(text, name) RETURNS text LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''trapped as %'', current_user; END';
CREATE FUNCTION hostile.format(text, name) RETURNS text LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''trapped as %'', current_user; END';
CREATE FUNCTION hostile.quote_ident(name) RETURNS text LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''trapped as %'', current_user; END';
CREATE OPERATOR hostile.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = hostile.trap);
CREATE OPERATOR hostile.= (LEFTARG = name, RIGHTARG = text, FUNCTION = hostile.trap);
CREATE OPERATOR hostile.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = hostile.trap);
CREATE OPERATOR hostile.|| (LEFTARG = text, RIGHTARG = name, FUNCTION = hostile.trap);
CREATE VIEW hostile.v AS SELECT 1 AS one;
CREATE TABLE hostile.t (a integer CHECK (a > 0));
RESET ROLE;
SET search_path = hostile, public, pg_catalog;
SELECT count(*) > 0 AS seen FROM public.migrate_schema_diff('hostile', 'one');
RESET search_path;
SELECT count(*) FROM migrate_schema_diff('one', 'two');
CREATE EXTENSION citext SCHEMA two;
SELECT * FROM differences('one', 'two');
DROP EXTENSION citext;

-- Who calls it needs the use of both schemas; mistakes are errors.
SET ROLE diff_stranger;
SELECT kind, object, difference FROM migrate_schema_diff('one', 'empty');
RESET ROLE;
SELECT * FROM migrate_schema_diff(NULL, 'one');
SELECT * FROM migrate_schema_diff('one', NULL);
SELECT * FROM migrate_schema_diff('one', 12345);
SELECT * FROM migrate_schema_diff('one', 'nowhere');
-- The result does not depend on a transaction that may not write.
BEGIN READ ONLY;
SELECT count(*) FROM migrate_schema_diff('before', '"After All"');
COMMIT;

DROP FUNCTION fill, fill_hidden, differences;
DROP TABLE single;
DROP SCHEMA before, "After All", diff_common, empty, one, two, hostile CASCADE;
REVOKE ALL ON SCHEMA public FROM diff_stranger;
SELECT migrate_grant('diff_stranger', 'none');
REVOKE USAGE ON SCHEMA public FROM diff_stranger;
DROP ROLE diff_owner, diff_reader, diff_stranger;
