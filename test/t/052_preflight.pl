# What a migration would meet, where it takes other sessions, a standby, a restart or a full disk to meet it (O28, O40, R16,
# R28, R31, R34). Each check is seen before and after, so that none of them says the same whatever happens.
use strict;
use warnings;
use File::Temp;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', <<'CONF');
max_prepared_transactions = 5
max_worker_processes = 8
max_connections = 20
superuser_reserved_connections = 3
autovacuum = off
fsync = off
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_cutover;
CREATE ROLE preflight_owner LOGIN;
SELECT migrate_grant('preflight_owner');
GRANT CREATE ON SCHEMA public TO preflight_owner;
CREATE TABLE plain (id integer PRIMARY KEY, v text);
INSERT INTO plain SELECT n, 'v' FROM generate_series(1, 100) n;
CREATE TABLE mirror (LIKE plain INCLUDING ALL);
CREATE TABLE other (id integer PRIMARY KEY);
ALTER TABLE plain OWNER TO preflight_owner;
SQL

# One check: its status, details and hint.
sub ask
{
	my ($check, %options) = @_;
	my $target = $options{target} ? ", '$options{target}'" : '';
	my $source = $options{source} // 'plain';
	return $node->safe_psql('postgres',
		"SELECT concat_ws(' | ', status, details, hint) FROM migrate_preflight('$source'$target) WHERE check_name = '$check'",
		extra_params => $options{user} ? [ '-U', $options{user} ] : []);
}

# What a hint says, statement by statement, makes the check content, although the setting stands in postgresql.conf.
sub do_as_hinted
{
	my ($check) = @_;
	my $hint = (split / \| /, ask($check))[2];
	$node->safe_psql('postgres', $_) for split /, /, $hint;
	return ok($node->poll_query_until('postgres', "SELECT status = 'ok' FROM migrate_preflight('plain') WHERE check_name = '$check'"),
		"$check: $hint");
}

sub session
{
	my ($sql, $user) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0, extra_params => $user ? [ '-U', $user ] : []);
	my $pid = $session->query('SELECT pg_backend_pid()');
	$session->query($sql);
	return ($session, $pid);
}

# ---- growth, statistics -----------------------------------------------------------------------------------------------
like(ask('growth'), qr/^ok \| 0 inserts, 0 updates and 0 deletes an hour, as 0 inserts.* in 2.*never reset, and have 100 inserts/,
	'where statistics were never reset the writes are watched');
my ($inserting) = session('SELECT 1');
$inserting->query_until(qr/started/,
	"\\echo started\n" . "INSERT INTO mirror SELECT n FROM generate_series((SELECT count(*) + 1 FROM mirror), (SELECT count(*) + 50 FROM mirror)) n;\nSELECT pg_sleep(0.5);\n" x 9 . "\\echo finished\n");
like(ask('growth', source => 'mirror'), qr/^ok \| [1-9]\S* inserts, 0 updates and 0 deletes an hour, as [1-9]\S* inserts/,
	'and give a rate');
$inserting->query_until(qr/finished/, '');
$inserting->quit;
my (undef, undef, $canceled) = $node->psql('postgres', q{SET statement_timeout = '1s'; SELECT * FROM migrate_preflight('plain')});
like($canceled, qr/canceling statement due to statement timeout/, 'as long as nobody cancels it');
$node->safe_psql('postgres', 'TRUNCATE mirror');
# What a session has counted is added when it ends.
$node->safe_psql('postgres', 'SELECT pg_stat_reset()');
like(ask('growth'), qr/^unknown \| .*too short for a rate/, 'statistics that were just reset give no rate');

# ---- long transactions (R31) ------------------------------------------------------------------------------------------
like(ask('long_transactions'), qr/^ok \| /, 'no transaction is open');
my ($reader, $reader_pid) = session('BEGIN; SELECT count(*) FROM other;');
like(ask('long_transactions'), qr/^ok \| /, 'a young one is nothing to report');
sleep 11;
like(ask('long_transactions'),
	qr/^warning \| 1 open .*pid $reader_pid .*idle in transaction.*pg_terminate_backend\($reader_pid\)/,
	'one that goes on is named');
like(ask('long_transactions', user => 'preflight_owner'), qr/^unknown \| 1 session of other roles.*GRANT pg_read_all_stats TO preflight_owner/,
	'who may not see what others do is told so');
