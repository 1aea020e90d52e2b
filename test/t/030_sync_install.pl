# Turning dual-write on beside writers (T0): it waits for those who are in the middle of something, a prepared
# transaction among them (R16, R42), never longer at a time than pg_cutover.lock_timeout, so that no statement of the
# application queues behind it for longer; it gives up naming who is in the way. Then no write is missed, at any
# isolation level. A table's owner needs no more than that (R55); a stranger can do nothing.
use strict;
use warnings;
use lib 'test/t';
use JobNode;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $server = JobNode->new('main', shared_preload_libraries => 'pg_cutover', autovacuum => 'off');
$server->ask(<<'SQL');
CREATE TABLE source (id int PRIMARY KEY, v text);
INSERT INTO source SELECT n, 'v' || n FROM generate_series(1, 1000) n;
CREATE TABLE target (LIKE source INCLUDING ALL);
SELECT migrate_link('source', 'target');
SQL

sub differences
{
	return $server->ask(
		'SELECT count(*) FROM ((TABLE source EXCEPT TABLE target) UNION ALL (TABLE target EXCEPT TABLE source)) d');
}

# A writer in the middle of a transaction: not one attempt gets through, and it is named.
my $writer = $server->node->background_psql('postgres');
$writer->query_safe("BEGIN; UPDATE source SET v = 'open' WHERE id = 1");
my $pid = $writer->query_safe('SELECT pg_backend_pid()');
my $error = $server->error_of("SET pg_cutover.lock_timeout = '5ms'; SELECT migrate_sync('source', 'target')");
like($error, qr/55P03: could not lock public\.source in 30 attempts/, 'it gives up');
like($error, qr/In the way: pid $pid \('.*', idle in transaction, query since .*\) holds RowExclusiveLock of public\.source\./, 'and names the writer');
is($server->ask('SELECT count(*) FROM migrate.capture') . $server->ask('SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal'),
	'00', 'nothing is left of the attempts');

# Who may not look at other sessions is told who they are, not what they do.
$server->ask(<<'SQL');
CREATE ROLE "Own Er";
SELECT migrate_grant('"Own Er"');
CREATE TABLE hers (id int PRIMARY KEY);
CREATE TABLE hers_v2 (id int PRIMARY KEY);
ALTER TABLE hers OWNER TO "Own Er";
ALTER TABLE hers_v2 OWNER TO "Own Er";
GRANT CREATE ON SCHEMA public TO "Own Er";
SELECT migrate_link('hers', 'hers_v2');
SQL
my $stranger = $server->node->background_psql('postgres');
$stranger->query_safe("SET application_name = 'stranger'; BEGIN; INSERT INTO hers VALUES (1)");
my $stranger_pid = $stranger->query_safe('SELECT pg_backend_pid()');
# Not in the way of a ShareRowExclusiveLock, and not named.
my $onlooker = $server->node->background_psql('postgres');
$onlooker->query_safe('BEGIN; SELECT count(*) FROM hers');
my $as_owner = q(SET ROLE "Own Er"; SET pg_cutover.lock_timeout = '5ms'; SELECT migrate_sync('hers', 'hers_v2'));
like($server->error_of($as_owner), qr/In the way: pid $stranger_pid \('stranger'\) holds RowExclusiveLock of public\.hers\./,
	'an owner without pg_read_all_stats is told who it is');
