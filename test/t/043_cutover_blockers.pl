# Who stands in the way of a swap: it waits as long as it was told and no longer, says for whom, and harms
# nobody but whom it was allowed to (P2, P5; R16, R36, R42, O26, O35, O36, O60, O61).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use JobNode;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $server = JobNode->new(
	'main',
	shared_preload_libraries => 'pg_cutover',
	'pg_cutover.launcher_naptime' => 60,
	max_prepared_transactions => 5,
	max_connections => 30,
	autovacuum => 'off');
my $node = $server->node;

sub make_pair
{
	my ($name, $database, $more) = @_;
	$more //= '';
	$server->ask(<<"SQL", $database);
CREATE TABLE $name (id int PRIMARY KEY, v text);
INSERT INTO $name SELECT n, 'v' FROM generate_series(1, 1000) n;
$more
SELECT migrate_shadow('$name', '${name}_new', ARRAY['ALTER COLUMN id TYPE bigint']);
SQL
	return;
}

sub copy
{
	my ($name, $database) = @_;
	my $job = $server->ask("SELECT migrate_backfill('$name', '${name}_new')", $database);
	$server->until_state($job, 'succeeded', "$name is copied", database => $database // 'postgres');
	return;
}

sub swapped
{
	my ($name, $database) = @_;
	return $server->ask(
		"SELECT atttypid = 'bigint'::regtype FROM pg_attribute WHERE attrelid = '$name'::regclass AND attname = 'id'",
		$database);
}

# A session in a transaction, its first statement run.
sub session
{
	my ($sql, %options) = @_;
	my $session = $node->background_psql($options{database} // 'postgres', on_error_stop => 0,
		extra_params => [
			$options{user} ? ('-U', $options{user}) : (),
			$options{walsender} ? ('-d', $node->connstr($options{database}) . ' replication=database') : () ]);
	my $pid = $session->query('SELECT pg_backend_pid()');
	$session->query($sql);
	return ($session, $pid);
}

sub alive
{
	my ($pid) = @_;
	return $server->ask("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid");
}

# ---- R36, O26, O31: a reader holds the table -------------------------------------------------------------------
make_pair('busy');
copy('busy');
{
	my ($reader, $pid) = session('BEGIN; SELECT count(*) FROM busy;');
	my $dir = PostgreSQL::Test::Utils::tempdir();
	PostgreSQL::Test::Utils::append_to_file("$dir/read.sql", "SELECT v FROM busy WHERE id = 1;\n");
	my $load = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '2', '-T', '6', '-l', "--log-prefix=$dir/latency", '-f', "$dir/read.sql",
			'-h', $node->host, '-p', $node->port, 'postgres' ], '>', \my $out, '2>', \my $err);
	my $job = $server->ask("SELECT migrate_cutover('busy', 'busy_new', lock_timeout => '200 ms', attempts => 6)");
	$server->until_state($job, 'failed', 'attempts give up while a reader holds the table');
	$load->finish;
	like($server->job($job, 'error'), qr/could not lock public\.busy and public\.busy_new in 6 attempts/, 'and say so');
	is($server->ask("SELECT error_sqlstate FROM migrate.job WHERE id = $job"), '55P03', 'as lock_not_available');
	like($server->ask("SELECT error_detail FROM migrate.job WHERE id = $job"), qr/pid $pid .*idle in transaction/,
		'with the reader\'s pid and state');
	like($server->ask("SELECT message FROM migrate.event_log WHERE job = $job AND message LIKE 'gave up%'"), qr/pid $pid /,
		'in the event log too');
	my ($longest, $queries) = (0, 0);
	for my $file (glob "$dir/latency*")
	{
		for my $line (split /\n/, PostgreSQL::Test::Utils::slurp_file($file))
		{
			my $microseconds = (split / /, $line)[2];
			$longest = $microseconds if $microseconds > $longest;
			++$queries;
		}
	}
	note("$queries queries, the longest took $longest us");
	cmp_ok($longest, '>', 100_000, 'somebody queued behind an attempt');
	cmp_ok($longest, '<', 800_000, 'and not for much longer than lock_timeout');
	is(swapped('busy'), 'f', 'nothing was swapped');
	is(alive($pid), '1', 'nobody was terminated');
	$server->ask("SELECT migrate_resume($job)");
	$server->until_true("SELECT waiting_for LIKE 'attempt %pid $pid %' FROM migrate.job WHERE id = $job",
		'a resumed job begins with fresh attempts and names who is in the way');
	$reader->query('COMMIT');
	$server->until_state($job, 'succeeded', 'it succeeds once the reader has ended');
	is(swapped('busy'), 't', 'swapped');
	$reader->quit;
}

