//! The audit log.

use domain::port::Apply;
use domain::{Applied, AuditEvent, Timestamp, Write, WriteBatch};
use storage::{AuditFilter, AuditRow, TenantStore};
use testkit::source;

use crate::records::{NOW, event, later, locator};
use crate::support::{Fixture, both};

both!(
    a_row_reads_back_with_its_texts_cut,
    reads_in_pages_oldest_first,
    reads_the_newest,
    reads_from_and_until,
    refuses_every_change,
    only_past_months_expire_and_in_batches,
    an_administrators_event_is_written_with_the_change_or_not_at_all,
);

fn append(store: &TenantStore, events: impl IntoIterator<Item = AuditEvent>) {
    let writes = events.into_iter().map(|event| Write::Audit(Box::new(event))).collect();
    assert_eq!(store.clone().apply(&WriteBatch { writes }).expect("an answer"), Applied::Committed);
}

fn read(store: &TenantStore, filter: &AuditFilter) -> Vec<AuditRow> {
    store.audit(filter).expect("an answer")
}

fn ids(rows: &[AuditRow]) -> Vec<domain::Locator> {
    rows.iter().map(|row| row.id).collect()
}

fn a_row_reads_back_with_its_texts_cut(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    let mut told = event(1, NOW).client(&"ä".repeat(200)).user("bob\0").detail("x".repeat(1000));
    told.source = Some(source("192.0.2.1"));
    told.reason = "reason";
    append(&store, [told]);
    let row = AuditRow {
        segment: 202_601,
        id: locator(1),
        at: NOW,
        kind: "token".to_owned(),
        outcome: "success".to_owned(),
        reason: "reason".to_owned(),
        client_id: Some("ä".repeat(127)),
        user_name: Some("bob\u{FFFD}".to_owned()),
        source: Some("192.0.2.1".to_owned()),
        request_id: "request".to_owned(),
        detail: "x".repeat(255),
    };
    assert_eq!(read(&store, &AuditFilter::default()), [row]);
}

/// One hundred days apart, so that they lie in several segments.
fn spread(store: &TenantStore) {
    append(store, (1..=7).map(|n| event(n, later(i64::from(n) * 8_640_000))));
}

fn reads_in_pages_oldest_first(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    spread(&store);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = read(&store, &AuditFilter { after, newest: false, limit: 3, ..AuditFilter::default() });
        let Some(last) = page.last() else { break };
        after = Some((last.segment, last.id));
        seen.extend(ids(&page));
    }
    assert_eq!(seen, (1..=7).map(locator).collect::<Vec<_>>());
}

fn reads_the_newest(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    spread(&store);
    let rows = read(&store, &AuditFilter { limit: 2, ..AuditFilter::default() });
    assert_eq!(ids(&rows), [locator(6), locator(7)]);
}

fn reads_from_and_until(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    spread(&store);
    let since = Some(later(2 * 8_640_000));
    let until = Some(later(4 * 8_640_000));
    let rows = read(&store, &AuditFilter { since, until, ..AuditFilter::default() });
    assert_eq!(ids(&rows), [locator(2), locator(3)]);
}

/// A month that is not past for a long time.
const FUTURE: Timestamp = Timestamp::from_secs(32_503_680_000);

fn refuses_every_change(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    append(&store, [event(1, FUTURE), event(2, Timestamp::from_secs(0))]);
    let mut raw = fixture.raw();
    let mut tries = vec![
        "UPDATE audit_log SET detail = 'x'",
        "UPDATE audit_log SET segment = 197001 WHERE segment > 197001",
        "DELETE FROM audit_log",
        "DELETE FROM audit_log WHERE segment > 300000",
    ];
    if fixture.is_server {
        tries.push("TRUNCATE audit_log");
    }
    for sql in tries {
        let refused = raw.run(sql).expect_err("a refusal");
        assert!(refused.contains("audit_log is append-only"), "{sql}: {refused}");
    }
    assert_eq!(read(&store, &AuditFilter::default()).len(), 2);
    let fault = fixture
        .database
        .system()
        .expire_audit(999_912, 10, i64::MIN)
        .expect_err("the future does not expire");
    assert!(fault.to_string().contains("append-only"), "{fault}");
    assert_eq!(read(&store, &AuditFilter::default()).len(), 2);
}

fn only_past_months_expire_and_in_batches(fixture: &Fixture) {
    let stores = ["one", "two"].map(|name| fixture.tenant(name).1);
    for store in &stores {
        append(store, (1..=5).map(|n| event(n, Timestamp::from_secs(0))));
        append(store, [event(6, NOW.minus(domain::Ttl::from_secs(1))), event(7, NOW)]);
    }
    let system = fixture.database.system();
    let nothing = system.expire_audit(197_001, 100, i64::MIN).expect("an answer");
    assert_eq!((nothing.removed, nothing.next), (0, None));
    let mut after = Some(i64::MIN);
    let mut removed = Vec::new();
    while let Some(behind) = after {
        let swept = system.expire_audit(202_601, 5, behind).expect("an answer");
        removed.push(swept.removed);
        after = swept.next;
    }
    // Six of each tenant, and a look behind the last one.
    assert_eq!(removed, [5, 1, 5, 1, 0]);
    for store in &stores {
        assert_eq!(ids(&read(store, &AuditFilter::default())), [locator(7)]);
    }
}

fn an_administrators_event_is_written_with_the_change_or_not_at_all(fixture: &Fixture) {
    let (tenant, store) = fixture.tenant("acme");
    let put = || vec![domain::AdminWrite::PutSettings(tenant.settings.clone())];
    assert_eq!(store.change(put(), vec![event(1, NOW)]).expect("an answer"), Applied::Committed);
    let gone =
        vec![domain::AdminWrite::SupersedeKey { kid: "no".to_owned(), verify_from: NOW, retired_at: NOW }];
    assert_eq!(store.change(gone, vec![event(2, NOW)]).expect("an answer"), Applied::Conflict);
    assert_eq!(store.change(put(), vec![event(1, NOW)]).expect("an answer"), Applied::Conflict);
    assert_eq!(ids(&read(&store, &AuditFilter::default())), [locator(1)]);
    let revision =
        fixture.database.system().tenants().expect("an answer").first().map(|tenant| tenant.revision);
    assert_eq!(revision, Some(2), "the conflict bumped nothing");
}
