# Validation by the real pg_cron (R67), in both of its ways to run a command; without it; from another database; as
# other roles.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

if (!-e `pg_config --sharedir` =~ s/\n//r . '/extension/pg_cron.control')
{
	plan skip_all => 'pg_cron is not installed';
}

# ---- no pg_cron -----------------------------------------------------------------------------------------------------
my $checks = q{CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);
	SELECT migrate_add_check('it''s "odd"\\', 'one row', 'row_count', '{"relation": "t", "rows": 1}');};
my $odd = q{'it''s "odd"\\'};

my %cron;
my $without = JobNode->new('without');
$without->ask($checks);
like($without->error_of("SELECT migrate_schedule($odd, '* * * * *')"),
	qr/42704: pg_cron is not installed in this database.*not in shared_preload_libraries.*HINT:  Install the package/s,
	'without pg_cron: an error that says how to get it');
like($without->error_of("SELECT migrate_unschedule($odd)"), qr/42704: pg_cron is not installed/,
	'and so for the way back');
$without->node->stop;

# ---- both ways, at the same time ------------------------------------------------------------------------------------
for my $mode ('on', 'off')
{
	my $jobs = $cron{$mode} = JobNode->new("cron_$mode");
	my $node = $jobs->node;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'postgres'\n"
		  . "cron.use_background_workers = $mode\ncron.host = '" . $node->host . "'\nlog_min_messages = info");
	$node->restart;
	$jobs->ask($checks);
	like($jobs->error_of("SELECT migrate_schedule($odd, '* * * * *')"),
		qr/42704: pg_cron is not installed.*library is loaded.*HINT:  CREATE EXTENSION pg_cron/s,
			"$mode: loaded but not created");
	$jobs->ask('CREATE EXTENSION pg_cron');

	like($jobs->error_of("SELECT migrate_schedule('nothing', '* * * * *')"),
		qr/42704: migration "nothing" does not exist/,
		"$mode: an unknown migration");
	like($jobs->error_of("SELECT migrate_schedule($odd, 'sometimes')"), qr/invalid schedule: sometimes/,
		"$mode: an unknown schedule");
	like($jobs->error_of("SELECT migrate_unschedule($odd)"),
		qr/42704: migration .* is not scheduled by role .*HINT:  SELECT jobid/s,
		"$mode: not scheduled yet");
	is($jobs->ask('SELECT count(*) FROM cron.job'), 0, "$mode: none of that left a job");

	my $job = $jobs->ask("SELECT migrate_schedule($odd, '0 3 * * *')");
	my (undef, $again, $messages) = $node->psql('postgres', "SELECT migrate_schedule($odd, '* * * * *')");
	like($messages, qr/NOTICE:  the schedule of migration .* is replaced: it was '0 3 \* \* \*'/,
		"$mode: the second schedule says so");
	is($again, $job, "$mode: and replaces the first");
	is($jobs->ask('SELECT jobid, schedule, command, database, username = current_user, active FROM cron.job'),
		"$job|* * * * *|SELECT public.migrate_validate(E'it''s \"odd\"\\\\')|postgres|t|t",
			"$mode: one job, its command quoted");

	# One that somebody has switched off would never run.
	$jobs->ask("UPDATE cron.job SET active = false WHERE jobid = $job");
	(undef, $again, $messages) = $node->psql('postgres', "SELECT migrate_schedule($odd, '* * * * *')");
	like($messages, qr/is replaced: it was '\* \* \* \* \*', and not active/, "$mode: a schedule that is not active");
	is($jobs->ask('SELECT jobid, schedule, active FROM cron.job'), "$again|* * * * *|t", "$mode: is so afterwards");
}

# ---- names that pg_cron would cut off, other roles, and another database, while the minute passes -------------------
my $jobs = $cron{on};
my $node = $jobs->node;
my $long = 'm' x 100;
for my $name ("${long}1", "${long}2")
{
	$jobs->ask(qq{SELECT migrate_add_check('$name', 'true', 'query',
		'{"query": "true"}'); SELECT migrate_schedule('$name', '0 3 * * *')});
}
is($jobs->ask(q{SELECT count(*) FROM cron.job WHERE command ~ 'mmm'}), 2, 'two long names are two jobs');
$jobs->ask("SELECT migrate_unschedule('${long}1')");
like($jobs->ask(q{SELECT command FROM cron.job WHERE command ~ 'mmm'}), qr/mmm2/, 'and the right one is unscheduled');
$jobs->ask("SELECT migrate_unschedule('${long}2')");
$jobs->ask(q{CREATE ROLE alice LOGIN;
	SELECT migrate_grant('alice'); GRANT CREATE ON SCHEMA public TO alice});
$node->safe_psql('postgres', q{SELECT migrate_add_check('hers', 'true', 'query',
	'{"query": "current_user = ''alice''"}')},
	extra_params => [ '-U', 'alice' ]);
