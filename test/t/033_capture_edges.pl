# Dual-write at its edges: TRUNCATE beside an index build on the mirror, TRUNCATE under each policy about rejected
# rows, cache entries that are used or become stale while they are made, and rows that come into the target while
# migrate_sync waits for its locks (P1, P2, P5; R07, R29, R43).
use strict;
use warnings;
use lib 'test/t';
use JobNode;
use Test::More;

my $server = JobNode->new('main', shared_preload_libraries => 'pg_cutover', autovacuum => 'off');

sub session { return $server->node->background_psql('postgres', on_error_stop => 0) }

# What a session's statement said on standard error; empty where it worked.
sub error_in
{
	my ($session, $sql) = @_;
	$session->{stderr} = '';
	$session->query($sql);
	return $session->{stderr};
}

# Starts a statement and leaves it running.
sub begin
{
	my ($session, $sql) = @_;
	$session->{stderr} = '';
	$session->query_until(qr/begun/, "\\echo begun\n$sql;\n");
	return;
}

# The error of a statement that was begun, once it has ended.
sub end { return error_in($_[0], 'SELECT') }

sub waits
{
	my ($statement, $what) = @_;
	return $server->until_true(
		"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '$statement%')",
		$what);
}

# Waits until a job has ended, however it did; whether it ended so.
sub ends
{
	my ($job, $state, $what) = @_;
	$server->until_true("SELECT state NOT IN ('queued', 'running') FROM migrate.progress WHERE job = $job",
		"$what: it ends");
	return is($server->job($job, 'state'), $state, $what);
}

