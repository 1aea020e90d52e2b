# What else goes on around a migration: VACUUM of both tables at the swap (O2), the one that prevents wraparound (O28,
# R34), and an invalid index (O23).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use JobNode;
use SwapCatalog;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = JobNode->new(
	'main',
	shared_preload_libraries => 'pg_cutover',
	'pg_cutover.launcher_naptime' => 60,
	max_connections => 30,
	autovacuum_naptime => '1s',
	autovacuum_max_workers => 5);
my $node = $server->node;
$server->ask('CREATE EXTENSION amcheck');

# A table that no autovacuum visits unless it has to.
sub make_table
{
	my ($name, $rows) = @_;
	$server->ask(<<"SQL");
CREATE TABLE $name (id int PRIMARY KEY, v text) WITH (autovacuum_enabled = false);
INSERT INTO $name SELECT n, repeat('v', 100) FROM generate_series(1, $rows) n;
SQL
	return;
}

sub make_pair
{
	my ($name, $rows) = @_;
	make_table($name, $rows);
	$server->ask("SELECT migrate_shadow('$name', '${name}_new', ARRAY['ALTER COLUMN id TYPE bigint'])");
	return;
}

sub copy
{
	my ($name) = @_;
	my $job = $server->ask("SELECT migrate_backfill('$name', '${name}_new')");
	return $server->until_state($job, 'succeeded', "$name is copied");
}

sub differences
{
	my ($one, $other) = @_;
	return $server->ask(
		"SELECT count(*) FROM ((TABLE $one EXCEPT ALL TABLE $other) UNION ALL (TABLE $other EXCEPT ALL TABLE $one)) d");
}

sub key_type
{
	my ($table) = @_;
	return $server->ask(
		"SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = '$table'::regclass AND attname = 'id'");
}

# What amcheck has to say about heap, TOAST and indexes of tables.
sub corruption
{
	my $tables = join ', ', map { "'$_'::regclass" } @_;
	$server->ask(<<"SQL");
SELECT bt_index_check(indexrelid, true) FROM pg_index WHERE indrelid IN ($tables) AND indisvalid
SQL
	return $server->ask("SELECT count(*) FROM unnest(ARRAY[$tables]) AS t, LATERAL verify_heapam(t, check_toast => true)");
}

# A statement that begins and is not waited for.
sub begin
{
	my ($sql) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');
	$session->query_until(qr/begun/, "\\echo begun\n$sql;\n");
	return ($session, $pid);
}

# A VACUUM to prevent wraparound that takes a while; its process id. It sleeps 0.4 s after each page that it freezes.
sub forced_vacuum
{
	my ($table) = @_;
	my $vacuum = "FROM pg_stat_activity WHERE query = 'autovacuum: VACUUM public.$table (to prevent wraparound)'";
	$server->until_true("SELECT EXISTS (SELECT $vacuum)", "a vacuum of $table that prevents wraparound");
	return $server->ask("SELECT pid $vacuum");
}
my $slow = 'autovacuum_freeze_max_age = 100000, autovacuum_freeze_table_age = 0, autovacuum_freeze_min_age = 0, '
  . 'autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1';

# ---- R34 wraparound_autovacuum, O28: of the source, of the mirror, and of a source that is about to be captured --------
make_pair('aged', 4000);
make_pair('front', 4000);
make_pair('late', 3000);
copy('aged');
copy('front');
# So that the vacuums need not: an ANALYZE gives way.
$server->ask('ANALYZE aged, front_new, late');
# Subtransactions that write take transaction ids as well.
$server->ask(<<'SQL');
CREATE TEMPORARY TABLE written ();
DO $$ BEGIN
  FOR i IN 1 .. 101000 LOOP
    BEGIN INSERT INTO written DEFAULT VALUES; EXCEPTION WHEN division_by_zero THEN NULL; END;
  END LOOP;
