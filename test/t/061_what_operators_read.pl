# What an operator or an application reads: whose error it is, what goes on, who is in the way; and calls that are
# handed out for later do the same whoever runs them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use JobNode;
use Test::More;

my $server = JobNode->new('main', shared_preload_libraries => 'pg_cutover', max_connections => 40, autovacuum => 'off');
my $node = $server->node;

# ---- a write that the old table rejects ---------------------------------------------------------------------------
$server->ask(<<'SQL');
CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0), note text);
INSERT INTO account SELECT n, 0 FROM generate_series(1, 10) n;
CREATE FUNCTION picky(int) RETURNS int IMMUTABLE LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF $1 = 13 THEN RAISE data_exception USING MESSAGE = 'not that one', HINT = 'its own hint'; END IF;
    IF $1 = 14 THEN RAISE NOTICE 'a mere notice' USING ERRCODE = '22000'; END IF;
    RETURN $1;
END $$;
CREATE TABLE plain (id int PRIMARY KEY, n int);
CREATE TABLE picked (id int PRIMARY KEY, n int CHECK (n < 100));
SELECT migrate_link('plain', 'picked', '{"n": "picky(n)"}');
SELECT migrate_sync('plain', 'picked', on_reject => 'fail');
SQL
my $job = $server->ask(q{SELECT migrate_table('account', ARRAY['DROP CONSTRAINT account_balance_check'])});
$server->until_state($job, 'succeeded', 'the check is gone with the swap');
my $rejected = $server->error_of('INSERT INTO account VALUES (11, -1)');
like($rejected, qr/ERROR:  23514: new row for relation "account_old" violates check constraint "account_balance_check"/,
	'the SQLSTATE and the message stay');
