-- The mutation sweep's list, of which sql/sketch_sweep.sql and test/t/059_mutation_sweep.pl make wide tables: every
-- type that a column can have, and two values of it. It has no psql command in it, and is run with search_path set.
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN short AS varchar(5);
CREATE TYPE pair AS (n integer, t text);
CREATE TYPE span AS RANGE (subtype = text);
CREATE DOMAIN moods AS mood[];

-- Two values of every type that has an input, as near to each other as the type allows.
CREATE TABLE sample (type regtype PRIMARY KEY, a text NOT NULL, b text NOT NULL);
INSERT INTO sample VALUES
    ('bool', 't', 'f'), ('"char"', 'a', 'b'), ('int2', '1', '2'), ('int4', '1', '16777217'), ('int8', '1', '4294967297'),
    ('oid', '1', '2147483649'), ('xid', '1', '2'), ('cid', '1', '2'), ('xid8', '1', '4294967297'), ('tid', '(0,1)', '(1,1)'),
    ('float4', '0', '-0'), ('float8', '1', '1.0000000000000002'), ('numeric', '1.0', '1.00'), ('money', '1', '1.01'),
    ('text', 'a', 'a '), ('varchar', 'a', 'A'), ('bpchar', 'a', 'b'), ('name', 'a', 'A'), ('bytea', '\x00', '\x0000'),
    ('refcursor', 'a', 'b'), ('json', '1', '1 '), ('jsonb', '1.0', '1.00'), ('jsonpath', '$.a', '$.b'), ('xml', '<a/>', '<a></a>'),
    ('uuid', '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000001'),
    ('date', '2026-01-01', '2026-01-02'), ('time', '12:00', '12:00:00.000001'), ('timetz', '12:00+00', '13:00+01'),
    ('timestamp', '2026-01-01', '2026-01-01 00:00:00.000001'), ('timestamptz', '2026-01-01', '2026-01-01 00:00:00.000001'),
    ('interval', '1 day', '24:00:00'), ('bit', '1', '0'), ('varbit', '1', '10'), ('inet', '10.0.0.1/8', '10.0.0.1'),
    ('cidr', '10.0.0.0/8', '10.0.0.0/16'), ('macaddr', '08:00:2b:01:02:03', '08:00:2b:01:02:04'),
    ('macaddr8', '08:00:2b:01:02:03:04:05', '08:00:2b:01:02:03:04:06'), ('pg_lsn', '0/1', '1/1'),
    ('point', '(0,0)', '(0,-0)'), ('lseg', '[(0,0),(1,1)]', '[(1,1),(0,0)]'), ('line', '{1,-1,0}', '{1,-1,1}'), ('box', '(1,4),(0,0)', '(2,2),(0,0)'),
    ('path', '[(0,0),(1,1)]', '((0,0),(1,1))'), ('polygon', '((0,0),(1,1),(2,0))', '((0,0),(2,0),(1,1))'), ('circle', '<(0,0),1>', '<(1,0),1>'),
    ('tsvector', 'a:1', 'a:2'), ('tsquery', 'a & b', 'a | b'), ('pg_snapshot', '10:20:10', '10:20:11'), ('txid_snapshot', '10:20:10', '10:20:11'),
    ('int2vector', '1 2', '2 1'), ('oidvector', '1 2', '1'), ('aclitem', 'pg_monitor=r/pg_monitor', 'pg_monitor=w/pg_monitor'),
    ('regproc', 'boolin', 'boolout'), ('regprocedure', 'lower(text)', 'upper(text)'), ('regoper', '||/', '|/'),
    ('regoperator', '+(integer,integer)', '-(integer,integer)'), ('regclass', 'pg_class', 'pg_type'), ('regtype', 'integer', 'integer[]'),
    ('regrole', 'pg_monitor', 'pg_signal_backend'), ('regnamespace', 'pg_catalog', 'pg_toast'), ('regcollation', '"C"', '"POSIX"'),
    ('regconfig', 'english', 'simple'), ('regdictionary', 'simple', 'english_stem'),
    ('int4range', '[1,2)', '[1,3)'), ('int8range', '[1,2)', '(,2)'), ('numrange', '[1.0,2)', '[1.00,2)'), ('daterange', 'empty', '(,)'),
    ('tsrange', '[2026-01-01,2026-01-02)', '[2026-01-01,2026-01-02]'), ('tstzrange', '[2026-01-01,2026-01-02)', '(2026-01-01,2026-01-02)'),
    ('int4multirange', '{[1,2),[4,5)}', '{[1,2),[4,6)}'), ('int8multirange', '{}', '{(,)}'), ('nummultirange', '{[1.0,2)}', '{[1.00,2)}'),
    ('datemultirange', '{[2026-01-01,2026-01-02)}', '{[2026-01-01,2026-01-03)}'), ('tsmultirange', '{[2026-01-01,2026-01-02)}', '{[2026-01-01,2026-01-02]}'),
    ('tstzmultirange', '{[2026-01-01,2026-01-02)}', '{[2026-01-01,)}'),
    ('mood', 'sad', 'happy'), ('short', 'a', 'b'), ('pair', '(1,a)', '(1,"a ")'), ('span', '[a,b)', '[a,c)'), ('span_multirange', '{[a,b)}', '{[a,c)}'),
    ('moods', '{sad,happy}', '{sad,NULL}');

-- A column for each type and one for arrays of it: a value, and one that is as near to it as can be.
CREATE TABLE columns (n serial, name text, type text, a text, b text);
INSERT INTO columns (name, type, a, b)
SELECT 'v' || type::oid, type::text, a, b FROM sample
UNION ALL
SELECT 'a' || type::oid, type::text || '[]', format('{%s}', array_to_string(ARRAY[to_json(a)::text, 'NULL', to_json(b)::text], d)),
       format('{%s}', array_to_string(ARRAY[to_json(a)::text, 'NULL', to_json(a)::text], d))
  FROM (SELECT s.*, e.typdelim AS d FROM sample s JOIN pg_type e ON e.oid = s.type JOIN pg_type l ON l.oid = e.typarray) s
 ORDER BY 1;
