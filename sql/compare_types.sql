-- Comparing columns of two collations, of two types, and values that no jsonb can hold.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pg_cutover CASCADE;
CREATE EXTENSION pg_cutover;
CREATE SCHEMA compare_types;
SET search_path = compare_types, public;
CREATE VIEW verdict AS
SELECT source, target, verdict, rows_source AS rows_s, rows_target AS rows_t, missing, extra, changed,
       representation_only AS rep, method
  FROM migrate.comparison ORDER BY job DESC LIMIT 1;
CREATE VIEW differences AS
SELECT key, kind, columns, source_row, target_row, times FROM migrate.difference
 WHERE job = (SELECT max(job) FROM migrate.comparison)
 ORDER BY kind, key, source_row::text, target_row::text;

-- Columns of two collations, in the key and beside it; name has one of its own.
CREATE TABLE collated_a (k text COLLATE "C", l text, n name, v text COLLATE "POSIX", w text, PRIMARY KEY (k, l));
CREATE TABLE collated_b (k text COLLATE "C", l text, n name, v text, w text COLLATE "C", PRIMARY KEY (k, l));
INSERT INTO collated_a SELECT 'k' || g, 'l' || g, 'n' || g, 'v' || g, 'w' || g FROM generate_series(1, 100) g;
INSERT INTO collated_b TABLE collated_a;
SELECT migrate_compare('collated_a', 'collated_b', 'snapshot') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
UPDATE collated_b SET v = 'V5' WHERE k = 'k5';
UPDATE collated_b SET n = 'N6', w = 'W6' WHERE k = 'k6';
DELETE FROM collated_b WHERE k = 'k7';
SELECT migrate_compare('collated_a', 'collated_b', 'snapshot') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
TABLE differences;
SELECT migrate_compare('collated_a', 'collated_b', 'rolling') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
-- Linked.
CREATE TABLE collated_c (k text COLLATE "C", l text, v text COLLATE "POSIX", w text, PRIMARY KEY (k, l));
SELECT migrate_backfill('collated_a', 'collated_c', columns => '{"k": "k", "l": "l", "v": "w || v", "w": "n"}', sync => false) AS job \gset
CALL migrate_wait(:job);
SELECT migrate_compare('collated_a', 'collated_c') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
UPDATE collated_a SET v = 'late', w = '' WHERE k = 'k10';
SELECT migrate_compare('collated_a', 'collated_c') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
TABLE differences;

-- Values that are no jsonb, or too long for one: they are counted, named and, in their own way, shown.
CREATE TYPE with_json AS (n int, j json);
CREATE TABLE unlike_a (id int PRIMARY KEY, j json, js json[], r with_json);
CREATE TABLE unlike_b (LIKE unlike_a INCLUDING ALL);
INSERT INTO unlike_a VALUES (1, '{"a": "\u0000"}'), (2, '{"x": 1e1000000}'), (3, '{"x": "\ud83d"}'), (4, '{"same": "\u0000"}');
INSERT INTO unlike_a (id, js, r) VALUES (5, ARRAY['"\u0000"']::json[], NULL), (6, NULL, ROW(1, '"\ud83d"'));
INSERT INTO unlike_b SELECT id, CASE id WHEN 4 THEN j ELSE '0' END FROM unlike_a;
SELECT migrate_compare('unlike_a', 'unlike_b') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
TABLE differences;
-- Without a key.
CREATE TABLE unlike_c AS SELECT j FROM unlike_a;
CREATE TABLE unlike_d AS SELECT j FROM unlike_b;
SELECT migrate_compare('unlike_c', 'unlike_d') AS job \gset
CALL migrate_wait(:job);
TABLE differences;
CREATE TABLE long_a (id int PRIMARY KEY, b bytea, f float8[]);
CREATE TABLE long_b (LIKE long_a INCLUDING ALL);
INSERT INTO long_a SELECT 1, convert_to(repeat('x', 140000000), 'SQL_ASCII');
INSERT INTO long_a VALUES (2, 'short', '{1}');
INSERT INTO long_b SELECT id, 'short', '{1}' FROM long_a;
UPDATE long_b SET f = array_fill(0::float8, ARRAY[1000000]) WHERE id = 2;
SELECT migrate_compare('long_a', 'long_b') AS job \gset
CALL migrate_wait(:job);
TABLE differences;

-- Rows that differ are not shown alike.
CREATE TABLE alike_a (id int PRIMARY KEY, f float8, fs float4[], ns int[], j json);
CREATE TABLE alike_b (LIKE alike_a INCLUDING ALL);
INSERT INTO alike_a VALUES (1, 0, '{0, 1}', '{1, 2}', '{"a": 1, "a": 2}'), (2, 5, '{0}', '{1}', '1'), (3, 1, NULL, NULL, NULL);
INSERT INTO alike_b VALUES (1, '-0', '{-0, 1}', '[0:1]={1, 2}', '{"a": 2}'), (2, 6, '{1}', NULL, '1 '), (3, '-0', NULL, NULL, NULL);
SELECT migrate_compare('alike_a', 'alike_b') AS job \gset
CALL migrate_wait(:job);
TABLE differences;

