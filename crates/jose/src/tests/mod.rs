//! Keys, signatures and their verification together.

mod chains;
mod hostile;
mod keys;
mod named;
mod vectors;

use domain::port::Signer;
use domain::{Claims, SigningAlg, SigningKeyRecord, TenantId, Timestamp, Ttl};
use serde_json::{Value, json};
use testkit::{SeededEntropy, tenant_id};

use crate::{JoseVerifier, MasterKey, NewKey, OpenSslSigner, generate_key};

const TENANT: TenantId = tenant_id(7);
const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

fn master() -> MasterKey {
    MasterKey::generate(&SeededEntropy::new(1)).unwrap().0
}

fn record(alg: SigningAlg, kid: &str) -> SigningKeyRecord {
    let new = NewKey {
        alg,
        kid,
        tenant: TENANT,
        subject_cn: "ONLINEBANK",
        now: NOW,
        active_from: NOW.plus(Ttl::from_secs(3600)),
    };
    generate_key(&new, &master()).unwrap()
}

fn signer(record: &SigningKeyRecord) -> OpenSslSigner {
    OpenSslSigner::open(record, TENANT, &master()).unwrap()
}

fn jwks(keys: &[&str]) -> String {
    let keys: Vec<Value> = keys.iter().map(|key| serde_json::from_str(key).unwrap()).collect();
    json!({ "keys": keys }).to_string()
}

fn verifier_of(record: &SigningKeyRecord) -> JoseVerifier {
    JoseVerifier::from_jwks(&jwks(&[record.public_jwk.as_str()])).unwrap()
}

fn claims(value: Value) -> Claims {
    serde_json::from_value(value).unwrap()
}

fn signed(record: &SigningKeyRecord) -> String {
    signer(record).sign("JWT", &claims(json!({ "sub": "bob", "iat": 1 }))).unwrap()
}