# ---- O60: a snapshot from before the end of the copy -------------------------------------------------------
make_pair('seen');
{
	my ($old, $old_pid) = session('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class;');
	copy('seen');
	my ($young, $young_pid) = session('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class;');
	my $job = $server->ask("SELECT migrate_cutover('seen', 'seen_new')");
	$server->until_true("SELECT phase = 'snapshots' AND waiting_for LIKE '%pid $old_pid %' FROM migrate.job WHERE id = $job",
		'an old snapshot is waited for, by name');
	unlike($server->ask("SELECT waiting_for FROM migrate.job WHERE id = $job"), qr/pid $young_pid /, 'a young one is not');
	is(swapped('seen'), 'f', 'not yet swapped');
	is($old->query('SELECT count(*) FROM seen'), '1000', 'the old snapshot sees all rows');
	$old->query('COMMIT');
	$server->until_state($job, 'succeeded', 'the swap follows the end of the old snapshot');
	is($young->query('SELECT count(*) FROM seen'), '1000', 'the young snapshot sees all rows after it');
	$young->query('COMMIT');
	$_->quit for $old, $young;
}

# ---- R16, O61: prepared transactions -------------------------------------------------------------------------
make_pair('prepared');
copy('prepared');
{
	my $gate = $server->gate('cutover_gate');
	my $job = $server->ask(<<'SQL');
BEGIN \; SELECT FROM prepared LIMIT 0 \; PREPARE TRANSACTION 'young';
SELECT migrate_cutover('prepared', 'prepared_new', lock_timeout => '50 ms', attempts => 2);
ROLLBACK PREPARED 'young';
SQL
	like($job, qr/^\d+$/, 'a young prepared transaction is no reason to refuse');
	$server->worker_at('cutover_gate');
	$server->ask("BEGIN; UPDATE prepared SET v = 'p' WHERE id = 1; PREPARE TRANSACTION 'the gid';");
	$gate->quit;
	$server->until_state($job, 'failed', 'a prepared transaction in the way');
	like($server->ask("SELECT error_detail FROM migrate.job WHERE id = $job"), qr/prepared transaction 'the gid'/,
		'is named by its gid');
	sleep 3;
	my $error = $server->error_of("SELECT migrate_cutover('prepared', 'prepared_new')");
	like($error, qr/55000.*a prepared transaction holds a table/, 'a forgotten one is refused in the call');
	like($error, qr/'the gid'/, 'by its gid');
	$server->ask("COMMIT PREPARED 'the gid'");
	$server->ask("SELECT migrate_resume($job)");
	$server->until_state($job, 'succeeded', 'without it the job resumes');
	is($server->ask('SELECT v FROM prepared WHERE id = 1'), 'p', 'and its write is there');
}

# ---- R42, O27: two operators ---------------------------------------------------------------------------------------
make_pair('contested');
copy('contested');
{
	my $gate = $server->gate('cutover_gate');
	my $job = $server->ask("SELECT migrate_cutover('contested', 'contested_new')");
	$server->worker_at('cutover_gate');
	like($server->error_of("SELECT migrate_cutover('contested', 'contested_new')"), qr/55006.*job $job works on/,
		'a second cutover is refused');
	like($server->error_of("SELECT migrate_revert('contested')"), qr/55000.*has not taken the place/, 'so is a revert');
	$server->ask("SELECT migrate_cancel($job)");
	$gate->quit;
	$server->until_true("SELECT NOT migrate.job_has_worker($job)", 'a cancelled job ends');
	is(swapped('contested'), 'f', 'before the swap, so nothing was swapped');
	my $next = $server->ask("SELECT migrate_cutover('contested', 'contested_new')");
	$server->until_state($next, 'succeeded', 'the next cutover works');
	like($server->error_of("SELECT migrate_cutover('contested_old', 'contested')"), qr/55000.*swapped already/,
		'the same again is refused');
}

# ---- O35: a transaction with a pending deferred foreign key check ------------------------------------------------
make_pair('parent');
copy('parent');
{
	$server->ask('CREATE TABLE child (id int, parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)');
	my ($writer, $pid) = session('BEGIN; INSERT INTO child VALUES (1, 5000);');
	my $job = $server->ask("SELECT migrate_cutover('parent', 'parent_new', lock_timeout => '100 ms')");
	$server->until_true("SELECT waiting_for LIKE '%pid $pid %child%' FROM migrate.job WHERE id = $job",
		'it is in the way of the swap');
	is($writer->query("INSERT INTO parent VALUES (5000, 'late') RETURNING id"), '5000', 'and goes on');
	$writer->query('COMMIT');
	$server->until_state($job, 'succeeded', 'the swap follows');
	is($server->ask('SELECT count(*) FROM child'), '1', 'its check was made against the right table');
	is($server->ask("SELECT confrelid = 'parent'::regclass AND convalidated AND condeferred FROM pg_constraint WHERE conrelid = 'child'::regclass"),
		't', 'the foreign key references the new table, validated and deferred');
	like($server->error_of('INSERT INTO child VALUES (2, 7777)'), qr/23503/, 'and is enforced');
	$writer->quit;
}