END $$
SQL
{
	my %vacuum;
	$server->ask("ALTER TABLE $_ SET ($slow)") for qw(aged front_new late);
	$vacuum{$_} = forced_vacuum($_) for qw(aged front_new late);

	my $capture = $server->ask("SELECT migrate_backfill('late', 'late_new')");
	$server->until_true("SELECT waiting_for LIKE '%pid $vacuum{late} (autovacuum worker%) holds ShareUpdateExclusiveLock of %late%' FROM migrate.job WHERE id = $capture",
		'turning dual-write on waits for it, and says so');

	my $dir = PostgreSQL::Test::Utils::tempdir();
	PostgreSQL::Test::Utils::append_to_file("$dir/use.sql", <<'SQL');
SELECT v FROM aged WHERE id = 1;
UPDATE front SET v = 'used' WHERE id = 1 + :client_id;
SQL
	my $load = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '2', '-T', '4', '-l', "--log-prefix=$dir/latency", '-f', "$dir/use.sql",
			'-h', $node->host, '-p', $node->port, 'postgres' ], '>', \my $out, '2>', \my $error);
	my %job;
	$job{$_} = $server->ask(<<"SQL") for qw(aged front);
SELECT migrate_cutover('$_', '${_}_new', lock_timeout => '200 ms', attempts => 4, terminate_blockers_after => '1 ms')
SQL
	for my $table (qw(aged front))
	{
		my $of = $table eq 'aged' ? 'aged' : 'front_new';
		$server->until_state($job{$table}, 'failed', "a vacuum of $of: attempts give up");
		like($server->ask("SELECT error_sqlstate || ' ' || error_detail FROM migrate.job WHERE id = $job{$table}"),
			qr/^55P03 .*pid $vacuum{$of} \(autovacuum worker, [^)]*\) holds ShareUpdateExclusiveLock of public\.$of\b/, 'and name it');
		is($server->ask("SELECT count(*) FROM migrate.event_log WHERE job = $job{$table} AND details ? 'pid'"), '0',
			'nobody tried to terminate it');
		is($server->ask("SELECT query LIKE '%(to prevent wraparound)' FROM pg_stat_activity WHERE pid = $vacuum{$of}"), 't',
			'it is still at work');
		is(key_type($table), 'integer', 'nothing was swapped');
	}
	$load->finish;
	my $longest = 0;
	for my $file (glob "$dir/latency*")
	{
		for my $line (split /\n/, PostgreSQL::Test::Utils::slurp_file($file))
		{
			my $microseconds = (split / /, $line)[2];
			$longest = $microseconds if $microseconds > $longest;
		}
	}
	note("the longest of both statements took $longest us");
	is($load->result(0), 0, 'the application met no error');
	cmp_ok($longest, '>', 100_000, 'somebody queued behind an attempt');
	cmp_ok($longest, '<', 1_600_000, 'and not for much longer than a lock_timeout a table');

	for my $table (qw(aged front))
	{
		my $of = $table eq 'aged' ? 'aged' : 'front_new';
		$server->ask("SELECT migrate_cancel($job{$table})");
		$job{$table} = $server->ask("SELECT migrate_cutover('$table', '${table}_new', attempts => 100)");
		$server->until_true("SELECT waiting_for LIKE 'attempt %pid $vacuum{$of} %' FROM migrate.job WHERE id = $job{$table}",
			"it is waited for while it goes on, by name: $of");
	}
	$server->until_state($capture, 'succeeded', 'dual-write is turned on after the vacuum', seconds => 120);
	is(differences('late', 'late_new'), '0', 'and the copy is exact');
	for my $table (qw(aged front))
	{
		$server->until_state($job{$table}, 'succeeded', "the swap of $table follows the end of the vacuum", seconds => 120);
		is(key_type($table), 'bigint', 'swapped');
		is(differences($table, "${table}_old"), '0', 'no row is missing');
		my $of = $table eq 'aged' ? 'aged_old' : 'front';
		is($server->ask("SELECT age(relfrozenxid) < 100000 FROM pg_class WHERE oid = '$of'::regclass"), 't',
			'the vacuum has done its work');
	}
	is($server->ask("SELECT count(*) FROM pg_stat_activity WHERE pid IN ($vacuum{aged}, $vacuum{front_new}) AND query LIKE '%wraparound%'"),
		'0', 'and ended');
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
	unlike($log, qr/canceling autovacuum task|terminating autovacuum process/, 'nobody was made to stop');
	is(corruption('aged', 'aged_old', 'front', 'front_old'), '0', 'amcheck finds nothing');
}

