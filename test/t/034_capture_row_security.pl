# FORCE ROW LEVEL SECURITY on source, mirror, and what a mapping reads: dual-write sees every row and has what the
# mirror's owner has, a copy that a policy would filter is refused (P1, P5, P6; O25, R50).
use strict;
use warnings;
use lib 'test/t';
use JobNode;
use Test::More;

my $server = JobNode->new('main', shared_preload_libraries => 'pg_cutover', autovacuum => 'off');

# Waits until a job has ended, however it did; whether it ended so.
sub ends
{
	my ($job, $state, $what) = @_;
	$server->until_true("SELECT state NOT IN ('queued', 'running') FROM migrate.progress WHERE job = $job",
		"$what: it ends");
	return is($server->job($job, 'state'), $state, $what);
}

$server->ask(<<'SQL');
CREATE ROLE keeper LOGIN;
CREATE ROLE writer LOGIN;
SELECT migrate_grant('keeper');
CREATE SCHEMA app AUTHORIZATION keeper;
GRANT USAGE ON SCHEMA app TO writer;
SET ROLE keeper;
SET search_path = app, public;
CREATE TABLE label (id int PRIMARY KEY, name text);
INSERT INTO label VALUES (1, 'one'), (2, 'two');
CREATE FUNCTION name_of(n int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT name FROM app.label WHERE id = n $$;
CREATE FUNCTION first_name() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT name FROM app.label WHERE id = 1 $$;
CREATE TABLE s (id int PRIMARY KEY, owner text, label int);
CREATE TABLE t (id int PRIMARY KEY, owner text, label text, usual text DEFAULT app.first_name());
SELECT migrate_link('s', 't', '{"label": "app.name_of(label)"}', filter => 'app.name_of(label) <> ''''');
SELECT migrate_sync('s', 't');
GRANT SELECT, INSERT, UPDATE, DELETE ON s TO writer;
ALTER TABLE s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE label ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON s USING (owner = current_user) WITH CHECK (true);
CREATE POLICY nothing ON t USING (false);
SQL
{
	my $app = $server->node->background_psql('postgres', extra_params => [ '-U', 'writer' ]);
	$app->query_safe("INSERT INTO app.s VALUES (1, 'writer', 1), (2, 'somebody', 2), (3, 'writer', 2)");
	is($app->query_safe('SELECT count(*) FROM app.s'), '2', 'a policy hides a row of the source from its writer');
	is($server->ask('SELECT string_agg(id || label || usual, \',\' ORDER BY id) FROM app.t'), '1oneone,2twoone,3twoone',
		'all rows are mirrored, with what the mirror\'s owner has in a table under row security');
	$app->query_safe("UPDATE app.s SET label = 2 WHERE id = 1; DELETE FROM app.s WHERE id = 3");
	$server->ask('UPDATE app.s SET label = 1 WHERE id = 2');
	is($server->ask('SELECT string_agg(id || owner || label, \',\' ORDER BY id) FROM app.t'), '1writertwo,2somebodyone',
		'and followed beyond what their writer sees');
	$server->ask('TRUNCATE app.s');
	is($server->ask('SELECT count(*) FROM app.t'), '0', 'down to the last one');
	$app->quit;

	# What was rejected is mended with the same rights.
	$server->ask(<<'SQL');
SET ROLE keeper;
SET search_path = app, public;
ALTER TABLE label NO FORCE ROW LEVEL SECURITY;
CREATE TABLE k (id int PRIMARY KEY, v text, label int);
CREATE TABLE k_m (id int PRIMARY KEY, v text UNIQUE, label text);
SELECT migrate_link('k', 'k_m', '{"label": "app.name_of(label)"}');
SELECT migrate_sync('k', 'k_m', on_reject => 'record');
INSERT INTO k VALUES (1, 'once', 1);
SQL
	my $copy = $server->ask("SELECT migrate_backfill('app.k', 'app.k_m')");
	ends($copy, 'succeeded', 'a table with a label is copied');
	$server->ask(<<'SQL');
ALTER TABLE app.label FORCE ROW LEVEL SECURITY;
INSERT INTO app.k VALUES (2, 'once', 2);
DELETE FROM app.k WHERE id = 1;
SQL
	is($server->ask('SELECT key, sqlstate FROM migrate.rejected_row'), '{2}|23505', 'a row is rejected');
	my $cutover = $server->ask("SELECT migrate_cutover('app.k', 'app.k_m', verify => false, reverse_sync => false)");
	ends($cutover, 'succeeded', 'the gate mends it');
	is($server->ask('SELECT * FROM app.k'), '2|once|two', 'with its label');
	# The owner sees no row of it: it is not empty for all that.
	$server->ask(<<'SQL');
SET ROLE keeper;
SET search_path = app, public;
CREATE TABLE h (id int PRIMARY KEY);
CREATE TABLE h_m (id int PRIMARY KEY);
SELECT migrate_link('h', 'h_m');
INSERT INTO h_m VALUES (1);
ALTER TABLE h_m ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SQL
	like($server->error_of("SELECT migrate_sync('app.h', 'app.h_m')", user => 'keeper'), qr/app\.h_m has rows already/,
		'a target whose rows a policy hides is not taken for empty');
	$server->ask("SELECT migrate_unlink('app.h', 'app.h_m')");
	like($server->error_of("SELECT migrate_link('app.h', 'app.h_m')", user => 'keeper'),
		qr/42501: row security of app\.h_m would apply/, 'and a copy that a policy would filter is refused');
	# Forced after the tables were linked: a job that the policy would bind does not copy a part of them.
	$server->ask(<<'SQL');
SET ROLE keeper;
SET search_path = app, public;
CREATE TABLE half (id int PRIMARY KEY);
CREATE TABLE half_m (id int PRIMARY KEY);
INSERT INTO half SELECT generate_series(1, 10);
CREATE POLICY low ON half USING (id <= 5);
ALTER TABLE half ENABLE ROW LEVEL SECURITY;
SQL
	like($server->ask("SET ROLE keeper; SELECT migrate_link('app.half', 'app.half_m')"), qr/^\d+$/,
		'an owner whom row security does not bind may link');
	$server->ask('ALTER TABLE app.half FORCE ROW LEVEL SECURITY');
	my $job = $server->node->safe_psql('postgres', "SELECT migrate_backfill('app.half', 'app.half_m')",
		extra_params => [ '-U', 'keeper' ]);
	ends($job, 'failed', 'a copy of a source that was put under forced row security meanwhile');
	like($server->job($job, 'error'), qr/row security/, 'for that reason');
}
$server->node->stop;
done_testing();
