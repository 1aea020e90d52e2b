# The mutation sweep through the job (C9, R18): in a table with a column of every built-in type, and of arrays of it,
# one value changes; migrate_compare names its row and its column, and nothing else. sql/sketch_sweep.sql does the same
# to sketches and checksums, over the same list of types.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('mutation_sweep');
$jobs->ask(<<'SQL');
CREATE SCHEMA sweep;
ALTER DATABASE postgres SET search_path = sweep, public;
ALTER DATABASE postgres SET timezone = 'UTC';
SQL
$jobs->ask(slurp_file('sql/include/every_type.sql'));

# Two tables, the columns of the second in the opposite order. In the rows 10, 20, ... one column each gets its other
# value, in the rows 15, 25, ... one each becomes NULL; the last of them and the rows in between, which hold nothing,
# stay as they are.
$jobs->ask(<<'SQL');
SELECT format('CREATE TABLE old (id bigint PRIMARY KEY, %s)', string_agg(format('%I %s', name, type), ', ' ORDER BY n))
  FROM columns \gexec
SELECT format('CREATE TABLE new (%s, id bigint PRIMARY KEY)',
              string_agg(format('%I %s', name, type), ', ' ORDER BY n DESC))
  FROM columns \gexec
SELECT format('INSERT INTO old (id, %s) SELECT id, %s FROM generate_series(10, 2000, 5) AS id',
              string_agg(quote_ident(name), ', ' ORDER BY n), string_agg(format('%L', a), ', ' ORDER BY n))
  FROM columns \gexec
INSERT INTO old (id) SELECT id FROM generate_series(1, 2000) AS id WHERE id % 5 <> 0 OR id < 10;
SELECT format('INSERT INTO new (id, %1$s) SELECT id, %1$s FROM old', string_agg(quote_ident(name), ', '))
  FROM columns \gexec

-- Whether the type's own equality, by which values are grouped, takes both for one; never, where it has none.
CREATE FUNCTION equal_by_type(type text, a text, b text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    groups int;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM (VALUES (%L::%s), (%L::%2$s)) AS v (v) GROUP BY v) AS g',
                   a, type, b) INTO groups;
    RETURN groups = 1;
EXCEPTION
    WHEN undefined_function THEN
        RETURN false;
END
$$;
CREATE TABLE flip AS
SELECT 10 * n AS id, name, b AS value,
       CASE WHEN equal_by_type(type, a, b) THEN 'representation' ELSE 'changed' END AS kind
  FROM columns
UNION ALL
SELECT 10 * n + 5, name, NULL, 'changed' FROM columns;
SQL
cmp_ok($jobs->ask('SELECT count(*) FROM columns'), '>', 150, 'there are columns of all types');
# What the expectation of the kind rests on.
is( $jobs->ask(
		q{SELECT string_agg(type, ' ' ORDER BY type COLLATE "C") FROM columns JOIN flip USING (name)
		   WHERE kind = 'representation'}),
	'interval interval[] jsonb jsonb[] numeric numeric[] nummultirange nummultirange[] numrange numrange[] real real[]',
	'of these types two values differ in how they are written only');

# What is in flip is found, and nothing else.
my $numbers = q{count(*) FILTER (WHERE kind = 'changed'), count(*) FILTER (WHERE kind = 'representation')};
sub found_exactly
{
	my ($source, $target, $mode, $what) = @_;
	my $job = $jobs->ask("SELECT migrate_compare('$source', '$target', '$mode', '{\"target_batch_ms\": 1}')");
	$jobs->ask("SET client_min_messages = warning; CALL migrate_wait($job)");
	is($jobs->ask("SELECT verdict, missing, extra, changed, representation_only FROM migrate.comparison WHERE job = $job"),
		$jobs->ask("SELECT CASE WHEN count(*) > 0 THEN 'different' ELSE 'equal' END, 0, 0, $numbers FROM flip"),
		"$what: the numbers");
	is($jobs->ask(<<"SQL"), '', "$what: the rows and the columns");
WITH listed AS (SELECT key, kind, columns FROM migrate.difference WHERE job = $job),
     expected AS (SELECT jsonb_build_object('id', id), kind, ARRAY[name] FROM flip)
(SELECT 'not expected', * FROM (TABLE listed EXCEPT ALL TABLE expected) AS l)
UNION ALL
(SELECT 'not found', * FROM (TABLE expected EXCEPT ALL TABLE listed) AS e)
ORDER BY 1, 2 LIMIT 10
SQL
	return $job;
}

# Statements that do what flip says, and that undo it.
my $flip = q{SELECT format('UPDATE new SET %I = %L WHERE id = %s;', name, value, id) FROM flip};
my $put_back =
  q{SELECT format('UPDATE new SET %1$I = old.%1$I FROM old WHERE old.id = new.id AND new.id = %2$s;', name, id)
      FROM flip};

# ---- all of them at once -------------------------------------------------------------------------------------------
# One value of each row: a difference is named with its row and its column, or it is not what was expected.
$jobs->ask('CREATE TABLE held AS TABLE flip; TRUNCATE flip');
found_exactly('old', 'new', 'snapshot', 'nothing has changed');
$jobs->ask('INSERT INTO flip TABLE held');
$jobs->ask($jobs->ask($flip));
found_exactly('old', 'new', 'snapshot', 'all at once');
my $job = found_exactly('old', 'new', 'rolling', 'range by range');
cmp_ok($jobs->job($job, 'batches'), '>', 3, 'in several ranges');
found_exactly('new', 'old', 'snapshot', 'source and target exchanged');

# ---- one at a time -------------------------------------------------------------------------------------------------
# Some of them, others in every run: a comparison of so many columns takes a while.
my $seed = $ENV{PG_TEST_SEED} // time;
note("PG_TEST_SEED=$seed");
$jobs->ask($jobs->ask('TRUNCATE held; INSERT INTO held TABLE flip; ' . $put_back));
for my $id (split /\n/, $jobs->ask("SELECT id FROM held ORDER BY hashint8extended(id, $seed) LIMIT 16"))
{
	$jobs->ask("TRUNCATE flip; INSERT INTO flip SELECT * FROM held WHERE id = $id");
	$jobs->ask($jobs->ask($flip));
	found_exactly('old', 'new', 'snapshot',
		$jobs->ask("SELECT format('%s of %s (%s)', kind, type, id) FROM flip JOIN columns USING (name)"));
	$jobs->ask($jobs->ask($put_back));
}
$jobs->ask('TRUNCATE flip');
found_exactly('old', 'new', 'snapshot', 'all put back');

diag("PG_TEST_SEED=$seed repeats this") unless Test::More->builder->is_passing;
$jobs->node->stop;
done_testing();
