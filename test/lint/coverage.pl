# Checks test/COVERAGE.md, whose own head describes its format: every scenario is there once, and leads
# to a test that exists, to a stated limit or to a capability that is still to come.
use strict;
use warnings;

my ($file) = @ARGV;
my %expected = map { $_ => 1 } (map { "O$_" } 1 .. 66), (map { "C$_" } 1 .. 48),
  (map { sprintf 'R%02d', $_ } 1 .. 68);
my %later = map { $_ => 1 }
  qw(link job copy throttle capture compare swap index partition encrypt rls validate plan remote packaging);
my (%seen, %text);

sub contains {
  my ($path, $name) = @_;
  $text{$path} //= do {
    open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;
    <$in>;
  };
  return $text{$path} =~ /(?<!\w)\Q$name\E(?!\w)/;
}

open my $in, '<:encoding(UTF-8)', $file or do { print "no $file\n"; exit };
binmode STDOUT, ':encoding(UTF-8)';
while (my $line = <$in>) {
  my $at = "$file:$.";
  my ($number, $where) = $line =~ /^\|\s*([OCR]\d+)\s*\|[^|]*\|([^|]*)\|\s*$/ or do {
    print "$at: a row without its three columns\n" if $line =~ /^\|\s*[OCR]\d/;
    next;
  };
  print "$at: there is no scenario $number\n" unless $expected{$number};
  print "$at: $number is there twice\n" if $seen{$number}++;
  my @places = grep { length } map { s/^[\s`]+|[\s`]+$//gr } split /,/, $where;
  print "$at: $number leads nowhere\n" unless @places;
  for my $place (@places) {
    next if $place =~ /^issue \d+$/;
    if ($place =~ /^later: (\w+)$/) {
      print "$at: no capability is named $1\n" unless $later{$1};
    } elsif (my ($path, $name) = $place =~ m{^((?:sql|test|docs)/[\w./-]+)(?::(.+))?$}) {
      if (!-f $path) {
        print "$at: $number: no file $path\n";
      } elsif ($path =~ m{^docs/} && $path ne 'docs/limits.md') {
        print "$at: $number: limits are stated in docs/limits.md\n";
      } elsif (!contains($path, $name // $number)) {
        print "$at: $number: $path does not mention ", $name // $number, "\n";
      }
    } else {
      print "$at: $number: neither a test nor a limit: $place\n";
    }
  }
}
print "$file: $_ is missing\n" for grep { !$seen{$_} } sort keys %expected;
