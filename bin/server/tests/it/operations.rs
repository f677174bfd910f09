//! Listeners, health, metrics, logs, shutdown, restart.

use std::{
    io::{Read as _, Write as _},
    time::Duration,
};

use super::support::{Ask as _, Demo, acme_m2m, http, http_from, in_process::Server, raw::connect, wait_for};

const ACME: &str = include_str!("../../../../fixtures/demo/acme.toml");

#[test]
fn health_readiness_and_metrics_are_on_the_management_listener_only() {
    let demo = Demo::start();
    demo.acme_machine();
    for path in ["healthz", "readyz", "metrics"] {
        assert_eq!(http().get(format!("{}/{path}", demo.management)).said().status, 200);
        assert_eq!(http().get(format!("{}/{path}", demo.url)).said().status, 404);
    }
    let metrics = http().get(format!("{}/metrics", demo.management)).said().text;
    for wanted in [
        "countersign_requests_total{outcome=\"success\",route=\"token\"} 1",
        "countersign_request_seconds_bucket{route=\"token\"",
        "countersign_sql_statements_per_request_sum{kind=\"write\",route=\"token\"} 2",
        "countersign_storage{what=",
        "countersign_lane_wait_seconds_bucket",
        "countersign_cache_total",
        "countersign_commit_batch_size_bucket{le=\"1\"} 1\n",
        "countersign_commit_batch_size_bucket{le=\"256\"} 1\n",
        "countersign_commit_batch_size_sum 1\n",
    ] {
        assert!(metrics.contains(wanted), "{wanted} in {metrics}");
    }
}

#[test]
fn connections_that_do_not_go_on_do_not_keep_health_from_being_told() {
    let server = Server::start(&[ACME]);
    // A request that is answered, and then one that does not end.
    let held: Vec<_> = (0..256)
        .map(|_| {
            let mut stream = connect(&server.management);
            // Whoever is beyond its share is closed at once.
            drop(stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"));
            let (mut said, mut part) = (Vec::new(), [0; 1024]);
            while !said.ends_with(b"ok\n") {
                match stream.read(&mut part) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => said.extend_from_slice(&part[..count]),
                }
            }
            drop(stream.write_all(b"GET /healthz HTTP/1.1\r\nX-"));
            stream
        })
        .collect();
    let health = |client: &reqwest::blocking::Client| {
        let asked = client.get(format!("{}/healthz", server.management)).timeout(Duration::from_secs(5));
        asked.send().is_ok_and(|answer| answer.status() == 200)
    };
    assert!(health(&http_from("127.0.0.2")), "another source had to wait for them");
    // Where it is the same one, as behind one address, they have to go on or go.
    let answered = wait_for(Duration::from_secs(20), || health(&http()).then_some(()));
    assert!(answered.is_some(), "they hold the listener for ever");
    drop(held);
}

#[test]
fn the_second_client_credentials_request_reads_nothing_and_writes_two_rows() {
    let demo = Demo::start();
    let reads = || {
        let metrics = http().get(format!("{}/metrics", demo.management)).said().text;
        let name = "countersign_sql_statements_per_request_sum{kind=\"read\",route=\"token\"} ";
        metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned()
    };
    demo.acme_machine();
    let after_one = reads();
    demo.acme_machine();
    assert_eq!(reads(), after_one);
}

#[test]
fn told_tokens_survive_kill_9_and_sigterm_ends_cleanly() {
    let demo = Demo::start();
    let first = demo.bob("openid offline_access");
    let machine = demo.acme_machine();
    let data = demo.kill();
    let mut demo = Demo::start_in(data, &[]);
    for token in [&first["access_token"], &first["refresh_token"], &machine["access_token"]] {
        let form = [("token", token.as_str().unwrap())];
        let client = super::support::acme_legacy(http().post(demo.acme("introspect"))).form(&form).json_ok();
        let machine = acme_m2m(http().post(demo.acme("introspect"))).form(&form).json_ok();
        assert!(client["active"] == true || machine["active"] == true);
    }
    assert_eq!(demo.terminate(), Some(0));
}

#[test]
fn the_demo_prints_addresses_and_three_curl_lines_that_work() {
    let demo = Demo::start();
    let lines: Vec<&String> =
        demo.printed.iter().filter(|line| line.trim_start().starts_with("curl ")).collect();
    // Those with certificates and assertions have tests of their own.
    let own = |line: &&String| line.contains(" --cert ") || line.contains("client_assertion");
    let lines: Vec<_> = lines.into_iter().filter(|line| !own(line)).collect();
    assert_eq!(lines.len(), 3);
    for line in lines {
        let out = std::process::Command::new("sh")
            .args(["-c", &format!("{line} -sS -w '%{{http_code}}'")])
            .output()
            .unwrap();
        assert!(String::from_utf8_lossy(&out.stdout).ends_with("200"), "{line}: {out:?}");
    }
}

#[test]
fn a_tenant_is_looked_up_once_and_then_remembered() {
    let server = Server::start(&[ACME]);
    let looked_up = |outcome: &str| {
        server.metric(&format!("countersign_cache_total{{cache=\"tenants\",outcome=\"{outcome}\"}}"))
    };
    http().get(server.tenant("acme", "jwks")).said();
    let (hits, misses) = (looked_up("hit"), looked_up("miss"));
    assert!(misses >= 1.0);
    for _ in 0..3 {
        http().get(server.tenant("acme", "jwks")).said();
    }
    assert!((looked_up("hit") + looked_up("miss") - hits - misses - 3.0).abs() < 0.5);
    assert!(looked_up("hit") > hits);
}

#[test]
fn an_unknown_tenant_is_404_whatever_the_method() {
    let demo = Demo::start();
    for path in ["token", "introspect", "revoke", "userinfo", "jwks", ".well-known/openid-configuration"] {
        let said = http().delete(format!("{}/idp/nobody/authn/{path}", demo.url)).said();
        assert_eq!(said.error(), (404, "invalid_request".into()), "{path}");
        let said = http().delete(demo.acme(path)).said();
        assert_eq!(said.error(), (405, "invalid_request".into()), "{path}");
    }
}

#[test]
fn every_answer_of_a_refusal_has_error_and_description() {
    let demo = Demo::start();
    for said in [
        http().post(demo.acme("token")).said(),
        http().get(demo.acme("token")).said(),
        http().get(demo.acme("userinfo")).said(),
        http().get(format!("{}/idp/nobody/authn/jwks", demo.url)).said(),
        http().get(format!("{}/", demo.url)).said(),
    ] {
        assert!(said.status >= 400);
        let body = said.json();
        assert!(body["error"].is_string() && body["error_description"].is_string(), "{body}");
    }
}