# ---- O36: whom it may terminate, in two databases from one template: all OIDs are the same --------------------------
{
	$server->ask('CREATE ROLE app LOGIN REPLICATION');
	$server->ask('CREATE DATABASE template_of_two');
	$server->ask('CREATE EXTENSION pg_cutover', 'template_of_two');
	make_pair('held', 'template_of_two');
	$server->ask('GRANT SELECT, INSERT, UPDATE, DELETE ON held TO app', 'template_of_two');
	copy('held', 'template_of_two');
	$server->ask(<<'SQL', 'template_of_two');
CREATE TABLE child_1 (id int PRIMARY KEY, held int REFERENCES held);
CREATE TABLE child_2 (LIKE child_1, FOREIGN KEY (held) REFERENCES held);
CREATE TABLE child_3 (LIKE child_1, FOREIGN KEY (held) REFERENCES held);
CREATE TABLE unrelated (id int);
GRANT ALL ON child_1, child_2, child_3, unrelated TO app;
SQL
	$server->until_true("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'template_of_two')", 'the worker has left');
	$server->ask("CREATE DATABASE $_ TEMPLATE template_of_two") for qw(one two);
	is($server->ask("SELECT 'held'::regclass::oid", 'one'), $server->ask("SELECT 'held'::regclass::oid", 'two'), 'one OID in two databases');

	# Prepared transactions that nobody commits, on another table, and on the same OID in another database.
	$server->ask("BEGIN; SELECT FROM unrelated; PREPARE TRANSACTION 'unrelated'", 'one');
	$server->ask("BEGIN; SELECT FROM held; PREPARE TRANSACTION 'elsewhere'", 'two');
	$server->until_true("SELECT bool_and(prepared < clock_timestamp() - interval '2.1 s') FROM pg_prepared_xacts", 'forgotten ones');

	my %pid;
	my %session;
	my $open = sub {
		my ($name, $sql, %options) = @_;
		($session{$name}, $pid{$name}) = session("BEGIN; $sql;", database => 'one', user => 'app', %options);
	};
	$open->('a reader', 'SELECT count(*) FROM held');
	my $expendable = $pid{'a reader'};
	$open->('a superuser', 'SELECT count(*) FROM held', user => undef);
	$open->('who holds the same OID in another database', 'SELECT count(*) FROM held', database => 'two');
	$open->('who reads another table', 'SELECT count(*) FROM unrelated');
	$open->('a walsender', 'SELECT count(*) FROM held', walsender => 1);
	is($server->ask("SELECT backend_type FROM pg_stat_activity WHERE pid = $pid{'a walsender'}"), 'walsender', 'it is one');

	my $gate = $server->gate('cutover_gate', 'one');
	my $job = $server->ask("SELECT migrate_cutover('held', 'held_new', lock_timeout => '50 ms', attempts => 3, verify => false)", 'one');
	like($job, qr/^\d+$/, 'other tables\' prepared transactions are no reason to refuse');
	$server->worker_at('cutover_gate');
	my %table = ('SHARE' => 'held', 'SHARE ROW EXCLUSIVE' => 'child_1', 'EXCLUSIVE' => 'child_2', 'ACCESS EXCLUSIVE' => 'child_3');
	$open->("who locked a table on purpose ($_)", "LOCK TABLE $table{$_} IN $_ MODE") for sort keys %table;
	# It waits for the SHARE lock, and holds nothing.
	my $waiter = $node->background_psql('one', on_error_stop => 0, extra_params => [ '-U', 'app' ]);
	$session{'who waits'} = $waiter;
	$pid{'who waits'} = $waiter->query('SELECT pg_backend_pid()');
	$waiter->query_until(qr/begun/, "\\echo begun\nUPDATE held SET v = 'waited' WHERE id = 1;\n");
	$server->until_true("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid{'who waits'}", 'a writer waits');
	$gate->quit;
	$server->until_state($job, 'failed', 'without being told to', database => 'one');
	is(alive($pid{$_}), '1', "it does not terminate: $_") for sort keys %pid;

	$job = $server->ask("SELECT migrate_cancel($job); SELECT migrate_cutover('held', 'held_new', lock_timeout => '50 ms', attempts => 12, terminate_blockers_after => '700 ms', verify => false)", 'one');
	$job =~ s/.*\n//s;
	$server->until_state($job, 'failed', 'some may not be terminated', database => 'one');
	is(alive($expendable), '0', 'a reader is, when it was asked for');
	is(alive($pid{$_}), '1', "terminated is not: $_") for grep { $_ ne 'a reader' } sort keys %pid;
	is($server->ask("SELECT string_agg(message ~ '^terminated: ' || ' ' || (details ->> 'pid'), ', ') FROM migrate.event_log WHERE job = $job AND details ? 'pid'", 'one'),
		"true $expendable", 'that, and no other attempt at it, is on record');
	is($server->ask(<<"SQL", 'one'), 't', 'not before its time');
SELECT k.at - s.at >= interval '700 ms' FROM migrate.event_log k, migrate.event_log s
 WHERE k.job = $job AND k.message LIKE 'terminated: %' AND s.job = $job AND s.message LIKE '% entered phase swap'
SQL
	$session{$_}->query('COMMIT') for grep { !/elsewhere|another database|a reader|who waits/ } sort keys %session;
	$server->ask("SELECT migrate_resume($job)", 'one');
	$server->until_state($job, 'succeeded', 'it succeeds without them', database => 'one');
	is(swapped('held', 'one'), 't', 'swapped in one database');
	is(swapped('held', 'two'), 'f', 'not in the other');
	is($server->ask('SELECT v FROM held WHERE id = 1', 'one'), 'waited', 'the writer that waited has written');
	eval { $_->quit } for values %session;
	$server->ask("ROLLBACK PREPARED 'unrelated'", 'one');
	$server->ask("ROLLBACK PREPARED 'elsewhere'", 'two');
}

