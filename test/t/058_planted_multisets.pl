# Tables without a key are compared as multisets: rows that one side has more often, less often, or alone are found
# exactly, with how many times; 0, 1, 1,000 and more than are listed. 058_planted_differences.pl does the same to tables
# with a key.
#
# What is expected is written down by this test as it plants. PG_TEST_SEED in the environment repeats a run's choices.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

# As docs/reference.md says: further ones are counted only.
my $most_listed = 10_000;

my $jobs = JobNode->new('planted_multisets', shared_buffers => '128MB', log_statement => 'none');
my $seed = $ENV{PG_TEST_SEED} // time;
srand $seed;
note("PG_TEST_SEED=$seed");

# An even v is there 1 to 5 times, in both; an odd one nowhere. Some rows are TOASTed.
$jobs->ask(<<'SQL');
CREATE FUNCTION noise() RETURNS text IMMUTABLE LANGUAGE sql AS
    $$ SELECT string_agg(md5(g::text), '') FROM generate_series(1, 100) AS g $$;
CREATE TABLE reading AS
SELECT v, CASE v / 2 % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'w' || v END AS w,
       CASE WHEN v % 100 = 0 THEN v || x.noise END AS body,
       CASE WHEN v % 2 = 0 THEN 1 + v / 2 % 5 ELSE 0 END AS times
  FROM generate_series(1, 80000) AS v, (SELECT noise() OFFSET 0) AS x (noise);
CREATE TABLE old (v int, w text, body text);
CREATE TABLE new (body text, w text, v bigint);
ALTER TABLE old ALTER body SET STORAGE EXTERNAL;
INSERT INTO old SELECT v, w, body FROM reading, generate_series(1, times);
CREATE TABLE action (what text, v int, times int);
CREATE TABLE planted ("row" jsonb, kind text, times bigint);
SQL
sub there { return 1 + $_[0] / 2 % 5 }

# What is done to all rows of a v, or to so many of them, and of which v that can be said.
my %actions = (
	more => { v => sub { 2 + 2 * int rand 40_000 }, times => sub { 1 + int rand 4 } },
	fewer => { v => sub { 2 + 2 * int rand 40_000 }, times => sub { 1 + int rand there($_[0]) } },
	other => { v => sub { 1 + 2 * int rand 40_000 }, times => sub { 1 + int rand 4 } },
	# NULL becomes the empty string: one kind of row less often, another one more.
	empty => { v => sub { 6 + 6 * int rand 13_333 }, times => sub { 1 + int rand there($_[0]) }, differing => 2 },
);

# Values of an insert into action that make so many kinds of rows differ.
sub choose
{
	my ($count) = @_;
	my (%taken, @chosen);
	while ($count > 0)
	{
		my $what = (sort keys %actions)[ int rand 4 ];
		my $action = $actions{$what};
		my $differing = $action->{differing} // 1;
		my $v = $action->{v}->();
		next if $differing > $count || $taken{$v}++;
		push @chosen, "('$what', $v, " . $action->{times}->($v) . ')';
		$count -= $differing;
	}
	return @chosen;
}

sub plant
{
	my (@chosen) = @_;
	# As a comparison shows a row, which is not at all where it is long.
	my $row = 'CASE WHEN octet_length(to_jsonb(r)::text) <= 2048 THEN to_jsonb(r) END';
	my $script = @chosen ? 'INSERT INTO action VALUES ' . join(', ', @chosen) . ';' : '';
	$jobs->ask('TRUNCATE new, action, planted;' . $script . <<"SQL");
INSERT INTO new (v, w, body) SELECT v, w, body FROM old ORDER BY v DESC;
INSERT INTO new (v, w, body)
SELECT v, w, body FROM reading JOIN action a USING (v), generate_series(1, a.times) WHERE what IN ('more', 'other');
CREATE TEMPORARY TABLE place AS
SELECT place, what
  FROM (SELECT n.ctid AS place, a.what, a.times, row_number() OVER (PARTITION BY a.v) AS nth
          FROM new n JOIN action a USING (v)) AS p
 WHERE nth <= times;
DELETE FROM new WHERE ctid IN (SELECT place FROM place WHERE what = 'fewer');
UPDATE new SET w = '' WHERE ctid IN (SELECT place FROM place WHERE what = 'empty');
INSERT INTO planted
SELECT $row, CASE WHEN what IN ('more', 'other') THEN 'extra' ELSE 'missing' END, a.times
  FROM action a CROSS JOIN LATERAL (SELECT v, w, body FROM reading WHERE v = a.v) AS r;
INSERT INTO planted
SELECT $row, 'extra', a.times
  FROM action a CROSS JOIN LATERAL (SELECT v, '' AS w, body FROM reading WHERE v = a.v) AS r WHERE what = 'empty';
SQL
}

for my $count (0, 1, 1000, 12_000)
{
	plant(choose($count));
	is($jobs->ask('SELECT count(*) FROM planted'), $count, "$count: planted");
	my $job = $jobs->ask("SELECT migrate_compare('old', 'new')");
	$jobs->ask("SET client_min_messages = warning; CALL migrate_wait($job)");
	is( $jobs->ask(
			"SELECT verdict, missing, extra, changed, representation_only FROM migrate.comparison WHERE job = $job"),
		$jobs->ask(q{SELECT CASE WHEN count(*) > 0 THEN 'different' ELSE 'equal' END,
			coalesce(sum(times) FILTER (WHERE kind = 'missing'), 0), coalesce(sum(times) FILTER (WHERE kind = 'extra'), 0), 0, 0
			FROM planted}),
		"$count: the numbers");
	is($jobs->ask("SELECT rows_source, rows_target FROM migrate.comparison WHERE job = $job"),
		$jobs->ask('SELECT (SELECT count(*) FROM old), (SELECT count(*) FROM new)'), "$count: all rows were compared");
	my $listed = "SELECT coalesce(source_row, target_row), kind, times FROM migrate.difference
		WHERE job = $job AND key IS NULL AND columns = '{}'";
	is($jobs->ask("SELECT count(*) FROM ($listed) AS l"),
		$count < $most_listed ? $count : $most_listed, "$count: as many are listed");
	is($jobs->ask("($listed EXCEPT ALL TABLE planted) LIMIT 5"), '', "$count: each listed row was planted");
	is($jobs->ask("(TABLE planted EXCEPT ALL $listed) LIMIT 5"), '', "$count: each planted row is listed")
	  if $count <= $most_listed;
}

diag("PG_TEST_SEED=$seed repeats this") unless Test::More->builder->is_passing;
$jobs->node->stop;
done_testing();
