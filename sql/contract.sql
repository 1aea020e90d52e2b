-- The contract with users, held still (R68): every routine, view, table and setting as the catalogs have it, what has
-- to hold for each of them, and that the names promised for 1.0 are there. What only test builds have (debug_*) is left
-- out: the outcome is the same in both flavours, and beside other extensions.
SET client_min_messages = warning;
SET IntervalStyle = postgres;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
-- What migrate_grant gives is a part of the contract.
CREATE ROLE contract_operator;
CREATE ROLE contract_monitor;
SELECT migrate_grant('contract_operator', 'operator');
SELECT migrate_grant('contract_monitor', 'monitor');

CREATE TEMP VIEW member AS
SELECT d.classid, d.objid, o.type, o.identity
  FROM pg_depend d, LATERAL pg_identify_object(d.classid, d.objid, 0) o
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_cutover')
   AND o.identity !~ '^migrate\.debug_';
CREATE TEMP VIEW routine AS
SELECT p.* FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid;
CREATE TEMP VIEW relation AS
SELECT c.* FROM pg_class c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid;
CREATE TEMP VIEW setting AS
SELECT * FROM pg_settings WHERE name ~ '^pg_cutover\.' AND name !~ '^pg_cutover\.debug_';

-- Parameters and result columns of all routines, counted apart.
CREATE TEMP VIEW parameter AS
SELECT p.oid AS routine, s.is_result,
       row_number() OVER (PARTITION BY p.oid, s.is_result ORDER BY a.number) AS position, a.name,
       concat_ws(' ', CASE a.mode WHEN 'v' THEN 'VARIADIC' WHEN 'b' THEN 'INOUT' END, nullif(a.name, ''),
                 format_type(a.type, NULL)) AS declaration,
       pg_get_function_arg_default(p.oid, a.number::integer) AS default_value
  FROM pg_proc p,
       LATERAL unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes, p.proargnames)
               WITH ORDINALITY AS a (type, mode, name, number),
       LATERAL (SELECT coalesce(a.mode IN ('o', 't'), false) AS is_result) s;

-- Rights of others than the owner.
CREATE TEMP VIEW privilege AS
SELECT a.classid, a.objid, a.part, e.privilege_type AS kind,
       CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE e.grantee::regrole::text END AS grantee
  FROM (SELECT 'pg_proc'::regclass AS classid, oid AS objid, NULL::name AS part, proowner AS owner,
               coalesce(proacl, acldefault('f', proowner)) AS acl
          FROM pg_proc
        UNION ALL
        SELECT 'pg_class'::regclass, oid, NULL, relowner,
               coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
          FROM pg_class
        UNION ALL
        SELECT 'pg_class'::regclass, c.oid, a.attname, c.relowner, a.attacl
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE a.attacl IS NOT NULL
        UNION ALL
        SELECT 'pg_namespace'::regclass, oid, NULL, nspowner, coalesce(nspacl, acldefault('n', nspowner))
          FROM pg_namespace) a,
       LATERAL aclexplode(a.acl) e
 WHERE e.grantee <> a.owner;
CREATE FUNCTION pg_temp.grantees(class regclass, object oid, kind text) RETURNS text
    RETURN (SELECT coalesce(string_agg(p.grantee, ', ' ORDER BY p.grantee COLLATE "C"), 'the owner alone')
              FROM privilege p
             WHERE p.classid = class AND p.objid = object AND p.part IS NULL AND p.kind = grantees.kind);

\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '

-- ---- routines ---------------------------------------------------------------------------------------------
SELECT format(E'%s %s.%I(%s)%s\n    %s\n    executed by %s',
              (pg_identify_object('pg_proc'::regclass, p.oid, 0)).type, p.pronamespace::regnamespace, p.proname,
              l.parameters || E'\n',
              CASE WHEN p.prokind <> 'p'
                   THEN ' returns ' || CASE WHEN p.proretset THEN 'rows of ' ELSE '' END
                        || coalesce('(' || l.columns || E'\n)', format_type(p.prorettype, NULL)) END,
              concat_ws(', ', g.lanname,
                        CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
                        CASE p.proparallel WHEN 's' THEN 'parallel safe' WHEN 'r' THEN 'parallel restricted'
                                           ELSE 'parallel unsafe' END,
                        CASE WHEN p.proisstrict THEN 'strict' ELSE 'called on null input' END,
                        CASE WHEN p.prosecdef THEN 'security definer' ELSE 'security invoker' END,
                        array_to_string(p.proconfig, ', ')),
              pg_temp.grantees('pg_proc', p.oid, 'EXECUTE'))
  FROM routine p
  JOIN pg_language g ON g.oid = p.prolang,
       LATERAL (SELECT string_agg(E'\n    ' || a.declaration || coalesce(' = ' || a.default_value, ''), ''
                                  ORDER BY a.position) FILTER (WHERE NOT a.is_result) AS parameters,
                       string_agg(E'\n    ' || a.declaration, '' ORDER BY a.position)
                           FILTER (WHERE a.is_result) AS columns
                  FROM parameter a WHERE a.routine = p.oid) l
 ORDER BY p.pronamespace = 'migrate'::regnamespace, p.proname COLLATE "C", l.parameters COLLATE "C";

