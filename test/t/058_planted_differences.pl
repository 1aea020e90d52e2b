# Differences of every kind, planted at random into big tables, are found exactly: 0, 1, 10, 1,000 and 10,000 of a
# million rows, and more than are listed; under one snapshot and range by range; by an integer key and by a composite
# one. 058_planted_multisets.pl does the same to tables without a key.
#
# What is expected is written down by this test as it plants: for each row its key, kind and columns. PG_TEST_SEED in
# the environment repeats a run's choices; without it every run makes others.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

# As docs/reference.md says: further ones are counted only.
my $most_listed = 10_000;

my $jobs = JobNode->new(
	'planted_differences',
	shared_buffers => '128MB',
	max_wal_size => '1GB',
	log_statement => 'none');
my $seed = $ENV{PG_TEST_SEED} // time;
srand $seed;
note("PG_TEST_SEED=$seed");

# ---- rows ----------------------------------------------------------------------------------------------------------
# A pair of tables holds the rows of the numbers 2, 4, ... up to its last; the odd ones and those beyond are free for
# rows that only one side has. Everything in a row follows from its number. Two columns are long enough to be TOASTed:
# body, which the source stores as it is, and packed, which is compressed; one row in 400 has the one, one the other.
# The target compresses body, too, and is none the worse for it. A body or two of the smaller pair are of 5 MB, more
# than is read of a value at once.
$jobs->ask(<<'SQL');
CREATE FUNCTION noise() RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql AS
    $$ SELECT string_agg(md5(g::text), '') FROM generate_series(1, 100) AS g $$;
CREATE TABLE made (n bigint, customer int, code text, note text, amount numeric, body text, packed text);
ALTER TABLE made ALTER body SET STORAGE EXTERNAL;
CREATE PROCEDURE make(last bigint, huge int) LANGUAGE sql AS $$
    TRUNCATE made;
    INSERT INTO made
    SELECT n, n % 1000, 'c' || n, CASE n / 2 % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'n' || n END, n % 700 + 0.50,
           CASE WHEN n % 800 = 0 THEN n || CASE WHEN n % 48000 = 0 THEN repeat(x.noise, huge) ELSE x.noise END END,
           CASE WHEN n % 800 = 400 THEN n || x.noise || x.noise END
      FROM generate_series(2, last, 2) AS n, (SELECT noise() OFFSET 0) AS x (noise)
$$;
SQL

my @columns = qw(customer code note amount body packed);
my $columns = join ', ', @columns;
# How a pair's key is made of a number; `key` is what a comparison calls it.
my %pairs = (
	orders => {
		last => 2_000_000,
		huge => 1,
		below => '-9223372036854775808',
		above => '9223372036854775807',
		definition => [ 'id int', 'id bigint' ],
		key => 'id',
		values => '%1$s.n',
		object => q{jsonb_build_object('id', %1$s.n)},
	},
	# Not in the order of the numbers; beyond both ends of them the part says so.
	parts => {
		last => 100_000,
		huge => 1600,
		below => -1_000_000,
		above => 1_000_000,
		definition => [ 'part text, id uuid', 'id uuid, part text' ],
		key => 'part, id',
		values => q{part_of(%1$s.n), md5(%1$s.n::text)::uuid},
		object => q{jsonb_build_object('part', part_of(%1$s.n), 'id', md5(%1$s.n::text)::uuid)},
	},
);
$jobs->ask(<<'SQL');
CREATE FUNCTION part_of(n bigint) RETURNS text IMMUTABLE LANGUAGE sql AS
    $$ SELECT CASE WHEN n < 1 THEN '' WHEN n > 100000 THEN '~' ELSE 'p' || n % 7 END $$;
SQL

sub values_of { my ($pair, $alias) = @_; return sprintf $pair->{values}, $alias }
sub key_of { my ($pair, $alias) = @_; return join ', ', map { "$alias.$_" } split /, /, $pair->{key} }

