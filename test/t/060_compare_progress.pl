# What can be seen of a comparison while it runs, and what an operator can do to it: progress inside of a scan, parallel
# workers included; pause, resume and cancel in the middle of it (C36).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

use constant ROWS => 200_000;
my $jobs = JobNode->new('compare_progress', min_parallel_table_scan_size => 0, max_parallel_workers_per_gather => 2,
	shared_preload_libraries => 'pg_cutover', 'pg_cutover.lock_timeout' => '1h', synchronize_seqscans => 'off',
	parallel_leader_participation => 'off');
my $node = $jobs->node;

# Scans stand still at a row while somebody holds the lock.
$jobs->ask('CREATE TABLE t (id int PRIMARY KEY, v int);
	INSERT INTO t SELECT g, g FROM generate_series(1, ' . ROWS . q{) g;
	CREATE TABLE m (LIKE t INCLUDING ALL);
	INSERT INTO m TABLE t;
	VACUUM ANALYZE t;
	VACUUM ANALYZE m;
	CREATE FUNCTION held(id int) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		IF id = 150000 THEN PERFORM pg_advisory_xact_lock_shared(36); END IF;
		-- The abort of a subtransaction takes the progress away that the server keeps.
		IF id = 10000 THEN
			BEGIN
				RAISE 'caught';
			EXCEPTION WHEN raise_exception THEN NULL;
			END;
		END IF;
		RETURN id;
	END $$;
	CREATE FUNCTION held_from_there_on(id int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS $$
	BEGIN
		IF id > 100000 THEN PERFORM pg_advisory_xact_lock_shared(36); END IF;
		RETURN id;
	END $$;
	CREATE VIEW serial AS SELECT held(id) AS id, v FROM t;
	CREATE VIEW parallel AS SELECT held_from_there_on(id) AS id, v FROM t});

my $lock = $node->background_psql('postgres');
sub hold { return $lock->query_safe('SELECT FROM pg_advisory_lock(36)') }
sub release { return $lock->query_safe('SELECT pg_advisory_unlock(36)') }
sub start
{
	my ($source, $mode) = @_;
	return $jobs->ask("SELECT migrate_compare('$source', 'm', '" . ($mode // 'snapshot') . "')");
}

# ---- in the middle of a scan -----------------------------------------------------------------------------------------
hold();
my $job = start('serial');
# Reports come every 4,096 rows: 149,999 rows are before the one that is held.
$jobs->until_true("SELECT rows_done = 147456 FROM migrate.progress WHERE job = $job", 'rows are counted while they are read');
is($jobs->job($job, "round(percent::numeric, 1), rows_per_second > 0, eta > '0', phase, throttled_by IS NULL"),
	'36.9|t|t|compare|t', 'with the share, the rate and the time left');
is($jobs->ask('SELECT count(*) FROM pg_stat_progress_copy'), 0, 'and nothing is shown as a command of the server');
$jobs->ask("CREATE ROLE watcher LOGIN IN ROLE pg_monitor");
is($node->safe_psql('postgres', "SELECT rows_done FROM migrate.progress WHERE job = $job", extra_params => [ '-U', 'watcher' ]),
	147456, 'a monitor sees it too');

my $pid = $jobs->job($job, 'pids[1]');
isnt($jobs->ask("SELECT backend_xmin FROM pg_stat_activity WHERE pid = $pid"), '', 'a snapshot is held');
$jobs->ask("SELECT migrate_pause($job)");
$jobs->until_true("SELECT NOT migrate.job_has_worker($job)", 'a pause takes effect in the middle of the scan');
is($jobs->ask("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND backend_xmin IS NOT NULL"), 0, 'the snapshot is gone');
is($jobs->job($job, 'state, rows_done'), 'paused|0', 'and so is what was read');
$jobs->ask("SELECT migrate_resume($job)");
$jobs->until_true("SELECT rows_done = 147456 FROM migrate.progress WHERE job = $job", 'resumed, it begins again');
release();
$jobs->until_state($job, 'succeeded', 'and ends');
is($jobs->job($job, 'rows_done, rows_total, percent'), ROWS . '|' . ROWS . '|100', 'with all rows');
is($jobs->ask("SELECT verdict FROM migrate.comparison WHERE job = $job"), 'equal', 'that are equal');

hold();
$job = start('serial');
$jobs->until_true("SELECT rows_done = 147456 FROM migrate.progress WHERE job = $job", 'another one');
$jobs->ask("SELECT migrate_cancel($job)");
$jobs->until_true("SELECT NOT migrate.job_has_worker($job)", 'is cancelled in the middle of the scan');
is($jobs->ask("SELECT verdict IS NULL, finished_at IS NULL FROM migrate.comparison WHERE job = $job"), 't|t', 'and says nothing');

# ---- with parallel workers -----------------------------------------------------------------------------------------------
$job = start('parallel');
# The leader reads nothing itself. A worker may have had the rest of a page to count since it last said a number.
$jobs->until_true("SELECT rows_done > 90000 FROM migrate.progress WHERE job = $job", 'what workers read is counted');
$pid = $jobs->job($job, 'pids[1]');
cmp_ok($jobs->ask("SELECT count(*) FROM pg_stat_activity WHERE leader_pid = $pid"), '>', 0, 'in parallel workers');
release();
$jobs->until_state($job, 'succeeded');
is($jobs->ask("SELECT count(*) FROM migrate.scan_progress($pid)"), 0, 'nothing is shown of what has ended');

# ---- range by range --------------------------------------------------------------------------------------------------------
$job = $jobs->ask(q{SELECT migrate_compare('t', 'm', 'rolling', '{"max_rows_per_second": 20000}')});
$jobs->until_true("SELECT rows_done > 0 AND eta > '0' AND percent > 0 FROM migrate.progress WHERE job = $job", 'ranges show as they are done');
$jobs->ask("SELECT migrate_pause($job)");
$jobs->until_true("SELECT NOT migrate.job_has_worker($job)", 'a pause');
my $done = $jobs->job($job, 'rows_done');
cmp_ok($done, '<', ROWS, 'in the middle');
$jobs->ask("SELECT migrate_throttle($job, '{}'); SELECT migrate_resume($job)");
$jobs->until_state($job, 'succeeded', 'resumed');
is($jobs->job($job, 'rows_done'), ROWS, 'where it stood: no row is counted twice');
is($jobs->ask("SELECT verdict, rows_source, rows_target FROM migrate.comparison WHERE job = $job"),
	'equal|' . ROWS . '|' . ROWS, 'to the same verdict');

# ---- what is not the same twice -------------------------------------------------------------------------------------------
# A view that says something else when it is asked again.
$jobs->ask(q{CREATE SEQUENCE asked;
	CREATE FUNCTION fickle(v int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN v + (nextval('public.asked') = 1)::int; END $$;
	CREATE VIEW fickle AS SELECT id, CASE WHEN id = 5 THEN fickle(v) ELSE v END AS v FROM t});
$job = start('fickle');
$jobs->until_state($job, 'succeeded');
like($jobs->ask("SELECT verdict, reason FROM migrate.comparison WHERE job = $job"),
	qr/^inconclusive\|rows differed, and were equal when they were read again/, 'is neither equal nor different');

$lock->quit;
$node->stop;
done_testing();
