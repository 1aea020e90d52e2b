# A cycle takes item through shadow, copy, cutover, revert, cutover, revert, unlink, and part_item through shadow, copy,
# unlink, while writers write and workers and servers are killed; between these steps comparisons have to find nothing.
# All waiting is done in tick(), but for that for a few comparisons.
package Stress::Cycle;
use strict;
use warnings;
use Time::HiRes qw(sleep time);
use Stress::Server;

my @until = qw(writers copy swap);
# Comparisons that are made one after the other before the next look at the writers.
use constant BATCH => 5;

sub new
{
	my ($class, $server, $check, $writers, $seconds) = @_;
	my $until = $ENV{STRESS_UNTIL} // 'swap';
	die "STRESS_UNTIL is one of @until\n" unless grep { $_ eq $until } @until;
	return bless {
		server => $server, check => $check, writers => $writers, end => time + $seconds,
		until => $until, cycles => 0, comparisons => 0, steps => {}, state => { item => 'partial', part_item => 'partial' },
		next_online => 0, next_kill => time + 3
	}, $class;
}

sub cycles { return $_[0]->{cycles} }
sub comparisons { return $_[0]->{comparisons} }
sub steps { return $_[0]->{steps} }

sub step
{
	my ($self, $name) = @_;
	$self->{steps}->{$name}++;
	$self->{step} = $name;
	return;
}

sub run
{
	my ($self) = @_;
	eval {
		do { $self->once } while (time < $self->{end});
		1;
	} or die "during $self->{step}: $@";
	return;
}

# One cycle, to its end whatever the clock says: what it made has to be gone afterwards.
sub once
{
	my ($self) = @_;
	$self->pass('write', 1);
	return $self->pass('write', 2) if $self->{until} eq 'writers';
	$self->copy;
	my $comparisons = $ENV{STRESS_COMPARISONS} // 2 * BATCH;
	$self->compare($_, "${_}_new", $comparisons / 2) for qw(item part_item);
	if ($self->{until} eq 'swap')
	{
		for my $round (1 .. 2)
		{
			$self->swap('cutover',
				"migrate_cutover('item', 'item_new', lock_timeout => '100 ms', retire_as => 'item_old')",
				"to_regclass('item_old') IS NOT NULL");
			$self->pass('write after cutover', rand 3);
			$self->compare('item', 'item_old', BATCH);
			$self->swap('revert', "migrate_revert('item')", "to_regclass('item_old') IS NULL");
			$self->pass('write after revert', rand 3);
			last if time > $self->{end};
		}
	}
	$self->unlink_all;
	$self->{cycles}++;
	return;
}

# Lets $seconds go by, and then time to the end of the slice.
sub pass
{
	my ($self, $step, $seconds) = @_;
	$self->step($step);
	my $until = time + $seconds;
	$self->tick while time < $until;
	return;
}

