# Views, rules and functions that read a table follow its name when another table takes it, with everything they have,
# or are refused by name (O52): nothing is lost silently. The swap itself is played here, in the order of its
# statements.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $server = JobNode->new('dependents');
my $node = $server->node;
sub ask { return $server->ask($_[0]) }

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

# ---- the pair --------------------------------------------------------------------------------------------------
ask(<<'SQL');
CREATE ROLE keeper NOLOGIN;
CREATE ROLE reader NOLOGIN;
CREATE ROLE "Other Reader" NOLOGIN;
CREATE SCHEMA "Shop";
CREATE SCHEMA away;
GRANT CREATE, USAGE ON SCHEMA "Shop", away TO keeper;
CREATE TABLE "Shop"."Orders" (
    id int PRIMARY KEY, junk text, a int, b int, "Mixed Col" text, amount numeric(10, 2), parent int,
    twice int GENERATED ALWAYS AS (a * 2) STORED);
SELECT migrate_shadow('"Shop"."Orders"', '"Shop"."Orders v2"', ARRAY[
    'ALTER COLUMN id TYPE bigint', 'RENAME COLUMN amount TO "Net Price"', 'RENAME COLUMN a TO c',
    'RENAME COLUMN b TO a', 'RENAME COLUMN c TO b', 'DROP COLUMN junk', 'ADD COLUMN region text']);
INSERT INTO "Shop"."Orders" VALUES (1, 'j', 10, 20, 'live', 1.5, NULL), (2, 'j', 11, 21, 'live', 2.5, 1);
INSERT INTO "Shop"."Orders v2" (id, b, a, "Mixed Col", "Net Price", parent)
    VALUES (1, 10, 20, 'mirror', 1.5, NULL), (2, 11, 21, 'mirror', 2.5, 1);
SQL
my ($old, $new) = map { "'\"Shop\".\"$_\"'" } 'Orders', 'Orders v2';
is(ask("SELECT harness.pair($old, $new, 'columns')"),
	join("\n", 'id ~ id', 'a = b', 'b = a', 'Mixed Col = Mixed Col', 'amount = Net Price',
		'parent = parent', 'twice = twice'),
	'columns that are the same in both, by parsed expressions');
is(ask("SELECT migrate.debug_pair($old, $new)::jsonb ->> 'retired'"), 'Orders_old', 'a name for the old table');
ask('CREATE TABLE "Shop"."Orders_old" (); CREATE TYPE "Shop"."Orders_old2" AS (x int)');
is(ask("SELECT migrate.debug_pair($old, $new)::jsonb ->> 'retired'"), 'Orders_old3',
	'names of relations and types are taken');
like($server->error_of("SELECT migrate.debug_pair($old, $new, 'Orders_old')"),
	qr/42P07: .*already exists/, 'a taken name is refused');
like($server->error_of("SELECT migrate.debug_pair($old, $new, repeat('x', 64))"),
	qr/42622: .*too long/, 'a long name is refused');
like($server->error_of("SELECT migrate.debug_pair($old, $new, '')"),
	qr/42602: .*empty/, 'an empty name is refused');
ask('DROP TABLE "Shop"."Orders_old"; DROP TYPE "Shop"."Orders_old2"');
{
	my $long = 'ä' x 31;
	ask("CREATE TABLE \"$long\" (id int PRIMARY KEY); SELECT migrate_shadow('\"$long\"', 'short_shadow')");
	my $retired = ask("SELECT migrate.debug_pair('\"$long\"', 'short_shadow')::jsonb ->> 'retired'");
	ok(length($retired) <= 63 && $retired =~ /_[0-9a-f]{8}_old$/, "a long name is shortened: $retired");
	ask("DROP TABLE \"$long\", short_shadow");
	ask("CREATE TABLE away.far (id int PRIMARY KEY); CREATE TABLE near (id int PRIMARY KEY); "
	  . "SELECT migrate_link('near', 'away.far')");
	like($server->error_of("SELECT migrate.debug_pair('near', 'away.far')"),
		qr/55000: .*in different schemas/, 'one schema');
	ask('DROP TABLE near, away.far');
}
my $columns = "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute "
  . "WHERE attrelid = $old\::regclass AND attnum > 0";
