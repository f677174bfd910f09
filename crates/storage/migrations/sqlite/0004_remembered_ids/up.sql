-- What may be used once, and what is denied, by digest, until it may be forgotten.
CREATE TABLE remembered_ids (
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    id BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, purpose, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX remembered_ids_expires_at ON remembered_ids (expires_at);