sub make_pair
{
	my ($name) = @_;
	my $pair = $pairs{$name};
	my $payload = 'customer int, code text, note text, amount numeric, body text, packed text';
	my $key = $pair->{key};
	my $values = values_of($pair, 'm');
	$jobs->ask(<<"SQL");
CREATE TABLE $name ($pair->{definition}[0], $payload);
CREATE TABLE ${name}_new
    (packed text, amount numeric, note text, $pair->{definition}[1], code text, body text, customer int);
ALTER TABLE $name ALTER body SET STORAGE EXTERNAL;
CALL make($pair->{last}, $pair->{huge});
INSERT INTO $name ($key, $columns) SELECT $values, $columns FROM made m;
INSERT INTO ${name}_new ($key, $columns) SELECT $key, $columns FROM $name;
ALTER TABLE $name ADD PRIMARY KEY ($key);
ALTER TABLE ${name}_new ADD PRIMARY KEY ($key);
VACUUM ANALYZE $name, ${name}_new;
SQL
	is($jobs->ask(<<"SQL"), 't|t|t', "$name: values are stored out of line, plain and compressed");
SELECT bool_and(pg_column_compression(body) IS NULL AND octet_length(body) > 3000)
           FILTER (WHERE body IS NOT NULL),
       bool_and(pg_column_compression(packed) IS NOT NULL AND pg_column_size(packed) > 3000)
           FILTER (WHERE packed IS NOT NULL),
       (SELECT pg_relation_size(reltoastrelid) > 100 * 3000 FROM pg_class WHERE oid = '$name'::regclass)
  FROM $name
SQL
}

# ---- what is planted -----------------------------------------------------------------------------------------------
# Changes of one row t of the target: of the rows whose number leaves such a rest by such a divisor (all, if none is
# given); what changes; which columns are to be named.
my %changes = (
	changed_number => { set => 'customer = t.customer + 1', columns => ['customer'] },
	changed_letter => { set => 'code = upper(t.code)', columns => ['code'] },
	null_to_empty => { fits => [ 6, 0 ], set => "note = ''", columns => ['note'] },
	null_to_word => { fits => [ 6, 0 ], set => "note = 'NULL'", columns => ['note'] },
	empty_to_null => { fits => [ 6, 2 ], set => 'note = NULL', columns => ['note'] },
	empty_to_blank => { fits => [ 6, 2 ], set => "note = ' '", columns => ['note'] },
	exchanged_columns => { set => 'code = t.note, note = t.code', columns => [ 'code', 'note' ] },
	moved_border => {
		fits => [ 6, 4 ],
		set => 'code = left(t.code, -1), note = right(t.code, 1) || t.note',
		columns => [ 'code', 'note' ]
	},
	another_scale => { set => 'amount = t.amount * 1.0', columns => ['amount'], kind => 'representation' },
	scale_and_value => { set => 'amount = t.amount * 1.0, customer = NULL', columns => [ 'amount', 'customer' ] },
	letter_in_body => { fits => [ 800, 0 ], set => "body = overlay(t.body PLACING 'X' FROM 1700)", columns => ['body'] },
	end_of_body => { fits => [ 800, 0 ], set => "body = t.body || ' '", columns => ['body'] },
	body_to_null => { fits => [ 800, 0 ], set => 'body = NULL', columns => ['body'] },
	body_to_packed => { fits => [ 800, 0 ], set => 'body = NULL, packed = t.body', columns => [ 'body', 'packed' ] },
	letter_in_packed =>
	  { fits => [ 800, 400 ], set => "packed = overlay(t.packed PLACING 'X' FROM 5000)", columns => ['packed'] },
);
# Two rows exchange all but their keys: any two, two with the one long column, two with the other.
my @exchanges = ([ 2, 0 ], [ 800, 0 ], [ 800, 400 ]);

sub pick { return $_[ int rand @_ ] }

