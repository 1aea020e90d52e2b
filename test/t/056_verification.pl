# What a cutover relies on: a comparison that is clean, recent, and newer than the last repair; and the job that compares
# a pair again and again while it waits for its cutover.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('verification', 'pg_cutover.verification_interval' => '1s');

sub finish
{
	my ($job) = @_;
	$jobs->until_true("SELECT state IN ('succeeded', 'failed') FROM migrate.progress WHERE job = $job", "job $job ends");
	return $jobs->job($job, 'state');
}
# Whether the verification of a cutover was a comparison of its own, or another's.
sub relied_on
{
	my ($job) = @_;
	return $jobs->ask("SELECT coalesce((SELECT 'own ' || verdict FROM migrate.comparison WHERE job = $job),
		(SELECT substring(message FROM 'relies on comparison \\d+') FROM migrate.event WHERE job = $job AND message LIKE 'relies%'), 'nothing')");
}

# ---- the pair that waits -----------------------------------------------------------------------------------------
$jobs->ask('CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g');
my $job = $jobs->ask("SELECT migrate_table('t', '{ALTER COLUMN id TYPE bigint}', cutover => 'manual')");
is(finish($job), 'succeeded', 'the copy ends without a swap');
$jobs->until_true("SELECT verdict = 'equal' FROM migrate.comparison WHERE job > $job", 'a comparison follows by itself');
my ($watch, $first) = split /\|/, $jobs->ask("SELECT job, started_at FROM migrate.comparison WHERE job > $job");
is($jobs->job($watch, 'kind, state'), 'verify|running', 'by a job that goes on');
$jobs->until_true("SELECT started_at > '$first' AND verdict = 'equal' FROM migrate.comparison WHERE job = $watch", 'again and again');
$jobs->ask('INSERT INTO t VALUES (2000, 1)');
like($jobs->error_of("SELECT migrate_backfill('t', 't_new', sync => false)"), qr/kept in step/, 'other jobs are not in its way');

$job = $jobs->ask("SELECT migrate_cutover('t', 't_new', reverse_sync => false)");
is(finish($job), 'succeeded', 'a cutover');
like(relied_on($job), qr/^relies on comparison $watch$/, 'relies on what it found');
is($jobs->job($watch, 'state'), 'cancelled', 'and ends it');

