-- Initial access tokens (RFC 7591 §1.2), by digest; each is good for max_uses registrations until it expires.
CREATE TABLE registration_tokens (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    max_uses BIGINT NOT NULL,
    uses BIGINT NOT NULL CHECK (uses BETWEEN 0 AND max_uses),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX registration_tokens_expires_at ON registration_tokens (expires_at);
