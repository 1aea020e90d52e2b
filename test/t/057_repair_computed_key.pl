# Repairs where the target's key is computed from the source's: as quick as with a plain one, not fooled by an index of
# the source that lacks a row, and safe from a writer that brings the row back (C46).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('computed', autovacuum => 'off');

sub finish
{
	my ($job, $state) = @_;
	$jobs->until_state($job, $state // 'succeeded');
	# Its counts are there when the worker has gone.
	$jobs->until_true("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type LIKE 'pg_cutover worker%')",
		'the worker has left');
	return $job;
}
sub compared { return finish($jobs->ask("SELECT migrate_compare('s', 't')")) }
sub verdict
{
	my ($job) = @_;
	return $jobs->ask("SELECT verdict, missing, extra, changed FROM migrate.comparison WHERE job = $job");
}
sub actions
{
	my ($repair) = @_;
	return $jobs->ask("SELECT action, count(*) FROM migrate.repair WHERE job = $repair GROUP BY 1 ORDER BY 1") =~
	  s/\n/, /gr;
}

# ---- the source's index serves it -----------------------------------------------------------------------------------
my $rows = 20_000;
$jobs->ask(<<"SQL");
CREATE TABLE s (id int PRIMARY KEY, v int);
INSERT INTO s SELECT g, g FROM generate_series(1, $rows) g;
CREATE TABLE t (id text PRIMARY KEY, v int);
SELECT migrate_link('s', 't', columns => '{"id": "id::text"}');
INSERT INTO t SELECT id, CASE WHEN id <= 200 THEN -v ELSE v END FROM s WHERE id > 20;
INSERT INTO t SELECT 'x' || g, 0 FROM generate_series(1, 20) g;
VACUUM ANALYZE s, t;
SQL
my $found = compared();
is(verdict($found), 'different|20|20|180', 'rows differ in every way');
my $read = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 's'";
my $before = $jobs->ask($read);
my $repair = finish($jobs->ask("SELECT migrate_repair($found, dry_run => false)"));
is(actions($repair), 'delete|20, write|200', 'they are mended');
# One scan of it says whether its index may be believed.
cmp_ok($jobs->ask($read) - $before, '<=', 2 * $rows, 'and the source is not read whole for each of them');
is(verdict(compared()), 'equal|0|0|0', 'all is equal then');

# ---- an index that lacks a row --------------------------------------------------------------------------------------
# By it the target's row has none in the source, and would be deleted.
$jobs->ask("DELETE FROM s WHERE id = 700; UPDATE pg_index SET indisready = false WHERE indexrelid = 's_pkey'::regclass;
	INSERT INTO s VALUES (700, 1); UPDATE pg_index SET indisready = true WHERE indexrelid = 's_pkey'::regclass");
$found = compared();
is($jobs->ask("SELECT kind, key FROM migrate.difference WHERE job = $found"), 'changed|{"id": "700"}', 'it is found');
$repair = finish($jobs->ask("SELECT migrate_repair($found, dry_run => false)"), 'failed');
like($jobs->ask("SELECT error_message FROM migrate.job WHERE id = $repair"),
	qr/^the index on the key of public\.s does not have all its rows/, 'the repair says which index is wrong');
is($jobs->ask("SELECT v FROM t WHERE id = '700'"), '700', 'and deletes nothing');
$jobs->ask("SELECT migrate_cancel($repair); REINDEX TABLE s");
$repair = finish($jobs->ask("SELECT migrate_repair($found, dry_run => false)"));
is($jobs->ask("SELECT v FROM t WHERE id = '700'"), '1', 'with the index rebuilt it mends the row');

# ---- a writer that brings the row back ------------------------------------------------------------------------------
# Dual-write has made the target's row a row of the source's, and holds it, while no repair can see the source's.
finish($jobs->ask("TRUNCATE t; SELECT migrate_backfill('s', 't')") =~ s/\D//gr);
$jobs->ask("INSERT INTO t VALUES ('95000', 1)");
$found = compared();
is(verdict($found), 'different|0|1|0', 'a row is too many');
my $writer = $jobs->node->background_psql('postgres');
$writer->query_safe('BEGIN; INSERT INTO s VALUES (95000, 2)');
$repair = $jobs->ask("SELECT migrate_repair($found, dry_run => false)");
$jobs->until_true("SELECT EXISTS (SELECT FROM pg_stat_activity
	WHERE backend_type LIKE 'pg_cutover%' AND wait_event_type = 'Lock')", 'the repair waits for a writer that makes it');
$writer->query_safe('COMMIT');
finish($repair);
is($jobs->ask("SELECT v FROM t WHERE id = '95000'"), '2', 'no live row is deleted');
is(actions($repair), 'none|1', 'and the log says so');
$writer->quit;

$jobs->node->stop;
done_testing();
