//! client-auth
