-- pk = pk + big, and back, in one transaction or in two: keys above 10000000 belong to one client each.
\set a random(1, :rows)
\set width random(1, 20)
\set big (:client_id + 1) * 10000000
\set home random(0, 1)
BEGIN;
SELECT coalesce(array_agg(id), '{}') AS back FROM item WHERE id BETWEEN :big AND :big + 2 * :rows + 100 \gset
WITH w AS (DELETE FROM item WHERE id = ANY (':back') RETURNING id) SELECT count(*) AS gone FROM w \gset
SELECT note(':back');
WITH w AS (UPDATE item SET id = id + :big WHERE id BETWEEN :a AND :a + :width RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS moved, coalesce(array_agg(id - :big), '{}') AS ids FROM w \gset
\if :home
UPDATE item SET id = id - :big WHERE id = ANY (':moved');
\endif
SELECT note(':moved'), note(':ids');
COMMIT;
