#![doc = include_str!("../README.md")]

pub mod answer;
pub mod discovery;
pub mod grant;
pub mod introspect;
pub mod issue;
pub mod params;
pub mod revoke;
pub mod token;
pub mod userinfo;

pub use params::Params;
