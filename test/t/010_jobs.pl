# Jobs in one session's eyes: launched at commit and not on rollback, paused, resumed, cancelled, waited for without
# a snapshot (O27, O49 the same migration started twice, O51 a later success does not hide a failure, R42 concurrent
# operators, R16 two-phase commit).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

# The postmaster says at this level which workers it is asked for.
my $jobs = JobNode->new('jobs', log_min_messages => 'debug1');
my $node = $jobs->node;

# ---- launched at commit -------------------------------------------------------------------------------------------
my $counts = sub {
	$jobs->ask("SELECT count(*), count(*) FILTER (WHERE state = 'succeeded') FROM migrate.progress");
};
$jobs->ask('SELECT migrate.debug_job(2, 1)');
$jobs->until_state(1, 'succeeded', 'a job runs after the commit');

my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN; SELECT migrate.debug_job(2, 1)');
select undef, undef, undef, 0.5;
is($jobs->ask("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_cutover%'"),
	0, 'no worker before the commit');
$session->query_safe('ROLLBACK');
select undef, undef, undef, 0.5;
is($counts->(), '1|1', 'nothing is left of a job that was rolled back');
is($jobs->ask("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_cutover%'"),
	0, 'and no worker came');

$session->query_safe(<<'SQL');
BEGIN;
SAVEPOINT a;
SELECT migrate.debug_job(2, 1);
ROLLBACK TO a;
SAVEPOINT b;
SELECT migrate.debug_job(3, 1);
RELEASE b;
COMMIT
SQL
$jobs->until_true("SELECT count(*) = 2 AND bool_and(state = 'succeeded') FROM migrate.progress",
	'a job outlives RELEASE, not ROLLBACK TO');
is($jobs->ask('SELECT rows_done FROM migrate.progress LIMIT 1'), 3, 'it is the right one');
my $log = slurp_file($node->logfile);
like($log, qr/registering background worker "pg_cutover job 4"/, 'a worker was launched for it');
unlike($log, qr/registering background worker "pg_cutover job [23]"/, 'and none for those that were rolled back');

# ---- two-phase commit -----------------------------------------------------------------------------------------------
like(
	$jobs->error_of("BEGIN; SELECT migrate.debug_job(2, 1); PREPARE TRANSACTION 'x'"),
	qr/0A000: cannot PREPARE a transaction that has created a pg_cutover job/,
	'a transaction with a job cannot be prepared');
is($jobs->ask('SELECT count(*) FROM pg_prepared_xacts'), 0, 'and is not');
is($jobs->ask('SELECT count(*) FROM migrate.progress'), 2, 'and leaves no job');

# ---- waiting -----------------------------------------------------------------------------------------------------------
my $id = $jobs->ask('SELECT migrate.debug_job(25, 100)');
my $waiter = $node->background_psql('postgres', on_error_stop => 0);
$waiter->query_until(qr/waiting/, "\\echo waiting\nCALL migrate_wait($id);\n");
$jobs->until_true(
	"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'CALL migrate_wait%')",
	'a session waits');
