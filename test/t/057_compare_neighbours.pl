# Comparisons and repairs beside what else is in the database: publications and their subscribers (C41), foreign keys of
# the target (C44).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('publisher', wal_level => 'logical');
my $node = $jobs->node;

sub finish
{
	my ($job, $what) = @_;
	$jobs->until_state($job, 'succeeded', $what);
	return $job;
}
sub verdict
{
	my ($job) = @_;
	return $jobs->ask("SELECT verdict, missing, extra, changed FROM migrate.comparison WHERE job = $job");
}
sub repair
{
	my ($comparison) = @_;
	return finish($jobs->ask("SELECT migrate_repair($comparison, dry_run => false)"), 'a repair ends');
}

# ---- publications (C41) ----------------------------------------------------------------------------------------------
$jobs->ask(<<'SQL');
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t SELECT g, g FROM generate_series(1, 5000) g;
CREATE TABLE m (id bigint PRIMARY KEY, v int);
CREATE PUBLICATION one FOR TABLE t;
CREATE PUBLICATION every FOR ALL TABLES;
SELECT pg_create_logical_replication_slot(name, 'pgoutput') FROM unnest(ARRAY['one', 'every']) name;
SQL
my $connection = $node->connstr('postgres') =~ s/'/''/gr;
# Two subscribers: to the table, without the extension; and to all tables, with it.
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
$subscriber->start;
$subscriber->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY, v int)');
my $second = JobNode->new('second');
$second->ask('CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE m (id bigint PRIMARY KEY, v int)');
sub subscribe
{
	my ($to, $publication) = @_;
	$to->safe_psql('postgres', "CREATE SUBSCRIPTION of_$publication CONNECTION '$connection' PUBLICATION $publication");
	$to->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate NOT IN ('r', 's')");
	$node->wait_for_catchup("of_$publication");
}
subscribe($subscriber, 'one');
subscribe($second->node, 'every');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM t'), 5000, 'a table has a subscriber');

# Every table of ours is updated or deleted from under a publication of everything: none lacks a replica identity.
finish($jobs->ask("SELECT migrate_backfill('t', 'm')"), 'a copy');
$jobs->ask('UPDATE t SET v = -1 WHERE id = 5; UPDATE m SET v = -2 WHERE id IN (6, 7); DELETE FROM m WHERE id = 8');
my $found = finish($jobs->ask("SELECT migrate_compare('t', 'm')"), 'a comparison');
is(verdict($found), 'different|1|0|2', 'finds what was planted');
is(verdict(finish($jobs->ask("SELECT migrate_compare('t', 'm', 'rolling')"), 'one by ranges')), 'different|1|0|2',
	'as ranges do');
my $repair = repair($found);
is($jobs->ask("SELECT string_agg(DISTINCT action, ', ') FROM migrate.repair WHERE job = $repair"), 'write', 'a repair');
is(verdict(finish($jobs->ask("SELECT migrate_compare('t', 'm')"), 'and again')), 'equal|0|0|0', 'is whole');
is($jobs->ask(<<'SQL'), '', 'each table of ours can be updated and deleted from under any publication');
SELECT string_agg(c.relname, ', ') FROM pg_class c
 WHERE c.relnamespace = 'migrate'::regnamespace AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
   AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
SQL

# The names of the relations that a slot sends under a publication.
sub sent
{
	my ($publication) = @_;
	my %names;
	for my $message (split /\n/, $jobs->ask(<<"SQL"))
SELECT encode(data, 'hex') FROM pg_logical_slot_get_binary_changes('$publication', NULL, NULL,
	'proto_version', '1', 'publication_names', '$publication') WHERE get_byte(data, 0) = ascii('R')
SQL
	{
		my (undef, undef, $schema, $name) = unpack 'a N Z* Z*', pack('H*', $message);
		$names{"$schema.$name"} = 1;
	}
	return join ', ', sort keys %names;
}
is(sent('one'), 'public.t', 'a publication of the table sends that table alone');
like(sent('every'), qr/migrate\.comparison_result, .*migrate\.job, .*public\.m, public\.t$/,
	'one of all tables sends ours, too');
like($jobs->ask("SELECT status, details FROM migrate_preflight('t') WHERE check_name = 'publications'"),
	qr/^warning\|.*publication every takes in the target as well/, 'which preflight warns of');
$jobs->ask('UPDATE t SET v = 4711 WHERE id = 9');
$node->wait_for_catchup('of_one');
is($subscriber->safe_psql('postgres', 'SELECT sum(v) FROM t'), $jobs->ask('SELECT sum(v) FROM t'),
	'its subscriber has every change');

