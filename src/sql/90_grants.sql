-- Nothing is public. A DBA opens the extension to a role with migrate_grant; ownership of every table
-- named in a call is required besides.
CREATE FUNCTION @extschema@.migrate_grant(grantee regrole, access text = 'operator') RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    routine record;
BEGIN
    IF access IS NULL OR access NOT IN ('operator', 'monitor', 'none') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = pg_catalog.format('access "%s" is not known', access),
            HINT = 'Use operator (call the migrate_* functions), monitor (read the views) or none.';
    END IF;
    EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA migrate FROM %s', grantee);
    EXECUTE pg_catalog.format('REVOKE ALL ON migrate.progress, migrate.event, migrate.link_status, migrate.revert_verdict FROM %s', grantee);
    IF access <> 'none' THEN
        EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA migrate TO %s', grantee);
        EXECUTE pg_catalog.format('GRANT SELECT ON migrate.progress, migrate.event, migrate.link_status, migrate.revert_verdict TO %s', grantee);
    END IF;
    IF access = 'operator' AND NOT pg_catalog.has_schema_privilege(grantee, '@extschema@', 'USAGE') THEN
        EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA @extschema@ TO %s', grantee);
    END IF;
    FOR routine IN
        SELECT p.oid::pg_catalog.regprocedure AS signature, n.nspname = 'migrate' AS helper
          FROM pg_catalog.pg_depend d
          JOIN pg_catalog.pg_proc p ON p.oid = d.objid
          JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
          JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
         WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
           AND d.deptype = 'e' AND e.extname = 'pg_cutover'
           AND p.proname <> 'migrate_grant'
           AND (n.nspname <> 'migrate' OR p.proname IN ('progress_bar', 'job_has_worker', 'capture_problems'))
    LOOP
        IF access = 'operator' OR (access = 'monitor' AND routine.helper) THEN
            EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO %s', routine.signature, grantee);
        ELSE
            EXECUTE pg_catalog.format('REVOKE EXECUTE ON ROUTINE %s FROM %s', routine.signature, grantee);
        END IF;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION @extschema@.migrate_grant(regrole, text) IS
    'let a role use the extension (operator), read its views (monitor), or neither (none)';

REVOKE ALL ON ALL TABLES IN SCHEMA migrate FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA migrate FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA migrate FROM PUBLIC;
REVOKE ALL ON FUNCTION
    @extschema@.migrate_link(regclass, regclass, jsonb, text, text[], boolean, text),
    @extschema@.migrate_unlink(regclass, regclass),
    @extschema@.migrate_shadow(regclass, text, text[], jsonb, text, text),
    @extschema@.migrate_sync(regclass, regclass, text),
    @extschema@.migrate_unsync(regclass, regclass),
    @extschema@.migrate_backfill(regclass, regclass, jsonb, text, text[], integer, interval, integer, jsonb, boolean,
        text, text),
    @extschema@.migrate_explain(regclass, regclass),
    @extschema@.migrate_pause(bigint),
    @extschema@.migrate_resume(bigint),
    @extschema@.migrate_cancel(bigint),
    @extschema@.migrate_throttle(bigint, jsonb),
    @extschema@.migrate_recover(),
    @extschema@.migrate_cutover(regclass, regclass, interval, integer, boolean, boolean, name, text, jsonb, text,
        interval),
    @extschema@.migrate_revert(regclass, interval, integer, boolean, interval),
    @extschema@.migrate_table(regclass, text[], jsonb, text, text, integer, jsonb, text),
    @extschema@.migrate_retire(regclass, interval),
    @extschema@.migrate_purge(boolean),
    @extschema@.migrate_grant(regrole, text)
    FROM PUBLIC;
-- The owner of a partitioned table makes partitions while it is kept in step: PostgreSQL then clones our trigger
-- in his name. The function refuses to serve tables that are not its link's.
GRANT EXECUTE ON FUNCTION migrate.capture() TO PUBLIC;
REVOKE ALL ON PROCEDURE @extschema@.migrate_wait(bigint, interval) FROM PUBLIC;

GRANT USAGE ON SCHEMA migrate TO pg_monitor;
GRANT SELECT ON migrate.progress, migrate.event, migrate.link_status, migrate.revert_verdict TO pg_monitor;
GRANT EXECUTE ON FUNCTION migrate.progress_bar(double precision, integer), migrate.job_has_worker(bigint),
    migrate.capture_problems(bigint) TO pg_monitor;
