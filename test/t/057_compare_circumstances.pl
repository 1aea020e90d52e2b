# Comparisons on servers and tables that are unlike the usual: md5 disabled by policy (C10), keys in another collation
# (C11), a read-only standby (C40), an unlogged source (O22); and what a comparison with few differences reads and
# writes (C31).
use strict;
use warnings;
use utf8;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

sub compare
{
	my ($jobs, $source, $target, $mode) = @_;
	my $job = $jobs->ask("SELECT migrate_compare('$source', '$target', '" . ($mode // 'auto') . "')");
	$jobs->until_state($job, 'succeeded', "$source is compared with $target");
	return $job;
}
sub found
{
	my ($jobs, $job) = @_;
	return $jobs->ask(
		"SELECT method, verdict, missing, extra, changed, representation_only FROM migrate.comparison WHERE job = $job");
}
sub keys_of
{
	my ($jobs, $job) = @_;
	return $jobs->ask("SELECT string_agg(kind || ' ' || key, '; ' ORDER BY kind, key)
		FROM migrate.difference WHERE job = $job");
}

# ---- md5 disabled by policy (C10) ------------------------------------------------------------------------------------
{
	# Only algorithms of a FIPS provider are found, and there is none; random numbers are exempt, or nobody could connect.
	my $policy = PostgreSQL::Test::Utils::tempdir() . '/openssl.cnf';
	append_to_file($policy, <<'CONF');
openssl_conf = init
[init]
providers = providers
alg_section = algorithms
random = random
[providers]
default = provider
[provider]
activate = 1
[algorithms]
default_properties = fips=yes
[random]
properties = -fips
seed_properties = -fips
CONF
	chmod 0644, $policy;
	local $ENV{OPENSSL_CONF} = $policy;
	my $jobs = JobNode->new('policy');
	like($jobs->error_of("SELECT md5('a')"), qr/could not compute MD5 hash/, 'there is no md5');
	$jobs->ask(<<'SQL');
CREATE TABLE t (id int PRIMARY KEY, v text, w numeric, x jsonb);
INSERT INTO t SELECT g, 'row ' || g, g / 7.0, jsonb_build_object('g', g) FROM generate_series(1, 5000) g;
CREATE TABLE m (id bigint PRIMARY KEY, v text, w numeric, x jsonb);
SQL
	my $job = $jobs->ask("SELECT migrate_backfill('t', 'm')");
	$jobs->until_state($job, 'succeeded', 'a copy');
	is(found($jobs, compare($jobs, 't', 'm')), 'snapshot|equal|0|0|0|0', 'a comparison');
	like($jobs->ask("SELECT migrate_checksum('t')"), qr/^\(5000,[0-9a-f]{32}\)$/, 'a checksum');
	$jobs->ask("DELETE FROM m WHERE id = 1; UPDATE m SET x = '{}' WHERE id = 2; INSERT INTO m VALUES (9000)");
	for my $mode ('snapshot', 'rolling')
	{
		$job = compare($jobs, 't', 'm', $mode);
		is(found($jobs, $job), "$mode|different|1|1|1|0", "differences, $mode");
		is(keys_of($jobs, $job), 'changed {"id": 2}; extra {"id": 9000}; missing {"id": 1}', "and their keys, $mode");
	}
	$job = $jobs->ask("SELECT migrate_repair($job, dry_run => false)");
	$jobs->until_state($job, 'succeeded', 'a repair');
	is(found($jobs, compare($jobs, 't', 'm')), 'snapshot|equal|0|0|0|0', 'after which they are equal');
	$jobs->node->stop;
}

# autovacuum would read and write what is counted below.
my $jobs = JobNode->new('primary', autovacuum => 'off', 'pg_cutover.max_snapshot_age' => '1s');
my $node = $jobs->node;

# ---- keys in another collation (C11) ---------------------------------------------------------------------------------
# Hyphens, case and accents: each collation has another order for these keys.
$jobs->ask(<<'SQL');
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE key (k text);
INSERT INTO key SELECT concat(
	(ARRAY['coop', 'co-op', 'CO-OP', 'Coop', 'cöop', 'cö-op', 'Ångström', 'angstrom', 'zebra', 'résumé', 'resume-'])
		[1 + g % 11],
	(ARRAY['', '-', ' ', '_', 'é', 'E', 'e'])[1 + g / 11 % 7], g)
	FROM generate_series(1, 6000) g;
SQL
sub in_order { return "(SELECT string_agg(k, ',' ORDER BY k COLLATE $_[0]) FROM key)" }
is($jobs->ask("SELECT @{[ in_order('\"C\"') ]} <> @{[ in_order('\"en-x-icu\"') ]}"), 't', 'the orders differ');

my $number = 0;
for my $pair (
	[ '"C"', '"en-x-icu"' ],
	[ '"en-x-icu"', '"C"' ],
	[ '"C.utf8"', '"en-x-icu"' ],
	[ '"C"', 'no_case' ],
	[ 'no_case', '"C"' ])
{
	my ($from, $to) = @$pair;
	my ($source, $target) = map { $_ . ++$number } 's', 't';
	$jobs->ask(<<"SQL");
CREATE TABLE $source (k text COLLATE $from PRIMARY KEY, v int);
INSERT INTO $source SELECT k, length(k) FROM key;
CREATE TABLE $target (k text COLLATE $to PRIMARY KEY, v int);
INSERT INTO $target SELECT * FROM $source;
SQL
	is(found($jobs, compare($jobs, $source, $target)), 'snapshot|equal|0|0|0|0', "$from and $to: equal");
	$jobs->ask(qq{DELETE FROM $target WHERE k COLLATE "C" LIKE '%77';
		INSERT INTO $target VALUES ('co-op - new', 1), ('Ångström-é', 2);
		UPDATE $target SET v = -1 WHERE k COLLATE "C" LIKE 'cö%-%99'});
	my $truth = $jobs->ask(<<"SQL");
SELECT count(*) FILTER (WHERE t.k IS NULL), count(*) FILTER (WHERE s.k IS NULL),
	count(*) FILTER (WHERE s.v <> t.v) FROM $source s FULL JOIN $target t ON s.k COLLATE "C" = t.k COLLATE "C"
SQL
	like($truth, qr/^60\|2\|[1-9]/, 'planted differences');
	is(found($jobs, compare($jobs, $source, $target, 'snapshot')), "snapshot|different|$truth|0",
		'are found, and no others');
	like($jobs->error_of("SELECT migrate_compare('$source', '$target', 'rolling')"),
		qr/0A000.*cannot be compared range by range.*key column "k" .* has another type or collation.*mode => 'snapshot'/s,
		'ranges of the key are refused: the two sides have no common order');
	# As if reading them took longer than pg_cutover.max_snapshot_age.
	$jobs->ask("UPDATE pg_class SET reltuples = 1e9 WHERE oid IN ('$source'::regclass, '$target'::regclass)");
	is(found($jobs, compare($jobs, $source, $target)), "snapshot|different|$truth|0",
		'so auto takes one snapshot, large as they are');
	$jobs->ask("DROP TABLE $source, $target");
}

for my $collation ('"en-x-icu"', 'no_case')
{
	$jobs->ask(<<"SQL");
CREATE TABLE s (k text COLLATE $collation PRIMARY KEY, v int);
INSERT INTO s SELECT k, length(k) FROM key;
CREATE TABLE t (LIKE s INCLUDING ALL);
INSERT INTO t SELECT * FROM s;
DELETE FROM t WHERE k COLLATE "C" LIKE '%77';
INSERT INTO t VALUES ('', 1), ('zz-zz', 2);
UPDATE t SET v = -1 WHERE k COLLATE "C" LIKE 'cö%-%99';
SQL
	my $changed = $jobs->ask('SELECT count(*) FROM t WHERE v = -1');
	for my $mode ('snapshot', 'rolling')
	{
		is(found($jobs, compare($jobs, 's', 't', $mode)), "$mode|different|60|2|$changed|0", "both $collation, $mode");
	}
	# C25: it would hold a snapshot for longer than allowed.
	is(found($jobs, compare($jobs, 's', 't')), "snapshot|different|60|2|$changed|0",
		'auto takes one snapshot of small tables');
	$jobs->ask("UPDATE pg_class SET reltuples = 1e9 WHERE oid IN ('s'::regclass, 't'::regclass)");
	is(found($jobs, compare($jobs, 's', 't')), "rolling|different|60|2|$changed|0", 'and ranges of large ones');
	$jobs->ask('DROP TABLE s, t');
}

# Keys that only the target takes for the same.
$jobs->ask(<<'SQL');
CREATE TABLE s (k text COLLATE "C" PRIMARY KEY, v int);
CREATE TABLE t (k text COLLATE no_case PRIMARY KEY, v int);
INSERT INTO s VALUES ('a', 1), ('A', 1), ('b', 2), ('B-c', 3);
INSERT INTO t VALUES ('a', 1), ('b', 2), ('b-C', 3);
SQL
my $job = compare($jobs, 's', 't');
is(found($jobs, $job), 'snapshot|different|1|0|0|1', 'keys that are equal in the target alone');
is(keys_of($jobs, $job), 'missing {"k": "A"}; representation {"k": "B-c"}', 'hide no row');
$jobs->ask('DROP TABLE s, t');

# ---- what it reads and writes (C31) ----------------------------------------------------------------------------------
# Rows that scans have read of source and target, rows written to either, temporary files.
sub counted
{
	my ($source, $target) = @_;
	# Workers report when they end.
	$jobs->until_true("SELECT NOT EXISTS (SELECT FROM pg_stat_activity
		WHERE backend_type LIKE 'pg_cutover%' OR backend_type = 'parallel worker')", 'workers have ended');
	my $read = sub {
		return "(SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relid = '$_[0]'::regclass)";
	};
	return [ split /\|/, $jobs->ask(<<"SQL") ];
SELECT @{[ $read->($source) ]}, @{[ $read->($target) ]},
	(SELECT sum(n_tup_ins + n_tup_upd + n_tup_del + n_tup_hot_upd) FROM pg_stat_user_tables
		WHERE relid IN ('$source'::regclass, '$target'::regclass)),
	(SELECT temp_files FROM pg_stat_database WHERE datname = current_database()), pg_current_wal_insert_lsn() - '0/0'
SQL
}
# Ten rows of either side are looked up by their key where it is compared as it is, and found by another scan where it
# is hashed, or converted.
for my $case (
	[ 'int', 'int', 200_007, 200_009 ],
	[ 'int', 'bigint', 400_000, 200_009 ],
	[ 'text', 'text', 400_000, 400_002 ])
{
	my ($from, $to, @most) = @$case;
	my $what = "$from and $to";
	$jobs->ask(<<"SQL");
CREATE TABLE s (id $from PRIMARY KEY, v int, w text);
INSERT INTO s SELECT g::text::$from, g, repeat('x', 60) FROM generate_series(1, 200000) g;
CREATE TABLE t (id $to PRIMARY KEY, v int, w text);
INSERT INTO t SELECT * FROM s;
UPDATE t SET v = -1 WHERE v % 40000 = 0;
DELETE FROM t WHERE v IN (100, 100000);
INSERT INTO t SELECT g::text::$to, g, 'new' FROM generate_series(300001, 300003) g;
VACUUM ANALYZE s, t;
CHECKPOINT;
SQL
	my $before = counted('s', 't');
	is(found($jobs, compare($jobs, 's', 't', 'snapshot')), 'snapshot|different|2|3|5|0', "ten differences, $what");
	my $after = counted('s', 't');
	my ($source, $target, $written, $files, $wal) = map { $after->[$_] - $before->[$_] } 0 .. 4;
	cmp_ok($source, '>=', 200_000, 'what scans read is counted');
	cmp_ok($source, '<=', $most[0], "rows read of the source, $what");
	cmp_ok($target, '<=', $most[1], "rows read of the target, $what");
	is("$written, $files", '0, 0', 'no row of either is written, and no temporary file');
	cmp_ok($wal, '<', 1_000_000, 'WAL of the result alone: the table has 20 MB');
	$jobs->ask('DROP TABLE s, t');
}

# ---- a read-only standby (C40) ---------------------------------------------------------------------------------------
$jobs->ask(<<'SQL');
CREATE TABLE s (id int PRIMARY KEY, v text, w numeric);
INSERT INTO s SELECT g, 'row ' || g, g / 3.0 FROM generate_series(1, 20000) g;
CREATE TABLE t (LIKE s INCLUDING ALL);
INSERT INTO t SELECT * FROM s;
UPDATE t SET v = 'planted' WHERE id IN (7, 77);
DELETE FROM t WHERE id = 777;
SQL
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$jobs->ask("UPDATE s SET v = 'after the backup' WHERE id = 5; UPDATE t SET v = 'after the backup' WHERE id = 5");
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'a standby');
for my $table ('s', 't')
{
	my $checksum = "SELECT rows, checksum FROM migrate_checksum('$table')";
	is($standby->safe_psql('postgres', $checksum), $jobs->ask($checksum), "has the primary's checksum of $table");
}
sub sketch { return "SELECT migrate_sketch(42, 1, id, v, w) FROM $_[0]" }
my $difference = 'SELECT verdict, rows_a, rows_b, complete, (SELECT array_agg(k ORDER BY k) FROM unnest(keys) k)
	FROM migrate_sketch_diff';
is($standby->safe_psql('postgres', "$difference((@{[ sketch('s') ]}), (@{[ sketch('t') ]}))"),
	'different|20000|19999|t|{7,77,777}', 'finds the rows that differ there');
is($standby->safe_psql('postgres', "$difference((@{[ sketch('s') ]}), '" . $jobs->ask(sketch('s')) . "')"),
	'equal|20000|20000|t|', "and that it holds the primary's rows");
my ($code, $out, $error) = $standby->psql('postgres', "\\set VERBOSITY verbose\nSELECT migrate_compare('s', 't')");
like($error, qr/25006: +jobs cannot be created on a standby\nHINT: +Call it on the primary\./, 'a comparison needs a job, and there can be none');
$standby->stop;

# ---- an unlogged source (O22) ----------------------------------------------------------------------------------------
$jobs->ask(<<'SQL');
CREATE UNLOGGED TABLE u (LIKE s INCLUDING ALL);
INSERT INTO u SELECT * FROM s;
SQL
is(found($jobs, compare($jobs, 'u', 's', 'snapshot')), 'snapshot|equal|0|0|0|0', 'an unlogged source: equal');
is(found($jobs, compare($jobs, 'u', 't', 'rolling')), 'rolling|different|1|0|2|0', 'planted differences are found');
$node->stop('immediate');
$node->start;
is(found($jobs, compare($jobs, 'u', 's', 'snapshot')), 'snapshot|different|0|20000|0|0',
	'a crash has emptied it, and that is said');

$node->stop;
done_testing();
