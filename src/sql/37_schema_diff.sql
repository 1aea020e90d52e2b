-- Two schemas side by side.
--
-- Objects are matched by kind and name; constraints, indexes and statistics first by definition, as their names are
-- often generated: by themselves, names of those are no difference.
--
-- The planner has no statistics of what the functions return and takes every column list for one row: without
-- enable_nestloop = off the time grows with the square of the number of objects.
CREATE FUNCTION @extschema@.migrate_schema_diff(old regnamespace, new regnamespace)
    RETURNS TABLE (kind text, object text, difference text, old_definition text, new_definition text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET enable_nestloop = off
    SET jit = off
AS $function$
#variable_conflict use_column
DECLARE
    old_name_of_schema name := (SELECT n.nspname FROM pg_namespace n WHERE n.oid = old);
    new_name_of_schema name := (SELECT n.nspname FROM pg_namespace n WHERE n.oid = new);
    -- Names of what is in a schema that the caller may not use look otherwise in definitions.
    closed name := (SELECT n.nspname FROM pg_namespace n
                     WHERE n.oid IN (old, new) AND NOT has_schema_privilege(n.oid, 'USAGE') ORDER BY n.oid <> old LIMIT 1);
    -- OLD and NEW of a trigger or rule are rows.
    rows_are_called_so boolean := lower(old_name_of_schema) IN ('old', 'new') OR lower(new_name_of_schema) IN ('old', 'new');
BEGIN
    IF old IS NULL OR new IS NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = format('%s must not be null', CASE WHEN old IS NULL THEN 'old' ELSE 'new' END);
    ELSIF old_name_of_schema IS NULL OR new_name_of_schema IS NULL THEN
        RAISE invalid_schema_name USING
            MESSAGE = format('schema with OID %s does not exist', CASE WHEN old_name_of_schema IS NULL THEN old ELSE new END::oid);
    ELSIF closed IS NOT NULL THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('permission denied for schema %I', closed),
            HINT = format('GRANT USAGE ON SCHEMA %I TO %I', closed, current_user);
    END IF;
    RETURN QUERY
    WITH old_fact AS MATERIALIZED (
        SELECT * FROM migrate.schema_contents(old)
    ), new_fact AS MATERIALIZED (
        SELECT * FROM migrate.schema_contents(new)
    ), old_object AS (
        SELECT f.kind, coalesce(f.container, '') AS container, f.name, f.place, f.value AS definition,
               migrate.schema_neutral(f.value, old_name_of_schema) AS neutral
          FROM old_fact f WHERE f.property = ''
    ), new_object AS (
        SELECT f.kind, coalesce(f.container, '') AS container, f.name, f.place, f.value AS definition,
               migrate.schema_neutral(f.value, new_name_of_schema) AS neutral
          FROM new_fact f WHERE f.property = ''
    ), old_defined AS (
        -- Of several with one definition, those of one name belong together.
        SELECT o.*, row_number() OVER (PARTITION BY o.kind, o.container, o.neutral
                                       ORDER BY n.name IS NULL, o.name COLLATE "C") AS number
          FROM old_object o LEFT JOIN new_object n USING (kind, container, name, neutral)
         WHERE o.kind IN ('constraint', 'index', 'statistics')
    ), new_defined AS (
        SELECT n.*, row_number() OVER (PARTITION BY n.kind, n.container, n.neutral
                                       ORDER BY o.name IS NULL, n.name COLLATE "C") AS number
          FROM new_object n LEFT JOIN old_object o USING (kind, container, name, neutral)
         WHERE n.kind IN ('constraint', 'index', 'statistics')
    ), same AS (
        SELECT o.kind, o.container, o.name AS old_name, n.name AS new_name
          FROM old_defined o JOIN new_defined n USING (kind, container, neutral, number)
    ), pair AS (
        SELECT s.kind, s.container, s.old_name, s.new_name, NULL::text AS old_definition, NULL::text AS new_definition
          FROM same s
        UNION ALL
        SELECT coalesce(o.kind, n.kind), coalesce(o.container, n.container), o.name, n.name, o.definition, n.definition
          FROM (SELECT * FROM old_object o WHERE NOT EXISTS (SELECT FROM same s
                  WHERE (s.kind, s.container, s.old_name) = (o.kind, o.container, o.name))) o
          FULL JOIN (SELECT * FROM new_object n WHERE NOT EXISTS (SELECT FROM same s
                  WHERE (s.kind, s.container, s.new_name) = (n.kind, n.container, n.name))) n
            ON (o.kind, o.container, o.name) = (n.kind, n.container, n.name)
    ), whole_object AS (
        -- Of those that have parts: objects of other kinds, a collation for instance, may have the same name.
        SELECT p.* FROM pair p WHERE p.kind IN ('table', 'foreign table', 'view', 'materialized view', 'type')
    ), one_sided AS (
        SELECT coalesce(p.old_name, p.new_name) AS name FROM whole_object p
         WHERE p.old_name IS NULL OR p.new_name IS NULL
    ), whole AS (
        SELECT p.kind, p.container, coalesce(p.old_name, p.new_name) AS name,
               CASE WHEN p.new_name IS NULL THEN 'missing' ELSE 'extra' END AS difference, p.old_definition, p.new_definition
          FROM pair p
         WHERE p.old_name IS NULL OR p.new_name IS NULL
    ), changed AS (
        SELECT kind, container, old_name AS name, property AS difference, o.value AS old_definition,
               n.value AS new_definition
          FROM (SELECT p.kind, p.container, p.old_name, p.new_name, f.property, f.value
                  FROM pair p JOIN old_fact f ON f.kind = p.kind AND coalesce(f.container, '') = p.container
                   AND f.name = p.old_name AND f.property <> '' WHERE p.new_name IS NOT NULL) o
          FULL JOIN (SELECT p.kind, p.container, p.old_name, p.new_name, f.property, f.value
                  FROM pair p JOIN new_fact f ON f.kind = p.kind AND coalesce(f.container, '') = p.container
                   AND f.name = p.new_name AND f.property <> '' WHERE p.old_name IS NOT NULL) n
         USING (kind, container, old_name, new_name, property)
         WHERE o.value IS DISTINCT FROM n.value
           -- PostgreSQL qualifies a name that pg_catalog hides. Bodies are neutral already.
           AND (property = 'body' OR rows_are_called_so
                OR migrate.schema_neutral(o.value, old_name_of_schema)
                   IS DISTINCT FROM migrate.schema_neutral(n.value, new_name_of_schema))
    ), reordered AS (
        SELECT p.kind, '' AS container, p.old_name AS name, 'column order', c.old_order, c.new_order
          FROM (SELECT o.container, string_agg(o.name, ', ' ORDER BY o.place) AS old_order,
                       string_agg(o.name, ', ' ORDER BY n.place) AS new_order
                  FROM old_object o JOIN new_object n USING (kind, container, name)
                 WHERE o.kind = 'column' GROUP BY o.container) c
          JOIN whole_object p ON p.old_name = c.container AND p.new_name = c.container
         WHERE c.old_order <> c.new_order
    )
    SELECT d.kind, concat_ws('.', nullif(d.container, ''), d.name), d.difference, d.old_definition, d.new_definition
      FROM (SELECT * FROM whole UNION ALL SELECT * FROM changed UNION ALL SELECT * FROM reordered) d
     -- What belongs to an object that one schema does not have is not listed by itself.
     WHERE NOT EXISTS (SELECT FROM one_sided s WHERE s.name = d.container)
     ORDER BY array_position('{schema,type,sequence,table,foreign table,column,constraint,index,statistics,trigger,rule,'
                             'policy,view,materialized view,function,procedure,aggregate}'::text[], d.kind),
              d.kind, concat_ws('.', nullif(d.container, ''), d.name) COLLATE "C", d.difference COLLATE "C";
END
$function$;
COMMENT ON FUNCTION @extschema@.migrate_schema_diff(regnamespace, regnamespace) IS
    'how two schemas differ: objects that only one has, and what differs in those of both; no row: they are equal';
