//! What a refresh comes to when the tenant's resources (RFC 8707) have changed since the log-in.

use countersign_server::tenant_file::{self, ApplyOptions};

use super::{BOB, MACHINE, TENANT, access};
use crate::support::{Ask as _, Said, http, in_process::Server, wait_for};

const ONE: &str = "urn:example:one";
const TWO: &str = "urn:example:two";

fn tenant(resources: &str) -> String {
    let listed = "resources = { \"https://api.example/v1\" = \"jwt\", \"urn:example:old\" = \"opaque\" }";
    assert!(TENANT.contains(listed));
    TENANT.replace(listed, &format!("resources = {{ {resources} }}"))
}

fn ask(server: &Server, form: &[(&str, &str)], resources: &[&str]) -> Said {
    let named = resources.iter().map(|resource| ("resource", *resource));
    let form: Vec<_> = form.iter().copied().chain(named).collect();
    let request = http().post(server.tenant("acme", "token"));
    request.basic_auth("web", Some("6f1d0c9be2a74e58-web")).form(&form).said()
}

/// Changes the resources; a machine's token for both is refused from then on.
fn change(server: &Server, resources: &str) {
    let options = ApplyOptions { dry_run: false, prune: false };
    tenant_file::apply(&server.setup, &tenant(resources), options).unwrap();
    let obeyed = || (ask(server, MACHINE, &[ONE, TWO]).status == 400).then_some(());
    assert!(wait_for(std::time::Duration::from_secs(10), obeyed).is_some());
}

#[test]
fn a_resource_that_is_gone_gets_no_more_tokens_and_two_forms_are_not_one_token() {
    let both = tenant("\"urn:example:one\" = \"opaque\", \"urn:example:two\" = \"opaque\"");
    let invalid = (400, "invalid_target".to_owned());
    for (left, of_two) in [
        ("\"urn:example:one\" = \"opaque\"", None),
        ("\"urn:example:one\" = \"opaque\", \"urn:example:two\" = \"jwt\"", Some("ey")),
    ] {
        let server = Server::start(&[&both]);
        let said = ask(&server, BOB, &[ONE, TWO]);
        assert_eq!(said.status, 200, "{}", said.text);
        let answer = said.json();
        let token = answer["refresh_token"].as_str().unwrap();
        change(&server, left);
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        assert_eq!(ask(&server, &form, &[]).error(), invalid, "{left}");
        assert_eq!(ask(&server, &form, &[ONE, TWO]).error(), invalid, "{left}");
        let said = ask(&server, &form, &[TWO]);
        let token = match of_two {
            None => {
                assert_eq!(said.error(), invalid, "{}", said.text);
                token.to_owned()
            }
            Some(form) => {
                assert_eq!(said.status, 200, "{}", said.text);
                assert!(access(&said.json()).starts_with(form), "as it is given today");
                said.json()["refresh_token"].as_str().unwrap().to_owned()
            }
        };
        // What is left of the grant is for the client to ask for.
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        let said = ask(&server, &form, &[ONE]);
        assert_eq!(said.status, 200, "{}", said.text);
        assert!(access(&said.json()).starts_with("cat_"));
    }
}
