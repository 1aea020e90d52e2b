-- The extension as a whole: where it lives, its prefix, its bar. What it consists of is in sql/contract.sql.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
SELECT extversion, extrelocatable, extnamespace::regnamespace FROM pg_extension WHERE extname = 'pg_cutover';

-- The prefix of the settings is ours: a mistyped one is an error.
SET pg_cutover.no_such_setting = 1;

-- The bar.
SELECT p, migrate.progress_bar(p) FROM unnest(ARRAY[0, 0.04, 41.06, 99.99, 100, NULL]) p;
SELECT migrate.progress_bar(50, 10);

-- In another schema, beside objects of the same name, and away again without a trace.
DROP EXTENSION pg_cutover;
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
