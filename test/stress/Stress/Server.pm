# The server of a stress run: statements, kills, restarts.
package Stress::Server;
use strict;
use warnings;
use Time::HiRes qw(sleep time);

sub new
{
	my ($class) = @_;
	return bless { kills => 0, outages => 0, statement => 0 }, $class;
}

sub kills { return $_[0]->{kills} }
# How often connections were cut with our own hands: who sees the number change may have lost one.
sub outages { return $_[0]->{outages} }

# try_ask($sql): (true and the output, or false and the error), as psql -At prints them.
sub try_ask
{
	my ($self, $sql) = @_;
	my $base = "$ENV{STRESS_OUT}/psql";
	open my $in, '>', "$base.sql" or die "$base.sql: $!\n";
	print $in $sql;
	close $in;
	my $status = system("psql -XAtq -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -f $base.sql >$base.out 2>$base.err");
	my ($out, $error) = map { slurp("$base.$_") } qw(out err);
	chomp $out;
	return $status == 0 ? (1, $out) : (0, $error);
}

sub slurp
{
	my ($path) = @_;
	open my $in, '<', $path or return '';
	local $/;
	my $text = <$in>;
	return $text // '';
}

# ask($sql): its output; dies where it fails for any reason but a cut connection. Then it is tried again, so it must
# bear being done twice.
sub ask
{
	my ($self, $sql) = @_;
	my $give_up = time + 90;
	while (1)
	{
		my ($done, $text) = $self->try_ask($sql);
		return $text if $done;
		die "$sql\n$text" if !connection_lost($text) || time > $give_up;
		sleep 0.2;
	}
}

sub connection_lost
{
	my ($text) = @_;
	# Spaces count in this pattern.
	return $text =~ m{connection to server|server closed the connection|the database system is|SSL SYSCALL}
	  || $text =~ m{could not (?:send|receive) data|FATAL: +57P}
	  || $text =~ m{terminating connection (?:because of crash|due to immediate shutdown|due to administrator)};
}

sub workers
{
	my ($self) = @_;
	my ($done, $text) = $self->try_ask(
		"SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg\\_cutover%' AND backend_type !~ 'scout'");
	return $done ? split(/\n/, $text) : ();
}

# A worker or the launcher is told to go: nobody else notices.
sub terminate_worker
{
	my ($self) = @_;
	my @pids = $self->workers or return 0;
	my $pid = $pids[ rand @pids ];
	$self->try_ask("SELECT pg_terminate_backend($pid)");
	$self->{kills}++;
	return 1;
}

# A worker dies without a word: the server restarts itself, and all connections are lost.
sub crash_worker
{
	my ($self) = @_;
	my @pids = $self->workers or return 0;
	my $before = $self->checkpointer;
	# Not known while the server has just started: its change could not be seen.
	return 0 if $before eq '';
	$self->{outages}++;
	kill 'KILL', $pids[ rand @pids ] or return 0;
	$self->{kills}++;
	# Until the postmaster has heard of it, the server answers as if nothing had happened.
	for (1 .. 300)
	{
		my $now = $self->checkpointer;
		last if $now ne '' && $now ne $before;
		sleep 0.1;
	}
	# For those who began between the two.
	$self->{outages}++;
	return 1;
}

# Its process id: another one after a restart.
sub checkpointer
{
	my ($self) = @_;
	my ($done, $pid) =
	  $self->try_ask("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
	return $done ? $pid : '';
}

sub crash
{
	my ($self) = @_;
	$self->{outages}++;
	my $control =
	  "$ENV{STRESS_AS} env -i PATH='$ENV{PATH}' LANG=C.UTF-8 TZ=UTC pg_ctl -s -w -t 60 -D $ENV{STRESS_DATA}";
	system("cd $ENV{STRESS_DATA} && $control -m immediate stop") == 0 or die "the server does not stop\n";
	$self->{kills}++;
	system("cd $ENV{STRESS_DATA} && $control -l $ENV{STRESS_LOG} start") == 0 or die "the server does not start\n";
	$self->await;
	return 1;
}

# Until the server takes connections again.
sub await
{
	my ($self) = @_;
	for (1 .. 300)
	{
		return if ($self->try_ask('SELECT 1'))[0];
		sleep 0.2;
	}
	die "the server does not come back\n";
}

# What a crash left prepared is decided by us, as an administrator would; the oracle is part of it either way.
sub resolve_prepared
{
	my ($self) = @_;
	for my $gid (split /\n/, $self->ask('SELECT gid FROM pg_prepared_xacts'))
	{
		my ($done, $text) = $self->try_ask((rand() < 0.5 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$gid'");
		die "$gid: $text" if !$done && $text !~ /does not exist|busy/ && !connection_lost($text);
	}
	return;
}

1;
