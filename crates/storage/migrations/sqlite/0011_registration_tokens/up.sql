-- Initial access tokens (RFC 7591 §1.2), by digest; each is good for max_uses registrations until it expires.
CREATE TABLE registration_tokens (
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BLOB NOT NULL,
    digest BLOB NOT NULL,
    max_uses INTEGER NOT NULL,
    uses INTEGER NOT NULL CHECK (uses BETWEEN 0 AND max_uses),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX registration_tokens_expires_at ON registration_tokens (expires_at);
