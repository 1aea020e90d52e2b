# The way back (src/link/inverse): what the old columns are filled from after a swap, found or given, and
# what is said where there is none, so that no cutover promises a revert that would lose something.
use strict;
use warnings;
use JobNode;
use Test::More;

my $server = JobNode->new('inverse');
my $number = 0;

# link($old, $new, $options): two tables o and n of these definitions, linked.
sub link_tables
{
	my ($old, $new, $options) = @_;
	$number++;
	$server->ask(<<SQL);
DROP SCHEMA IF EXISTS t CASCADE;
CREATE SCHEMA t;
CREATE TABLE t.o ($old);
CREATE TABLE t.n ($new);
SET client_min_messages = warning;
SELECT migrate_link('t.o', 't.n'@{[$options ? ", $options" : '']});
SQL
}

sub inverse
{
	my ($given) = @_;
	return 'SELECT * FROM migrate.debug_inverse(\'t.o\', \'t.n\''
	  . ($given ? ", '$given'" : '') . ')';
}

# way($name, $expected, [$given]): everything that is found, as psql prints it; filter and given only where
# they say something.
sub way
{
	my ($name, $expected, $given) = @_;
	my $filter = "what = 'filter' AND detail = 'none' OR what = 'given'";
	is($server->ask('SELECT what, name, detail FROM (' . inverse($given) . ") r WHERE NOT ($filter)"),
		join("\n", @$expected), $name);
}

link_tables('id int PRIMARY KEY, a text, b numeric(10,2)', 'id int PRIMARY KEY, a text, b numeric(10,2)');
way('identity',
	[ 'column|id|source.id', 'column|a|source.a', 'column|b|source.b', 'key|{id}|{id}' ]);

link_tables(
	'id int PRIMARY KEY, a text, n int',
	'key bigint PRIMARY KEY, label text, n bigint, region text NOT NULL DEFAULT $$eu$$',
	q(columns => '{"key": "id", "label": "a"}'));
way('renamed columns, a renamed and widened key, a widened integer, an added column',
	[ 'column|id|source.key', 'column|a|source.label', 'column|n|source.n', 'key|{id}|{key}' ]);

link_tables(
	'id int PRIMARY KEY, price numeric',
	'id int PRIMARY KEY, price text');
way('numeric became text: an explicit cast leads back',
	[ 'column|id|source.id', 'column|price|(source.price)::numeric', 'key|{id}|{id}' ]);

link_tables(
	'id int PRIMARY KEY, price numeric(10,2)',
	'id int PRIMARY KEY, price varchar(40)',
	q(columns => '{"price": "price::text::varchar"}'));
way('through two casts; the length is left to the assignment',
	[ 'column|id|source.id', 'column|price|(source.price)::numeric', 'key|{id}|{id}' ]);

$server->ask("CREATE TYPE mood AS ENUM ('fine', 'so so')");
link_tables(
	'id int PRIMARY KEY, m mood NOT NULL',
	'id int PRIMARY KEY, m text NOT NULL');
way('an enum became text; the type is named with its schema',
	[ 'column|id|source.id', 'column|m|(source.m)::public.mood', 'key|{id}|{id}' ]);
is( $server->ask(
		"SET search_path = pg_catalog; " . inverse() . " WHERE what = 'column' AND name = 'm'"),
	'column|m|(source.m)::public.mood', 'the same under any search_path');

link_tables(
	'id mood PRIMARY KEY, a int',
	'id text PRIMARY KEY, a int');
way('an enum as key became text: still one old row a new one',
	[ 'column|id|(source.id)::public.mood', 'column|a|source.a', 'key|{id}|{id}' ]);

# Dropped columns.
my $numbers = 'id int PRIMARY KEY, a int';
link_tables(
	"$numbers, note text, old_flag boolean NOT NULL DEFAULT false, "
	  . 'serial int GENERATED ALWAYS AS IDENTITY', $numbers);
