# migrate_validate among other sessions: one snapshot for all checks, one run at a time (R67), nothing left of a run
# that was killed, and checks with their history in a restored dump.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('validation');
my $node = $jobs->node;
$jobs->ask(q{
	CREATE TABLE orders (id int PRIMARY KEY, price int);
	INSERT INTO orders SELECT n, n FROM generate_series(1, 100) n;
	CREATE TABLE orders_new (LIKE orders INCLUDING ALL);
	INSERT INTO orders_new SELECT * FROM orders;
	SELECT migrate_add_check('m', 'source', 'row_count', '{"relation": "orders", "rows": 100}');
	SELECT migrate_add_check('m', 'target', 'row_count', '{"relation": "orders_new", "rows": 100}');
	SELECT migrate_add_check('m', 'both', 'query', '{"query": "(SELECT count(*) FROM orders) = 100"}');
});

# ---- one snapshot, one run ------------------------------------------------------------------------------------------
my $gate = $jobs->gate('validation_check');
my $first = $node->background_psql('postgres', on_error_stop => 0);
$first->query_until(qr/started/,
	"\\echo started\nBEGIN;\nSELECT check_name, status FROM migrate_validate('m');\n\\echo finished\n");
$jobs->worker_at('validation_check');

# The run has a snapshot and has looked at nothing yet.
$jobs->ask('INSERT INTO orders SELECT n, n FROM generate_series(101, 110) n');

my ($code, $out, $messages) =
  $node->psql('postgres', q{SELECT check_name IS NULL, status, details FROM migrate_validate('m')}, timeout => 30);
is($code, 0, 'a second run ends without an error');
is($out, 't|INCONCLUSIVE|migration "m" is being validated already: nothing was run', 'and says that it was none');
like($messages, qr/NOTICE:  migration "m" is being validated already/, 'in a notice, too');
$jobs->ask(q{SELECT migrate_add_check('other', 'ten', 'query', '{"query": "10 = 10"}')});

$gate->quit;
like($first->query_until(qr/finished/, ''), qr/source\|PASS\ntarget\|PASS\nboth\|PASS/,
	'every check saw the one snapshot');
is($jobs->ask('SELECT count(*) FROM migrate.validation'), 0, 'nothing of it is to be seen before its transaction ends');
is($jobs->ask(q{SELECT status FROM migrate_validate('m')}), 'INCONCLUSIVE',
	'until then nobody else validates this migration');
is($jobs->ask(q{SELECT status FROM migrate_validate('other')}), 'PASS', 'another one is nobody\'s business');
$first->query_safe('COMMIT');
$first->quit;
is($jobs->ask(q{SELECT string_agg(check_name || ' ' || status, ', ') FROM migrate.validation WHERE migration = 'm'}),
	'source PASS, target PASS, both PASS', 'one run is recorded, the two that were none are not');
is($jobs->ask(q{SELECT string_agg(status, ', ') FROM migrate_validate('m')}), 'FAIL, PASS, FAIL',
	'the next one sees the new rows');

# ---- a session that is gone -----------------------------------------------------------------------------------------
$gate = $jobs->gate('validation_check');
my $killed = $node->background_psql('postgres', on_error_stop => 0);
$killed->query_until(qr/started/, "\\echo started\nSELECT check_name, status FROM migrate_validate('m');\n");
my $pid = $jobs->worker_at('validation_check');
$jobs->ask("SELECT pg_terminate_backend($pid, 10000)");
$gate->quit;
eval { $killed->quit };
is($jobs->ask(q{SELECT count(DISTINCT run) FROM migrate.validation WHERE migration = 'm'}), 2,
	'nothing is recorded of a run that was killed');
is($jobs->ask(q{SELECT string_agg(status, ', ') FROM migrate_validate('m')}), 'FAIL, PASS, FAIL',
	'and it is in nobody\'s way');

# ---- a dump ---------------------------------------------------------------------------------------------------------
my $dump = PostgreSQL::Test::Utils::tempdir . '/dump';
command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
$jobs->ask('CREATE DATABASE restored');
command_ok([ 'pg_restore', '-d', $node->connstr('restored'), $dump ], 'pg_restore');
is($jobs->ask(q{SELECT string_agg(status, ', ') FROM migrate_validate('m')}, 'restored'), 'FAIL, PASS, FAIL',
	'the restored checks find their tables');
is( $jobs->ask(q{SELECT count(DISTINCT run), count(*) FROM migrate.validation WHERE migration = 'm'}, 'restored'),
	'4|12', 'history and the numbers of the runs go on');

$node->stop;
done_testing();