-- ---- views and tables -------------------------------------------------------------------------------------
SELECT format(E'%s %s%s, read by %s%s', m.type, m.identity, ' (' || array_to_string(c.reloptions, ', ') || ')',
              pg_temp.grantees('pg_class', c.oid, 'SELECT'),
              string_agg(E'\n    ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
                         || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END, '' ORDER BY a.attnum))
  FROM relation c
  JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relkind <> 'S'
 GROUP BY c.oid, c.relkind, c.reloptions, m.type, m.identity
 ORDER BY c.relkind = 'v' DESC, m.identity COLLATE "C";
-- The words that their columns may hold.
SELECT format('%s: %s', c.conrelid::regclass, pg_get_constraintdef(c.oid))
  FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid
 WHERE c.contype = 'c'
 ORDER BY c.conrelid::regclass::text COLLATE "C", c.conname COLLATE "C";

-- ---- settings ---------------------------------------------------------------------------------------------
\pset tuples_only off
SELECT name, vartype AS type, boot_val AS default, unit, min_val AS min, max_val AS max, enumvals AS words, context
  FROM setting ORDER BY name COLLATE "C";

-- ---- whatever else it has: sequences, its schema; no type, no event trigger, no operator ------------------
SELECT m.type, m.identity FROM member m
 WHERE m.classid <> 'pg_proc'::regclass AND m.type NOT IN ('table', 'view')
 ORDER BY m.type COLLATE "C", m.identity COLLATE "C";
SELECT grantee, kind FROM privilege WHERE classid = 'pg_namespace'::regclass AND objid = 'migrate'::regnamespace
 ORDER BY grantee COLLATE "C", kind COLLATE "C";

-- ---- words that arguments may be: an unknown one is answered with those there are -------------------------
CREATE SCHEMA promised
    CREATE TABLE old_words (id integer PRIMARY KEY)
    CREATE TABLE new_words (id integer PRIMARY KEY);
SET search_path = promised, public;
SELECT migrate_backfill('old_words', 'new_words', throttle => '{"?": 1}');
SELECT migrate_backfill('old_words', 'new_words', method => '?');
SELECT migrate_compare('old_words', 'new_words', mode => '?');
SELECT migrate_add_check('words', 'unknown', '?');
SELECT migrate_link('old_words', 'new_words') IS NOT NULL AS linked;
SELECT migrate_sync('old_words', 'new_words', on_reject => '?');
SELECT migrate_cutover('old_words', 'new_words', on_reject => '?');
SELECT migrate_table('old_words', '{ADD COLUMN c integer}', cutover => '?');
SELECT migrate_grant('contract_operator', '?');
SELECT migrate_unlink('old_words', 'new_words');
RESET search_path;

-- ---- what has to hold for each object: no row, or the rule is broken --------------------------------------
CREATE TEMP VIEW broken_rule AS
SELECT 'without a comment' AS rule, m.identity AS object
  FROM member m
 WHERE m.type <> 'sequence' AND obj_description(m.objid, m.classid::regclass::text) IS NULL
UNION ALL
SELECT 'column of a view without a comment', c.relname || '.' || a.attname
  FROM relation c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relkind IN ('v', 'm') AND col_description(c.oid, a.attnum) IS NULL
UNION ALL
SELECT 'setting without a description', name FROM setting WHERE coalesce(short_desc, '') = ''
UNION ALL
SELECT CASE WHEN p.prosecdef THEN 'security definer that finds names by the caller''s search_path'
            ELSE 'body that finds names by the caller''s search_path' END, p.oid::regprocedure::text
  FROM routine p JOIN pg_language g ON g.oid = p.prolang
 WHERE (p.prosecdef OR (g.lanname NOT IN ('c', 'internal') AND p.prosqlbody IS NULL))
   AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)
