# count_tap.pl DIRECTORY TEST...: prints how many assertions of the TAP tests passed and failed, from what prove
# left in DIRECTORY (PERL_TEST_HARNESS_DUMP_TAP). A test that broke off counts as one more failure.
use strict;
use warnings;
use TAP::Parser;

my ($directory, @tests) = @ARGV;
my ($passed, $failed) = (0, 0);
for my $test (@tests) {
  open my $in, '<', "$directory/$test" or do { $failed++; next };
  my $tap = do { local $/; <$in> };
  $failed++, next unless length($tap // '');
  my $parser = TAP::Parser->new({ tap => $tap });
  $parser->run;
  $passed += $parser->passed;
  $failed += $parser->failed;
  $failed++ if !$parser->failed && $parser->parse_errors;
}
print "$passed $failed\n";