-- A tsquery is what it is printed as, however it was made.
CREATE TABLE query_a (id int PRIMARY KEY, q tsquery);
INSERT INTO query_a VALUES (1, 'a'::tsquery && 'b'), (2, !!'x'::tsquery), (3, 'a'::tsquery || ('b'::tsquery <-> 'c'));
CREATE TABLE query_b (id int PRIMARY KEY, q tsquery);
INSERT INTO query_b SELECT id, q::text::tsquery FROM query_a;
SELECT migrate_compare('query_a', 'query_b') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT (SELECT checksum FROM migrate_checksum('query_a')) = (SELECT checksum FROM migrate_checksum('query_b')) AS same;
UPDATE query_b SET q = 'b & a' WHERE id = 1;
SELECT migrate_compare('query_a', 'query_b') AS job \gset
CALL migrate_wait(:job);
TABLE differences;

-- Tables without columns have rows all the same.
CREATE TABLE none_a ();
CREATE TABLE none_b ();
INSERT INTO none_a DEFAULT VALUES;
INSERT INTO none_a DEFAULT VALUES;
INSERT INTO none_b DEFAULT VALUES;
SELECT migrate_compare('none_a', 'none_b') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
TABLE differences;
INSERT INTO none_b DEFAULT VALUES;
SELECT migrate_compare('none_a', 'none_b') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;

-- Copies in two schemas, each with types of its own.
CREATE SCHEMA compare_one;
CREATE SCHEMA compare_two;
CREATE TYPE compare_one.state AS ENUM ('new', 'old', 'gone');
CREATE TYPE compare_two.state AS ENUM ('old', 'new');
CREATE TYPE compare_one.pair AS (x int, s compare_one.state);
CREATE TYPE compare_two.pair AS (s compare_two.state, x bigint);
CREATE TABLE compare_one.t (k compare_one.state PRIMARY KEY, ks compare_one.state[], p compare_one.pair, n numeric);
CREATE TABLE compare_two.t (k compare_two.state PRIMARY KEY, ks compare_two.state[], p compare_two.pair, n numeric);
INSERT INTO compare_one.t VALUES ('new', '{new,old}', '(1,new)', 1.0), ('old', '{}', '(2,old)', 2), ('gone', NULL, NULL, NULL);
INSERT INTO compare_two.t VALUES ('new', '{new,old}', '(new,1)', 1.0), ('old', '{}', '(old,2)', 2);
SELECT migrate_compare('compare_one.t', 'compare_two.t') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
TABLE differences;
UPDATE compare_two.t SET n = 1.00 WHERE k = 'new';
UPDATE compare_two.t SET p = '(new,2)' WHERE k = 'old';
DELETE FROM compare_one.t WHERE k = 'gone';
SELECT migrate_compare('compare_one.t', 'compare_two.t') AS job \gset
CALL migrate_wait(:job);
TABLE differences;
-- There is no equality of keys between such types.
CREATE TABLE compare_one.by_pair (p compare_one.pair PRIMARY KEY);
CREATE TABLE compare_two.by_pair (p compare_two.pair PRIMARY KEY);
\set VERBOSITY default
SELECT migrate_compare('compare_one.by_pair', 'compare_two.by_pair');

-- Two types: equal is what is the same value, and nothing that a cast makes so.
CREATE DOMAIN three AS varchar(3);
CREATE TABLE kinds_a (id bigint PRIMARY KEY, i int, n numeric, m numeric, f float4, g float8, d date, t timestamp, h time,
    v text, w text[], c text, o oid, j json, u uuid, b bit(3), inet cidr, mac macaddr);
CREATE TABLE kinds_b (id int PRIMARY KEY, i numeric(10, 2), n int, m numeric(10, 1), f float8, g numeric, d timestamptz, t timestamptz,
    h timetz, v three, w varchar(3)[], c "char", o int, j jsonb, u text, b varbit, inet inet, mac macaddr8);
INSERT INTO kinds_a SELECT g, g, g, g + 0.50, g + 0.25, g + 0.1, date '2026-01-01' + g, timestamp '2026-01-01 02:30' + g * interval '1 h', time '10:00',
    'ab ', '{abc}', 'c', g, '{"a":  1}', '00000000-0000-0000-0000-00000000000a', '101', '10.0.0.0/8', '08:00:2b:01:02:03' FROM generate_series(1, 20) g;
