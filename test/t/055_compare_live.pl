# Comparisons and repairs of tables that are written to: exact under one snapshot (C15, C17, C20, C26, O45), safe from TRUNCATE
# (C23), resumed without forgetting what was found (C24), range by range with changes behind the cursor (C22), and
# repairs that neither lose an update nor delete a live row nor resurrect a dead one (C18, C42, C46, C47).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('compare', max_prepared_transactions => 5, restart_after_crash => 'on');
my $node = $jobs->node;

sub compare
{
	my ($mode, $throttle) = @_;
	my $job = $jobs->ask("SELECT migrate_compare('t', 'm', '$mode', '" . ($throttle // '{}') . "')");
	$jobs->ask("SET client_min_messages = warning; CALL migrate_wait($job)");
	return $job;
}
sub verdict
{
	my ($job) = @_;
	return $jobs->ask("SELECT verdict, missing, extra, changed FROM migrate.comparison WHERE job = $job");
}

# The target is made by hand: without a guard, so that differences can be planted.
$jobs->ask(<<'SQL');
CREATE TABLE t (id int PRIMARY KEY, v int, w text);
CREATE TABLE m (id bigint PRIMARY KEY, v int, w text);
INSERT INTO t SELECT g, g, repeat('x', g % 50) FROM generate_series(1, 20000) g;
SQL
my $job = $jobs->ask("SELECT migrate_backfill('t', 'm')");
$jobs->until_state($job, 'succeeded', 'the tables are in step');

# ---- under one snapshot ---------------------------------------------------------------------------------------------
my $writes = PostgreSQL::Test::Utils::tempdir() . '/writes.sql';
append_to_file($writes, <<'SQL');
\set id random(1, 21000)
\set kind random(1, 6)
\if :kind = 1
DELETE FROM t WHERE id = :id;
\elif :kind = 2
INSERT INTO t VALUES (:id, :id, 'new') ON CONFLICT (id) DO UPDATE SET v = t.v + 1;
\elif :kind = 3
UPDATE t SET v = v + 1 WHERE id = 7;
\elif :kind = 4
BEGIN;
SAVEPOINT a;
UPDATE t SET v = -v WHERE id = :id;
ROLLBACK TO a;
UPDATE t SET w = w || 'y' WHERE id BETWEEN :id AND :id + 3;
COMMIT;
\elif :kind = 5
BEGIN;
UPDATE t SET v = 0 WHERE id = :id;
ROLLBACK;
\else
UPDATE t SET id = -id WHERE id = :id AND NOT EXISTS (SELECT FROM t o WHERE o.id = - :id);
\endif
SQL
chmod 0644, $writes;
my ($out, $err) = ('', '');
my $load = IPC::Run::start(
	[ 'pgbench', '-n', '-c', '2', '-T', '600', '-h', $node->host, '-p', $node->port, '-f', $writes, 'postgres' ],
	'>', \$out, '2>', \$err);
$jobs->ask("BEGIN; INSERT INTO t VALUES (30000, 1, 'prepared'); PREPARE TRANSACTION 'open'");
my %verdicts;
$verdicts{ verdict(compare('snapshot')) }++ for 1 .. 25;
is_deeply(\%verdicts, { 'equal|0|0|0' => 25 }, '25 comparisons under writes find nothing');
%verdicts = ();
$verdicts{ verdict(compare('rolling', '{"target_batch_ms": 1}')) }++ for 1 .. 5;
is_deeply(\%verdicts, { 'equal|0|0|0' => 5 }, '5 range by range, with keys that move between ranges');
$jobs->ask("COMMIT PREPARED 'open'");
is(verdict(compare('snapshot')), 'equal|0|0|0', 'and one after a prepared transaction');
$load->signal('TERM');
$load->finish;
unlike($err, qr/ERROR/, 'no statement of the load failed');

# ---- the locks come before the snapshot -------------------------------------------------------------------------------
my $gate = $jobs->gate('compare_snapshot');
$job = $jobs->ask("SELECT migrate_compare('t', 'm')");
$jobs->worker_at('compare_snapshot');
like($jobs->error_of("SET lock_timeout = '100ms'; TRUNCATE t"), qr/lock timeout/,
	'no TRUNCATE comes between the locks and the snapshot');
$gate->quit;
$jobs->until_state($job, 'succeeded');

# ---- planted differences ------------------------------------------------------------------------------------------------
$jobs->ask("DELETE FROM m WHERE id = 100 OR id = 200; UPDATE m SET w = NULL WHERE id = 300; INSERT INTO m VALUES (90000, 1)");
$jobs->ask("INSERT INTO t VALUES (100, 1), (200, 2), (300, 3) ON CONFLICT (id) DO UPDATE SET v = excluded.v");
$jobs->ask("DELETE FROM m WHERE id IN (100, 200); UPDATE m SET w = 'planted' WHERE id = 300");
is(verdict(compare('snapshot')), 'different|2|1|1', 'planted differences are found');

# A worker that is killed in the middle of the ranges: what it had found stays found, once.
$gate = $jobs->gate('compare_range');
$job = $jobs->ask("SELECT migrate_compare('t', 'm', 'rolling', '{\"target_batch_ms\": 1}')");
my $pid = $jobs->worker_at('compare_range');
my $second = $jobs->gate('compare_recheck');
$gate->quit;
$jobs->until_true("SELECT changed + missing >= 3 FROM migrate.comparison WHERE job = $job", 'it has found the first ones');
$pid = $jobs->worker_at('compare_recheck');
kill 'KILL', $pid;
eval { $second->quit };
$jobs->until_state($job, 'succeeded');
is(verdict($job), 'different|2|1|1', 'killed and resumed, a comparison finds the same');

# ---- rows that change behind the cursor ------------------------------------------------------------------------------------
my $before = compare('snapshot');
my $repair = $jobs->ask("SELECT migrate_repair($before, dry_run => false)");
$jobs->until_state($repair, 'succeeded');
is(verdict(compare('snapshot')), 'equal|0|0|0', 'repaired');
$gate = $jobs->gate('compare_recheck');
$job = $jobs->ask("SELECT migrate_compare('t', 'm', 'rolling')");
$jobs->worker_at('compare_recheck');
is($jobs->ask("SELECT missing + extra + changed FROM migrate.comparison WHERE job = $job"), 0, 'the first pass finds nothing');
$jobs->ask("UPDATE t SET v = v + 1 WHERE id = 300; UPDATE m SET v = v + 1 WHERE id = 300; DELETE FROM m WHERE id = 100");
$gate->quit;
$jobs->until_state($job, 'succeeded');
is(verdict($job), 'different|1|0|1', 'the second finds what changed, and what was deleted on one side alone');

# Keys that go on both sides, others on each: as many as before, with the same sum.
$jobs->ask('CREATE TABLE here (id int PRIMARY KEY); INSERT INTO here SELECT generate_series(1, 5000);
	CREATE TABLE there (LIKE here INCLUDING ALL); INSERT INTO there TABLE here');
$gate = $jobs->gate('compare_recheck');
$job = $jobs->ask("SELECT migrate_compare('here', 'there', 'rolling')");
$jobs->worker_at('compare_recheck');
$jobs->ask('DELETE FROM here WHERE id IN (1, 4); DELETE FROM there WHERE id IN (2, 3)');
$gate->quit;
$jobs->until_state($job, 'succeeded');
is(verdict($job), 'different|2|2|0', 'deletions behind the range are found, whatever the sum of the keys');

# What a view reads is locked before the snapshot as well: its scan begins when the other side has been read.
$jobs->ask(q{CREATE TABLE base (id int PRIMARY KEY); INSERT INTO base TABLE there;
	CREATE FUNCTION held(id int) RETURNS int LANGUAGE plpgsql SET lock_timeout = 0 AS $$
	BEGIN
		IF id = 5 THEN PERFORM pg_advisory_xact_lock_shared(55); END IF;
		RETURN id;
	END $$;
	CREATE VIEW slow AS SELECT held(id) AS id FROM there;
	CREATE VIEW other AS SELECT id FROM base});
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT FROM pg_advisory_lock(55)');
$job = $jobs->ask("SELECT migrate_compare('slow', 'other', 'snapshot')");
$jobs->until_true("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 55 AND NOT granted)", 'the first side is being read');
like($jobs->error_of("SET lock_timeout = '100ms'; TRUNCATE base"), qr/lock timeout/, 'and the table behind the other cannot be emptied');
$lock->quit;
$jobs->until_state($job, 'succeeded');
is(verdict($job), 'equal|0|0|0', 'they are equal');

# ---- repairs race writers -----------------------------------------------------------------------------------------------
$before = compare('snapshot');
my $writer = $node->background_psql('postgres');
$writer->query_safe('BEGIN; UPDATE t SET v = 4711 WHERE id = 300');
$repair = $jobs->ask("SELECT migrate_repair($before, dry_run => false)");
$jobs->until_true("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type LIKE 'pg_cutover%' AND wait_event_type = 'Lock')",
	'the repair waits for the writer');
$writer->query_safe('COMMIT');
$jobs->until_state($repair, 'succeeded');
is($jobs->ask('SELECT v FROM m WHERE id = 300'), 4711, 'no update is lost');
# Without the lock on the source's row the look after the write still keeps an older image out, but the row stays as it is.
is($jobs->ask("SELECT count(*) FROM migrate.repair WHERE job = $repair AND action = 'failed'"), 0, 'and no row is left alone');
is(verdict(compare('snapshot')), 'equal|0|0|0', 'and all is equal');

$jobs->ask('INSERT INTO m VALUES (95000, 1)');
$before = compare('snapshot');
$writer->query_safe("BEGIN; INSERT INTO t VALUES (95000, 2, 'live')");
$repair = $jobs->ask("SELECT migrate_repair($before, dry_run => false)");
$jobs->until_true("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type LIKE 'pg_cutover%' AND wait_event_type = 'Lock')",
	'the repair waits for a writer that makes the row');
$writer->query_safe('COMMIT');
$jobs->until_state($repair, 'succeeded');
is($jobs->ask('SELECT v, w FROM m WHERE id = 95000'), '2|live', 'no live row is deleted');
is($jobs->ask("SELECT action FROM migrate.repair WHERE job = $repair"), 'none', 'and the log says so');

# A row that was deleted since it was listed does not come back.
$jobs->ask('DELETE FROM m WHERE id = 500; INSERT INTO t VALUES (500, 1) ON CONFLICT DO NOTHING; DELETE FROM m WHERE id = 500');
$before = compare('snapshot');
$gate = $jobs->gate('repair_before_write');
$repair = $jobs->ask("SELECT migrate_repair($before, dry_run => false)");
$jobs->worker_at('repair_before_write');
$jobs->ask('DELETE FROM t WHERE id = 500');
$gate->quit;
$jobs->until_state($repair, 'succeeded');
is($jobs->ask('SELECT count(*) FROM m WHERE id = 500'), 0, 'no deleted row is resurrected');

# Cancelled in the middle: each row is as it was or as it should be.
$jobs->ask('UPDATE m SET v = -1 WHERE id BETWEEN 600 AND 700');
$before = compare('snapshot');
$gate = $jobs->gate('repair_before_write');
$repair = $jobs->ask("SELECT migrate_repair($before, dry_run => false)");
$jobs->worker_at('repair_before_write');
$jobs->ask("SELECT migrate_cancel($repair)");
$gate->quit;
$jobs->until_true("SELECT NOT migrate.job_has_worker($repair)", 'the worker of a cancelled repair leaves');
is($jobs->ask('SELECT count(*) FROM m WHERE id BETWEEN 600 AND 700'),
	$jobs->ask('SELECT count(*) FROM t WHERE id BETWEEN 600 AND 700'), 'no row is lost');
$repair = $jobs->ask("SELECT migrate_repair($before, dry_run => false)");
$jobs->until_state($repair, 'succeeded');
is(verdict(compare('snapshot')), 'equal|0|0|0', 'the next one finishes');

$writer->quit;
$node->stop;
done_testing();
