# The code of a table's owner runs when a superuser validates it, and leaves nothing behind in his session.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('validation_settings');
$node->init;
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_cutover;
CREATE ROLE bob LOGIN;
CREATE SCHEMA bobs AUTHORIZATION bob;
SET ROLE bob;
CREATE FUNCTION bobs.version() RETURNS text LANGUAGE sql RETURN 'the code of bob';
CREATE FUNCTION bobs.lasting(value int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('search_path', 'bobs, public, pg_catalog', false);
    PERFORM set_config('lock_timeout', '1ms', false);
    PERFORM set_config('bobs.mark', 'was here', false);
    RETURN value > 0;
END $$;
CREATE FUNCTION bobs.lasting_itself(value int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql
    SET search_path = pg_catalog AS $$
BEGIN
    PERFORM set_config('lock_timeout', '1ms', false);
    RETURN bobs.lasting(value);
END $$;
CREATE TABLE bobs.t (id int PRIMARY KEY, CHECK (bobs.lasting(id)));
CREATE INDEX ON bobs.t ((bobs.lasting_itself(id)));
INSERT INTO bobs.t VALUES (1), (2);
CREATE VIEW bobs.v AS SELECT id, bobs.lasting(id) AS good FROM bobs.t;
CREATE VIEW bobs.w AS SELECT id, id > 0 AS good FROM bobs.t;
SQL

my %checks = (
	constraints => '{"relation": "bobs.t"}',
	query => '{"query": "SELECT bobs.lasting(1)"}',
	checksum => '{"source": "bobs.v", "target": "bobs.w"}',
	row_count => '{"relation": "bobs.v", "filter": "bobs.lasting(id)", "rows": 2}',
	query_performance => '{"old_query": "SELECT bobs.lasting(1)", "new_query": "SELECT bobs.lasting_itself(1)", "tolerance": 1000}');
for my $kind (sort keys %checks)
{
	my ($code, $out, $error) = $node->psql('postgres', <<"SQL");
SELECT migrate_add_check('$kind', '$kind', '$kind', '$checks{$kind}');
SQL
	is($code, 0, "$kind is added") or diag($error);
	my $before = 'SELECT current_setting($$search_path$$), current_setting($$lock_timeout$$), current_setting($$bobs.mark$$, true), version() LIKE $$PostgreSQL%$$';
	($code, $out, $error) = $node->psql('postgres', "$before;\nSELECT count(*) FROM migrate_validate('$kind');\n$before;");
	is($code, 0, "$kind is validated") or diag($error);
	my ($first, $count, $second) = split /\n/, $out;
	is($count, '1', 'its check ran');
	is($second, $first, "$kind leaves no setting behind");
}
# He has no right to call the extension's functions, and checks of his table run with his rights.
$node->safe_psql('postgres', <<'SQL');
SELECT migrate_add_check('sum', 'sum', 'checksum', format('{"relation": "bobs.w", "checksum": "%s"}', checksum)::jsonb)
  FROM migrate_checksum('bobs.w');
SELECT FROM migrate_validate('sum');
SQL
is($node->safe_psql('postgres', "SELECT string_agg(concat_ws(' ', check_name, status, details), ', ' ORDER BY check_name) FROM migrate.validation WHERE status <> 'PASS'"),
	'', 'all of them looked');

$node->stop;
done_testing();
