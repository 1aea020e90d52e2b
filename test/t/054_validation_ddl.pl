# migrate_validate while others change tables: an ALTER TABLE that rewrites and a TRUNCATE hide every row of a table from
# older snapshots, and no check may pass on rows that it could not see. What is read is locked before the snapshot, and
# where that is not possible the run says so.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('validation_ddl');
my $node = $jobs->node;
$jobs->ask(q{
	CREATE TABLE v (id int PRIMARY KEY, n int);
	INSERT INTO v VALUES (1, 1), (2, -1);
	ALTER TABLE v ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
	SELECT migrate_add_check('m', 'first', 'query', '{"query": "true"}');
	SELECT migrate_add_check('m', 'v', 'constraints', '{"relation": "v"}');
});

# A run that stands at its first check, with its snapshot; what it said afterwards.
sub start_run
{
	my ($migration, $settings) = @_;
	my $gate = $jobs->gate('validation_check');
	my $run = $node->background_psql('postgres', on_error_stop => 0);
	$run->query_until(qr/started/, "\\echo started\n" . ($settings // '')
		  . "SELECT concat_ws(' ', check_name, status, details) FROM migrate_validate('$migration');\n\\echo finished\n");
	return ($run, $gate, $jobs->worker_at('validation_check'));
}

sub finish_run
{
	my ($run, $gate) = @_;
	$gate->quit;
	my $out = $run->query_until(qr/finished/, '');
	$run->quit;
	return $out;
}

# ---- a table that is rewritten while an earlier check runs ----------------------------------------------------------
my ($run, $gate) = start_run('m');
like($jobs->error_of(q{SET lock_timeout = '200ms'; ALTER TABLE v ALTER n TYPE bigint}),
	qr/55P03.*lock timeout/, 'what a later check reads cannot be rewritten');
like($jobs->error_of(q{SET lock_timeout = '200ms'; TRUNCATE v}), qr/55P03/, 'nor truncated');
is($jobs->ask('UPDATE v SET n = n WHERE id = 1 RETURNING id'), 1, 'but written to');
like(finish_run($run, $gate), qr/first PASS.*\nv FAIL CHECK positive \(NOT VALID\): 1 row of public\.v/,
	'the row that violates it is found');

# ---- everything that the kinds read ---------------------------------------------------------------------------------
$jobs->ask(q{
	CREATE TABLE base (id int); CREATE VIEW seen AS SELECT * FROM base;
	CREATE TABLE filtered (id int); CREATE TABLE named_in_filter (id int);
	CREATE TABLE parted (id int) PARTITION BY RANGE (id);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
	CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
	CREATE TABLE referenced (id int PRIMARY KEY);
	CREATE TABLE own (id int PRIMARY KEY REFERENCES referenced);
	CREATE TABLE referencing (id int REFERENCES own);
	CREATE TABLE queried (id int); CREATE TABLE old_queried (id int); CREATE TABLE new_queried (id int);
	CREATE TABLE linked (id int PRIMARY KEY); CREATE TABLE linked_to (id int PRIMARY KEY, n bigint);
	CREATE TABLE looked_up (id int);
	SELECT migrate_link('linked', 'linked_to', columns => '{"n": "(SELECT count(*) FROM looked_up)"}', filter => 'id > 0');
	SELECT migrate_add_check('all', 'first', 'query', '{"query": "true"}');
	SELECT migrate_add_check('all', 'view', 'row_count', '{"relation": "seen", "rows": 0}');
	SELECT migrate_add_check('all', 'filter', 'row_count',
		'{"relation": "filtered", "rows": 0, "filter": "id IN (SELECT f.id FROM named_in_filter f)"}');
	SELECT migrate_add_check('all', 'tree', 'row_count', '{"relation": "parted", "rows": 0, "filter": "id < 10"}');
	SELECT migrate_add_check('all', 'keys', 'foreign_keys', '{"relation": "own", "incoming": true}');
	SELECT migrate_add_check('all', 'query', 'query', '{"query": "NOT EXISTS (SELECT FROM queried)"}');
	SELECT migrate_add_check('all', 'speed', 'query_performance',
		'{"old_query": "TABLE old_queried", "new_query": "TABLE new_queried", "tolerance": 100000, "pairs": 8}');
	SELECT migrate_add_check('all', 'linked', 'checksum', '{"source": "linked", "target": "linked_to"}');
});
($run, $gate, my $pid) = start_run('all');
is( $jobs->ask(qq{SELECT string_agg(DISTINCT relation::regclass::text, ' ' ORDER BY relation::regclass::text)
		FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
		WHERE l.pid = $pid AND l.mode = 'AccessShareLock' AND c.relkind IN ('r', 'p', 'v') AND c.relnamespace = 'public'::regnamespace}),
	join(' ', sort qw(base seen filtered named_in_filter parted parted_1 parted_2 referenced own referencing queried
		old_queried new_queried linked linked_to looked_up)),
	'all of them are locked before the first check runs');
my $all = finish_run($run, $gate);
unlike($all, qr/FAIL|INCONCLUSIVE/, 'and all checks pass') or diag($all);

# ---- somebody is at it when the run begins --------------------------------------------------------------------------
my $writer = $node->background_psql('postgres', on_error_stop => 0);
$writer->query_safe('BEGIN; TRUNCATE v; ALTER TABLE v DROP CONSTRAINT positive; INSERT INTO v VALUES (1, 1), (2, -1), (3, -1);
	ALTER TABLE v ADD CONSTRAINT positive CHECK (n > 0) NOT VALID');
my $waiting = $node->background_psql('postgres', on_error_stop => 0);
$waiting->query_until(qr/started/,
	"\\echo started\nSELECT check_name, status, details FROM migrate_validate('m');\n\\echo finished\n");
$jobs->until_true(q{SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'v'::regclass)},
	'the run waits for the table');
$writer->query_safe('COMMIT');
like($waiting->query_until(qr/finished/, ''), qr/v\|FAIL\|CHECK positive \(NOT VALID\): 2 rows/,
	'its snapshot is younger than what it has waited for');
$waiting->quit;

$jobs->ask(q{SELECT migrate_add_check('two', 'v', 'row_count', '{"relation": "v", "rows": 3}');
	SELECT migrate_add_check('two', 'other', 'query', '{"query": "true"}')});
$writer->query_safe('BEGIN; LOCK TABLE v');
is($jobs->ask(q{SET lock_timeout = '200ms'; SELECT check_name, status, details FROM migrate_validate('two')}),
	"v|INCONCLUSIVE|canceling statement due to lock timeout (SQLSTATE 55P03)\nother|PASS|the query gave true",
	'a lock that is not to be had is no verdict, and no concern of the others');
$writer->query_safe('ROLLBACK');

# ---- what cannot be known before: the tables that a function reads --------------------------------------------------
$jobs->ask(q{
	CREATE TABLE hidden (id int); INSERT INTO hidden VALUES (1);
	CREATE FUNCTION nothing_is_hidden() RETURNS boolean LANGUAGE plpgsql STABLE AS
		$$ BEGIN RETURN NOT EXISTS (SELECT FROM hidden); END $$;
	SELECT migrate_add_check('hidden', 'function', 'query', '{"query": "nothing_is_hidden()"}');
});
like($jobs->ask(q{SELECT status FROM migrate_validate('hidden')}), qr/FAIL/, 'a function that sees the row');
($run, $gate) = start_run('hidden');
$jobs->ask('BEGIN; TRUNCATE hidden; INSERT INTO hidden VALUES (1); COMMIT');
like(finish_run($run, $gate), qr/function INCONCLUSIVE public\.hidden has storage that is newer than the snapshot/,
	'does not pass where it cannot see it');

# ---- a transaction that keeps its snapshot --------------------------------------------------------------------------
for my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	my $fixed = $node->background_psql('postgres', on_error_stop => 0);
	$fixed->query_safe("BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM queried");
	like($fixed->query(q{SELECT status FROM migrate_validate('m') WHERE check_name = 'v'}), qr/^FAIL$/m,
		"$level: a table that is as the snapshot knows it");
	$fixed->query_safe("ROLLBACK; BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM queried");
	$jobs->ask('ALTER TABLE v ALTER n TYPE ' . ($level eq 'SERIALIZABLE' ? 'int' : 'bigint'));
	my $said = $fixed->query(q{SELECT check_name, status, details FROM migrate_validate('m')});
	like($said, qr/v\|INCONCLUSIVE\|public\.v has storage that is newer than the snapshot.*READ COMMITTED/,
		"$level: a table that was rewritten since");
	$fixed->query_safe("ROLLBACK; BEGIN ISOLATION LEVEL $level");
	$fixed->query_safe('TRUNCATE hidden; INSERT INTO hidden VALUES (1)');
	like($fixed->query(q{SELECT status FROM migrate_validate('hidden')}), qr/^FAIL$/m, "$level: its own TRUNCATE is no matter");
	$fixed->query_safe('ROLLBACK');
	$fixed->quit;
}