way('dropped: nullable, with a default, identity', [ 'column|id|source.id', 'column|a|source.a', 'key|{id}|{id}' ]);

link_tables("$numbers, old_flag boolean NOT NULL, worse date NOT NULL", $numbers);
way('dropped, NOT NULL, without default: all of them are named',
	[
		'obstacle||column "old_flag" is NOT NULL and has no default',
		'obstacle||column "worse" is NOT NULL and has no default'
	]);
way('... and given',
	[
		'column|id|source.id', 'column|a|source.a', 'column|old_flag|(source.a > 0)',
		q(column|worse|'2026-01-01'::date), 'key|{id}|{id}'
	],
	'{"old_flag": "a > 0", "worse": "DATE \'\'2026-01-01\'\'"}');

$server->ask('CREATE DOMAIN never AS text NOT NULL; CREATE DOMAIN always AS text NOT NULL DEFAULT $$x$$');
link_tables("$numbers, d never, e always", $numbers);
way('a domain that refuses NULL counts as NOT NULL, its own default as one',
	['obstacle||column "d" is NOT NULL and has no default']);

# Expressions.
my $prices = 'id int PRIMARY KEY, price int, first text, last text';
my $totals = 'id int PRIMARY KEY, total int, name text';
my $mapping = q(columns => '{"total": "price * 100", "name": "first || last"}');
link_tables($prices, $totals, $mapping);
way('expressions have no inverse, and every column behind one is named',
	[
		'obstacle||column "total": (source.price * 100) has no inverse that gives column "price"',
		'obstacle||column "name": (source.first || source.last) has no inverse that gives column "first"',
		'obstacle||column "name": (source.first || source.last) has no inverse that gives column "last"'
	]);
way('... unless it is given',
	[
		'column|id|source.id',
		'column|price|(source.total / 100)',
		q(column|first|split_part(source.name, ' '::text, 1)),
		q(column|last|split_part(source.name, ' '::text, 2)),
		'key|{id}|{id}'
	],
	q({"price": "total / 100", "first": "split_part(name, '' '', 1)", "last": "split_part(source.name, '' '', 2)"}));
is( $server->ask(
		inverse('{"price": "total/100", "first": "name", "last": "name"}') . " WHERE what = 'given'"),
	'given||{"last": "name", "first": "name", "price": "total/100"}',
	'what was given is kept as it was given');

link_tables(
	'id int PRIMARY KEY, price int',
	'id int PRIMARY KEY, price int, total int, whole jsonb',
	q(columns => '{"total": "price * 100", "whole": "to_jsonb(source)"}'));
way('an expression beside the bare column is no obstacle',
	[ 'column|id|source.id', 'column|price|source.price', 'key|{id}|{id}' ]);

link_tables(
	'id int PRIMARY KEY, a int, gone int',
	'id int PRIMARY KEY, a int, whole jsonb',
	q(columns => '{"whole": "to_jsonb(source)"}'));
way('a whole row takes every column, the dropped ones too',
	['obstacle||column "whole": to_jsonb(source.*) has no inverse that gives column "gone"']);

link_tables(
	'id int PRIMARY KEY, a int',
	'id int PRIMARY KEY, copy text, a int, b bigint',
	q(columns => '{"copy": "a::text", "b": "a"}'));
way('of several columns the exact one is taken',
	[ 'column|id|source.id', 'column|a|source.a', 'key|{id}|{id}' ]);

link_tables(
	'id int PRIMARY KEY, a bytea',
	'id int PRIMARY KEY, a text',
	q(columns => '{"a": "encode(a, ''hex'')"}'));
way('a function is not a cast',
	[q(obstacle||column "a": encode(source.a, 'hex'::text) has no inverse that gives column "a")]);