UNION ALL
SELECT 'name that several routines have', p.proname
  FROM routine p GROUP BY p.pronamespace, p.proname HAVING count(*) > 1
UNION ALL
SELECT 'parameter without a name', p.oid::regprocedure::text
  FROM routine p JOIN parameter a ON a.routine = p.oid
 WHERE coalesce(a.name, '') = '' AND a.declaration <> 'VARIADIC "any"'
UNION ALL
-- Each view filters rows by the reader's roles: without it a function of his would see the others.
SELECT 'view without security_barrier', c.relname
  FROM relation c
 WHERE c.relkind = 'v' AND NOT coalesce('security_barrier=true' = ANY (c.reloptions), false)
UNION ALL
SELECT 'not dumped', m.identity
  FROM relation c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
 WHERE c.relkind IN ('r', 'S', 'p')
   AND NOT c.oid = ANY (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'pg_cutover')
UNION ALL
SELECT 'right that nobody is to have', format('%s, %s to %s', m.identity, p.kind, p.grantee)
  FROM member m JOIN privilege p ON p.classid = m.classid AND p.objid = m.objid
 WHERE NOT (p.kind = 'SELECT' AND p.grantee <> 'PUBLIC' AND p.part IS NULL AND m.type = 'view'
            OR p.kind = 'EXECUTE' OR p.kind = 'USAGE' AND m.type = 'schema');
SELECT * FROM broken_rule ORDER BY rule COLLATE "C", object COLLATE "C";

-- The rules find what breaks them.
BEGIN;
CREATE FUNCTION migrate.uncommented(a integer) RETURNS integer LANGUAGE sql IMMUTABLE RETURN a;
CREATE FUNCTION migrate.defined(a integer) RETURNS integer LANGUAGE sql SECURITY DEFINER RETURN a;
COMMENT ON FUNCTION migrate.defined(integer) IS 'its body is parsed, but what it calls is not';
CREATE FUNCTION migrate.body(a integer) RETURNS integer LANGUAGE plpgsql SET search_path = public
    AS 'BEGIN RETURN a; END';
COMMENT ON FUNCTION migrate.body(integer) IS 'a text whose names are looked up when it runs';
CREATE FUNCTION public.migrate_pause(integer) RETURNS void LANGUAGE sql
    BEGIN ATOMIC SELECT migrate_pause($1::bigint); END;
COMMENT ON FUNCTION public.migrate_pause(integer) IS 'which one is meant?';
CREATE VIEW migrate.everything AS SELECT * FROM migrate.job_part;
COMMENT ON VIEW migrate.everything IS 'shows every role''s jobs to everybody';
COMMENT ON COLUMN migrate.everything.job IS 'one column of several';
CREATE TABLE migrate.lost (n serial);
COMMENT ON TABLE migrate.lost IS 'empty after a restore';
GRANT SELECT ON migrate.event TO PUBLIC;
GRANT INSERT ON migrate.event_log TO contract_operator;
GRANT SELECT (mirror) ON migrate.swap TO contract_monitor;
ALTER EXTENSION pg_cutover ADD FUNCTION migrate.uncommented(integer);
ALTER EXTENSION pg_cutover ADD FUNCTION migrate.defined(integer);
ALTER EXTENSION pg_cutover ADD FUNCTION migrate.body(integer);
ALTER EXTENSION pg_cutover ADD FUNCTION public.migrate_pause(integer);
ALTER EXTENSION pg_cutover ADD VIEW migrate.everything;
ALTER EXTENSION pg_cutover ADD TABLE migrate.lost;
ALTER EXTENSION pg_cutover ADD SEQUENCE migrate.lost_n_seq;
SELECT * FROM broken_rule ORDER BY rule COLLATE "C", object COLLATE "C";
ROLLBACK;

-- ---- what is promised for 1.0, of the capabilities that are there: no row, or a promise is broken ---------
-- More parameters may come at the end, with defaults, and more columns at the end. Nothing here is ever called.
SET check_function_bodies = off;
-- Links and shadow tables.
CREATE FUNCTION promised.migrate_shadow(source regclass, target text, alterations text[] = '{}', columns jsonb = '{}',
    filter text = NULL, migration text = NULL) RETURNS regclass LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_link(source regclass, target regclass, columns jsonb = '{}', filter text = NULL,
    key text[] = NULL, owner boolean = true, migration text = NULL) RETURNS bigint LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_unlink(source regclass, target regclass) RETURNS void LANGUAGE plpgsql AS '';