sub tick
{
	my ($self) = @_;
	my $writers = $self->{writers};
	if (!$writers->running)
	{
		$self->quiesce;
		$writers->start(2 + int rand 4);
	}
	sleep 0.1;
	$self->online;
	$self->kill_something if ($ENV{STRESS_KILLS} // 1) && time > $self->{next_kill};
	return;
}

sub quiesce
{
	my ($self) = @_;
	$self->{server}->resolve_prepared;
	$self->{check}->quiescent($_, $self->{state}->{$_}) for qw(item part_item);
	return;
}

sub online
{
	my ($self) = @_;
	return if time < $self->{next_online};
	$self->{next_online} = time + 0.5;
	$self->{check}->online($_, $self->{state}->{$_}) for qw(item part_item);
	return;
}

sub kill_something
{
	my ($self) = @_;
	my $server = $self->{server};
	$self->{next_kill} = time + 1 + rand 8;
	my $what = rand;
	if ($what < 0.6) { $server->terminate_worker }
	elsif ($what < 0.8) { $server->crash_worker and $server->resolve_prepared }
	else { $server->crash; $server->resolve_prepared }
	return;
}

# job($call, $kind, $source): calls a function that starts a job; its id. A cut connection leaves open whether it
# began: a new job of that kind says so.
sub job
{
	my ($self, $call, $kind, $source) = @_;
	my $last = $self->{server}->ask('SELECT coalesce(max(id), 0) FROM migrate.job');
	while (1)
	{
		my ($done, $text) = $self->{server}->try_ask("SELECT $call");
		return $text if $done;
		die "$call: $text" unless Stress::Server::connection_lost($text);
		$self->{server}->await;
		my $begun = $self->{server}->ask(
			"SELECT coalesce(max(id), 0) FROM migrate.job WHERE id > $last AND kind = '$kind'"
			  . ($source ? " AND source = $source" : ''));
		return $begun if $begun;
	}
}

# await_job($id): ticks until it has ended; its state, and its error.
sub await_job
{
	my ($self, $id) = @_;
	my $give_up = time + 120;
	while (1)
	{
		my ($state, $error) = split /\|/,
		  $self->{server}->ask("SELECT state, error_message, error_detail FROM migrate.job WHERE id = $id"), 2;
		return ($state, $error // '') if $state =~ /succeeded|failed|cancelled/;
		die "job $id does not end:\n"
		  . $self->{server}->ask("SELECT to_json(p) FROM migrate.progress p WHERE job = $id")
		  if time > $give_up;
		$self->tick;
	}
}

sub copy
{
	my ($self) = @_;
	my $server = $self->{server};
	my %make = (
		item => q{PERFORM migrate_shadow('item', 'item_new', ARRAY['ALTER COLUMN id TYPE bigint',
			'ALTER COLUMN hits TYPE bigint', 'ADD COLUMN region text NOT NULL DEFAULT ''eu''',
			'RENAME COLUMN status TO state']);},
		part_item => 'CREATE TABLE part_item_new (body text, n bigint NOT NULL, region integer, id bigint, '
		  . 'PRIMARY KEY (id, region))'
		  . (rand() < 0.5 ? '' : ' PARTITION BY HASH (id); CREATE TABLE part_item_h0 PARTITION OF part_item_new '
			  . 'FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE part_item_h1 PARTITION OF part_item_new '
			  . 'FOR VALUES WITH (MODULUS 2, REMAINDER 1)')
		  . "; PERFORM migrate_link('part_item', 'part_item_new');");
	my %job;
	for my $table (qw(item part_item))
	{
		$self->step("shadow of $table");
		$server->ask(<<SQL);
SET client_min_messages = error;
DO \$do\$ BEGIN IF to_regclass('${table}_new') IS NULL THEN $make{$table} END IF; END \$do\$;
SQL
		$self->step("backfill of $table");
		my $size = 1 + int rand 300;
		my $rate = 500 + int rand 4000;
		my $workers = 1 + int rand 2;
		$job{$table} = $self->job(
			"migrate_backfill('$table', '${table}_new', batch_size => $size, workers => $workers, "
			  . "throttle => '{\"max_rows_per_second\": $rate}')", 'backfill', "'$table'::regclass");
	}
	for my $table (qw(item part_item))
	{
		$self->step("copy of $table");
		my ($state, $error) = $self->await_job($job{$table});
		die "backfill of $table: $state: $error\n" if $state ne 'succeeded';
		$self->{state}->{$table} = 'complete';
	}
	$self->pass('write while complete', 1 + rand 2);
	return;
}

# Comparisons of a pair that is in step, each under one snapshot, until so many have been finished: none finds anything.
# A cut connection says nothing about a job, which goes on; what all of them found is read afterwards.
sub compare
{
	my ($self, $source, $target, $count) = @_;
	my $server = $self->{server};
	$self->step("comparison of $source and $target");
	my $last = $server->ask('SELECT coalesce(max(id), 0) FROM migrate.job');
	my $one = "SELECT migrate_compare('$source', '$target', 'snapshot') AS job \\gset\nCALL migrate_wait(:job);\n";
	my $made = 0;
	while ($made < $count)
	{
		$self->tick;
		my ($done, $text) = $server->try_ask("SET client_min_messages = warning;\n" . $one x BATCH);
		# A job that a cut connection has left works on the target still.
		die "comparison of $source and $target: $text"
		  unless $done || $text =~ /55006/ || Stress::Server::connection_lost($text);
		($made, my $wrong) = split /\|/, $server->ask(<<SQL);
SELECT count(*) FILTER (WHERE verdict = 'equal'), count(*) FILTER (WHERE verdict <> 'equal')
FROM migrate.comparison WHERE job > $last
SQL
		die "comparisons of $source and $target found differences:\n"
		  . $server->ask("SELECT * FROM migrate.comparison WHERE job > $last AND verdict <> 'equal'") . "\n"
		  . $server->ask("SELECT * FROM migrate.difference WHERE job > $last LIMIT 20")
		  if $wrong;
	}
	$self->{comparisons} += $made;
	return;
}

# Once more where locks could not be had: prepared transactions that a crash left hold theirs for long.
sub swap
{
	my ($self, $kind, $call, $done) = @_;
	for my $attempt (1 .. 20)
	{
		$self->step($kind);
		my $id = $self->job($call, $kind);
		my ($state, $error) = $self->await_job($id);
		if ($state eq 'succeeded')
		{
			die "$kind succeeded, but the tables are not swapped\n" if $self->{server}->ask("SELECT $done") ne 't';
			return;
		}
		die "$kind failed, but the tables are swapped: $error\n" if $self->{server}->ask("SELECT $done") eq 't';
		die "$kind: $state: $error\n" unless $error =~ /lock/;
		$self->{steps}->{"$kind gave up"}++;
	}
	die "$kind never got its locks\n";
}

sub unlink_all
{
	my ($self) = @_;
	for my $table (qw(item part_item))
	{
		$self->step("unlink of $table");
		$self->{state}->{$table} = 'unlinking';
		my $give_up = time + 60;
		while (1)
		{
			my ($done, $text) = $self->{server}->try_ask(<<SQL);
SET client_min_messages = error;
SET lock_timeout = '200ms';
SELECT migrate_unlink(source, target) FROM migrate.link WHERE target = to_regclass('${table}_new') AND NOT dormant;
DROP TABLE IF EXISTS ${table}_new;
SQL
			last if $done;
			die "unlink of $table: $text"
			  if time > $give_up || ($text !~ /55P03|40P01/ && !Stress::Server::connection_lost($text));
			$self->tick;
		}
		$self->{state}->{$table} = 'partial';
	}
	$self->step('leftovers');
	$self->{server}->resolve_prepared;
	$self->tick while $self->{writers}->running;
	$self->{check}->leftovers;
	return;
}

1;