# choose($pair, $count, $beyond, $only): what is to happen to which rows, [what, number, other number], each number
# once; all of the kind $only, where it is given, else of every kind where there is room for it. Beyond the first key
# and the last there are rows of $beyond, source or target, alone; with 'both' of the target below and of the source
# above; with '' of none.
sub choose
{
	my ($pair, $count, $beyond, $only) = @_;
	my (%taken, @plan);
	my $last = $pair->{last};
	my $number = sub {
		my ($divisor, $rest) = @_;
		# A class that is nearly used up is left.
		for (1 .. 20)
		{
			my $n = $divisor * int(rand($last / $divisor)) + $rest;
			return $n if $n >= 20 && $n <= $last - 20 && !$taken{$n}++;
		}
		return;
	};
	if ($beyond)
	{
		my $ends = $count < 100 ? 1 : 9;
		push @plan, $beyond eq 'source' ? map { [ 'missing', 2 * $_ ] } 1 .. $ends
		  : map { [ 'extra', $_ ] } $pair->{below}, map { -$_ } 0 .. $ends - 2;
		push @plan, $beyond eq 'target' ? map { [ 'extra', $_ ] } $pair->{above}, map { $last + $_ } 1 .. $ends - 1
		  : map { [ 'missing', $last - 2 * $_ ] } 0 .. $ends - 1;
	}
	my @names = ((sort keys %changes), ('missing', 'extra', 'exchanged') x 3);
	my @all = @names;
	while (@plan < $count)
	{
		my $what = $only // ($count < @names ? pick(@names) : shift @all // pick(@names));
		my $fits =
		    $what eq 'missing' ? [ 2, 0 ]
		  : $what eq 'extra' ? [ 2, 1 ]
		  : $what eq 'exchanged' ? pick(@exchanges)
		  : $changes{$what}{fits} // [ 2, 0 ];
		if ($what ne 'exchanged')
		{
			my $n = $number->(@$fits) // next;
			push @plan, [ $what, $n, 0 ];
		}
		elsif (@plan + 2 <= $count)
		{
			my $one = $number->(@$fits) // next;
			my $other = $number->(@$fits) // next;
			push @plan, [ $what, $one, $other ], [ $what, $other, $one ];
		}
	}
	return @plan;
}

$jobs->ask(<<'SQL');
CREATE TABLE action (what text, n bigint, other bigint);
CREATE TABLE planted (key jsonb, kind text, columns text[]);
SQL

