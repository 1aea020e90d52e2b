-- Keys of every kind and order, by both methods, and names that quoting has to survive
-- (O18, R22, R57 injection, O54, O58).
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
CREATE SCHEMA keys;
SET search_path = keys, public;

CREATE TYPE size AS ENUM ('small', 'medium', 'large', 'huge');
ALTER TYPE size ADD VALUE 'tiny' BEFORE 'small';
CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE DOMAIN code AS text COLLATE "C" CHECK (VALUE <> 'no');
CREATE TYPE point3 AS (x int, y text);

CREATE TABLE k_enum (k size PRIMARY KEY, v int);
INSERT INTO k_enum SELECT s, row_number() OVER () FROM unnest(enum_range(NULL::size)) s;
CREATE TABLE k_collated (k text COLLATE folded PRIMARY KEY, v int);
INSERT INTO k_collated SELECT w, n FROM unnest('{Zebra,apple,Äpfel,banana,Église,"","a b",ß}'::text[]) WITH ORDINALITY u (w, n);
CREATE TABLE k_float (k float8 PRIMARY KEY, v int);
INSERT INTO k_float VALUES ('NaN', 1), ('-Infinity', 2), ('Infinity', 3), (-0.0, 4), (1e-300, 5), (0.1, 6);
CREATE TABLE k_time (k timestamptz PRIMARY KEY, v int);
INSERT INTO k_time VALUES ('infinity', 1), ('-infinity', 2), ('4000-01-01 BC', 3), ('2026-11-21 12:00:00.123456+02', 4);
CREATE TABLE k_bytea (k bytea PRIMARY KEY, v int);
INSERT INTO k_bytea VALUES ('', 1), ('\x00', 2), ('\x0000', 3), ('\xff', 4), ('\x5c27', 5);
CREATE TABLE k_domain (k code, d date, v int, PRIMARY KEY (d, k));
INSERT INTO k_domain SELECT 'c' || n, date '2026-01-01' + n % 3, n FROM generate_series(1, 500) n;
CREATE TABLE k_composite (k point3 PRIMARY KEY, v int);
INSERT INTO k_composite SELECT ROW(n % 10, CASE WHEN n > 5 THEN 'y' || n END)::point3, n FROM generate_series(1, 100) n;
CREATE TABLE k_array (k int[] PRIMARY KEY, v int);
INSERT INTO k_array VALUES ('{}', 1), ('{1,NULL}', 2), ('{1}', 3), ('{{1,2},{3,4}}', 4);
CREATE TABLE k_unique (a int NOT NULL, b uuid NOT NULL, v int);
CREATE UNIQUE INDEX k_unique_key ON k_unique (b DESC, a);
INSERT INTO k_unique SELECT n % 5, md5(n::text)::uuid, n FROM generate_series(1, 500) n;
CREATE TABLE k_inet (k inet PRIMARY KEY, v int);
INSERT INTO k_inet VALUES ('10.0.0.1', 1), ('10.0.0.0/8', 2), ('::1', 3);
CREATE TABLE k_sparse (k bigint PRIMARY KEY, v int);
INSERT INTO k_sparse SELECT n::bigint * n * n * 1000003 - 9e17, n FROM generate_series(1, 900) n;

-- Names that would break out of an SQL text, or a format.
CREATE SCHEMA "we""ird %s";
CREATE TABLE "we""ird %s"."a'b""c; DROP TABLE x; --" ("key ""1" int, "%s%n" text, "new
line" int, "source" text, PRIMARY KEY ("key ""1"));
INSERT INTO "we""ird %s"."a'b""c; DROP TABLE x; --" SELECT n, '%s %d ''' || n, n, 's' FROM generate_series(1, 300) n;
CREATE INDEX "an "" index %s" ON "we""ird %s"."a'b""c; DROP TABLE x; --" ("%s%n") WHERE "new
line" > 5;

-- Each table by both methods, in small batches; compared as text, which every type has.
CREATE PROCEDURE copy_both() LANGUAGE plpgsql AS $$
DECLARE
    source regclass;
    target text;
    method text;
    copying bigint;
    differences bigint;
    verdict text;
BEGIN
    FOR source IN SELECT c.oid FROM pg_class c WHERE relkind = 'r'
                     AND relnamespace IN ('keys'::regnamespace, '"we""ird %s"'::regnamespace) ORDER BY relname COLLATE "C" LOOP
        FOREACH method IN ARRAY '{direct,sql}'::text[] LOOP
            target := format('%I.%I', (SELECT nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid WHERE c.oid = source),
                             left((SELECT relname FROM pg_class WHERE oid = source), 50) || '_' || method);
            EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL)', target, source);
            copying := migrate_backfill(source, target::regclass, batch_size => 20, method => method, sync => false);
            COMMIT;
            WHILE (SELECT state IN ('queued', 'running') FROM migrate.progress p WHERE p.job = copying) LOOP
                COMMIT;
                PERFORM pg_sleep(0.01);
            END LOOP;
            EXECUTE format('SELECT count(*) FROM ((SELECT s::text FROM %1$s s EXCEPT ALL SELECT t::text FROM %2$s t)
                            UNION ALL (SELECT t::text FROM %2$s t EXCEPT ALL SELECT s::text FROM %1$s s)) d', source, target)
               INTO differences;
            SELECT format('%s, %s rows, %s differences%s', state, rows_done, differences, ', ' || error)
              INTO verdict FROM migrate.progress p WHERE p.job = copying;
            RAISE WARNING '% %: %', rpad(source::text, 20), rpad(method, 6), verdict;
            COMMIT;
        END LOOP;
    END LOOP;
END
$$;
CALL copy_both();
SELECT pg_get_indexdef(indexrelid) FROM pg_index
 WHERE indrelid IN (SELECT oid FROM pg_class WHERE relname LIKE 'a''b%\_direct' AND relkind = 'r') ORDER BY 1;

-- A mapping over such names, and a filter with text that looks like SQL.
CREATE TABLE mapped ("key ""1" int PRIMARY KEY, "Target ""%s" text);
SELECT migrate_backfill('"we""ird %s"."a''b""c; DROP TABLE x; --"', 'mapped',
    columns => jsonb_build_object('Target "%s', 'source."%s%n" || ''%s; DROP TABLE y; --'''),
    filter => '"source" <> ''; DROP TABLE z; --''', sync => false) AS job \gset
CALL migrate_wait(:job);
SELECT count(*), min("Target ""%s") FROM mapped;

RESET search_path;
DROP SCHEMA keys CASCADE;
DROP SCHEMA "we""ird %s" CASCADE;
