# What a table is, as the catalogs say it: everything that pg_dump -s would print, and what it leaves out. For tests
# that a swap changes nothing but what it was made for.
#
#   my $before = catalog_of($node, 'public.orders');
#   ... the swap ...
#   is_same_catalog($node, $before, 'public.orders',
#       [ '- column id: type integer', '+ column id: type bigint' ], 'swapped');
package SwapCatalog;
use strict;
use warnings;
use Exporter 'import';
use Test::More;

our @EXPORT = qw(catalog_of is_same_catalog catalog_differences);

# One fact a row. Values that the swap may change although nobody asked (OIDs, positions of dropped columns, where a
# sequence stands) are not facts. A NULL is no row.
my $facts = <<'SQL';
WITH it AS (SELECT '%TABLE%'::regclass::oid AS oid),
privilege AS (
  SELECT o.kind, o.oid, o.number, format('%s by %s: %s%s',
      CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE e.grantee::regrole::text END, e.grantor::regrole,
      e.privilege_type, CASE WHEN e.is_grantable THEN ' with grant option' ELSE '' END) AS granted
  FROM (SELECT 'relation' AS kind, c.oid, 0 AS number,
               coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS acl
          FROM pg_class c
        UNION ALL SELECT 'column', attrelid, attnum, attacl FROM pg_attribute) AS o
  CROSS JOIN LATERAL aclexplode(o.acl) AS e),
dependent AS (
  SELECT DISTINCT w.ev_class AS oid FROM it, pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
  WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = it.oid
    AND w.ev_class <> it.oid),
sequence AS (
  SELECT DISTINCT s.oid FROM it, pg_depend d JOIN pg_class s ON s.oid IN (d.objid, d.refobjid) AND s.relkind = 'S'
  LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
  WHERE (d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass
         AND d.refobjid = it.oid AND d.deptype IN ('a', 'i'))
     OR (d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid AND f.adrelid = it.oid))
