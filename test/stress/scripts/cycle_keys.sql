-- Three rows change keys in one statement; the sort makes all deletions come first.
\set a random(1, :rows)
BEGIN;
SELECT count(*) = 3 AS all_there FROM (SELECT FROM item WHERE id IN (:a, :a + 1, :a + 2) ORDER BY id FOR UPDATE) l \gset
\if :all_there
WITH d AS (DELETE FROM item WHERE id BETWEEN :a AND :a + 2 RETURNING *)
INSERT INTO item (id, n, amount, hits, body) SELECT :a + (id - :a + 1) % 3, 4, amount, hits, body FROM d ORDER BY id;
SELECT note(ARRAY[:a, :a + 1, :a + 2]);
\endif
COMMIT;