# Plants differences into NAME_new and writes them down in `planted`.
sub plant
{
	my ($name, @plan) = @_;
	my $pair = $pairs{$name};
	my $target = "${name}_new AS t";
	my $at = '(' . key_of($pair, 't') . ') = (' . values_of($pair, 'a') . ')';
	my $done = sprintf $pair->{object}, 'd';
	my $rows = join ', ', map { "('$_->[0]', $_->[1], " . ($_->[2] // 0) . ')' } @plan;
	my $script = 'TRUNCATE action, planted;' . ($rows && "INSERT INTO action VALUES $rows;") . <<"SQL";
ANALYZE action;
WITH d AS (DELETE FROM $target USING action a WHERE a.what = 'missing' AND $at RETURNING a.n)
INSERT INTO planted SELECT $done, 'missing', '{}' FROM d;
WITH d AS (INSERT INTO $target ($pair->{key}, customer, code)
           SELECT @{[ values_of($pair, 'a') ]}, 1, 'extra' FROM action a WHERE a.what = 'extra' RETURNING *)
INSERT INTO planted SELECT $done, 'extra', '{}' FROM action d WHERE what = 'extra';
SQL
	for my $what (sort keys %changes)
	{
		my $change = $changes{$what};
		my $kind = $change->{kind} // 'changed';
		$script .= <<"SQL";
WITH d AS (UPDATE $target SET $change->{set} FROM action a WHERE a.what = '$what' AND $at RETURNING a.n)
INSERT INTO planted SELECT $done, '$kind', '{@{[ join ',', @{ $change->{columns} } ]}}' FROM d;
SQL
	}
	# Named are those in which the two rows were not the same.
	my $named = join ', ', map { "CASE WHEN o.$_ IS DISTINCT FROM s.$_ THEN '$_' END" } @columns;
	$script .= <<"SQL";
WITH d AS (UPDATE $target SET ($columns) = (@{[ join ', ', map { "o.$_" } @columns ]})
             FROM action a, $name AS s, $name AS o
            WHERE a.what = 'exchanged' AND $at AND (@{[ key_of($pair, 's') ]}) = (@{[ values_of($pair, 'a') ]})
              AND (@{[ key_of($pair, 'o') ]}) = (@{[ values_of($pair, 'a') =~ s/a\.n\b/a.other/gr ]})
           RETURNING a.n, array_remove(ARRAY[$named], NULL) AS columns)
INSERT INTO planted SELECT $done, 'changed', d.columns FROM d;
SQL
	$jobs->ask($script);
	return is($jobs->ask('SELECT count(*) FROM planted'), scalar @plan, "$name: planted " . @plan);
}

# Makes the target's rows again what they were.
sub restore
{
	my ($name) = @_;
	my $pair = $pairs{$name};
	my $values = values_of($pair, 'a');
	$jobs->ask(<<"SQL");
DELETE FROM ${name}_new AS t USING action a WHERE (@{[ key_of($pair, 't') ]}) = ($values);
INSERT INTO ${name}_new ($pair->{key}, $columns)
SELECT @{[ key_of($pair, 's') ]}, $columns FROM $name AS s JOIN action a ON (@{[ key_of($pair, 's') ]}) = ($values);
SQL
}

# ---- what is found -------------------------------------------------------------------------------------------------
sub compare
{
	my ($source, $target, $mode) = @_;
	my $job = $jobs->ask("SELECT migrate_compare('$source', '$target', '$mode')");
	$jobs->ask("SET client_min_messages = warning; CALL migrate_wait($job)");
	return $job;
}

sub numbers_of
{
	my ($job) = @_;
	return $jobs->ask(
		"SELECT verdict, missing, extra, changed, representation_only FROM migrate.comparison WHERE job = $job");
}

# The list is what `planted` says; where there is more than is listed, a part of it.
sub listed_is_planted
{
	my ($job, $what) = @_;
	my $planted = $jobs->ask('SELECT count(*) FROM planted');
	my $expected = $planted < $most_listed ? $planted : $most_listed;
	my $row = 'SELECT key, kind, ARRAY(SELECT c FROM unnest(columns) AS c ORDER BY c COLLATE "C") FROM';
	my ($listed, $all) = ("$row migrate.difference WHERE job = $job", "$row planted");
	is($jobs->ask("SELECT count(*) FROM ($listed) AS l"), $expected, "$what: as many are listed");
	is($jobs->ask("($listed EXCEPT ALL $all) LIMIT 5"), '', "$what: each listed row was planted");
	is($jobs->ask("($all EXCEPT ALL $listed) LIMIT 5"), '', "$what: each planted row is listed")
	  if $planted <= $most_listed;
}

sub found_exactly
{
	my ($source, $target, $mode, $what) = @_;
	my $job = compare($source, $target, $mode);
	is( numbers_of($job),
		$jobs->ask("SELECT CASE WHEN count(*) > 0 THEN 'different' ELSE 'equal' END, " . join(', ',
				map { "count(*) FILTER (WHERE kind = '$_')" } qw(missing extra changed representation)) . ' FROM planted'),
		"$what: the numbers");
	listed_is_planted($job, $what);
	return $job;
}

# Whether the sketches of a comparison, made once more with its seed, name every key that differs. Where they do not,
# the comparison has found the rows by the classes of their keys.
sub named_by_sketch
{
	my ($name, $job) = @_;
	my $pair = $pairs{$name};
	my $keys = split /, /, $pair->{key};
	my $sketch = "SELECT migrate_sketch(seed, $keys, $pair->{key}, $columns) FROM";
	return $jobs->ask(<<"SQL");
SELECT (SELECT complete FROM migrate_sketch_diff(($sketch $name), ($sketch ${name}_new)))
  FROM migrate.comparison_result WHERE job = $job
SQL
}

# ---- a million rows, by an integer key -----------------------------------------------------------------------------
make_pair('orders');
for ([ 0, '' ], [ 1, '' ], [ 10, 'both' ], [ 1000, 'source' ], [ 10_000, 'target' ], [ 12_000, 'both' ])
{
	my ($count, $beyond) = @$_;
	plant('orders', choose($pairs{orders}, $count, $beyond));
	my $job = found_exactly('orders', 'orders_new', 'snapshot', "$count of a million");
	is(named_by_sketch('orders', $job), 't', 'the sketch names them') if $count == 1000;
	is(named_by_sketch('orders', $job), 'f', 'the sketch cannot name so many') if $count > 10_500;
	is($jobs->ask("SELECT reason FROM migrate.comparison WHERE job = $job"), '', 'few of a million') if $count > 10_500;
	$job = found_exactly('orders', 'orders_new', 'rolling', "$count of a million, range by range");
	cmp_ok($jobs->job($job, 'batches'), '>', 3, 'in several ranges');
	restore('orders');
}
$jobs->ask('DROP TABLE orders, orders_new');

# ---- by a key of two columns, known by a hash ----------------------------------------------------------------------
make_pair('parts');
# Each kind alone.
for my $what ('missing', 'extra', 'exchanged', sort keys %changes)
{
	plant('parts', choose($pairs{parts}, $what eq 'exchanged' ? 2 : 1, '', $what));
	found_exactly('parts', 'parts_new', 'snapshot', "$what alone");
	restore('parts');
}

plant('parts', choose($pairs{parts}, 12_000, 'target'));
my $job = found_exactly('parts', 'parts_new', 'snapshot', '12,000 of 50,000');
is(named_by_sketch('parts', $job), 'f', 'the sketch cannot name so many');
like($jobs->ask("SELECT reason FROM migrate.comparison WHERE job = $job"),
	qr/^more than a tenth of the rows differ/, 'and who is to mend it hears that there is a better way');
found_exactly('parts', 'parts_new', 'rolling', '12,000 of 50,000, range by range');
restore('parts');

plant('parts', choose($pairs{parts}, 1000, 'both'));
$job = found_exactly('parts', 'parts_new', 'snapshot', '1,000 of 50,000');
is(named_by_sketch('parts', $job), 't', 'the sketch names them');
# The rows themselves, as text: jsonb takes 1.0 and 1.00 for the same.
my $shown = q{CASE WHEN octet_length(to_jsonb(%1$s)::text) <= 2048 THEN to_jsonb(%1$s)::text END};
my ($of_source, $of_target) = map { sprintf $shown, $_ } qw(s t);
is($jobs->ask(<<"SQL"), '0', 'with what both sides have of each row');
SELECT count(*) FROM migrate.difference d
  LEFT JOIN parts s ON (s.part, s.id) = (d.key ->> 'part', (d.key ->> 'id')::uuid)
  LEFT JOIN parts_new t ON (t.part, t.id) = (d.key ->> 'part', (d.key ->> 'id')::uuid)
 WHERE (d.source_row::text, d.target_row::text) IS DISTINCT FROM ($of_source, $of_target) AND d.job = $job
SQL
cmp_ok(
	$jobs->ask("SELECT count(source_row || target_row) FROM migrate.difference WHERE job = $job"),
	'>', 400, 'where they are not too long');
found_exactly('parts', 'parts_new', 'rolling', '1,000 of 50,000, range by range');
my $exchanged = q{UPDATE planted SET kind = CASE kind WHEN 'missing' THEN 'extra' ELSE 'missing' END
	WHERE kind IN ('missing', 'extra')};
$jobs->ask($exchanged);
found_exactly('parts_new', 'parts', 'snapshot', 'source and target exchanged');
found_exactly('parts_new', 'parts', 'rolling', 'source and target exchanged, range by range');
$jobs->ask($exchanged);

# A link says which side is right.
$jobs->ask(q{SELECT migrate_link('parts', 'parts_new')});
$job = found_exactly('parts', 'parts_new', 'snapshot', 'linked');
my $repair = $jobs->ask("SELECT migrate_repair($job, dry_run => false)");
$jobs->until_state($repair, 'succeeded');
is( $jobs->ask(
		"SELECT count(*), count(*) FILTER (WHERE action = 'write'), count(*) FILTER (WHERE action = 'delete')
		   FROM migrate.repair WHERE job = $repair AND NOT dry_run"),
	$jobs->ask(
		"SELECT count(*), count(*) FILTER (WHERE kind <> 'extra'), count(*) FILTER (WHERE kind = 'extra') FROM planted"),
	'each row is repaired, as its kind wants it');
$jobs->ask('TRUNCATE planted');
found_exactly('parts', 'parts_new', 'snapshot', 'after the repair');

diag("PG_TEST_SEED=$seed repeats this") unless Test::More->builder->is_passing;
$jobs->node->stop;
done_testing();
