-- Scenarios: O54, O58, R18
-- Every built-in type, through the direct and the sql method, as columns, arrays and domains.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
CREATE SCHEMA types;
SET search_path = types, public;
SET timezone = 'UTC';

CREATE TABLE sample (type regtype PRIMARY KEY, literals text[]);
INSERT INTO sample VALUES
    ('bool', '{t,f}'), ('bytea', '{"\\x","\\x00ff7f","\\xdeadbeef"}'), ('"char"', '{a,"\\001",""}'),
    ('name', '{"","a name of sixty-three bytes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}'),
    ('int8', '{-9223372036854775808,9223372036854775807,0}'), ('int2', '{-32768,32767}'), ('int4', '{-2147483648,2147483647}'),
    ('text', '{"","x","Grüße, 世界 🙂","tab\tand \"quote\""}'), ('oid', '{0,4294967295}'), ('tid', '{"(0,0)","(4294967295,65535)"}'),
    ('xid', '{0,4294967295}'), ('cid', '{1,2}'), ('xid8', '{0,18446744073709551615}'), ('oidvector', '{"1 2 3",""}'), ('int2vector', '{"1 2 3",""}'),
    ('json', '{"{\"b\":1, \"a\":2, \"a\":3}","null"}'), ('jsonb', '{"{\"b\":1, \"a\":[1,2]}","null","1.10"}'), ('jsonpath', '{"$.a[*] ? (@ > 1)"}'),
    ('xml', '{"<a>b</a>","text"}'), ('point', '{"(1,2)","(Infinity,-0)"}'), ('lseg', '{"[(0,0),(1,1)]"}'), ('path', '{"((0,0),(1,1),(2,0))","[(0,0),(1,1)]"}'),
    ('box', '{"(1,1),(0,0)"}'), ('polygon', '{"((0,0),(1,1),(2,0))"}'), ('line', '{"{1,-1,0}"}'), ('circle', '{"<(0,0),1>"}'),
    ('float4', '{NaN,Infinity,-Infinity,-0,1e-37,3.4028235e+38}'), ('float8', '{NaN,Infinity,-Infinity,-0,1e-307,1.7976931348623157e+308}'),
    ('money', '{$1.23,-$92233720368547758.08}'), ('macaddr', '{08:00:2b:01:02:03}'), ('macaddr8', '{08:00:2b:01:02:03:04:05}'),
    ('inet', '{192.168.0.1/24,::1,2001:db8::/32}'), ('cidr', '{192.168.0.0/24,2001:db8::/32}'), ('aclitem', '{postgres=arwdDxt/postgres}'),
    ('bpchar', '{"a","a  ",""}'), ('varchar', '{"","long enough"}'), ('date', '{infinity,-infinity,4714-11-24 BC,2026-11-21}'),
    ('time', '{00:00:00,24:00:00,12:34:56.789012}'), ('timestamp', '{infinity,-infinity,2026-11-21 12:34:56.789012}'),
    ('timestamptz', '{infinity,-infinity,2026-11-21 12:34:56.789012+02}'), ('interval', '{"1 mon -1 days +00:00:00.000001","178000000 years"}'),
    ('timetz', '{12:34:56.789012+05:30,24:00:00-15:59}'), ('bit', '{1,0}'), ('varbit', '{"",1,10101}'),
    ('numeric', '{NaN,Infinity,-Infinity,0,0.000,-1.50,1e1000,1e-1000}'), ('refcursor', '{portal}'), ('regprocedure', '{lower(text)}'),
    ('regoper', '{pg_catalog.||/}'), ('regoperator', '{"+(integer,integer)"}'), ('regproc', '{boolin}'), ('regclass', '{pg_class,-}'), ('regtype', '{integer,text[]}'),
    ('regrole', '{pg_monitor}'), ('regnamespace', '{pg_catalog}'), ('regcollation', '{"\"C\""}'), ('regconfig', '{english}'), ('regdictionary', '{simple}'),
    ('uuid', '{00000000-0000-0000-0000-000000000000,ffffffff-ffff-ffff-ffff-ffffffffffff}'), ('pg_lsn', '{0/0,FFFFFFFF/FFFFFFFF}'),
    ('tsvector', '{"''a'':1A ''b'':2,3",""}'), ('gtsvector', '{}'), ('tsquery', '{"''a'' & !''b'' <-> ''c'':*A"}'),
    ('txid_snapshot', '{10:20:10,14,15}'), ('pg_snapshot', '{"10:20:10,14,15"}'),
    ('int4range', '{empty,"[1,5)","(,)"}'), ('int8range', '{empty,"[1,5)"}'), ('numrange', '{"[1.10,2)","empty"}'), ('tsrange', '{"[2026-01-01,2026-02-01)"}'),
    ('tstzrange', '{"[2026-01-01 00:00+02,infinity)"}'), ('daterange', '{"[2026-01-01,2026-02-01)"}'),
    ('int4multirange', '{"{}","{[1,3),[5,9)}"}'), ('int8multirange', '{"{[1,3),[5,9)}"}'), ('nummultirange', '{"{[1.1,3]}"}'),
    ('tsmultirange', '{"{[2026-01-01,2026-02-01)}"}'), ('tstzmultirange', '{"{[2026-01-01,2026-02-01)}"}'), ('datemultirange', '{"{[2026-01-01,2026-02-01)}"}');
