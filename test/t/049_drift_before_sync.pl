# DDL of others (O6, R43) on the source before anything of ours could notice it: columns altered between the link and
# the moment dual-write begins, and indexes, constraints, triggers and statistics made on the source after its shadow
# was. None of that may be gone, without a word, with a cutover that succeeds; what cannot matter may not stand in the
# way.
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
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TABLE kind (id int PRIMARY KEY);
INSERT INTO kind SELECT generate_series(0, 9);
SQL

my $number = 0;

# A source with something of every kind; T in statements stands for its name.
sub source
{
	my $table = 'd' . ++$number;
	$server->ask(<<"SQL");
CREATE TABLE $table (id int PRIMARY KEY, kind int NOT NULL DEFAULT 1 REFERENCES kind, parent int, v varchar(40), w numeric(8, 2),
    CONSTRAINT ${table}_w CHECK (w > 0), UNIQUE (v));
CREATE INDEX ${table}_lower ON $table (lower(v)) WHERE id > 0;
CREATE TRIGGER ${table}_pass BEFORE INSERT ON $table FOR EACH ROW EXECUTE FUNCTION pass();
CREATE STATISTICS ${table}_both ON kind, parent FROM $table;
INSERT INTO $table SELECT n, n % 10, n / 2, 'v' || n, n FROM generate_series(1, 100) n;
SQL
	return $table;
}
sub of { my ($table, $sql) = @_; return $sql =~ s/\bT(?=\b|_)/$table/gr }
sub run { my ($table, $sql) = @_; $server->ask($_) for split /; /, of($table, $sql) }
# With a key of its own that looks like one that may come late, over another column.
sub shadow
{
	my ($table) = @_;
	$server->ask("SELECT migrate_shadow('$table', '${table}_new', ARRAY['ALTER COLUMN id TYPE bigint', 'ALTER COLUMN v TYPE text', 'RENAME COLUMN w TO weight', 'ADD CONSTRAINT ${table}_own UNIQUE (id, parent)'])");
}
sub by_hand
{
	my ($table) = @_;
	$server->ask("CREATE TABLE ${table}_new (id bigint PRIMARY KEY, kind int, parent int, v text, w numeric); SELECT migrate_link('$table', '${table}_new')");
}
sub ended
{
	my ($job, $what) = @_;
	$server->until_true("SELECT state IN ('failed', 'succeeded') AND NOT migrate.job_has_worker(job) FROM migrate.progress WHERE job = $job", "$what: the job ends");
	return $server->ask("SELECT concat_ws(' ', state, error_sqlstate, error_message, error_detail) FROM migrate.job WHERE id = $job");
}

# ---- the source is altered before dual-write begins -------------------------------------------------------------------
my @altered = (
	[ 'a column is added', 'ALTER TABLE T ADD x int DEFAULT 5', qr/It has now: x integer\.$/m ],
	[ 'a column is dropped that nothing maps', 'ALTER TABLE T DROP parent', qr/It had then: parent integer\.$/m ],
	[ 'a column has another type', 'ALTER TABLE T ALTER w TYPE numeric(12, 4)', qr/It has now: w numeric\(12,4\)\. It had then: w numeric\(8,2\)\.$/m ],
	[ 'a column has another collation', 'ALTER TABLE T ALTER v TYPE varchar(40) COLLATE "C"', qr/It has now: v character varying\(40\) COLLATE "C"\./ ],
	[ 'a column becomes NOT NULL', 'ALTER TABLE T ALTER v SET NOT NULL', qr/It has now: v character varying\(40\) NOT NULL\./ ],
	[ 'a column becomes an identity', 'ALTER TABLE T ALTER kind DROP DEFAULT; ALTER TABLE T ALTER kind ADD GENERATED ALWAYS AS IDENTITY',
		qr/It has now: kind integer NOT NULL GENERATED ALWAYS AS IDENTITY\./ ],
	[ 'a column is renamed', 'ALTER TABLE T RENAME parent TO "Parent"', qr/It has now: "Parent" integer\. It had then: parent integer\./ ]);
