# What must hold. Each check dies with what it found.
package Stress::Check;
use strict;
use warnings;
use Stress::Server;

sub new
{
	my ($class, $server) = @_;
	return bless { server => $server }, $class;
}

# Columns by which item and its oracle are compared; bodies by their hash.
my $columns = 'id, owner_id, keeper_id, status, amount, n, hits, partner, code, body, twice';
(my $oracle = $columns) =~ s/body/md5(body)/;
my %pair = (
	item => { read => sub { "SELECT $columns FROM rows_of('$_[0]')" }, oracle => "SELECT $oracle FROM item_oracle" },
	part_item => {
		read => sub { "SELECT id::bigint, region, n::bigint, body FROM $_[0]" },
		oracle => 'SELECT id::bigint, region, n::bigint, body FROM part_oracle'
	}
);

# The mirror as it is called now; undef where there is none.
sub mirror
{
	my ($self, $table) = @_;
	my @found = split /\n/,
	  $self->{server}->ask(
		"SELECT relname FROM pg_class WHERE relname IN ('${table}_new', '${table}_old') AND relkind IN ('r', 'p')");
	die "$table has two mirrors: @found\n" if @found > 1;
	return $found[0];
}

# While writers write: every snapshot shows the mirror as a part of the mapped live table, never anything stale or
# resurrected, and when it is complete, as equal. Both are read by one statement, so with one snapshot. While the tables
# are unlinked and the mirror dropped, which are two transactions, that holds for as long as the snapshot has the link.
sub online
{
	my ($self, $table, $state) = @_;
	my $mirror = $self->mirror($table) // return;
	my $read = $pair{$table}->{read};
	my ($live, $copy) = ($read->($table), $read->($mirror));
	my $query = differences($copy, $live, $state ne 'partial');
	$query = "SELECT * FROM ($query) d WHERE EXISTS "
	  . "(SELECT FROM migrate.link WHERE '$mirror'::regclass IN (source, target) AND NOT dormant)"
	  if $state eq 'unlinking';
	my ($done, $text) = $self->{server}->try_ask($query);
	# The tables may change places under the query.
	return if !$done && ($text =~ /42P01|40P01|42703/ || Stress::Server::connection_lost($text));
	die "comparison of $table and $mirror: $text" if !$done;
	die "$table and $mirror differ in a snapshot ($state):\n$text\n" if $text ne '';
	return;
}

sub differences
{
	my ($copy, $live, $complete) = @_;
	my $extra = "SELECT 'extra or stale in mirror', d::text FROM ($copy EXCEPT ALL $live) d";
	my $missing = "SELECT 'missing in mirror', d::text FROM ($live EXCEPT ALL $copy) d";
	return ($complete ? "$extra UNION ALL $missing" : $extra) . ' ORDER BY 2 LIMIT 20';
}

# While nobody writes.
sub quiescent
{
	my ($self, $table, $state) = @_;
	my $server = $self->{server};
	my $live = $pair{$table}->{read}->($table);
	my $expected = $pair{$table}->{oracle};
	my $text = $server->ask(differences($live, $expected, 1));
	$text =~ s/mirror/table/g;
	die "$table differs from its oracle:\n$text\n" if $text ne '';
	$self->online($table, $state);
	my $mirror = $self->mirror($table);
	# Indexes of the mirror may still be under construction, and a swap that is under way changes its name.
	my $tables = join ' UNION ',
	  map { "SELECT to_regclass('$_') UNION SELECT relid FROM pg_partition_tree(to_regclass('$_'))" }
	  grep { defined } $table, $mirror;
	$text = $server->ask(<<SQL);
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid IN ($tables) AND c.relkind = 'i' AND i.indisvalid AND i.indisready
SQL
	for my $index (split /\n/, $text)
	{
		my ($done, $error) = $server->try_ask("SELECT bt_index_check('\"$index\"', true)");
		die "index $index: $error" if !$done && $error !~ /42P01/ && !Stress::Server::connection_lost($error);
	}
	return;
}

# After unlink: nothing of ours is left.
sub leftovers
{
	my ($self) = @_;
	my $text = $self->{server}->ask(<<'SQL');
SELECT 'trigger', tgname || ' on ' || tgrelid::regclass FROM pg_trigger WHERE tgname LIKE '%pg\_cutover%'
UNION ALL SELECT 'table', relname FROM pg_class WHERE relname ~ '_(new|old)$'
UNION ALL SELECT 'invalid index', indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid
UNION ALL SELECT 'link', id::text FROM migrate.link
UNION ALL SELECT 'capture', link::text FROM migrate.capture
UNION ALL SELECT 'deferred object', name FROM migrate.deferred_object
UNION ALL SELECT 'rejected row', r::text FROM migrate.rejected_row r
UNION ALL SELECT 'unfinished job', id::text FROM migrate.job WHERE state NOT IN ('succeeded', 'failed', 'cancelled')
UNION ALL SELECT 'worker', pid || ' ' || application_name FROM pg_stat_activity
    WHERE backend_type = 'pg_cutover worker'
UNION ALL SELECT 'advisory lock', l::text FROM pg_locks l WHERE locktype = 'advisory'
UNION ALL SELECT 'constraint', conname || ' on ' || conrelid::regclass FROM pg_constraint
    WHERE conrelid IN ('item'::regclass, 'part_item'::regclass) AND NOT convalidated
SQL
	die "left over after unlink:\n$text\n" if $text ne '';
	return;
}

# What may never be in a server's log, and deadlocks in which one of our workers took part but the victim was not
# ours.
sub log_findings
{
	my ($self) = @_;
	my @found;
	my $log = Stress::Server::slurp($ENV{STRESS_LOG});
	for my $line (split /\n/, $log)
	{
		push @found, $line
		  if $line =~ /was terminated by signal (?:4|6|7|8|11)\b|PANIC:|TRAP:|(?:refcount|reference|file|snapshot) leak
			|pfree\ called\ with\ invalid|non-empty\ SPI\ stack|problem\ in\ alloc\ set|past\ chunk\ end/x;
		push @found, $line if $line =~ /client backend.*ERROR:.*(?:pg_cutover|internal)/;
	}
	my %worker = map { $_ => 1 } $log =~ /\[(\d+)\] pg_cutover worker/g;
	while ($log =~ /^.*\] client backend [^\n]*ERROR:  deadlock detected\n((?:.*\n){1,12})/mg)
	{
		my $report = $1;
		push @found, "a client was the victim of a deadlock with a worker:\n$report"
		  if grep { $worker{$_} } $report =~ /Process (\d+)/g;
	}
	return join "\n", splice @found, 0, 20;
}

1;
