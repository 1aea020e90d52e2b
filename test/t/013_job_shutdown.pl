# Nobody waits for our workers: DROP DATABASE, DROP EXTENSION, CREATE DATABASE ... TEMPLATE and every kind of shutdown go
# through while jobs run, are throttled, or wait for a lock (R63, R64, O31 every lock has a timeout).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('shutdown', shared_preload_libraries => 'pg_cutover', 'pg_cutover.launcher_naptime' => '300');
my $node = $jobs->node;
my $hold = q('{"query": "true"}');

# quick($what, $code): it has to be over in seconds; the statement must not need the timeout.
sub quick
{
	my ($what, $code, $limit) = @_;
	my $start = time;
	$code->();
	my $took = time - $start;
	cmp_ok($took, '<', $limit // 15, sprintf('%s (%.1f s)', $what, $took));
}
sub work_in
{
	my ($database) = @_;
	$jobs->ask("CREATE DATABASE $database");
	$jobs->ask('CREATE EXTENSION pg_cutover', $database);
	$jobs->ask('CREATE TABLE held (id int)', $database);
	my @ids = (
		$jobs->ask('SELECT migrate.debug_job(100000, 20, workers => 2)', $database),
		$jobs->ask("SELECT migrate.debug_job(100000, 20, throttle => $hold)", $database),
		$jobs->ask("SELECT migrate.debug_job(1, 1, sql => 'SELECT pg_sleep(1000)')", $database));
	$jobs->until_true("SELECT bool_and(migrate.job_has_worker(job)) AND bool_or(rows_done > 2) AND bool_or(throttled_by LIKE 'query%')
		FROM migrate.progress", "jobs run in $database", database => $database);
	return @ids;
}
my $quiet = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_cutover worker')";

# ---- DROP DATABASE ------------------------------------------------------------------------------------------------------------
work_in('one');
quick('plain DROP DATABASE says that it is in use',
	sub { like($jobs->error_of('DROP DATABASE one'), qr/55006: database "one" is being accessed by other users/, 'refused'); });
quick('DROP DATABASE (FORCE)', sub { $jobs->ask('DROP DATABASE one WITH (FORCE)') });
$jobs->until_true($quiet, 'no worker is left');
# Workers that were registered for it come back, find no database, and stay away.
select undef, undef, undef, 7;
my $tries = () = slurp_file($node->logfile) =~ /FATAL:  database \d+ does not exist/g;
select undef, undef, undef, 6;
my $later = () = slurp_file($node->logfile) =~ /FATAL:  database \d+ does not exist/g;
is($later, $tries, 'and none comes back for ever');

# In another database, while ours work: the barrier that it emits is absorbed everywhere.
my @ids = work_in('two');
$jobs->ask('CREATE DATABASE three');
quick('DROP DATABASE of another one', sub { $jobs->ask('DROP DATABASE three') });
is($jobs->ask('SELECT count(*) FROM migrate.progress WHERE state = $$running$$', 'two'), 3, 'the jobs still run');

# ---- DROP EXTENSION -----------------------------------------------------------------------------------------------------------
# A statement that is under way is left to its end: nobody is there any more to be asked about it.
$jobs->ask("SELECT migrate_cancel($ids[2])", 'two');
$jobs->until_true("SELECT NOT migrate.job_has_worker($ids[2])", 'cancelled', database => 'two');
quick('DROP EXTENSION', sub { $jobs->ask('DROP EXTENSION pg_cutover CASCADE', 'two') }, 30);
$jobs->until_true($quiet, 'the workers leave', seconds => 30);
my $log = slurp_file($node->logfile);
unlike($log, qr/pg_cutover: job \d+ failed/, 'without calling that a failure');
quick('DROP SCHEMA of what is left',
	sub { is($jobs->ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'migrate'", 'two'), 0, 'nothing is left') });
$jobs->ask('CREATE EXTENSION pg_cutover', 'two');
my $job = $jobs->ask('SELECT migrate.debug_job(3, 1)', 'two');
$jobs->until_state($job, 'succeeded', 'created again, it works', database => 'two');
quick('plain DROP DATABASE once the jobs have ended', sub { $jobs->ask('DROP DATABASE two') });

# ---- locks: ours give way ------------------------------------------------------------------------------------------------------
$jobs->ask('CREATE TABLE held (id int)');
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE migrate.job_cursor IN ACCESS EXCLUSIVE MODE');
$job = $jobs->ask('SELECT migrate.debug_job(5, 1)');
select undef, undef, undef, 3;
my $longest = 0;
for (1 .. 20)
{
	my $waits = $jobs->ask("SELECT coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0) FROM pg_locks WHERE NOT granted");
	$longest = $waits if $waits > $longest;
	select undef, undef, undef, 0.1;
}
cmp_ok($longest, '<', 1.5, "a worker waits for a lock no longer than pg_cutover.lock_timeout ($longest s)");
$holder->query_safe('COMMIT');
$jobs->until_state($job, 'succeeded', 'and goes on when it gets it');

# ---- shutdown ------------------------------------------------------------------------------------------------------------------
for my $mode (qw(fast immediate))
{
	$jobs->ask('SELECT migrate.debug_job(100000, 20, workers => 2)');
	$jobs->ask("SELECT migrate.debug_job(100000, 20, throttle => $hold)");
	$jobs->ask("SELECT migrate.debug_job(1, 1, sql => 'SELECT pg_sleep(1000)')");
	$jobs->until_true("SELECT bool_and(migrate.job_has_worker(job)) AND bool_or(rows_done > 2) AND bool_or(throttled_by LIKE 'query%')
		FROM migrate.progress WHERE state = 'running'", "jobs run before a $mode shutdown");
	quick("$mode shutdown", sub { $node->stop($mode) });
	$node->start;
	$jobs->until_true("SELECT count(*) = 3 AND bool_and(migrate.job_has_worker(job)) FROM migrate.progress WHERE state = 'running'",
		'all run again');
	$jobs->ask("SELECT migrate_cancel(job) FROM migrate.progress WHERE state = 'running'");
	$jobs->until_true($quiet, 'all are cancelled');
}
# A smart shutdown waits for sessions, and not for workers.
$holder = undef;
$job = $jobs->ask("SELECT migrate.debug_job(100000, 20, throttle => $hold)");
$jobs->until_true("SELECT migrate.job_has_worker($job)", 'at work');
quick('smart shutdown', sub { $node->stop('smart') });

done_testing();
