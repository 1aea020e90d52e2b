\set a random(1, 2 * :rows)
\set b random(1, 2 * :rows)
BEGIN;
SELECT move_key(:a, :b) AS ids \gset
SELECT note(':ids');
COMMIT;
