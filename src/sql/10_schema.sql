-- The fixed schema of everything the extension keeps. The migrate_* functions live in the schema
-- chosen with CREATE EXTENSION ... SCHEMA.
CREATE SCHEMA migrate;
REVOKE ALL ON SCHEMA migrate FROM PUBLIC;
COMMENT ON SCHEMA migrate IS 'pg_cutover: links, jobs, progress and the event log of live migrations';
