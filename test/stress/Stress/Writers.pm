# The writers: pgbench in slices of a few seconds. Between two slices nobody writes.
#
# A statement that fails with anything but a serialization failure or a deadlock, which applications repeat, ends
# its pgbench client: that is a failure of the run, as none of the scripts can fail on its own. Only when a server was
# stopped on purpose during the slice, lost connections are forgiven, and nothing else.
package Stress::Writers;
use strict;
use warnings;
use POSIX qw(WNOHANG);
use Stress::Server;

sub new
{
	my ($class, $server, $rows, $clients) = @_;
	my $self = bless {
		server => $server, rows => $rows, clients => $clients, transactions => 0, slices => 0, pid => undef
	}, $class;
	for my $client (0 .. $clients - 1)
	{
		my $path = "$ENV{STRESS_OUT}/copy_$client.txt";
		open my $out, '>', $path or die "$path: $!\n";
		printf $out "%d\t\\N\t%d\t%.2f\t%d\t%s\n", 500000000 + $client * 1000 + $_, $_, $_ / 3, 1 + $_ * 3,
		  $_ % 20 ? 'copied' : join('', map { int rand 10 } 1 .. 5000) for 1 .. 100;
		close $out;
	}
	return $self;
}

sub transactions { return $_[0]->{transactions} }

# start($seconds): a slice with a mix of its own.
sub start
{
	my ($self, $seconds) = @_;
	my $slice = ++$self->{slices};
	my @scripts = map { "-f $_\@" . (rand() < 0.2 ? 0 : 1 + int(rand(20) * weight($_))) }
	  sort glob 'test/stress/scripts/*.sql';
	$self->{outages} = $self->{server}->outages;
	$self->{give_up} = time + $seconds + 60;
	$self->{log} = "$ENV{STRESS_OUT}/slice.log";
	my $command = join ' ', 'pgbench -n -T', $seconds, '-c', $self->{clients}, '-j 2 --max-tries=1000',
	  '--random-seed=' . int(rand(2**31)), '-D', "rows=$self->{rows}", '-D', "directory=$ENV{STRESS_OUT}", @scripts;
	$self->{pid} = fork // die "fork: $!\n";
	return if $self->{pid};
	open STDOUT, '>', $self->{log};
	open STDERR, '>&', \*STDOUT;
	print STDERR "$command\n";
	exec $command or POSIX::_exit(127);
}

# Those that touch many rows are rare.
sub weight
{
	my ($script) = @_;
	return $script =~ m{/(?:cascade|copy|many_subtransactions|shift_range)\.sql} ? 0.2 : 1;
}

sub running
{
	my ($self) = @_;
	return 0 unless $self->{pid};
	if (waitpid($self->{pid}, WNOHANG) == 0)
	{
		return 1 if time < $self->{give_up};
		my $sessions = $self->{server}->ask('SELECT pid, wait_event, pg_blocking_pids(pid), left(query, 100) '
			  . "FROM pg_stat_activity WHERE state <> 'idle'");
		die "the writers do not come to an end:\n$sessions\n";
	}
	$self->{status} = $?;
	$self->{pid} = undef;
	$self->judge;
	return 0;
}

sub judge
{
	my ($self) = @_;
	my $log = Stress::Server::slurp($self->{log});
	my $done = $log =~ /^number of transactions actually processed: (\d+)/m ? $1 : 0;
	$self->{transactions} += $done;
	my $failed = $log =~ /^number of failed transactions: (\d+)/m ? $1 : 0;
	die "$failed transactions failed again and again:\n$log" if $failed;
	my $forgiven = $self->{outages} != $self->{server}->outages;
	die "no transaction came to its end:\n$log" if !$done && !$forgiven;
	return if $self->{status} == 0;
	my @errors = grep { /^pgbench: (?:error|fatal)|^(?:ERROR|FATAL|PANIC):/ } split /\n/, $log;
	my @ours = grep {
		!($forgiven
			&& (Stress::Server::connection_lost($_)
				|| /perhaps the backend died|Run was aborted|connection not open|no connection to the server/))
	} @errors;
	return if $forgiven && !@ours;
	die "an application statement failed:\n" . join("\n", @ours ? @ours : $log) . "\n";
}

sub stop
{
	my ($self) = @_;
	return unless $self->{pid};
	kill 'TERM', $self->{pid};
	waitpid $self->{pid}, 0;
	$self->{pid} = undef;
	return;
}

1;
