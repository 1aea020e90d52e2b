# Every throttle signal holds the job and lets it go, with the reason shown, and a worker that is held holds nothing
# itself: no transaction and no snapshot. What cannot be measured holds too (O38, R28, R44).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('throttle', wal_level => 'logical', max_wal_senders => 5, max_replication_slots => 5,
	timezone => 'Asia/Tokyo', archive_mode => 'on', archive_command => 'false');
my $node = $jobs->node;

# One job for all of them: it has more to do than the test has time.
my $job = $jobs->ask('SELECT migrate.debug_job(1000000, 5)');
$jobs->until_true("SELECT rows_done > 2 FROM migrate.progress WHERE job = $job", 'at work');

sub throttle
{
	my ($document) = @_;
	$document =~ s/'/''/g;
	$jobs->ask("SELECT migrate_throttle($job, '$document')");
}
sub holds
{
	my ($reason, $what, $slow) = @_;
	$jobs->until_true("SELECT throttled_by ~ \$re\$^$reason\$re\$ AND state = 'running' FROM migrate.progress WHERE job = $job", $what);
	# Long enough for one batch that had begun.
	select undef, undef, undef, 0.3;
	my $before = $jobs->job($job, 'rows_done');
	my $open = 0;
	for (1 .. 6)
	{
		# Measuring takes a transaction, of a millisecond; only a slow query makes it longer.
		$open += $jobs->ask("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_cutover worker'
			AND (backend_xmin IS NOT NULL OR xact_start < clock_timestamp() - interval '100 ms')");
		select undef, undef, undef, 0.15;
	}
	is($jobs->job($job, 'rows_done'), $before, "$what: it stands still");
	cmp_ok($open, '<=', $slow ? 6 : 1, "$what: with no transaction and no snapshot");
}
sub goes_on
{
	my ($what) = @_;
	my $before = $jobs->job($job, 'rows_done');
	$jobs->until_true("SELECT rows_done > $before + 5 AND throttled_by IS NULL FROM migrate.progress WHERE job = $job",
		"$what: it goes on");
}

# ---- sessions and locks -----------------------------------------------------------------------------------------------------
throttle('{"max_active_backends": 2}');
goes_on('few active sessions');
my @busy = map { my $s = $node->background_psql('postgres'); $s->query_until(qr/go/, "\\echo go\nSELECT pg_sleep(1000);\n"); $s } 1 .. 3;
holds('max_active_backends: [34] active, limit 2', 'many active sessions');
$jobs->ask("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND backend_type = 'client backend'");
goes_on('they have gone');
eval { $_->quit } for @busy;

$jobs->ask('CREATE TABLE locked (id int)');
throttle('{"max_lock_waiters": 0}');
goes_on('nobody waits for a lock');
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE locked');
my $blocked = $node->background_psql('postgres');
$blocked->query_until(qr/go/, "\\echo go\nBEGIN; LOCK TABLE locked;\n");
holds('max_lock_waiters: 1 waiting for a lock, limit 0', 'somebody waits for a lock');
$locker->query_safe('COMMIT');
$blocked->query_safe('COMMIT');
goes_on('he got it');
$_->quit for $locker, $blocked;

# ---- a query -------------------------------------------------------------------------------------------------------------------
$jobs->ask('CREATE SCHEMA app; CREATE TABLE app.queue (id int)');
# Named without its schema: it means what it meant to whoever gave it.
$jobs->ask("SET search_path = app, public; SELECT migrate_throttle($job, '{\"query\": \"(SELECT count(*) FROM queue) > 1\"}')");
goes_on('the query is false');
$jobs->ask('INSERT INTO app.queue VALUES (1), (2)');
holds('query: it returned true$', 'the query is true');
$jobs->ask('DELETE FROM app.queue');
goes_on('false again');
$jobs->ask('ALTER TABLE app.queue RENAME TO other');
holds('query: cannot be measured: relation "app.queue" does not exist$', 'the query fails');
$jobs->ask('ALTER TABLE app.other RENAME TO queue');
goes_on('it works again');
throttle('{"query": "SELECT NULL::boolean"}');
holds('query: cannot be measured: it returned NULL$', 'NULL is no answer');
throttle('{"query": "SELECT true WHERE false"}');
holds('query: cannot be measured: it returned 0 rows$', 'nor is nothing');
throttle('{"query": "pg_sleep(60) IS NULL"}');
holds('query: cannot be measured: canceling statement due to statement timeout$', 'the query has a time limit', 1);
$jobs->ask('CREATE FUNCTION writes() RETURNS boolean LANGUAGE sql VOLATILE AS $$ INSERT INTO app.queue VALUES (1) RETURNING true $$');
throttle('{"query": "public.writes()"}');
holds('query: cannot be measured: cannot execute INSERT in a read-only transaction$', 'the query may not write');
is($jobs->ask('SELECT count(*) FROM app.queue'), 0, 'and has not');

# ---- time of day ---------------------------------------------------------------------------------------------------------------
my $window = $jobs->ask(q(SELECT to_char(now() AT TIME ZONE 'Asia/Tokyo' + interval '2 h', 'HH24:MI') || '-' ||
	to_char(now() AT TIME ZONE 'Asia/Tokyo' + interval '3 h', 'HH24:MI')));
throttle("{\"window\": \"$window\"}");
holds("window: \\d\\d:\\d\\d is outside $window\$", 'outside the window, in the server\'s time zone');
$window = $jobs->ask(q(SELECT to_char(now() AT TIME ZONE 'Asia/Tokyo' - interval '1 h', 'HH24:MI') || '-' ||
	to_char(now() AT TIME ZONE 'Asia/Tokyo' + interval '1 h', 'HH24:MI')));
throttle("{\"window\": \"$window\"}");
goes_on('inside the window');

# ---- rates -----------------------------------------------------------------------------------------------------------------------
throttle('{"max_rows_per_second": 10}');
$jobs->until_true("SELECT throttled_by IN ('max_rows_per_second') OR throttled_by IS NULL FROM migrate.progress WHERE job = $job", 'a rate');
select undef, undef, undef, 1.5;
my ($rows, $start) = ($jobs->job($job, 'rows_done'), time);
select undef, undef, undef, 4;
my $rate = ($jobs->job($job, 'rows_done') - $rows) / (time - $start);
ok($rate > 5 && $rate < 14, sprintf('max_rows_per_second: 10 gives %.1f', $rate));
my $team = $jobs->ask(q(SELECT migrate.debug_job(1000000, 1, workers => 3, throttle => '{"max_rows_per_second": 30}')));
$jobs->until_true("SELECT cardinality(pids) = 3 FROM migrate.progress WHERE job = $team", 'three workers');
select undef, undef, undef, 1.5;
($rows, $start) = ($jobs->job($team, 'rows_done'), time);
select undef, undef, undef, 4;
$rate = ($jobs->job($team, 'rows_done') - $rows) / (time - $start);
ok($rate > 15 && $rate < 40, sprintf('max_rows_per_second: 30 for three workers gives %.1f', $rate));
$jobs->ask("SELECT migrate_cancel($team)");
throttle('{"ratio": 0.1}');
select undef, undef, undef, 1;
$rows = $jobs->job($job, 'rows_done');
select undef, undef, undef, 3;
# A step takes 5 ms or a little more; the rest is nine times as long.
cmp_ok($jobs->job($job, 'rows_done') - $rows, '<', 80, 'ratio: 0.1 is work and nine times rest');
# Neither a new throttle nor a pause waits for a long sleep to end.
throttle('{"ratio": 0.0001}');
select undef, undef, undef, 1;
$start = time;
throttle('{}');
goes_on('woken by a new throttle');
cmp_ok(time - $start, '<', 5, 'soon');
throttle('{"ratio": 0.0001}');
select undef, undef, undef, 1;
$start = time;
$jobs->ask("SELECT migrate_pause($job)");
$jobs->until_true("SELECT NOT migrate.job_has_worker($job)", 'paused in its sleep');
cmp_ok(time - $start, '<', 3, 'at once');
throttle('{}');
$jobs->ask("SELECT migrate_resume($job)");
goes_on('not throttled at all');

# ---- write-ahead log ------------------------------------------------------------------------------------------------------------
throttle('{"max_archive_backlog": 1}');
$jobs->ask('SELECT pg_switch_wal() FROM pg_logical_emit_message(true, $$x$$, $$y$$)') for 1 .. 4;
holds('max_archive_backlog: \d+ waiting for the archiver, limit 1$', 'the archiver is behind');
$jobs->ask("ALTER SYSTEM SET archive_command = 'true'");
$jobs->ask('SELECT pg_reload_conf()');
# The archiver looks again a minute after three failures.
$jobs->ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'archiver'");
goes_on('the archiver has caught up');

throttle('{"max_slot_lag": "1 MB"}');
goes_on('no slot');
$jobs->ask("SELECT FROM pg_create_physical_replication_slot('lazy', true)");
$jobs->ask("SELECT pg_logical_emit_message(true, 'x', repeat('x', 3000000))");
holds('max_slot_lag: [\d.]+ MB retained by lazy, limit 1 MB$', 'a slot retains too much');
$jobs->ask("SELECT pg_drop_replication_slot('lazy')");
goes_on('the slot is gone');

throttle('{"max_replication_lag": "2 s"}');
holds('max_replication_lag: cannot be measured: no standby is connected$', 'no standby');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "archive_mode = off\nwal_receiver_status_interval = 1\nprimary_conninfo = '" . $node->connstr . " application_name=near'");
$standby->start;
goes_on('a standby that keeps up');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$jobs->ask('CREATE TABLE traffic AS SELECT generate_series(1, 1000)');
holds('max_replication_lag: [\d.]+ m?s behind on near, limit 2 s$', 'a standby that stands still');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
goes_on('it has caught up');
# One that is level and has nothing to report, as nothing is written.
throttle('{"max_replication_lag": "2 s", "query": "true"}');
$jobs->until_true("SELECT replay_lag IS NULL FROM pg_stat_replication WHERE application_name = 'near'", 'nothing is written');
select undef, undef, undef, 0.8;
is($jobs->job($job, 'throttled_by'), 'query: it returned true', 'an idle standby that is level is not behind');
throttle('{"max_replication_lag": "500 kB"}');
goes_on('measured in bytes');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$jobs->ask("SELECT pg_logical_emit_message(true, 'x', repeat('x', 3000000))");
holds('max_replication_lag: [\d.]+ MB behind on near, limit 500 kB$', 'many bytes behind');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
goes_on('caught up');
# A synchronous standby that stands still must not hold the worker in a transaction either.
$standby->stop;
holds('max_replication_lag: cannot be measured: no standby is connected$', 'the standby is gone');

# Two reasons at once, and a document with several keys.
throttle('{"max_replication_lag": "2 s", "query": "true", "target_batch_ms": 10, "ratio": 0.9}');
holds('max_replication_lag: cannot be measured: no standby is connected; query: it returned true$', 'two reasons');
throttle('{}');
goes_on('cleared');

# Held from the very start: nothing is done.
my $held = $jobs->ask(q(SELECT migrate.debug_job(3, 1, throttle => '{"query": "true"}')));
$jobs->until_true("SELECT throttled_by = 'query: it returned true' FROM migrate.progress WHERE job = $held", 'held from the start');
is($jobs->job($held, 'rows_done'), 0, 'nothing was done before the first look');
$jobs->ask("SELECT migrate_throttle($held, '{}'); CALL migrate_wait($held)");
is($jobs->ask("SELECT count(*), max(inverse) FROM migrate.event WHERE job = $held AND message LIKE '%throttled%'"),
	qq(1|SELECT migrate_throttle($held, '{"query": "SELECT true AS hold"}')), 'the event log has the way back');

$node->stop('immediate');
done_testing();
