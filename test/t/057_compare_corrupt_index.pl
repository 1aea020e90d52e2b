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

# ---- an index that lacks a row ---------------------------------------------------------------------------------------------
# One scan of the index would give all that is compared.
$jobs->ask(<<'SQL');
DROP TABLE s, t;
CREATE TABLE s (id int PRIMARY KEY, pad text);
CREATE TABLE t (id int PRIMARY KEY);
INSERT INTO s SELECT g, repeat('x', 500) FROM generate_series(1, 10000) g;
INSERT INTO t SELECT id FROM s;
SQL
$jobs->ask(past_the_key('s', 'indisready', "(0, 'unknown to the index')"));
$jobs->ask("SET client_min_messages = error; VACUUM ANALYZE s; SELECT migrate_link('s', 't')");
is(compared('snapshot'), 'different 10001 10000 1 0 0', 'a comparison reads the table, not the index alone');

# A repair that looked by the index alone would make the row a second time.
$jobs->ask("SELECT migrate_unlink('s', 't'); DROP TABLE s, t; CREATE TABLE s (id int PRIMARY KEY, v int);
	INSERT INTO s SELECT g, g FROM generate_series(1, 1000) g; CREATE TABLE t (LIKE s INCLUDING INDEXES);
	INSERT INTO t SELECT * FROM s WHERE id <> 500");
$jobs->ask(past_the_key('t', 'indisready', '(500, -1)') . "SET client_min_messages = error; SELECT migrate_link('s', 't')");
my $job = $jobs->ask("SELECT migrate_compare('s', 't')");
$jobs->until_state($job, 'succeeded');
is($jobs->ask("SELECT kind, key FROM migrate.difference WHERE job = $job"), 'changed|{"id": 500}', 'the row is found');
my $repair = $jobs->ask("SELECT migrate_repair($job, dry_run => false)");
$jobs->until_state($repair, 'failed');
like($jobs->ask("SELECT error_message, error_hint FROM migrate.job WHERE id = $repair"),
	qr/^the index on the key of public\.t does not have all its rows\|REINDEX/, 'a repair says what is wrong');
is($jobs->ask('SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off;
	SELECT string_agg(v::text, $$,$$) FROM t WHERE id = 500'), '-1', 'and writes nothing');
$jobs->ask("SELECT migrate_cancel($repair); REINDEX TABLE t");
$job = $jobs->ask("SELECT migrate_compare('s', 't')");
$jobs->until_state($job, 'succeeded');
$repair = $jobs->ask("SELECT migrate_repair($job, dry_run => false)");
$jobs->until_state($repair, 'succeeded', 'with the index rebuilt it repairs');
is($jobs->ask("SELECT action, before, after FROM migrate.repair WHERE job = $repair"),
	'write|{"v": -1, "id": 500}|{"v": 500, "id": 500}', 'and says what was there');
is(compared('snapshot'), 'equal 1000 1000 0 0 0', 'and all is equal');

# The same of the source: a row that its index does not know is not to be deleted from the target.
$jobs->ask('DELETE FROM s WHERE id = 700');
$jobs->ask(past_the_key('s', 'indisready', '(700, 1)'));
$job = $jobs->ask("SELECT migrate_compare('s', 't')");
$jobs->until_state($job, 'succeeded');
is($jobs->ask("SELECT kind, key FROM migrate.difference WHERE job = $job"), 'changed|{"id": 700}', 'the row is found');
$repair = $jobs->ask("SELECT migrate_repair($job, dry_run => false)");
$jobs->until_state($repair, 'failed');
like($jobs->ask("SELECT error_message FROM migrate.job WHERE id = $repair"),
	qr/^the index on the key of public\.s does not have all its rows/, 'a repair says which index is wrong');
is($jobs->ask('SELECT v FROM t WHERE id = 700'), '700', 'and deletes nothing');

$jobs->node->stop;
done_testing();