# ---- O2: VACUUM of both tables at the swap -------------------------------------------------------------------
make_pair('dusty', 6000);
copy('dusty');
$server->ask("UPDATE dusty SET v = v || id WHERE id % 3 = 0; DELETE FROM dusty WHERE id % 3 = 1 OR id > 5000");
for my $call ("migrate_cutover('dusty', 'dusty_new')", "migrate_revert('dusty')", "migrate_cutover('dusty', 'dusty_new')")
{
	my $other = $call =~ /cutover/ ? 'dusty_new' : 'dusty_old';
	my $aside = $call =~ /cutover/ ? 'dusty_old' : 'dusty_new';
	for my $point ('cutover_locked', 'cutover_before_commit')
	{
		my $gate = $server->gate($point);
		my $job = $server->ask("SELECT $call");
		$server->worker_at($point);
		my @vacuum = map { begin("VACUUM (FREEZE, INDEX_CLEANUP ON) $_") } 'dusty', $other;
		$server->until_true("SELECT count(*) = 2 FROM pg_stat_activity WHERE pid IN ($vacuum[1], $vacuum[3]) AND wait_event_type = 'Lock'",
			"$call at $point: both vacuums wait");
		$gate->quit;
		$server->until_state($job, 'succeeded', "$call succeeds");
		$server->until_true("SELECT bool_and(state = 'idle') FROM pg_stat_activity WHERE pid IN ($vacuum[1], $vacuum[3])",
			'both vacuums are done');
		eval { $_->quit } for $vacuum[0], $vacuum[2];
		$server->ask("UPDATE dusty SET v = 'after' WHERE id % 5 = 0; DELETE FROM dusty WHERE id = (SELECT max(id) FROM dusty); VACUUM dusty; VACUUM $aside");
		is(differences('dusty', $aside), '0', 'both tables hold the same rows');
		is(corruption('dusty', $aside), '0', 'amcheck finds nothing');
		# Back to where it was, for the other point.
		next if $point eq 'cutover_before_commit';
		my $back = $call =~ /cutover/ ? "migrate_revert('dusty')" : "migrate_cutover('dusty', 'dusty_new')";
		$server->until_state($server->ask("SELECT $back"), 'succeeded', $back);
	}
}
$server->until_state($server->ask("SELECT migrate_revert('dusty')"), 'succeeded', 'once more back');
# One that runs: in the way, and only ended where that was asked for.
$server->ask(<<'SQL');
CREATE ROLE janitor LOGIN;
ALTER TABLE dusty OWNER TO janitor;
ALTER TABLE dusty_new OWNER TO janitor;
GRANT CREATE ON SCHEMA public TO janitor;
SELECT migrate_grant('janitor');
UPDATE dusty SET v = 'dust';
SQL
for my $table (qw(dusty dusty_new))
{
	my ($vacuum, $pid) = begin("SET ROLE janitor; SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1; VACUUM FREEZE $table");
	$server->until_true("SELECT EXISTS (SELECT FROM pg_stat_progress_vacuum WHERE pid = $pid)", "a VACUUM of $table");
	my $job = $server->ask("SELECT migrate_cutover('dusty', 'dusty_new', lock_timeout => '100 ms', attempts => 3)");
	$server->until_state($job, 'failed', 'is in the way');
	like($server->ask("SELECT error_detail FROM migrate.job WHERE id = $job"),
		qr/pid $pid \([^)]*\) holds ShareUpdateExclusiveLock of public\.$table\b/, 'and named');
	is($server->ask("SELECT count(*) FROM pg_stat_progress_vacuum WHERE pid = $pid"), '1', 'and goes on');
	$server->ask("SELECT pg_cancel_backend($pid)");
	$server->ask("SELECT migrate_resume($job)");
	$server->until_state($job, 'succeeded', 'the swap follows its end');
	is(corruption('dusty', 'dusty_old'), '0', 'amcheck finds nothing');
	$server->until_state($server->ask("SELECT migrate_revert('dusty')"), 'succeeded', 'back');
	eval { $vacuum->quit };
}

