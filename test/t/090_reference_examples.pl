# The documentation is true: every ```sql block of the reference, the guide and README.md runs, the reference names
# everything there is as it is, and no document names what does not exist. Blocks that show an error on purpose are
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

# ---- what the reference says of it is so -------------------------------------------------------------------------------
# A row of a table, as its cells.
sub cells
{
	my ($line) = @_;
	return map { s/^\s+|\s+$//gr } split /(?<!\\)\|/, $line =~ s/^\||\|$//gr, -1;
}
# The tables below a heading, up to the next one: each a list of rows, the column names first.
sub tables_below
{
	my ($heading) = @_;
	my ($text) = $reference =~ /^\Q$heading\E\n(.*?)(?=^##|\z)/ms or return;
	return map { [ map { [ cells($_) ] } grep { !/^\|[-|]+$/ } split /\n/ ] } $text =~ /((?:^\|.*\n)+)/mg;
}
# The names between backticks that a cell begins with: `source`, `target`.
sub names_of
{
	my ($cell) = @_;
	return $cell =~ /^((?:`\w+`(?:, )?)+)/ ? $1 =~ /`(\w+)`/g : ();
}

# PostgreSQL itself reads the signatures: as functions of a schema of their own, which are never called.
my @signatures = map { /^    ((?:CALL )?migrate[_.]\w+\(.*(?:\n(?!    (?:CALL )?migrate[_.])    .*)*)/mg } $reference;
my $declarations = "SET check_function_bodies = off; CREATE SCHEMA documented;\n";
for my $signature (@signatures)
{
	my ($kind, $schema, $rest) = $signature =~ /^(CALL )?migrate([_.])(.*)$/s;
	$declarations .= sprintf "CREATE %s documented.\"%s\" %s LANGUAGE internal AS 'boolin';\n",
	  $kind ? 'PROCEDURE' : 'FUNCTION', $signature =~ /(migrate[_.]\w+)\(/, $rest =~ s/^\w+//r;
}
$node->safe_psql('docs_reference_md', $declarations);
my $as_declared = q{pg_get_function_arguments(%1$s.oid), coalesce(pg_get_function_result(%1$s.oid), 'a procedure')};
is( $node->safe_psql('docs_reference_md',
		'SELECT d.proname, d.arguments, d.result, o.arguments, o.result FROM (SELECT proname, '
		  . sprintf($as_declared, 'p')
		  . q{ FROM pg_proc p WHERE pronamespace = 'documented'::regnamespace) d (proname, arguments, result) LEFT JOIN
			(SELECT CASE WHEN o.pronamespace = 'migrate'::regnamespace THEN 'migrate.' ELSE '' END || o.proname, }
		  . sprintf($as_declared, 'o') . ' ' . sprintf($members, 'pg_proc', 'pg_proc')
		  . q{) o (proname, arguments, result) USING (proname)
			WHERE (d.arguments, d.result) IS DISTINCT FROM (o.arguments, o.result)}),
	'', 'every signature is the function\'s own');
my %signed = map { /(migrate[_.]\w+)/ => 1 } @signatures;
is(join(', ', grep { !$signed{$_} } $reference =~ /^### (migrate_\w+)$/mg), '', 'every function\'s entry has one');

# Parameters, below the heading of their function.
my (%parameters, %documented);
push @{ $parameters{ $_->[0] } }, $_->[1]
  for map { [ split /\|/, $_, -1 ] } split /\n/, $node->safe_psql('docs_reference_md',
	'SELECT o.proname, unnest(o.proargnames) ' . sprintf($members, 'pg_proc', 'pg_proc'));
for my $function ($reference =~ /^### (migrate_\w+)$/mg)
{
	my @named = map { names_of($_->[0]) } map { @$_[ 1 .. $#$_ ] }
	  grep { $_->[0][0] eq 'parameter' } tables_below("### $function");
	my %there = map { $_ => 1 } @{ $parameters{$function} // [] };
	is(join(', ', grep { !$there{$_} } @named), '', "$function has the parameters that its entry explains");
	$documented{$function} = @named;
}
cmp_ok($documented{migrate_cutover}, '>=', 10, 'there were parameters to look at');

# Columns of the views that somebody may read, in any order, with their types where the table says them.
my %view;
push @{ $view{ $_->[0] } }, "$_->[1] $_->[2]"
  for map { [ split /\|/ ] } split /\n/, $node->safe_psql('docs_reference_md',
	'SELECT o.relname, a.attname, format_type(a.atttypid, a.atttypmod) ' . sprintf($members, 'pg_class', 'pg_class')
	  =~ s/WHERE/JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 WHERE/r . " AND o.relkind = 'v' AND has_table_privilege('pg_monitor', o.oid, 'SELECT')");
my %short = ('timestamp with time zone' => 'timestamptz');
is(join(', ', sort keys %view), join(', ', sort $reference =~ /^### migrate\.(\w+)$/mg), 'every view has its entry');
for my $name (sort keys %view)
{
	my ($table) = grep { $_->[0][0] eq 'column' } tables_below("### migrate.$name");
	my $typed = ($table->[0][1] // '') eq 'type';
	my @columns;
	for my $row (@$table[ 1 .. $#$table ])
	{
		my @named = names_of($row->[0]);
		my @types = $typed ? split(/, /, $row->[1]) : ();
		# One type may stand for all columns of a row.
		push @columns, map { $typed ? "$named[$_] " . ($types[ @types > 1 ? $_ : 0 ] // '') : $named[$_] } 0 .. $#named;
	}
	my @there;
	for (@{ $view{$name} })
	{
		my ($column, $type) = split / /, $_, 2;
		push @there, $typed ? "$column " . ($short{$type} // $type) : $column;
	}
	is(join(', ', sort @columns), join(', ', sort @there), "migrate.$name has the columns that its entry lists");
}

# Settings: default, and who may set them.
my %default;
$default{ $_->[0] } = $_ for map { [ split /\|/, $_, -1 ] } split /\n/, $node->safe_psql('docs_reference_md', q{
	SELECT name, boot_val || coalesce(unit, ''), context FROM pg_settings
	 WHERE name ~ '^pg_cutover\.' AND name !~ 'debug'});
my ($settings) = tables_below('## Settings');
my %who = ('configuration file' => 'sighup', 'anybody' => 'user');
for my $row (@$settings[ 1 .. $#$settings ])
{
	my ($name, $value, $context) = ($row->[0] =~ /`(.*)`/, $row->[1] =~ /`(.*)`/, $who{ $row->[2] } // '');
	my $there = delete $default{$name} // [ '', '', '' ];
	my $same = $value eq $there->[1] || $there->[1] =~ /\d/ && $node->safe_psql('docs_reference_md',
		"SELECT interval '$value' = interval '$there->[1]'") eq 't';
	ok($same && $context eq $there->[2], "$name has the default and the context of its row")
	  or diag("reference: $value, $context; server: $there->[1], $there->[2]");
}
is(join(', ', sort keys %default), '', 'every setting has a row');

# A row with a cell more or less than its heading is a row of another table.
for my $file ('README.md', glob('docs/*.md'))
{
	my ($line, $width, @odd) = (0);
	my $text = slurp_file($file) =~ s/^```.*?^```$/$& =~ s{[^\n]}{}gr/gmser;
	for (split /\n/, $text)
	{
		$line++;
		if (!/^\|/) { undef $width; next }
		$width //= my $cells = cells($_);
		push @odd, $line if cells($_) != $width;
	}
	is("@odd", '', "$file: the rows of a table have as many cells as its heading");
}

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

# What follows "migrate." is a relation or a routine of that schema; a test build has a few more.
my %in_schema = map { $_ => 1 } split /\n/, $node->safe_psql('docs_reference_md', q{
	SELECT relname FROM pg_class WHERE relnamespace = 'migrate'::regnamespace AND relname !~ '^debug_'
	UNION SELECT proname FROM pg_proc WHERE pronamespace = 'migrate'::regnamespace AND proname !~ '^debug_'});
for my $file ('README.md', glob('docs/*.md'))
{
	my %named = map { $_ => 1 } slurp_file($file) =~ /(?<![\w.])migrate\.(\w+)/g;
	is(join(', ', grep { !$in_schema{$_} } sort keys %named), '', "$file names only what schema migrate has");
}

$node->stop;
done_testing();
