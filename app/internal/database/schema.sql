-- The whole schema, safe to run again. Changes must stay compatible with the servers that still run the version before.

-- One row a tenant: its lock puts the appends of a tenant in order, so that sequence numbers have no gaps and become
-- visible in order; a reader that asks for what comes after a number misses nothing.
CREATE TABLE IF NOT EXISTS haven_tenant (
    tenant text PRIMARY KEY,
    last   bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS haven_ledger (
    tenant     text NOT NULL,
    sequence   bigint NOT NULL,
    id         uuid NOT NULL DEFAULT gen_random_uuid(),
    key        text NOT NULL,  -- the client's idempotency key, or one made for the request
    digest     bytea NOT NULL, -- SHA-256 of the body, to tell a repeated request from another one with the same key
    body       json NOT NULL,
    written_by text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, sequence),
    UNIQUE (tenant, key)
);

CREATE OR REPLACE FUNCTION haven_ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END $$;

CREATE OR REPLACE TRIGGER haven_ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON haven_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION haven_ledger_is_append_only();

-- One row a server: written by its readiness check, which so proves that commits get through.
CREATE TABLE IF NOT EXISTS haven_heartbeat (
    instance text PRIMARY KEY,
    at       timestamptz NOT NULL
);
DELETE FROM haven_heartbeat WHERE at < now() - interval '1 day';
