# What a swap is protected by, each against the very thing that it prevents: the order of its locks, the lock on its
# job's row, the comparison before it, the wait for snapshots that do not see what was mended, rows rejected since the
# gate, and which index takes which name (P1, P2, P4, P5; O19, O26, O52, R38, R41, R42).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use JobNode;
use Test::More;

my $server = JobNode->new(
	'main',
	shared_preload_libraries => 'pg_cutover',
	'pg_cutover.launcher_naptime' => 60,
	autovacuum => 'off');

sub session { return $server->node->background_psql('postgres', on_error_stop => 0) }

# What a session's statement said on standard error; empty where it worked.
sub error_in
{
	my ($session, $sql) = @_;
	$session->{stderr} = '';
	$session->query($sql);
	return $session->{stderr};
}

# Waits until a job has ended, however it did; whether it ended so.
sub ends
{
	my ($job, $state, $what) = @_;
	$server->until_true("SELECT state NOT IN ('queued', 'running') FROM migrate.progress WHERE job = $job",
		"$what: it ends");
	return is($server->job($job, 'state'), $state, $what);
}

sub make_pair
{
	my ($name, $more) = @_;
	$server->ask(<<"SQL");
CREATE TABLE $name (id int PRIMARY KEY, v text, doc json);
INSERT INTO $name SELECT n, 'v' || n, json_build_object('n', n) FROM generate_series(1, 200) n;
@{[ $more // '' ]}
SELECT migrate_shadow('$name', '${name}_new', ARRAY['ALTER COLUMN id TYPE bigint']);
SQL
	my $job = $server->ask("SELECT migrate_backfill('$name', '${name}_new')");
	ends($job, 'succeeded', "$name is copied");
	return;
}

sub swapped
{
	my ($name) = @_;
	return $server->ask(
		"SELECT atttypid = 'bigint'::regtype FROM pg_attribute WHERE attrelid = '$name'::regclass AND attname = 'id'");
}

# How many AccessExclusiveLocks on the mirror there are while one on the table in use is waited for.
sub locked_while_waiting
{
	my ($live, $mirror) = @_;
	my $strong = "FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation =";
	$server->until_true("SELECT EXISTS (SELECT $strong '$live'::regclass AND NOT granted)",
		"the swap waits for a writer of $live");
	return $server->ask("SELECT count(*) $strong '$mirror'::regclass");
}

# ---- The table in use is locked before its mirror, as writers lock them ----------------------------------------------
make_pair('ordered');
for my $case ([ "migrate_cutover('ordered', 'ordered_new', lock_timeout => '20 s')", 'ordered_new', 1001 ],
	[ "migrate_revert('ordered', lock_timeout => '20 s')", 'ordered_old', 1002 ])
{
	my ($call, $mirror, $id) = @$case;
	my ($what) = $call =~ /_(\w+)/;
	# The writer that has not come to the mirror yet is the one that a wrong order deadlocks with.
	my $late = session();
	$late->query_safe("SET lock_timeout = '3s'; BEGIN; LOCK TABLE ordered IN ROW EXCLUSIVE MODE");
	my $job = $server->ask("SELECT $call");
	is(locked_while_waiting('ordered', $mirror), '0', "$what: and has not touched the mirror's lock");
	is(error_in($late, "INSERT INTO ordered VALUES ($id, 'late')"), '', "$what: so that the writer gets to the mirror");
	is(error_in($late, 'COMMIT'), '', "$what: and commits");
	ends($job, 'succeeded', "$what: the swap follows");
	$late->quit;
}
is(swapped('ordered') . $server->ask('SELECT count(*) FROM ordered WHERE id > 1000'), 'f2',
	'there and back, with both rows');

# ---- R42: an operator's word comes before the swap or after it, never into the middle -------------------------
for my $verb (qw(cancel pause))
{
	make_pair("told_$verb");
	my ($gate, $later) = ($server->gate('cutover_locked'), $server->gate('cutover_committed'));
	my $job = $server->ask("SELECT migrate_cutover('told_$verb', 'told_${verb}_new')");
	$server->worker_at('cutover_locked');
	my $operator = session();
	$operator->query_until(qr/begun/, "\\echo begun\nSELECT migrate_$verb($job);\n");
	$server->until_true(
		"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
		  . "AND query LIKE 'SELECT migrate_$verb%')",
		"$verb waits while the swap is made", seconds => 10);
	is($server->ask("SELECT state FROM migrate.job WHERE id = $job"), 'running', "$verb: the job runs");
	$gate->quit;
	is(error_in($operator, 'SELECT'), '', "$verb: it takes effect before the job goes on");
	is(swapped("told_$verb"), 't', "$verb: the swap has been made");
	$later->quit;
	$server->until_true("SELECT NOT migrate.job_has_worker($job)", "$verb: the worker leaves");
	is($server->ask("SELECT count(*) FROM migrate.event_log WHERE job = $job AND kind = 'cutover' "
			  . "AND message LIKE '%took the place%'"), '1',
		"$verb: and the event log says so");
	$operator->quit;
	if ($verb eq 'cancel')
	{
		is($server->job($job, 'state'), 'cancelled', 'cancel: what was left to do after the swap is not done');
		next;
	}
	$server->ask("SELECT migrate_resume($job)");
	ends($job, 'succeeded', 'pause: resumed, the job goes on after the swap');
	is(swapped("told_$verb"), 't', 'pause: and does not swap again');
}
# What the worker reads of its job is the row that it locks: here the row says meanwhile that it is cancelled.
make_pair('withdrawn');
{
	my $reader = session();
	$reader->query_safe('BEGIN; SELECT count(*) FROM withdrawn');
	my $job = $server->ask(
		"SELECT migrate_cutover('withdrawn', 'withdrawn_new', lock_timeout => '5 ms', attempts => 1000)");
	$server->until_true("SELECT attempts >= 4 FROM migrate.job WHERE id = $job",
		'attempts fail while a reader is in the way');
	my $operator = session();
	# Between two attempts, without the signal that migrate_cancel sends.
	$server->until_true("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Extension' "
		  . "AND application_name LIKE 'pg_cutover: job $job %')", 'the next one is awaited');
	$operator->query_safe("BEGIN; UPDATE migrate.job SET state = 'cancelled' WHERE id = $job");
	$reader->query_safe('COMMIT');
	$server->until_true("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
		  . "AND application_name LIKE 'pg_cutover: job $job %')",
		'the next attempt begins with the job\'s row');
	$operator->query_safe('COMMIT');
	$server->until_true("SELECT NOT migrate.job_has_worker($job)", 'the worker leaves');
	is(swapped('withdrawn'), 'f', 'nothing was swapped for a job that is cancelled');
	$_->quit for $reader, $operator;
}

# ---- The comparison: nothing else betrays these mirrors ---------------------------------------------------------
my %forgeries = (
	value => "UPDATE forged_value_new SET v = 'forged' WHERE id = 7",
	null => 'UPDATE forged_null_new SET v = NULL WHERE id = 7',
	exchange => 'UPDATE forged_exchange_new f SET v = o.v FROM forged_exchange_new o '
	  . 'WHERE f.id + o.id = 15 AND f.id IN (7, 8)',
	json => q{UPDATE forged_json_new SET doc = '{"n": 8}' WHERE id = 7},
	extra => q{INSERT INTO forged_extra_new VALUES (777, 'extra')},
	missing => 'DELETE FROM forged_missing_new WHERE id = 7',
	twice => 'UPDATE forged_twice_new SET id = 777 WHERE id = 7',
);
for my $forgery (sort keys %forgeries)
{
	make_pair("forged_$forgery");
	$server->ask("SET session_replication_role = replica; ALTER TABLE forged_${forgery}_new DISABLE TRIGGER ALL; "
		  . $forgeries{$forgery});
	my $job = $server->ask("SELECT migrate_cutover('forged_$forgery', 'forged_${forgery}_new')");
	ends($job, 'failed', "$forgery: a forged mirror is found");
	like($server->job($job, 'error'), qr/do not hold the same rows/, "$forgery: as one that differs");
	is(swapped("forged_$forgery"), 'f', "$forgery: nothing was swapped");
}

# ---- Rows that the mirror rejected -------------------------------------------------------------------------------
# A unique index that only the mirror has: a duplicate fits in once the other row is gone.
sub make_unique
{
	my ($name) = @_;
	$server->ask(<<"SQL");
CREATE TABLE $name (id int PRIMARY KEY, v text);
CREATE TABLE ${name}_new (id bigint PRIMARY KEY, v text UNIQUE);
SELECT migrate_link('$name', '${name}_new');
SELECT migrate_sync('$name', '${name}_new', on_reject => 'record');
INSERT INTO $name VALUES (1, 'once'), (2, 'other');
SQL
	my $job = $server->ask("SELECT migrate_backfill('$name', '${name}_new')");
	ends($job, 'succeeded', "$name is copied");
	return;
}
sub ids { return "SELECT string_agg(id::text, ',' ORDER BY id) FROM $_[0]" }
sub rejected { return $server->ask('SELECT count(*) FROM migrate.rejected_row') }

# A snapshot that is younger than the copy and older than the mending sees the row in the source alone.
make_unique('mended');
{
	$server->ask("INSERT INTO mended VALUES (3, 'once')");
	is(rejected(), '1', 'a row is rejected');
	my ($old, $young) = (session(), session());
	$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class');
	$server->ask('DELETE FROM mended WHERE id = 1');
	my $pid = $old->query_safe('SELECT pg_backend_pid()');
	my $late = session();
	$late->query_safe('BEGIN; LOCK TABLE mended IN ROW EXCLUSIVE MODE');
	my $job = $server->ask("SELECT migrate_cutover('mended', 'mended_new', lock_timeout => '20 s')");
	is(locked_while_waiting('mended', 'mended_new'), '0', 'to mend it the table in use is locked first, too');
	$late->query_safe('COMMIT');
	$late->quit;
	$server->until_true(
		"SELECT phase = 'snapshots' AND waiting_for LIKE '%pid $pid %' FROM migrate.job WHERE id = $job",
		'the swap waits for a snapshot that does not see what was mended', seconds => 10);
	is($server->ask(ids('mended_new')), '2,3', 'which is in the mirror now');
	$young->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class');
	is($old->query_safe(ids('mended')), '1,2,3', 'that snapshot sees every row of its own');
	$old->query_safe('COMMIT');
	ends($job, 'succeeded', 'the swap follows its end, a younger one notwithstanding');
	is($young->query_safe(ids('mended')), '2,3', 'which sees every row as well');
	is(rejected() . swapped('mended'), '0t', 'nothing is left to mend');
	$_->quit for $old, $young;
}

# One that is rejected after the gate was passed is not mended under the locks: older snapshots would miss it.
make_unique('rejecting');
{
	my $gate = $server->gate('cutover_gate');
	my $job = $server->ask("SELECT migrate_cutover('rejecting', 'rejecting_new', verify => false)");
	$server->worker_at('cutover_gate');
	$server->ask("INSERT INTO rejecting VALUES (3, 'once'); DELETE FROM rejecting WHERE id = 1");
	$gate->quit;
	ends($job, 'failed', 'a row rejected after the gate stops the swap');
	like($server->job($job, 'error'), qr/has rejected rows since the gate was passed/, 'for that reason');
	is(swapped('rejecting') . rejected(), 'f1', 'nothing was changed');
	$server->ask("SELECT migrate_resume($job)");
	ends($job, 'succeeded', 'resumed, it mends the row first');
	is($server->ask(ids('rejecting')), '2,3', 'and no row is lost');
}

# ---- Which index takes which name: what the shadow remembers decides, not the order of equal definitions -------
make_pair('twins', <<'SQL');
CREATE INDEX twin_a ON twins (v);
CREATE INDEX twin_b ON twins (v);
COMMENT ON INDEX twin_a IS 'the first';
COMMENT ON INDEX twin_b IS 'the second';
SQL
sub comments
{
	return $server->ask(<<'SQL');
SELECT string_agg(c.relname || ': ' || obj_description(c.oid, 'pg_class'), ', ' ORDER BY c.relname)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = 'twins'::regclass AND NOT i.indisprimary
SQL
}
sub twin_oids
{
	return $server->ask(
		"SELECT string_agg(oid::text, ',' ORDER BY relname) FROM pg_class WHERE relname IN ('twin_a', 'twin_b')");
}
{
	# The younger one from now on.
	$server->ask('REINDEX INDEX CONCURRENTLY twin_a');
	my $oids = twin_oids();
	for my $call ("migrate_cutover('twins', 'twins_new')", "migrate_revert('twins')")
	{
		my $job = $server->ask("SELECT $call");
		ends($job, 'succeeded', "$call with two equal indexes");
		is(comments(), 'twin_a: the first, twin_b: the second', 'each has its own name and comment');
	}
	is(twin_oids(), $oids, 'and is the one that it was');
}
$server->node->stop;
done_testing();
