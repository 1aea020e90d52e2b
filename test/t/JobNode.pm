# A server for tests of background jobs, and what they ask it all the time.
package JobNode;
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use Test::More;

# new($name, %settings): an initialised, started node with the extension.
sub new
{
	my ($class, $name, %settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', "$_ = '$settings{$_}'") for sort keys %settings;
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_cutover');
	return bless { node => $node }, $class;
}

sub node { return $_[0]->{node} }

# The result of a query that has to work.
sub ask
{
	my ($self, $query, $database) = @_;
	return $self->node->safe_psql($database // 'postgres', $query);
}

# Waits until a query gives true, also while the server restarts. Fails the test where it never does.
sub until_true
{
	my ($self, $query, $what, %options) = @_;
	for (1 .. 10 * ($options{seconds} // 60))
	{
		# The connection may break while psql writes to it.
		my ($code, $out) =
		  eval { $self->node->psql($options{database} // 'postgres', $query, timeout => 60) };
		return ok(1, $what) if defined $code && $code == 0 && $out eq 't';
		select undef, undef, undef, 0.1;
	}
	my ($code, $rows) = $self->node->psql($options{database} // 'postgres',
		'SELECT job, state, phase, throttled_by, error, pids FROM migrate.progress');
	diag("jobs: " . ($rows // ''));
	return ok(0, $what);
}

sub until_state
{
	my ($self, $job, $state, $what, %options) = @_;
	return $self->until_true("SELECT state = '$state' FROM migrate.progress WHERE job = $job",
		$what // "job $job is $state", %options);
}

# The job's row of migrate.progress, some columns of it, as psql prints them.
sub job
{
	my ($self, $job, $columns, $database) = @_;
	return $self->ask("SELECT $columns FROM migrate.progress WHERE job = $job", $database);
}

# A statement that has to fail: its message.
sub error_of
{
	my ($self, $query, %options) = @_;
	my ($code, $out, $error) =
	  $self->node->psql($options{database} // 'postgres', "\\set VERBOSITY verbose\n$query",
		extra_params => $options{user} ? [ '-U', $options{user} ] : [], timeout => 60);
	return $code == 0 ? "no error: $out" : $error;
}

# A session that holds the gate of a debug point shut.
sub gate
{
	my ($self, $point, $database) = @_;
	my $session = $self->node->background_psql($database // 'postgres', on_error_stop => 0);
	$session->query_safe("SELECT FROM pg_advisory_lock(hashtext('$point'))");
	return $session;
}

# Waits until a worker stands at the gate; its process id.
sub worker_at
{
	my ($self, $point) = @_;
	$self->until_true(
		"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '$point')",
		"a worker is at $point");
	return $self->ask(
		"SELECT pid FROM pg_stat_activity WHERE application_name = '$point' LIMIT 1");
}

1;
