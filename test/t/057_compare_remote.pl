# A side on another server (C48): postgres_fdw keeps one snapshot there for each transaction here, so that what is read
# again in a comparison is what was hashed; and each comparison is a transaction of its own, which sees what has changed.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('remote', 'pg_cutover.lock_timeout' => '1h', shared_preload_libraries => 'pg_cutover');
my $node = $jobs->node;
my ($host, $port) = ($node->host, $node->port);
$jobs->ask('CREATE DATABASE elsewhere');
$jobs->ask('CREATE TABLE r (id int PRIMARY KEY, v int); INSERT INTO r SELECT g, g FROM generate_series(1, 2000) g', 'elsewhere');
$jobs->ask(<<"SQL");
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'elsewhere');
CREATE USER MAPPING FOR CURRENT_USER SERVER elsewhere OPTIONS (user 'postgres');
CREATE FOREIGN TABLE f (id int NOT NULL, v int) SERVER elsewhere OPTIONS (table_name 'r');
CREATE TABLE m (id int PRIMARY KEY, v int);
INSERT INTO m SELECT g, CASE WHEN g = 7 THEN -7 ELSE g END FROM generate_series(1, 2000) g;
CREATE FUNCTION held(id int) RETURNS int LANGUAGE plpgsql AS \$\$
BEGIN
	IF id = 5 THEN PERFORM pg_advisory_xact_lock_shared(48); END IF;
	RETURN id;
END \$\$;
CREATE VIEW slow AS SELECT held(id) AS id, v FROM m;
SQL
sub found
{
	my ($job) = @_;
	$jobs->until_state($job, 'succeeded');
	return $jobs->ask("SELECT verdict, missing, extra, changed FROM migrate.comparison WHERE job = $job") . ' '
	  . $jobs->ask("SELECT string_agg(coalesce(source_row, target_row)::text, ' ' ORDER BY key, kind DESC) FROM migrate.difference_row WHERE job = $job");
}

# The other side is changed when the foreign rows have been hashed and those of the target have not.
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT FROM pg_advisory_lock(48)');
my $job = $jobs->ask("SELECT migrate_compare('f', 'slow', 'snapshot')");
$jobs->until_true("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 48 AND NOT granted)",
	'the foreign side has been read');
$jobs->ask('UPDATE r SET v = -7 WHERE id = 7; UPDATE r SET v = 0 WHERE id = 8; DELETE FROM r WHERE id = 9', 'elsewhere');
$lock->query_safe('SELECT pg_advisory_unlock(48)');
# The view has no key: a row that differs is one that is missing and one too many.
is(found($job), 'different|1|1|0 {"v": 7, "id": 7} {"v": -7, "id": 7}', 'what differs is as it was when it was hashed');

$job = $jobs->ask("SELECT migrate_compare('f', 'm', 'snapshot')");
is(found($job), 'different|0|1|1 {"v": 0, "id": 8} {"v": 9, "id": 9}', 'the next one sees what has changed there');
like($jobs->error_of("SELECT migrate_compare('f', 'm', 'rolling')"), qr/0A000:.*cannot be compared range by range/s,
	'ranges need rows that are stored here');
like($jobs->ask("SELECT migrate_checksum('f') = migrate_checksum('m')"), qr/^f$/, 'checksums differ');
$jobs->ask('UPDATE m SET v = 0 WHERE id = 8; UPDATE m SET v = -7 WHERE id = 7; DELETE FROM m WHERE id = 9');
is($jobs->ask("SELECT migrate_checksum('f') = migrate_checksum('m')"), 't', 'and agree, once the rows do');

$lock->quit;
$node->stop;
done_testing();