for my $case (@altered)
{
	my ($name, $statements, $detail) = @$case;
	for my $made (\&shadow, \&by_hand)
	{
		my $table = source();
		$server->ask("ALTER TABLE $table DROP CONSTRAINT ${table}_kind_fkey; DROP TRIGGER ${table}_pass ON $table") if $made == \&by_hand;
		$made->($table);
		my $what = "$name, " . ($made == \&shadow ? 'a shadow' : 'a table made by hand');
		run($table, $statements);
		for my $call ("migrate_sync('$table', '${table}_new')", "migrate_backfill('$table', '${table}_new')", "migrate_backfill('$table', '${table}_new', sync => false)")
		{
			my $error = $server->error_of("SELECT $call");
			like($error, qr/ERROR:  55000: public\.$table was altered since it was linked to public\.${table}_new\n/, "$what: $call is refused");
			like($error, $detail, "$what: with what was altered");
			like($error, qr/HINT: .*SELECT migrate_unlink\('public\.$table', 'public\.${table}_new'\)/, "$what: and the next command");
		}
		is($server->ask("SELECT count(*) FROM migrate.job WHERE source = '$table'::regclass"), '0', "$what: nothing was begun");
	}
}

# Between the call and the worker, where nobody is there to be told but the job's row.
for my $sync ('true', 'false')
{
	my $table = source();
	shadow($table);
	my $gate = $server->gate('job_connected');
	my $job = $server->ask("SELECT migrate_backfill('$table', '${table}_new', sync => $sync)");
	$server->worker_at('job_connected');
	run($table, 'ALTER TABLE T ADD x int DEFAULT 5');
	$gate->quit;
	like(ended($job, "sync => $sync"), qr/^failed 55000 public\.$table was altered since it was linked .*It has now: x integer\./, "after the call: the job stops, sync => $sync");
	is($server->ask("SELECT count(*) FROM ${table}_new"), '0', "after the call: nothing was copied, sync => $sync");
}

# T0 waits for DDL that is under way, and sees it.
{
	my $table = source();
	shadow($table);
	my $ddl = $node->background_psql('postgres', on_error_stop => 0);
	$ddl->query("BEGIN; ALTER TABLE $table ADD x int DEFAULT 5;");
	my $sync = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $sync->query('SELECT pg_backend_pid()');
	$sync->query_until(qr/begun/, "\\echo begun\nSELECT migrate_sync('$table', '${table}_new');\n");
	$server->until_true("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid", 'T0 waits for DDL');
	$ddl->query('COMMIT');
	$sync->query('SELECT 1');
	like($sync->{stderr}, qr/public\.$table was altered since it was linked/, 'T0 sees what was committed while it waited');
	$_->quit for $ddl, $sync;
}

# What cannot matter, or is undone.
{
	my $table = source();
	shadow($table);
	run($table, q{ALTER TABLE T ALTER v SET STATISTICS 50; ALTER TABLE T ALTER v SET STORAGE EXTERNAL; ALTER TABLE T SET (fillfactor = 80); COMMENT ON COLUMN T.v IS 'said'; }
		  . q{ANALYZE T; ALTER TABLE T ADD x int; ALTER TABLE T DROP x; ALTER TABLE T DROP parent; ALTER TABLE T ADD parent int; }
		  . q{REINDEX TABLE CONCURRENTLY T; VACUUM FULL T; ALTER TABLE T_new ALTER v SET STORAGE EXTERNAL; GRANT SELECT ON T TO pg_monitor});
	is(ended($server->ask("SELECT migrate_backfill('$table', '${table}_new')"), 'harmless'), 'succeeded', 'what changes no column stops nothing');
}

