# DDL of others in every phase of a swap (R43): what commits before the locks is carried over, or stops the swap with the
# reason; what comes after them waits and meets the new table. Nothing is lost, and the catalog stays consistent.
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
$server->ask(<<'SQL');
CREATE EXTENSION amcheck;
CREATE SCHEMA elsewhere;
CREATE ROLE reader;
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
SQL

# Pairs, each kept in step and complete, made at once to save time.
my @pairs = map { "m$_" } 1 .. 60;
{
	my @jobs = map { $server->ask(<<"SQL") } @pairs;
CREATE TABLE $_ (id int PRIMARY KEY, v text);
INSERT INTO $_ SELECT n, 'v' || n FROM generate_series(1, 200) n;
DO \$\$ BEGIN PERFORM migrate_shadow('$_', '${_}_new', ARRAY['ALTER COLUMN id TYPE bigint']); END \$\$;
SELECT migrate_backfill('$_', '${_}_new');
SQL
	$server->until_true("SELECT count(*) = @{[ scalar @jobs ]} FROM migrate.job WHERE state = 'succeeded'", 'all pairs are copied');
}

sub key_type
{
	my ($table) = @_;
	return $server->ask(
		"SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = '$table'::regclass AND attname = 'id'");
}

sub differences
{
	my ($one, $other) = @_;
	return $server->ask(<<"SQL");
SELECT count(*) FROM ((SELECT id, v FROM $one EXCEPT ALL SELECT id, v FROM $other)
    UNION ALL (SELECT id, v FROM $other EXCEPT ALL SELECT id, v FROM $one)) d
SQL
}

# Statements with T for the table.
sub of { my ($table, $sql) = @_; $sql =~ s/\bT(?=\b|_)/$table/g; return $sql }

# A statement that begins and is not waited for.
sub begin
{
	my ($sql) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');
	$session->query_until(qr/begun/, "\\echo begun\n$sql;\n");
	return ($session, $pid);
}