my $samples = 0;
my $snapshots = 0;
for (1 .. 20)
{
	my $row = $jobs->ask("SELECT count(*) FILTER (WHERE wait_event = 'Extension'),
		count(*) FILTER (WHERE wait_event = 'Extension' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL))
		FROM pg_stat_activity WHERE query LIKE 'CALL migrate_wait%'");
	my ($waiting, $holding) = split /\|/, $row;
	$samples += $waiting;
	$snapshots += $holding;
	select undef, undef, undef, 0.05;
}
cmp_ok($samples, '>', 5, 'it was seen waiting');
is($snapshots, 0, 'and never with a snapshot or a transaction id');
$waiter->query('SELECT 1');
like($waiter->{stderr}, qr/NOTICE:  job $id running, count: \[[#.]+\] +[\d.]+ % \d+ rows/, 'it says how far the job is');
like($waiter->{stderr}, qr/NOTICE:  job $id succeeded: 25 rows in /, 'and how it ended');
is($jobs->job($id, 'state'), 'succeeded', 'the job had ended when it returned');

like($jobs->error_of("BEGIN; CALL migrate_wait($id)"),
	qr/2D000: migrate_wait cannot be called inside a transaction block.*HINT:  CALL it/s,
	'not inside a transaction block');
like($jobs->error_of('CALL migrate_wait(999)'), qr/42704: job 999 does not exist/, 'unknown job');
like($jobs->error_of('CALL migrate_wait(NULL)'), qr/22004: job must not be null/, 'no job');

$id = $jobs->ask('SELECT migrate.debug_job(10, 1, fail_at => 4)');
like($jobs->error_of("CALL migrate_wait($id)"),
	qr/23514: step 4 is not wanted\nDETAIL:  Detail of the step.\nHINT:  Hint of the step.\nCONTEXT:  job $id/,
	'the job\'s own error, with all its parts');
is($jobs->job($id, 'state, rows_done, error'), 'failed|4|step 4 is not wanted', 'what was done stays');
like($jobs->error_of("CALL migrate_wait($id)"), qr/23514: step 4/, 'the error is raised again');
is($jobs->ask("SELECT error_sqlstate FROM migrate.job WHERE id = $id"), '23514', 'SQLSTATE is kept');

$id = $jobs->ask('SELECT migrate.debug_job(1000, 100)');
like($jobs->error_of("CALL migrate_wait($id, '1 s')"),
	qr/57014: timed out waiting for job $id\nDETAIL:  It is running, phase count.\nHINT:  The job goes on/,
	'a timeout');
is($jobs->job($id, 'state'), 'running', 'which does not stop the job');

# ---- pause, resume, cancel -------------------------------------------------------------------------------------------------
$jobs->ask("SELECT migrate_pause($id)");
$jobs->until_true("SELECT NOT migrate.job_has_worker($id)", 'the worker of a paused job leaves');
my $done = $jobs->job($id, 'rows_done');
is($jobs->job($id, 'state'), 'paused', 'it is paused');
like($jobs->error_of("SELECT migrate_pause($id)"),
	qr/55000: job $id cannot be paused\nDETAIL:  It is paused.\nHINT:  SELECT migrate_resume/, 'not twice');
$waiter = $node->background_psql('postgres', on_error_stop => 0);
$waiter->query_until(qr/waiting/, "\\echo waiting\nCALL migrate_wait($id);\n");
$jobs->ask("SELECT migrate_resume($id)");
$jobs->until_true("SELECT rows_done > $done FROM migrate.progress WHERE job = $id", 'resumed, it goes on');
like($jobs->error_of("SELECT migrate_resume($id)"), qr/55000: job $id cannot be resumed\nDETAIL:  It is running/,
	'a running job cannot be resumed');
$jobs->ask("SELECT migrate_pause($id); SELECT migrate_resume($id)");
$jobs->until_true("SELECT state = 'running' AND migrate.job_has_worker(job) FROM migrate.progress WHERE job = $id",
	'paused and resumed at once, it runs');
$jobs->ask("BEGIN; SELECT migrate_pause($id); ROLLBACK");
is($jobs->job($id, 'state'), 'running', 'a pause that is rolled back is none');
$jobs->ask("SELECT migrate_cancel($id)");
$waiter->query('SELECT 1');
like($waiter->{stderr}, qr/ERROR:  job $id was cancelled/, 'who waits for a job hears of its cancellation');
$jobs->until_true("SELECT NOT migrate.job_has_worker($id)", 'the worker of a cancelled job leaves');
like($jobs->error_of("SELECT migrate_resume($id)"), qr/55000: job $id cannot be resumed\nDETAIL:  It is cancelled/,
	'a cancelled job stays cancelled');
is($jobs->ask("SELECT string_agg(regexp_replace(message, '.*job $id ', ''), ',' ORDER BY id) FROM migrate.event
	WHERE job = $id AND message NOT LIKE '%phase%' AND id < (SELECT min(id) + 5 FROM migrate.event WHERE job = $id)"),
	'created,started,paused by postgres,resumed by postgres', 'the event log tells');

# A job that failed goes on where it stood once the cause is mended.
$id = $jobs->ask('SELECT migrate.debug_job(10, 1, fail_at => 4)');
$jobs->until_state($id, 'failed');
$jobs->ask("UPDATE migrate.job SET options = options || '{\"method\": \"10:1:-1:\"}' WHERE id = $id;
	SELECT migrate_resume($id); CALL migrate_wait($id)");
is($jobs->job($id, 'state, rows_done, batches, error'), 'succeeded|10|10|', 'resumed, each step counted once');

# A long statement ends when its job is paused.
$id = $jobs->ask("SELECT migrate.debug_job(1, 1, sql => 'SELECT pg_sleep(300)')");
$jobs->until_true("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')", 'a long statement runs');
$jobs->ask("SELECT migrate_pause($id)");
$jobs->until_true("SELECT NOT migrate.job_has_worker($id)", 'a pause ends it', seconds => 10);
$jobs->ask("SELECT migrate_resume($id)");
$jobs->until_true("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')", 'resumed, it runs again');
$jobs->ask("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
$jobs->until_true("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')",
	'a stray cancellation is retried');
is($jobs->job($id, 'state'), 'running', 'and the job still runs');
$jobs->ask("SELECT migrate_cancel($id)");
$jobs->until_true("SELECT NOT migrate.job_has_worker($id)", 'a cancel ends it', seconds => 10);

# ---- parallel ---------------------------------------------------------------------------------------------------------------
$id = $jobs->ask('SELECT migrate.debug_job(200, 10, workers => 3)');
$jobs->until_true("SELECT cardinality(pids) = 3 FROM migrate.progress WHERE job = $id", 'three workers');
$jobs->ask("CALL migrate_wait($id)");
is($jobs->job($id, 'rows_done, batches'), '200|200', 'each step was done once by one of them');
is($jobs->ask("SELECT count(*) FROM migrate.job_cursor WHERE job = $id AND rows_written > 0"), 3, 'all took part');
$id = $jobs->ask('SELECT migrate.debug_job(500, 10, fail_at => 150, workers => 3)');
like($jobs->error_of("CALL migrate_wait($id)"), qr/23514: step 150/, 'the error of whichever worker met it');
$jobs->until_true("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type LIKE 'pg_cutover%')",
	'all of them leave then');

# ---- one worker a job ---------------------------------------------------------------------------------------------------------
$jobs->ask('LOAD \'pg_cutover\'; ALTER SYSTEM SET pg_cutover.start_jobs = off; SELECT pg_reload_conf()');
$jobs->until_true("LOAD 'pg_cutover'; SELECT current_setting('pg_cutover.start_jobs') = 'off'", 'the kill switch is on');
my ($code, $out, $error) = $node->psql('postgres', 'SELECT migrate.debug_job(100, 20)');
$id = $out;
like($error, qr/WARNING:  job $id stays queued\nDETAIL:  pg_cutover.start_jobs is off/, 'which a new job says');
is($jobs->ask('SELECT migrate_recover()'), 0, 'and recovery respects');
is($jobs->job($id, 'state, throttled_by'), 'queued|pg_cutover.start_jobs is off', 'the reason is shown');
$jobs->ask('LOAD \'pg_cutover\'; ALTER SYSTEM RESET pg_cutover.start_jobs; SELECT pg_reload_conf()');
$jobs->until_true("LOAD 'pg_cutover'; SELECT current_setting('pg_cutover.start_jobs') = 'on'", 'the kill switch is off again');
# Several are launched before the first has taken the job.
my $gate = $jobs->gate('job_launched');
cmp_ok($jobs->ask('SELECT sum(migrate_recover()) FROM generate_series(1, 4)'), '>', 1, 'more than one worker is launched');
$gate->quit;
my $most = 0;
for (1 .. 20)
{
	my $now = $jobs->ask("SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 28771
		AND mode = 'ExclusiveLock' AND granted");
	$most = $now if $now > $most;
	select undef, undef, undef, 0.05;
}
$jobs->ask("CALL migrate_wait($id)");
is($most, 1, 'one of them has the job');
is($jobs->job($id, 'rows_done, batches'), '100|100', 'each step is done once');
is($jobs->ask("SELECT count(*) FROM migrate.event WHERE job = $id AND message LIKE '%started'"), 1, 'it started once');

# Two operators at once: one wins, the other hears why it lost.
$id = $jobs->ask('SELECT migrate.debug_job(1000, 20)');
$session->query_safe("BEGIN; SELECT migrate_cancel($id)");
my $other = $node->background_psql('postgres', on_error_stop => 0);
$other->query_until(qr/started/, "\\echo started\nSELECT migrate_pause($id);\n");
$session->query_safe('COMMIT');
$other->query('SELECT 1');
like($other->{stderr}, qr/job $id cannot be paused/, 'the second operator is told');

# One job a target.
$jobs->ask('CREATE TABLE target (id int)');
$id = $jobs->ask("SELECT migrate.debug_job(1000, 20, target => 'target')");
like($jobs->error_of("SELECT migrate.debug_job(1, 1, target => 'target')"),
	qr/55006: job $id works on public.target already\nDETAIL:.*\nHINT:  CALL migrate_wait\($id\)/,
	'a second job on the same target is refused');
$jobs->ask("SELECT migrate_cancel($id)");
$session->query_safe("BEGIN; SELECT migrate.debug_job(1000, 20, target => 'target')");
$other->query_until(qr/again/, "\\echo again\nSELECT migrate.debug_job(1, 1, target => 'target');\n");
select undef, undef, undef, 0.3;
$session->query_safe('COMMIT');
$other->query('SELECT 1');
like($other->{stderr}, qr/job \d+ works on public.target already/, 'also where the first has not committed yet');

$_->quit for $session, $waiter, $other;
$node->stop;
done_testing();
