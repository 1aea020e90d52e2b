-- A unique value of another column changes hands.
\set a random(1, :rows)
\set b random(1, :rows)
BEGIN;
SELECT count(*) = 2 AS both FROM (SELECT FROM item WHERE id IN (:a, :b) ORDER BY id FOR UPDATE) l \gset
\if :both
SELECT coalesce(quote_literal(code), 'NULL') AS code FROM item WHERE id = :a \gset
UPDATE item SET code = NULL WHERE id = :a;
UPDATE item SET code = :code WHERE id = :b AND :code IS NOT NULL;
SELECT note(ARRAY[:a, :b]);
\endif
COMMIT;