# Holds the worker of a cutover where it has passed the gate: at the debug point, or behind an old snapshot.
sub held_at
{
	my ($moment, $table, $old) = @_;
	my $gate = $old ? undef : $server->gate($moment);
	my $job = $server->ask("SELECT migrate_cutover('$table', '${table}_new', lock_timeout => '2 s')");
	if ($gate) { $server->worker_at($moment) }
	else
	{
		$server->until_true("SELECT phase = 'snapshots' AND waiting_for <> '' FROM migrate.job WHERE id = $job", 'an old snapshot is waited for');
	}
	return ($job, $gate // $old);
}

# How a job ended: its state, error and detail.
sub ended
{
	my ($job, $what) = @_;
	$server->until_true("SELECT state IN ('failed', 'succeeded') AND NOT migrate.job_has_worker(job) FROM migrate.progress WHERE job = $job", "$what: the job ends");
	return $server->ask("SELECT concat_ws(' ', state, error_sqlstate, error_message, error_detail) FROM migrate.job WHERE id = $job");
}

# ---- before the locks: name, statements, what the job says (undef: it succeeds), what is true afterwards, with
# snapshots where it is done in that phase too ----------------------------------------------------------------
my @before = (
	[ 'the source gets a column', 'ALTER TABLE T ADD w int', qr/^failed 55000 .*not ready.*the definition of public\.T was altered/, undef, 'snapshots' ],
	[ 'the new table gets a column', 'ALTER TABLE T_new ADD w int', qr/^failed 55000 .*not ready.*the definition of public\.T_new was altered/ ],
	[ 'a column is renamed', 'ALTER TABLE T RENAME v TO w; ALTER TABLE T_new RENAME v TO w', qr/^failed (42703|55000)/ ],
	[ 'rows are rewritten', 'ALTER TABLE T ALTER v TYPE text USING upper(v)', qr/^failed 55000 .*(not ready.*the rows of public\.T were rewritten|do not hold the same rows)/, undef, 'snapshots' ],
	[ 'a child table', 'CREATE TABLE T_child () INHERITS (T)', qr/^failed 55000 .*T_child inherits from/ ],
	[ 'another schema', 'ALTER TABLE T SET SCHEMA elsewhere; ALTER TABLE elsewhere.T ADD w int; ALTER TABLE elsewhere.T SET SCHEMA public', qr/^failed 55000 .*not ready/ ],
	[ 'the new table is dropped', 'DROP TABLE T_new', qr/^failed 42P01 .*table public\.\w+ was dropped/, undef, 'snapshots' ],
	[ 'the source is renamed', 'ALTER TABLE T RENAME TO T_renamed', undef,
		q{SELECT format_type(atttypid, NULL) = 'bigint' FROM pg_attribute WHERE attrelid = 'T_renamed'::regclass AND attname = 'id'} ],
	[ 'the new table is renamed', 'ALTER TABLE T_new RENAME TO T_other', undef, q{SELECT to_regclass('T_other') IS NULL} ],
	[ 'a view', 'CREATE VIEW T_view AS SELECT v FROM T', undef, q{SELECT pg_get_viewdef('T_view'::regclass) LIKE '%FROM T;%'}, 'snapshots' ],
	[ 'a view of the new table', 'CREATE VIEW T_view AS SELECT id FROM T_new', undef, q{SELECT count(*) >= 200 FROM T_view} ],
	[ 'a view that is dropped again', 'CREATE VIEW T_view AS SELECT v FROM T; DROP VIEW T_view', undef, q{SELECT to_regclass('T_view') IS NULL} ],
	[ 'a foreign key to it', 'CREATE TABLE T_item (m int REFERENCES T); INSERT INTO T_item VALUES (1)', undef,
		q{SELECT confrelid = 'T'::regclass AND convalidated FROM pg_constraint WHERE conrelid = 'T_item'::regclass}, 'snapshots' ],
	[ 'a grant', 'GRANT SELECT ON T TO reader', undef, q{SELECT has_table_privilege('reader', 'T', 'SELECT')}, 'snapshots' ],
	[ 'a policy', 'CREATE POLICY visible ON T USING (id > 0); ALTER TABLE T ENABLE ROW LEVEL SECURITY', undef,
		q{SELECT relrowsecurity AND EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid) FROM pg_class c WHERE oid = 'T'::regclass} ],
	[ 'a publication', 'CREATE PUBLICATION T_publication FOR TABLE T', undef,
		q{SELECT prrelid = 'T'::regclass FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE pubname = 'T_publication'} ],
	[ 'a comment', q{COMMENT ON TABLE T IS 'said late'}, undef, q{SELECT obj_description('T'::regclass) = 'said late'} ],
	[ 'VACUUM FULL', 'VACUUM FULL T; VACUUM FULL T_new', undef, 'SELECT count(*) >= 200 FROM T' ],
	[ 'TRUNCATE', q{TRUNCATE T; INSERT INTO T VALUES (1, 'anew')}, undef, q{SELECT count(*) <= 2 FROM T} ],
	[ 'REINDEX', 'REINDEX TABLE CONCURRENTLY T; REINDEX TABLE CONCURRENTLY T_new', undef, 'SELECT count(*) >= 200 FROM T' ]);
