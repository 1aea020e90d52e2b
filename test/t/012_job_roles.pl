# Whose rights a job has (R55 privilege matrix, R56 evil owner): workers connect as the role that asked, act as the role
# it acted as, never as a superuser on other roles' tables, and stop with a clear error when a right is lost.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('roles');
my $node = $jobs->node;
$jobs->ask(<<'SQL');
CREATE ROLE app LOGIN;
CREATE ROLE owners NOLOGIN;
CREATE ROLE ann LOGIN IN ROLE owners;
CREATE ROLE bob LOGIN;
CREATE ROLE nologin;
SELECT migrate_grant(r) FROM unnest('{app,owners,ann,bob}'::regrole[]) r;
GRANT CREATE ON SCHEMA public TO app, owners, ann, nologin;
SET ROLE app;
CREATE TABLE app_table (id int);
SET ROLE owners;
CREATE TABLE owners_table (id int);
SET ROLE nologin;
CREATE TABLE nologin_table (id int);
RESET ROLE;
CREATE TABLE super_table (id int);
-- What a job acts as: written by the statement that the job runs.
CREATE TABLE seen (job_user name, login name);
GRANT INSERT ON seen TO PUBLIC;
SQL
my $look = 'INSERT INTO public.seen SELECT current_user, session_user';
sub as
{
	my ($user, $query) = @_;
	my ($code, $out, $error) = $node->psql('postgres', $query, extra_params => [ '-U', $user ]);
	return $code == 0 ? $out : $error;
}
sub run_as
{
	my ($user, $table) = @_;
	$jobs->ask('TRUNCATE seen');
	my $job = as($user, "SELECT migrate.debug_job(1, 1, target => '$table', sql => '$look')");
	like($job, qr/^\d+$/, "$user creates a job on $table");
	$jobs->ask("CALL migrate_wait($job)");
	return $jobs->ask('SELECT * FROM seen');
}

is(run_as('app', 'app_table'), 'app|app', 'a job runs as the role that asked for it');
is(run_as('ann', 'owners_table'), 'ann|ann', 'with the rights it has by membership');
$jobs->ask('TRUNCATE seen');
my $job = as('ann', "SET ROLE owners; SELECT migrate.debug_job(1, 1, target => 'owners_table', sql => '$look')");
$jobs->ask("CALL migrate_wait($job)");
is($jobs->ask('SELECT * FROM seen'), 'owners|ann', 'after SET ROLE: connects as the one, acts as the other');

# A superuser's job on another role's table.
is(run_as('postgres', 'super_table'), 'postgres|postgres', 'a superuser on a table of his own');
is(run_as('postgres', 'app_table'), 'app|app', 'a superuser on another role\'s table: as its owner');
is($jobs->ask("SELECT login_role, effective_role FROM migrate.job ORDER BY id DESC LIMIT 1"), 'app|app', 'the job says so');
like($jobs->error_of("SELECT migrate.debug_job(1, 1, target => 'nologin_table')"),
	qr/55000: role "nologin" is not permitted to log in\nDETAIL:  A job on public.nologin_table has to connect as its owner.\nHINT:  ALTER ROLE nologin LOGIN/,
	'refused where the owner cannot log in');
like($jobs->error_of("SELECT migrate.debug_job(1, 1, target => 'app_table', source => 'owners_table')"),
	qr/42501: role "app" may not read public.owners_table\nDETAIL:.*\nHINT:  GRANT SELECT ON public.owners_table TO app/,
	'refused where the owner may not read the source');
like($jobs->error_of("SELECT migrate.debug_job(1, 1, target => 'super_table', source => 'app_table')"),
	qr/55000: a job cannot act for superuser "postgres" on a table of role "app"\nDETAIL:.*\nHINT:  ALTER TABLE public.super_table OWNER TO app/,
	'never as a superuser on another role\'s source');
