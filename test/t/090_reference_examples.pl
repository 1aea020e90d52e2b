# The documentation is true: every ```sql block of the reference, the guide and README.md runs, the reference names
# everything there is, and no document names a function that does not exist. Blocks that show an error on purpose are
# marked ```sql error.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('docs');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cutover'");
$node->start;

my $fixture = slurp_file('test/lib/docs_fixture.sql');

# The blocks of a document: where it begins, whether an error is meant, and what psql is to run.
sub blocks
{
	my ($file) = @_;
	my (@blocks, $block);
	my $line = 0;
	for my $text (split /\n/, slurp_file($file))
	{
		$line++;
		if (!$block && $text =~ /^```sql(?: (error))?$/)
		{
			$block = { where => "$file:$line", error => $1 ? 1 : 0, sql => '' };
		}
		elsif ($block && $text eq '```')
		{
			push @blocks, $block;
			undef $block;
		}
		elsif ($block)
		{
			# Once is enough.
			$text =~ s/\s*\\watch\b.*/;/;
			$block->{sql} .= "$text\n";
		}
	}
	die "$file: block without an end" if $block;
	return @blocks;
}

# ---- the examples run -----------------------------------------------------------------------------------------------
for my $file ('docs/reference.md', 'docs/guide.md', 'README.md')
{
	my @blocks = blocks($file);
	cmp_ok(scalar(@blocks), '>', 0, "$file has examples");
	(my $database = lc $file) =~ s/\W/_/g;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, $fixture);
	# An unfinished statement would swallow the block after it.
	like($_->{sql}, qr/(;|\\g\w*)\s*(--[^\n]*)?\s*\z/, "$_->{where} is complete") for @blocks;
	my $script = join '', map { "\\warn == block $_\n$blocks[$_]{sql}" } 0 .. $#blocks;
	my ($code, $out, $messages) =
	  $node->psql($database, $script, on_error_stop => 0, timeout => 180);
	is($code, 0, "$file: the session lives to its end");
	my %messages = $messages =~ /^== block (\d+)$(.*?)(?=^== block |\z)/msg;
	for my $number (0 .. $#blocks)
	{
		my $block = $blocks[$number];
		my @errors = ($messages{$number} // 'ERROR:  it was not run') =~ /^.*(?:ERROR|FATAL|PANIC): .*|^.*\b(?:invalid command|error:) .*/mg;
		ok($block->{error} == (@errors ? 1 : 0),
			"$block->{where} " . ($block->{error} ? 'shows an error' : 'runs'))
		  or diag($block->{sql}, $messages{$number} // '');
	}
	is( $node->safe_psql($database,
			q{SELECT job, state, error FROM migrate.progress WHERE state NOT IN ('succeeded', 'cancelled')}),
		'', "$file: every job has come to its end");
}

# ---- the reference names everything ------------------------------------------------------------------------------------
my $reference = slurp_file('docs/reference.md');

# The names of something that the reference does not have between backticks, in a signature or a heading.
sub missing
{
	my ($query, $pattern) = @_;
	my @names = split /\n/, $node->safe_psql('docs_reference_md', $query);
	cmp_ok(scalar(@names), '>', 0, 'there is something to look for');
	return join ', ', grep { $reference !~ $pattern->($_) } @names;
}
my $members = q{FROM pg_depend d JOIN %s o ON o.oid = d.objid
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND d.classid = '%s'::regclass
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_cutover')};
my $functions = 'SELECT o.proname ' . sprintf($members, 'pg_proc', 'pg_proc');

# Debug points belong to the flavour of the tests.
is(missing("$functions AND o.proname !~ '^debug_'", sub { qr/\b$_[0]\(/ }), '', 'every function has its signature');
is(missing("$functions AND o.proname ~ '^migrate_'", sub { qr/^### $_[0]$/m }), '', 'and its entry');
is( missing("SELECT DISTINCT p.parameter FROM (SELECT unnest(o.proargnames) AS parameter "
			. sprintf($members, 'pg_proc', 'pg_proc') . " AND o.proname ~ '^migrate_') p",
		sub { qr/\b$_[0]\b/ }),
	'', 'every parameter');
is( missing('SELECT a.attname ' . sprintf($members, 'pg_class', 'pg_class')
			=~ s/WHERE/JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 WHERE/r . " AND o.relkind = 'v'",
		sub { qr/^\|[^|]*`$_[0]`/m }),
	'', 'every column of the views');
is(missing("SELECT 'migrate.' || o.relname " . sprintf($members, 'pg_class', 'pg_class') . " AND o.relkind IN ('r', 'v')",
		sub { qr/`?\Q$_[0]\E\b/ }),
	'', 'every table and view');
is(missing(q{SELECT name FROM pg_settings WHERE name ~ '^pg_cutover\.' AND name !~ 'debug'}, sub { qr/^\| `\Q$_[0]\E`/m }),
	'', 'every setting');
is(missing(q{SELECT k FROM unnest('{queued,running,paused,failed,succeeded,cancelled,
		start,capture,copy,deferred,objects,analyze,vacuum,complete,gate,verify,snapshots,swap,validate}'::text[]) k},
		sub { qr/`$_[0]`/ }),
	'', 'every state and phase');
# The server itself says which keys there are.
my (undef, undef, $unknown) =
  $node->psql('docs_reference_md',
	q{SELECT migrate_backfill('usage_events', 'usage_events_v2', sync => false, throttle => '{"x": 1}')});
my ($keys) = $unknown =~ /Known keys: (.*)\./;
ok($keys, 'the server lists the keys of a throttle');
is(join(', ', grep { $reference !~ /^\| `$_` \|/m } split /, /, $keys // ''), '', 'every one has its row');

# ---- no document names what is not there -------------------------------------------------------------------------------
my %exists = map { $_ => 1 } split /\n/, $node->safe_psql('docs_reference_md', $functions);
for my $file ('README.md', glob('docs/*.md'))
{
	my %named = map { $_ => 1 } slurp_file($file) =~ /\b(migrate_\w+)/g;
	is(join(', ', grep { !$exists{$_} } sort keys %named), '', "$file names only functions that exist");
}
my %setting = map { $_ => 1 } split /\n/,
  $node->safe_psql('docs_reference_md', q{SELECT name FROM pg_settings WHERE name ~ '^pg_cutover\.'});
for my $file ('README.md', glob('docs/*.md'))
{
	my %named = map { $_ => 1 } slurp_file($file) =~ /\b(pg_cutover\.(?!so|control|hpp)\w+)/g;
	is(join(', ', grep { !$setting{$_} } sort keys %named), '', "$file names only settings that exist");
}

$node->stop;
done_testing();