-- Keeping in step.
CREATE FUNCTION promised.migrate_sync(source regclass, target regclass) RETURNS void LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_unsync(source regclass, target regclass) RETURNS void LANGUAGE plpgsql AS '';
-- Moving data.
CREATE FUNCTION promised.migrate_backfill(source regclass, target regclass, columns jsonb = '{}', filter text = NULL,
    key text[] = NULL, batch_size integer = NULL, batch_delay interval = NULL,
    workers integer = 1, throttle jsonb = '{}', sync boolean = true,
    method text = 'auto', migration text = NULL) RETURNS bigint LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_explain(source regclass, target regclass)
    RETURNS TABLE (step text, detail text) LANGUAGE plpgsql AS '';
-- Jobs.
CREATE FUNCTION promised.migrate_pause(job bigint) RETURNS void LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_resume(job bigint) RETURNS void LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_cancel(job bigint) RETURNS void LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_throttle(job bigint, throttle jsonb) RETURNS void LANGUAGE plpgsql AS '';
CREATE PROCEDURE promised.migrate_wait(job bigint, timeout interval = NULL) LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_recover() RETURNS integer LANGUAGE plpgsql AS '';
-- Comparing and repairing.
CREATE FUNCTION promised.migrate_compare(source regclass, target regclass, mode text = 'auto', throttle jsonb = '{}',
    migration text = NULL) RETURNS bigint LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_repair(comparison bigint, dry_run boolean = true) RETURNS bigint
    LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_checksum(relation regclass, columns text[] = NULL, filter text = NULL)
    RETURNS TABLE (rows bigint, checksum text) LANGUAGE plpgsql AS '';
CREATE AGGREGATE promised.migrate_sketch(seed bigint, nkey integer, VARIADIC "any")
    (SFUNC = migrate.sketch_add, STYPE = bytea);
CREATE FUNCTION promised.migrate_sketch_diff(a bytea, b bytea)
    RETURNS TABLE (verdict text, rows_a bigint, rows_b bigint, complete boolean) LANGUAGE plpgsql AS '';
-- Validation.
CREATE FUNCTION promised.migrate_add_check(migration text, name text, kind text, spec jsonb = '{}')
    RETURNS void LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_validate(migration text)
    RETURNS TABLE (check_name text, status text, details text) LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_schedule(migration text, schedule text) RETURNS bigint LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_unschedule(migration text) RETURNS void LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_compare_queries(old_query text, new_query text, tolerance float8 = 0.10,
    pairs integer = 15)
    RETURNS TABLE (verdict text, ratio float8, low float8, high float8, old_ms float8, new_ms float8, detail text)
    LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_schema_diff(old regnamespace, new regnamespace)
    RETURNS TABLE (kind text, object text, difference text, old_definition text, new_definition text)
    LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_preflight(source regclass, target regclass = NULL)
    RETURNS TABLE (check_name text, status text, details text, hint text) LANGUAGE plpgsql AS '';
-- Cutover, rollback, retirement.
CREATE FUNCTION promised.migrate_cutover(source regclass, target regclass, lock_timeout interval = '200 ms',
    attempts integer = 30, verify boolean = true, reverse_sync boolean = true, retire_as name = NULL,
    migration text = NULL) RETURNS bigint LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_revert(current regclass) RETURNS bigint LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_retire(retired regclass, retain interval = '90 days') RETURNS void
    LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_purge(dry_run boolean = true)
    RETURNS TABLE (object text, safe_after timestamptz, dropped boolean) LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_table(relation regclass, alterations text[], columns jsonb = '{}', filter text = NULL,
    cutover text = 'auto', workers integer = 1, throttle jsonb = '{}', migration text = NULL)
    RETURNS bigint LANGUAGE plpgsql AS '';
RESET check_function_bodies;
-- Relations, with the types that are promised.
CREATE TABLE promised.relation (name text, kind "char", columns text);
INSERT INTO promised.relation VALUES
    ('progress', 'v', 'job, kind, source, target, state, phase, rows_done, rows_total, percent, rows_per_second, eta, '
                      'throttled_by, workers, started_at, finished_at, elapsed, error, bar'),
    ('comparison', 'v', 'job, source, target, verdict, rows_source, rows_target, missing, extra, changed, '
                        'representation_only, method, snapshot_ms, started_at, finished_at'),
    ('difference', 'v', 'job, key jsonb, kind, columns text[], source_row jsonb, target_row jsonb, repaired_at'),
    ('event', 'v', '');

CREATE TEMP VIEW broken_promise AS
WITH promised AS (SELECT * FROM pg_proc WHERE pronamespace = 'promised'::regnamespace),
     delivered AS (SELECT * FROM routine WHERE pronamespace <> 'migrate'::regnamespace)
