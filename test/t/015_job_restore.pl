# Copies of a database do not start jobs by themselves (R32, R60 dump_restore): a restored dump, a database made from a
# template.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('original');
my $node = $jobs->node;
$jobs->ask('CREATE TABLE target (id int)');
my $job = $jobs->ask("SELECT migrate.debug_job(200, 20, target => 'target')");
my $queued = $jobs->ask('SELECT migrate.debug_job(3, 1, fail_at => 1)');
$jobs->until_state($queued, 'failed');
$jobs->until_true("SELECT rows_done > 5 FROM migrate.progress WHERE job = $job", 'at work');

my $dump = PostgreSQL::Test::Utils::tempdir . '/dump';
command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'pg_dump while a job runs');
my $before = $jobs->job($job, 'rows_done');

# ---- into another cluster, with the launcher ---------------------------------------------------------------------------------
my $copy = JobNode->new('copy', shared_preload_libraries => 'pg_cutover', 'pg_cutover.launcher_naptime' => '1');
$copy->ask('CREATE DATABASE restored');
command_ok([ 'pg_restore', '-d', $copy->node->connstr('restored'), $dump ], 'pg_restore');
$copy->until_true(
	"SELECT state = 'paused' AND throttled_by = 'restored from another database: SELECT migrate_resume($job) starts it here'
	FROM migrate.progress WHERE job = $job", 'the restored job is paused, and says why', database => 'restored');
my $restored = $copy->job($job, 'rows_done', 'restored');
cmp_ok($restored, '<=', $before, 'with the cursor it had');
is($copy->job($queued, 'state, error', 'restored'), 'failed|step 1 is not wanted', 'a failed one is as it was');
is($copy->ask("SELECT 'target'::regclass = target FROM migrate.job WHERE id = $job", 'restored'), 't', 'tables are found by name');
$copy->ask("SELECT migrate_resume($job)", 'restored');
$copy->ask("CALL migrate_wait($job)", 'restored');
is($copy->job($job, 'rows_done, batches', 'restored'), '200|200', 'resumed, it runs in its new home from where it stood');
cmp_ok($copy->ask('SELECT migrate.debug_job(1, 1)', 'restored'), '>', $queued, 'new jobs get new numbers');
cmp_ok($copy->ask("SELECT count(*) FROM migrate.event WHERE job = $job AND message LIKE '%paused: restored%'", 'restored'),
	'==', 1, 'the event log tells');

# ---- a database made from a template, without the launcher ----------------------------------------------------------------------
$jobs->ask("CALL migrate_wait($job)");
is($jobs->job($job, 'rows_done, batches'), '200|200', 'the original went on all the while');
$job = $jobs->ask("SELECT migrate.debug_job(200, 20, target => 'target')");
$jobs->until_true("SELECT rows_done > 5 FROM migrate.progress WHERE job = $job", 'at work');
$node->stop('immediate');
$node->start;
$jobs->ask('CREATE DATABASE clone TEMPLATE postgres', 'template1');
is($jobs->ask('SELECT migrate_recover()', 'clone'), 0, 'migrate_recover() starts nothing in the clone');
is($jobs->job($job, 'state', 'clone'), 'paused', 'its job is paused');
is($jobs->ask('SELECT migrate_recover()'), 1, 'and goes on in the original');
$jobs->ask("CALL migrate_wait($job)");
is($jobs->job($job, 'rows_done, batches'), '200|200', 'to its end');

$_->node->stop for $jobs, $copy;
done_testing();
