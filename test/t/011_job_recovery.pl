# Jobs survive what happens to servers: a killed worker, an immediate stop, a promotion, no free slot (R23, R24, R25,
# R26, R27, O46).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('recovery', restart_after_crash => 'on', autovacuum => 'off');
my $node = $jobs->node;

# ---- without shared_preload_libraries: a killed worker comes back by itself -------------------------------------------
for my $point (qw(job_connected job_running job_step job_before_succeed))
{
	my $gate = $jobs->gate($point);
	my $job = $jobs->ask('SELECT migrate.debug_job(20, 1)');
	my $pid = $jobs->worker_at($point);
	kill 'KILL', $pid;
	# The session that held the gate dies in the crash restart.
	$jobs->until_state($job, 'succeeded', "killed at $point, the job resumes");
	is($jobs->job($job, 'rows_done, batches'), '20|20', "killed at $point, it counts each step once");
	is($jobs->ask("SELECT count(*) FROM migrate.event WHERE job = $job AND message LIKE '%continued by another worker'"),
		$point eq 'job_connected' ? 0 : 1, 'the event log tells');
	eval { $gate->quit };
}

# In the middle of its steps, and with helpers.
my $job = $jobs->ask('SELECT migrate.debug_job(150, 20, workers => 3)');
$jobs->until_true("SELECT rows_done > 20 AND cardinality(pids) = 3 FROM migrate.progress WHERE job = $job", 'three at work');
kill 'KILL', $jobs->job($job, 'pids[2]');
$jobs->until_state($job, 'succeeded', 'a helper is killed, the job resumes');
is($jobs->job($job, 'rows_done, batches'), '150|150', 'each step is counted once');

# Terminated workers come back too.
$job = $jobs->ask('SELECT migrate.debug_job(60, 50)');
$jobs->until_true("SELECT rows_done > 2 FROM migrate.progress WHERE job = $job", 'at work');
$jobs->ask("SELECT pg_terminate_backend(pids[1]) FROM migrate.progress WHERE job = $job");
$jobs->until_state($job, 'succeeded', 'a worker is terminated, the job resumes');
is($jobs->job($job, 'rows_done, batches'), '60|60', 'each step is counted once');

# A leader that is terminated while its helpers work: the next one waits for them.
$job = $jobs->ask('SELECT migrate.debug_job(400, 20, workers => 3)');
$jobs->until_true("SELECT rows_done > 20 AND cardinality(pids) = 3 FROM migrate.progress WHERE job = $job", 'three at work');
$jobs->ask("SELECT pg_terminate_backend(pids[1]) FROM migrate.progress WHERE job = $job");
$jobs->until_state($job, 'succeeded', 'a leader is terminated, the job resumes');
is($jobs->job($job, 'rows_done, batches'), '400|400', 'helpers of the former leader were gone: each step is counted once');