SELECT p.proname AS name, 'is not there' AS problem
  FROM promised p WHERE NOT EXISTS (SELECT FROM delivered d WHERE d.proname = p.proname)
UNION ALL
SELECT p.proname, format('is a %s, promised: a %s', (pg_identify_object('pg_proc'::regclass, d.oid, 0)).type,
                         (pg_identify_object('pg_proc'::regclass, p.oid, 0)).type)
  FROM promised p JOIN delivered d USING (proname) WHERE d.prokind <> p.prokind
UNION ALL
SELECT p.proname, format('returns %s%s, promised: %s%s', CASE WHEN d.proretset THEN 'rows of ' END, d.prorettype::regtype,
                         CASE WHEN p.proretset THEN 'rows of ' END, p.prorettype::regtype)
  FROM promised p JOIN delivered d USING (proname)
 WHERE (d.proretset, d.prorettype) IS DISTINCT FROM (p.proretset, p.prorettype)
UNION ALL
SELECT p.proname, format('%s %s is %s, promised: %s', CASE WHEN a.is_result THEN 'column' ELSE 'parameter' END,
                         a.position, coalesce(b.declaration || coalesce(' = ' || b.default_value, ''), 'not there'),
                         a.declaration || coalesce(' = ' || a.default_value, ''))
  FROM promised p JOIN delivered d USING (proname) JOIN parameter a ON a.routine = p.oid
  LEFT JOIN parameter b ON b.routine = d.oid AND b.is_result = a.is_result AND b.position = a.position
 WHERE (a.declaration, a.default_value) IS DISTINCT FROM (b.declaration, b.default_value)
UNION ALL
SELECT p.proname, format('needs a further parameter %s', b.declaration)
  FROM promised p JOIN delivered d USING (proname) JOIN parameter b ON b.routine = d.oid AND NOT b.is_result
 WHERE b.default_value IS NULL
   AND b.position > (SELECT count(*) FROM parameter a WHERE a.routine = p.oid AND NOT a.is_result)
UNION ALL
SELECT 'migrate.' || r.name, 'is not there'
  FROM promised.relation r WHERE NOT EXISTS (SELECT FROM relation c WHERE c.relname = r.name AND c.relkind = r.kind)
UNION ALL
SELECT 'migrate.' || r.name, format('column %s is %s, promised: %s', k.position,
                                    coalesce(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), 'not there'),
                                    k.declaration)
  FROM promised.relation r
  JOIN relation c ON c.relname = r.name
 CROSS JOIN LATERAL regexp_split_to_table(nullif(r.columns, ''), ', ') WITH ORDINALITY AS k (declaration, position)
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.position
 WHERE a.attname IS DISTINCT FROM split_part(k.declaration, ' ', 1)
    OR k.declaration LIKE '% %' AND format_type(a.atttypid, a.atttypmod) <> split_part(k.declaration, ' ', 2);
SELECT * FROM broken_promise ORDER BY name COLLATE "C", problem COLLATE "C";

-- A promise that is not kept is found: nothing of that name, another kind, result, parameter, default, column, and a
-- call that needs more than was said.
BEGIN;
SET LOCAL check_function_bodies = off;
CREATE FUNCTION promised.migrate_nothing() RETURNS void LANGUAGE plpgsql AS '';
DROP PROCEDURE promised.migrate_wait;
CREATE FUNCTION promised.migrate_wait(job bigint) RETURNS void LANGUAGE plpgsql AS '';
DROP FUNCTION promised.migrate_pause, promised.migrate_throttle, promised.migrate_unlink, promised.migrate_explain;
CREATE FUNCTION promised.migrate_pause(job_id bigint) RETURNS integer LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_throttle(job bigint, throttle jsonb = '{}', at timestamptz = now())
    RETURNS void LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_unlink(source regclass) RETURNS void LANGUAGE plpgsql AS '';
CREATE FUNCTION promised.migrate_explain(source regclass, target regclass)
    RETURNS TABLE (step integer, details text) LANGUAGE plpgsql AS '';
INSERT INTO promised.relation VALUES ('job', 'v', 'id'), ('repair', 'v', 'job bigint, key jsonb');
SELECT * FROM broken_promise ORDER BY name COLLATE "C", problem COLLATE "C";
ROLLBACK;

DROP SCHEMA promised CASCADE;
SELECT migrate_grant('contract_operator', 'none');
SELECT migrate_grant('contract_monitor', 'none');
DROP ROLE contract_operator, contract_monitor;