# Conversions that lose a part of the value.
for my $case (
	[ 'numeric(10,2)', 'bigint' ], [ 'numeric(10,4)', 'numeric(10,2)' ],
	[ 'timestamp without time zone', 'date' ],
	[ 'double precision', 'real' ],
	[ 'numeric[]', 'integer[]' ])
{
	my ($from, $to) = @$case;
	link_tables("id int PRIMARY KEY, a $from", "id int PRIMARY KEY, a $to");
	way("$from became $to: the cast back would give another value",
		[
			"obstacle||column \"a\": source.a as $to does not keep every $from value of column \"a\","
			  . ' so it has no inverse'
		]);
}
way('... which who wants it can say',
	[ 'column|id|source.id', 'column|a|source.a', 'key|{id}|{id}' ],
	'{"a": "a"}');
link_tables('id int PRIMARY KEY, a text', 'id int PRIMARY KEY, a text', q(columns => '{"a": "a::varchar(3)"}'));
way('an explicit cast truncates',
	[
		'obstacle||column "a": (source.a)::character varying(3) as text does not keep every text value'
		  . ' of column "a", so it has no inverse'
	]);
link_tables('id int PRIMARY KEY, a text, b numeric(10,2), c numeric(10,2)[]',
	'id int PRIMARY KEY, a varchar(3), b numeric(12,2), c numeric(10,2)[]');
way('an assignment raises an error instead; a wider number keeps all',
	[ 'column|id|source.id', 'column|a|source.a', 'column|b|source.b', 'column|c|source.c', 'key|{id}|{id}' ]);

$server->ask(<<'SQL');
CREATE DOMAIN short AS varchar(3);
CREATE DOMAIN cents AS numeric(5,2);
CREATE DOMAIN nibble AS bit(4);
CREATE DOMAIN nibbles AS varbit(4);
SQL
link_tables('id int PRIMARY KEY, a text, b text[], c text[]', 'id int PRIMARY KEY, a short, b varchar(3)[], c short[]');
way('so it does where a domain has the length, and of elements',
	[ 'column|id|source.id', 'column|a|source.a', 'column|b|source.b', 'column|c|source.c', 'key|{id}|{id}' ]);
for my $case (
	[ 'text[]', 'short[]', 'a::short[]' ],
	[ 'text[]', 'character varying(3)[]', 'a::varchar(3)[]' ],
	[ 'numeric[]', 'cents[]', 'a' ],
	[ 'text', 'name', 'a' ],
	[ 'text', '"char"', 'a' ],
	[ 'inet', 'cidr', 'a' ],
	[ 'numeric', 'money', 'a' ])
{
	my ($from, $to, $expression) = @$case;
	link_tables("id int PRIMARY KEY, a $from", "id int PRIMARY KEY, a $to", qq(columns => '{"a": "$expression"}'));
	like(
		$server->ask('SELECT detail FROM (' . inverse() . ") r WHERE what = 'obstacle'"),
		qr/^column "a": .* does not keep every \Q$from\E value of column "a", so it has no inverse$/,
		"$from became $to by $expression: a part of the value may be lost");
}
link_tables(
	'id int PRIMARY KEY, a nibble, b nibbles, c varbit(4), d nibbles[]',
	'id int PRIMARY KEY, a text, b text, c text, d text[]');
way('an explicit cast back is to a type without a length, for it would cut',
	[
		'column|id|source.id', 'column|a|(source.a)::"bit"',
		'column|b|(source.b)::bit varying', 'column|c|(source.c)::bit varying',
		'column|d|(source.d)::bit varying[]', 'key|{id}|{id}'
	]);
for my $bits ('bit(8)', 'nibble', 'bit(1)')
{
	link_tables("id int PRIMARY KEY, a $bits", 'id int PRIMARY KEY, a int', q(columns => '{"a": "a::int"}'));
	way("$bits became a number, of which a cast keeps the last bits only",
		["obstacle||column \"a\": there is no cast from integer back to $bits, for column \"a\""]);
}

