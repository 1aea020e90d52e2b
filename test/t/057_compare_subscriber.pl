# A subscriber to all tables is sent our jobs and their events (C41): its launcher neither starts them nor gets in the
# way of what is still to be sent.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('publisher', wal_level => 'logical');
my $second = JobNode->new('second', shared_preload_libraries => 'pg_cutover', 'pg_cutover.launcher_naptime' => '1');
$_->ask('CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE m (id bigint PRIMARY KEY, v int)') for $jobs, $second;
$jobs->ask('INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g; CREATE PUBLICATION every FOR ALL TABLES');
my $connection = $jobs->node->connstr('postgres') =~ s/'/''/gr;
$second->ask("CREATE SUBSCRIPTION of_every CONNECTION '$connection' PUBLICATION every");
$second->until_true("SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate <> 'r'", 'subscribed');

my ($gate, $other) = ($jobs->gate('compare_snapshot'), $second->gate('compare_snapshot'));
my $job = $jobs->ask("SELECT migrate_compare('t', 'm')");
$jobs->worker_at('compare_snapshot');
$second->until_true("SELECT EXISTS (SELECT FROM migrate.job WHERE id = $job)", 'a job is sent');
# The launcher looks once a second; a worker would stand at a gate that is shut here as well.
sleep 4;
is($second->ask("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_cutover worker'"), 0,
	'nobody starts it there');
unlike(slurp_file($second->node->logfile), qr/pg_cutover: job $job failed/, 'nor has tried to');
$_->quit for $gate, $other;
$jobs->until_state($job, 'succeeded', 'it ends where it began');
$jobs->ask('INSERT INTO t VALUES (5000, 1)');
$second->until_true('SELECT EXISTS (SELECT FROM t WHERE id = 5000)', 'what comes after it is sent', seconds => 15);
is($second->ask("SELECT state FROM migrate.job WHERE id = $job"), 'succeeded', 'with its end');

# Links and jobs that are made there would have numbers that the publisher gives out, too.
for my $call ("migrate_compare('t', 'm')", "migrate_link('t', 'm')", "migrate_shadow('t', 't_new')",
	"migrate_add_check('m', 'c', 'row_count', '{\"relation\": \"t\", \"rows\": 1}')")
{
	like($second->error_of("SELECT $call"),
		qr/55000: +subscription of_every fills the tables of pg_cutover in this database/, "$call is refused");
}
$second->ask('DROP SUBSCRIPTION of_every; DROP EXTENSION pg_cutover; CREATE EXTENSION pg_cutover');
$job = $second->ask("SELECT migrate_compare('t', 'm')");
$second->until_state($job, 'succeeded', 'and works once there is no such subscription');

$second->node->stop;
$jobs->node->stop;
done_testing();
