# The check foreign_keys of a partition, with what refers to it: a foreign key refers to the partitioned table, so that is
# locked as a whole before the snapshot. Otherwise a rewrite of another partition would come between the two.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('validation_partition_keys');
my $node = $jobs->node;
$jobs->ask(q{
	CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
	CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
	CREATE TABLE referring (id int REFERENCES parted);
	INSERT INTO parted VALUES (1), (11);
	INSERT INTO referring VALUES (1), (11);
	SELECT migrate_add_check('m', 'parted_1', 'foreign_keys', '{"relation": "parted_1", "incoming": true}');
});

my $gate = $jobs->gate('validation_check');
my $run = $node->background_psql('postgres', on_error_stop => 0);
$run->query_until(qr/started/,
	"\\echo started\nSELECT check_name, status, details FROM migrate_validate('m');\n\\echo finished\n");
my $pid = $jobs->worker_at('validation_check');
is( $jobs->ask(qq{SELECT string_agg(DISTINCT relation::regclass::text, ' ' ORDER BY relation::regclass::text)
		FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
		WHERE l.pid = $pid AND l.mode = 'AccessShareLock' AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace}),
	'parted parted_1 parted_2 referring',
	'all partitions are locked before the check runs');
like($jobs->error_of(q{SET lock_timeout = '200ms'; CLUSTER parted_2 USING parted_2_pkey}),
	qr/55P03/, 'no other partition can be rewritten meanwhile');
$gate->quit;
like($run->query_until(qr/finished/, ''), qr/parted_1\|PASS\|1 foreign key without orphans/, 'and the key is looked at');
$run->quit;

$node->stop;
done_testing();