$node->safe_psql('postgres', 'GRANT pg_read_all_stats TO preflight_owner');
like(ask('long_transactions', user => 'preflight_owner'), qr/^warning \| 1 open .*pid $reader_pid/, 'and sees it with the right to');
$reader->query('COMMIT');
like(ask('long_transactions'), qr/^ok \| /, 'it is over');
$node->safe_psql('postgres', 'INSERT INTO plain SELECT n, $$v$$ FROM generate_series(101, 400) n');
like(ask('growth'), qr/^ok \| .*300 inserts, 0 updates and 0 deletes counted in/, 'after a while there is a rate');

# ---- prepared transactions (R16) --------------------------------------------------------------------------------------
like(ask('prepared_transactions'), qr/^ok \| /, 'nothing is prepared');
$node->safe_psql('postgres', q{BEGIN; INSERT INTO other VALUES (1); PREPARE TRANSACTION 'elsewhere'});
like(ask('prepared_transactions'), qr/^ok \| /, 'one that was just prepared, on another table');
sleep 3;
like(ask('prepared_transactions'), qr/^warning \| 'elsewhere' of .*ROLLBACK PREPARED 'elsewhere'/, 'one that is forgotten');
$node->safe_psql('postgres', q{BEGIN; INSERT INTO plain VALUES (1001); PREPARE TRANSACTION 'it''s here'});
like(ask('prepared_transactions'), qr/^refused \| 'it''s here' of \S+ \S+ holds (public\.)?plain.*; 'elsewhere' .*COMMIT PREPARED 'it''s here'/,
	'one that holds the source, young as it is');
like(ask('prepared_transactions', source => 'mirror'), qr/^warning \| .*(?<!holds )/, 'for another table it is none');
like(ask('prepared_transactions', source => 'mirror', target => 'plain'), qr/^refused \| 'it''s here'/, 'and the target counts');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'it''s here'});
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'elsewhere'});
like(ask('prepared_transactions'), qr/^ok \| /, 'they are gone');

# ---- replication slots and lag ----------------------------------------------------------------------------------------
like(ask('replication_slots'), qr/^ok \| there is no replication slot/, 'no slot');
like(ask('wal_space'), qr/checkpoints recycle it at max_wal_size/, 'WAL is recycled');
$node->safe_psql('postgres', q{SELECT pg_create_physical_replication_slot('standby', true); SELECT pg_create_logical_replication_slot('decoder', 'pgoutput')});
like(ask('replication_slots'), qr/^warning \| .*physical slot standby is not in use, keeps .*(; |$)/, 'an idle physical slot');
like(ask('replication_slots'), qr/logical slot decoder is not in use, keeps \d+ .*pg_drop_replication_slot\('/, 'and a logical one');
like(ask('wal_space'), qr/2 replication slots may keep all of it/, 'and WAL may stay');
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('decoder')});
like(ask('replication_lag'), qr/^ok \| no standby/, 'no standby');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "primary_slot_name = 'standby'");
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
like(ask('replication_slots'), qr/^ok \| physical slot standby is in use/, 'the slot is in use');
like(ask('replication_lag'), qr/^ok \| standby is .* behind/, 'the standby has caught up');
like( $standby->safe_psql('postgres', "SELECT concat_ws(' | ', status, details, hint) FROM migrate_preflight('plain') WHERE check_name = 'server'"),
	qr/^refused \| .*in recovery/, 'on a standby nothing can be migrated');
is($standby->safe_psql('postgres', "SELECT count(*) > 20 FROM migrate_preflight('plain')"), 't', 'although the rest answers');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$node->safe_psql('postgres', 'CREATE TABLE ballast AS SELECT n, repeat(md5(n::text), 40) FROM generate_series(1, 60000) n');
$node->poll_query_until('postgres', 'SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) > 64 * 1024 * 1024 FROM pg_stat_replication');
like(ask('replication_lag'), qr/^warning \| standby is .* and \d+(\.\d)? MB behind.*max_replication_lag/, 'one that is behind is said');
$standby->stop;
$node->safe_psql('postgres', q{DROP TABLE ballast; SELECT pg_drop_replication_slot('standby')});

