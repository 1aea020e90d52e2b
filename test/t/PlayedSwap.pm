# A swap that a test plays itself, in the order of its statements: those of before, the names, those of after. For what
# follows a table's name, without a job around it.
package PlayedSwap;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(install_dependents_harness install_properties_harness played_swap steps_of);

# Schema harness: swap() plays the whole, found() and pair() tell what a swap would find, state() what it could lose.
sub install_dependents_harness
{
	my ($server) = @_;
	$server->ask(<<'SQL');
CREATE SCHEMA harness;
-- What a swap does: the statements of before, the names, the statements of after. The refusals, if there are any.
CREATE FUNCTION harness.swap(live regclass, mirror regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    pair jsonb := migrate.debug_pair(live, mirror);
    found jsonb := migrate.debug_dependents(live, mirror, true);
    name text := (SELECT relname FROM pg_class WHERE oid = live);
    statement text;
BEGIN
    IF found -> 'refusals' <> '[]' THEN
        RETURN (SELECT pg_catalog.string_agg(r, E'\n')
                  FROM pg_catalog.jsonb_array_elements_text(found -> 'refusals') r);
    END IF;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    FOR statement IN SELECT pg_catalog.jsonb_array_elements_text(found -> 'before') LOOP EXECUTE statement; END LOOP;
    EXECUTE pg_catalog.format('ALTER TABLE %s RENAME TO %I', pair ->> 'live', pair ->> 'retired');
    EXECUTE pg_catalog.format('ALTER TABLE %s RENAME TO %I', pair ->> 'mirror', name);
    FOR statement IN SELECT pg_catalog.jsonb_array_elements_text(found -> 'after') LOOP EXECUTE statement; END LOOP;
    RETURN 'swapped';
END
$$;
CREATE FUNCTION harness.found(live regclass, mirror regclass, part text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_catalog.string_agg(r, E'\n')
      FROM pg_catalog.jsonb_array_elements_text(migrate.debug_dependents(live, mirror, false)::jsonb -> part) r
$$;
CREATE FUNCTION harness.pair(live regclass, mirror regclass, part text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_catalog.string_agg(r, E'\n')
      FROM pg_catalog.jsonb_array_elements_text(migrate.debug_pair(live, mirror)::jsonb -> part) r
$$;
-- Everything about the views and functions of some schemas, as text. OIDs only where asked for.
CREATE FUNCTION harness.state(schemas text[], oids boolean = false) RETURNS SETOF text LANGUAGE sql
    SET search_path = pg_catalog AS $$
    SELECT concat_ws(' ', 'view', c.oid::regclass, CASE WHEN oids THEN c.oid::text END, pg_get_userbyid(relowner),
                     coalesce(relacl, acldefault('r', relowner)), reloptions, obj_description(c.oid, 'pg_class'),
                     pg_get_viewdef(c.oid))
      FROM pg_class c WHERE relkind = 'v' AND relnamespace::regnamespace::text = ANY (schemas)
    UNION ALL
    SELECT concat_ws(' ', 'column', c.oid::regclass, attnum, attname, format_type(atttypid, atttypmod),
                     attcollation::regcollation, attacl, col_description(c.oid, attnum), pg_get_expr(adbin, adrelid))
      FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0
      LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
     WHERE relkind = 'v' AND relnamespace::regnamespace::text = ANY (schemas)
    UNION ALL
    SELECT concat_ws(' ', 'trigger', pg_get_triggerdef(t.oid), tgenabled, obj_description(t.oid, 'pg_trigger'))
      FROM pg_class c JOIN pg_trigger t ON tgrelid = c.oid
     WHERE relkind = 'v' AND relnamespace::regnamespace::text = ANY (schemas)
    UNION ALL
    SELECT concat_ws(' ', 'rule', pg_get_ruledef(r.oid), ev_enabled, obj_description(r.oid, 'pg_rewrite'))
      FROM pg_class c JOIN pg_rewrite r ON ev_class = c.oid
     WHERE relkind = 'v' AND ev_type <> '1' AND relnamespace::regnamespace::text = ANY (schemas)
    UNION ALL
    SELECT concat_ws(' ', 'function', CASE WHEN oids THEN p.oid::text END, pg_get_functiondef(p.oid),
                     pg_get_userbyid(proowner), proacl, obj_description(p.oid, 'pg_proc'))
      FROM pg_proc p WHERE pronamespace::regnamespace::text = ANY (schemas) AND prosqlbody IS NOT NULL
    ORDER BY 1
$$;
SQL
	return;
}

# A role "Own Er" that is no superuser, its schema "App Data", and public.swap().
sub install_properties_harness
{
	my ($server) = @_;
	$server->ask(<<'SQL');
CREATE ROLE "Own Er" LOGIN;
GRANT CREATE ON DATABASE postgres TO "Own Er";
SELECT migrate_grant('"Own Er"');
GRANT EXECUTE ON FUNCTION migrate.debug_swap_steps TO "Own Er";
CREATE SCHEMA "App Data" AUTHORIZATION "Own Er";

CREATE FUNCTION public.swap(live regclass, mirror regclass, retired name) RETURNS text LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    steps text[][];
    renames oid[];
    live_name name := (SELECT relname FROM pg_class WHERE oid = live);
    step record;
BEGIN
    EXECUTE format('LOCK TABLE %s, %s', live, mirror);
    CREATE TEMP TABLE step ON COMMIT DROP AS SELECT * FROM migrate.debug_swap_steps(live, mirror);
    FOR step IN SELECT * FROM pg_temp.step WHERE part = 'refusal' LOOP
        RAISE EXCEPTION '%', step.statement;
    END LOOP;
    FOR step IN SELECT * FROM pg_temp.step WHERE part = 'before' ORDER BY "position" LOOP
        EXECUTE step.statement;
    END LOOP;
    EXECUTE format('ALTER TABLE %s RENAME TO %I', live, retired);
    EXECUTE format('ALTER TABLE %s RENAME TO %I', mirror, live_name);
    FOR step IN SELECT * FROM pg_temp.step WHERE part = 'after' ORDER BY "position" LOOP
        EXECUTE step.statement;
    END LOOP;
    RETURN ARRAY(SELECT statement::oid FROM pg_temp.step WHERE part = 'rename' ORDER BY "position");
END
$$;
SQL
	return;
}

sub as_owner
{
	my ($server, $query, $user) = @_;
	return $server->node->safe_psql('postgres', $query, extra_params => [ '-U', $user // 'Own Er' ]);
}

# Swaps as the owner and remembers the swap as the product does. The names are quoted.
sub played_swap
{
	my ($server, $live, $mirror, $retired) = @_;
	my $ids = $server->ask("SELECT '$live'::regclass::oid || ', ' || '$mirror'::regclass::oid");
	my ($old, $new) = split /, /, $ids;
	my $renames = as_owner($server, "SELECT public.swap('$live', '$mirror', '$retired')");
	$server->ask("UPDATE migrate.swap SET ended_at = now() WHERE ended_at IS NULL AND live = $old");
	$server->ask("INSERT INTO migrate.swap (live, mirror, mirror_name, renames) VALUES ($new, $old, '$retired', '$renames')");
	return;
}

# The statements of some parts of a swap, as the owner finds them.
sub steps_of
{
	my ($server, $live, $mirror, $family, $parts, %options) = @_;
	my $deparsed = $options{deparsed} // 'true';
	return as_owner($server, "SELECT statement FROM migrate.debug_swap_steps('$live', '$mirror', '$family',
		$deparsed) WHERE part = ANY ('{$parts}') ORDER BY part, \"position\"", $options{user});
}

1;