my $columns_before = ask($columns);
is(ask(<<"SQL"), 'id,junk,b,a,Mixed Col,Net Price,parent,twice', 'the live table gets the names of the mirror');
BEGIN;
SELECT s FROM jsonb_array_elements_text(migrate.debug_pair($old, $new)::jsonb -> 'align') s \\gexec
$columns;
SQL
is(ask(<<"SQL"), $columns_before, 'and its own ones back');
BEGIN;
CREATE TEMP TABLE back AS SELECT *
  FROM jsonb_array_elements_text(migrate.debug_pair($old, $new)::jsonb -> 'restore') WITH ORDINALITY AS s;
SELECT s FROM jsonb_array_elements_text(migrate.debug_pair($old, $new)::jsonb -> 'align') s \\gexec
SELECT value FROM back ORDER BY ordinality \\gexec
$columns;
SQL

# ---- carried over ----------------------------------------------------------------------------------------------
ask(<<'SQL');
SET search_path = "Shop";
CREATE VIEW keep WITH (security_barrier) AS SELECT "Mixed Col", amount, a, b AS "B" FROM "Orders" WHERE amount > 0;
CREATE VIEW over_keep AS SELECT * FROM keep;
CREATE MATERIALIZED VIEW stored_keep AS SELECT * FROM keep;
CREATE VIEW keep_invoker WITH (security_invoker = true) AS
    SELECT a, amount FROM "Orders" WHERE a < 100 WITH LOCAL CHECK OPTION;
ALTER VIEW keep OWNER TO keeper;
GRANT SELECT ON keep TO reader;
GRANT ALL ON "Orders", "Orders v2" TO keeper;
COMMENT ON VIEW keep IS 'it''s kept';
CREATE VIEW whole AS SELECT row_to_json(o) ->> 'Mixed Col' AS told FROM "Orders" o;
CREATE VIEW renamed_list AS SELECT x FROM (SELECT a FROM "Orders" UNION ALL SELECT b FROM "Orders") AS u (x);
CREATE VIEW away.typed (id, "Twice", told) WITH (security_barrier = true, check_option = cascaded) AS
    SELECT id, twice, "Mixed Col" FROM "Orders" WHERE a > 0;
CREATE VIEW over_typed AS SELECT k.a, t.*
    FROM away.typed t JOIN keep k ON k.a * 2 = t."Twice" JOIN "Orders" o USING (id);
CREATE VIEW over_over AS SELECT count(*) AS n, max(told) FROM over_typed;
CREATE RECURSIVE VIEW "Tree" (id, depth) AS SELECT id, 1 FROM "Orders" WHERE parent IS NULL
    UNION ALL SELECT o.id, t.depth + 1 FROM "Orders" o JOIN "Tree" t ON o.parent = t.id;
CREATE VIEW grouped AS SELECT id, amount FROM "Orders" GROUP BY id;
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER "Redirect" INSTEAD OF INSERT ON away.typed FOR EACH ROW EXECUTE FUNCTION fire();
CREATE TRIGGER quiet INSTEAD OF UPDATE ON away.typed FOR EACH ROW EXECUTE FUNCTION fire();
COMMENT ON TRIGGER quiet ON away.typed IS 'it''s quiet';
ALTER VIEW away.typed ALTER COLUMN told SET DEFAULT 'nothing';
CREATE RULE "Gone" AS ON DELETE TO over_typed DO INSTEAD (DELETE FROM "Orders" WHERE a = old.a; NOTIFY gone);
COMMENT ON RULE "Gone" ON over_typed IS 'gone';
CREATE RULE put AS ON INSERT TO keep DO INSTEAD
    INSERT INTO "Orders" (id, a, b) SELECT new.a, new.a, new."B" RETURNING "Mixed Col", amount, a, b;
