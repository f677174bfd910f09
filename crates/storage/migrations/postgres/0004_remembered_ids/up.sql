-- What may be used once, and what is denied, by digest, until it may be forgotten.
CREATE TABLE remembered_ids (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    purpose TEXT COLLATE "C" NOT NULL,
    id BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, purpose, id)
);
CREATE INDEX remembered_ids_expires_at ON remembered_ids (expires_at);
