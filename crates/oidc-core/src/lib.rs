//! oidc-core
