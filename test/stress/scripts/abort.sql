\set id random(1, 2 * :rows)
BEGIN;
UPDATE item SET n = n + 1, body = blob(100) WHERE id BETWEEN :id AND :id + 5;
DELETE FROM item WHERE id = :id;
INSERT INTO item (id, n) VALUES (:id, 4) ON CONFLICT (id) DO NOTHING;
ROLLBACK;