like($jobs->error_of(q{SELECT migrate_schedule('hers', '* * * * *')}, user => 'alice'),
	qr/42501: role "alice" may not use pg_cron.*HINT:  GRANT USAGE ON SCHEMA cron TO alice/s,
		'a role without the right to pg_cron');
$jobs->ask('GRANT USAGE ON SCHEMA cron TO alice');
my $hers = $node->safe_psql('postgres', q{SELECT migrate_schedule('hers', '* * * * *')},
	extra_params => [ '-U', 'alice' ]);
is($jobs->ask("SELECT username FROM cron.job WHERE jobid = $hers"), 'alice', 'her job runs as her');
$jobs->ask("UPDATE cron.job SET active = false WHERE jobid = $hers");
$hers = $node->safe_psql('postgres', q{SELECT migrate_schedule('hers', '* * * * *')},
	extra_params => [ '-U', 'alice' ]);
is($jobs->ask("SELECT active FROM cron.job WHERE jobid = $hers"), 't', 'she may switch it on again by scheduling it');
# Background workers hold transactions open as clients do.
$jobs->ask(q{CREATE TABLE waited_for (id int PRIMARY KEY); SELECT cron.schedule('sleeper', '* * * * *', 'SELECT pg_sleep(300)')});
my $long_transactions = q{FROM migrate_preflight('waited_for') WHERE check_name = 'long_transactions'};
is($jobs->ask("SELECT status $long_transactions"), 'ok', 'no transaction is open');
like($jobs->error_of(q{SELECT migrate_unschedule('hers')}), qr/is not scheduled by role/, 'it is hers to unschedule');

$jobs->ask('CREATE DATABASE elsewhere');
$jobs->ask(qq{CREATE SCHEMA "Tools"; CREATE EXTENSION pg_cutover SCHEMA "Tools";
	SET search_path = "Tools", public; $checks}, 'elsewhere');
my $error = $jobs->error_of("SELECT \"Tools\".migrate_schedule($odd, '* * * * *')", database => 'elsewhere');
like($error, qr/55000: pg_cron schedules jobs in database "postgres" only/, 'another database than pg_cron\'s');
my ($statement) = $error =~ /^HINT:  In database "postgres", as a role that may call it: (.*)$/m;
ok($statement, 'the hint is a statement');
$jobs->ask($statement);
like($jobs->error_of("SELECT \"Tools\".migrate_unschedule($odd)", database => 'elsewhere'),
	qr/HINT:  In database "postgres", .*: SELECT cron\.unschedule\(E?'/, 'so for the way back');

$jobs->until_true("SELECT status = 'warning' $long_transactions", 'the preflight sees the transaction of a background worker', seconds => 90);
like($jobs->ask("SELECT details $long_transactions"), qr/^1 open for more than 10\S* s: pid \d+ \(pg_cron/, 'and says whose it is');
# pg_cron waits for it before it looks at what else has ended.
$jobs->ask(q{SELECT cron.unschedule('sleeper');
	SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)'});

# ---- the minute has passed ------------------------------------------------------------------------------------------
for my $mode ('on', 'off')
{
	$cron{$mode}->until_true(q{SELECT count(*) > 0 FROM migrate.validation WHERE check_name = 'one row'},
		"$mode: pg_cron validates",
		seconds => 150);
	is($cron{$mode}->ask(q{SELECT DISTINCT status, details, run_by = current_user
		FROM migrate.validation WHERE check_name = 'one row'}),
		'PASS|public.t has 1 row, expected 1|t', "$mode: with a result");
	$cron{$mode}->until_true(q{SELECT bool_or(status = 'succeeded') FROM cron.job_run_details
		WHERE command ~ 'odd' AND database = 'postgres'},
		"$mode: and pg_cron is content");
}
$jobs->until_true(q{SELECT bool_and(status = 'PASS' AND run_by = 'alice') FROM migrate.validation
	WHERE migration = 'hers'},
	'hers ran as her', seconds => 150);
$jobs->until_true(q{SELECT bool_and(status = 'PASS') FROM migrate.validation},
	'the statement of the hint runs it elsewhere',
	database => 'elsewhere', seconds => 150);

for my $mode ('on', 'off')
{
	$cron{$mode}->ask("SELECT migrate_unschedule($odd)");
	is($cron{$mode}->ask(q{SELECT count(*) FROM cron.job
		WHERE username = current_user AND database = 'postgres'}), 0, "$mode: no job any more");
	is($cron{$mode}->ask(q{SELECT inverse FROM migrate.event
		WHERE message ~ 'not scheduled any more' AND migration ~ 'odd'}),
		"SELECT migrate_schedule(E'it''s \"odd\"\\\\', '* * * * *')", "$mode: and the way back to it");
	$cron{$mode}->node->stop;
}
done_testing();
