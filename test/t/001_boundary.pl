# The boundary between C++ and the server, ten thousand times in each way (R58 cxx_longjmp, R30 out of memory inside
# C++): PostgreSQL errors under every wrapper, C++ exceptions out of every kind of entry, and both at once. What must
# hold each time: the error arrives whole, destructors ran, nothing the failure changed stays, memory is flat, and the
# same backend goes on.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Fewer for a quick look at it.
my $times = $ENV{BOUNDARY_TIMES} // 10_000;
my @kinds = qw(postgres error exception bad_alloc invalid_input int);

# What each kind has to look like in the end: SQLSTATE, message, DETAIL, HINT.
my %expected = (
  postgres => [ 'PC001', 'boundary: postgres', 'Detail of postgres.', 'Hint of postgres.' ],
  error => [ 'PC002', 'boundary: error', 'Detail of error.', 'Hint of error.' ],
  exception => [ 'XX000', 'boundary: exception', '', '' ],
  bad_alloc => [ '53200', 'out of memory', '', '' ],
  invalid_input => [ '22023', 'boundary: invalid_input', '', 'Hint of invalid_input.' ],
  int => [ 'XX000', 'unexpected C++ exception', '', '' ]);

# Each wrapper, and what it says when the failure is its own.
my %wrappers = (
  relation => '42P01|relation with OID 1 does not exist any more||',
  moved_relation => undef,
  registered_snapshot => undef,
  active_snapshot => undef,
  slot => undef,
  guc => '22023|invalid value for parameter "work_mem": "many"||',
  user => undef,
  memory => 'XX000|invalid memory alloc request size 18446744073709551615||',
  container => '53200|out of memory||',
  spi => '22012|division by zero||',
  rows => '22004|null array element not allowed in this context||',
  catalog => '42P01|relation "migrate.missing" does not exist||',
  call => 'XX000|could not open relation with OID 1||',
  section => 'XX000|boundary: section||',
  debug_point => undef,
  subtransaction => '42P01|relation with OID 1 does not exist any more||',
  destructor_release => '22012|division by zero||',
  destructor_entry => '22012|division by zero||',
  destructor_subtransaction => '22012|division by zero||');