UPDATE sample SET literals = '{"10:20:10,14,15"}' WHERE type = 'txid_snapshot'::regtype;

-- No built-in type that a column can have is missing here.
SELECT oid::regtype FROM pg_type
 WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm') AND typelem = 0
   AND typname NOT LIKE 'pg\_%' AND oid NOT IN (SELECT type FROM sample)
UNION
SELECT oid::regtype FROM pg_type
 WHERE typnamespace = 'pg_catalog'::regnamespace AND typname IN ('pg_lsn', 'pg_snapshot', 'name', 'oidvector', 'int2vector', 'point', 'box', 'lseg', 'line')
   AND oid NOT IN (SELECT type FROM sample)
 ORDER BY 1;

-- One column a type, one row a literal; and the same for arrays of it.
DO $do$
DECLARE
    columns text;
    one record;
    literal text;
    n int;
BEGIN
    SELECT string_agg(format('c%s %s, a%s %s[]', type::oid, type, type::oid, type), ', ' ORDER BY type::oid) INTO columns
      FROM sample WHERE type <> 'gtsvector'::regtype;
    EXECUTE format('CREATE TABLE wide (id int PRIMARY KEY, %s)', columns);
    INSERT INTO wide (id) SELECT generate_series(1, 10);
    FOR one IN SELECT * FROM sample WHERE type <> 'gtsvector'::regtype LOOP
        n := 0;
        FOREACH literal IN ARRAY one.literals LOOP
            n := n + 1;
            EXECUTE format('UPDATE wide SET c%1$s = %2$L::%3$s, a%1$s = ARRAY[%2$L, NULL, %2$L]::%3$s[] WHERE id = %4$s',
                           one.type::oid, literal, one.type, n);
        END LOOP;
    END LOOP;
END
$do$;
CREATE TABLE wide_direct (LIKE wide INCLUDING ALL);
CREATE TABLE wide_sql (LIKE wide INCLUDING ALL);
SELECT migrate_backfill('wide', 'wide_direct', sync => false, method => 'direct') AS direct \gset
SELECT migrate_backfill('wide', 'wide_sql', sync => false, method => 'sql') AS sql \gset
CALL migrate_wait(:direct);
CALL migrate_wait(:sql);
SELECT count(*) AS rows, count(*) FILTER (WHERE w::text IS NOT DISTINCT FROM d::text) AS equal_direct,
       count(*) FILTER (WHERE w::text IS NOT DISTINCT FROM s::text) AS equal_sql
  FROM wide w FULL JOIN wide_direct d USING (id) FULL JOIN wide_sql s USING (id);

-- Domains, enums, composites, ranges over them, collations, generated and identity columns, dropped
-- columns on both sides, columns added with a default after rows existed.
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (left_one int, right_one text, feeling mood);
CREATE TABLE odd (
    gone int,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    d positive, m mood, moods mood[], p pair, pairs pair[],
    also_gone text,
    "Mixed Case" text COLLATE "C",
    "a column name of exactly sixty-three bytes, no more, no less..." int DEFAULT 63,
    "größe" text,
    twice int GENERATED ALWAYS AS (d * 2) STORED
);
INSERT INTO odd (gone, d, m, moods, p, pairs, also_gone, "Mixed Case", "größe")
SELECT n, n, 'ok', '{sad,happy}', ROW(n, 'r', 'sad'::mood)::pair, ARRAY[ROW(1, NULL, 'ok'::mood)::pair, NULL], 'x', 'M' || n, repeat('ü', n)
  FROM generate_series(1, 50) n;
