-- What migrate_schema_diff compares of each object, as (catalog, object, part, property, value). A property that is
-- NULL is not there.
--
-- These functions are run under the search_path of the schema they describe, so that PostgreSQL prints its names
-- without the schema. Their bodies are SQL-standard ones, bound when they are created: nothing in the described
-- schema can be taken for one of the functions or operators here.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Text that PostgreSQL does not parse keeps the schema's name: a function's body, a literal.
CREATE FUNCTION migrate.schema_neutral(body text, schema name) RETURNS text LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT CASE WHEN schema::text ~ '^[a-z_][a-z0-9_]*$'
                THEN regexp_replace(quoted.body, format('(?<![\w$."])%s(?=\s*\.)', schema), '<schema>', 'gi')
                ELSE quoted.body END
      FROM regexp_replace(body, format('(?<![\w$."])"%s"(?=\s*\.)',
               regexp_replace(replace(schema::text, '"', '""'), '(\W)', '\\\1', 'g')), '<schema>', 'g') AS quoted (body);
END;
COMMENT ON FUNCTION migrate.schema_neutral(text, name) IS 'a text with <schema> in place of a schema''s name before a dot';

CREATE FUNCTION migrate.schema_sequence_text(sequence oid) RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT format('AS %s START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s%s',
                  format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
                  CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END)
      FROM pg_sequence s WHERE s.seqrelid = sequence;
END;
COMMENT ON FUNCTION migrate.schema_sequence_text(oid) IS 'the options of a sequence';

CREATE FUNCTION migrate.schema_relation_properties(schema oid)
    RETURNS TABLE (catalog oid, object oid, part integer, property text, value text) LANGUAGE sql STABLE