# ---- how old, and since when ---------------------------------------------------------------------------------------
# Targets made by hand have no guard: differences can be planted.
sub pair
{
	my ($name) = @_;
	$jobs->ask("CREATE TABLE $name (id int PRIMARY KEY, v int); INSERT INTO $name SELECT g, g FROM generate_series(1, 100) g;
		CREATE TABLE ${name}_new (id bigint PRIMARY KEY, v int)");
	is(finish($jobs->ask("SELECT migrate_backfill('$name', '${name}_new')")), 'succeeded', "$name is in step");
}
sub compared
{
	my ($name) = @_;
	my $comparison = $jobs->ask("SELECT migrate_compare('$name', '${name}_new')");
	finish($comparison);
	return $comparison;
}
sub swapped
{
	my ($name) = @_;
	my $cutover = $jobs->ask("SELECT migrate_cutover('$name', '${name}_new')");
	return ($cutover, finish($cutover));
}

pair('plain');
my ($cutover, $state) = swapped('plain');
is($state . ', ' . relied_on($cutover), 'succeeded, own equal', 'without a comparison a cutover makes one');

pair('late');
my $comparison = compared('late');
$jobs->ask("LOAD 'pg_cutover'; ALTER SYSTEM SET pg_cutover.max_verification_age = 0; SELECT pg_reload_conf()");
($cutover, $state) = swapped('late');
is($state . ', ' . relied_on($cutover), 'succeeded, own equal', 'nor is one relied on that is too old');
$jobs->ask("LOAD 'pg_cutover'; ALTER SYSTEM RESET pg_cutover.max_verification_age; SELECT pg_reload_conf()");

pair('mended');
$jobs->ask('UPDATE mended_new SET v = -1 WHERE id = 7');
my $found = compared('mended');
is($jobs->ask("SELECT verdict, changed FROM migrate.comparison WHERE job = $found"), 'different|1', 'a difference is found');
($cutover, $state) = swapped('mended');
is($state . ', ' . relied_on($cutover), 'failed, own different', 'with one there is no swap');
like($jobs->ask("SELECT error_hint FROM migrate.job WHERE id = $cutover"),
	qr/SELECT \* FROM migrate\.difference WHERE job = $cutover/, 'and the error says where to look');
$jobs->ask("SELECT migrate_cancel($cutover)");
is(finish($jobs->ask("SELECT migrate_repair($found, dry_run => false)")), 'succeeded', 'repaired');
($cutover, $state) = swapped('mended');
is($state . ', ' . relied_on($cutover), 'succeeded, own equal', 'after a repair only a new comparison counts');

# A clean comparison from before a repair proves nothing.
pair('older');
$jobs->ask('UPDATE older_new SET v = -1 WHERE id = 7');
$found = compared('older');
$jobs->ask('UPDATE older_new SET v = 7 WHERE id = 7');
$comparison = compared('older');
is($jobs->ask("SELECT verdict FROM migrate.comparison WHERE job = $comparison"), 'equal', 'clean');
$jobs->ask('UPDATE older_new SET v = -1 WHERE id = 7');
is(finish($jobs->ask("SELECT migrate_repair($found, dry_run => false)")), 'succeeded', 'then something was repaired');
($cutover, $state) = swapped('older');
is($state . ', ' . relied_on($cutover), 'succeeded, own equal', 'so that it is not relied on');

# ---- what speaks against it ----------------------------------------------------------------------------------------
# A newer comparison of the same tables that could not say that they are equal, whether it came to its end or not.
pair('reversed');
$comparison = compared('reversed');
$jobs->ask('UPDATE reversed_new SET v = -1 WHERE id = 7');
$found = finish($jobs->ask("SELECT migrate_compare('reversed_new', 'reversed')"));
($cutover, $state) = swapped('reversed');
is($state . ', ' . relied_on($cutover), 'failed, own different', 'the tables named the other way round');

pair('stopped');
$jobs->ask('INSERT INTO stopped SELECT g, g FROM generate_series(101, 5000) g');
$comparison = compared('stopped');
$jobs->ask('UPDATE stopped_new SET v = -1 WHERE id = 7');
$found = $jobs->ask("SELECT migrate_compare('stopped', 'stopped_new', 'rolling', throttle => '{\"max_rows_per_second\": 10}')");
$jobs->until_true("SELECT changed = 1 FROM migrate.comparison WHERE job = $found", 'a difference is found');
$jobs->ask("SELECT migrate_cancel($found)");
$jobs->until_state($found, 'cancelled', 'and then the comparison is stopped');
($cutover, $state) = swapped('stopped');
is($state . ', ' . relied_on($cutover), 'failed, own different', 'cancelled after it had found one');

$jobs->ask(<<'SQL');
CREATE FUNCTION doubled(v int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('test.raise', true) = 'yes' THEN RAISE EXCEPTION 'no'; END IF;
    RETURN 2 * v;
END $$;
CREATE TABLE raising (id int PRIMARY KEY, v int);
INSERT INTO raising SELECT g, g FROM generate_series(1, 100) g;
CREATE TABLE raising_new (id bigint PRIMARY KEY, v int);
SQL
is(finish($jobs->ask(q{SELECT migrate_backfill('raising', 'raising_new', columns => '{"v": "doubled(v)"}')})), 'succeeded', 'in step');
$comparison = compared('raising');
$jobs->ask("ALTER DATABASE postgres SET test.raise = 'yes'");
$found = compared('raising');
is($jobs->job($found, 'state'), 'failed', 'a comparison that fails');
$jobs->ask('ALTER DATABASE postgres RESET test.raise');
$jobs->ask('UPDATE raising_new SET v = -1 WHERE id = 7');
$cutover = $jobs->ask("SELECT migrate_cutover('raising', 'raising_new', reverse_sync => false)");
$state = finish($cutover);
is($state . ', ' . relied_on($cutover), 'failed, own different', 'failed after the one that found nothing');

# ---- a pair that comes apart ------------------------------------------------------------------------------------------
$jobs->ask('CREATE TABLE apart (id int PRIMARY KEY, v int); INSERT INTO apart SELECT g, g FROM generate_series(1, 100) g');
$job = $jobs->ask("SELECT migrate_table('apart', '{ALTER COLUMN id TYPE bigint}', cutover => 'manual')");
finish($job);
$jobs->until_true("SELECT EXISTS (SELECT FROM migrate.comparison WHERE job > $job AND verdict = 'equal')", 'it is watched');
($watch) = $jobs->ask("SELECT max(job) FROM migrate.comparison");
# Past the guard, as only a superuser can.
$jobs->ask('ALTER TABLE apart_new DISABLE TRIGGER ALL; UPDATE apart_new SET v = 0 WHERE id = 5');
$jobs->until_state($watch, 'failed', 'what came apart is found');
like($jobs->ask("SELECT error_message || ' ' || error_hint FROM migrate.job WHERE id = $watch"),
	qr/do not hold the same rows .*SELECT \* FROM migrate\.difference WHERE job = $watch;/, 'and said');

$jobs->node->stop;
done_testing();
