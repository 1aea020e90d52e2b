# A copy that is interrupted at each of its steps, by SIGKILL of the worker and by an immediate stop of
# the server, goes on where it stood: the target ends equal, and each row is counted once (R23, R24, O8, O46).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_cutover'
restart_after_crash = on
pg_cutover.launcher_naptime = 1
autovacuum = off
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_cutover;
CREATE TABLE source (id int PRIMARY KEY, tenant text, v text);
INSERT INTO source SELECT n, 't' || n % 7, repeat('x', n % 50) FROM generate_series(1, 30000) n;
CREATE INDEX ON source (tenant);
ANALYZE source;
SQL

# Polls until a query gives true, also across a crash restart, when connections fail.
sub until_true
{
	my ($query, $what) = @_;
	for (1 .. 600)
	{
		# Writing to a psql that a crash restart has ended raises an error here.
		my ($code, $out) = eval { $node->psql('postgres', $query, timeout => 60) };
		return if defined $code && $code == 0 && $out eq 't';
		select undef, undef, undef, 0.1;
	}
	fail("timed out waiting for $what");
	return;
}

sub worker_at
{
	my ($point) = @_;
	until_true("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '$point')",
		"a worker at $point");
	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE application_name = '$point' LIMIT 1");
}

# The session that holds the gate shut goes with the server.
sub gate
{
	my ($point) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	$session->query_safe("SELECT FROM pg_advisory_lock(hashtext('$point'))");
	return $session;
}

# Lets the copy come to a point several times before it is held there, so that there is something to lose.
sub interrupted_at
{
	my ($point, $how, $method, $workers) = @_;
	my $name = "$how at $point, $method, $workers worker(s)";
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS target; CREATE TABLE target (LIKE source INCLUDING ALL)');
	my $job = $node->safe_psql('postgres', <<"SQL");
SELECT migrate_backfill('source', 'target', batch_size => 300, workers => $workers, method => '$method', sync => false,
    throttle => '{"max_rows_per_second": 30000}')
SQL
	if ($point =~ /^copy_(b.*|after_(insert|recheck))$/)
	{
		until_true("SELECT rows_done > 2000 OR state NOT IN ('queued', 'running') FROM migrate.progress WHERE job = $job", 'rows');
	}
	my $gate = gate($point);
	my $pid = worker_at($point);
	if ($how eq 'kill')
	{
		kill 'KILL', $pid;
		# The postmaster restarts itself and, from its own list, the worker.
		until_true("SELECT pg_postmaster_start_time() IS NOT NULL AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)", 'restart');
	}
	else
	{
		$node->stop('immediate');
		$node->start;
	}
	eval { $gate->quit };
	until_true("SELECT state NOT IN ('queued', 'running') FROM migrate.progress WHERE job = $job", 'the end of the job');
	is( $node->safe_psql('postgres', <<"SQL"), 'succeeded|30000|0|2', $name);
SELECT state, rows_done,
       (SELECT count(*) FROM ((TABLE source EXCEPT ALL TABLE target) UNION ALL (TABLE target EXCEPT ALL TABLE source)) d),
       (SELECT count(*) FROM pg_index WHERE indrelid = 'target'::regclass AND indisvalid)
  FROM migrate.progress WHERE job = $job
SQL
	return;
}

for my $point (qw(copy_batch_start copy_before_insert copy_after_insert copy_after_recheck copy_before_commit
	backfill_copied copy_before_object copy_after_object))
{
	interrupted_at($point, 'kill', 'direct', 1);
	interrupted_at($point, 'stop', 'direct', 1);
}
interrupted_at($_, 'kill', 'direct', 2) for qw(copy_after_insert copy_before_commit);
interrupted_at($_, 'stop', 'direct', 2) for qw(copy_before_commit);
interrupted_at($_, 'kill', 'sql', 1) for qw(copy_batch_start copy_after_insert copy_before_commit);
interrupted_at('copy_after_insert', 'stop', 'sql', 1);

# Nothing is left behind: no worker, no lock of ours, no invalid index.
is($node->safe_psql('postgres', <<'SQL'), '0|0|0', 'nothing is left behind');
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_cutover worker'),
       (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
       (SELECT count(*) FROM pg_index WHERE NOT indisvalid)
SQL
$node->stop;
done_testing();