$server->ask('GRANT pg_read_all_stats TO "Own Er"');
like($server->error_of($as_owner), qr/pid $stranger_pid \('stranger', idle in transaction, query since /, 'with it, more');
$_->query_safe('ROLLBACK') for $stranger, $onlooker;
$_->quit for $stranger, $onlooker;

# Between the attempts the application goes on: nobody waits longer than one of them.
my $sync = $server->node->background_psql('postgres', on_error_stop => 0);
$sync->query_until(qr/begun/, "\\echo begun\nSET pg_cutover.lock_timeout = '100ms';\nSELECT migrate_sync('source', 'target');\n");
$server->until_true("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock')",
	'it waits in the queue');
my $worst = 0;
for my $n (1 .. 40)
{
	my $start = time;
	$server->ask("UPDATE source SET v = v || '.' WHERE id = 500");
	my $took = time - $start;
	$worst = $took if $took > $worst;
}
cmp_ok($worst, '<', 0.6, sprintf('no statement waited much longer than 100 ms (worst, with its connection: %.0f ms)', 1000 * $worst));
$writer->query_safe("UPDATE source SET v = 'closed' WHERE id = 1; COMMIT");
$server->until_true('SELECT count(*) = 1 FROM migrate.capture', 'once the writer has ended, it gets through');
$sync->quit;
$server->ask("SELECT migrate_unsync('source', 'target')");

# R16: a prepared transaction is waited for, and named.
$server->ask("BEGIN; UPDATE source SET v = 'prepared' WHERE id = 2; PREPARE TRANSACTION 'half way'");
$error = $server->error_of("SET pg_cutover.lock_timeout = '5ms'; SELECT migrate_sync('source', 'target')");
like($error, qr/In the way: prepared transaction 'half way' of .* holds RowExclusiveLock of public\.source\./, 'a prepared transaction is named');

# The job waits for it too, with the reason, and the row that it wrote is copied.
my $job = $server->ask("SET pg_cutover.lock_timeout = '20ms'; SELECT migrate_backfill('source', 'target')");
$server->until_true(qq(SELECT throttled_by LIKE '%in use: prepared transaction ''half way'' of %' FROM migrate.progress WHERE job = $job),
	'a backfill waits in phase capture and says for whom', seconds => 30);
is($server->job($job, 'phase'), 'capture', 'which is the phase');
is($server->ask('SELECT count(*) FROM target'), '0', 'nothing is copied before');
$server->ask("COMMIT PREPARED 'half way'");
$server->until_state($job, 'succeeded');
is(differences(), '0', 'the prepared write is copied');

# Two who turn it on at once: one does it, the other finds it on.
$server->ask("SELECT migrate_unsync('source', 'target'); TRUNCATE target");
my $first = $server->node->background_psql('postgres');
$first->query_safe("BEGIN; SELECT migrate_sync('source', 'target')");
my $second = $server->node->background_psql('postgres', on_error_stop => 0);
$second->query_until(qr/begun/, "\\echo begun\nSET client_min_messages = warning;\nSELECT migrate_sync('source', 'target');\n");
$server->until_true("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')", 'the second waits');
$first->query_safe('COMMIT');
$second->query_safe('SELECT 1');
$second->quit;
is($server->ask('SELECT count(*) FROM migrate.capture'), '1', 'it is on once');
is($server->ask("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), '2', 'with one trigger of each kind');

# O10: an old snapshot, taken before T0: what it writes afterwards is mirrored.
$server->ask("SELECT migrate_unsync('source', 'target'); TRUNCATE target");
my $old = $server->node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class');
$job = $server->ask("SELECT migrate_backfill('source', 'target')");
$server->until_state($job, 'succeeded');
$old->query_safe("UPDATE source SET v = 'old snapshot' WHERE id = 3; DELETE FROM source WHERE id = 4; COMMIT");
is(differences(), '0', 'writes under a snapshot that is older than the triggers are mirrored');
$server->ask("SELECT migrate_unlink('source', 'target')");

# R55: an owner who is nobody else does all of it; a stranger, none of it.
$server->ask(<<'SQL');
CREATE ROLE owner LOGIN;
CREATE ROLE stranger LOGIN;
SELECT migrate_grant('owner');
SELECT migrate_grant('stranger');
CREATE SCHEMA app AUTHORIZATION owner;
GRANT USAGE ON SCHEMA app TO stranger;
SQL
sub owner_asks { return $server->node->safe_psql('postgres', $_[0], extra_params => [ '-U', 'owner' ]) }
owner_asks(<<'SQL');
CREATE TABLE app.source (id int PRIMARY KEY, v text);
INSERT INTO app.source SELECT n, 'v' FROM generate_series(1, 500) n;
GRANT INSERT, SELECT, UPDATE ON app.source TO stranger;
SELECT migrate_shadow('app.source', 'app.target');
SELECT migrate_sync('app.source', 'app.target');
SQL
for my $call ("migrate_sync('app.source', 'app.target')", "migrate_unsync('app.source', 'app.target')", "migrate_unlink('app.source', 'app.target')")
{
	like($server->error_of("SELECT $call", user => 'stranger'), qr/42501: must be owner of relation app\.source/, "a stranger may not: $call");
}
is($server->node->safe_psql('postgres', 'SELECT count(*) FROM migrate.link_status', extra_params => [ '-U', 'stranger' ]), '0', 'nor look');
# Everybody may execute the trigger function, as PostgreSQL clones our trigger to new partitions in their owner's name.
$server->node->safe_psql('postgres', "CREATE TABLE mine (id int); ALTER TABLE mine OWNER TO owner; GRANT USAGE ON SCHEMA migrate TO owner");
my $foreign = $server->ask("SELECT max(link) FROM migrate.capture");
like($server->error_of("CREATE TRIGGER t AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION migrate.capture('$foreign'); INSERT INTO mine VALUES (1)", user => 'owner'),
	qr/42501: a trigger of pg_cutover does not belong on public.mine/, 'a trigger on a table that is not of its link does nothing');
$server->node->safe_psql('postgres', 'DROP TABLE mine');
$server->node->safe_psql('postgres', "INSERT INTO app.source VALUES (501, 'by a stranger')", extra_params => [ '-U', 'stranger' ]);
is(owner_asks('SELECT count(*) FROM app.target WHERE id = 501'), '1', "an application's role needs no right on the target");
my $owners = owner_asks("SELECT migrate_backfill('app.source', 'app.target')");
$server->until_state($owners, 'succeeded', "the owner's backfill");
is(owner_asks('SELECT state FROM migrate.link_status'), 'complete', 'the owner sees that it is complete');
is(owner_asks('SELECT count(*) FROM ((TABLE app.source EXCEPT TABLE app.target) UNION ALL (TABLE app.target EXCEPT TABLE app.source)) d'), '0', 'and it is');
owner_asks("SELECT migrate_unsync('app.source', 'app.target')");
owner_asks("SELECT migrate_unlink('app.source', 'app.target')");
is($server->ask("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), '0', 'nothing is left');

$server->node->stop;
done_testing();