ALTER TABLE odd DROP COLUMN gone, DROP COLUMN also_gone;
ALTER TABLE odd ADD COLUMN added text NOT NULL DEFAULT 'missing value', ADD COLUMN added_null int;
INSERT INTO odd (d, m) VALUES (7, 'happy');
CREATE TABLE odd_direct (LIKE odd INCLUDING ALL);
SELECT migrate_backfill('odd', 'odd_direct', sync => false, method => 'direct') AS job \gset
CALL migrate_wait(:job);
CREATE TABLE odd_sql (LIKE odd INCLUDING ALL);
ALTER TABLE odd_sql ADD COLUMN filler int;
ALTER TABLE odd_sql DROP COLUMN filler;
SELECT migrate_backfill('odd', 'odd_sql', sync => false, method => 'sql') AS job \gset
CALL migrate_wait(:job);
CREATE TABLE odd_reordered (twice text, added_null int, added text, "größe" text, p pair, id bigint PRIMARY KEY, filler int, d positive,
    m mood, moods mood[], pairs pair[], "Mixed Case" text, "a column name of exactly sixty-three bytes, no more, no less..." bigint);
ALTER TABLE odd_reordered DROP COLUMN filler;
SELECT migrate_backfill('odd', 'odd_reordered', sync => false, method => 'direct') AS job \gset
CALL migrate_wait(:job);
SELECT count(*) AS rows, count(*) FILTER (WHERE to_jsonb(ours) = to_jsonb(direct)) AS equal_direct,
       count(*) FILTER (WHERE to_jsonb(ours) = to_jsonb(by_sql)) AS equal_sql,
       count(*) FILTER (WHERE to_jsonb(ours) - 'twice' = to_jsonb(other) - 'twice' AND other.twice = ours.twice::text) AS equal_reordered
  FROM odd ours FULL JOIN odd_direct direct USING (id) FULL JOIN odd_sql by_sql USING (id) FULL JOIN odd_reordered other USING (id);
-- The identity column goes on by itself; the copy gave no value to its sequence.
SELECT attidentity FROM pg_attribute WHERE attrelid = 'odd_direct'::regclass AND attname = 'id';

-- What is too long for its new type is an error at the row, as with INSERT and ALTER COLUMN ... TYPE, and never cut,
-- wherever the type keeps its length. Blanks at the end of a string go, and numbers and times are rounded, as there.
CREATE DOMAIN short AS varchar(3);
CREATE DOMAIN shorter AS short CHECK (length(VALUE) < 10);
CREATE DOMAIN shorts AS varchar(3)[];
CREATE DOMAIN padded AS char(3);
CREATE DOMAIN nibble AS bit(4);
CREATE DOMAIN nibbles AS varbit(4);
CREATE DOMAIN cents AS numeric(5,2);
CREATE DOMAIN seconds AS timestamp(0);
CREATE TABLE fit (n int PRIMARY KEY, given text, value text, wanted text);
INSERT INTO fit VALUES
    (1, 'text', 'abcd', 'varchar(3)'), (2, 'text', 'abcd', 'short'), (3, 'varchar(5)', 'abcd', 'shorter'), (4, 'text', 'abcd', 'padded'),
    (5, 'text[]', '{{abc},{abcd}}', 'varchar(3)[]'), (6, 'text[]', '{abc,abcd}', 'shorts'), (7, 'text[]', '{{abc},{abcd}}', 'short[]'),
    (8, 'bit(8)', '11110000', 'bit(4)'), (9, 'bit(8)', '11110000', 'nibble'), (10, 'varbit', '11110', 'nibbles'), (11, 'varbit[]', '{11110}', 'nibbles[]'),
    (12, 'name', 'abcd', 'short'), (13, 'json', '"ab"', 'short'), (14, 'numeric', '12345.6', 'cents'), (15, 'bigint', '5000000000', 'int'),
    (20, 'text', 'abc  ', 'short'), (21, 'text[]', '{"abc  "}', 'short[]'), (22, 'text', 'a', 'padded'), (23, 'numeric', '12.345', 'cents'),
    (24, 'numeric[]', '{12.345}', 'cents[]'), (25, 'timestamp', '2026-01-01 00:00:00.6', 'seconds'), (26, 'float8', '1.6', 'int');
DO $do$
DECLARE
    one fit;
BEGIN
    FOR one IN SELECT * FROM fit LOOP
        EXECUTE format('CREATE TABLE fit_%1$s (id int PRIMARY KEY, v %2$s); INSERT INTO fit_%1$s VALUES (1, %3$L)', one.n, one.given, one.value);
        EXECUTE format('CREATE TABLE fit_%1$s_direct (id int PRIMARY KEY, v %2$s); CREATE TABLE fit_%1$s_sql (LIKE fit_%1$s_direct INCLUDING ALL); '
                       'CREATE TABLE fit_%1$s_mirror (LIKE fit_%1$s_direct INCLUDING ALL)', one.n, one.wanted);
    END LOOP;