COMMENT ON VIEW away.typed IS 'typed';
COMMENT ON COLUMN away.typed."Twice" IS 'two times';
ALTER VIEW away.typed OWNER TO keeper;
GRANT SELECT ON away.typed TO reader, PUBLIC;
GRANT UPDATE ON away.typed TO "Other Reader" WITH GRANT OPTION;
GRANT INSERT (told), SELECT (id) ON away.typed TO reader WITH GRANT OPTION;
REVOKE TRUNCATE ON away.typed FROM keeper;
REVOKE ALL ON over_over FROM postgres;
CREATE FUNCTION total(OUT sum numeric) LANGUAGE sql STABLE SECURITY DEFINER SET work_mem = '1MB'
    BEGIN ATOMIC SELECT sum(amount) FROM "Orders"; END;
CREATE FUNCTION first_told(wanted int) RETURNS text LANGUAGE sql
    RETURN (SELECT "Mixed Col" FROM "Orders" WHERE id = wanted);
CREATE FUNCTION ids() RETURNS SETOF int LANGUAGE sql BEGIN ATOMIC SELECT id FROM "Orders"; END;
CREATE PROCEDURE put(wanted int) LANGUAGE sql BEGIN ATOMIC
    INSERT INTO "Orders" (id, b) VALUES (wanted, wanted); UPDATE "Orders" SET amount = 7 WHERE id = wanted; END;
ALTER FUNCTION total() OWNER TO keeper;
GRANT EXECUTE ON FUNCTION total() TO reader;
REVOKE EXECUTE ON FUNCTION total() FROM PUBLIC;
COMMENT ON FUNCTION total() IS 'all of it';
CREATE FUNCTION by_name() RETURNS text LANGUAGE sql AS 'SELECT min("Mixed Col") FROM "Shop"."Orders"';
SQL
my $state = "SELECT * FROM harness.state('{\"\\\"Shop\\\"\",away}')";
my $identity = "SELECT concat_ws(' ', oid, oid::regclass) FROM pg_class WHERE oid IN (SELECT x::regclass FROM unnest("
  . "'{\"\\\"Shop\\\".keep\",\"\\\"Shop\\\".over_keep\",\"\\\"Shop\\\".keep_invoker\","
  . "\"\\\"Shop\\\".whole\"}'::text[]) x) "
  . "UNION ALL SELECT concat_ws(' ', oid, proname) FROM pg_proc "
  . "WHERE pronamespace = '\"Shop\"'::regnamespace ORDER BY 1";
my ($state_before, $identity_before) = (ask($state), ask($identity));
like($state_before, qr/r\*|w\*/, 'the state shows grant options');

is(ask("SELECT harness.found($old, $new, 'refusals')"), '', 'nothing is refused');
my $carried = join "\n", sort split /\n/, ask("SELECT harness.found($old, $new, 'carried')");
is($carried, join("\n", sort 'view "Shop".keep', 'view "Shop".keep_invoker',
	'view "Shop".whole', 'view "Shop".renamed_list',
	'view away.typed', 'view "Shop".over_typed', 'view "Shop".over_over', 'view "Shop"."Tree"', 'view "Shop".grouped',
	'rule Gone on view "Shop".over_typed', 'rule put on view "Shop".keep', 'function "Shop".total()',
	'function "Shop".first_told(integer)', 'function "Shop".ids()', 'procedure "Shop".put(integer)'),
	'what is carried over is named');