my $node = PostgreSQL::Test::Cluster->new('boundary');
$node->init;
# Statements that are meant to fail would be most of the log.
$node->append_conf('postgresql.conf', "log_min_error_statement = panic\nlog_error_verbosity = terse\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_cutover;
CREATE TABLE touched (n integer);
CREATE TABLE fails (n integer);
-- Where this backend is, and what it holds: pid|live objects|bytes in memory contexts|kB resident, without the
-- pages of shared memory that it happened to touch.
CREATE FUNCTION probe(label text) RETURNS text LANGUAGE sql AS $$
  SELECT format('probe %s|%s|%s|%s|%s', label, pg_backend_pid(), migrate.debug_boundary_live(),
                (SELECT sum(total_bytes) FROM pg_backend_memory_contexts),
                substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\s+(\d+)'))
$$;
-- Runs a statement that fails, again and again; says how often it did and how the last one looked.
CREATE FUNCTION repeat_failing(statement text, times integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  failed integer := 0;
  same integer := 0;
  seen text; previous text;
  message text; detail text; hint text; context text;
BEGIN
  FOR i IN 1 .. times LOOP
    BEGIN
      EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
        context = PG_EXCEPTION_CONTEXT;
      failed := failed + 1;
      seen := concat_ws('|', SQLSTATE, message, detail, hint, context);
      IF seen = coalesce(previous, seen) THEN same := same + 1; END IF;
      previous := seen;
    END;
  END LOOP;
  RETURN format('failed=%s same=%s %s', failed, same, replace(seen, E'\n', ' / '));
END
$$;
SQL
my $postmaster = slurp_file($node->data_dir . '/postmaster.pid');

# Runs a script in one session; returns what it wrote to both sides.
my $sessions = 0;

sub run_session {
  my ($script) = @_;
  my $base = $PostgreSQL::Test::Utils::tmp_check . '/boundary_' . ++$sessions;
  append_to_file("$base.sql", $script);
  my @command = (
    'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-v', 'SHOW_CONTEXT=errors', '-d', $node->connstr('postgres'),
    '-f', "$base.sql");
  IPC::Run::run(\@command, '<', \'', '>', "$base.out", '2>', "$base.err");
  return (slurp_file("$base.out"), slurp_file("$base.err"));
}

# The same work before and after a tenth of it, in one session, must not hold more at the end.
sub run_flat {
  my ($name, $work) = @_;
  my $settings = "SET client_min_messages = error;\nSET pg_cutover.debug_points = 'boundary=error';\n";
  my ($out, $err) = run_session(
    $settings
      . $work->($times / 10 || 1)
      . "SELECT probe('before');\n"
      . $work->($times)
      . "SELECT probe('after');\nSELECT 'goes on', 1 / 1;\n");
  my ($before, $after) = map {
    my ($found) = $out =~ /^probe $_\|(.*)$/m;
    [ split /\|/, $found // '0|0|0|0' ]
  } qw(before after);
  like($out, qr/^goes on\|1$/m, "$name: the next call works");
  is($after->[0], $before->[0], "$name: in the same backend");
  isnt($after->[0], 0, "$name: which ran to the end");
  is($after->[1], 0, "$name: destructors ran");
  cmp_ok($after->[2] - $before->[2], '<=', 256 * 1024, "$name: memory contexts are flat");
  # Of what ten thousand subtransactions in one transaction took, malloc keeps up to 2 MB or not.
  cmp_ok($after->[3] - $before->[3], '<=', 3072, "$name: resident memory is flat");
  note("$name: contexts $before->[2] -> $after->[2] bytes, resident $before->[3] -> $after->[3] kB");
  return ($out, $err);
}

# How often each kind arrived at the client, whole.
sub count_errors {
  my ($err, $kind) = @_;
  my ($state, $message, $detail, $hint) = @{ $expected{$kind} };
  my $text = "ERROR:  $state: $message\n";
  $text .= "DETAIL:  $detail\n" if $detail;
  $text .= "HINT:  $hint\n" if $hint;
  return scalar(() = $err =~ /(?:^|: )\Q$text\ELOCATION: /gm);
}

# ---- wrappers ---------------------------------------------------------------------------------------------

{
  # Every wrapper ten thousand times with an error of PostgreSQL's and with its own, and ten thousand times in all with
  # what is thrown in C++.
  my %count;
  my $each = sub {
    my ($wrapper, $kind, $n) = @_;
    $count{"$wrapper $kind"} = $n;
    return "SELECT '$wrapper $kind', migrate.debug_boundary_wrapper('$wrapper', '$kind', $n);\n";
  };
  my ($out, $err) = run_flat(
    'wrappers',
    sub {
      my ($n) = @_;
      my $work = '';
      for my $wrapper (sort keys %wrappers) {
        $work .= $each->($wrapper, 'postgres', $n);
        $work .= $each->($wrapper, 'own', $n) if defined $wrappers{$wrapper};
        $work .= $each->($wrapper, $_, int($n / 5) || 1) for @kinds[ 1 .. $#kinds ], 'none';
      }
      return $work;
    });
  is($err, '', 'wrappers: no error escaped');
  for my $wrapper (sort keys %wrappers) {
    my $wrong = '';
    for my $kind ('own', 'none', @kinds) {
      next unless my $n = $count{"$wrapper $kind"};
      my $failed = $kind eq 'none' && $wrapper ne 'debug_point' ? 0 : $n;
      my $state = $kind eq 'own' ? $wrappers{$wrapper} : join '|', @{ $expected{$kind} // [] };
      # The point itself fails, as pg_cutover.debug_points says.
      $state = 'XX000|debug point "boundary"||' if $wrapper eq 'debug_point';
      $state = '' unless $failed;
      my $line = "$wrapper $kind|failed=$failed live=0 restored=$n state=$state";
      $wrong .= "missing: $line\n" unless $out =~ /^\Q$line\E$/m;
    }
    is($wrong, '', "wrapper $wrapper: errors arrive whole, user, settings and memory context are back");
    note(join "\n", $out =~ /^$wrapper .*$/mg) if $wrong;
  }
  my (undef, $thrown) = run_session(<<'SQL');
SET pg_cutover.debug_points = 'boundary=throw';
SELECT migrate.debug_boundary_wrapper('debug_point', 'none', 10);
SELECT migrate.debug_boundary_wrapper('relation', 'postgres', 10);
SQL
  is($thrown, '', 'debug points throw');
}

# ---- functions and triggers ---------------------------------------------------------------------------------

{
  my ($out, $err) = run_flat(
    'functions and triggers',
    sub {
      my ($n) = @_;
      my $work = '';
      for my $kind (@kinds) {
        $work .= <<"SQL";
SELECT 'function $kind', repeat_failing(\$\$SELECT migrate.debug_boundary_throw('$kind')\$\$, $n);
CREATE TRIGGER before BEFORE INSERT ON fails FOR EACH ROW EXECUTE FUNCTION migrate.debug_boundary_trigger('$kind');
SELECT 'before trigger $kind', repeat_failing('INSERT INTO fails VALUES (1)', $n);
DROP TRIGGER before ON fails;
CREATE TRIGGER after AFTER INSERT ON fails FOR EACH ROW EXECUTE FUNCTION migrate.debug_boundary_trigger('$kind');
SELECT 'after trigger $kind', repeat_failing('INSERT INTO fails VALUES (1)', $n);
DROP TRIGGER after ON fails;
SQL
      }
      return $work . "SELECT 'rows left', count(*) FROM fails;\n";
    });
  is($err, '', 'functions and triggers: no error escaped');
  like($out, qr/^rows left\|0$/m, 'what failing triggers wrote is gone');
  for my $entry ('function', 'before trigger', 'after trigger') {
    for my $kind (@kinds) {
      my $line = "$entry $kind|failed=$times same=$times " . join '|', @{ $expected{$kind} };
      like($out, qr/^\Q$line\E\|/m, "$entry fails with $kind");
    }
  }

  # The same at top level, where the whole transaction is aborted and the client sees it.
  my $n = int($times / @kinds) || 1;
  (undef, $err) = run_flat(
    'statements',
    sub {
      return join '', map { "SELECT migrate.debug_boundary_throw('$_');\n" x (int($_[0] / @kinds) || 1) } @kinds;
    });
  my $warm_up = int($times / 10 / @kinds) || 1;
  is(count_errors($err, $_), $n + $warm_up, "statement fails with $_ at the client") for @kinds;
}

# ---- the end of a transaction -------------------------------------------------------------------------------

for my $moment (qw(before_commit after_commit abort)) {
  my $block = sub {
    my ($kind) = @_;
    my $end = $moment eq 'abort' ? "SELECT 1 / 0;\nROLLBACK" : 'COMMIT';
    return "BEGIN;\nINSERT INTO touched VALUES (1);\n"
      . "SELECT migrate.debug_boundary_at_end('$moment', '$kind');\n$end;\n";
  };
  $node->safe_psql('postgres', 'TRUNCATE touched');
  my $n = int($times / @kinds) || 1;
  my $warm_up = int($times / 10 / @kinds) || 1;
  my $total = ($n + $warm_up) * @kinds;
  my (undef, $err) = run_flat($moment,
    sub { return join '', map { $block->($_) x (int($_[0] / @kinds) || 1) } @kinds; });
  my $errors = () = $err =~ /ERROR:  /g;
  my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM touched');
  if ($moment eq 'before_commit') {
    is(count_errors($err, $_), $n + $warm_up, "a callback before the commit fails with $_") for @kinds;
    is($rows, 0, 'a failure before the commit takes the transaction with it');
  } elsif ($moment eq 'after_commit') {
    is($errors, 0, 'a failure after the commit is no error');
    is($rows, $total, 'a failure after the commit leaves the transaction committed');
  } else {
    my $original = () = $err =~ /ERROR:  22012: division by zero\n/g;
    is("$errors $original", "$total $total", 'a failure during an abort leaves the error that caused it');
    is($rows, 0, 'a failure during an abort does not stop it');
  }
  (undef, $err) = run_session("SET client_min_messages = notice;\n" . join '', map { $block->($_) } @kinds);
  if ($moment ne 'before_commit') {
    for my $kind (@kinds) {
      my (undef, $message, $detail, $hint) = @{ $expected{$kind} };
      like($err, qr/WARNING:  \w{5}: \Q$message\E\n(?:DETAIL:  \Q$detail\E\n)?(?:HINT:  \Q$hint\E\n)?LOCATION/,
        "a callback ($moment) warns of $kind");
    }
  }
}

# An error resets the count of held interrupts; the commit that swallows it would go on below zero, and nothing could
# cancel the session any more.
{
  my (undef, $err) = run_session(<<'SQL');
SET client_min_messages = error;
SELECT migrate.debug_boundary_at_end('after_commit', 'postgres');
SET statement_timeout = '200ms';
SELECT pg_sleep(5);
SQL
  like($err, qr/ERROR:  57014: /, 'a session can be cancelled after a failure behind its commit');
  my $out;
  ($out, $err) = run_session(<<'SQL');
SET statement_timeout = '300ms';
SELECT migrate.debug_boundary_wrapper('spi', 'postgres', 100000000);
RESET statement_timeout;
SELECT 'live', migrate.debug_boundary_live();
SQL
  like($err, qr/ERROR:  57014: /, 'a loop in C++ can be cancelled');
  like($out, qr/^live\|0$/m, 'a cancelled loop leaves no object behind');
}

# ---- memory context resets and the end of a session -----------------------------------------------------------

{
  my ($out, $err) = run_flat(
    'resets',
    sub {
      my ($n) = @_;
      my $work = '';
      for my $kind (@kinds) {
        $work .= "SELECT 'reset $kind', count(migrate.debug_boundary_at_reset('$kind', 'none')) "
          . "FROM generate_series(1, $n);\n";
        # While an error is on its way past: it has to arrive, and not the one of the callback.
        for my $outer (qw(postgres error)) {
          my $call = "SELECT migrate.debug_boundary_at_reset('$kind', '$outer')";
          $work .= "SELECT 'reset $kind under $outer', repeat_failing(\$\$$call\$\$, " . (int($n / 5) || 1) . ");\n";
        }
      }
      return $work;
    });
  is($err, '', 'resets: no error escaped');
  for my $kind (@kinds) {
    like($out, qr/^reset $kind\|$times$/m, "a failing reset callback ($kind) only warns");
    for my $outer (qw(postgres error)) {
      my $n = int($times / 5) || 1;
      my $line = "reset $kind under $outer|failed=$n same=$n " . join '|', @{ $expected{$outer} };
      like($out, qr/^\Q$line\E\|/m, "... and leaves $outer alone");
    }
  }

  for my $kind (@kinds) {
    my ($answer) = run_session("SELECT migrate.debug_boundary_at_exit('$kind');\nSELECT 'called';\n");
    like($answer, qr/^called$/m, "a session ends with a failing callback ($kind)");
  }
}

# ---- errors that cross several entries ------------------------------------------------------------------------

{
  my $depth = 7;
  my ($out, $err) = run_flat(
    'nested entries',
    sub {
      my ($n) = @_;
      my $work = '';
      for my $kind (@kinds) {
        for my $how (qw(nested relay)) {
          my $call = "SELECT migrate.debug_boundary_$how($depth, '$kind')";
          # Ten thousand entries of each kind: each call makes several.
          $work .= "SELECT '$how $kind', repeat_failing(\$\$$call\$\$, " . (int($n / $depth) || 1) . ");\n";
        }
      }
      return $work;
    });
  is($err, '', 'nested entries: no error escaped');
  my $n = int($times / $depth) || 1;
  for my $kind (@kinds) {
    for my $how (qw(nested relay)) {
      my $line = "$how $kind|failed=$n same=$n " . join '|', @{ $expected{$kind} };
      like($out, qr/^\Q$line\E\|/m, "$how entries hand on $kind");
    }
  }
  my $level = 'SQL statement "SELECT migrate.debug_boundary_nested($1, $2)"';
  (undef, $err) = run_session("SELECT migrate.debug_boundary_nested(3, 'error');\n");
  like(
    $err,
    qr/ERROR:  PC002: boundary: error\nDETAIL:  Detail of error.\nHINT:  Hint of error.\nCONTEXT:  \Q$level\E\n\Q$level\E\n\Q$level\E\nLOCATION:  /,
    'context is kept, a line for each entry');
}

# ---- workers --------------------------------------------------------------------------------------------------

for my $kind (@kinds) {
  my $offset = -s $node->logfile;
  my $n = int($times / @kinds) || 1;
  $node->safe_psql('postgres', "SELECT migrate.debug_boundary_worker('$kind', $n)");
  my $log = slurp_file($node->logfile, $offset);
  my $state = join '|', @{ $expected{$kind} };
  my ($failed, $grown, $rest) = $log =~ /boundary worker: failed=(\d+) grown=(\d+) (.*)$/m;
  is($failed, $n, "a worker gets over $kind in its transactions");
  is($rest, "transaction=none work_mem=4096 state=$state", "... each time in whole");
  cmp_ok($grown // 1e9, '<=', 64 * 1024, '... with flat memory');
  like($log, qr/ERROR:  \Q$expected{$kind}[1]\E$/m, "a worker's main function fails with $kind");
  like($log, qr/boundary worker: live=0$/m, '... after its destructors ran');
}
{
  # A main function fails once a process: a few hundred of them.
  my $n = int($times / 100 / @kinds) || 1;
  $node->safe_psql('postgres',
    join '', map { "SELECT migrate.debug_boundary_worker('$_', 0) FROM generate_series(1, $n);\n" } @kinds);
  is($node->safe_psql('postgres', 'SELECT 1'), 1, 'the server goes on after many failed workers');
}

# ---- the server -----------------------------------------------------------------------------------------------

$node->stop;
my $log = slurp_file($node->logfile);
my $bad = qr/PANIC|TRAP|terminated by signal|errstart was not called|was not closed|(?:reference|snapshot|file) leak|
  non-empty\ SPI\ stack|WARNING:\ \ (?!boundary:|out\ of\ memory$|unexpected\ C\+\+\ exception$)|
  problem\ in\ alloc\ set|all\ server\ processes\ terminated/x;
my @findings = grep { /$bad/ } split /\n/, $log;
is(join("\n", @findings[ 0 .. (@findings > 20 ? 19 : $#findings) ]), '', 'the log has nothing worse than what was asked for');
is(scalar(() = $log =~ /database system is ready to accept connections/g), 1, 'the server never restarted');
is(scalar(() = $log =~ /boundary worker: live=[^0]/g), 0, 'no worker left an object behind');

done_testing();