$jobs->ask("GRANT SELECT ON owners_table TO app; SELECT migrate.debug_job(1, 1, target => 'app_table', source => 'owners_table');
	SELECT max(job) AS job FROM migrate.progress \\gset\nCALL migrate_wait(:job)");
is($jobs->ask('SELECT state FROM migrate.progress LIMIT 1'), 'succeeded', 'allowed where it may');

# A superuser who has become somebody else asks as that role.
$jobs->ask('TRUNCATE seen');
$job = $jobs->ask("SET ROLE ann; SELECT migrate.debug_job(1, 1, target => 'owners_table', sql => '$look')");
$jobs->ask("CALL migrate_wait($job)");
is($jobs->ask('SELECT * FROM seen'), 'ann|postgres', 'a superuser after SET ROLE');

# In a SECURITY DEFINER function of a role that the session's role may not become.
$jobs->ask(<<"SQL");
GRANT CREATE ON SCHEMA public TO app;
SET ROLE app;
CREATE FUNCTION as_app() RETURNS bigint SECURITY DEFINER LANGUAGE sql AS
  \$\$ SELECT migrate.debug_job(1, 1, target => 'app_table', sql => '$look') \$\$;
GRANT EXECUTE ON FUNCTION as_app() TO bob;
SQL
$jobs->ask('TRUNCATE seen');
$job = as('bob', 'SELECT as_app()');
$jobs->ask("CALL migrate_wait($job)");
is($jobs->ask('SELECT * FROM seen'), 'app|app', 'a definer\'s job runs as the definer');

# Settings of the role do not change what a job does.
$jobs->ask("ALTER ROLE app SET search_path = evil; ALTER ROLE app SET role = nologin; ALTER ROLE app SET TimeZone = 'Asia/Tokyo';
	GRANT nologin TO app; ALTER ROLE app SET default_transaction_read_only = on; ALTER ROLE app SET lock_timeout = '1h'");
$jobs->ask('TRUNCATE seen');
$job = $jobs->ask("SELECT migrate.debug_job(1, 1, target => 'app_table', sql => '$look')");
$jobs->ask("CALL migrate_wait($job)");
is($jobs->ask('SELECT * FROM seen'), 'app|app', 'a role\'s own settings do not matter');
$jobs->ask('ALTER ROLE app RESET ALL; REVOKE nologin FROM app');

# ---- control -------------------------------------------------------------------------------------------------------------
$job = as('app', "SELECT migrate.debug_job(1000, 50, target => 'app_table')");
for my $call ("SELECT migrate_pause($job)", "SELECT migrate_cancel($job)", "SELECT migrate_throttle($job, '{}')",
	"CALL migrate_wait($job)")
{
	like($jobs->error_of($call, user => 'bob'),
		qr/42501: permission denied for job $job\nDETAIL:  It runs as role "app", you act as "bob"/, "a stranger: $call");
}
is(as('bob', 'SELECT count(*) FROM migrate.progress'), 0, 'a stranger does not see it');
is(as('bob', 'SELECT migrate_recover()'), 0, 'and recovers nothing');
like($jobs->error_of('SELECT * FROM migrate.job', user => 'app'), qr/42501: permission denied for table job/,
	'the catalog is nobody\'s');
as('app', "SELECT migrate_pause($job)");
is($jobs->job($job, 'state'), 'paused', 'the role itself may control it');

# ---- rights that go away ----------------------------------------------------------------------------------------------------
# Each time: the job fails with a clear error, and resumes once the right is back.
sub loses
{
	my ($what, $take, $give, $error, $connects) = @_;
	$jobs->ask($take);
	like($jobs->error_of("SELECT migrate_resume($job)"), $error, "$what: a resume is refused");
	$jobs->ask($give);
	$jobs->ask("SELECT migrate_resume($job)");
	$jobs->until_true("SELECT state = 'running' AND migrate.job_has_worker(job) FROM migrate.progress WHERE job = $job", "$what: given back");
	$jobs->ask($take);
	# A worker that has to connect again.
	$jobs->ask("SELECT pg_terminate_backend(pids[1], 5000) FROM migrate.progress WHERE job = $job");
	# No one has noticed if the worker cannot even connect: somebody has to pass by.
	my $pass_by = $connects ? '' : 'SELECT FROM migrate_recover();';
	$jobs->until_true("$pass_by SELECT state = 'failed' FROM migrate.progress WHERE job = $job", "$what: the job fails");
	like($jobs->error_of("CALL migrate_wait($job)"), $error, "$what: with a clear error");
	$jobs->ask($give);
	$jobs->ask("SELECT migrate_resume($job)");
	$jobs->until_true("SELECT state = 'running' AND migrate.job_has_worker(job) FROM migrate.progress WHERE job = $job", "$what: resumed");
	$jobs->ask("SELECT migrate_pause($job)");
	$jobs->until_true("SELECT NOT migrate.job_has_worker($job)", 'paused again');
}
loses('NOLOGIN', 'ALTER ROLE app NOLOGIN', 'ALTER ROLE app LOGIN',
	qr/28000: role "app" is not permitted to log in\nDETAIL:  The workers of job $job connect as it.\nHINT:  ALTER ROLE app LOGIN, then SELECT migrate_resume\($job\)/);
loses('lost ownership', 'ALTER TABLE app_table OWNER TO bob', 'ALTER TABLE app_table OWNER TO app',
	qr/42501: role "app" does not own public.app_table any more\nDETAIL:  It belongs to role "bob"/, 1);
loses('no CONNECT', 'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC', 'GRANT CONNECT ON DATABASE postgres TO PUBLIC',
	qr/28000: role "app" may not connect to this database/);

# Dropped while its job runs.
$jobs->ask("SELECT migrate_cancel($job); CREATE ROLE gone LOGIN; CREATE TABLE gone_table (id int); ALTER TABLE gone_table OWNER TO gone;
	SELECT migrate_grant('gone')");
$job = as('gone', "SELECT migrate.debug_job(1000, 50, target => 'gone_table')");
$jobs->until_true("SELECT migrate.job_has_worker($job)", 'at work');
$jobs->ask('ALTER TABLE gone_table OWNER TO postgres; SELECT migrate_grant(\'gone\', \'none\'); DROP ROLE gone');
$jobs->ask("SELECT pg_terminate_backend(pids[1], 5000) FROM migrate.job_cursor, LATERAL (SELECT ARRAY[pid] AS pids) p WHERE job = $job");
$jobs->until_true("SELECT count(migrate_recover()) = 1 AND (SELECT state = 'failed' FROM migrate.job WHERE id = $job)", 'a dropped role fails the job');
like($jobs->error_of("CALL migrate_wait($job)"), qr/42704: the role with OID \d+ that job $job runs as does not exist any more/,
	'with a clear error');
# The registration of a terminated worker brings it back once.
select undef, undef, undef, 7;
my $starts = () = slurp_file($node->logfile) =~ /role with OID \d+ does not exist|role "app" is not permitted to log in/g;
select undef, undef, undef, 7;
my $later = () = slurp_file($node->logfile) =~ /role with OID \d+ does not exist|role "app" is not permitted to log in/g;
is($later, $starts, 'and no worker comes back every few seconds to fail again');

# A membership that goes while the job runs.
$job = as('ann', "SET ROLE owners; SELECT migrate.debug_job(1000, 50, target => 'owners_table')");
$jobs->until_true("SELECT migrate.job_has_worker($job)", 'at work');
$jobs->ask('REVOKE owners FROM ann');
$jobs->ask("SELECT pg_terminate_backend(pids[1], 5000) FROM migrate.progress WHERE job = $job");
$jobs->until_true("SELECT count(migrate_recover()) = 1 AND (SELECT state = 'failed' FROM migrate.progress WHERE job = $job)", 'a lost membership fails the job');
like($jobs->error_of("CALL migrate_wait($job)"), qr/42501: role "ann" may not become role "owners" any more/, 'with a clear error');
# A table that is dropped.
$job = as('app', "SELECT migrate.debug_job(1000, 50, target => 'app_table')");
$jobs->until_true("SELECT migrate.job_has_worker($job)", 'at work');
$jobs->ask('DROP TABLE app_table CASCADE');
$jobs->ask("SELECT pg_terminate_backend(pids[1], 5000) FROM migrate.progress WHERE job = $job");
$jobs->until_true("SELECT count(migrate_recover()) = 1 AND (SELECT state = 'failed' FROM migrate.progress WHERE job = $job)", 'a dropped table fails the job');
like($jobs->error_of("CALL migrate_wait($job)"), qr/42P01: table public\.\w+ was dropped/, 'with a clear error');

$node->stop;
done_testing();