SELECT fact FROM (
  SELECT unnest(ARRAY[
      format('table: kind %s, persistence %s, access method %s, type %s', c.relkind, c.relpersistence, m.amname,
        c.reloftype::regtype),
      format('table: owner %s', c.relowner::regrole),
      format('table: tablespace %s', c.reltablespace),
      format('table: replica identity %s', c.relreplident),
      format('table: row security %s, forced %s', c.relrowsecurity, c.relforcerowsecurity),
      'table: partition by ' || pg_get_partkeydef(c.oid),
      'table: comment ' || obj_description(c.oid, 'pg_class')]) AS fact
    FROM it JOIN pg_class c ON c.oid = it.oid LEFT JOIN pg_am m ON m.oid = c.relam
  UNION ALL SELECT format('table: parameter %s', o)
    FROM it JOIN pg_class c ON c.oid = it.oid, unnest(c.reloptions) AS o
  UNION ALL SELECT format('table: parameter toast.%s', o)
    FROM it JOIN pg_class c ON c.oid = it.oid JOIN pg_class t ON t.oid = c.reltoastrelid, unnest(t.reloptions) AS o
  UNION ALL SELECT format('table: granted to %s', granted) FROM it
    JOIN privilege p ON p.kind = 'relation' AND p.oid = it.oid
  UNION ALL SELECT format('table: inherits from %s', inhparent::regclass) FROM it JOIN pg_inherits ON inhrelid = it.oid
  UNION ALL SELECT format('table: inherited by %s', inhrelid::regclass) FROM it JOIN pg_inherits ON inhparent = it.oid
  UNION ALL SELECT format('table: label %s %s %s', l.provider, l.objsubid, l.label) FROM it
    JOIN pg_seclabel l ON l.classoid = 'pg_class'::regclass AND l.objoid = it.oid

  UNION ALL SELECT format('column %I: %s', a.attname, v.fact)
    FROM it JOIN pg_attribute a ON a.attrelid = it.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
    JOIN pg_type t ON t.oid = a.atttypid
    CROSS JOIN LATERAL unnest(ARRAY[
      'is number ' || (SELECT count(*) FROM pg_attribute b
        WHERE b.attrelid = a.attrelid AND b.attnum BETWEEN 1 AND a.attnum AND NOT b.attisdropped),
      'type ' || format_type(a.atttypid, a.atttypmod),
      CASE WHEN a.attcollation <> t.typcollation THEN format('collation %s', a.attcollation::regcollation) END,
      CASE WHEN a.attnotnull THEN 'not null' END,
      CASE WHEN a.attgenerated = '' THEN 'default ' ELSE format('generated %s ', a.attgenerated) END
        || pg_get_expr(f.adbin, f.adrelid),
      CASE WHEN a.attidentity <> '' THEN format('identity %s', a.attidentity) END,
      format('storage %s', a.attstorage),
      CASE WHEN a.attcompression <> '' THEN format('compression %s', a.attcompression) END,
      CASE WHEN a.attstattarget >= 0 THEN 'statistics ' || a.attstattarget END,
      'options ' || array_to_string(
        nullif(ARRAY(SELECT o FROM unnest(a.attoptions) AS o WHERE o LIKE 'n\_distinct%' ORDER BY o), '{}'), ', '),
      'comment ' || col_description(a.attrelid, a.attnum)]) AS v (fact)
    WHERE v.fact IS NOT NULL
  UNION ALL SELECT format('column %I: granted to %s', a.attname, granted)
    FROM it JOIN pg_attribute a ON a.attrelid = it.oid AND NOT a.attisdropped
    JOIN privilege p ON p.kind = 'column' AND p.oid = it.oid AND p.number = a.attnum

  UNION ALL SELECT format('index %I: %s', c.relname, v.fact)
    FROM it JOIN pg_index i ON i.indrelid = it.oid JOIN pg_class c ON c.oid = i.indexrelid
    CROSS JOIN LATERAL unnest(ARRAY[
      pg_get_indexdef(i.indexrelid),
      format('valid %s, ready %s, immediate %s, owner %s', i.indisvalid, i.indisready, i.indimmediate,
        c.relowner::regrole),
      CASE WHEN i.indisclustered THEN 'clustered on' END,
      CASE WHEN i.indisreplident THEN 'replica identity' END,
      CASE WHEN c.reltablespace <> 0 THEN format('tablespace %s', c.reltablespace) END,
      'comment ' || obj_description(c.oid, 'pg_class')]) AS v (fact)
    WHERE v.fact IS NOT NULL
  UNION ALL SELECT format('index %I: statistics of column %s: %s', c.relname, a.attnum, a.attstattarget)
    FROM it JOIN pg_index i ON i.indrelid = it.oid JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attstattarget >= 0

  UNION ALL SELECT format('constraint %I: %s', k.conname, v.fact)
    FROM it JOIN pg_constraint k ON k.conrelid = it.oid
    CROSS JOIN LATERAL unnest(ARRAY[
      pg_get_constraintdef(k.oid),
      format('validated %s, local %s, no inherit %s', k.convalidated, k.conislocal, k.connoinherit),
      (SELECT format('index %I', x.relname) FROM pg_class x WHERE x.oid = k.conindid AND k.contype IN ('p', 'u', 'x')),
      'comment ' || obj_description(k.oid, 'pg_constraint')]) AS v (fact)
    WHERE v.fact IS NOT NULL
  UNION ALL SELECT format('foreign key %I of %s: %s, validated %s', k.conname, k.conrelid::regclass,
      pg_get_constraintdef(k.oid), k.convalidated)
    FROM it JOIN pg_constraint k ON k.confrelid = it.oid AND k.contype = 'f'

  UNION ALL SELECT format('trigger %I: %s', t.tgname, v.fact)
    FROM it JOIN pg_trigger t ON t.tgrelid = it.oid AND NOT t.tgisinternal
    CROSS JOIN LATERAL unnest(ARRAY[pg_get_triggerdef(t.oid), format('enabled %s', t.tgenabled),
      'comment ' || obj_description(t.oid, 'pg_trigger')]) AS v (fact)
    WHERE v.fact IS NOT NULL
  UNION ALL SELECT format('rule %I: %s, enabled %s', r.rulename, pg_get_ruledef(r.oid), r.ev_enabled)
    FROM it JOIN pg_rewrite r ON r.ev_class = it.oid

  UNION ALL SELECT format('policy %I: %s', p.polname, v.fact)
    FROM it JOIN pg_policy p ON p.polrelid = it.oid
    CROSS JOIN LATERAL unnest(ARRAY[
      format('permissive %s, command %s, roles %s', p.polpermissive, p.polcmd,
        ARRAY(SELECT CASE WHEN r = 0 THEN 'PUBLIC' ELSE r::regrole::text END FROM unnest(p.polroles) AS r ORDER BY 1)),
      'using ' || pg_get_expr(p.polqual, p.polrelid),
      'with check ' || pg_get_expr(p.polwithcheck, p.polrelid),
      'comment ' || obj_description(p.oid, 'pg_policy')]) AS v (fact)
    WHERE v.fact IS NOT NULL

  UNION ALL SELECT format('publication %I: columns %s, filter %s', p.pubname,
      ARRAY(SELECT a.attname FROM unnest(r.prattrs::int2[]) AS n
        JOIN pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = n ORDER BY n),
      pg_get_expr(r.prqual, r.prrelid))
    FROM it JOIN pg_publication_rel r ON r.prrelid = it.oid JOIN pg_publication p ON p.oid = r.prpubid
  UNION ALL SELECT format('publication %I: by itself', p.pubname)
    FROM it JOIN pg_class c ON c.oid = it.oid JOIN pg_publication p ON p.puballtables
      OR EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = p.oid AND n.pnnspid = c.relnamespace)

  UNION ALL SELECT format('statistics %s.%I: %s', s.stxnamespace::regnamespace, s.stxname, v.fact)
    FROM it JOIN pg_statistic_ext s ON s.stxrelid = it.oid
    CROSS JOIN LATERAL unnest(ARRAY[pg_get_statisticsobjdef(s.oid), format('owner %s', s.stxowner::regrole),
      CASE WHEN s.stxstattarget >= 0 THEN 'statistics ' || s.stxstattarget END,
      'comment ' || obj_description(s.oid, 'pg_statistic_ext')]) AS v (fact)
    WHERE v.fact IS NOT NULL

  UNION ALL SELECT format('sequence %s.%I: %s', c.relnamespace::regnamespace, c.relname, v.fact)
    FROM sequence JOIN pg_class c ON c.oid = sequence.oid JOIN pg_sequence q ON q.seqrelid = c.oid
    CROSS JOIN LATERAL unnest(ARRAY[
      format('type %s, start %s, increment %s, min %s, max %s, cache %s, cycle %s', q.seqtypid::regtype, q.seqstart,
        q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle),
      format('owner %s', c.relowner::regrole),
      (SELECT format('owned by %s.%I (%s)', d.refobjid::regclass, a.attname, d.deptype) FROM pg_depend d
        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')),
      'comment ' || obj_description(c.oid, 'pg_class')]) AS v (fact)
    WHERE v.fact IS NOT NULL
  UNION ALL SELECT format('sequence %s.%I: granted to %s', c.relnamespace::regnamespace, c.relname, granted)
    FROM sequence JOIN pg_class c ON c.oid = sequence.oid JOIN privilege p ON p.kind = 'relation' AND p.oid = c.oid

  UNION ALL SELECT format('dependent %s: %s', c.oid::regclass, v.fact)
    FROM dependent JOIN pg_class c ON c.oid = dependent.oid
    CROSS JOIN LATERAL unnest(ARRAY[
      format('kind %s', c.relkind),
      format('owner %s', c.relowner::regrole),
      'options ' || array_to_string(ARRAY(SELECT o FROM unnest(c.reloptions) AS o ORDER BY o), ', '),
      'comment ' || obj_description(c.oid, 'pg_class')]) AS v (fact)
    WHERE v.fact IS NOT NULL
  UNION ALL SELECT format('dependent %s: rule %I: %s', r.ev_class::regclass, r.rulename, pg_get_ruledef(r.oid))
    FROM dependent JOIN pg_rewrite r ON r.ev_class = dependent.oid
  UNION ALL SELECT format('dependent %s: granted to %s', p.oid::regclass, granted)
    FROM dependent JOIN privilege p ON p.kind = 'relation' AND p.oid = dependent.oid
  UNION ALL SELECT format('function %s: %s', f.oid::regprocedure, pg_get_functiondef(f.oid))
    FROM it JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = it.oid
      AND d.classid = 'pg_proc'::regclass
    JOIN pg_proc f ON f.oid = d.objid
    GROUP BY f.oid
) AS facts WHERE fact IS NOT NULL
SQL