# A new leader while helpers of the former one are still in the middle of a step: it waits until they have gone.
my $gate = $jobs->gate('job_step');
$job = $jobs->ask('SELECT migrate.debug_job(150, 20, workers => 3)');
$jobs->until_true("SELECT count(*) = 3 FROM pg_stat_activity WHERE application_name = 'job_step'", 'three are in a step');
$jobs->ask("SELECT pg_terminate_backend(pids[1], 5000) FROM migrate.progress WHERE job = $job");
is($jobs->ask('SELECT migrate_recover()'), 1, 'a new leader is launched');
$jobs->until_true("SELECT migrate.job_has_worker($job)", 'and has come');
select undef, undef, undef, 1;
is($jobs->ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'job_step'"), 2, 'it does nothing yet');
$gate->quit;
$jobs->until_state($job, 'succeeded', 'the helpers gone, it goes on');
is($jobs->job($job, 'rows_done, batches'), '150|150', 'each step is counted once');

# An error in a worker's start is the job's error, and not a loop.
$jobs->ask("LOAD 'pg_cutover'; ALTER SYSTEM SET pg_cutover.debug_points = 'job_connected=error'; SELECT pg_reload_conf()");
$jobs->until_true("LOAD 'pg_cutover'; SELECT current_setting('pg_cutover.debug_points') <> ''", 'configuration is read');
$job = $jobs->ask('SELECT migrate.debug_job(1, 1)');
$jobs->until_state($job, 'failed', 'a worker that fails at its start fails the job');
is($jobs->job($job, 'error'), 'debug point "job_connected"', 'with its error');
$jobs->ask("LOAD 'pg_cutover'; ALTER SYSTEM SET pg_cutover.debug_points = 'job_before_succeed=throw'; SELECT pg_reload_conf()");
$jobs->until_true("LOAD 'pg_cutover'; SELECT current_setting('pg_cutover.debug_points') LIKE '%throw'", 'configuration is read');
$job = $jobs->ask('SELECT migrate.debug_job(1, 1)');
$jobs->until_state($job, 'failed', 'a C++ exception fails the job');
is($jobs->job($job, 'error'), 'debug point job_before_succeed', 'with its error');
$jobs->ask("LOAD 'pg_cutover'; ALTER SYSTEM RESET pg_cutover.debug_points; SELECT pg_reload_conf()");
$jobs->until_true("LOAD 'pg_cutover'; SELECT current_setting('pg_cutover.debug_points') = ''", 'configuration is read');
$jobs->ask("SELECT migrate_resume($job); CALL migrate_wait($job)");
is($jobs->job($job, 'state, batches'), 'succeeded|1', 'resumed, it has nothing left to do');

# ---- without shared_preload_libraries: a restart needs migrate_recover() -------------------------------------------------
$job = $jobs->ask('SELECT migrate.debug_job(100, 50)');
my $paused = $jobs->ask('SELECT migrate.debug_job(100, 50)');
$jobs->until_true("SELECT bool_and(rows_done > 2) FROM migrate.progress WHERE job IN ($job, $paused)", 'at work');
$jobs->ask("SELECT migrate_pause($paused)");
$node->stop('immediate');
$node->start;
is($jobs->job($job, 'state, throttled_by'), 'running|no worker: SELECT migrate_recover() starts one',
	'after the restart the job has no worker, and says so');
is($jobs->ask('SELECT migrate_recover()'), 1, 'migrate_recover() starts one');
$jobs->until_state($job, 'succeeded', 'the job resumes');
is($jobs->job($job, 'rows_done, batches'), '100|100', 'each step is counted once');
is($jobs->job($paused, 'state'), 'paused', 'a paused job stays paused');
is($jobs->ask('SELECT migrate_recover()'), 0, 'nothing is left to recover');

$job = $jobs->ask('SELECT migrate.debug_job(40, 50)');
$jobs->until_true("SELECT rows_done > 2 FROM migrate.progress WHERE job = $job", 'at work');
$node->restart('fast');
$jobs->ask("CALL migrate_wait($job)");
is($jobs->job($job, 'state, batches'), 'succeeded|40', 'whoever waits for a job restarts it as well');

# ---- with it: the launcher, in every database -----------------------------------------------------------------------------
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cutover'\npg_cutover.launcher_naptime = 1");
$node->restart;
$jobs->ask('CREATE DATABASE second');
$jobs->ask('CREATE DATABASE "no extension"');
$jobs->ask('CREATE DATABASE closed ALLOW_CONNECTIONS false');
$jobs->ask('CREATE EXTENSION pg_cutover', 'second');
my $one = $jobs->ask('SELECT migrate.debug_job(60, 50, workers => 2)');
my $two = $jobs->ask('SELECT migrate.debug_job(60, 50)', 'second');
$jobs->until_true("SELECT rows_done > 2 FROM migrate.progress WHERE job = $one", 'at work');
$jobs->until_true("SELECT rows_done > 2 FROM migrate.progress WHERE job = $two", 'in both', database => 'second');
$node->stop('immediate');
$node->start;
$jobs->until_state($one, 'succeeded', 'after an immediate stop the launcher restarts the job of one database');
$jobs->until_state($two, 'succeeded', 'and of the other', database => 'second');
is($jobs->job($one, 'rows_done, batches'), '60|60', 'each step is counted once');
is($jobs->job($two, 'rows_done, batches', 'second'), '60|60', 'in both');
is($jobs->job($paused, 'state'), 'paused', 'a paused job stays paused');
is($jobs->ask("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_cutover launcher' AND datid IS NULL"),
	1, 'the launcher is connected to no database');

# The launcher itself: terminated, it comes back.
$jobs->ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_cutover launcher'");
$jobs->until_true("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_cutover launcher'", 'the launcher is gone');
$jobs->until_true("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_cutover launcher'", 'and comes back');

# ---- a promoted standby -----------------------------------------------------------------------------------------------------
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('promoted');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$job = $jobs->ask('SELECT migrate.debug_job(80, 50)');
$jobs->until_true("SELECT rows_done > 5 FROM migrate.progress WHERE job = $job", 'at work');
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_cutover%'"),
	0, 'nothing of ours runs in recovery');
$node->stop('immediate');
$standby->promote;
my $promoted = bless { node => $standby }, 'JobNode';
$promoted->until_state($job, 'succeeded', 'after the promotion the job goes on');
is($promoted->job($job, 'rows_done, batches'), '80|80', 'each step is counted once');
$standby->stop;

# ---- no free slot for a worker ------------------------------------------------------------------------------------------------
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\nmax_worker_processes = 2");
$node->start;
$jobs->ask("SELECT migrate_cancel(job) FROM migrate.progress WHERE state IN ('running', 'paused', 'failed', 'queued')");
$jobs->until_true("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type LIKE 'pg_cutover%')", 'all is quiet');
# The logical replication launcher has one of the two.
my $first = $jobs->ask('SELECT migrate.debug_job(60, 50)');
$jobs->until_state($first, 'running');
my ($code, $out, $error) = $node->psql('postgres', 'SELECT migrate.debug_job(3, 1)');
is($code, 0, 'no slot for a worker is no error');
like($error, qr/WARNING:  job $out stays queued\nDETAIL:  There is no free background worker slot \(max_worker_processes = 2\)\.\nHINT:/,
	'but a warning');
my $waiter = $node->background_psql('postgres', on_error_stop => 0);
$waiter->query_until(qr/waiting/, "\\echo waiting\nCALL migrate_wait($out);\n");
$jobs->until_true("SELECT state = 'queued' AND throttled_by = 'no free background worker slot (max_worker_processes = 2)'
	FROM migrate.progress WHERE job = $out", 'the reason is shown');
is($jobs->job($first, 'state'), 'running', 'while the other one still runs');
$waiter->query('SELECT 1');
is($jobs->job($out, 'state, batches'), 'succeeded|3', 'when a slot is free, the one who waits for the job starts it');
$first = $jobs->ask('SELECT migrate.debug_job(30, 50)');
$jobs->until_state($first, 'running');
($code, $out) = $node->psql('postgres', 'SELECT migrate.debug_job(3, 1)');
$jobs->until_state($out, 'succeeded', 'so does the end of another job');
# Fewer helpers than asked for is no error either.
$job = $jobs->ask('SELECT migrate.debug_job(40, 50, workers => 3)');
$jobs->until_true("SELECT throttled_by = '1 of 3 workers: no free background worker slot (max_worker_processes = 2)'
	FROM migrate.progress WHERE job = $job", 'a leader without helpers says so');
$jobs->until_state($job, 'succeeded', 'and does the work alone');

$waiter->quit;
$node->stop;
done_testing();
