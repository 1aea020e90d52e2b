# A target that several tables flow into: each is compared with its own rows of it, and a repair of one leaves the
# others' alone.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib 'test/t';
use JobNode;

my $jobs = JobNode->new('several_sources');

sub finish
{
	my ($job) = @_;
	$jobs->until_true("SELECT state IN ('succeeded', 'failed') FROM migrate.progress WHERE job = $job", "job $job ends");
	is($jobs->job($job, 'state, error'), 'succeeded|', "job $job");
	return $job;
}

# What a comparison in this mode finds: rows of both sides, then what differs.
sub found
{
	my ($source, $target, $mode) = @_;
	my $job = finish($jobs->ask("SELECT migrate_compare('$source', '$target', '$mode')"));
	return ($job, $jobs->ask("SELECT format('%s %s/%s: %s missing, %s extra, %s changed', verdict, rows_source, rows_target,
		missing, extra, changed) FROM migrate.comparison WHERE job = $job"));
}
sub each_mode
{
	my ($source, $target, $expected, $name) = @_;
	my $last;
	# Of the second one's key a part is computed: it has no ranges.
	for my $mode ('snapshot', $source eq 'south' ? () : 'rolling')
	{
		($last, my $text) = found($source, $target, $mode);
		is($text, $expected, "$name, $mode");
	}
	return $last;
}

# ---- keys that do not meet -----------------------------------------------------------------------------------------
$jobs->ask(<<'SQL');
CREATE TABLE north (shop text DEFAULT 'north', id int, total numeric, PRIMARY KEY (shop, id));
CREATE TABLE south (id int PRIMARY KEY, total numeric);
CREATE TABLE east (id int PRIMARY KEY, total numeric, code text UNIQUE NOT NULL);
INSERT INTO north (id, total) SELECT n, n FROM generate_series(1, 2000) AS n;
INSERT INTO south SELECT n, -n FROM generate_series(1, 3000) AS n;
INSERT INTO east SELECT n, n, 'e' || n FROM generate_series(1, 100) AS n;
CREATE TABLE shops (shop text, id int, total numeric, code text NOT NULL UNIQUE, PRIMARY KEY (shop, id));
SQL
finish($jobs->ask(q{SELECT migrate_backfill('north', 'shops', columns => '{"code": "''north '' || id::text"}')}));
finish($jobs->ask(q{SELECT migrate_backfill('south', 'shops', columns => '{"shop": "''south''::text", "code": "''south '' || id::text"}')}));
# Its rows are told by another key than the others'.
finish($jobs->ask(q{SELECT migrate_backfill('east', 'shops', columns => '{"shop": "''east''::text"}', filter => 'id > 50',
	key => '{code}')}));
each_mode('north', 'shops', 'equal 2000/2000: 0 missing, 0 extra, 0 changed', 'the first');
each_mode('south', 'shops', 'equal 3000/3000: 0 missing, 0 extra, 0 changed', 'the second');
($_, my $east) = found('east', 'shops', 'snapshot');
is($east, 'equal 50/50: 0 missing, 0 extra, 0 changed', 'the third, with a filter and a key of its own');

# A row that no source accounts for is everybody's.
$jobs->ask(<<'SQL');
INSERT INTO shops VALUES ('west', 1, 1, 'w1'), ('north', 9999, 1, 'n9999');
UPDATE shops SET total = 0 WHERE id = 7 AND shop IN ('north', 'south');
DELETE FROM shops WHERE shop = 'south' AND id = 8;
SQL
my $north = each_mode('north', 'shops', 'different 2000/2002: 0 missing, 2 extra, 1 changed', 'past dual-write');
each_mode('south', 'shops', 'different 3000/3001: 1 missing, 2 extra, 1 changed', 'and for the other');
finish($jobs->ask("SELECT migrate_repair($north, dry_run => false)"));
is($jobs->ask('SELECT shop, count(*), sum(total) FROM shops GROUP BY shop ORDER BY shop'),
	"east|50|3775\nnorth|2000|2001000\nsouth|2999|-4501485", 'repaired, and nothing else was touched');
my $south = each_mode('south', 'shops', 'different 3000/2999: 1 missing, 0 extra, 1 changed', 'what is left');
finish($jobs->ask("SELECT migrate_repair($south, dry_run => false)"));
each_mode('south', 'shops', 'equal 3000/3000: 0 missing, 0 extra, 0 changed', 'repaired as well');

# A row that was nobody's when it was found, and is another source's by the time that it would be deleted.
$jobs->ask("INSERT INTO shops VALUES ('south', 9000, 5, 'stray')");
($north) = found('north', 'shops', 'snapshot');
my $gate = $jobs->gate('repair_before_delete');
my $repair = $jobs->ask("SELECT migrate_repair($north, dry_run => false)");
$jobs->worker_at('repair_before_delete');
my $writer = $jobs->node->background_psql('postgres', on_error_stop => 0);
# It waits for the row that the repair has locked.
$writer->query_until(qr/started/, "SET application_name = 'writer';\n\\echo started\nINSERT INTO south VALUES (9000, 5);\n\\echo done\n");
$jobs->until_true("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE application_name = 'writer'", 'a writer waits');
$gate->quit;
finish($repair);
$writer->query_until(qr/done/, '');
$writer->quit;
is($jobs->ask("SELECT count(*) FROM shops WHERE shop = 'south' AND id = 9000"), '1', 'his row is there');
# And one who was first.
$jobs->ask("DELETE FROM shops WHERE shop = 'south' AND id = 9000");
$jobs->ask("UPDATE south SET total = 6 WHERE id = 9000; DELETE FROM south WHERE id = 9000");
$jobs->ask("INSERT INTO shops VALUES ('south', 9001, 5, 'stray')");
($north, my $text) = found('north', 'shops', 'snapshot');
is($text, 'different 2000/2001: 0 missing, 1 extra, 0 changed', "nobody's");
$jobs->ask('INSERT INTO south VALUES (9001, 7)');
finish($jobs->ask("SELECT migrate_repair($north, dry_run => false)"));
is($jobs->ask("SELECT total FROM shops WHERE shop = 'south' AND id = 9001"), '7', 'it stays where it is known by then');

# ---- keys that meet ----------------------------------------------------------------------------------------------
$jobs->ask(<<'SQL');
CREATE TABLE a (id int PRIMARY KEY, v text);
CREATE TABLE b (id int PRIMARY KEY, v text);
CREATE TABLE shared (id bigint PRIMARY KEY, v text);
INSERT INTO a VALUES (1, 'same'), (2, 'of a'), (3, 'a alone');
INSERT INTO b VALUES (1, 'same'), (2, 'of b'), (4, 'b alone');
INSERT INTO shared VALUES (1, 'same'), (2, 'of b'), (3, 'a alone'), (4, 'b alone');
SELECT migrate_link('a', 'shared'), migrate_link('b', 'shared');
SQL
each_mode('a', 'shared', 'different 3/3: 0 missing, 0 extra, 1 changed', 'a row of both is compared with each');
each_mode('b', 'shared', 'equal 3/3: 0 missing, 0 extra, 0 changed', 'and is right for one of them');

# ---- a swap -------------------------------------------------------------------------------------------------------
# Rows that were copied once are not found by a comparison, and would be part of the table in use.
$jobs->ask(<<'SQL');
CREATE TABLE e (id int PRIMARY KEY, v text);
CREATE TABLE f (id int PRIMARY KEY, v text);
CREATE TABLE e_new (id bigint PRIMARY KEY, v text);
INSERT INTO e VALUES (1, 'e');
INSERT INTO f VALUES (2, 'f');
SQL
finish($jobs->ask("SELECT migrate_backfill('e', 'e_new')"));
finish($jobs->ask("SELECT migrate_backfill('f', 'e_new', sync => false)"));
each_mode('e', 'e_new', 'equal 1/1: 0 missing, 0 extra, 0 changed', 'a table with rows of another');
like($jobs->error_of("SELECT migrate_cutover('e', 'e_new')"),
	qr/not ready.*linked to public\.f as well.*migrate_unlink\('public\.f', 'public\.e_new'\)/s, 'cannot take the place of one');
$jobs->ask("SELECT migrate_unlink('f', 'e_new')");
each_mode('e', 'e_new', 'different 1/2: 0 missing, 1 extra, 0 changed', 'nor is it equal without that link');

$jobs->node->stop;
done_testing();