# The facts about a table, sorted, one a line; the table's own name is <table>. Options: database; first, a statement
# that is run before and rolled back afterwards.
sub catalog_of
{
	my ($node, $table, %options) = @_;
	my $quoted = $table =~ s/'/''/gr;
	my $query = $facts =~ s/%TABLE%/$quoted/r;
	my $lines = $node->safe_psql($options{database} // 'postgres',
		join ";\n", 'BEGIN', 'SET LOCAL search_path = pg_catalog', $options{first} // (), $query, 'ROLLBACK');
	my $names = $node->safe_psql($options{database} // 'postgres', <<"SQL");
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = '$quoted'::regclass
UNION ALL SELECT quote_ident(relname) FROM pg_class WHERE oid = '$quoted'::regclass
SQL
	for my $name (split /\n/, $names)
	{
		$lines =~ s/(?<![\w".\$])\Q$name\E(?![\w"\$])/<table>/g;
	}
	# Facts may have lines of their own (definitions of views and functions).
	my $kinds = join '|', 'table', 'column', 'index', 'constraint', 'foreign key', 'trigger', 'rule', 'policy',
	  'publication', 'statistics', 'sequence', 'dependent', 'function';
	my @facts = split /\n(?=(?:$kinds)\b)/, $lines;
	s/\s*\n\s*/ /g for @facts;
	return [ sort @facts ];
}

# "- fact" for what is gone, "+ fact" for what is new.
sub catalog_differences
{
	my ($before, $after) = @_;
	my (%count, @differences);
	$count{$_}-- for @$before;
	$count{$_}++ for @$after;
	for my $fact (sort keys %count)
	{
		push @differences, ($count{$fact} < 0 ? '- ' : '+ ') . $fact for 1 .. abs $count{$fact};
	}
	return @differences;
}

# Compares two results of catalog_of, or tables as they are now. Expected differences are such lines, or patterns of
# them; each has to occur, and nothing else may.
sub is_same_catalog
{
	my ($node, $before, $after, $expected, $name) = @_;
	$_ = ref $_ ? $_ : catalog_of($node, $_) for $before, $after;
	my @missing = @{ $expected // [] };
	my @left = catalog_differences($before, $after);
	my @unused;
	for my $expectation (@missing)
	{
		my $matches = sub { ref $expectation ? $_[0] =~ $expectation : $_[0] eq $expectation };
		push @unused, $expectation unless grep { $matches->($_) } @left;
		@left = grep { !$matches->($_) } @left;
	}
	my $same = ok(!@left && !@unused, $name // 'the catalog is the same');
	diag("not expected: $_") for @left;
	diag("expected, but not there: $_") for @unused;
	return $same;
}

1;
