-- Scenarios: O6, O25, O65, R50
-- Who may do what (R55, R56): every function as a stranger, an owner, a member of the owner, a monitor and a superuser.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
CREATE ROLE cutover_owner LOGIN;
CREATE ROLE cutover_member LOGIN IN ROLE cutover_owner;
CREATE ROLE cutover_stranger LOGIN;
CREATE ROLE cutover_monitor LOGIN;
CREATE ROLE cutover_nologin;
CREATE SCHEMA privileges AUTHORIZATION cutover_owner;
GRANT USAGE ON SCHEMA privileges TO cutover_stranger, cutover_monitor, cutover_nologin;
SET search_path = privileges, public;
SET ROLE cutover_owner;
CREATE TABLE source (id int PRIMARY KEY, v text);
INSERT INTO source SELECT n, 'v' || n FROM generate_series(1, 1000) n;
CREATE TABLE target (LIKE source INCLUDING ALL);
RESET ROLE;

-- Without a grant nobody can call anything.
SET ROLE cutover_owner;
SELECT migrate_link('source', 'target');
SELECT * FROM migrate.progress;
RESET ROLE;
SELECT migrate_grant('cutover_owner');
SELECT migrate_grant('cutover_member');
SELECT migrate_grant('cutover_stranger');
SELECT migrate_grant('cutover_monitor', 'monitor');
SELECT migrate_grant('cutover_owner', 'admin');

-- A stranger with the right to call still does not own the tables, nor the jobs.
SET SESSION AUTHORIZATION cutover_stranger;
SELECT migrate_link('source', 'target');
SELECT migrate_shadow('source', 'public.source_v2');
SELECT migrate_backfill('source', 'target', sync => false);
SELECT * FROM migrate_explain('source', 'target');
RESET SESSION AUTHORIZATION;

-- The owner; and a member, whose job runs as the member.
SET SESSION AUTHORIZATION cutover_owner;
SELECT migrate_backfill('source', 'target', sync => false, throttle => '{"max_replication_lag": "1 s"}') AS job \gset
RESET SESSION AUTHORIZATION;
SELECT login_role, effective_role FROM migrate.job WHERE id = :job;

SET SESSION AUTHORIZATION cutover_stranger;
SELECT migrate_pause(:job);
SELECT migrate_resume(:job);
SELECT migrate_cancel(:job);
SELECT migrate_throttle(:job, '{}');
CALL migrate_wait(:job);
SELECT count(*) AS jobs_seen FROM migrate.progress;
SELECT count(*) AS events_seen FROM migrate.event WHERE job = :job;
SELECT * FROM migrate.job;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION cutover_monitor;
SELECT count(*) AS jobs_seen FROM migrate.progress WHERE job = :job;
SELECT migrate_cancel(:job);
RESET SESSION AUTHORIZATION;
GRANT pg_monitor TO cutover_monitor;
SET SESSION AUTHORIZATION cutover_monitor;
SELECT count(*) AS jobs_seen FROM migrate.progress WHERE job = :job;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION cutover_member;
SELECT migrate_throttle(:job, '{}');
CALL migrate_wait(:job);
SELECT state, rows_done FROM migrate.progress WHERE job = :job;
TRUNCATE target;
SELECT migrate_backfill('source', 'target', sync => false) AS job \gset
CALL migrate_wait(:job);
RESET SESSION AUTHORIZATION;
SELECT login_role, effective_role, state FROM migrate.job WHERE id = :job;

-- A superuser's job on the owner's tables connects as the owner: code that the owner attached to his table does not
-- run as a superuser.
SET ROLE cutover_owner;
CREATE TABLE seen (who text, login text);
CREATE FUNCTION notice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM privileges.seen) THEN
        INSERT INTO privileges.seen VALUES (current_user, session_user);
    END IF;
    BEGIN
        SET SESSION AUTHORIZATION postgres;
        INSERT INTO privileges.seen VALUES ('became', current_user);
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
    RETURN NEW;
END $$;
CREATE TABLE trapped (LIKE source INCLUDING ALL);
CREATE TRIGGER notice BEFORE INSERT ON trapped FOR EACH ROW EXECUTE FUNCTION notice();
RESET ROLE;
SELECT migrate_backfill('source', 'trapped', sync => false) AS job \gset
CALL migrate_wait(:job);
SELECT login_role, effective_role FROM migrate.job WHERE id = :job;
SELECT * FROM seen;

-- Refused where that owner may not read the source, and where he cannot log in.
CREATE TABLE owned_by_group (LIKE source INCLUDING ALL);
ALTER TABLE owned_by_group OWNER TO cutover_nologin;
SELECT migrate_backfill('source', 'owned_by_group', sync => false);
GRANT SELECT ON source TO cutover_nologin;
SELECT migrate_backfill('source', 'owned_by_group', sync => false);

-- A function of the caller's schema that hides one of PostgreSQL's is not called by a mapping that meant the other.
SET SESSION AUTHORIZATION cutover_owner;
CREATE FUNCTION privileges.lower(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'hidden';
CREATE TABLE lowered (id int PRIMARY KEY, v text);
SELECT migrate_backfill('source', 'lowered', columns => '{"v": "lower(v)"}', sync => false) AS job \gset
CALL migrate_wait(:job);
SELECT min(v), max(v) FROM lowered;
RESET SESSION AUTHORIZATION;

-- Row security that hides rows from the role is an error, never a partial copy.
SET SESSION AUTHORIZATION cutover_owner;
ALTER TABLE source ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY half ON source USING (id <= 500);
CREATE TABLE half (LIKE source INCLUDING ALL);
SELECT migrate_backfill('source', 'half', sync => false);
ALTER TABLE source NO FORCE ROW LEVEL SECURITY;
SELECT migrate_backfill('source', 'half', sync => false) AS job \gset
CALL migrate_wait(:job);
SELECT count(*) FROM half;
RESET SESSION AUTHORIZATION;

RESET search_path;
DROP SCHEMA privileges CASCADE;
SELECT migrate_grant(r, 'none') FROM unnest('{cutover_owner,cutover_member,cutover_stranger,cutover_monitor}'::regrole[]) r;
-- Roles that a job ran as can go; the job's row says which it was.
DROP ROLE cutover_member, cutover_stranger, cutover_monitor, cutover_nologin, cutover_owner;
