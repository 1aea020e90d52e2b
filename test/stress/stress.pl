# The clock of test/stress: writers in slices, a cycle of migration steps beside them, checks between. See run.
use strict;
use warnings;
use Stress::Check;
use Stress::Cycle;
use Stress::Server;
use Stress::Writers;

my ($seconds, $seed) = @ARGV;
srand($seed);
my $rows = $ENV{STRESS_ROWS} // 3000;
my $server = Stress::Server->new;
my $writers = Stress::Writers->new($server, $rows, $ENV{STRESS_CLIENTS} // 6);
my $check = Stress::Check->new($server);
my $cycle = Stress::Cycle->new($server, $check, $writers, $seconds);

my $failure;
eval { $cycle->run; 1 } or $failure = $@;
eval { $writers->stop };
# Whatever went wrong before, the log may say more.
my $findings = eval { $check->log_findings } // $@;
chomp($failure //= '');
for my $text ($failure, $findings) { print "$text\n" if $text ne '' }
my $broken = $failure ne '' || $findings ne '' || $writers->transactions == 0;
printf "%s - stress: %d transactions, %d cycles, %d comparisons, %d kills, seed %s\n", $broken ? 'not ok' : 'ok',
  $writers->transactions, $cycle->cycles, $cycle->comparisons, $server->kills, $seed;
print join(', ', map { "$_ " . $cycle->steps->{$_} } sort keys %{ $cycle->steps }), "\n" if $broken;
exit($broken ? 1 : 0);