END
$do$;
ALTER TABLE fit ADD direct bigint, ADD sql bigint;
\set VERBOSITY terse
UPDATE fit SET direct = migrate_backfill(format('fit_%s', n)::regclass, format('fit_%s_direct', n)::regclass, sync => false, method => 'direct');
SELECT format('CALL migrate_wait(%s)', direct) FROM fit ORDER BY n \gexec
UPDATE fit SET sql = migrate_backfill(format('fit_%s', n)::regclass, format('fit_%s_sql', n)::regclass, sync => false, method => 'sql');
SELECT format('CALL migrate_wait(%s)', sql) FROM fit ORDER BY n \gexec
-- The same for a write that is mirrored.
SELECT count(migrate_link(format('fit_%s', n)::regclass, format('fit_%s_mirror', n)::regclass)) FROM fit;
SELECT count(migrate_sync(format('fit_%s', n)::regclass, format('fit_%s_mirror', n)::regclass, on_reject => 'fail')) FROM fit;
SELECT format('UPDATE fit_%s SET v = v', n) FROM fit ORDER BY n \gexec
\set VERBOSITY default
CREATE FUNCTION held_by(relation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value text;
BEGIN
    EXECUTE format('SELECT v FROM %I', relation) INTO value;
    RETURN value;
END
$$;
SELECT given, value, wanted, held_by(format('fit_%s_direct', n)) AS direct, held_by(format('fit_%s_sql', n)) AS sql,
       held_by(format('fit_%s_mirror', n)) AS mirror
  FROM fit ORDER BY n;
-- A cast that the mapping itself contains does what it does everywhere.
CREATE TABLE fit_cast (id int PRIMARY KEY, v short);
SELECT migrate_backfill('fit_1', 'fit_cast', columns => '{"v": "v::short"}', sync => false) AS job \gset
CALL migrate_wait(:job);
TABLE fit_cast;

-- Values out of line, compressed or not, in every storage mode; one of 100 MB.
CREATE TABLE large (id int PRIMARY KEY, extended text, external text, main text, plain bytea);
ALTER TABLE large ALTER external SET STORAGE EXTERNAL, ALTER main SET STORAGE MAIN, ALTER plain SET STORAGE PLAIN;
INSERT INTO large
SELECT n, string_agg(md5((n * i)::text), ''), repeat('external', n * 500), repeat('main', n * 400), decode(repeat('ab', n * 50), 'hex')
  FROM generate_series(1, 40) n, generate_series(1, 300) i GROUP BY n;
INSERT INTO large VALUES (100, repeat('a hundred megabytes ', 5000000), repeat(md5('x'), 625000), NULL, '');
CREATE TABLE large_v2 (LIKE large INCLUDING ALL);
SELECT migrate_backfill('large', 'large_v2', sync => false, method => 'direct') AS job \gset
CALL migrate_wait(:job);
CREATE TABLE large_sql (LIKE large INCLUDING ALL);
SELECT migrate_backfill('large', 'large_sql', sync => false, method => 'sql') AS job \gset
CALL migrate_wait(:job);
SELECT count(*) AS rows, count(*) FILTER (WHERE l = d) AS equal_direct, count(*) FILTER (WHERE l = s) AS equal_sql, max(length(d.extended)) AS longest
  FROM large l FULL JOIN large_v2 d USING (id) FULL JOIN large_sql s USING (id);

-- A thousand columns.
DO $do$
BEGIN
    EXECUTE (SELECT format('CREATE TABLE thousand (id int PRIMARY KEY, %s)', string_agg('c' || n || ' int', ', ')) FROM generate_series(2, 1000) n);
    EXECUTE (SELECT format('INSERT INTO thousand SELECT g, %s FROM generate_series(1, 200) g', string_agg(format('nullif(g + %s, 500)', n), ', ')) FROM generate_series(2, 1000) n);
END
$do$;
CREATE TABLE thousand_v2 (LIKE thousand INCLUDING ALL);
SELECT migrate_backfill('thousand', 'thousand_v2', sync => false) AS job \gset
CALL migrate_wait(:job);
SELECT count(*) AS rows, count(*) FILTER (WHERE t = d) AS equal FROM thousand t FULL JOIN thousand_v2 d USING (id);

RESET search_path;
DROP SCHEMA types CASCADE;