SET TimeZone = 'UTC';
INSERT INTO kinds_b SELECT * FROM kinds_a;
SELECT migrate_compare('kinds_a', 'kinds_b') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
TABLE differences;
UPDATE kinds_a SET i = 6 WHERE id = 1;
UPDATE kinds_a SET n = 2.3 WHERE id = 2;
UPDATE kinds_a SET m = 3.52 WHERE id = 3;
UPDATE kinds_a SET f = 4.2500005 WHERE id = 4;
UPDATE kinds_a SET g = 5.1000000000000005 WHERE id = 5;
UPDATE kinds_a SET t = t + interval '1 us' WHERE id = 6;
UPDATE kinds_b SET h = '11:00+01' WHERE id = 7;
UPDATE kinds_a SET v = 'ab c' WHERE id = 8;
UPDATE kinds_a SET w = '{abcd}' WHERE id = 9;
UPDATE kinds_a SET c = 'cd' WHERE id = 10;
UPDATE kinds_b SET o = -1 WHERE id = 11;
UPDATE kinds_a SET j = '{"a": 1.0}' WHERE id = 12;
UPDATE kinds_b SET u = upper(u) WHERE id = 13;
UPDATE kinds_b SET b = '1010' WHERE id = 14;
UPDATE kinds_b SET inet = '10.0.0.1/8' WHERE id = 15;
UPDATE kinds_b SET mac = '08:00:2b:01:02:03:04:05' WHERE id = 16;
UPDATE kinds_b SET i = NULL WHERE id = 17;
INSERT INTO kinds_a (id) VALUES (9000000000);
SELECT migrate_compare('kinds_a', 'kinds_b') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT key, kind, columns FROM differences ORDER BY kind, (key ->> 'id')::bigint;
-- By ranges of keys that the target's type does not hold, too.
SELECT migrate_compare('kinds_a', 'kinds_b', 'rolling') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
-- From the wider types to the narrower ones, too. A text has no assignment cast to a uuid.
SELECT migrate_compare('kinds_b', 'kinds_a', 'rolling');
ALTER TABLE kinds_a DROP COLUMN u;
ALTER TABLE kinds_b DROP COLUMN u;
SELECT migrate_compare('kinds_b', 'kinds_a', 'rolling') AS job \gset
CALL migrate_wait(:job);
TABLE verdict;
SELECT key, kind, columns FROM differences ORDER BY kind, (key ->> 'id')::bigint;
-- What is refused is refused before there is a job.
CREATE TABLE lost_a (id int PRIMARY KEY, b int, c text, m int, t text);
CREATE TABLE lost_b (id int PRIMARY KEY, b bool, c uuid, m money, t text);
SELECT count(*) AS jobs FROM migrate.job \gset
SELECT migrate_compare('lost_a', 'lost_b');
SELECT count(*) - :jobs AS made FROM migrate.job;

-- What a comparison fails with is not buried under its statement.
CREATE TABLE fails_a (id int PRIMARY KEY, v text);
CREATE TABLE fails_b (id int PRIMARY KEY, v int, w text, x text);
SELECT migrate_backfill('fails_a', 'fails_b', columns => jsonb_build_object('id', 'id', 'v', 'v::int', 'w', quote_literal(repeat('w', 300)),
    'x', quote_literal(repeat('ü', 300))), sync => false) AS job \gset
CALL migrate_wait(:job);
INSERT INTO fails_a VALUES (1, 'one');
\set VERBOSITY terse
SELECT migrate_compare('fails_a', 'fails_b') AS job \gset
CALL migrate_wait(:job);
SELECT error_message, max(octet_length(line)) <= 203 AS short, bool_or(line LIKE '%...') AS cut
  FROM migrate.job, regexp_split_to_table(error_context, E'\n') AS line WHERE id = :job GROUP BY error_message;

-- Columns that are called as the statements call their rows.
CREATE TABLE names_a (id int PRIMARY KEY, d text, s text, t text, x int, source int, target int, j json, h int, o int, c0 int, a int, k int, u int);
CREATE TABLE names_b (LIKE names_a INCLUDING ALL);
INSERT INTO names_a (id, d, s, source, c0) SELECT g, 'd', 's', g, g FROM generate_series(1, 3) g;
SELECT migrate_backfill('names_a', 'names_b', sync => false) AS job \gset
CALL migrate_wait(:job);
UPDATE names_a SET d = 'D', target = 1 WHERE id = 2;
SELECT migrate_compare('names_a', 'names_b') AS job \gset
CALL migrate_wait(:job);
TABLE differences;
SELECT migrate_repair(:job, dry_run => false) AS repair \gset
CALL migrate_wait(:repair);
SELECT key, action, before -> 'd' AS d_before, after -> 'd' AS d_after, after -> 'target' AS target_after, error FROM migrate.repair WHERE job = :repair;

DROP EXTENSION pg_cutover CASCADE;
DROP SCHEMA compare_types, compare_one, compare_two CASCADE;
