# Whose rights the code of a table's owner gets when dual-write is turned on (P6, R56), what other sessions' caches
# must hear of, and which locks the copier and a mirrored TRUNCATE hold.
use strict;
use warnings;
use lib 'test/t';
use JobNode;
use Test::More;

my $server = JobNode->new('main', shared_preload_libraries => 'pg_cutover', autovacuum => 'off');
$server->ask(<<'SQL');
CREATE ROLE owner LOGIN;
SELECT migrate_grant('owner');
CREATE SCHEMA app AUTHORIZATION owner;
CREATE TABLE public.seen (who text, at text);
GRANT INSERT ON public.seen TO PUBLIC;
SQL
sub owner_asks { return $server->node->safe_psql('postgres', $_[0], extra_params => [ '-U', 'owner' ]) }

# ---- Functions that claim to be immutable are computed when a statement is planned -------------------------
owner_asks(<<'SQL');
CREATE FUNCTION app.note(at text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN INSERT INTO public.seen VALUES (current_user, at); RETURN 'x'; END $$;
CREATE FUNCTION app.in_index() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN app.note('index'); END $$;
CREATE FUNCTION app.in_default() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN app.note('default'); END $$;
CREATE TABLE app.s (id int PRIMARY KEY, v text);
CREATE TABLE app.t (id int PRIMARY KEY, v text, w text DEFAULT app.in_default());
CREATE INDEX ON app.t ((v || app.in_index()));
SELECT migrate_link('app.s', 'app.t');
SQL
$server->ask('TRUNCATE seen');
owner_asks("SELECT migrate_sync('app.s', 'app.t')");
is($server->ask("SELECT DISTINCT who FROM seen WHERE who <> 'owner'"), '', 'an operator gains nothing by migrate_sync');
owner_asks("SELECT migrate_unsync('app.s', 'app.t')");
$server->ask('TRUNCATE seen');
$server->ask("SELECT migrate_sync('app.s', 'app.t')");
$server->ask("INSERT INTO app.s VALUES (1, 'by a superuser')");
is($server->ask("SELECT DISTINCT who FROM seen WHERE at = 'default'"), 'owner', "a superuser who calls it, or writes, does not run the owner's default");
is($server->ask('SELECT v, w FROM app.t'), 'by a superuser|x', 'the row is there');

# ---- What a session has cached ----------------------------------------------------------------------------------
$server->ask(<<'SQL');
CREATE TABLE a (id int PRIMARY KEY);
CREATE TABLE b (id int PRIMARY KEY);
CREATE TABLE notes (origin text, id int, note text, PRIMARY KEY (origin, id));
CREATE TABLE joined (origin text, id int, note text, PRIMARY KEY (origin, id));
SELECT migrate_link('a', 'joined', '{"origin": "''a''::text"}');
SQL
my $backfill = $server->ask("SELECT migrate_backfill('a', 'joined')");
$server->until_state($backfill, 'succeeded', 'the first source is copied');
my $session = $server->node->background_psql('postgres');
$session->query_safe('INSERT INTO a VALUES (1)');
$server->ask(q{SELECT migrate_link('b', 'joined', '{"origin": "''b''::text"}')});
$server->ask("SELECT migrate_sync('b', 'joined'); INSERT INTO b VALUES (1)");
$session->query_safe('TRUNCATE a');
is($server->ask('SELECT origin, id FROM joined'), 'b|1', "a session that knew of one source leaves the other one's rows alone");
my $second = $server->ask("SELECT migrate_backfill('b', 'joined')");
$server->until_state($second, 'succeeded', 'the second source is copied');
# After the copy's ANALYZE and VACUUM, of which every session hears: from here on only the link itself can tell.
$session->query_safe('INSERT INTO a VALUES (2)');
$server->ask("SELECT migrate_link('notes', 'joined', owner => false); SELECT migrate_sync('notes', 'joined'); INSERT INTO notes VALUES ('a', 3, 'a note')");
$session->query_safe('INSERT INTO a VALUES (3)');
is($server->ask("SELECT note FROM joined WHERE id = 3"), 'a note', 'and reads a source of columns that came later');
$server->ask("SELECT migrate_unsync('notes', 'joined')");
my $holder = $server->node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE notes');
$session->query_safe("SET lock_timeout = '2s'; INSERT INTO a VALUES (4); RESET lock_timeout");
$holder->query_safe('COMMIT');
$holder->quit;
is($server->ask("SELECT note IS NULL FROM joined WHERE id = 4"), 't', 'nor is that source in its way once it is gone');
$server->ask('CREATE DOMAIN word AS text; CREATE TABLE ds (id int PRIMARY KEY, v text); CREATE TABLE dt (id int PRIMARY KEY, v word)');
$server->ask("SELECT migrate_link('ds', 'dt'); SELECT migrate_sync('ds', 'dt', on_reject => 'record')");
$session->query_safe("INSERT INTO ds VALUES (1, 'good')");
$server->ask("ALTER DOMAIN word ADD CHECK (VALUE <> 'bad')");
$session->query_safe("INSERT INTO ds VALUES (2, 'bad')");
is($server->ask('SELECT count(*) FROM dt'), '1', 'and hears of a constraint that a domain was given');

# ---- Locks ----------------------------------------------------------------------------------------------------
$server->ask('CREATE TABLE ls (id int PRIMARY KEY); INSERT INTO ls SELECT generate_series(1, 100); CREATE TABLE lt (id int PRIMARY KEY)');
my $gate = $server->gate('copy_before_insert');
my $copy = $server->ask("SELECT migrate_backfill('ls', 'lt')");
$server->worker_at('copy_before_insert');
is($server->ask("SELECT count(*) FROM pg_locks WHERE relation = 'lt'::regclass AND mode = 'RowExclusiveLock' AND granted"), '1',
	'the copier locks the target as any writer does, so that an index build waits for it');
$gate->quit;
$server->until_state($copy, 'succeeded', 'it goes on');
my $reader = $server->node->background_psql('postgres');
$reader->query_safe('BEGIN; SELECT count(*) FROM lt');
$server->ask("SET lock_timeout = '2s'; TRUNCATE ls");
is($server->ask('SELECT count(*) FROM lt'), '0', 'TRUNCATE does not wait for a reader of the mirror');
$reader->query_safe('COMMIT');
$_->quit for $reader, $session;
$server->node->stop;
done_testing();
