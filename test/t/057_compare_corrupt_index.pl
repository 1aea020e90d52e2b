# Tables whose unique index does not hold what it promises (O22): a comparison under one snapshot hides no duplicate.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('corrupt', autovacuum => 'off');

# Rows go past the primary key in two ways: it takes them unchecked, or it is not told of them at all.
my %corruption = (indisunique => 'duplicates in the index', indisready => 'duplicates that the index does not know');
sub past_the_key
{
	my ($table, $flag, $rows) = @_;
	return '' unless $rows;
	my $index = "WHERE indexrelid = '${table}_pkey'::regclass";
	return "UPDATE pg_index SET $flag = false $index; INSERT INTO $table VALUES $rows;
		UPDATE pg_index SET $flag = true $index;";
}
sub compared
{
	my ($mode) = @_;
	my $job = $jobs->ask("SELECT migrate_compare('s', 't', '$mode')");
	$jobs->until_true("SELECT state IN ('succeeded', 'failed') FROM migrate.progress WHERE job = $job",
		'a comparison ends');
	return $jobs->ask(<<"SQL");
SELECT coalesce(p.error, concat_ws(' ', c.verdict, c.rows_source, c.rows_target, c.missing, c.extra, c.changed))
  FROM migrate.progress p LEFT JOIN migrate.comparison c ON c.job = p.job WHERE p.job = $job
SQL
}

# Rows of one key belong together in the order of their hashes: a row that is there once may count as changed.
for my $case (
	[ 'twice in the target', '', '(5, 5)', 'different 10000 10001 0 1 0' ],
	[ 'twice in the target, with another value', '', '(5, -5)', 'different 10000 10001 0 1 [01]' ],
	[ 'twice in the source', '(5, 5)', '', 'different 10001 10000 1 0 0' ],
	[ 'twice in the source, with another value', '(5, -5)', '', 'different 10001 10000 1 0 [01]' ],
	[ 'twice in both, with other values', '(5, -5)', '(5, 5)', 'different 10001 10001 0 0 1' ],
	[ 'twice in both, alike', '(5, -5)', '(5, -5)', 'equal 10001 10001 0 0 0' ])
{
	my ($what, $source, $target, $expected) = @$case;
	for my $flag (sort keys %corruption)
	{
		$jobs->ask(<<"SQL");
DROP TABLE IF EXISTS s, t;
CREATE TABLE s (id int PRIMARY KEY, v int);
INSERT INTO s SELECT g, g FROM generate_series(1, 10000) g;
CREATE TABLE t (LIKE s INCLUDING INDEXES);
INSERT INTO t SELECT * FROM s;
VACUUM ANALYZE s, t;
SQL
		$jobs->ask(past_the_key('s', $flag, $source) . past_the_key('t', $flag, $target));
		like(compared('snapshot'), qr/^$expected$/, "$corruption{$flag}: a row is $what");
		# What an index does not know is not in its ranges.
		like(compared('rolling'), qr/^$expected$/, "the same by ranges") if $flag eq 'indisunique';
	}
}

$jobs->node->stop;
done_testing();
