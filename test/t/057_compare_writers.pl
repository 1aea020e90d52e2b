# Comparisons beside an application: commits that a crash takes back (C19), a table that grows at its end (C21), and how
# long a comparison holds back VACUUM (C25).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use lib 'test/t';
use JobNode;

# With few buffers, pages are evicted all the time, and the WAL is flushed before.
my $jobs = JobNode->new(
	'writers',
	autovacuum => 'off',
	shared_buffers => '64MB',
	wal_buffers => '16MB',
	'pg_cutover.max_snapshot_age' => '1s');
my $node = $jobs->node;

sub compare
{
	my ($mode, $throttle) = @_;
	my $job = $jobs->ask("SELECT migrate_compare('t', 'm', '$mode', '" . ($throttle // '{}') . "')");
	$jobs->until_state($job, 'succeeded', "a comparison ends: $mode");
	return $job;
}
sub verdict
{
	my ($job) = @_;
	return $jobs->ask("SELECT method, verdict, missing, extra, changed FROM migrate.comparison WHERE job = $job");
}
my ($out, $err) = ('', '');
sub writers
{
	my ($statements) = @_;
	my $script = PostgreSQL::Test::Utils::tempdir() . '/writes.sql';
	append_to_file($script, $statements);
	chmod 0644, $script;
	return IPC::Run::start(
		[ 'pgbench', '-n', '-c', '4', '-T', '600', '-h', $node->host, '-p', $node->port, '-f', $script, 'postgres' ],
		'>', \$out, '2>', \$err);
}

$jobs->ask(<<'SQL');
CREATE TABLE t (id bigserial PRIMARY KEY, v int, w text);
INSERT INTO t (v, w) SELECT g, repeat('x', g % 50) FROM generate_series(1, 20000) g;
CREATE TABLE m (id bigint PRIMARY KEY, v int, w text);
CREATE TABLE dead (v int);
SQL
my $job = $jobs->ask("SELECT migrate_backfill('t', 'm')");
$jobs->until_state($job, 'succeeded', 'the tables are in step');

# ---- commits that a crash takes back (C19) ---------------------------------------------------------------------------
my $asynchronous = <<'SQL';
SET synchronous_commit = off;
\set id random(1, 20000)
BEGIN;
INSERT INTO t (v, w) VALUES (:id, 'new');
UPDATE t SET v = v + 1, w = w || 'y' WHERE id = :id;
COMMIT;
DELETE FROM t WHERE id = :id + 10;
SQL
my $lost = 0;
for my $round (1 .. 6)
{
	# Every other time the process that writes the WAL is held, and much is lost; else the end of it, in mid-transaction.
	my $wal_writer = $jobs->ask("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'");
	kill 'STOP', $wal_writer if $round % 2;
	my $begun = $jobs->ask('SELECT max(id) FROM t');
	my $load = writers($asynchronous);
	$jobs->until_true("SELECT max(id) > $begun + 300 FROM t", "round $round: they write");
	my $seen = $jobs->ask('SELECT max(id) FROM t');
	# As pg_ctl stop -m immediate does; nobody can end a process that is held but by letting it go on.
	kill 'QUIT', $node->{_pid};
	sleep 0.2;
	kill 'CONT', $wal_writer;
	$node->stop('immediate', fail_ok => 1);
	eval { $load->finish };
	$node->start;
	my $kept = $jobs->ask('SELECT max(id) FROM t');
	$lost++ if $kept < $seen;
	is($jobs->ask('SELECT count(*) FROM (TABLE t EXCEPT ALL TABLE m) a'), 0, 'nothing is in the source alone');
	is($jobs->ask('SELECT count(*) FROM (TABLE m EXCEPT ALL TABLE t) a'), 0, 'nor in the target');
	is(verdict(compare('snapshot')), 'snapshot|equal|0|0|0', 'and so a comparison says');
	is(verdict(compare('rolling')), 'rolling|equal|0|0|0', 'range by range as well');
}
cmp_ok($lost, '>=', 3, "commits that had been seen were taken back, in $lost rounds of 6");

# ---- a table that grows at its end (C21) -----------------------------------------------------------------------------
my $load = writers("INSERT INTO t (v, w) VALUES (1, 'tail');\n");
for my $mode (('rolling', 'snapshot') x 4)
{
	my $begun = $jobs->ask('SELECT max(id) FROM t');
	$jobs->until_true("SELECT max(id) > $begun + 100 FROM t", 'it grows');
	my $grown = compare($mode, '{"target_batch_ms": 1}');
	is(verdict($grown), "$mode|equal|0|0|0", "a tail that grows is equal: $mode");
}
# The last row as it is now, and one that the source has no more by the time it is met.
for my $mode ('rolling', 'snapshot')
{
	my $tail = $jobs->ask('DELETE FROM m WHERE id = (SELECT max(id) FROM m) RETURNING id');
	my $planted = compare($mode, '{"target_batch_ms": 1}');
	is(verdict($planted), "$mode|different|1|0|0", "a row that is missing in the tail is found: $mode");
	is($jobs->ask("SELECT key FROM migrate.difference WHERE job = $planted"), "{\"id\": $tail}", 'that row');
	$jobs->ask("INSERT INTO m SELECT * FROM t WHERE id = $tail");
}
$load->signal('TERM');
$load->finish;
unlike($err, qr/ERROR/, 'no statement failed');

# ---- the horizon of VACUUM (C25) -------------------------------------------------------------------------------------
# How many rows VACUUM has to leave that were dead when it began.
sub left_dead
{
	my ($out, $error);
	$node->psql('postgres', 'VACUUM (VERBOSE) dead', stderr => \$error);
	return $error =~ /(\d+) are dead but not yet removable/ ? $1 : "no number in: $error";
}
sub die_off { $jobs->ask('INSERT INTO dead SELECT generate_series(1, 10); DELETE FROM dead') }
sub horizon { return $jobs->ask("SELECT backend_xmin FROM pg_stat_activity WHERE pid = $_[0]") }
my $held = "SELECT count(*) FROM pg_stat_activity
	WHERE backend_type LIKE 'pg_cutover%' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)";

# One snapshot: in the middle of a scan.
$jobs->ask(<<'SQL');
CREATE FUNCTION hold(id bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF id = 15000 THEN
		PERFORM pg_advisory_lock_shared(4711);
		PERFORM pg_advisory_unlock_shared(4711);
	END IF;
	RETURN true;
END $$;
INSERT INTO t VALUES (15000, 1) ON CONFLICT DO NOTHING;
CREATE VIEW held AS SELECT * FROM t WHERE hold(id);
SQL
my $gate = $node->background_psql('postgres');
$gate->query_safe('SELECT pg_advisory_lock(4711)');
$job = $jobs->ask("SELECT migrate_compare('held', 'm', 'snapshot')");
my $scan = "FROM pg_stat_activity WHERE backend_type LIKE 'pg_cutover%' AND wait_event = 'advisory'";
$jobs->until_true("SELECT count(*) = 1 $scan", 'a scan is held');
my $pid = $jobs->ask("SELECT pid $scan");
my $first = horizon($pid);
die_off();
is(left_dead(), 10, 'one snapshot holds VACUUM back while it reads');
is(horizon($pid), $first, 'to where it began');
$gate->query_safe('SELECT pg_advisory_unlock(4711)');
$jobs->until_state($job, 'succeeded');
is(left_dead(), 0, 'and no longer');
is($jobs->ask("SELECT verdict FROM migrate.comparison WHERE job = $job"), 'equal', 'it was a whole comparison');
$gate->quit;

# Ranges: each has a horizon of its own.
$gate = $jobs->gate('compare_range');
my $slowly = '{"target_batch_ms": 1, "max_rows_per_second": 400}';
$job = $jobs->ask("SELECT migrate_compare('t', 'm', 'rolling', '$slowly')");
my $before = 0;
for my $range (1 .. 4)
{
	$pid = $jobs->worker_at('compare_range');
	my $now = horizon($pid);
	cmp_ok($now, '>', $before, "range $range has a newer horizon");
	is(left_dead(), 0, 'what died before it can be removed');
	die_off();
	is(left_dead(), 10, 'what dies meanwhile cannot');
	$before = $now;
	# It sleeps after a range, long enough to shut the gate again.
	$gate->query_safe("SELECT pg_advisory_unlock(hashtext('compare_range'))");
	$jobs->until_true("SELECT application_name <> 'compare_range' FROM pg_stat_activity WHERE pid = $pid", 'it goes on');
	$gate->query_safe("SELECT pg_advisory_lock(hashtext('compare_range'))");
}

$jobs->worker_at('compare_range');
$jobs->ask("SELECT migrate_pause($job)");
$gate->quit;
$jobs->until_true("SELECT state = 'paused' AND NOT migrate.job_has_worker($job) FROM migrate.progress WHERE job = $job",
	'paused');
is($jobs->ask($held), 0, 'paused, nobody holds a horizon');
is(left_dead(), 0, 'and VACUUM removes what is dead');

# A worker that sleeps off what it has read.
$jobs->ask("SELECT migrate_throttle($job, '{\"max_rows_per_second\": 10}'); SELECT migrate_resume($job)");
$jobs->until_true("SELECT throttled_by IS NOT NULL FROM migrate.progress WHERE job = $job", 'throttled');
is($jobs->ask("SELECT migrate.job_has_worker($job)"), 't', 'a worker sleeps');
is($jobs->ask($held), 0, 'without a horizon');
die_off();
is(left_dead(), 0, 'and VACUUM removes what is dead');
$jobs->ask("SELECT migrate_throttle($job, '{}')");
$jobs->until_state($job, 'succeeded');
is(verdict($job), 'rolling|equal|0|0|0', 'it ends with its verdict');

for my $point ('compare_range', 'compare_snapshot')
{
	$jobs->ask("LOAD 'pg_cutover'; ALTER SYSTEM SET pg_cutover.debug_points = '$point=error'; SELECT pg_reload_conf()");
	my $mode = $point =~ s/.*_range/rolling/r =~ s/.*_//r;
	$job = $jobs->ask("SELECT migrate_compare('t', 'm', '$mode')");
	$jobs->until_true("SELECT state = 'failed' AND NOT migrate.job_has_worker($job)
		FROM migrate.progress WHERE job = $job", "failed: $mode");
	is($jobs->ask($held), 0, 'nobody holds a horizon');
	die_off();
	is(left_dead(), 0, 'and VACUUM removes what is dead');
	$jobs->ask("SELECT migrate_cancel($job)");
}
$jobs->ask("LOAD 'pg_cutover'; ALTER SYSTEM RESET pg_cutover.debug_points; SELECT pg_reload_conf()");

# Chosen by how long reading would take, as the size of the tables says.
is(verdict(compare('auto')), 'snapshot|equal|0|0|0', 'small tables are read under one snapshot');
$jobs->ask("UPDATE pg_class SET reltuples = 1e9 WHERE oid IN ('t'::regclass, 'm'::regclass)");
is(verdict(compare('auto')), 'rolling|equal|0|0|0',
	'those that take longer than pg_cutover.max_snapshot_age by ranges');

$node->stop;
done_testing();
