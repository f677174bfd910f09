use domain::ProfileName;
use proptest::prelude::*;

use super::*;

const HID: WireProfile = WireProfile::named(ProfileName::Hid);
const OPENID: WireProfile = WireProfile::named(ProfileName::Openid);
const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

fn sources<'a>(query: &'a str, content_type: Option<&'a str>, body: &'a str) -> Sources<'a> {
    Sources { query, content_type, body: body.as_bytes() }
}

#[test]
fn hid_merges_query_form_and_json_whatever_the_content_type() {
    for (query, content_type, body) in [
        ("grant_type=password", FORM, r#"{"username":"alice","n":7}"#),
        ("", Some("application/json"), "grant_type=password&username=alice&n=7\r\n"),
        ("grant_type=password&username=alice&n=7", None, ""),
    ] {
        let params = read(sources(query, content_type, body), &HID).unwrap();
        assert_eq!(params.value("grant_type"), Some("password"));
        assert_eq!(params.value("username"), Some("alice"));
        assert_eq!(params.value("n"), Some("7"));
    }
}

#[test]
fn one_name_in_two_places_is_one_too_many() {
    for (query, body) in
        [("a=1", "a=1"), ("a=1&a=2", ""), ("a=1", r#"{"a":"1"}"#), ("", r#"{"a":"1","a":"2"}"#)]
    {
        assert_eq!(read(sources(query, None, body), &HID).unwrap_err().reason, "parameter_twice");
    }
}

#[test]
fn hid_accepts_spaces_that_were_not_escaped() {
    let params = read(sources("", FORM, "scope=openid profile offline_access"), &HID).unwrap();
    assert_eq!(params.value("scope"), Some("openid profile offline_access"));
}

#[test]
fn openid_takes_a_form_and_nothing_else() {
    assert!(read(sources("", FORM, "a=b"), &OPENID).is_ok());
    assert!(
        read(sources("", Some("Application/X-WWW-form-urlencoded; charset=utf-8"), "a=b"), &OPENID).is_ok()
    );
    for (content_type, body) in
        [(None, "a=b"), (Some("application/json"), r#"{"a":"b"}"#), (Some("text/plain"), "a=b")]
    {
        assert_eq!(read(sources("", content_type, body), &OPENID).unwrap_err().reason, "media_type");
    }
}

#[test]
fn openid_refuses_credentials_in_the_query_and_ignores_the_rest_of_it() {
    for name in NOT_IN_QUERY {
        let query = format!("{name}=x");
        assert_eq!(read(sources(&query, FORM, "a=b"), &OPENID).unwrap_err().reason, "credential_in_query");
    }
    let params = read(sources("_tlsclientauth=1&grant_type=x", FORM, "a=b"), &OPENID).unwrap();
    assert_eq!(params.value("grant_type"), None);
}

#[test]
fn broken_encodings_are_refused() {
    for body in ["a=%", "a=%4", "a=%zz", "a=%ff", "%c3=1"] {
        assert_eq!(read(sources("", FORM, body), &OPENID).unwrap_err().reason, "broken_encoding");
    }
    for body in ["{", r#"{"a":[1]}"#, r#"{"a":{"b":1}}"#, r#"{"a":"b"}x"#] {
        assert_eq!(read(sources("", FORM, body), &HID).unwrap_err().reason, "broken_json");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(query in ".{0,80}", body in proptest::collection::vec(any::<u8>(), 0..200), json in any::<bool>()) {
        let mut body = body;
        if json { body.insert(0, b'{'); }
        for profile in [HID, OPENID] {
            drop(read(Sources { query: &query, content_type: FORM, body: &body }, &profile));
        }
    }

    #[test]
    fn what_a_browser_encodes_is_read_back(name in "[a-z]{1,8}", value in "\\PC{1,40}") {
        let body: String = url::form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
        let params = read(sources("", FORM, &body), &OPENID).unwrap();
        prop_assert_eq!(params.value(&name), Some(value.as_str()));
    }
}
