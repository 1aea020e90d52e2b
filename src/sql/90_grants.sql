-- Nothing is public but functions that compute from their arguments alone. A DBA opens the extension to a role with
-- migrate_grant; ownership of every table named in a call is required besides.
CREATE FUNCTION @extschema@.migrate_grant(grantee regrole, access text = 'operator') RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    views CONSTANT text = 'migrate.progress, migrate.event, migrate.link_status, migrate.revert_verdict, '
        'migrate.comparison, migrate.difference, migrate.repair, migrate.validation';
    routine record;
BEGIN
    IF access IS NULL OR access NOT IN ('operator', 'monitor', 'none') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = pg_catalog.format('access "%s" is not known', access),
            HINT = 'Use operator (call the migrate_* functions), monitor (read the views) or none.';
    END IF;
    EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA migrate FROM %s', grantee);
    EXECUTE pg_catalog.format('REVOKE ALL ON %s FROM %s', views, grantee);
    IF access <> 'none' THEN
        EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA migrate TO %s', grantee);
        EXECUTE pg_catalog.format('GRANT SELECT ON %s TO %s', views, grantee);
    END IF;
    FOR routine IN
        SELECT p.oid::pg_catalog.regprocedure AS signature,
               p.proname IN ('progress_bar', 'job_has_worker', 'scan_progress', 'capture_problems') AS for_monitors
          FROM pg_catalog.pg_depend d
          JOIN pg_catalog.pg_proc p ON p.oid = d.objid
          JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
          JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
         WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
           AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
           AND d.deptype = 'e' AND e.extname = 'pg_cutover'
           AND p.proname <> 'migrate_grant'
           -- Of the helpers those that public functions and views call with their caller's rights.
           AND (n.nspname <> 'migrate' OR p.proname IN ('progress_bar', 'job_has_worker', 'scan_progress', 'capture_problems')
                OR p.proname LIKE 'schema\_%')
    LOOP
        IF access = 'operator' OR (access = 'monitor' AND routine.for_monitors) THEN
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
    @extschema@.migrate_sketch(bigint, integer, VARIADIC "any"),
    @extschema@.migrate_sketch_diff(bytea, bytea),
    @extschema@.migrate_checksum(regclass, text[], text),
    @extschema@.migrate_compare(regclass, regclass, text, jsonb, text),
    @extschema@.migrate_repair(bigint, boolean),
    @extschema@.migrate_schema_diff(regnamespace, regnamespace),
    @extschema@.migrate_preflight(regclass, regclass),
    @extschema@.migrate_add_check(text, text, text, jsonb),
    @extschema@.migrate_drop_check(text, text),
    @extschema@.migrate_validate(text),
    @extschema@.migrate_compare_queries(text, text, double precision, integer),
    @extschema@.migrate_schedule(text, text),
    @extschema@.migrate_unschedule(text),
    @extschema@.migrate_grant(regrole, text)
    FROM PUBLIC;
-- A comparison reads the tables with the rights of their owner, who may have none on the extension.
GRANT USAGE ON SCHEMA migrate TO PUBLIC;
GRANT EXECUTE ON FUNCTION migrate.row_hash(bigint, VARIADIC "any"), migrate.key_number(bigint, VARIADIC "any"),
    migrate.key_bucket(bigint, VARIADIC "any"), migrate.equal_values("any", "any") TO PUBLIC;
GRANT EXECUTE ON ROUTINE migrate.sketch(bigint, integer, VARIADIC "any") TO PUBLIC;
-- The owner of a partitioned table makes partitions while it is kept in step: PostgreSQL then clones our trigger
-- in his name. The function refuses to serve tables that are not its link's.
GRANT EXECUTE ON FUNCTION migrate.capture() TO PUBLIC;
REVOKE ALL ON PROCEDURE @extschema@.migrate_wait(bigint, interval) FROM PUBLIC;

GRANT USAGE ON SCHEMA migrate TO pg_monitor;
GRANT SELECT ON migrate.progress, migrate.event, migrate.link_status, migrate.revert_verdict, migrate.comparison,
    migrate.difference, migrate.repair, migrate.validation TO pg_monitor;
GRANT EXECUTE ON FUNCTION migrate.progress_bar(double precision, integer), migrate.job_has_worker(bigint),
    migrate.scan_progress(integer), migrate.capture_problems(bigint) TO pg_monitor;