# ---- O23: an invalid index on the source -----------------------------------------------------------------------
$server->ask(<<'SQL');
CREATE TABLE flawed (id int PRIMARY KEY, code int, n int);
INSERT INTO flawed SELECT n, n % 900, n % 7 FROM generate_series(1, 1000) n;
CREATE INDEX flawed_code ON flawed (code);
SQL
like($server->error_of('CREATE UNIQUE INDEX CONCURRENTLY flawed_unique ON flawed (code)'), qr/23505/, 'a unique index that cannot be');
like($server->error_of('CREATE INDEX CONCURRENTLY flawed_quotient ON flawed ((1 / n))'), qr/22012/, 'another that cannot');
is($server->ask("SELECT count(*) FROM pg_index WHERE indrelid = 'flawed'::regclass AND NOT indisvalid"), '2', 'both are left, invalid');
{
	my ($code, $out, $notices) = $node->psql('postgres',
		q{SELECT migrate_shadow('flawed', 'flawed_new', ARRAY['ALTER COLUMN id TYPE bigint'])});
	like($notices, qr/NOTICE:  invalid indexes of public\.flawed are left out of public\.flawed_new: flawed_(unique, flawed_quotient|quotient, flawed_unique)\n/,
		'the shadow is made without them, and it is said');
	like($notices, qr/REINDEX INDEX CONCURRENTLY|DROP INDEX CONCURRENTLY/, 'with the way to mend it');
	is($server->ask(q{SELECT details -> 'left_out' FROM migrate.event_log WHERE kind = 'shadow' AND message LIKE '%flawed_new%'}),
		'["flawed_unique", "flawed_quotient"]', 'on record too');
	copy('flawed');
	my $before = catalog_of($node, 'public.flawed');
	is(differences('flawed', 'flawed_new'), '0', 'the copy is exact');
	is($server->ask("SELECT string_agg(indexrelid::regclass || ' ' || indisvalid, ', ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = 'flawed_new'::regclass"),
		'flawed_new_code true, flawed_new_pkey true', 'with the valid indexes, all valid');
	$server->until_state($server->ask("SELECT migrate_cutover('flawed', 'flawed_new')"), 'succeeded', 'the swap');
	is($server->ask("SELECT string_agg(indexrelid::regclass || ' ' || indisvalid, ', ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = 'flawed'::regclass"),
		'flawed_code true, flawed_pkey true', 'the new table has none that is invalid');
	is($server->ask("SELECT string_agg(indexrelid::regclass::text, ', ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = 'flawed_old'::regclass AND NOT indisvalid"),
		'flawed_quotient, flawed_unique', 'the old one keeps them');
	$server->ask('UPDATE flawed SET n = 8 WHERE id <= 10; INSERT INTO flawed VALUES (2000, 2000, 3)');
	is(differences('flawed', 'flawed_old'), '0', 'and follows');
	is(corruption('flawed', 'flawed_old'), '0', 'amcheck finds nothing');
	$server->until_state($server->ask("SELECT migrate_revert('flawed')"), 'succeeded', 'back');
	is_same_catalog($node, [ map { s/~pg_cutover_(truncate_)?\d+/ours/gr } @$before ],
		[ map { s/~pg_cutover_(truncate_)?\d+/ours/gr } @{ catalog_of($node, 'public.flawed') } ], [], 'the catalog is what it was');
	is($server->ask("SELECT count(*) FROM flawed WHERE n = 8"), '10', 'with what was written meanwhile');
}

done_testing();
