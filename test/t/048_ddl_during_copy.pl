# What others do to the tables while a copy starts and goes on: DDL on the same and on other tables in each gap between its
# phases (O6), VACUUM FULL of a source and of TOAST tables, a TOASTed column alone updated (O4); and what the copy costs
# them: every block of the source is read a bounded number of times, and nothing is left behind in it (O44).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use JobNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = JobNode->new(
	'main',
	shared_preload_libraries => 'pg_cutover',
	'pg_cutover.launcher_naptime' => 60,
	max_connections => 30,
	autovacuum => 'off');
my $node = $server->node;
$server->ask('CREATE EXTENSION amcheck');

sub differences
{
	my ($one, $other, $columns) = @_;
	return $server->ask(<<"SQL");
SELECT count(*) FROM ((SELECT $columns FROM $one EXCEPT ALL SELECT $columns FROM $other)
    UNION ALL (SELECT $columns FROM $other EXCEPT ALL SELECT $columns FROM $one)) d
SQL
}

sub ended
{
	my ($job, $what) = @_;
	$server->until_true("SELECT state IN ('failed', 'succeeded') AND NOT migrate.job_has_worker(job) FROM migrate.progress WHERE job = $job", "$what: the job ends");
	return $server->ask("SELECT concat_ws(' ', state, error_message, error_detail) FROM migrate.job WHERE id = $job");
}

# ---- O6: DDL between the call and the worker's start, and between the phases ---------------------------------------
my @points = qw(job_connected backfill_started backfill_captured backfill_copied backfill_before_complete);
my $altered = qr/^failed public\.m\d+ was altered since it was linked to public\.m\d+_new It has now: w integer\./;
my $changed = qr/^failed .*the definition of public\.m\d+(_new)? (was altered|changed while it was copied)/;
# name, statements with T for the table, how the job ends where it meets that at each of these points
my @meanwhile = (
	[ 'other tables come, change and go', 'CREATE TABLE T_other (id int PRIMARY KEY); ALTER TABLE T_other ADD v text; CREATE INDEX ON T_other (v); DROP TABLE T_other',
		('succeeded') x 5 ],
	[ 'another migration starts', q{CREATE TABLE T_other (id int PRIMARY KEY, v text); INSERT INTO T_other VALUES (1, 'o'); SELECT migrate_shadow('T_other', 'T_other_new'); SELECT migrate_backfill('T_other', 'T_other_new')},
		('succeeded') x 5 ],
	[ 'an index, statistics and a comment', q{CREATE INDEX CONCURRENTLY T_late ON T (v); CREATE STATISTICS T_both ON id, v FROM T; COMMENT ON TABLE T IS 'late'; ALTER TABLE T ALTER v SET STATISTICS 50},
		('succeeded') x 5 ],
	[ 'VACUUM FULL', 'VACUUM FULL T', 'succeeded', 'succeeded', qr/^failed .*was rewritten or truncated while it was copied/, 'succeeded', 'succeeded' ],
	[ 'rows are rewritten', 'ALTER TABLE T ALTER v TYPE text USING upper(v)', 'succeeded', 'succeeded', (qr/^failed .*(rewritten|altered)/) x 3 ],
	[ 'a column is added', 'ALTER TABLE T ADD w int', ($altered) x 2, ($changed) x 3 ],
	[ 'a column of the target is added', 'ALTER TABLE T_new ADD w int', ('succeeded') x 2, ($changed) x 3 ]);
my $number = 0;
for my $case (@meanwhile)
{
	my ($name, $statements, @ends) = @$case;
	for my $point (@points)
	{
		my $end = shift @ends // next;
		my $table = 'm' . ++$number;
		my $what = "$name, at $point";
		$server->ask(<<"SQL");
CREATE TABLE $table (id int PRIMARY KEY, v text);
INSERT INTO $table SELECT n, 'v' || n FROM generate_series(1, 500) n;
SELECT migrate_shadow('$table', '${table}_new', ARRAY['ALTER COLUMN id TYPE bigint']);
SQL
		my $gate = $server->gate($point);
		my $job = $server->ask("SELECT migrate_backfill('$table', '${table}_new', batch_size => 100)");
		$server->worker_at($point);
		for my $statement (split /; /, $statements)
		{
			$server->ask($statement =~ s/\bT(?=\b|_)/$table/gr);
		}
		$server->ask("UPDATE $table SET v = 'meanwhile' WHERE id % 7 = 0; DELETE FROM $table WHERE id % 11 = 0; INSERT INTO $table VALUES (1001, 'meanwhile')");
		$gate->quit;
		my $how = ended($job, $what);
		if (ref $end)
		{
			like($how, $end, "$what: it stops the copy, with the reason");
			$server->ask("INSERT INTO $table (id) VALUES (1002); SELECT migrate_cancel($job)");
			next;
		}
		is($how, $end, "$what: the copy succeeds");
		$server->ask("INSERT INTO $table VALUES (1002, 'after')");
		is(differences($table, "${table}_new", 'id, v'), '0', "$what: it is exact");
		is($server->ask("SELECT state FROM migrate.link_status WHERE source = '$table'::regclass"), 'complete', "$what: complete");
	}
}
$server->until_true(q{SELECT NOT EXISTS (SELECT FROM migrate.job WHERE source::text LIKE '%_other' AND state <> 'succeeded')}, 'the other migrations have ended');

