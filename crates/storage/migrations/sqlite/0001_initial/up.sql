-- Portable types only: TEXT, INTEGER (64 bits), BLOB. Instants and durations are milliseconds. Every key and every
-- reference carries the tenant. What is written often has no more indexes than lookup and expiry need.

CREATE TABLE numbers (
    name TEXT NOT NULL PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO numbers (name, next) VALUES ('tenant', 1);

CREATE TABLE tenants (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    revision INTEGER NOT NULL,
    next_user_id INTEGER NOT NULL
) STRICT;

CREATE TABLE policies (
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    code TEXT NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (tenant_id, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE clients (
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    doc TEXT NOT NULL,
    secret_generated BLOB,
    secret_chosen TEXT,
    PRIMARY KEY (tenant_id, client_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    external_id TEXT,
    subject_id TEXT NOT NULL,
    doc TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    UNIQUE (tenant_id, user_name),
    UNIQUE (tenant_id, external_id),
    UNIQUE (tenant_id, subject_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE authenticators (
    tenant_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    policy TEXT NOT NULL,
    status TEXT NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_until INTEGER NOT NULL,
    locked_at INTEGER,
    uses INTEGER NOT NULL,
    consecutive_failed INTEGER NOT NULL,
    consecutive_success INTEGER NOT NULL,
    total_success INTEGER NOT NULL,
    total_failed INTEGER NOT NULL,
    last_successful INTEGER,
    last_unsuccessful INTEGER,
    password_hash TEXT NOT NULL,
    password_version INTEGER NOT NULL,
    password_uses INTEGER NOT NULL,
    password_history TEXT NOT NULL,
    PRIMARY KEY (tenant_id, user_id, policy),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, user_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, policy) REFERENCES policies (tenant_id, code) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    tenant_id INTEGER NOT NULL,
    locator BLOB NOT NULL,
    digest BLOB NOT NULL,
    client_id TEXT NOT NULL,
    user_id INTEGER,
    scopes TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    inactivity INTEGER,
    touched_at INTEGER NOT NULL,
    auth_time INTEGER NOT NULL,
    family BLOB,
    facts TEXT,
    PRIMARY KEY (tenant_id, locator),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, client_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, user_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_expires_at ON sessions (expires_at);
CREATE INDEX sessions_family ON sessions (tenant_id, family) WHERE family IS NOT NULL;

CREATE TABLE refresh_families (
    tenant_id INTEGER NOT NULL,
    locator BLOB NOT NULL,
    client_id TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    scopes TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    inactivity INTEGER,
    total INTEGER NOT NULL,
    facts TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    current BLOB NOT NULL,
    previous BLOB,
    rotated_at INTEGER,
    sealed_answer BLOB,
    ended TEXT,
    PRIMARY KEY (tenant_id, locator),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, client_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, user_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX refresh_families_expires_at ON refresh_families (expires_at);

CREATE TABLE refresh_tokens (
    tenant_id INTEGER NOT NULL,
    locator BLOB NOT NULL,
    digest BLOB NOT NULL,
    family BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, locator),
    FOREIGN KEY (tenant_id, family) REFERENCES refresh_families (tenant_id, locator) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_family ON refresh_tokens (tenant_id, family);

CREATE TABLE source_failures (
    tenant_id INTEGER NOT NULL,
    client_id TEXT NOT NULL,
    source TEXT NOT NULL,
    consecutive INTEGER NOT NULL,
    locked_until INTEGER,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, client_id, source),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, client_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX source_failures_expires_at ON source_failures (expires_at);

CREATE TABLE signing_keys (
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    kid TEXT NOT NULL,
    alg TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    sealed_private BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    active_from INTEGER NOT NULL,
    verify_from INTEGER,
    retired_at INTEGER,
    PRIMARY KEY (tenant_id, kid)
) STRICT;

-- No reference to tenants: what happened in a tenant outlives it.
CREATE TABLE audit_log (
    tenant_id INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    id BLOB NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    client_id TEXT,
    user_name TEXT,
    source TEXT,
    request_id TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (tenant_id, segment, id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;

CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
WHEN OLD.segment >= CAST(strftime('%Y%m', 'now') AS INTEGER)
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only: only past months can expire');
END;