# ---- objects made on the source after the shadow -----------------------------------------------------------------------
# name, statements, what is named, what mends it
my @late = (
	[ 'an index', 'CREATE INDEX T_late ON T (kind, parent DESC)', 'index "T_late"', 'CREATE INDEX CONCURRENTLY T_new_late ON T_new (kind, parent DESC)' ],
	[ 'an index of expressions over a column of another type', 'CREATE INDEX T_late ON T (upper(v)) WHERE w > 1', 'index "T_late"',
		'CREATE INDEX CONCURRENTLY T_new_late ON T_new (upper(v)) WHERE weight > 1' ],
	[ 'an index like one that is there', 'CREATE INDEX T_late ON T (lower(v)) WHERE id > 0', 'index "T_late"', 'DROP INDEX T_late' ],
	[ 'a unique constraint', 'ALTER TABLE T ADD CONSTRAINT T_late UNIQUE (id, kind)', 'constraint "T_late"', 'ALTER TABLE T_new ADD CONSTRAINT T_new_late UNIQUE (id, kind)' ],
	[ 'a CHECK', 'ALTER TABLE T ADD CONSTRAINT T_late CHECK (parent >= 0)', 'constraint "T_late"', 'ALTER TABLE T_new ADD CONSTRAINT T_late CHECK (parent >= 0) NOT VALID' ],
	[ 'a CHECK of a renamed column', 'ALTER TABLE T ADD CONSTRAINT T_late CHECK (w < 1000)', 'constraint "T_late"', 'ALTER TABLE T_new ADD CONSTRAINT T_late CHECK (weight < 1000)' ],
	[ 'another CHECK by the same name', 'ALTER TABLE T DROP CONSTRAINT T_w; ALTER TABLE T ADD CONSTRAINT T_w CHECK (w > 0 AND kind >= 0)', 'constraint "T_w"', 'ALTER TABLE T DROP CONSTRAINT T_w' ],
	[ 'a foreign key', 'ALTER TABLE T ADD CONSTRAINT T_late FOREIGN KEY (kind) REFERENCES kind ON DELETE CASCADE', 'foreign key "T_late"', 'ALTER TABLE T DROP CONSTRAINT T_late' ],
	[ 'a trigger', 'CREATE TRIGGER T_late BEFORE UPDATE ON T FOR EACH ROW EXECUTE FUNCTION pass()', 'trigger "T_late"', 'DROP TRIGGER T_late ON T' ],
	[ 'a trigger that is disabled', 'ALTER TABLE T DISABLE TRIGGER T_pass', 'trigger "T_pass"', 'ALTER TABLE T ENABLE TRIGGER T_pass' ],
	[ 'statistics', 'CREATE STATISTICS T_late (ndistinct) ON id, kind FROM T', 'statistics object "public.T_late"', 'CREATE STATISTICS T_new_late (ndistinct) ON id, kind FROM T_new' ]);
for my $case (@late)
{
	my ($name, $statements, $named, $mend) = @$case;
	for my $moment ('before the copy', 'after the copy', 'after the call')
	{
		my $table = source();
		my $what = "$name, $moment";
		shadow($table);
		run($table, $statements) if $moment eq 'before the copy';
		is(ended($server->ask("SELECT migrate_backfill('$table', '${table}_new')"), $what), 'succeeded', "$what: copied");
		run($table, $statements) if $moment eq 'after the copy';
		my $cutover = "SELECT migrate_cutover('$table', '${table}_new')";
		my $expected = of($table, $named);
		my $job;
		if ($moment eq 'after the call')
		{
			my $gate = $server->gate('cutover_gate');
			$job = $server->ask($cutover);
			$server->worker_at('cutover_gate');
			run($table, $statements);
			$gate->quit;
			like(ended($job, $what), qr/^failed 55000 public\.$table has got what public\.${table}_new lacks since that was made \Q$expected\E: made or altered since/,
				"$what: it stops the swap under its locks, and is named");
		}
		else
		{
			my $error = $server->error_of($cutover);
			like($error, qr/ERROR:  55000: public\.$table has got what public\.${table}_new lacks since that was made\nDETAIL:  \Q$expected\E: made or altered since/, "$what: the call is refused, and names it");
			like($error, qr/HINT:  Make the same on public\.${table}_new/, "$what: with the way out");
		}
		run($table, $mend);
		if ($job) { $server->ask("SELECT migrate_resume($job)") }
		else { $job = $server->ask($cutover) }
		is(ended($job, $what), 'succeeded', "$what: that leads to a cutover");
	}
}

# The gate is asked before a comparison of hours, not only the locks after it.
{
	my $table = source();
	shadow($table);
	ended($server->ask("SELECT migrate_backfill('$table', '${table}_new')"), 'gate');
	my $gate = $server->gate('job_connected');
	my $job = $server->ask("SELECT migrate_cutover('$table', '${table}_new')");
	$server->worker_at('job_connected');
	run($table, $late[0][1]);
	$gate->quit;
	like(ended($job, 'gate'), qr/^failed 55000 .*index "${table}_late": made or altered since/, 'between the call and the gate: it is named');
	is($server->job($job, 'phase'), 'gate', 'before anything else was done');
}