# ---- O36: with the rights of the job's role, and nothing on suspicion ------------------------------------------
{
	$server->ask('CREATE ROLE keeper LOGIN; GRANT CREATE ON SCHEMA public TO keeper');
	$server->ask("SELECT migrate_grant('keeper')");
	make_pair('kept', undef, 'ALTER TABLE kept OWNER TO keeper; GRANT SELECT ON kept TO app;');
	copy('kept');
	my ($hidden, $hidden_pid) = session('BEGIN; SELECT count(*) FROM kept;', user => 'app');
	my $told = "SELECT string_agg(regexp_replace(message, ':.*', ''), ', ') FROM migrate.event_log WHERE details ->> 'pid' = '$hidden_pid'";
	my $job = $server->ask("SELECT migrate_cutover('kept', 'kept_new', lock_timeout => '20 ms', attempts => 3, terminate_blockers_after => '1 ms')");
	$server->until_state($job, 'failed', 'a session that the job\'s role knows nothing about');
	is($server->ask($told), '', 'is not tried to be terminated');
	like($server->ask("SELECT error_detail FROM migrate.job WHERE id = $job"), qr/pid $hidden_pid /, 'but named');
	$server->ask("GRANT pg_read_all_stats TO keeper; SELECT migrate_resume($job)");
	$server->until_state($job, 'failed', 'one that it may look at, but not terminate');
	like($server->ask($told), qr/^could not be terminated \(.*\), could not be terminated \(.*\)$/,
		'is on record as such');
	is(alive($hidden_pid), '1', 'and lives');
	$server->ask("GRANT pg_signal_backend TO keeper; SELECT migrate_resume($job)");
	$server->until_state($job, 'succeeded', 'one that it may terminate');
	is(alive($hidden_pid), '0', 'is');
	is(swapped('kept'), 't', 'swapped');
	eval { $hidden->quit };
}

# Who ends them has to know what they are: with the right to signal alone nobody is terminated.
{
	$server->ask(<<'SQL');
CREATE ROLE mover LOGIN IN ROLE pg_signal_backend;
SELECT migrate_grant('mover');
GRANT CREATE ON SCHEMA public TO mover;
SQL
	make_pair('unseen');
	copy('unseen');
	$server->ask(<<'SQL');
ALTER TABLE unseen OWNER TO mover;
ALTER TABLE unseen_new OWNER TO mover;
GRANT SELECT ON unseen TO app;
SQL
	my ($reader, $pid) = session('BEGIN; SELECT count(*) FROM unseen;', user => 'app');
	my $job = $server->node->safe_psql('postgres',
		"SELECT migrate_cutover('unseen', 'unseen_new', lock_timeout => '50 ms', attempts => 3, terminate_blockers_after => '0')",
		extra_params => [ '-U', 'mover' ]);
	$server->until_state($job, 'failed', 'somebody is in the way');
	is(alive($pid), '1', 'and stays, since the job may not know what it is');
	like($server->ask("SELECT error_detail FROM migrate.job WHERE id = $job"), qr/pid $pid \('[^,]*'\) holds /,
		'which it is not told either');
	$server->ask('GRANT pg_read_all_stats TO mover');
	$server->ask("SELECT migrate_resume($job)");
	$server->until_state($job, 'succeeded', 'once it may, the swap goes through');
	is(alive($pid), '0', 'over the reader');
	eval { $reader->quit };
}

done_testing();