# No cast back, and one that is volatile.
$server->ask(<<'SQL');
CREATE TYPE pair AS (a int, b int);
CREATE FUNCTION to_pair(int) RETURNS pair IMMUTABLE LANGUAGE sql AS 'SELECT ROW($1, 0)::public.pair';
CREATE FUNCTION from_pair(pair) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT ($1).a';
CREATE CAST (int AS pair) WITH FUNCTION to_pair(int);
SQL
link_tables('id int PRIMARY KEY, a int', 'id int PRIMARY KEY, a pair', q(columns => '{"a": "a::pair"}'));
my $no_cast = 'obstacle||column "a": there is no cast from public.pair back to integer, for column "a"';
$no_cast =~ s/public\.//;
way('no cast back', [$no_cast]);
$server->ask('CREATE CAST (pair AS int) WITH FUNCTION from_pair(pair)');
way('a volatile cast back', [$no_cast]);
$server->ask('DROP CAST (pair AS int); CREATE CAST (pair AS int) WITH FUNCTION from_pair(pair) AS ASSIGNMENT');
way('a volatile assignment cast back', [$no_cast]);
$server->ask('ALTER FUNCTION from_pair(pair) STABLE');
way('a cast back', [ 'column|id|source.id', 'column|a|source.a', 'key|{id}|{id}' ]);

# Keys.
link_tables('id int PRIMARY KEY, a int', 'id text PRIMARY KEY, a int');
way('a key that became text: 1 and 01 are one old row',
	['obstacle||key (id): different rows of t.n may get the same key in t.o']);
link_tables('id int PRIMARY KEY, at date NOT NULL', 'id int, at date NOT NULL, PRIMARY KEY (id, at)');
way('a key that became wider: two new rows are one old row',
	['obstacle||key (id): different rows of t.n may get the same key in t.o']);
link_tables('id int PRIMARY KEY, a int', 'id int PRIMARY KEY, a int', q(columns => '{"id": "-id"}'));
way('a key through an expression',
	['obstacle||column "id": (- source.id) has no inverse that gives column "id"']);
way('... given, but not known to keep keys apart',
	['obstacle||key (id): different rows of t.n may get the same key in t.o'], '{"id": "-id"}');
link_tables(
	'a int, b int, c int NOT NULL UNIQUE, PRIMARY KEY (a, b)',
	'b bigint, a bigint, c bigint NOT NULL UNIQUE, PRIMARY KEY (b, a)');
way('a key of two columns in another order',
	[ 'column|a|source.a', 'column|b|source.b', 'column|c|source.c', 'key|{a,b}|{b,a}' ]);
link_tables('c int NOT NULL UNIQUE, id int PRIMARY KEY', 'c int PRIMARY KEY, id int NOT NULL UNIQUE',
	q(key => '{c}'));
way('another key than the primary key of the old table',
	[ 'column|c|source.c', 'column|id|source.id', 'key|{c}|{c}' ]);
link_tables('id int PRIMARY KEY, gone int NOT NULL DEFAULT 0 UNIQUE', 'id int PRIMARY KEY');
way('a unique column that is dropped', [ 'column|id|source.id', 'key|{id}|{id}' ]);

# Generated columns, filters, partial links, quoted names.
link_tables(
	'id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED',
	'id int PRIMARY KEY, a int, twice int');
way('a generated column of the old table is computed there',
	[ 'column|id|source.id', 'column|a|source.a', 'key|{id}|{id}' ]);
like(
	$server->error_of(inverse('{"twice": "a"}')),
	qr/ERROR:  428C9: column "twice" of target t\.o is a generated column/,
	'... and cannot be given');
link_tables(
	'id int PRIMARY KEY, a int',
	'id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED');
way('a generated column of the new table leads nowhere',
	[ 'column|id|source.id', 'column|a|source.a', 'key|{id}|{id}' ]);

link_tables('id int PRIMARY KEY, a int', 'id int PRIMARY KEY, a int', q(filter => 'a > 0'));
is($server->ask(inverse() . " WHERE what = 'filter'"), 'filter||none', 'a filter has none: a new row is an old one');

