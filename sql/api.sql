-- The SQL surface: names, parameters, result columns, comments, and that nothing is public.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
SELECT extversion, extrelocatable, extnamespace::regnamespace FROM pg_extension WHERE extname = 'pg_cutover';

CREATE VIEW member AS
SELECT classid::regclass AS class, objid, pg_describe_object(classid, objid, objsubid) AS object
  FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
   AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_cutover');

\pset format unaligned
SELECT p.oid::regprocedure AS routine, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result
  FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.class = 'pg_proc'::regclass
 WHERE p.pronamespace = 'public'::regnamespace
 ORDER BY p.proname \gx
SELECT c.relname, c.relkind, array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS columns
  FROM member m JOIN pg_class c ON c.oid = m.objid AND m.class = 'pg_class'::regclass
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relkind = 'v'
 GROUP BY c.relname, c.relkind ORDER BY c.relname \gx

\pset format aligned
-- Everything that a user meets is commented.
SELECT object FROM member m
 WHERE class IN ('pg_proc'::regclass, 'pg_namespace'::regclass)
   AND obj_description(objid, class::text) IS NULL
UNION ALL
SELECT object FROM member m JOIN pg_class c ON c.oid = m.objid
 WHERE class = 'pg_class'::regclass AND c.relkind IN ('r', 'v') AND obj_description(objid, 'pg_class') IS NULL
ORDER BY 1;

-- Nobody but the owner, pg_monitor for the views, has a right to anything.
SELECT object, acl.grantee::regrole, acl.privilege_type
  FROM member m JOIN pg_class c ON c.oid = m.objid AND m.class = 'pg_class'::regclass,
       LATERAL aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) acl
 WHERE acl.grantee <> c.relowner
UNION ALL
SELECT object, acl.grantee::regrole, acl.privilege_type
  FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.class = 'pg_proc'::regclass,
       LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) acl
 WHERE acl.grantee <> p.proowner
UNION ALL
SELECT object, acl.grantee::regrole, acl.privilege_type
  FROM member m JOIN pg_namespace n ON n.oid = m.objid AND m.class = 'pg_namespace'::regclass,
       LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) acl
 WHERE acl.grantee <> n.nspowner
 ORDER BY 1, 2, 3;

-- The prefix of the settings is ours: a mistyped one is an error.
SELECT name, setting, unit, context FROM pg_settings WHERE name LIKE 'pg\_cutover.%' ORDER BY name;
SET pg_cutover.no_such_setting = 1;

-- The bar.
SELECT p, migrate.progress_bar(p) FROM unnest(ARRAY[0, 0.04, 41.06, 99.99, 100, NULL]) p;
SELECT migrate.progress_bar(50, 10);

-- In another schema, beside objects of the same name, and away again without a trace.
DROP EXTENSION pg_cutover;
DROP VIEW member;
CREATE SCHEMA elsewhere;
CREATE FUNCTION public.migrate_pause(bigint) RETURNS text LANGUAGE sql RETURN 'not ours';
CREATE EXTENSION pg_cutover SCHEMA elsewhere;
SELECT elsewhere.migrate_recover();
SELECT public.migrate_pause(1);
ALTER EXTENSION pg_cutover SET SCHEMA public;
DROP EXTENSION pg_cutover;
SELECT count(*) FROM pg_namespace WHERE nspname = 'migrate';
DROP FUNCTION public.migrate_pause(bigint);
DROP SCHEMA elsewhere;