# Whoever subscribes to all tables is sent our jobs.
my $gate = $jobs->gate('compare_snapshot');
my $job = $jobs->ask("SELECT migrate_compare('t', 'm')");
$jobs->worker_at('compare_snapshot');
$second->until_true("SELECT EXISTS (SELECT FROM migrate.job WHERE id = $job AND state = 'running')", 'a job is sent');
$gate->quit;
finish($job, 'it ends where it began');
$node->wait_for_catchup('of_every');
is($second->job($job, 'state'), 'succeeded', 'and is seen to');
is($second->ask('SELECT sum(v) FROM m'), $jobs->ask('SELECT sum(v) FROM m'), 'the target was sent as well');
$subscriber->stop;
$second->node->stop;
$jobs->ask('DROP PUBLICATION every; DROP PUBLICATION one');
for my $slot (qw(one every of_one of_every))
{
	$node->poll_query_until('postgres', "SELECT NOT active FROM pg_replication_slots WHERE slot_name = '$slot'");
	$jobs->ask("SELECT pg_drop_replication_slot('$slot')");
}

# ---- foreign keys of the target (C44) --------------------------------------------------------------------------------
# The source has none. What a repair inserts tells under which role it was.
$jobs->ask(<<'SQL');
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent SELECT generate_series(1, 10);
CREATE TABLE source (id int PRIMARY KEY, parent int, late int);
INSERT INTO source SELECT g, g, 1 FROM generate_series(1, 20) g;
INSERT INTO source VALUES (30, 1, 99);
CREATE TABLE target (id int PRIMARY KEY, parent int REFERENCES parent,
	late int REFERENCES parent DEFERRABLE INITIALLY DEFERRED,
	role text DEFAULT current_setting('session_replication_role'));
INSERT INTO target SELECT g, g, 1 FROM generate_series(1, 5) g;
INSERT INTO target SELECT g, 1, 1 FROM generate_series(6, 8) g;
SELECT migrate_link('source', 'target');
INSERT INTO target VALUES (100), (101), (102), (103);
CREATE TABLE of_no_action (target int REFERENCES target);
CREATE TABLE of_restrict (target int REFERENCES target ON DELETE RESTRICT);
CREATE TABLE of_deferred (target int REFERENCES target DEFERRABLE INITIALLY DEFERRED);
INSERT INTO of_no_action VALUES (100);
INSERT INTO of_restrict VALUES (101);
INSERT INTO of_deferred VALUES (102);
UPDATE source SET parent = 77 WHERE id = 8;
SQL
$found = finish($jobs->ask("SELECT migrate_compare('source', 'target')"), 'compared');
is(verdict($found), 'different|13|4|3', 'rows are missing, superfluous, and changed');
$repair = repair($found);
sub repaired
{
	my ($action) = @_;
	return $jobs->ask("SELECT string_agg(key ->> 'id', ' ' ORDER BY (key ->> 'id')::int)
		FROM migrate.repair WHERE job = $repair AND action = '$action'");
}
is(repaired('write'), '6 7 9 10', 'what may be written is');
is(repaired('delete'), '103', 'what nobody refers to is deleted');
is(repaired('failed'), '8 11 12 13 14 15 16 17 18 19 20 30 100 101 102', 'all else is left alone');
for my $of (
	[ 11, 'target_parent_fkey' ],
	[ 8, 'target_parent_fkey' ],
	[ 30, 'target_late_fkey' ],
	[ 100, 'of_no_action_target_fkey' ],
	[ 101, 'of_restrict_target_fkey' ],
	[ 102, 'of_deferred_target_fkey' ])
{
	my ($id, $constraint) = @$of;
	like($jobs->ask("SELECT error FROM migrate.repair WHERE job = $repair AND key = '{\"id\": $id}'"),
		qr/violates foreign key constraint "$constraint"/, "and the log says why: row $id");
}
is($jobs->ask("SELECT count(*) FROM migrate.difference WHERE job = $found AND repaired_at IS NULL"), 15,
	'these are not marked as repaired');
is($jobs->ask("SELECT string_agg(DISTINCT role, ', ') FROM target"), 'origin',
	'session_replication_role was not touched');
for my $reference ([ 'target', 'parent', 'parent' ], [ 'target', 'late', 'parent' ],
	map { [ $_, 'target', 'target' ] } qw(of_no_action of_restrict of_deferred))
{
	my ($from, $column, $to) = @$reference;
	is(
		$jobs->ask("SELECT count(*) FROM $from f LEFT JOIN $to o ON o.id = f.$column
			WHERE $column IS NOT NULL AND o.id IS NULL"),
		0, "no orphan: $from.$column");
}
$found = finish($jobs->ask("SELECT migrate_compare('source', 'target')"), 'compared again');
is(verdict($found), 'different|11|3|1', 'the next comparison still says what differs');
$jobs->ask('INSERT INTO parent SELECT generate_series(11, 99); TRUNCATE of_no_action, of_restrict, of_deferred');
repair($found);
is(verdict(finish($jobs->ask("SELECT migrate_compare('source', 'target')"), 'compared')), 'equal|0|0|0',
	'until it can be repaired');

$node->stop;
done_testing();