$server->ask(<<'SQL');
DROP TABLE t.n;
CREATE TABLE t.n (id int PRIMARY KEY, a int, b int);
SELECT migrate_unlink('t.o', 't.n') FROM migrate.link WHERE target = 't.n'::regclass;
SELECT migrate_link('t.o', 't.n', owner => false);
SQL
way('a partial link',
	['obstacle||the link from t.o to t.n fills only some columns of rows that another link owns']);

link_tables(
	'"Id" int PRIMARY KEY, "a ""b""" text, "ä" numeric',
	'"select" int PRIMARY KEY, "X y" text, "ä" text',
	q(columns => '{"select": "\"Id\"", "X y": "\"a \"\"b\"\"\""}'));
way('quoted names',
	[
		'column|Id|source."select"', 'column|a "b"|source."X y"', 'column|ä|(source."ä")::numeric',
		'key|{Id}|{select}'
	]);
for my $row (split /\n/, $server->ask(inverse() . " WHERE what = 'column'"))
{
	my $expression = (split /\|/, $row)[2];
	is($server->ask(qq(SELECT count($expression) FROM t.n AS source)), '0', "$expression is SQL");
}

# Mistakes in what is given.
link_tables('id int PRIMARY KEY, a int', 'id int PRIMARY KEY, b int', q(columns => '{"b": "a * 2"}'));
my $direction = qr/CONTEXT:.*mapping of t\.n back to t\.o/s;
my $error = $server->error_of(inverse('{"a": "b / nosuch"}'));
like($error, qr/ERROR:  42703: column "nosuch" does not exist.*LINE 1: b \/ nosuch\s+\^.*QUERY:  b \/ nosuch/s,
	'an unknown column: PostgreSQL\'s own error, with the position');
like($error, qr/column mapping for "a".*mapping of t\.n back to t\.o/s, '... and where it comes from');
like($server->error_of(inverse('{"a": "b +"}')), qr/ERROR:  42601: syntax error at end of input.*$direction/s,
	'a syntax error');
like($server->error_of(inverse('{"a": "random()::int"}')),
	qr/ERROR:  42P17: volatile functions are not allowed.*$direction/s, 'a volatile expression');
like($server->error_of(inverse('{"nosuch": "b"}')),
	qr/ERROR:  42703: column "nosuch" of target t\.o does not exist.*$direction/s, 'an unknown old column');
like($server->error_of(inverse('{"a": "now()"}')),
	qr/ERROR:  42804: column "a" of target t\.o is of type integer but its mapping is of type timestamp/,
	'a wrong type');
like($server->error_of(inverse('{"a": null}')), qr/ERROR:  22004: the column mapping for "a" is null/, 'null');
like($server->error_of(inverse('[1]')), qr/ERROR:  22023: .*reverse_columns/, 'not an object');
is($server->ask(inverse('{"a": "b / 2"}') . " WHERE what = 'column'"),
	"column|id|source.id\ncolumn|a|(source.b / 2)", 'given rightly it is taken');

# What migrate_shadow makes: renames and types followed through its alterations.
$server->ask(<<'SQL');
DROP SCHEMA t CASCADE;
CREATE SCHEMA t;
CREATE TABLE t.o (id int PRIMARY KEY, status text NOT NULL, amount numeric(12,2), gone text);
SELECT migrate_shadow('t.o', 't.n', ARRAY['ALTER COLUMN id TYPE bigint', 'RENAME COLUMN status TO state',
    'ALTER COLUMN amount TYPE text', 'DROP COLUMN gone', 'ADD COLUMN region text NOT NULL DEFAULT ''eu''']);
SQL
way('a shadow with type changes, a rename, a dropped and an added column',
	[
		'column|id|source.id', 'column|status|source.state',
		'column|amount|(source.amount)::numeric', 'key|{id}|{id}'
	]);

done_testing();
