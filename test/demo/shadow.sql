SELECT migrate_shadow('usage_events', 'usage_events_v2',
    alterations => ARRAY['ALTER COLUMN id TYPE bigint',
                         'ALTER COLUMN price TYPE bigint USING (price * 100)::bigint',
                         'RENAME COLUMN price TO price_cents',
                         $$ADD COLUMN source text NOT NULL DEFAULT 'v1'$$]);
