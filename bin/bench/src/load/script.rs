//! What a connection says.

use std::sync::Arc;

use serde_json::Value;

use super::assertion::Asserter;
use super::connection::request;
use super::proof::Prover;
use crate::failure::{Failure, Result};

/// What one connection sends, again and again.
pub(crate) enum Script {
    /// The same bytes each time.
    Same(Vec<u8>),
    /// A chain of refresh tokens: each answer brings the token of the next request.
    Refresh {
        /// `POST /path`
        line: String,
        /// The header's value.
        authorization: String,
        /// The token to present, and with it the request.
        next: Vec<u8>,
    },
    /// A request with a new DPoP proof each time.
    Proof {
        /// Who makes the proofs.
        prover: Box<Prover>,
        /// The next request.
        next: Vec<u8>,
    },
    /// A request with a new client assertion each time.
    Assertion {
        /// Who makes them, for all connections.
        asserter: Arc<Asserter>,
        /// The next request.
        next: Vec<u8>,
    },
}

impl Script {
    /// A chain that begins with `token`.
    pub(crate) fn refresh(line: &str, authorization: &str, token: &str) -> Self {
        let next = refresh_request(line, authorization, token);
        Self::Refresh { line: line.to_owned(), authorization: authorization.to_owned(), next }
    }

    /// Requests with proofs of `prover`'s.
    ///
    /// # Errors
    /// When the first cannot be made.
    pub(crate) fn proof(prover: Prover) -> Result<Self> {
        Ok(Self::Proof { next: prover.request()?, prover: Box::new(prover) })
    }

    /// Requests with assertions of `asserter`'s.
    ///
    /// # Errors
    /// When the first cannot be made.
    pub(crate) fn assertion(asserter: &Arc<Asserter>) -> Result<Self> {
        Ok(Self::Assertion { next: asserter.request()?, asserter: Arc::clone(asserter) })
    }

    /// The next request.
    pub(crate) fn request(&self) -> &[u8] {
        match self {
            Self::Same(next)
            | Self::Refresh { next, .. }
            | Self::Proof { next, .. }
            | Self::Assertion { next, .. } => next,
        }
    }

    /// Learns from a good answer.
    ///
    /// # Errors
    /// When an answer in a chain brings no token.
    pub(crate) fn learn(&mut self, body: &[u8]) -> Result<()> {
        match self {
            Self::Same(_) => {}
            Self::Refresh { line, authorization, next } => {
                let answer: Value = serde_json::from_slice(body)?;
                let token = answer.get("refresh_token").and_then(Value::as_str);
                let token = token.ok_or_else(|| Failure::new("an answer without a refresh_token"))?;
                *next = refresh_request(line, authorization, token);
            }
            Self::Proof { prover, next } => *next = prover.request()?,
            Self::Assertion { asserter, next } => *next = asserter.request()?,
        }
        Ok(())
    }
}

fn refresh_request(line: &str, authorization: &str, token: &str) -> Vec<u8> {
    request(line, Some(authorization), Some(&format!("grant_type=refresh_token&refresh_token={token}")))
}