like($rejected, qr/DETAIL:  Failing row contains \(11, -1, null\)/, 'and the detail');
like($rejected, qr/CONTEXT:  dual-write of link \d+ from public\.account to the retired table public\.account_old\n/, 'whose error it is');
like($rejected, qr/HINT:  .*SELECT migrate_retire\('public\.account_old'\)/, 'and the way out');
like($rejected, qr/CONSTRAINT NAME:  account_balance_check/, 'what drivers ask for is there');
is($server->ask('SELECT count(*) FROM account'), '10', 'the write failed');
my $nested = $server->error_of(q{DO $$BEGIN UPDATE account SET balance = -1 WHERE id = 1; END$$});
like($nested, qr/CONTEXT:  dual-write of link \d+ .*\nSQL statement "UPDATE account.*\nPL\/pgSQL function/, 'the application\'s own context comes after it');
$server->ask("SELECT migrate_retire('account_old')");
is($server->error_of('INSERT INTO account VALUES (11, -1)'), 'no error: ', 'what the hint says helps');

my $forward = $server->error_of('INSERT INTO plain VALUES (1, 100)');
like($forward, qr/23514.*HINT:  .*migrate_unsync\('public\.plain', 'public\.picked'\).*CONTEXT:  dual-write of link \d+ from public\.plain to public\.picked\n/s,
	'before a swap');
my $own = $server->error_of('INSERT INTO plain VALUES (2, 13)');
like($own, qr/22000: not that one\nHINT:  its own hint\nCONTEXT:.*dual-write of link/s, 'a hint that is there already is kept');
my ($code, $out, $notice) = $node->psql('postgres', 'INSERT INTO plain VALUES (3, 14)');
like($notice, qr/NOTICE:  a mere notice/, 'a notice goes through');
unlike($notice, qr/HINT/, 'and gets no hint');
like($server->error_of(q{SET statement_timeout = '1ms'; INSERT INTO plain SELECT n, 1 FROM generate_series(10, 100000) n}),
	qr/57014(?!.*HINT)/s, 'a cancellation is nobody\'s rejection');

# ---- the inverse of migrate_drop_check ------------------------------------------------------------------------------
$server->ask(<<'SQL');
CREATE SCHEMA one; CREATE SCHEMA two;
CREATE TABLE one.item (id int PRIMARY KEY); CREATE TABLE two.item (id int PRIMARY KEY);
INSERT INTO two.item VALUES (1);
SET search_path = one, public;
SELECT migrate_add_check('m', 'indexes', 'indexes', '{"relation": "item"}'),
    migrate_add_check('m', 'empty', 'query', '{"query": "SELECT count(*) = 0 FROM item"}');
CREATE TABLE other (id int PRIMARY KEY);
SELECT migrate_add_check('m', 'pair', 'row_count', '{"source": "item", "target": "other"}');
SQL
my $checks = 'SELECT name, kind, source, target, search_path, created_by FROM migrate.validation_check ORDER BY name';
my $before = $server->ask($checks);
$server->ask("SELECT migrate_drop_check('m', name) FROM migrate.validation_check");
is($server->ask($checks), '', 'the checks are dropped');
my @inverses = split /\n/, $server->ask(q{SELECT inverse FROM migrate.event WHERE message LIKE 'check % was dropped' ORDER BY id});
is(scalar @inverses, 3, 'each has its inverse');
$server->ask("SET search_path = two, pg_catalog; $_") for @inverses;
is($server->ask($checks), $before, 'under another search_path they are the same again');
is($server->ask(q{SELECT string_agg(check_name || ' ' || status, ', ' ORDER BY check_name) FROM migrate_validate('m')}),
	'empty PASS, indexes PASS, pair PASS', 'and look at the same tables');

# ---- whose migration it is ----------------------------------------------------------------------------------------
$server->ask(<<'SQL');
CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE carol LOGIN IN ROLE alice;
SELECT migrate_grant(r::regrole) FROM unnest('{alice,bob,carol}'::text[]) r;
CREATE TABLE s1 (id int PRIMARY KEY); CREATE TABLE t1 (id int PRIMARY KEY); ALTER TABLE s1 OWNER TO alice; ALTER TABLE t1 OWNER TO alice;
CREATE TABLE s2 (id int PRIMARY KEY); CREATE TABLE t2 (id int PRIMARY KEY); ALTER TABLE s2 OWNER TO bob; ALTER TABLE t2 OWNER TO bob;
CREATE TABLE s3 (id int PRIMARY KEY); CREATE TABLE t3 (id int PRIMARY KEY); ALTER TABLE s3 OWNER TO carol; ALTER TABLE t3 OWNER TO carol;
GRANT CREATE ON SCHEMA public TO bob;
SQL
like($server->error_of("SELECT migrate_link('s1', 't1', migration => 'hers')", user => 'alice'), qr/^no error/, 'alice makes a migration');
for my $call ("migrate_link('s2', 't2', migration => 'hers')", "migrate_shadow('s2', 'u2', migration => 'hers')",
	"migrate_backfill('s2', 't2', migration => 'hers')", "migrate_table('s2', '{}', migration => 'hers')",
	"migrate_compare('s2', 't2', migration => 'hers')")
{
	like($server->error_of("SELECT $call", user => 'bob'),
		qr/42501: migration "hers" belongs to role "alice"\nDETAIL:  You act as "bob".*\nHINT:  GRANT alice TO bob/, "bob: $call");
}
is($server->ask(q{SELECT count(*) FROM migrate.link WHERE source = 's2'::regclass}), '0', 'nothing was added');
like($server->error_of("SELECT migrate_link('s3', 't3', migration => 'hers')", user => 'carol'), qr/^no error/, 'a member adds to it');
like($server->error_of("SELECT migrate_link('s2', 't2', migration => 'hers')"), qr/^no error/, 'and so does a superuser');
my $his = $server->error_of("SELECT migrate_backfill('s2', 't2')", user => 'bob');
like($his, qr/^no error: \d+$/, 'a job takes over what its link belongs to');
$server->until_state($his =~ /(\d+)$/ ? $1 : 0, 'succeeded', 'and ends');

# ---- what the calls will say of a table, beforehand -----------------------------------------------------------------
$server->ask(<<'SQL');
CREATE SCHEMA kind;
CREATE TABLE kind.ordinary (id int PRIMARY KEY);
CREATE TABLE kind.partitioned (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE kind.partition PARTITION OF kind.partitioned FOR VALUES FROM (0) TO (100);
CREATE TABLE kind.parent (id int PRIMARY KEY);
CREATE TABLE kind.child (PRIMARY KEY (id)) INHERITS (kind.parent);
CREATE UNLOGGED TABLE kind.unlogged (id int PRIMARY KEY);
CREATE VIEW kind.view AS SELECT 1 AS id;
CREATE MATERIALIZED VIEW kind.materialized AS SELECT 1 AS id;
CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE kind.foreign (id int) SERVER nowhere;
CREATE TABLE kind.target (id int PRIMARY KEY);
SQL
my %kinds = map { $_ => '' } qw(ordinary partitioned partition parent child unlogged view materialized foreign);
$kinds{temporary} = 'CREATE TEMP TABLE temporary (id int PRIMARY KEY); SET search_path = pg_temp, public; ';
for my $kind (sort keys %kinds)
{
	my $name = $kinds{$kind} ? $kind : "kind.$kind";
	my $status = sub {
		return $server->ask(
			"$kinds{$kind}SELECT status || ' ' || details FROM migrate_preflight('$name') WHERE check_name = '$_[0]'");
	};
	for (
		[ 'shadow', "migrate_shadow('$name', 'kind.made')" ],
		[ 'shadow', "migrate_table('$name', '{}', cutover => 'manual')" ],
		[ 'cutover', "migrate_link('$name', 'kind.target')" ])
	{
		my ($check, $call) = @$_;
		my $error = $server->error_of("$kinds{$kind}BEGIN; SELECT $call; ROLLBACK");
		my ($message) = $error =~ /ERROR:  [0-9A-Z]{5}: (.*)/;
		my ($reason) = $error =~ /DETAIL:  (?:The reason: )?(.*?)\.?\n/;
		like($status->($check), $message ? qr/^refused .*\Q$reason\E/ : qr/^ok /, "$check of $kind: " . ($message // 'nothing in the way'));
	}
}

# ---- who is in the way, and what goes on ----------------------------------------------------------------------------
$server->ask(<<'SQL');
CREATE TABLE busy (id int PRIMARY KEY); INSERT INTO busy VALUES (1);
SELECT migrate_shadow('busy', 'busy_new');
SQL
my @old = map { my $s = $node->background_psql('postgres'); $s->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current(), 1'); $s } 1 .. 7;
$job = $server->ask("SELECT migrate_backfill('busy', 'busy_new')");
$_->query_safe('SELECT count(*) FROM pg_class') for @old;
my $copied = $server->until_state($job, 'succeeded', 'busy is copied', seconds => 20);
my $cutover = $server->ask(q{SELECT migrate_cutover('busy', 'busy_new', attempts => 3)});
$server->until_true("SELECT throttled_by LIKE 'snapshots older%' FROM migrate.progress WHERE job = $cutover", 'it waits for old snapshots');
# A passer-by may be counted at one of the looks.
$server->until_true("SELECT throttled_by LIKE '%; and 2 more' FROM migrate.progress WHERE job = $cutover", 'some are counted');
my $waits = $server->job($cutover, 'throttled_by');
is(scalar(() = $waits =~ /pid \d+/g), 5, 'and five are named');
is($server->job($cutover, 'bar'), '[....................] snapshots', 'the bar of a swap is its phase');
($code, $out, my $shown) = $node->psql('postgres', "CALL migrate_wait($cutover, '300 ms')");
like($shown, qr/NOTICE:  job $cutover running, snapshots \(waits: /, 'migrate_wait shows the phase');
unlike($shown, qr/\? %| 0 rows/, 'and no percentage that there is not');
my @readers = map { my $s = $node->background_psql('postgres'); $s->query_safe('BEGIN; SELECT count(*) FROM busy'); $s } 1 .. 8;
$_->quit for @old;
$server->until_state($cutover, 'failed', 'readers are in the way');
my $detail = $server->job($cutover, 'error_detail');
is(scalar(() = $detail =~ /pid \d+/g), 5, 'five are named');
like($detail, qr/; and [3-9] more\.$/, 'the others are counted');
$_->quit for @readers;
is($server->ask(q{SELECT string_agg(message, E'\n') FROM migrate.event WHERE message ~ '[0-9]\.[0-9]{3}'}), '', 'no number is longer than anybody reads');

done_testing();