BEGIN ATOMIC
    -- Tables, views, materialized views, foreign tables, sequences.
    SELECT 'pg_class'::regclass::oid, c.oid, 0, p.property, p.value
      FROM pg_class c
      LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
      LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisreplident
      LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid
     CROSS JOIN LATERAL (VALUES
           ('definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid, true) END),
           ('persistence', CASE c.relpersistence WHEN 'p' THEN 'permanent' WHEN 'u' THEN 'unlogged'
                           ELSE 'temporary' END),
           ('options', nullif(concat_ws(', ',
               (SELECT string_agg(o.option, ', ' ORDER BY o.option COLLATE "C") FROM unnest(c.reloptions) AS o (option)),
               (SELECT string_agg('toast.' || o.option, ', ' ORDER BY o.option COLLATE "C")
                  FROM unnest(t.reloptions) AS o (option))), '')),
           ('access method', (SELECT a.amname::text FROM pg_am a WHERE a.oid = c.relam)),
           ('tablespace', (SELECT s.spcname::text FROM pg_tablespace s WHERE s.oid = c.reltablespace)),
           ('partitioning', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END),
           ('partition of', CASE WHEN c.relispartition THEN
               (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = c.oid)
               || ' ' || pg_get_expr(c.relpartbound, c.oid) END),
           ('inherits from', CASE WHEN NOT c.relispartition THEN
               (SELECT string_agg(h.inhparent::regclass::text, ', ' ORDER BY h.inhseqno) FROM pg_inherits h
                 WHERE h.inhrelid = c.oid) END),
           ('type', CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END),
           ('row security', nullif(concat_ws(', ', CASE WHEN c.relrowsecurity THEN 'enabled' END,
               CASE WHEN c.relforcerowsecurity THEN 'forced' END), '')),
           ('replica identity', CASE WHEN c.relkind IN ('r', 'p', 'm') THEN CASE c.relreplident
               WHEN 'd' THEN 'default' WHEN 'f' THEN 'full' WHEN 'n' THEN 'nothing'
               ELSE 'the index of ' || pg_get_indexdef(i.indexrelid, 1, true)
                   || coalesce((SELECT string_agg(', ' || pg_get_indexdef(i.indexrelid, k, true), '' ORDER BY k)
                                  FROM generate_series(2, i.indnkeyatts) AS k), '') END END),
           ('populated', CASE WHEN c.relkind = 'm' THEN CASE WHEN c.relispopulated THEN 'yes' ELSE 'no' END END),
           ('foreign server', (SELECT s.srvname::text FROM pg_foreign_server s WHERE s.oid = f.ftserver)),
           ('foreign options', array_to_string(f.ftoptions, ', ')),
           ('sequence', migrate.schema_sequence_text(c.oid)),
           ('publications', (SELECT string_agg(concat_ws(' ', quote_ident(u.pubname),
                   '(' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                            WHERE a.attrelid = c.oid AND a.attnum = ANY (r.prattrs)) || ')',
                   'WHERE ' || pg_get_expr(r.prqual, c.oid)), ', ' ORDER BY u.pubname COLLATE "C")
               FROM pg_publication_rel r JOIN pg_publication u ON u.oid = r.prpubid WHERE r.prrelid = c.oid)),
           ('owned by', CASE WHEN c.relkind = 'S' THEN
               (SELECT format('%s.%I', d.refobjid::regclass, (SELECT a.attname FROM pg_attribute a
                           WHERE a.attrelid = d.refobjid AND a.attnum = d.refobjsubid)) FROM pg_depend d
                 WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                   AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a') END)) AS p (property, value)
     WHERE c.relnamespace = schema AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    -- Columns. Storage and collation only where they are not those of the type.
    SELECT 'pg_class'::regclass, c.oid, a.attnum, p.property, p.value
      FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
      LEFT JOIN (SELECT w.refobjid, w.refobjsubid, i.* FROM pg_depend w JOIN pg_class i ON i.oid = w.objid
                  WHERE w.classid = 'pg_class'::regclass AND w.refclassid = 'pg_class'::regclass AND w.deptype = 'i'
                    AND i.relkind = 'S') q ON q.refobjid = c.oid AND q.refobjsubid = a.attnum AND a.attidentity <> ''
     CROSS JOIN LATERAL (VALUES
           ('type', format_type(a.atttypid, a.atttypmod)),
           ('collation', CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END),
           ('not null', CASE WHEN a.attnotnull THEN 'NOT NULL' END),
           ('default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, c.oid, true) END),
           ('generated', CASE WHEN a.attgenerated <> '' THEN format('GENERATED ALWAYS AS (%s)%s',
               pg_get_expr(d.adbin, c.oid, true), CASE a.attgenerated WHEN 's' THEN ' STORED' ELSE '' END) END),
           -- The sequence's name is a generated one.
           ('identity', CASE WHEN a.attidentity <> '' THEN format('GENERATED %s AS IDENTITY (%s)',
               CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,
               migrate.schema_sequence_text(q.oid)) END),
           -- Only where somebody chose it: the server makes it as its table.
           ('identity persistence', CASE WHEN q.relpersistence <> c.relpersistence THEN
               CASE q.relpersistence WHEN 'p' THEN 'permanent' ELSE 'unlogged' END END),
           ('identity privileges', (SELECT string_agg(g.role || ': ' || g.privileges, '; ' ORDER BY g.role COLLATE "C")
               FROM (SELECT CASE x.grantee WHEN 0 THEN 'PUBLIC' WHEN q.relowner THEN 'the owner'
                                 ELSE x.grantee::regrole::text END,
                            string_agg(x.privilege_type || CASE WHEN x.is_grantable AND x.grantee <> q.relowner
                                                                THEN ' WITH GRANT OPTION' ELSE '' END,
                                       ', ' ORDER BY x.privilege_type COLLATE "C")
                       FROM aclexplode(coalesce(q.relacl, acldefault('s', q.relowner))) AS x
                      WHERE q.oid IS NOT NULL GROUP BY x.grantee, q.relowner) AS g (role, privileges))),
           ('storage', CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage WHEN 'p' THEN 'plain'
               WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE 'extended' END END),
           ('compression', CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END),
           -- Only what users set: the server keeps versions of its own among the column options.
           ('options', (SELECT string_agg(o.option_name || '=' || o.option_value, ', ' ORDER BY o.option_name COLLATE "C")
               FROM pg_options_to_table(a.attoptions) AS o WHERE o.option_name IN ('n_distinct', 'n_distinct_inherited'))),
           ('foreign options', array_to_string(a.attfdwoptions, ', ')),
           ('statistics target', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::text END)) AS p (property, value)
     WHERE c.relnamespace = schema AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    UNION ALL
    -- Indexes, those of constraints with their constraint: all that pg_get_constraintdef leaves out.
    SELECT CASE WHEN k.oid IS NULL THEN 'pg_class'::regclass ELSE 'pg_constraint'::regclass END, coalesce(k.oid, c.oid), 0,
           p.property, p.value
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid
      LEFT JOIN pg_constraint k ON k.conindid = c.oid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
     CROSS JOIN LATERAL (VALUES
           ('definition', CASE WHEN k.oid IS NULL THEN
               replace(pg_get_indexdef(c.oid, 0, true), format(' INDEX %I ON ', c.relname), ' INDEX ON ') END),
           ('index options', CASE WHEN k.oid IS NOT NULL THEN array_to_string(c.reloptions, ', ') END),
           ('index comment', CASE WHEN k.oid IS NOT NULL THEN obj_description(c.oid, 'pg_class') END),
           ('validity', nullif(concat_ws(', ', CASE WHEN NOT i.indisvalid THEN 'invalid' END,
               CASE WHEN NOT i.indisready THEN 'not ready' END), '')),
           ('statistics target', (SELECT string_agg(format('%s of column %s', a.attstattarget, a.attnum), ', '
                                                    ORDER BY a.attnum)
               FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0)),
           ('tablespace', (SELECT s.spcname::text FROM pg_tablespace s WHERE s.oid = c.reltablespace)),
           ('clustered', CASE WHEN i.indisclustered THEN 'CLUSTER ON' END)) AS p (property, value)
     WHERE c.relnamespace = schema
    UNION ALL
    SELECT 'pg_constraint'::regclass, k.oid, 0, p.property, p.value
      FROM pg_constraint k
     CROSS JOIN LATERAL (VALUES
           ('definition', pg_get_constraintdef(k.oid, true)),
           -- By triggers of the server, which DISABLE TRIGGER ALL disables with the others.
           ('enforced', (SELECT string_agg(DISTINCT format('%s on %s', CASE t.tgenabled WHEN 'D' THEN 'disabled'
                                    WHEN 'R' THEN 'replica' ELSE 'always' END, t.tgrelid::regclass), ', ')
               FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgisinternal AND t.tgenabled <> 'O')))
           AS p (property, value)
     WHERE k.connamespace = schema
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, s.oid, 0, p.property, p.value
      FROM pg_statistic_ext s
     CROSS JOIN LATERAL (VALUES
           ('definition', replace(pg_get_statisticsobjdef(s.oid), format(' STATISTICS %s.%I', schema::regnamespace, s.stxname),
               ' STATISTICS')),
           ('statistics target', CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget::text END)) AS p (property, value)
     WHERE s.stxnamespace = schema
    UNION ALL
    SELECT 'pg_trigger'::regclass, t.oid, 0, p.property, p.value
      FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
     CROSS JOIN LATERAL (VALUES
           ('definition', pg_get_triggerdef(t.oid, true)),
           ('enabled', CASE t.tgenabled WHEN 'O' THEN 'enabled' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica'
               ELSE 'always' END)) AS p (property, value)
     WHERE c.relnamespace = schema AND NOT t.tgisinternal
    UNION ALL
    SELECT 'pg_rewrite'::regclass, r.oid, 0, p.property, p.value
      FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
     CROSS JOIN LATERAL (VALUES
           ('definition', pg_get_ruledef(r.oid, true)),
           ('enabled', CASE r.ev_enabled WHEN 'O' THEN 'enabled' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica'
               ELSE 'always' END)) AS p (property, value)
     WHERE c.relnamespace = schema AND r.rulename <> '_RETURN'
    UNION ALL
    SELECT 'pg_policy'::regclass, o.oid, 0, p.property, p.value
      FROM pg_policy o JOIN pg_class c ON c.oid = o.polrelid
     CROSS JOIN LATERAL (VALUES
           ('permissive', CASE WHEN o.polpermissive THEN 'permissive' ELSE 'restrictive' END),
           ('command', CASE o.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
               WHEN 'd' THEN 'DELETE' ELSE 'ALL' END),
           ('roles', (SELECT string_agg(CASE r WHEN 0 THEN 'public' ELSE r::regrole::text END, ', '
                                        ORDER BY r::regrole::text COLLATE "C") FROM unnest(o.polroles) AS r)),
           ('using', pg_get_expr(o.polqual, c.oid, true)),
           ('with check', pg_get_expr(o.polwithcheck, c.oid, true))) AS p (property, value)
     WHERE c.relnamespace = schema;
END;
COMMENT ON FUNCTION migrate.schema_relation_properties(oid) IS
    'what is compared of tables, columns, indexes, constraints, triggers, rules and policies';

CREATE FUNCTION migrate.schema_routine_properties(schema oid)
    RETURNS TABLE (catalog oid, object oid, part integer, property text, value text) LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'pg_proc'::regclass::oid, f.oid, 0, p.property, p.value
      FROM pg_proc f
      JOIN pg_namespace n ON n.oid = f.pronamespace
      JOIN pg_language l ON l.oid = f.prolang
      LEFT JOIN pg_aggregate a ON a.aggfnoid = f.oid
     CROSS JOIN LATERAL (VALUES
           ('arguments', pg_get_function_arguments(f.oid)),
           ('result', pg_get_function_result(f.oid)),
           ('language', l.lanname::text),
           -- OLD and NEW of a trigger function are rows, whatever the schema is called.
           ('body', CASE WHEN f.prokind = 'a' THEN NULL
               WHEN f.prosqlbody IS NOT NULL THEN pg_get_function_sqlbody(f.oid)
               WHEN f.prorettype = 'trigger'::regtype AND lower(n.nspname) IN ('old', 'new')
               THEN concat_ws(', ', f.probin, f.prosrc)
               ELSE migrate.schema_neutral(concat_ws(', ', f.probin, f.prosrc), n.nspname) END),
           ('volatility', CASE f.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END),
           ('security', CASE WHEN f.prosecdef THEN 'security definer' ELSE 'security invoker' END),
           ('strict', CASE WHEN f.proisstrict THEN 'strict' END),
           ('window', CASE WHEN f.prokind = 'w' THEN 'window' END),
           ('leakproof', CASE WHEN f.proleakproof THEN 'leakproof' END),
           ('parallel', CASE f.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END),
           ('cost', f.procost::text),
           ('rows', CASE WHEN f.proretset THEN f.prorows::text END),
           ('support', CASE WHEN f.prosupport <> 0 THEN f.prosupport::text END),
           ('settings', (SELECT string_agg(CASE WHEN s.setting LIKE 'search\_path=%' THEN
                   (SELECT 'search_path=' || string_agg(CASE WHEN trim(e.element, ' "') = n.nspname THEN '<schema>'
                                                             ELSE trim(e.element) END, ', ' ORDER BY e.place)
                      FROM unnest(string_to_array(substr(s.setting, 13), ',')) WITH ORDINALITY AS e (element, place))
                   ELSE s.setting END, E'\n' ORDER BY s.setting COLLATE "C") FROM unnest(f.proconfig) AS s (setting))),
           ('aggregate', CASE WHEN f.prokind = 'a' THEN concat_ws(', ',
               format('KIND = %s', a.aggkind), format('DIRECT ARGUMENTS = %s', a.aggnumdirectargs),
               format('SFUNC = %s', a.aggtransfn), format('STYPE = %s', format_type(a.aggtranstype, NULL)),
               format('SSPACE = %s', a.aggtransspace), format('FINALFUNC = %s', a.aggfinalfn),
               format('FINALFUNC_EXTRA = %s', a.aggfinalextra), format('FINALFUNC_MODIFY = %s', a.aggfinalmodify),
               format('COMBINEFUNC = %s', a.aggcombinefn), format('SERIALFUNC = %s', a.aggserialfn),
               format('DESERIALFUNC = %s', a.aggdeserialfn), format('INITCOND = %L', a.agginitval),
               format('MSFUNC = %s', a.aggmtransfn), format('MINVFUNC = %s', a.aggminvtransfn),
               format('MSTYPE = %s', format_type(nullif(a.aggmtranstype, 0), NULL)),
               format('MFINALFUNC = %s', a.aggmfinalfn), format('MINITCOND = %L', a.aggminitval),
               format('SORTOP = %s', a.aggsortop::regoperator)) END)) AS p (property, value)
     WHERE f.pronamespace = schema;
END;
COMMENT ON FUNCTION migrate.schema_routine_properties(oid) IS
    'what is compared of functions, procedures and aggregates';

CREATE FUNCTION migrate.schema_type_properties(schema oid)
    RETURNS TABLE (catalog oid, object oid, part integer, property text, value text) LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'pg_type'::regclass::oid, t.oid, 0, p.property, p.value
      FROM pg_type t
      LEFT JOIN pg_type b ON b.oid = t.typbasetype
      LEFT JOIN pg_range r ON r.rngtypid = t.oid
     CROSS JOIN LATERAL (VALUES
           ('kind', CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range'
               WHEN 'c' THEN 'composite' WHEN 'p' THEN 'pseudo' ELSE 'base' END),
           ('labels', CASE WHEN t.typtype = 'e' THEN
               (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e
                 WHERE e.enumtypid = t.oid) END),
           ('base type', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END),
           ('collation', CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation
               THEN t.typcollation::regcollation::text END),
           ('not null', CASE WHEN t.typnotnull THEN 'NOT NULL' END),
           ('default', coalesce(pg_get_expr(t.typdefaultbin, 0, true), t.typdefault)),
           ('subtype', format_type(r.rngsubtype, NULL)),
           ('multirange', (SELECT quote_ident(m.typname) FROM pg_type m WHERE m.oid = r.rngmultitypid)),
           ('operator class', (SELECT format('%s', o.opcname) FROM pg_opclass o WHERE o.oid = r.rngsubopc)),
           ('range functions', CASE WHEN t.typtype = 'r' THEN format('%s, %s, %s', r.rngcanonical, r.rngsubdiff,
               nullif(r.rngcollation, 0)::regcollation) END),
           ('functions', CASE WHEN t.typtype = 'b' THEN format('%s, %s, %s, %s', t.typinput, t.typoutput, t.typreceive,
               t.typsend) END)) AS p (property, value)
     WHERE t.typnamespace = schema;
END;
COMMENT ON FUNCTION migrate.schema_type_properties(oid) IS 'what is compared of types';

CREATE FUNCTION migrate.schema_other_properties(schema oid)
    RETURNS TABLE (catalog oid, object oid, part integer, property text, value text) LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'pg_namespace'::regclass::oid, schema, 0, 'publications',
           string_agg(quote_ident(u.pubname), ', ' ORDER BY u.pubname COLLATE "C")
      FROM pg_publication_namespace n JOIN pg_publication u ON u.oid = n.pnpubid WHERE n.pnnspid = schema
    UNION ALL
    -- What decides whether two texts are equal, and which comes first.
    SELECT 'pg_collation'::regclass, c.oid, 0, p.property, p.value
      FROM pg_collation c
     CROSS JOIN LATERAL (VALUES
           ('provider', CASE c.collprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin'
                        ELSE 'default' END),
           -- The columns for ICU's locale and rules are called otherwise, or are not there, in other versions.
           ('locale', concat_ws(', ', 'LC_COLLATE ' || c.collcollate, 'LC_CTYPE ' || c.collctype,
               coalesce(to_jsonb(c) ->> 'colliculocale', to_jsonb(c) ->> 'colllocale'),
               'RULES ' || (to_jsonb(c) ->> 'collicurules'))),
           ('deterministic', CASE WHEN c.collisdeterministic THEN 'deterministic' ELSE 'nondeterministic' END))
           AS p (property, value)
     WHERE c.collnamespace = schema
    UNION ALL
    SELECT 'pg_operator'::regclass, o.oid, 0, p.property, p.value
      FROM pg_operator o
     CROSS JOIN LATERAL (VALUES
           ('function', nullif(o.oprcode, 0)::regprocedure::text),
           ('commutator', nullif(o.oprcom, 0)::regoperator::text),
           ('negator', nullif(o.oprnegate, 0)::regoperator::text),
           ('restrict', nullif(o.oprrest, 0)::regproc::text),
           ('join', nullif(o.oprjoin, 0)::regproc::text),
           ('hashes', CASE WHEN o.oprcanhash THEN 'HASHES' END),
           ('merges', CASE WHEN o.oprcanmerge THEN 'MERGES' END)) AS p (property, value)
     WHERE o.oprnamespace = schema
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, d.oid, 0, p.property, p.value
      FROM pg_ts_dict d JOIN pg_ts_template t ON t.oid = d.dicttemplate
     CROSS JOIN LATERAL (VALUES
           ('template', quote_ident(t.tmplname)),
           ('options', d.dictinitoption)) AS p (property, value)
     WHERE d.dictnamespace = schema
    UNION ALL
    SELECT 'pg_ts_config'::regclass, c.oid, 0, p.property, p.value
      FROM pg_ts_config c JOIN pg_ts_parser s ON s.oid = c.cfgparser
     CROSS JOIN LATERAL (VALUES
           ('parser', quote_ident(s.prsname)),
           ('mappings', (SELECT string_agg(m.token || ': ' || m.dictionaries, '; ' ORDER BY m.token COLLATE "C")
               FROM (SELECT k.alias, string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno)
                       FROM pg_ts_config_map m JOIN ts_token_type(c.cfgparser) AS k ON k.tokid = m.maptokentype
                      WHERE m.mapcfg = c.oid GROUP BY k.alias) AS m (token, dictionaries)))) AS p (property, value)
     WHERE c.cfgnamespace = schema;
END;
COMMENT ON FUNCTION migrate.schema_other_properties(oid) IS
    'what is compared of the schema itself, collations, operators and text search';

SELECT pg_catalog.set_config('search_path', '@extschema@, pg_temp', true);