# ---- disk space (O40, R28): a sparse file makes the table look larger than any disk -----------------------------------------------------
like(ask('disk_space'), qr/^ok \| up to /, 'there is room');
my $file = $node->data_dir . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('plain')}) . '.1';
my $free = (split ' ', (split /\n/, `df -P -k '${\ $node->data_dir}'`)[1])[3] * 1024;
my $sparse = sub {
	open my $handle, '>', $file or die "$file: $!";
	truncate $handle, $_[0] or die "$file: $!";
	close $handle;
};
SKIP:
{
	skip 'files cannot be as large as this disk', 5 unless eval { $sparse->(int($free * 1.5)); 1 };
	like(ask('disk_space'), qr/^refused \| up to .* needed in tablespace pg_default .* free \| Make room.* in the source's, whatever default_tablespace is/, 'more is needed than is free');
	$sparse->(int($free * 0.85));
	like(ask('disk_space'), qr/^warning \| /, 'it would be nearly full');
	# At the 20 MB/s that are assumed, and up to a day.
	my $a_day = 86400 * 20 * 1024 * 1024;
	my $expected = $free * 0.85 < $a_day ? 'ok' : 'warning';
	like(ask('duration'), qr/^$expected \| about .* for .* of rows and indexes/, 'it takes its time');
	SKIP:
	{
		skip 'files cannot be that large', 1 unless eval { $sparse->(int($a_day * 1.1)); 1 };
		like(ask('duration'), qr/^warning \| about .* for .* of rows and indexes.*more workers/, 'or more than a day');
	}
	unlink $file or die;
	like(ask('disk_space'), qr/^ok \| /, 'there is room again');
}
unlink $file;
# A tablespace of its own counts by itself.
my $directory = PostgreSQL::Test::Utils::tempdir();
$node->safe_psql('postgres', "CREATE TABLESPACE apart LOCATION '$directory'");
$node->safe_psql('postgres', 'CREATE TABLE placed (id integer PRIMARY KEY, v text) TABLESPACE apart');
like(ask('disk_space', target => 'placed'), qr/needed in tablespace apart /, "the target's tablespace is looked at");
like(ask('disk_space'), qr/needed in tablespace pg_default /, "without a target the source's");

# On another file system the rows and the WAL do not compete.
like(ask('wal_space'), qr/shared with the rows: counted in disk_space/, 'one file system is counted once');
SKIP:
{
	my $elsewhere = '/dev/shm';
	skip 'there is no second file system', 2
	  unless -d $elsewhere && -w $elsewhere && (stat $elsewhere)[0] != (stat $node->data_dir)[0];
	my $memory = File::Temp::tempdir('preflight_XXXX', DIR => $elsewhere, CLEANUP => 1);
	$node->safe_psql('postgres', "CREATE TABLESPACE memory LOCATION '$memory'");
	$node->safe_psql('postgres', 'CREATE TABLE remote (id integer PRIMARY KEY, v text) TABLESPACE memory');
	like(ask('disk_space', target => 'remote'), qr/tablespace memory \((?!.*WAL on the same file system)/, 'WAL is not added');
	unlike(ask('wal_space', target => 'remote'), qr/shared with the rows/, 'and has its own room');
	$node->safe_psql('postgres', 'DROP TABLE remote');
	$node->safe_psql('postgres', 'DROP TABLESPACE memory');
}

# ---- worker slots, connections ----------------------------------------------------------------------------------------
# The logical replication launcher takes one of the eight.
like(ask('worker_slots'), qr/^ok \| 7 of 8 worker processes/, 'worker processes are free');
like(ask('connections'), qr/^ok \| 15 of 17 connections/, 'connections are free');
{
	my @sessions = map { (session('SELECT 1'))[0] } 1 .. 14;
	like(ask('connections'), qr/^warning \| 1 of 17 connections/, 'hardly any connection is free');
	$_->quit for @sessions;
}
$node->safe_psql('postgres', 'ALTER DATABASE postgres CONNECTION LIMIT 1');
like(ask('connections'), qr/^warning \| 0 of 1 connections \(the database's CONNECTION LIMIT\)/, 'the limit of the database counts');
$node->safe_psql('postgres', 'ALTER DATABASE postgres CONNECTION LIMIT -1');

# ---- wraparound (O28, R34): transactions go by ----------------------------------------------------------------------------
$node->safe_psql('postgres', 'VACUUM (FREEZE) plain; ALTER TABLE plain SET (autovacuum_freeze_max_age = 100000)');
like(ask('wraparound'), qr/^ok \| \d+ transactions .* due at 100,000 and /, "the table's own limit counts");
$node->safe_psql('postgres', 'SET synchronous_commit = off; DO $$ BEGIN FOR i IN 1 .. 91000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
like(ask('wraparound'), qr/^warning \| 9\d,\d+ transactions .*VACUUM \(FREEZE\) public\.plain/, 'a forced VACUUM is near');
$node->safe_psql('postgres', 'VACUUM (FREEZE) plain');
like(ask('wraparound'), qr/^ok \| \d+ transactions /, 'and was done');

# ---- settings -----------------------------------------------------------------------------------------------------------
like(ask('autovacuum'), qr/^warning \| autovacuum is off/, 'autovacuum is off');
do_as_hinted('autovacuum');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET autovacuum; SELECT pg_reload_conf()');
$node->poll_query_until('postgres', q{SELECT current_setting('autovacuum') = 'off'});
like(ask('launcher'), qr/^warning \| pg_cutover is not in shared_preload_libraries/, 'no launcher');
like(ask('wal_level'), qr/^ok \| wal_level is logical/, 'wal_level');
like(ask('start_jobs'), qr/^ok \| /, 'jobs start');
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_cutover'
max_worker_processes = 2
wal_level = minimal
max_wal_senders = 0
autovacuum = on
autovacuum_naptime = 1d
archive_mode = off
CONF
$node->restart;
like(ask('autovacuum'), qr/^ok \| /, 'autovacuum is on');
like(ask('launcher'), qr/^ok \| /, 'the launcher is there');
like(ask('wal_level'), qr/^warning \| wal_level is minimal/, 'nothing holds the copy but this server');
like(ask('worker_slots'), qr/^refused \| 0 of 2 worker processes/, 'both workers are taken by launchers');
$node->append_conf('postgresql.conf', "pg_cutover.start_jobs = off\npg_cutover.launcher = off\nmax_worker_processes = 3");
$node->restart;
like(ask('start_jobs'), qr/^refused \| pg_cutover.start_jobs is off/, 'jobs do not start');
like(ask('launcher'), qr/^warning \| pg_cutover.launcher is off/, 'nor does the launcher restart them');
like(ask('worker_slots'), qr/^warning \| 1 of 3 worker processes/, 'one worker is left');
do_as_hinted($_) for 'start_jobs', 'launcher';

# ---- a lock that somebody holds: it gives up with the caller's timeout, and never holds one that others notice -----------------------
my ($locker) = session('BEGIN; LOCK TABLE plain IN ACCESS EXCLUSIVE MODE;');
my ($code, $out, $error) = $node->psql('postgres', q{SET lock_timeout = '100ms'; SELECT count(*) FROM migrate_preflight('plain')});
like($error, qr/lock timeout/, 'it waits for the table no longer than the session says');
$locker->query('COMMIT');
my ($writer) = session('BEGIN; LOCK TABLE plain IN EXCLUSIVE MODE;');
is($node->safe_psql('postgres', q{SET lock_timeout = '100ms'; SELECT count(*) > 20 FROM migrate_preflight('plain')}), 't',
	'what does not keep readers out does not keep it out');
$writer->query('COMMIT');
# What hangs on the source reads a table that somebody has locked: nothing is known of it then, and nothing refused.
$node->safe_psql('postgres', 'CREATE VIEW both_tables AS SELECT p.id, p.v FROM plain p JOIN other o USING (id)');
like(ask('dependents'), qr/^ok \| a swap carries over 1: view public\.both_tables/, 'a view is looked at');
$locker->query('BEGIN; LOCK TABLE other;');
like($node->safe_psql('postgres', q{SET lock_timeout = '200ms'; SELECT status, details FROM migrate_preflight('plain') WHERE check_name = 'dependents'}),
	qr/^unknown\|canceling statement due to lock timeout$/, 'a lock is no refusal');
$locker->query('COMMIT');
$_->quit for $writer, $locker, $reader;

$node->stop;
done_testing();
