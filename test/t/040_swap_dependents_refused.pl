# What reads or belongs to a table and cannot follow its name to another one is refused by name before a swap (O52):
# nothing is lost silently.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;
use PlayedSwap;

my $server = JobNode->new('refused');
my $node = $server->node;
sub ask { return $server->ask($_[0]) }

install_dependents_harness($server);
ask('CREATE ROLE keeper NOLOGIN; CREATE ROLE reader NOLOGIN');

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

$node->stop;
done_testing();
