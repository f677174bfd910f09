use std::net::IpAddr;

use actix_web::rt;

use super::*;
use crate::connection::{Bounds, Shaking, Sources, Worker};

const WAIT: Duration = Duration::from_millis(100);

/// What begins in a pass while nobody else waits.
const IN_A_PASS: usize = (CALM / DEAR) as usize;

fn ip(number: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, number])
}

fn asker(number: u8) -> Asker {
    Asker { source: Some(SourceAddr::new(ip(number))), bounded: true }
}

type Turn = oneshot::Receiver<Told>;

/// Handshakes of which as many have begun as may in a pass.
fn begun() -> Handshakes {
    let handshakes = Handshakes::default();
    for number in 0..IN_A_PASS {
        let answer = handshakes.ask(asker(1), Flight::First, false);
        assert!(matches!(answer, Answer::Now(Ok(()))), "{number}: {answer:?}");
    }
    handshakes
}

fn ask(handshakes: &Handshakes, number: u8, flight: Flight) -> Turn {
    match handshakes.ask(asker(number), flight, true) {
        Answer::Later(turn) => turn,
        Answer::Now(told) => panic!("{told:?}"),
    }
}

fn many(handshakes: &Handshakes, number: u8, count: usize) -> Vec<Turn> {
    (0..count).map(|_| ask(handshakes, number, Flight::First)).collect()
}

fn is_refused(handshakes: &Handshakes, asker: Asker, flight: Flight) -> bool {
    matches!(handshakes.ask(asker, flight, false), Answer::Now(Err(Refused::Many)))
}

/// How many of these were told something since this was asked last, each of them the same.
fn told(turns: &mut [Turn], what: Told) -> usize {
    let said = turns.iter_mut().filter_map(|turn| turn.try_recv().ok());
    said.inspect(|said| assert_eq!(*said, what)).count()
}

fn pass(handshakes: &Handshakes, busy: bool) {
    handshakes.next(crate::connection::worker::instant(), WAIT, busy);
}

/// A pass that comes so late that whoever waits may be told so.
fn late_pass(handshakes: &Handshakes) {
    let now = crate::connection::worker::instant().checked_add(2 * WAIT).unwrap();
    handshakes.next(now, WAIT, true);
}

#[test]
fn the_first_begin_at_once_and_as_many_after_each_pass() {
    let handshakes = begun();
    let mut turns = many(&handshakes, 1, IN_A_PASS + 1);
    assert!(handshakes.wait() && told(&mut turns, Ok(())) == 0);
    pass(&handshakes, false);
    assert_eq!(told(&mut turns, Ok(())), IN_A_PASS);
    // Who comes now does not pass those who wait.
    turns.push(ask(&handshakes, 2, Flight::First));
    pass(&handshakes, false);
    assert_eq!(told(&mut turns, Ok(())), 2);
    assert!(!handshakes.wait());
    let at_once = handshakes.ask(asker(2), Flight::First, false);
    assert!(matches!(at_once, Answer::Now(Ok(()))), "there is room again");
}

#[test]
fn while_requests_wait_one_begins_in_a_pass_and_sources_take_turns() {
    let handshakes = Handshakes::default();
    assert!(matches!(handshakes.ask(asker(1), Flight::First, true), Answer::Now(Ok(()))));
    let (mut first, mut second) = (many(&handshakes, 1, 10), many(&handshakes, 2, 2));
    let mut third = many(&handshakes, 3, 1);
    let begun = (0..6).map(|_| {
        pass(&handshakes, true);
        [&mut first, &mut second, &mut third].map(|turns| told(turns, Ok(())))
    });
    let in_turn = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]];
    assert_eq!(begun.collect::<Vec<_>>(), in_turn);
}

#[test]
fn what_needs_no_signature_is_cheap_and_goes_before_what_has_not_begun() {
    let handshakes = begun();
    let mut beginning = many(&handshakes, 1, 2);
    let mut ending: Vec<_> = (0..4).map(|_| ask(&handshakes, 1, Flight::Last)).collect();
    pass(&handshakes, true);
    assert_eq!((told(&mut ending, Ok(())), told(&mut beginning, Ok(()))), (4, 0));
    pass(&handshakes, true);
    assert_eq!(told(&mut beginning, Ok(())), 1);
}

#[test]
fn of_one_source_so_many_wait_and_no_more_but_of_a_proxy_and_of_those_who_have_begun() {
    let handshakes = begun();
    let mut turns = many(&handshakes, 1, MOST);
    assert!(is_refused(&handshakes, asker(1), Flight::First));
    assert!(!is_refused(&handshakes, asker(2), Flight::First), "another source");
    assert!(!is_refused(&handshakes, Asker { bounded: false, ..asker(1) }, Flight::First), "a proxy");
    assert!(
        !is_refused(&handshakes, asker(1), Flight::Next) && !is_refused(&handshakes, asker(1), Flight::Last)
    );
    // Three of the others have ended by now; who leaves makes room.
    drop(turns.pop());
    let _joined = ask(&handshakes, 1, Flight::First);
    assert!(is_refused(&handshakes, asker(1), Flight::First));
}

#[test]
fn who_waited_too_long_behind_many_is_refused_and_nobody_else() {
    let handshakes = begun();
    let mut first = many(&handshakes, 1, MOST);
    let mut second = many(&handshakes, 2, 2);
    let mut ending = vec![ask(&handshakes, 1, Flight::Last)];
    while handshakes.wait() {
        late_pass(&handshakes);
    }
    assert_eq!(told(&mut second, Ok(())), 2, "few are before it");
    assert_eq!(told(&mut ending, Ok(())), 1, "it has begun");
    assert_eq!(told(&mut first[..FEW], Ok(())), FEW, "a thread that slept has no queue");
    assert_eq!(told(&mut first[FEW..], Err(Refused::Late)), MOST - FEW);
}

#[test]
fn who_ended_while_waiting_takes_nobodys_turn() {
    let handshakes = begun();
    let (gone, mut second) = (many(&handshakes, 1, 20), many(&handshakes, 2, 1));
    drop(gone);
    let mut third = many(&handshakes, 1, 1);
    pass(&handshakes, true);
    assert_eq!(told(&mut second, Ok(())), 1);
    pass(&handshakes, true);
    assert_eq!(told(&mut third, Ok(())), 1);
    assert!(!handshakes.wait());
}

#[actix_web::test]
async fn a_worker_has_all_of_them_come_to_their_turn() {
    let patience = Duration::from_secs(5);
    let worker =
        Worker::of_this_thread(Bounds { patience, keep_alive: patience, connections: 9, wait: patience });
    let sources = Sources::new(1000, vec!["192.0.2.1/32".parse().unwrap()]);
    let tasks: Vec<_> = (0..300_u16)
        .map(|number| {
            let place = sources.place(Some(ip([1, 2, 3][usize::from(number % 3)]))).unwrap();
            let shaking = Shaking::new(&place, &worker);
            rt::spawn(async move {
                let begun = shaking.turn(Flight::First).await;
                if begun.is_ok() { shaking.turn(Flight::Last).await } else { begun }
            })
        })
        .collect();
    assert_eq!(worker.shaking.get(), 300);
    let mut refused = 0;
    for task in tasks {
        refused += usize::from(task.await.unwrap().is_err());
    }
    assert!(refused <= 2 * (100 - MOST), "{refused} of those who came at once from what is no proxy");
    assert_eq!(worker.shaking.get(), 0);
}