for my $case (@before)
{
	my ($name, $statements, $reason, $true, $too) = @$case;
	for my $moment ('cutover_gate', $too // ())
	{
		my $old;
		my $table = shift @pairs;
		if ($moment eq 'snapshots')
		{
			# Older than the end of a copy that is made anew.
			$server->ask("SELECT migrate_unsync('$table', '${table}_new'); TRUNCATE ${table}_new");
			$old = $node->background_psql('postgres', on_error_stop => 0);
			$old->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class;');
			my $copy = $server->ask("SELECT migrate_backfill('$table', '${table}_new')");
			$server->until_state($copy, 'succeeded', 'copied anew');
		}
		my ($job, $holder) = held_at($moment, $table, $old);
		my $what = "$name, at $moment";
		$server->ask($_) for split /; /, of($table, $statements);
		$holder->query('COMMIT') if $old;
		$holder->quit;
		my $how = ended($job, $what);
		if ($reason)
		{
			(my $expected = "$reason") =~ s/\bT(?=\b|_)/$table/g;
			like($how, qr/$expected/, "$what: it stops the swap, with the reason");
			is(key_type($table), 'integer', "$what: nothing was swapped");
			is($server->ask("SELECT count(*) FROM migrate.swap WHERE job = $job"), '0', "$what: no swap stands");
			$server->ask("INSERT INTO $table (id) VALUES (1001); SELECT migrate_cancel($job)");
			is($server->job($job, 'state'), 'cancelled', "$what: the application writes, the job can be cancelled");
		}
		else
		{
			is($how, 'succeeded', "$what: the swap succeeds");
			is($server->ask(of($table, $true)), 't', "$what: it was carried over");
			my $live = $name eq 'the source is renamed' ? "${table}_renamed" : $table;
			my $aside = $server->ask("SELECT mirror::regclass FROM migrate.swap WHERE job = $job");
			$server->ask("INSERT INTO $live VALUES (1001, 'after')");
			is(key_type($live), 'bigint', "$what: the new table is in use");
			is(differences($live, $aside), '0', "$what: the old one follows it");
			is($server->ask("SELECT count(*) FROM pg_index, LATERAL (SELECT bt_index_check(indexrelid, true)) c WHERE indrelid IN ('$live'::regclass, '$aside'::regclass)"),
				'2', "$what: amcheck finds nothing");
		}
	}
}

# ---- while the phase verify waits for it: it is committed, or rolled back ---------------------------------------
for my $end ('COMMIT', 'ROLLBACK')
{
	my $table = shift @pairs;
	my ($job, $gate) = held_at('cutover_gate', $table);
	my $ddl = $node->background_psql('postgres', on_error_stop => 0);
	$ddl->query("BEGIN; ALTER TABLE $table ADD w int;");
	$gate->quit;
	$server->until_true("SELECT phase = 'verify' AND EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = '$table'::regclass) FROM migrate.job WHERE id = $job",
		"the comparison waits for DDL ($end)");
	$ddl->query($end);
	$ddl->quit;
	my $how = ended($job, $end);
	$end eq 'COMMIT' ? like($how, qr/^failed 55000 .*the definition of public\.$table was altered/, 'it stops the swap, with the reason')
	  : is($how, 'succeeded', 'without it the swap succeeds');
	is(key_type($table), $end eq 'COMMIT' ? 'integer' : 'bigint', 'swapped or not');
}

# ---- after the locks: it waits and meets the new table. Statement, its error, what is true afterwards, whether the way
# back stays intact -----------------------------------------------------------------------------------------------
my $gone = qr/ERROR: .*"T_new" does not exist/;
my @after = (
	[ 'ALTER TABLE T ADD w int', undef, q{SELECT count(*) = 1 FROM pg_attribute WHERE attname = 'w' AND attrelid = 'T'::regclass}, 'broken' ],
	[ 'ALTER TABLE T_new ADD w int', $gone, 'SELECT true' ],
	[ 'DROP TABLE T_new', $gone, q{SELECT to_regclass('T') IS NOT NULL AND to_regclass('T_old') IS NOT NULL} ],
	[ 'ALTER TABLE T_new RENAME TO T_other', $gone, q{SELECT to_regclass('T_other') IS NULL} ],
	[ 'CREATE INDEX T_late ON T (v)', undef, q{SELECT indrelid = 'T'::regclass FROM pg_index WHERE indexrelid = 'T_late'::regclass} ],
	[ 'CREATE VIEW T_view AS SELECT id FROM T', undef, q{SELECT format_type(atttypid, NULL) = 'bigint' FROM pg_attribute WHERE attrelid = 'T_view'::regclass} ],
	[ 'CREATE TABLE T_item (m bigint REFERENCES T)', undef, q{SELECT confrelid = 'T'::regclass FROM pg_constraint WHERE conrelid = 'T_item'::regclass} ],
	[ 'CREATE TRIGGER T_late BEFORE INSERT ON T FOR EACH ROW EXECUTE FUNCTION pass()', undef, q{SELECT tgrelid = 'T'::regclass FROM pg_trigger WHERE tgname = 'T_late'} ],
	[ 'VACUUM FULL T', undef, 'SELECT count(*) = 200 FROM T' ]);
for my $case (@after)
{
	my ($sql, $error, $true, $broken) = @$case;
	for my $moment ('cutover_locked', 'cutover_before_commit')
	{
		my $table = shift @pairs;
		my $what = "$sql at $moment";
		my ($job, $gate) = held_at($moment, $table);
		my ($session, $pid) = begin(of($table, $sql));
		$server->until_true("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid", "$what: it waits");
		$gate->quit;
		is(ended($job, $what), 'succeeded', "$what: the swap succeeds");
		$session->query('SELECT 1');
		my $said = $session->{stderr} =~ s/background_psql:.*\n//gr;
		(my $expected = $error // qr/^\s*$/) =~ s/\bT(?=\b|_)/$table/g;
		like($said, qr/$expected/, "$what: what it says");
		is($server->ask(of($table, $true)), 't', "$what: it has met the new table");
		is(key_type($table), 'bigint', "$what: that is in use");
		is(key_type("${table}_old"), 'integer', "$what: the old one has stepped aside");
		$server->ask("INSERT INTO $table VALUES (1001, 'after')");
		is($server->ask("SELECT state FROM migrate.link_status WHERE source = '$table'::regclass"), $broken // 'complete', "$what: the way back");
		is(differences($table, "${table}_old"), '0', "$what: the old one follows") if !$broken;
		$session->quit;
	}
}
# GRANT takes no lock on the table: before the old table's row changes it is carried over, after that it fails.
for my $moment ('cutover_locked', 'cutover_renamed', 'cutover_before_commit')
{
	my $table = shift @pairs;
	my ($job, $gate) = held_at($moment, $table);
	my ($session, $pid) = begin("GRANT SELECT ON $table TO reader");
	$server->until_true("SELECT state = 'idle' OR wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid", "GRANT at $moment: done, or waits");
	$gate->quit;
	is(ended($job, "GRANT at $moment"), 'succeeded', "GRANT at $moment: the swap succeeds");
	$session->query('SELECT 1');
	my $failed = $session->{stderr} =~ /ERROR:  tuple concurrently updated/ ? 't' : 'f';
	is($failed, $moment eq 'cutover_locked' ? 'f' : 't', "GRANT at $moment: what it says");
	is($server->ask("SELECT NOT has_table_privilege('reader', '$table', 'SELECT')"), $failed, "GRANT at $moment: and what is so");
	$session->quit;
}

# ---- between the swap and the validation of foreign keys ---------------------------------------------------
for my $sql ('ALTER TABLE T ADD w int', 'ALTER TABLE T_item DROP CONSTRAINT T_item_m_fkey', 'ALTER TABLE T RENAME TO T_renamed', 'DROP TABLE T_item')
{
	my $table = shift @pairs;
	$server->ask("CREATE TABLE ${table}_item (m int REFERENCES $table); INSERT INTO ${table}_item VALUES (1)");
	my ($job, $gate) = held_at('cutover_committed', $table);
	$server->ask(of($table, $sql));
	$gate->quit;
	my $how = ended($job, $sql);
	my $live = $sql =~ /RENAME/ ? "${table}_renamed" : $table;
	is(key_type($live), 'bigint', "$sql before the validation: the swap stands");
	if ($sql !~ /DROP/)
	{
		is($how, 'succeeded', "$sql: the validation finds the tables by what they are");
		is($server->ask("SELECT convalidated AND confrelid = '$live'::regclass FROM pg_constraint WHERE conrelid = '${table}_item'::regclass"),
			't', "$sql: validated");
		next;
	}
	like($how, qr/^failed 42(704|P01) .*does not exist/, "$sql: nothing is left to be validated, which is an error");
	like($server->ask("SELECT error_hint FROM migrate.job WHERE id = $job"), qr/^The tables have been swapped; this was left to be done/,
		"$sql: that says that the swap stands");
	$server->ask("SELECT migrate_cancel($job)");
	is($server->job($job, 'state'), 'cancelled', "$sql: the job can be cancelled");
	is(ended($server->ask("SELECT migrate_revert('$table')"), 'revert'), 'succeeded', "$sql: and there is a way back");
	is(key_type($table), 'integer', "$sql: as it was");
}

$node->stop;
done_testing();