# ---- O4: VACUUM FULL of TOAST tables at every step, and values that are updated alone --------------------------------
for my $point (qw(backfill_started backfill_captured copy_before_insert copy_after_insert copy_before_commit backfill_copied))
{
	$server->ask(<<'SQL');
CREATE TABLE fat (id int PRIMARY KEY, n int, doc text);
ALTER TABLE fat ALTER doc SET STORAGE EXTERNAL;
INSERT INTO fat SELECT n, 0, repeat(md5(n::text), 200) FROM generate_series(1, 300) n;
DELETE FROM fat WHERE id % 3 = 0;
SELECT migrate_shadow('fat', 'fat_new', ARRAY['ALTER COLUMN id TYPE bigint']);
SQL
	my $toast = $server->ask("SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'fat'::regclass");
	my $written = $server->ask("SELECT pg_relation_filenode('$toast'::regclass)");
	my $gate = $server->gate($point);
	my $job = $server->ask("SELECT migrate_backfill('fat', 'fat_new', batch_size => 50)");
	$server->worker_at($point);
	my $vacuum = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $vacuum->query('SELECT pg_backend_pid()');
	$vacuum->query_until(qr/begun/, "\\echo begun\nVACUUM FULL $toast;\n");
	$server->until_true("SELECT state = 'idle' OR wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid", "O4, $point: VACUUM FULL of the TOAST table has ended, or waits for the batch");
	$gate->quit;
	$server->ask("UPDATE fat SET doc = repeat(md5(id::text || '!'), 200) WHERE id % 5 = 0; UPDATE fat SET n = n + 1 WHERE id % 7 = 0");
	is(ended($job, "O4, $point"), 'succeeded', "O4, $point: the copy succeeds");
	$vacuum->query('SELECT 1');
	$vacuum->quit;
	isnt($server->ask("SELECT pg_relation_filenode('$toast'::regclass)"), $written, "O4, $point: the TOAST table was rewritten");
	is(differences('fat', 'fat_new', 'id, n, md5(doc)'), '0', "O4, $point: the copy is exact");
	my $other = $server->ask("SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'fat_new'::regclass");
	$server->ask("VACUUM FULL $_") for $toast, $other, 'fat';
	$server->ask("UPDATE fat SET doc = repeat(md5(id::text || '?'), 200) WHERE id % 4 = 0; UPDATE fat SET n = n + 1 WHERE id % 2 = 1; UPDATE fat SET doc = NULL WHERE id = 7");
	is(differences('fat', 'fat_new', 'id, n, md5(doc)'), '0', "O4, $point: an update of the TOASTed column alone, and of another alone, is mirrored");
	is($server->ask("SELECT count(*) FROM verify_heapam('fat', check_toast => true)") + $server->ask("SELECT count(*) FROM verify_heapam('fat_new', check_toast => true)"),
		0, "O4, $point: amcheck finds nothing");
	$server->ask("SELECT migrate_unlink('fat', 'fat_new'); DROP TABLE fat, fat_new");
}

# ---- O44: what a copy reads of its source ----------------------------------------------------------------------------
sub counters
{
	my ($table) = @_;
	return split /\|/, $server->ask(<<"SQL");
SELECT heap_blks_read + heap_blks_hit, coalesce(idx_blks_read + idx_blks_hit, 0), coalesce(idx_scan, 0), n_tup_upd + n_tup_del + n_dead_tup
  FROM pg_statio_user_tables JOIN pg_stat_user_tables USING (relid) WHERE relid = '$table'::regclass
SQL
}
# Blocks that an index scan of the application touches.
sub scanned
{
	my ($table) = @_;
	my $plan = $server->ask("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) SELECT v FROM $table WHERE id BETWEEN 5000 AND 5500");
	my ($buffers) = $plan =~ /Index Scan.*?Buffers: shared ([^\n]*)/s;
	my $blocks = 0;
	$blocks += $1 while $buffers =~ /(?:hit|read)=(\d+)/g;
	return $blocks;
}
my %per_block;
for my $sync ('true', 'false')
{
	for my $rows (10_000, 100_000)
	{
		my $table = "read_${sync}_$rows";
		$server->ask("CREATE TABLE $table (id int PRIMARY KEY, v text); INSERT INTO $table SELECT n, repeat('v', 100) FROM generate_series(1, $rows) n; VACUUM ANALYZE $table;"
			  . "CREATE TABLE ${table}_new (LIKE $table INCLUDING ALL)");
		my $blocks = $server->ask("SELECT pg_relation_size('$table') / current_setting('block_size')::int");
		my $scanned = scanned($table);
		my @before = counters($table);
		my $job = $server->ask("SELECT migrate_backfill('$table', '${table}_new', batch_size => 500, sync => $sync)");
		is(ended($job, $table), 'succeeded', "O44: $table is copied");
		my @after = counters($table);
		my @used = map { $after[$_] - $before[$_] } 0 .. $#after;
		my $batches = $server->ask("SELECT batches FROM migrate.progress WHERE job = $job");
		$per_block{$sync}{$rows} = $used[0] / $blocks;
		note("$table: $blocks blocks in $batches batches; read: @used");
		cmp_ok($used[0] / $blocks, '>=', 1, "O44: $table: the counters see the copy");
		cmp_ok($used[0] / $blocks, '<=', 2.5, "O44: $table: each block of the heap is read a bounded number of times");
		is($used[2], 0, "O44: $table: no scan of an index of the source");
		is($used[3], 0, "O44: $table: nothing in the source was written or left dead");
		is(scanned($table), $scanned, "O44: $table: an index scan of the source reads as many blocks as before");
	}
	cmp_ok($per_block{$sync}{100_000}, '<=', 1.1 * $per_block{$sync}{10_000}, "O44: as often in a table ten times as large (sync $sync)");
}

$node->stop;
done_testing();
