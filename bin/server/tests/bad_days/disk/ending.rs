//! A server that is told to stop while its disk hangs.

use super::{
    SOON,
    faultfs::{FaultFs, HANG},
};
use crate::support::{Demo, wait_for};

#[test]
fn a_server_that_is_told_to_stop_while_a_sync_hangs_stops_and_says_what_it_left_behind() {
    let mut demo = Demo::start();
    assert_eq!(demo.terminate(), Some(0));
    let data = demo.kill();
    let disk = FaultFs::over(data.path());
    let variables = disk.variables();
    let mut variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.push(("COUNTERSIGN__SERVER__SHUTDOWN_TIMEOUT", "2"));
    let mut demo = Demo::start_in(data, &variables);
    demo.acme_machine();
    disk.syncs(HANG);
    let url = demo.acme("token");
    let asked = std::thread::spawn(move || {
        let request = crate::support::acme_m2m(crate::support::http().post(url));
        drop(request.form(&[("grant_type", "client_credentials")]).send());
    });
    assert!(wait_for(SOON, || (disk.hanging() > 0).then_some(())).is_some(), "a sync hangs");
    assert_eq!(demo.terminate(), Some(5), "{}", demo.stderr());
    asked.join().unwrap();
    let told = demo.stderr();
    assert!(told.contains("are left behind"), "{told}");
}
