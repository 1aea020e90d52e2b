# Views, rules and functions that read a table follow its name when another table takes it, with everything they have
# (O52); what cannot is in 040_swap_dependents_refused.pl. The swap itself is played here, in the order of its
# statements.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;
use PlayedSwap;

my $server = JobNode->new('dependents');
my $node = $server->node;
sub ask { return $server->ask($_[0]) }

install_dependents_harness($server);

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
