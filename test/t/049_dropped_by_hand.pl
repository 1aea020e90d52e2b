# Somebody drops the shadow, the old table or the new one by hand: every call says which table it was, what is left
# and which call cleans up; that call works, and the application goes on all the while (P5).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use JobNode;
use Test::More;

my $server = JobNode->new('main', shared_preload_libraries => 'pg_cutover', autovacuum => 'off');
$server->ask(<<'SQL');
CREATE ROLE keeper LOGIN;
GRANT CREATE ON SCHEMA public TO keeper;
SELECT migrate_grant('keeper');
SQL

sub make_table
{
	my ($name) = @_;
	$server->ask(<<"SQL");
CREATE TABLE $name (id int PRIMARY KEY, v text);
INSERT INTO $name SELECT n, 'x' FROM generate_series(1, 100) n;
ALTER TABLE $name OWNER TO keeper;
SQL
	return;
}

sub oid { return $server->ask("SELECT '$_[0]'::regclass::oid") }

# Everything that a call says of a table that is gone: never an OID without the name, and the same way out each time.
sub says_dropped
{
	my ($call, $table, $left, $what) = @_;
	my $error = $server->error_of("SELECT $call");
	like($error, qr/ERROR:  42P01: table public\.$table was dropped\n.*What is left: $left.*HINT:  SELECT migrate_unlink\('[^']+', '[^']+'\)/s, $what);
	return $error =~ /HINT:  (SELECT migrate_unlink\('[^']+', '[^']+'\))/ ? $1 : 'SELECT no_hint()';
}