is(join("\n", sort split /\n/, ask("SELECT harness.found($old, $new, 'lock')")),
	join("\n", sort map { s/^view //r } grep { /^view/ } split /\n/, $carried), 'every view is locked');
is(ask("SELECT harness.found($old, $new, 'after')"), '', 'no statements outside the swap');
is(ask($state), $state_before, 'looking changes nothing');

# So that what is made does not get them by accident.
ask('ALTER DEFAULT PRIVILEGES GRANT TRIGGER ON TABLES TO "Other Reader"');
is(ask("SELECT harness.swap($old, $new)"), 'swapped', 'there');
ask('ALTER DEFAULT PRIVILEGES REVOKE TRIGGER ON TABLES FROM "Other Reader"');

is(ask($identity), $identity_before, 'views and functions whose columns keep their types keep their identity');
my $there = ask($state);
unlike($there, qr/Orders_old/, 'nothing reads the old table');
my $parts = sub {
	return join "\n", map { s/\bbigint\b/integer/gr } grep { /^(column|trigger)/ } split /\n/, $_[0];
};
is($parts->($there), $parts->($state_before), 'columns and triggers are the same but for the type');
my $header = sub {
	return join "\n", map { /^(view .*?) {2,}SELECT|^(view .*? )WITH RECURSIVE/ ? $1 // $2 : () } split /\n/, $_[0];
};
is($header->($there), $header->($state_before), 'owners, grants, options and comments are the same');
like($header->($there),
	qr/^view away\.typed keeper \{.*\} \{security_barrier=true,check_option=cascaded\} typed$/m, 'they were there');
like($there, qr/^column away\.typed 1 id bigint/m, 'a view shows the new type');
like($there, qr/^rule CREATE RULE "Gone".*\n(.*\n)*?.* O gone$/m, 'a rule has its comment');
is(ask('SELECT string_agg(DISTINCT "Mixed Col", \',\') FROM "Shop".over_keep'), 'mirror',
	'a view over a view reads the new table');
is(ask('SELECT string_agg(a || \' \' || "B", \',\' ORDER BY a) FROM "Shop".keep'), '10 20,11 21',
	'columns that exchanged names are told apart');
is(ask('SELECT string_agg(x::text, \',\' ORDER BY x) FROM "Shop".renamed_list'), '10,11,20,21',
	'in set operations too');
is(ask('SELECT string_agg(DISTINCT told, \',\') FROM "Shop".over_typed'), 'mirror', 'a view made again');
is(ask('SELECT max(depth) FROM "Shop"."Tree"'), '2', 'a recursive view');
is(ask('SELECT string_agg(DISTINCT told, \',\') FROM "Shop".whole'), 'mirror', 'a view of whole rows');
is(ask('SELECT "Shop".total() || \' \' || "Shop".first_told(1) || \' \' || "Shop".by_name()'),
	'4.00 mirror mirror', 'functions');
is(ask('CALL "Shop".put(99); SELECT a || \' \' || "Net Price" FROM "Shop"."Orders" WHERE id = 99'),
	'99 7.00', 'a procedure writes the new table');
ask('DELETE FROM "Shop"."Orders" WHERE id = 99');
is(ask("SELECT has_table_privilege('reader', 'away.typed', 'SELECT'), "
	  . "has_table_privilege('Other Reader', 'away.typed', 'TRIGGER')"),
	't|f', 'privileges are those it had');
ask('REFRESH MATERIALIZED VIEW "Shop".stored_keep');
is(ask('SELECT min("Mixed Col") FROM "Shop".stored_keep'), 'mirror',
	'a materialized view over a view that is replaced');

# And back, over the link of the other direction.
ask(<<'SQL');
SELECT migrate_unlink('"Shop"."Orders_old"', '"Shop"."Orders"');
SELECT migrate_link('"Shop"."Orders"', '"Shop"."Orders_old"',
    '{"amount": "\"Net Price\"", "a": "b", "b": "a", "id": "id::int"}');
SQL
is(ask(qq{SELECT harness.swap('"Shop"."Orders"', '"Shop"."Orders_old"')}), 'swapped', 'back');
is(ask($state), $state_before, 'there and back is the original catalog');
is(ask($identity), $identity_before, 'with the same identities');
is(ask('SELECT string_agg(DISTINCT told, \',\') FROM "Shop".over_typed'), 'live', 'and the original data');
is(ask($columns), $columns_before, 'the columns have their names');

# ---- refused ---------------------------------------------------------------------------------------------------
# On a fresh pair: statements, then statements that clean up (~), then each refusal as a regular expression (!).
sub refused
{
	my ($what, $text) = @_;
	my $role = $what =~ / as (\w+)$/ ? $1 : 'postgres';
	my $setup = join "\n", grep { !/^[!~]/ } split /\n/, $text;
	my ($cleanup) = $text =~ /^~ (.*)$/m;
	my @expected = $text =~ /^! (.*)$/mg;
	ask(<<"SQL");
CREATE SCHEMA r;
GRANT ALL ON SCHEMA r TO PUBLIC;
SET search_path = r, public;
CREATE TYPE shape AS (id int, a int, junk text, b int);
CREATE TABLE t (id int PRIMARY KEY, a int, junk text, b int);
CREATE TABLE other (id int PRIMARY KEY, z int);
CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
SELECT migrate_shadow('t', 't2', ARRAY['ALTER id TYPE bigint', 'DROP COLUMN junk', 'RENAME b TO c']);
$setup
SQL
	for my $deparsed ('false', 'true')
	{
		my ($code, $found, $error) = $node->psql('postgres', <<"SQL");
SET ROLE $role;
SELECT jsonb_array_elements_text(migrate.debug_dependents('r.t', 'r.t2', $deparsed)::jsonb -> 'refusals')
SQL
		is($error, '', "$what: no error");
		my @lines = split /\n/, $found;
		is(scalar @lines, scalar @expected, "$what: so many refusals (deparsed $deparsed)") or diag($found);
		for my $expected (@expected)
		{
			ok((grep { /^$expected/ } @lines), "$what: refused by name (deparsed $deparsed)")
			  or diag("$expected in $found");
		}
	}
	ask(($cleanup // '') . '; DROP SCHEMA r CASCADE; '
	  . 'DELETE FROM migrate.link WHERE source NOT IN (SELECT oid FROM pg_class)');
	return;
}

refused('nothing', 'CREATE VIEW v AS SELECT a FROM t');
refused('a column that is gone', <<'SQL');
CREATE VIEW v AS SELECT a FROM t WHERE junk IS NULL;
CREATE FUNCTION f() RETURNS text LANGUAGE sql RETURN (SELECT min(junk) FROM t);
! view r\.v: it uses column junk of r\.t, for which r\.t2 has no counterpart \(Drop
! function r\.f\(\): it uses column junk of r\.t
SQL
refused('a column whose name another one gets', <<'SQL');
DROP TABLE t2;
SELECT migrate_shadow('t', 't2', ARRAY['DROP COLUMN junk', 'RENAME b TO junk']);
CREATE VIEW v AS SELECT b, junk FROM t;
! view r\.v: it uses column (junk|"junk \(live\)") of r\.t, for which r\.t2 has no counterpart
SQL
refused('materialized views', <<'SQL');
CREATE MATERIALIZED VIEW m AS SELECT a FROM t;
CREATE VIEW v AS SELECT id FROM t;
CREATE MATERIALIZED VIEW over_v AS SELECT * FROM v;
! materialized view r\.m: it is a materialized view
! materialized view r\.over_v: it is a materialized view
SQL
refused('readers of both tables', <<'SQL');
CREATE VIEW v AS SELECT a FROM t EXCEPT SELECT a FROM t2;
CREATE VIEW typed AS SELECT id FROM t;
CREATE VIEW over_typed AS SELECT id FROM typed EXCEPT SELECT id FROM t2;
CREATE VIEW written AS SELECT id FROM t;
CREATE RULE ru AS ON DELETE TO written DO INSTEAD DELETE FROM t2;
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql RETURN (SELECT count(*) FROM t, t2);
! view r\.v: it reads both r\.t and r\.t2
! view r\.over_typed: it reads both r\.t and r\.t2
! rule ru on view r\.written: it uses r\.t2 and belongs to a view that has to be made again
! function r\.f\(\): it reads both r\.t and r\.t2
SQL
refused('the columns of a join by position', <<'SQL');
CREATE VIEW v AS SELECT j.q FROM (t JOIN other USING (id)) AS j (p, q, r, s, u);
CREATE VIEW fine AS SELECT j.q FROM ((SELECT a, b FROM t) AS x JOIN other ON z = a) AS j (p, q, r, s);
! view r\.v: it names the columns of a join by their position, which is another one after the swap
SQL
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	ask("CREATE SCHEMA r; CREATE TABLE r.t (id int PRIMARY KEY); SELECT migrate_shadow('r.t', 'r.t2')");
	$session->query_safe('CREATE TEMP VIEW v AS SELECT * FROM r.t');
	like(ask("SELECT harness.found('r.t', 'r.t2', 'refusals')"),
		qr/^view pg_temp_\d+\.v: it is a temporary view of a session/,
		'a temporary view of another session');
	$session->quit;
	ask('DROP SCHEMA r CASCADE; DELETE FROM migrate.link WHERE source NOT IN (SELECT oid FROM pg_class)');
}
refused('other owners as keeper', <<'SQL');
ALTER TABLE t OWNER TO keeper;
ALTER TABLE t2 OWNER TO keeper;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA migrate TO keeper;
GRANT USAGE ON SCHEMA migrate TO keeper;
CREATE VIEW v AS SELECT a FROM t;
CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN (SELECT min(a) FROM t);
CREATE SCHEMA closed;
GRANT USAGE ON SCHEMA closed TO keeper;
CREATE VIEW closed.v AS SELECT a FROM t;
ALTER VIEW closed.v OWNER TO keeper;
! view r\.v: it belongs to role postgres, of which keeper is no member
CREATE FUNCTION tight() RETURNS int LANGUAGE sql LEAKPROOF RETURN (SELECT min(a) FROM t);
ALTER FUNCTION tight() OWNER TO keeper;
! function r\.f\(\): it belongs to role postgres, of which keeper is no member
! function r\.tight\(\): it is leakproof, which only a superuser can make a function
! view closed\.v: keeper may not create in schema closed \(GRANT CREATE ON SCHEMA closed TO keeper\.\)
~ DROP SCHEMA closed CASCADE
SQL
refused('what depends on a view that is made again', <<'SQL');
CREATE VIEW v AS SELECT id FROM t;
CREATE FUNCTION f(v) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION g() RETURNS int LANGUAGE sql RETURN (SELECT min(id) FROM v);
CREATE TABLE held (x v);
CREATE POLICY p ON other USING (EXISTS (SELECT FROM v));
CREATE RULE ru AS ON INSERT TO other DO ALSO SELECT * FROM v;
! column x of table r\.held: it depends on view r\.v, which has to be made again, as a column's type changes
! function r\.f\(r\.v\): it depends on view r\.v
! function r\.g\(\): it depends on view r\.v
! policy p on table r\.other: it depends on view r\.v
! rule ru on table r\.other: it depends on view r\.v
SQL
refused('grants by others', <<'SQL');
CREATE VIEW v AS SELECT id FROM t;
GRANT SELECT ON v TO keeper WITH GRANT OPTION;
SET ROLE keeper;
GRANT SELECT ON v TO reader;
RESET ROLE;
! view r\.v: it has to be made again, as a column's type changes, and keeper granted privileges on it
SQL
refused('another primary key', <<'SQL');
ALTER TABLE t2 DROP CONSTRAINT t2_pkey;
CREATE VIEW v AS SELECT id, a FROM t GROUP BY id;
! view r\.v: it groups by the primary key of r\.t, which is not the one of r\.t2
SQL
refused('rules', <<'SQL');
CREATE RULE own AS ON INSERT TO t DO ALSO NOTIFY x;
CREATE RULE others AS ON INSERT TO other DO ALSO DELETE FROM t;
! rule others on table r\.other: it reads r\.t
! rule own on table r\.t: it rewrites statements on the table
SQL
refused('the row type', <<'SQL');
CREATE TABLE held (one t, many t[]);
CREATE FUNCTION f(t) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION g() RETURNS SETOF t LANGUAGE sql AS 'SELECT * FROM r.t';
CREATE DOMAIN d AS t;
CREATE TYPE c AS (x t);
CREATE VIEW v AS SELECT NULL::t AS t;
! column many of table r\.held: it uses the row type of r\.t
! column one of table r\.held: it uses the row type of r\.t
! column x of composite type r\.c: it uses the row type of r\.t
! function r\.f\(r\.t\): it uses the row type of r\.t
! function r\.g\(\): it uses the row type of r\.t
! type r\.d: it uses the row type of r\.t
! view r\.v: it uses the row type of r\.t
SQL
refused('policies of others', <<'SQL');
CREATE POLICY p ON other USING (EXISTS (SELECT FROM t));
CREATE POLICY own ON t USING (EXISTS (SELECT FROM t x));
! policy p on table r\.other: it reads r\.t
SQL
refused('the name as a constant', <<'SQL');
CREATE TABLE held (x oid DEFAULT 'r.t'::regclass);
CREATE FUNCTION f(x oid = 'r.t'::regclass) RETURNS int LANGUAGE sql AS 'SELECT 1';
! function r\.f\(oid\): the default of an argument names r\.t
! default value for column x of table r\.held: it depends on r\.t
SQL
refused('a constraint trigger of another table', <<'SQL');
CREATE CONSTRAINT TRIGGER ct AFTER INSERT ON other FROM t FOR EACH ROW EXECUTE FUNCTION fired();
! trigger ct on table r\.other: it depends on r\.t
SQL
refused('inheritance', <<'SQL');
CREATE TABLE child () INHERITS (t);
CREATE TABLE parent (a int);
ALTER TABLE t INHERIT parent;
ALTER TABLE t2 INHERIT parent;
! table r\.t: r\.child inherits from it \(ALTER TABLE r\.child NO INHERIT r\.t\.\)
! table r\.t: it inherits from r\.parent \(ALTER TABLE r\.t NO INHERIT r\.parent\.\)
! table r\.t2: it inherits from r\.parent \(ALTER TABLE r\.t2 NO INHERIT r\.parent\.\)
SQL
refused('a partition', <<'SQL');
CREATE TABLE whole (id int, a int, junk text, b int) PARTITION BY RANGE (a);
ALTER TABLE whole ATTACH PARTITION t DEFAULT;
! table r\.t: it is a partition of r\.whole \(ALTER TABLE r\.whole DETACH PARTITION r\.t\.\)
SQL
refused('a typed table', <<'SQL');
ALTER TABLE t OF shape;
! table r\.t: it is a table of type r\.shape \(ALTER TABLE r\.t NOT OF\.\)
SQL
refused('members of an extension', <<'SQL');
CREATE VIEW v AS SELECT a FROM t;
ALTER EXTENSION plpgsql ADD TABLE t;
ALTER EXTENSION plpgsql ADD VIEW v;
! view r\.v: it belongs to extension plpgsql
! table r\.t: it belongs to extension plpgsql \(ALTER EXTENSION plpgsql DROP TABLE r\.t\.\)
~ ALTER EXTENSION plpgsql DROP TABLE r.t; ALTER EXTENSION plpgsql DROP VIEW r.v
SQL
# Neither a publisher nor a provider of labels is at hand.
refused('a subscription', <<'SQL');
CREATE SUBSCRIPTION sub CONNECTION 'dbname=none' PUBLICATION pub WITH (connect = false);
SET allow_system_table_mods = on;
INSERT INTO pg_subscription_rel SELECT oid, 'r.t'::regclass, 'r', NULL FROM pg_subscription;
! table r\.t: subscription sub replicates into it
~ ALTER SUBSCRIPTION sub SET (slot_name = NONE); DROP SUBSCRIPTION sub
SQL
refused('security labels', <<'SQL');
CREATE VIEW v AS SELECT id FROM t;
SET allow_system_table_mods = on;
INSERT INTO pg_seclabel SELECT x, 'pg_class'::regclass, n, 'guard', 'secret'
  FROM (VALUES ('r.t'::regclass, 2), ('r.v', 0)) AS s (x, n);
! view r\.v: it has to be made again, as a column's type changes, and it has a security label
! table r\.t: its column a has a security label of provider guard \(SECURITY LABEL FOR guard ON COLUMN r\.t\.a IS NULL
~ SET allow_system_table_mods = on; DELETE FROM pg_seclabel
SQL
refused('what uses partitions', <<'SQL');
DROP TABLE t, t2;
CREATE TABLE t (id int, a int, junk text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE leaf PARTITION OF t DEFAULT;
CREATE INDEX ON t (a);
CREATE TABLE child (id int REFERENCES t, x int REFERENCES leaf);
CREATE TABLE t2 (id int PRIMARY KEY, a int, junk text);
SELECT migrate_link('t', 't2');
CREATE VIEW fine AS SELECT a FROM t;
CREATE VIEW v AS SELECT a FROM leaf;
CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN (SELECT min(a) FROM leaf);
CREATE TABLE held (x leaf);
! view r\.v: it uses r\.leaf, a partition of r\.t
! function r\.f\(\): it uses r\.leaf, a partition of r\.t
! constraint child_x_fkey on table r\.child: it uses r\.leaf, a partition of r\.t
! column x of table r\.held: it uses the row type of r\.leaf
SQL
refused('not its own parts', <<'SQL');
CREATE STATISTICS s ON a, b FROM t;
CREATE INDEX ON t (a) WHERE b > 0;
ALTER TABLE t ADD CHECK (a > 0), ALTER a SET DEFAULT 5;
CREATE TABLE child (id int REFERENCES t);
CREATE PUBLICATION pub FOR TABLE t WHERE (id > 0);
CREATE SEQUENCE s2 OWNED BY t.a;
CREATE TRIGGER tr AFTER UPDATE OF a ON t FOR EACH ROW WHEN (new.a > 0) EXECUTE FUNCTION fired();
SQL

# ---- as an ordinary role, with columns named by position -------------------------------------------------
ask(<<'SQL');
CREATE ROLE migrator LOGIN IN ROLE keeper;
GRANT USAGE ON SCHEMA migrate, harness TO migrator;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA migrate TO migrator;
CREATE SCHEMA mine;
GRANT ALL ON SCHEMA mine TO keeper, migrator;
CREATE TABLE mine.t (id int PRIMARY KEY, "Gone" int, a int, b int);
CREATE TABLE mine.names (b int, name text);
INSERT INTO mine.t VALUES (1, 4, 5, 6);
INSERT INTO mine.names VALUES (6, 'six');
SELECT migrate_shadow('mine.t', 'mine.t2', '{ALTER id TYPE bigint,RENAME b TO c,ADD r int,DROP \"Gone\",ADD b int}');
INSERT INTO mine.t2 (id, a, c) SELECT id + 1, a, b FROM mine.t;
CREATE VIEW mine.joined AS SELECT b, name FROM mine.t AS t JOIN mine.names USING (b);
CREATE VIEW mine.listed AS SELECT "S", q, "x y".r FROM mine.t AS "x y" (q, "Gone", r, "S");
CREATE VIEW mine.foreign_owner AS SELECT id, (SELECT count(*) FROM mine.joined) AS n FROM mine.t;
CREATE FUNCTION mine.f() RETURNS int LANGUAGE sql RETURN (SELECT max(s) FROM mine.t AS x (p, "Gone", q, s));
ALTER FUNCTION mine.f() DEPENDS ON EXTENSION pg_cutover;
ALTER TABLE mine.t OWNER TO migrator; ALTER TABLE mine.t2 OWNER TO migrator; ALTER VIEW mine.joined OWNER TO migrator;
GRANT SELECT ON mine.names TO migrator; GRANT SELECT ON mine.t, mine.t2, mine.joined TO keeper;
ALTER VIEW mine.listed OWNER TO keeper; ALTER VIEW mine.foreign_owner OWNER TO keeper;
ALTER FUNCTION mine.f() OWNER TO migrator;
SQL
my $mine = "SELECT * FROM harness.state('{mine}')";
my $mine_before = ask($mine);
is(ask("SET ROLE migrator; SELECT harness.swap('mine.t', 'mine.t2')"), 'swapped', 'there, as the owner');
is(ask('SELECT b, name FROM mine.joined'), '6|six', 'a join over a column that was renamed');
is(ask('SELECT "S", q, r FROM mine.listed'), '6|2|5', 'columns named by position');
is(ask(q{SELECT count(*) FROM pg_depend WHERE objid = 'mine.f()'::regprocedure AND deptype = 'x'}), '1',
	'a function depends on its extension');
ask(<<'SQL');
SELECT migrate_unlink('mine.t_old', 'mine.t');
SELECT migrate_link('mine.t', 'mine.t_old', '{"b": "c", "id": "id::int"}');
SQL
is(ask("SET ROLE migrator; SELECT harness.swap('mine.t', 'mine.t_old')"), 'swapped', 'and back');
is(ask($mine), $mine_before, 'there and back is the original catalog');
is(ask('SELECT "S", q, r FROM mine.listed'), '6|1|5', 'and the original data');

$node->stop;
done_testing();