# ---- TRUNCATE while an index is built on the mirror: the build waits for the very transaction ----------------------
$server->ask(<<'SQL');
CREATE TABLE s (id int PRIMARY KEY, v text);
CREATE TABLE t (id int PRIMARY KEY, v text);
CREATE TABLE ps (id int PRIMARY KEY, v text);
CREATE TABLE pt (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE pt1 PARTITION OF pt FOR VALUES FROM (0) TO (100);
CREATE TABLE pt2 PARTITION OF pt DEFAULT;
SELECT migrate_link('s', 't'), migrate_link('ps', 'pt');
SELECT migrate_sync('s', 't'), migrate_sync('ps', 'pt');
INSERT INTO s SELECT n, 'v' FROM generate_series(1, 200) n;
INSERT INTO ps SELECT n, 'v' FROM generate_series(1, 200) n;
SQL
for my $case ([ 's', 't', 't' ], [ 'ps', 'pt', 'pt2' ])
{
	my ($source, $target, $built) = @$case;
	my ($writer, $builder) = (session(), session());
	$writer->query_safe("BEGIN; INSERT INTO $source VALUES (201, 'in the transaction')");
	begin($builder, "CREATE INDEX CONCURRENTLY ${built}_v ON $built (v)");
	waits('CREATE INDEX CONCURRENTLY', "$built: the index build waits for the writer");
	# Neither is to be sacrificed: without a deadlock both come to their end.
	is(error_in($writer, "TRUNCATE $source"), '', "$built: the writer truncates the source");
	is(error_in($writer, "INSERT INTO $source VALUES (7, 'after')"), '', "$built: and goes on");
	is(error_in($writer, 'COMMIT'), '', "$built: and commits");
	is(end($builder), '', "$built: the build ends");
	is($server->ask("SELECT indisvalid FROM pg_index WHERE indexrelid = '${built}_v'::regclass"), 't',
		"$built: its index is valid");
	is($server->ask("SELECT * FROM $target"), '7|after', "$built: the mirror holds what the source does");
	$_->quit for $writer, $builder;
}

# A source that came while TRUNCATE was on its way keeps its rows, though this session has cached that there is none.
$server->ask(<<'SQL');
CREATE TABLE a (id int PRIMARY KEY);
CREATE TABLE b (id int PRIMARY KEY);
CREATE TABLE merged (origin text, id int, PRIMARY KEY (origin, id));
SELECT migrate_link('a', 'merged', '{"origin": "''a''::text"}');
SELECT migrate_sync('a', 'merged');
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_lock(1);
    RETURN NULL;
END $$;
CREATE TRIGGER linger BEFORE TRUNCATE ON a EXECUTE FUNCTION linger();
SQL
{
	my ($gate, $writer) = (session(), session());
	# With all plans made and its locks held the writer hears of nothing while the first of the triggers waits.
	$writer->query_safe('TRUNCATE a; SELECT pg_advisory_unlock(1)');
	$gate->query_safe('SELECT pg_advisory_lock(1)');
	$writer->query_safe('BEGIN; INSERT INTO a VALUES (1)');
	begin($writer, 'TRUNCATE a');
	waits('TRUNCATE a', 'TRUNCATE is before its turn to be mirrored');
	$server->ask(q{SELECT migrate_link('b', 'merged', '{"origin": "''b''::text"}')});
	$server->ask("SELECT migrate_sync('b', 'merged'); INSERT INTO b VALUES (1)");
	$gate->query_safe('SELECT pg_advisory_unlock(1)');
	is(end($writer), '', 'it goes on');
	$writer->query_safe('COMMIT');
	is($server->ask('SELECT origin, id FROM merged'), 'b|1', 'the rows of the source that came meanwhile are there');
	$_->quit for $gate, $writer;
}

# Triggers of the mirror's owner do not run for our writes, TRUNCATE included.
$server->ask(<<'SQL');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not for you'; END $$;
CREATE TRIGGER refuse BEFORE TRUNCATE ON t EXECUTE FUNCTION refuse();
SQL
is(error_in(my $plain = session(), 'TRUNCATE s'), '', 'a TRUNCATE trigger of the mirror is in nobody\'s way');
is($server->ask('SELECT count(*) FROM t'), '0', 'and its rows are gone');
$plain->quit;

# Nor is a mirror cut off under a cursor of the same session, which is to see what it saw when it was opened.
$server->ask("DROP TRIGGER refuse ON t; INSERT INTO s SELECT n, 'v' FROM generate_series(1, 2000) n");
{
	my $reader = session();
	$reader->query_safe('BEGIN; DECLARE c CURSOR FOR SELECT id FROM t; FETCH 1 FROM c');
	is(error_in($reader, 'TRUNCATE s'), '', 'a cursor on the mirror is in nobody\'s way');
	is($reader->query_safe('MOVE ALL FROM c; SELECT count(*) FROM t'), '0', 'the mirror is empty');
	is(error_in($reader, 'MOVE ABSOLUTE 0 FROM c'), '', 'the cursor is still there');
	is(scalar(split /\n/, $reader->query('FETCH ALL FROM c')), 2000, 'and sees what was there when it was opened');
	is(error_in($reader, 'COMMIT'), '', 'and is closed');
	$reader->quit;
}

# ---- R07, R29: TRUNCATE of a source under each policy ---------------------------------------------------------------
# Which rows are mirrored is up to a filter, so that each is read once more; it cannot be evaluated for some.
$server->ask(<<'SQL');
CREATE TABLE poison (n int, sqlstate text);
CREATE FUNCTION fits(number int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE found_state text := (SELECT p.sqlstate FROM public.poison p WHERE p.n = number);
BEGIN
    IF found_state IS NOT NULL THEN RAISE EXCEPTION USING ERRCODE = found_state, MESSAGE = 'poisoned'; END IF;
    RETURN number < 100;
END $$;
SQL
sub make_filtered
{
	my ($name, $policy, $number) = @_;
	$server->ask(<<"SQL");
CREATE TABLE $name (id int PRIMARY KEY, n int);
CREATE TABLE ${name}_m (id int PRIMARY KEY, n smallint);
SELECT migrate_link('$name', '${name}_m', filter => 'fits(n)');
SELECT migrate_sync('$name', '${name}_m', on_reject => '$policy');
INSERT INTO $name VALUES (1, $number), (2, $number + 1), (100, 100);
SQL
	my $job = $server->ask("SELECT migrate_backfill('$name', '${name}_m')");
	ends($job, 'succeeded', "$policy: copied");
	return;
}
# From now on a row with this number cannot be looked at.
sub poison { return $server->ask("INSERT INTO poison VALUES ($_[0], '$_[1]')") }
sub noted
{
	my ($name) = @_;
	return $server->ask(
		"SELECT string_agg(r.key::text || ' ' || r.sqlstate, ', ' ORDER BY r.id) FROM migrate.rejected_row r "
		  . "JOIN migrate.link l ON l.id = r.link WHERE l.source = '$name'::regclass");
}
sub ids { return $server->ask("SELECT string_agg(id::text, ',' ORDER BY id) FROM $_[0]") }

make_filtered('f', 'fail', 10);
$server->ask('TRUNCATE f');
is(ids('f_m') . ids('f'), '', 'fail: what is mirrored goes with the source');
$server->ask('INSERT INTO f VALUES (1, 10), (2, 11)');
poison(11, '22012');
like($server->error_of('TRUNCATE f'), qr/ERROR:  22012/, 'fail: TRUNCATE fails on a row that cannot be looked at');
is(ids('f') . ' ' . ids('f_m') . ' ' . noted('f'), '1,2 1,2 ', 'fail: and changes nothing, notes nothing');

make_filtered('u', 'suspend', 20);
$server->ask('INSERT INTO u VALUES (4, 24); TRUNCATE u; INSERT INTO u VALUES (5, 25)');
is(ids('u_m'), '5', 'suspend: what is mirrored goes with the source');
poison(25, '22012');
$server->ask('TRUNCATE u');
is(ids('u') . ' ' . noted('u'), ' {} 22012', 'suspend: TRUNCATE succeeds, and it is noted that the mirror was left');
$server->ask('INSERT INTO u VALUES (6, 26); TRUNCATE u; INSERT INTO u VALUES (7, 27)');
is(ids('u_m'), '5', 'suspend: nothing is mirrored since, not even another TRUNCATE');
is($server->ask("SELECT state FROM migrate.link_status WHERE source = 'u'::regclass"), 'broken', 'suspend: it says so');
like($server->error_of("SELECT migrate_cutover('u', 'u_m', reverse_sync => false)"),
	qr/55000.*not ready to take the place/s, 'suspend: and the mirror is not swapped in');

make_filtered('r', 'record', 30);
poison(31, '22012');
poison(33, '22012');
$server->ask('INSERT INTO r VALUES (3, 33)');
is(noted('r'), '{3} 22012', 'record: a row that does not fit is noted');
$server->ask('TRUNCATE r; INSERT INTO r VALUES (8, 38)');
is(ids('r_m'), '1,2,8', 'record: TRUNCATE succeeds though the mirror keeps its rows; what comes later is mirrored');
is(noted('r'), '{3} 22012, {} 22012', 'record: the mirror that was left is noted beside the row');
my $swap = $server->ask("SELECT migrate_cutover('r', 'r_m', reverse_sync => false, verify => false)");
ends($swap, 'failed', 'record: a mirror with rows that are long gone is not swapped in');
like($server->job($swap, 'error'), qr/1 row does not fit into public\.r_m/, 'record: for that reason');

make_filtered('z', 'record', 40);
poison(41, '40001');
like($server->error_of('TRUNCATE z'), qr/ERROR:  40001/, 'record: what is no rejection fails the statement');
is(ids('z') . ' ' . ids('z_m') . ' ' . noted('z'), '1,2,100 1,2 ', 'record: and it is as if it had not been');

# Rows that were rejected and have gone with all others are nobody's business any more.
$server->ask(<<'SQL');
CREATE TABLE g (id int PRIMARY KEY, v text);
CREATE TABLE g_m (id int PRIMARY KEY, v text, CHECK (v <> 'bad'));
SELECT migrate_link('g', 'g_m');
SELECT migrate_sync('g', 'g_m', on_reject => 'record');
SQL
ends($server->ask("SELECT migrate_backfill('g', 'g_m')"), 'succeeded', 'g is copied');
$server->ask("INSERT INTO g VALUES (1, 'good'), (2, 'bad'); TRUNCATE g; INSERT INTO g VALUES (3, 'good')");
is(ids('g_m') . ' ' . noted('g'), '3 {2} 23514', 'record: TRUNCATE goes through to a mirror that rejected a row');
ends($server->ask("SELECT migrate_cutover('g', 'g_m', reverse_sync => false)"), 'succeeded',
	'record: and it is swapped in');

# A filter may fail where the mapping itself cannot: no statement fails for it either.
for my $policy (qw(suspend record))
{
	$server->ask(<<"SQL");
CREATE TABLE d_$policy (id int PRIMARY KEY, n int);
CREATE TABLE d_${policy}_m (id int PRIMARY KEY, n int);
SELECT migrate_link('d_$policy', 'd_${policy}_m', filter => '10 / n > 0');
SELECT migrate_sync('d_$policy', 'd_${policy}_m', on_reject => '$policy');
SQL
	is(error_in(my $app = session(), "INSERT INTO d_$policy VALUES (1, 0)"), '', "$policy: a filter fails, the write does not");
	is(noted("d_$policy"), '{1} 22012', "$policy: and it is noted");
	$app->quit;
}

# ---- Cache entries while they are made ------------------------------------------------------------------------------
# A default that claims to be immutable is computed while an entry is made, and writes to another source of ours.
$server->ask(<<'SQL');
CREATE SEQUENCE nested_id;
CREATE TABLE nested (id int PRIMARY KEY, v text);
CREATE TABLE nested_m (id bigint PRIMARY KEY, v text);
SELECT migrate_link('nested', 'nested_m');
SELECT migrate_sync('nested', 'nested_m');
CREATE FUNCTION write_nested() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN INSERT INTO public.nested VALUES (nextval('public.nested_id'), 'n'); RETURN 'computed'; END $$;
CREATE FUNCTION claims() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.write_nested(); END $$;
CREATE TABLE outer_s (id int PRIMARY KEY, v text);
CREATE TABLE outer_m (id int PRIMARY KEY, v text, w text DEFAULT claims());
SELECT migrate_link('outer_s', 'outer_m');
SELECT migrate_sync('outer_s', 'outer_m');
SQL
{
	my $log = -s $server->node->logfile;
	my $session = session();
	is(error_in($session, "INSERT INTO outer_s SELECT n, 'o' FROM generate_series(1, 50) n"), '',
		'an entry is made while another one is');
	is(error_in($session, "INSERT INTO nested VALUES (0, 'n'); UPDATE outer_s SET v = 'p' WHERE id > 25; "
			  . 'DELETE FROM outer_s WHERE id = 50'), '', 'both are used afterwards');
	my $lines = PostgreSQL::Test::Utils::slurp_file($server->node->logfile, $log);
	unlike($lines, qr/terminated by signal|server closed/, 'no process crashed');
	is($server->ask("SELECT count(*) FILTER (WHERE v = 'o'), count(*) FILTER (WHERE v = 'p'), min(w), max(w) "
			  . 'FROM outer_m'),
		'25|24|computed|computed', 'each row came into its own mirror');
	is($server->ask('SELECT count(*) FROM ((SELECT id::bigint, v FROM nested EXCEPT ALL TABLE nested_m) UNION ALL '
			  . '(TABLE nested_m EXCEPT ALL SELECT id::bigint, v FROM nested)) d'), '0',
		'and so did those of the inner one');
	cmp_ok($server->ask('SELECT count(*) FROM nested'), '>', 1, 'which there were');
	$session->quit;
}

# What changes while an entry is made is noticed although it is not yet in use.
$server->ask(<<'SQL');
CREATE FUNCTION shape(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 || ' by the old one' $$;
CREATE FUNCTION wait_and_look() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_lock(2);
    PERFORM pg_advisory_unlock(2);
    PERFORM count(*) FROM public.nested;
    RETURN 'x';
END $$;
CREATE FUNCTION claims_too() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.wait_and_look(); END $$;
CREATE TABLE shaped (id int PRIMARY KEY, v text);
CREATE TABLE shaped_m (id int PRIMARY KEY, v text, w text DEFAULT claims_too());
SELECT migrate_link('shaped', 'shaped_m', '{"v": "shape(v)"}');
SELECT migrate_sync('shaped', 'shaped_m');
SQL
sub reshape
{
	return $server->ask('CREATE OR REPLACE FUNCTION shape(text) RETURNS text LANGUAGE sql IMMUTABLE '
		  . "AS \$\$ SELECT \$1 || ' by $_[0]' \$\$");
}
{
	my ($gate, $writer) = (session(), session());
	$gate->query_safe('SELECT pg_advisory_lock(2)');
	begin($writer, "INSERT INTO shaped VALUES (1, 'made')");
	waits('INSERT INTO shaped', 'an entry is being made');
	reshape('the new one');
	$gate->query_safe('SELECT pg_advisory_unlock(2)');
	is(end($writer), '', 'it is finished');
	is($server->ask('SELECT v FROM shaped_m'), 'made by the new one', 'with the function that was replaced meanwhile');
	# And once more while it lies idle.
	reshape('the newest');
	$writer->query_safe("INSERT INTO shaped VALUES (2, 'made')");
	is($server->ask('SELECT v FROM shaped_m WHERE id = 2'), 'made by the newest', 'as it is when it lies idle');
	$_->quit for $gate, $writer;
}

# A link that comes between an entry's snapshot of our tables and its first look at them (held apart by a lock on one of
# them) is not missed: its source fills columns of the rows that are written from now on.
$server->ask(<<'SQL');
CREATE TABLE rows (id int PRIMARY KEY);
CREATE TABLE fill (id int PRIMARY KEY, note text);
CREATE TABLE filled (id int PRIMARY KEY, note text);
SELECT migrate_link('rows', 'filled');
SQL
ends($server->ask("SELECT migrate_backfill('rows', 'filled')"), 'succeeded', 'the rows are copied');
{
	my ($linker, $writer) = (session(), session());
	$server->ask("SELECT migrate_link('fill', 'filled', owner => false)");
	$linker->query_safe("BEGIN; SELECT migrate_sync('fill', 'filled'); INSERT INTO fill VALUES (2, 'a note'); LOCK TABLE migrate.link");
	begin($writer, 'INSERT INTO rows VALUES (1)');
	waits('INSERT INTO rows', 'an entry is being made while a link is');
	$linker->query_safe('COMMIT');
	is(end($writer), '', 'it is finished');
	$writer->query_safe('INSERT INTO rows VALUES (2)');
	is($server->ask('SELECT note FROM filled WHERE id = 2'), 'a note', 'and it knows of the link');
	$_->quit for $linker, $writer;
}

# ---- Rows that come into the target while migrate_sync waits for its locks -----------------------------------------
$server->ask(<<'SQL');
CREATE TABLE e (id int PRIMARY KEY, v text);
INSERT INTO e VALUES (1, 'there');
CREATE TABLE by_hand (id int PRIMARY KEY, v text);
SELECT migrate_shadow('e', 'shadow', ARRAY['ALTER COLUMN id TYPE bigint']), migrate_link('e', 'by_hand');
SQL
for my $case (
	[ 'shadow', 'the writer holds the target', '' ],
	[ 'by_hand', 'the writer holds the source', 'UPDATE e SET v = v;' ])
{
	my ($target, $what, $also) = @$case;
	my ($writer, $sync) = (session(), session());
	# Not committed: the first look finds the target empty.
	$writer->query_safe("BEGIN; $also INSERT INTO $target VALUES (99, 'nobody''s')");
	begin($sync, "SET pg_cutover.lock_timeout = '30s'; SELECT migrate_sync('e', '$target')");
	waits('SELECT migrate_sync', "$target: $what, and migrate_sync waits");
	$writer->query_safe('COMMIT');
	like(end($sync), qr/public\.$target has rows already/, "$target: under the locks it looks once more");
	is($server->ask('SELECT count(*) FROM migrate.capture c JOIN migrate.link l ON l.id = c.link '
			  . "WHERE l.target = '$target'::regclass"), '0', "$target: dual-write is not on");
	# Nor does anybody wait where the first look tells already.
	$writer->query_safe('BEGIN; LOCK TABLE e IN ROW EXCLUSIVE MODE');
	like(error_in($sync, "SET statement_timeout = '5s'; SELECT migrate_sync('e', '$target')"),
		qr/public\.$target has rows already/, "$target: before them it has looked as well");
	$_->quit for $writer, $sync;
}
$server->node->stop;
done_testing();