# Nothing of the pair is left, and the table that is still there is an ordinary one.
sub clean
{
	my ($hint, $table, $what) = @_;
	is($server->error_of($hint), 'no error: ', "$what: $hint");
	is($server->ask(qq{SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%pg_cutover%' AND tgrelid = '$table'::regclass}), '0',
		"$what: no trigger of ours is left");
	is($server->ask(q{SELECT (SELECT count(*) FROM migrate.link) + (SELECT count(*) FROM migrate.capture)
		+ (SELECT count(*) FROM migrate.swap WHERE ended_at IS NULL)
		+ (SELECT count(*) FROM migrate.job WHERE state NOT IN ('succeeded', 'cancelled'))}), '0', "$what: nor of the migration");
	$server->ask("INSERT INTO $table (id) VALUES (100000) ON CONFLICT DO NOTHING");
	like($server->ask("SELECT message || coalesce(inverse, '') FROM migrate.event WHERE kind = 'unlink' ORDER BY id DESC LIMIT 1"),
		qr/^(?!.*\d{5}).*public\./, "$what: the event names tables and no OID");
	return;
}

# ---- the shadow, before the swap ----------------------------------------------------------------------------------
make_table('a');
$server->ask("SELECT migrate_shadow('a', 'a_new')");
my $backfill = $server->ask("SELECT migrate_backfill('a', 'a_new')");
$server->until_state($backfill, 'succeeded', 'the shadow is filled');
$server->ask("ALTER TABLE a_new RENAME TO a_next; SELECT migrate_compare('a', 'a_next')");
$server->until_true(q{SELECT bool_and(state = 'succeeded') FROM migrate.progress}, 'and compared under another name');
my $comparison = $server->ask('SELECT max(job) FROM migrate.comparison');
my $gone = oid('a_next');
$server->ask('DROP TABLE a_next');
$server->ask("INSERT INTO a VALUES (1000, 'y')");
my $hint;
for my $call ("migrate_backfill('a', '$gone')", "migrate_cutover('a', '$gone')", "migrate_compare('a', '$gone')",
	"migrate_explain('a', '$gone')", "migrate_sync('a', '$gone')", "migrate_preflight('a', '$gone')", "migrate_link('a', '$gone')",
	"migrate_repair($comparison)")
{
	$hint = says_dropped($call, 'a_next', 'link 1 with dual-write', $call);
}
is($server->ask("SELECT source_name, target_name, broken FROM migrate.link_status"),
	'public.a|public.a_next (dropped)|the target public.a_next was dropped', 'migrate.link_status');
is($server->ask("SELECT DISTINCT source_name, target_name FROM migrate.progress"), 'public.a|public.a_next (dropped)', 'migrate.progress');
is($server->ask("SELECT DISTINCT source_name, target_name FROM migrate.comparison"), 'public.a|public.a_next (dropped)',
	'migrate.comparison');
like($server->error_of("SELECT migrate_table('a', '{}')"), qr/42P01: table public\.a_next was dropped.*HINT:  \Q$hint\E/s, 'migrate_table');
clean($hint, 'a', 'after the shadow');
like($server->error_of("SELECT migrate_backfill('a', '$gone')"),
	qr/42P01: table public\.a_next was dropped\nDETAIL:  No link has it any more/, 'then nothing is left');
like($server->error_of("SELECT migrate_backfill('a', '4000000000')"), qr/42P01: relation with OID 4000000000 does not exist/,
	'a number that nobody ever had is that');

# ---- the shadow, while a job is paused ----------------------------------------------------------------------------
make_table('p');
$server->ask("SELECT migrate_shadow('p', 'p_new')");
my $paused = $server->ask(q{SELECT migrate_backfill('p', 'p_new', batch_size => 1, batch_delay => '5 s')});
$server->until_state($paused, 'running', 'a slow copy runs');
$server->ask("SELECT migrate_pause($paused)");
$server->until_true("SELECT NOT migrate.job_has_worker($paused)", 'and is paused');
$server->ask('DROP TABLE p_new');
$hint = says_dropped("migrate_resume($paused)", 'p_new', "link \\d+ with dual-write, job $paused", 'migrate_resume');
clean($hint, 'p', 'after the shadow of a paused copy');
is($server->job($paused, 'state'), 'cancelled', 'the job went with it');

# ---- the old table, after the swap --------------------------------------------------------------------------------
make_table('b');
my $table = $server->ask("SELECT migrate_table('b', ARRAY['ALTER COLUMN id TYPE bigint'])");
$server->until_state($table, 'succeeded', 'b is changed');
$comparison = $server->ask("SELECT migrate_compare('b', 'b_old')");
$server->until_state($comparison, 'succeeded', 'both are compared');
$gone = oid('b_old');
$server->ask("UPDATE b SET v = 'z' WHERE id = 5; DROP TABLE b_old; INSERT INTO b VALUES (2000, 'y')");
for my $call ("migrate_revert('b')", "migrate_repair($comparison)", "migrate_compare('b', '$gone')", "migrate_backfill('b', '$gone')",
	"migrate_cutover('b', '$gone')", "migrate_retire('b')", "migrate_retire('$gone')", "migrate_table('b', '{}')")
{
	$hint = says_dropped($call, 'b_old', 'the swap, link \d+, link \d+ with dual-write', $call);
}
is($server->ask('SELECT current_name, previous_name, lossless, reason FROM migrate.revert_verdict'),
	'public.b|public.b_old (dropped)|f|the target public.b_old was dropped', 'migrate.revert_verdict');
clean($hint, 'b', 'after the old table');
is($server->ask("SELECT count(*) FROM migrate.revert_verdict"), '0', 'no swap stands');

# ---- the new table, after the swap --------------------------------------------------------------------------------
make_table('c');
$table = $server->ask("SELECT migrate_table('c', ARRAY['ALTER COLUMN id TYPE bigint'])");
$server->until_state($table, 'succeeded', 'c is changed');
$gone = oid('c');
$server->ask('DROP TABLE c');
$hint = says_dropped("migrate_revert('$gone')", 'c', 'the swap, link \d+, link \d+ with dual-write', 'migrate_revert of the new one');
is(says_dropped("migrate_retire('c_old')", 'c', 'the swap', 'migrate_retire of the old one'), $hint, 'with the same hint');
clean($hint, 'c_old', 'after the new table');

# ---- both ---------------------------------------------------------------------------------------------------------
make_table('d');
$table = $server->ask("SELECT migrate_table('d', ARRAY['ALTER COLUMN id TYPE bigint'])");
$server->until_state($table, 'succeeded', 'd is changed');
$gone = oid('d');
$server->ask('DROP TABLE d, d_old');
$hint = says_dropped("migrate_revert('$gone')", 'd', 'the swap', 'both are gone');
clean($hint, 'b', 'after both');

done_testing();
