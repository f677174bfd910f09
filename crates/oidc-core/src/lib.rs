#![doc = include_str!("../README.md")]

pub mod answer;
pub mod discovery;
pub mod dpop;
pub mod grant;
pub mod introspect;
pub mod issue;
pub mod jwt_access;
pub mod params;
pub mod resource;
pub mod revoke;
pub mod sender;
pub mod token;
pub mod userinfo;

pub use params::Params;