# ---- an index that amcheck cannot have, beside one that is broken ---------------------------------------------------
SKIP:
{
	skip 'amcheck is not installed', 3
	  unless $jobs->ask(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'});
	$jobs->ask(q{CREATE EXTENSION amcheck;
		CREATE TABLE indexed (id int PRIMARY KEY, n int); INSERT INTO indexed VALUES (1, 1), (2, 1);
		SELECT migrate_add_check('ix', 'indexes', 'indexes', '{"relation": "indexed"}')});
	$writer->query_safe('BEGIN; REINDEX INDEX indexed_pkey');
	my $ask = q{SET lock_timeout = '200ms'; SELECT status, details FROM migrate_validate('ix')};
	like($jobs->ask($ask), qr/^INCONCLUSIVE\|.*public\.indexed_pkey not looked into: .*lock timeout \(SQLSTATE 55P03\)/,
		'an index that was not looked into is no success');
	$writer->query_safe('ROLLBACK');
	$node->psql('postgres', 'CREATE UNIQUE INDEX CONCURRENTLY broken ON indexed (n)');
	$writer->query_safe('BEGIN; REINDEX INDEX indexed_pkey');
	like($jobs->ask($ask), qr/^FAIL\|public\.broken is not ready and not valid; .*public\.indexed_pkey not looked into: .*lock timeout/,
		'and does not hide what is broken');
	my (undef, undef, $error) = $node->psql('postgres', $ask =~ s/lock_timeout/statement_timeout/r);
	like($error, qr/canceling statement due to statement timeout/, 'a cancellation ends the run');
	$writer->query_safe('ROLLBACK');
}
$writer->quit;

# ---- two roles make one migration at the same time ------------------------------------------------------------------
$jobs->ask(q{CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; SELECT migrate_grant(r) FROM unnest('{alice,bob}'::regrole[]) r});
my $alice = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'alice' ]);
$alice->query_safe(q{BEGIN; SELECT migrate_add_check('race', 'hers', 'query', '{"query": "true"}')});
my $bob = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'bob' ]);
$bob->query_until(qr/started/,
	"\\echo started\nSELECT migrate_add_check('race', 'his', 'query', '{\"query\": \"true\"}');\n\\echo finished\n");
$jobs->until_true(q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'bob' AND wait_event_type = 'Lock')},
	'bob waits for alice');
$alice->query_safe('COMMIT');
$bob->query_until(qr/finished/, '');
is($jobs->ask(q{SELECT string_agg(name, ', ') FROM migrate.validation_check WHERE migration = 'race'}), 'hers',
	'who comes second does not get into her migration');
like($jobs->error_of(q{SELECT * FROM migrate_validate('race')}, user => 'bob'),
	qr/42501: migration "race" belongs to role "alice".*DETAIL:  You act as "bob".*HINT:  GRANT alice TO bob/s, 'nor runs it');
$_->quit for $alice, $bob;

$node->stop;
done_testing();
