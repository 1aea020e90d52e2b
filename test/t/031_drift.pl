# What the triggers of dual-write cannot see is noticed by name, in a copy that runs and after it, and outlasts its
# being undone: a trigger disabled for a while (R11), dropped, or not fired; a partition attached or detached (R12); a
# child table (R14); an altered source or target, rows rewritten (R43, O29); a dropped target, which must not disturb the
# application (O48). TRUNCATE and VACUUM FULL stop a copy but break nothing (R07, O15): a new copy may begin at once.
use strict;
use warnings;
use lib 'test/t';
use JobNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = JobNode->new('main', shared_preload_libraries => 'pg_cutover', autovacuum => 'off');

$server->ask(<<'SQL');
CREATE FUNCTION enable_always(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    trigger name;
BEGIN
    FOR trigger IN SELECT tgname FROM pg_trigger WHERE tgrelid = relation LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', relation, trigger);
    END LOOP;
END $$;
SQL

my $number = 0;
# A source and a target of their own; the source has partitions where $parted.
sub pair
{
	my ($parted) = @_;
	my ($source, $target) = ('s' . ++$number, "t$number");
	$server->ask("CREATE TABLE $source (id int PRIMARY KEY, v text)" . ($parted ? ' PARTITION BY RANGE (id)' : ''));
	$server->ask(<<"SQL") if $parted;
CREATE TABLE ${source}_1 PARTITION OF $source FOR VALUES FROM (0) TO (10001);
CREATE TABLE ${source}_2 (LIKE $source INCLUDING ALL);
INSERT INTO ${source}_2 VALUES (10001, 'attached');
SQL
	$server->ask("INSERT INTO $source SELECT n, 'v' || n FROM generate_series(1, 4000) n");
	$server->ask("CREATE TABLE $target (id int PRIMARY KEY, v text)");
	return ($source, $target);
}

sub differences
{
	my ($source, $target) = @_;
	return $server->ask(
		"SELECT count(*) FROM ((TABLE $source EXCEPT TABLE $target) UNION ALL (TABLE $target EXCEPT TABLE $source)) d");
}

sub status
{
	my ($source) = @_;
	return $server->ask("SELECT state || coalesce(': ' || broken, '') FROM migrate.link_status WHERE source = '$source'::regclass");
}

# name, statements with S and T for the tables, what the status says, partitioned?
my @drifts = (
	[ 'R11 disable_trigger', q(ALTER TABLE S DISABLE TRIGGER ALL; UPDATE S SET v = 'missed' WHERE id = 1; SELECT enable_always('S')),
		qr/a trigger of ours on public\.S was disabled for a time, or altered/ ],
	[ 'a trigger that does not fire in replicas', q(DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE S ENABLE TRIGGER %I', tgname) FROM pg_trigger WHERE tgrelid = 'S'::regclass AND tgtype & 1 = 1); END $$),
		qr/a trigger of ours on public\.S does not fire always/ ],
	[ 'a dropped trigger', q(DO $$ BEGIN EXECUTE (SELECT format('DROP TRIGGER %I ON S', tgname) FROM pg_trigger WHERE tgrelid = 'S'::regclass AND tgtype & 1 = 1); END $$),
		qr/a trigger of ours on public\.S was dropped/ ],
	[ 'R11 disable_trigger of a partition', q(ALTER TABLE S_1 DISABLE TRIGGER ALL; UPDATE S SET v = 'missed' WHERE id = 1; SELECT enable_always('S_1')),
		qr/a trigger of ours on public\.S_1 was disabled for a time, or altered/, 1 ],
	[ 'R12 attach_detach_partition: attached', 'ALTER TABLE S ATTACH PARTITION S_2 FOR VALUES FROM (10001) TO (20001)',
		qr/partition public\.S_2 was attached to the source/, 1 ],
	[ 'R12 attach_detach_partition: detached', 'ALTER TABLE S DETACH PARTITION S_1',
		qr/partition public\.S_1 was detached from the source/, 1 ],
	[ 'R14 inheritance_child', 'CREATE TABLE S_child () INHERITS (S)', qr/public\.S_child inherits from the source since/ ],
	[ 'R43 an altered source', 'ALTER TABLE S ADD w int', qr/the definition of public\.S was altered/ ],
	[ 'R43 an altered target', 'ALTER TABLE T ADD w int', qr/the definition of public\.T was altered/ ],
	[ 'R43 rows rewritten by ALTER TABLE', 'ALTER TABLE S ALTER v TYPE text USING upper(v)',
		qr/the rows of public\.S were rewritten by ALTER TABLE/ ],
	[ 'R43 rows of the target rewritten', 'ALTER TABLE T ALTER v TYPE text USING upper(v)',
		qr/the rows of public\.T were rewritten by ALTER TABLE/ ],
	[ 'O48 a dropped target', 'DROP TABLE T', qr/the target public\.\w+ was dropped/ ]);

for my $drift (@drifts)
{
	my ($name, $sql, $problem, $parted) = @$drift;
	for my $moment ('in a running copy', 'after it')
	{
		my ($source, $target) = pair($parted);
		my $running = $moment eq 'in a running copy';
		my $gate = $running ? $server->gate('copy_batch_start') : undef;
		my $job = $server->ask("SELECT migrate_backfill('$source', '$target', batch_size => 500)");
		if ($running) { $server->until_true("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'copy_batch_start')", "$name: the copy runs") }
		else { $server->until_state($job, 'succeeded', "$name: copied") }
		(my $statements = $sql) =~ s/\bS(?=\b|_)/$source/g;
		$statements =~ s/\bT\b/$target/g;
		(my $expected = "$problem") =~ s/\bS(?=\b|_)/$source/g;
		$expected =~ s/\bT\b/$target/g;
		# The worker stands in a transaction: DDL that would wait for it goes on once the gate is open.
		my $ddl = $server->node->background_psql('postgres', on_error_stop => 0);
		if ($running)
		{
			$ddl->query_until(qr/begun/, "\\echo begun\nSET statement_timeout = '60s';\n$statements;\n");
			$server->until_true("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND backend_type = 'client backend')
				OR migrate.capture_problems((SELECT link FROM migrate.job WHERE id = $job)) IS NOT NULL", "$name: it was done, or waits for the batch");
			$gate->quit;
			$server->until_state($job, 'failed', "$name, $moment: the copy fails");
		}
		else { $ddl->query_safe("$statements;") }
		$ddl->quit;
		like(status($source), qr/^broken: .*$expected/, "$name, $moment: the status says what happened");
		like($server->job($job, "error || coalesce(error_detail, '')"), $name =~ /O48/ ? qr/(?:target|table) public\.\w+ was dropped/ : qr/$expected|was altered|changed while it was copied|was changed since|relation .* does not exist/,
			"$name, $moment: and so does the job") if $running;
		is($server->job($job, 'phase'), 'copy', "$name, $moment: at its next batch") if $running;
		$server->ask("INSERT INTO $source (id, v) VALUES (9999, 'still writable')")
		  if $sql !~ /DETACH/;
		pass("$name, $moment: the application goes on writing");
		like($server->error_of("SELECT migrate_sync('$source', '$target')"), qr/55000|42P01/, "$name, $moment: not to be had again as it is");
		like(status($source), qr/^broken/, "$name, $moment: it stays so");
		$server->ask("SELECT migrate_cancel($job)") if $running;
		$server->ask("SELECT migrate_unlink(source, target) FROM migrate.link WHERE source = '$source'::regclass");
		is($server->ask("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), '0', "$name, $moment: unlinked, nothing is left");
	}
}

# Breaking is remembered where the job noticed it, even when a later look would find nothing.
{
	my ($source, $target) = pair(0);
	my $job = $server->ask("SELECT migrate_backfill('$source', '$target')");
	$server->until_state($job, 'succeeded');
	$server->ask("CREATE TABLE child () INHERITS ($source)");
	my $second = $server->error_of("SELECT migrate_backfill('$source', '$target')");
	like($second, qr/55000: dual-write from public\.$source to public\.$target is broken/, 'a new copy is refused');
	like($second, qr/HINT: .*migrate_unsync\('public\.$source', 'public\.$target'\), TRUNCATE public\.$target/s, 'and says how to begin again');
	$server->ask("DROP TABLE child; SELECT migrate_unsync('$source', '$target'); TRUNCATE $target");
	$job = $server->ask("SELECT migrate_backfill('$source', '$target')");
	$server->until_state($job, 'succeeded');
	is(differences($source, $target), '0', 'begun again as it says, the copy is exact');
	$server->ask("SELECT migrate_unlink('$source', '$target')");
}

# R07, O15: TRUNCATE is mirrored; a copy that met it, or VACUUM FULL, ends, and another one can begin at once.
for my $statement ('TRUNCATE S', 'VACUUM FULL S')
{
	my ($source, $target) = pair(0);
	my $job = $server->ask("SELECT migrate_backfill('$source', '$target', batch_size => 200, throttle => '{\"max_rows_per_second\": 1000}')");
	$server->until_true("SELECT rows_done > 0 FROM migrate.progress WHERE job = $job", 'rows were copied');
	(my $sql = $statement) =~ s/S$/$source/;
	$server->ask($sql);
	$server->until_state($job, 'failed', "$statement stops the copy");
	like($server->job($job, 'error'), qr/public\.$source was rewritten or truncated while it was copied/, 'with the reason');
	like($server->job($job, 'error_hint'), qr/a new migrate_backfill\('public\.$source', 'public\.$target'\) can begin at once; the target need not be emptied/, 'and the way on');
	is(status($source), 'incomplete', 'dual-write is intact');
	is($server->ask("SELECT count(*) FROM (TABLE $target EXCEPT TABLE $source) d"), '0', 'no row of the target is stale');
	$server->ask("SELECT migrate_cancel($job)");
	$server->ask("INSERT INTO $source SELECT n, 'after' FROM generate_series(5001, 6000) n");
	$job = $server->ask("SELECT migrate_backfill('$source', '$target')");
	$server->until_state($job, 'succeeded', 'the next copy');
	is(differences($source, $target), '0', 'is exact');
	is(status($source), 'complete', 'and complete');
	$server->ask($sql);
	is(differences($source, $target), '0', "$statement afterwards");
	is(status($source), 'complete', 'breaks nothing');
	$server->ask("SELECT migrate_unlink('$source', '$target')");
}

$server->node->stop;
done_testing();
