\set id random(1, 2 * :rows)
\set size random(1, 300)
\set null random(0, 9)
BEGIN;
WITH w AS (UPDATE item SET body = CASE WHEN :null = 0 THEN NULL WHEN :null < 4 THEN 'short' ELSE blob(:size) END
    WHERE id = :id RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS ids FROM w \gset
SELECT note(':ids');
COMMIT;
