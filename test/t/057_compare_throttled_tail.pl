# A comparison that is throttled to less than what is added to its table ends all the same (C21): it does not chase the
# tail.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('tail', autovacuum => 'off', shared_buffers => '64MB');
$jobs->ask(<<'SQL');
CREATE TABLE t (id bigserial PRIMARY KEY, v int);
INSERT INTO t (v) SELECT g FROM generate_series(1, 5000) g;
CREATE TABLE m (id bigint PRIMARY KEY, v int);
SQL
my $job = $jobs->ask("SELECT migrate_backfill('t', 'm')");
$jobs->until_state($job, 'succeeded', 'the tables are in step');

my $script = PostgreSQL::Test::Utils::tempdir() . '/writes.sql';
append_to_file($script, "INSERT INTO t (v) SELECT 1 FROM generate_series(1, 100);\n");
chmod 0644, $script;
my ($out, $err) = ('', '');
# 4,000 rows a second, and 1,000 compared.
my $load = IPC::Run::start(
	[
		'pgbench', '-n', '-c', '2', '-R', '40', '-T', '600', '-h', $jobs->node->host, '-p', $jobs->node->port,
		'-f', $script, 'postgres'
	],
	'>', \$out, '2>', \$err);
$job = $jobs->ask("SELECT migrate_compare('t', 'm', 'rolling', '{\"max_rows_per_second\": 1000}')");
$jobs->until_state($job, 'succeeded', 'it ends', seconds => 45);
is($jobs->ask("SELECT verdict FROM migrate.comparison WHERE job = $job"), 'equal', 'with its verdict');
$load->signal('TERM');
$load->finish;

$jobs->node->stop;
done_testing();