# An index that comes while the shadow is made, too late to be made there.
{
	my $table = source();
	my $gate = $server->gate('shadow_made');
	my $maker = $node->background_psql('postgres', on_error_stop => 0);
	$maker->query_until(qr/begun/, "\\echo begun\nSELECT migrate_shadow('$table', '${table}_new');\n");
	$server->worker_at('shadow_made');
	run($table, $late[0][1]);
	$gate->quit;
	$maker->query('SELECT 1');
	$maker->quit;
	is(ended($server->ask("SELECT migrate_backfill('$table', '${table}_new')"), 'while the shadow is made'), 'succeeded', 'while the shadow is made: copied');
	like($server->error_of("SELECT migrate_cutover('$table', '${table}_new')"), qr/index "${table}_late": made or altered since/, 'while the shadow is made: it is named');
}

# Everything at once is named at once; what was made of the same kind on a table made by hand is its maker's choice.
{
	my $table = source();
	shadow($table);
	run($table, $late[0][1]);
	run($table, of($table, 'ALTER TABLE T ADD CONSTRAINT T_more CHECK (id > 0)'));
	ended($server->ask("SELECT migrate_backfill('$table', '${table}_new')"), 'several');
	like($server->error_of("SELECT migrate_cutover('$table', '${table}_new')"), qr/DETAIL:  constraint "${table}_more", index "${table}_late": made or altered since/, 'several objects are named together');
	my $own = source();
	$server->ask("ALTER TABLE $own DROP CONSTRAINT ${own}_kind_fkey; DROP TRIGGER ${own}_pass ON $own");
	by_hand($own);
	run($own, $late[0][1]);
	ended($server->ask("SELECT migrate_backfill('$own', '${own}_new')"), 'by hand');
	is(ended($server->ask("SELECT migrate_cutover('$own', '${own}_new')"), 'by hand'), 'succeeded', 'a table made by hand: its indexes are what its maker chose');
}

# What changes nothing, what the swap carries over by itself, and what is dropped, stop nothing.
{
	my $table = source();
	shadow($table);
	ended($server->ask("SELECT migrate_backfill('$table', '${table}_new')"), 'harmless');
	run($table, 'REINDEX TABLE CONCURRENTLY T; ALTER INDEX T_lower RENAME TO T_lowered; ALTER TABLE T RENAME CONSTRAINT T_w TO T_positive; '
		  . 'ALTER TABLE T ADD CONSTRAINT T_tree FOREIGN KEY (parent) REFERENCES T NOT VALID; DROP STATISTICS T_both; ALTER TABLE T RENAME TO T_renamed');
	is(ended($server->ask("SELECT migrate_cutover('${table}_renamed', '${table}_new')"), 'harmless'), 'succeeded', 'new names, REINDEX, a key to itself, a removal: the cutover succeeds');
	is($server->ask("SELECT confrelid = conrelid FROM pg_constraint WHERE conname = '${table}_tree' AND conrelid = '${table}_renamed'::regclass"), 't', 'the key to itself went along');
}

# ---- the way back ------------------------------------------------------------------------------------------------------
{
	my $table = source();
	shadow($table);
	ended($server->ask("SELECT migrate_backfill('$table', '${table}_new')"), 'there');
	is(ended($server->ask("SELECT migrate_cutover('$table', '${table}_new')"), 'there'), 'succeeded', 'there');
	run($table, 'CREATE INDEX T_late ON T (kind)');
	my ($code, $out, $said) = $node->psql('postgres', "SELECT migrate_revert('$table')");
	like($said, qr/NOTICE:  public\.$table has got what public\.${table}_old lacks since the cutover\nDETAIL:  index "${table}_late": they stay with the table that steps aside, ${table}_new\./,
		'the call for the way back names what was made since');
	is(ended($out, 'back'), 'succeeded', 'and goes there');
	is($server->ask("SELECT message FROM migrate.event WHERE job = $out AND message LIKE 'made on %'"),
		"made on public.$table after the cutover, not on public.${table}_old: index \"${table}_late\"; they stay with the former, which is now ${table}_new", 'so does the event');
	is($server->ask("SELECT indrelid = '${table}_new'::regclass FROM pg_index WHERE indexrelid = '${table}_late'::regclass"), 't', 'the index has stayed');
	($code, $out, $said) = $node->psql('postgres', "SELECT migrate_cutover('$table', '${table}_new')");
	is($said, '', 'nothing is missing on the way there');
	is(ended($out, 'there again'), 'succeeded', 'which can be gone again');
	($code, $out, $said) = $node->psql('postgres', "SELECT migrate_revert('$table')");
	is($said, '', 'what the new table brought is not new');
	is(ended($out, 'back again'), 'succeeded', 'and back again');
}

$node->stop;
done_testing();
